"""The API's JSON is a contract: its fields, their types and the names of its schemas stay as they are.

`api.json` has the answers about a made-up snapshot, `openapi.json` the schemas. A test that fails names a
file with what the API answers now. If the change is meant, copy that file over the one here, and write the
change into the changelog.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autoscaler import __version__
from autoscaler.http.api import make_app
from autoscaler.http.server import Server
from autoscaler.http.stream import Stream, event, tick_view
from autoscaler.loop.snapshot import Counts, Snapshot
from autoscaler.model import (
    ActiveTask,
    Answer,
    Decision,
    Demand,
    FixedSize,
    FleetState,
    FleetTick,
    HostBudget,
    HostStats,
    Known,
    Observation,
    Paused,
    QueueStats,
    Reason,
    Recommendation,
    Scaling,
    SingletonState,
    SingletonTick,
    Situation,
    Stopped,
    Tick,
    Unknown,
    Worker,
    WorkerHold,
    WorkerState,
    WorkerStats,
)
from autoscaler.net.unix_http import UnixHTTPConnection
from autoscaler.store.history import PastDecision, Sample

NOW = 1_760_000_000.0
#: Seconds for an answer; a loaded machine needs some for the first one.
PATIENCE = 30.0
GOLDEN = Path(__file__).parent

# --- a snapshot with something in every field ------------------------------------------------------------


def worker(number: int, state: WorkerState, **others: Any) -> Worker:
    name = f"emails-{number:02}"
    tasks = tuple(
        ActiveTask(f"{name}/{each}", task, begun)
        for each, (task, begun) in enumerate([("shop.send", NOW - 9), ("shop.send", NOW - 4), ("x", None)])
    )
    stats = WorkerStats(f"{name}@web-1", 100 + number, 4, 70, tasks, reserved=2, scheduled=1)
    values = {"pid": 100 + number, "stats": Known(stats, NOW), "answered": True} | others
    return Worker(name, "emails", f"{name}@web-1", state, NOW - 60 * number, **values)


SILENT = Unknown("no reply in time", NOW)
WORKER_HOLD = WorkerHold("emails-02", by="alice (uid 1000)", reason="leaks", since=NOW - 5, until=NOW + 5)
WORKERS = (
    worker(1, WorkerState.RUNNING),
    worker(2, WorkerState.DRAINING, hold=WORKER_HOLD),
    worker(3, WorkerState.HELD, pid=None, stats=SILENT),
    worker(4, WorkerState.FAILED, pid=None, stats=SILENT, failure="can't find command"),
    worker(5, WorkerState.RUNNING, outdated=True),
)
DEMAND = Demand(12.5, 3, 5, ("queue newsletters: connection refused",))
DECISION = Decision(
    "emails",
    NOW,
    current=3,
    recommended=9,
    desired=4,
    reasons=(
        Reason("backlog_per_worker", "15.5 waiting, 2 a worker: 8 workers"),
        Reason("max_workers", "at most 4"),
    ),
    recommendations=(Recommendation("backlog_per_worker", 8, "15.5 waiting, 2 a worker: 8 workers"),),
    demand=DEMAND,
)
SCALING = Scaling(1, 4, 2)
EMAILS = FleetTick(
    "emails",
    SCALING,
    ("emails", "newsletters"),
    WORKERS,
    DECISION,
    trouble="the programs file cannot be written",
    dry_run=True,
    situation=Situation(NOW, "emails", SCALING, DEMAND, WORKERS, HostBudget(2**30, 2**20)),
    memory=FleetState(size=3),
    hold=FixedSize(4, by="token ci", reason="sale", since=NOW - 60, until=NOW + 60),
    expected_wait=7.25,
)
BLIND = FleetTick("reports", Scaling(0, 2, 1), ("reports",), None, None, trouble="supervisord away")
STOPPED = replace(BLIND, name="exports", hold=Stopped(by="root (uid 0)", since=NOW - 1, boot="b1"))
PAUSED = replace(BLIND, name="imports", hold=Paused(since=NOW - 2))
TICK = Tick(
    NOW,
    0.031,
    Observation(
        NOW,
        {"emails": Known(QueueStats("emails", 12), NOW), "newsletters": Unknown("connection refused", NOW)},
        {},
        Known({}, NOW),
        Known(HostStats(2**31, 2**32), NOW),
    ),
    (EMAILS, BLIND, STOPPED, PAUSED),
    singletons=(
        SingletonTick("beat", SingletonState.RESTING, NOW - 5, None, NOW + 9, 4, "it dies", outdated=True),
        SingletonTick("flower", None, NOW - 50, 812, dry_run=True),
    ),
)
RICH = Snapshot(
    Path("/etc/autoscaler/autoscaler.yaml"),
    NOW - 3600,
    NOW - 60,
    2.0,
    TICK,
    config_problems=("autoscaler.yaml:3: wrong",),
    config_tried_at=NOW - 1,
    trouble="no space left",
    counts=Counts(ticks=128, failed=1),
    host_name="web-1",
)
UNBORN = replace(RICH, tick=None, config_problems=(), config_tried_at=None, trouble="")


class MadeHistory:
    """Reads one decision and two samples."""

    def decisions(self, _fleet: str, _limit: int, _since: float) -> list[PastDecision]:
        return [PastDecision(NOW - 60, 1, 2, None, DECISION.reasons, 12.5, 3, 5)]

    def samples(self, _fleet: str, _limit: int, _since: float) -> list[Sample]:
        return [Sample(NOW - 10, None, 1, 2, 3, 4), Sample(NOW - 20, 12.5, 1, 2, 3, 4, 5.5)]


# --- the API about it ------------------------------------------------------------------------------------


READ = [
    "/api/v1/fleets",
    "/api/v1/fleets/emails",
    "/api/v1/fleets/reports/explain",
    "/api/v1/fleets/reports/situation",
    "/api/v1/fleets/emails/decisions",
    "/api/v1/fleets/emails/samples",
    "/api/v1/workers",
    "/api/v1/singletons",
    "/health",
]


@pytest.fixture
def ask(short_folder):
    """Ask the API about a snapshot: its JSON."""

    shown = [RICH]
    app = make_app(
        lambda: shown[-1],
        lambda: NOW,
        lambda _: Answer(NOW, ("emails: paused",)),
        reader=MadeHistory(),
        stream=Stream(lambda: shown[-1], lambda: NOW),
    )

    def _ask(seen: Snapshot, method: str, path: str) -> Any:
        shown.append(seen)
        connection = UnixHTTPConnection(short_folder / "a.sock", PATIENCE)
        try:
            connection.request(method, path, headers={"X-Autoscaler": "1"})
            return _without_versions(json.loads(connection.getresponse().read()))
        finally:
            connection.close()

    with Server(app, short_folder / "a.sock"):
        yield _ask


def _without_versions(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_versions(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_versions(each) for each in value]
    return "VERSION" if value == __version__ else value


def _kinds(value: Any) -> Any:
    """The shape of a value whose texts and numbers follow from decisions."""
    if isinstance(value, dict):
        return {key: _kinds(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_kinds(each) for each in value[:1]]
    return type(value).__name__


def _agrees(name: str, now: Any, tmp_path: Path) -> None:
    text = json.dumps(now, indent=1, sort_keys=True) + "\n"
    (tmp_path / name).write_text(text)
    agrees = text == (GOLDEN / name).read_text()
    assert agrees, f"diff -u {GOLDEN / name} {tmp_path / name}"


def test_the_answers_are_those_of_the_contract(ask, tmp_path):
    answers = {f"GET {path}": ask(RICH, "GET", path) for path in READ}
    answers |= {f"GET {path} at first": ask(UNBORN, "GET", path) for path in ("/api/v1/fleets", "/health")}
    answers["GET explain"] = _kinds(ask(RICH, "GET", "/api/v1/fleets/emails/explain"))
    answers["POST"] = ask(RICH, "POST", "/api/v1/fleets/emails/pause")
    data = event(tick_view(RICH, NOW)).decode().splitlines()[2]
    answers["stream"] = sorted(json.loads(data.removeprefix("data: ")))
    _agrees("api.json", answers, tmp_path)


def test_a_decision_is_served_with_all_that_it_was_taken_on(ask):
    answer = ask(RICH, "GET", "/api/v1/fleets/emails/situation")
    assert answer["situation"]["demand"]["ready"] == DEMAND.ready
    assert len(answer["situation"]["workers"]) == len(WORKERS)
    assert answer["memory"]["size"] == 3


def test_the_schemas_are_those_of_the_contract(ask, tmp_path):
    document = ask(RICH, "GET", "/openapi.json")
    paths = dict(
        _path(verb.upper(), path, operation)
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
    )
    schemas = {
        name: {
            field: _type(schema) + ("" if field in of.get("required", ()) else " (optional)")
            for field, schema in of["properties"].items()
        }
        for name, of in document["components"]["schemas"].items()
        if not name.endswith("ValidationError")  # FastAPI's own
    }
    _agrees("openapi.json", {"paths": paths, "schemas": schemas}, tmp_path)


def _path(verb: str, path: str, operation: Any) -> tuple[str, str]:
    """Such as ``POST /api/v1/all/pause()`` and ``TermsBody -> CarriedOut; 200, 401``."""
    parameters = ", ".join(sorted(each["name"] for each in operation.get("parameters", ())))
    body = _type(_content(operation.get("requestBody", {}))) or "nothing"
    answer = _type(_content(operation["responses"]["200"])) or "no JSON"
    return f"{verb} {path}({parameters})", f"{body} -> {answer}; {', '.join(sorted(operation['responses']))}"


def _content(of: Any) -> Any:
    return of.get("content", {}).get("application/json", {}).get("schema", {})


def _type(schema: Any) -> str:
    """A JSON schema in a word: ``list of ReasonView``, ``integer or null``."""
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "anyOf" in schema or "allOf" in schema:
        return " or ".join(_type(each) for each in schema.get("anyOf", schema.get("allOf")))
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map of {_type(schema['additionalProperties']) or 'anything'}"
    if "enum" in schema:
        return " | ".join(schema["enum"])
    return schema.get("type", "")
