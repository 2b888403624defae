"""The names under which the API publishes the schemas of the model's values."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI

#: By the name of the class. Clients that are generated from `/openapi.json` have classes of these names.
NAMES: Final = {
    "Answer": "CarriedOut",
    "Candidate": "CandidateView",
    "NextWorker": "NextWorkerView",
    "PastDecision": "PastView",
    "Reason": "ReasonView",
    "Recommendation": "RecommendationView",
    "Sample": "SampleView",
}
_SCHEMAS: Final = "#/components/schemas/"


class Api(FastAPI):
    """An application whose schemas have their published names."""

    def openapi(self) -> dict[str, Any]:
        """The document that `/openapi.json` serves."""
        document: dict[str, Any] = _with_references(super().openapi())
        schemas = document["components"]["schemas"]
        renamed = {NAMES.get(name, name): _titled(name, schema) for name, schema in schemas.items()}
        components = document["components"] | {"schemas": dict(sorted(renamed.items()))}
        return document | {"components": components}


def _titled(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return schema | {"title": NAMES[name]} if name in NAMES else schema


def _with_references(value: Any) -> Any:
    """The document with each reference to a renamed schema changed."""
    if isinstance(value, list):
        return [_with_references(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: _reference(each) if key == "$ref" else _with_references(each) for key, each in value.items()}


def _reference(to: str) -> str:
    name = to.removeprefix(_SCHEMAS)
    return f"{_SCHEMAS}{NAMES.get(name, name)}"
