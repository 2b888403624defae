"""Names that a user may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """What to say behind a name that is not known: the nearest one, else all of them."""
    names = list(known)
    found = difflib.get_close_matches(name, names, n=1)
    if found:
        return f"did you mean {found[0]}?"
    return f"there are {', '.join(names)}" if names else "there is none"


def no_fleet(name: str, fleets: Collection[str]) -> str:
    """What to say of a name that is no fleet's: whose worker it is, if it is one, else the nearest fleet."""
    fleet, _, number = name.rpartition("-")
    if fleet in fleets and number.isdigit():
        return f"{name!r} is a worker; its fleet is {fleet}"
    return f"there is no fleet {name!r}; {nearest(name, fleets)}"
