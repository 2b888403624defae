"""The report of one tick's actions: steps that were taken, and steps that failed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Report:
    """What was done, and what was not."""

    actions: list[str] = field(default_factory=list)
    #: By fleet; a fleet whose order was carried out is not in it.
    trouble: dict[str, list[str]] = field(default_factory=dict)

    def did(self, text: str) -> None:
        """Note a step that was taken."""
        self.actions.append(text)

    def extend(self, other: Report) -> None:
        """Take over what another report notes."""
        self.actions += other.actions
        for fleet, texts in other.trouble.items():
            self.trouble.setdefault(fleet, []).extend(texts)

    def failed(self, fleet: str, text: str) -> None:
        """Note why a fleet's order, or a part of it, could not be carried out."""
        self.trouble.setdefault(fleet, []).append(text)
