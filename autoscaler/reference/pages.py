"""Every generated page, by its name in docs/."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from autoscaler.cli.schema import schema_text

PAGES: Mapping[str, Callable[[], str]] = {
    "autoscaler.schema.json": schema_text,
}
