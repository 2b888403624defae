"""The base of the API's values: made from a value of the model by the names of its attributes."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict


class View(BaseModel):
    """Base of all views."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    def of(cls, value: object, **others: object) -> Self:
        """Make a view of a value.

        Parameters
        ----------
        value : has an attribute for each field that is not in `others`.
        others : fields that are computed, or named otherwise than in the value.
        """
        same = {name: getattr(value, name) for name in cls.model_fields if name not in others}
        return cls.model_validate({**same, **others})
