"""The config's JSON schema: completion, descriptions and checks in an editor.

It says what each value looks like and where a key may stand. Rules that bind two keys, such as min_workers
and max_workers, are left to `autoscaler check`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from autoscaler.config import units
from autoscaler.config.schema import Config

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DEFAULTS = "any key of a fleet, for all fleets that do not have it themselves. A key is taken whole"
_FLEET_NAME = "^[A-Za-z][A-Za-z0-9_-]{0,39}$"


class _AsWritten(GenerateJsonSchema):
    """Gives defaults as they stand in the file: ``2s``, not 2.0."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        found = self.generate_inner(schema["schema"])
        written = _written(schema.get("default"), found.get("title", ""))
        return found if written is None else {**found, "default": written}

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:  # noqa: ARG002
        """Keep the order of the models: that is how examples are written."""
        return value

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 (pydantic's signature)
        """A key's title would only be its name again."""
        return False


def _written(value: object, kind: str) -> Any:
    """A default as the file has it; None for one that the file cannot have."""
    if kind == "duration" and isinstance(value, float):
        return units.written_duration(value)
    if kind == "size" and isinstance(value, int):
        return units.written_size(value)
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return list(value)
    return value if isinstance(value, bool | int | float | str | dict) else None


def json_schema() -> dict[str, Any]:
    """Give the schema of the whole file; the same value at each call."""
    schema = Config.model_json_schema(schema_generator=_AsWritten)
    models = schema["$defs"]
    for model in (schema, *models.values()):
        model.pop("title", None)
    for named in ("Fleet", "Singleton"):  # in the file its name is its key
        models[named]["properties"].pop("name")
        models[named]["required"].remove("name")
    models["Defaults"] = {key: value for key, value in models["Fleet"].items() if key != "required"}
    models["Defaults"]["description"] = "Any key of a fleet."
    schema["properties"]["fleets"]["propertyNames"] = {"pattern": _FLEET_NAME}
    schema["properties"]["defaults"] = {"$ref": "#/$defs/Defaults", "description": _DEFAULTS}
    return {"$schema": _DIALECT, "title": "autoscaler.yaml", **schema}
