"""The JSON schema that editors use says what the loader says, and describes every key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml

from autoscaler.config import json_schema

ROOT = Path(__file__).parents[3]
SCHEMA = json_schema()
# `jsonschema.validate` would look at the whole schema again for every value.
Validator = jsonschema.validators.validator_for(SCHEMA)
Validator.check_schema(SCHEMA)
WHOLE = Validator(SCHEMA)
README = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
FLEET = {"app": "shop", "queues": ["emails"], "concurrency": 1, "max_workers": 2}


def keys() -> Iterator[tuple[str, dict[str, object]]]:
    for section, model in {"the top level": SCHEMA, **SCHEMA["$defs"]}.items():
        for name, key in model["properties"].items():
            yield f"{name} of {section}", key


KEYS = list(keys())


@pytest.mark.parametrize(("key", "said"), KEYS)
def test_every_key_is_described_and_has_an_example(key: str, said: dict[str, object]) -> None:
    hint = "give its field `Field(description=..., examples=[...])`: that is what docs/ and editors show"
    assert said.get("description"), f"{key} has no description: {hint}"
    section = "$ref" in said or "additionalProperties" in said
    assert section or said.get("examples"), f"{key} has no examples: {hint}"


@pytest.mark.parametrize(("key", "said"), KEYS)
def test_every_key_says_what_its_value_looks_like(key: str, said: dict[str, object]) -> None:
    found = said.keys() & {"type", "anyOf", "$ref", "enum", "const"}
    assert found, f"{key} takes anything, for an editor: annotate its type with kinds.kind(...)"


@pytest.mark.parametrize(("key", "said"), KEYS)
def test_every_example_and_default_fits(key: str, said: dict[str, object]) -> None:
    key_alone = Validator({**said, "$defs": SCHEMA["$defs"]})
    given = [said["default"]] if said.get("default") is not None else []
    for value in [*said.get("examples", []), *given]:
        key_alone.validate(value)


@pytest.mark.parametrize("text", [*README, (ROOT / "examples" / "autoscaler.yaml").read_text()])
def test_valid_configs_are_valid_for_an_editor(text: str) -> None:
    WHOLE.validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_wokers": 3},
        {"max_workers": 0},
        {"max_workers": "3"},
        {"stabilization": 60},
        {"stabilization": "a while"},
        {"stabilization": ""},
        {"max_scale_up": "4"},
        {"name": "x"},
        {"pool": "fork"},
        {"scale": {"threshold": {"up": 3}}},
        {"scale": {"schedule": [{"cron": "0 8 * *", "for": "1h", "min_workers": 1}]}},
        {"fallback": {"workers": 3}},
    ],
)
def test_what_the_loader_refuses_is_marked(wrong: dict[str, object]) -> None:
    good = {"broker": {"url": "amqp://mq"}, "fleets": {"emails": FLEET}}
    WHOLE.validate(good)
    with pytest.raises(jsonschema.ValidationError):
        WHOLE.validate({**good, "fleets": {"emails": FLEET | wrong}})
    if wrong.keys() <= {"stabilization"}:
        with pytest.raises(jsonschema.ValidationError):
            WHOLE.validate({**good, "defaults": wrong})


def test_defaults_need_not_be_complete() -> None:
    WHOLE.validate({"broker": {}, "fleets": {}, "defaults": {"drain_timeout": "1h30m"}})
