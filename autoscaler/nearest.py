"""Names that a user may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """What to say behind a name that is not known: the nearest one, else all of them."""
    names = list(known)
    found = difflib.get_close_matches(name, names, n=1)
    if found:
        return f"did you mean {found[0]}?"
    return f"there are {', '.join(names)}" if names else "there is none"
