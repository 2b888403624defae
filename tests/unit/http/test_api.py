"""What the API and the tables show of a snapshot."""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from autoscaler.cli.adopt import HANGS, ours
from autoscaler.config import Singleton
from autoscaler.decide import decide
from autoscaler.errors import DaemonNotRunning, ServiceUnavailable
from autoscaler.http.api import make_app
from autoscaler.http.client import Client
from autoscaler.http.server import Server
from autoscaler.http.tables import fleets_table, singletons_table, workers_table
from autoscaler.http.views import SituationView, fleets_view, singletons_view, workers_view
from autoscaler.http.words import singleton_troubles, troubles
from autoscaler.loop.snapshot import Snapshot
from autoscaler.model import ProgramState
from autoscaler.net.unix_http import UnixHTTPConnection
from autoscaler.text import duration
from autoscaler.tools.takeover.adopt import Fleeted


def snapshot(tick, **changes):
    values = {
        "config_path": Path("autoscaler.yaml"),
        "started_at": 1_000_000.0,
        "config_read_at": 1_000_000.0,
        "polling_interval": 2.0,
        "tick": tick,
    }
    return Snapshot(**values | changes)


def rendered(table):
    console = Console(width=200, no_color=True)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


@pytest.fixture
def busy(world):
    """A snapshot of a fleet with something to show in every column."""
    controller = world.controller()
    world.queue += [50.0] * 30
    world.run(controller, 5)
    controller.reconfigure(world.config(max_workers=4))
    return snapshot(world.run(controller, 2))


@pytest.fixture
def get(short_folder):
    """Ask the API about a snapshot over its real socket: status and JSON."""

    def _get(seen, path, now=None):
        at = now or seen.tick.at
        with Server(make_app(lambda: seen, lambda: at), short_folder / "a.sock"):
            connection = UnixHTTPConnection(short_folder / "a.sock", 5)
            connection.request("GET", path)
            answer = connection.getresponse()
            status, body = answer.status, json.loads(answer.read())
            connection.close()
        return status, body

    return _get


def test_the_fleets(busy, get):
    (fleet,) = get(busy, "/api/v1/fleets")[1]["fleets"]
    assert fleet["name"] == "emails"
    assert fleet["desired"] == 4
    assert fleet["workers"] == {"running": 4, "draining": 1}
    assert fleet["demand"]["running"] == 8
    assert fleet["reasons"]


def test_one_fleet_and_one_that_is_not_there(busy, get):
    assert get(busy, "/api/v1/fleets/emails")[1]["max_workers"] == 4
    for name, hint in [("nobody", "there are emails"), ("email", "did you mean emails?")]:
        said = {"detail": f"there is no fleet '{name}'; {hint}"}
        assert get(busy, f"/api/v1/fleets/{name}") == (404, said)


def test_the_workers(busy, get):
    workers = get(busy, "/api/v1/workers")[1]["workers"]
    assert [worker["name"] for worker in workers] == [f"emails-0{number}" for number in range(1, 6)]
    assert {worker["state"] for worker in workers} == {"running", "draining"}
    assert all(worker["running"] == 2 for worker in workers)
    assert workers[0]["tasks"] == [{"name": "t", "count": 2, "longest": 0.0}]


def test_health_is_ok_degraded_or_stale(busy, get):
    assert get(busy, "/health")[1]["status"] == "ok"
    bad = snapshot(busy.tick, config_problems=("autoscaler.yaml:3: wrong",))
    assert get(bad, "/health")[1]["status"] == "degraded"
    status, late = get(busy, "/health", busy.tick.at + 60)
    assert status == 503
    assert late["status"] == "stale"


def test_who_adopts_believes_no_daemon_that_has_not_looked_for_long(busy, short_folder):
    for late, seen in [(0.0, Fleeted(4)), (60.0, Fleeted(0, bound=HANGS))]:
        now = busy.tick.at + late
        with Server(make_app(lambda: busy, lambda now=now: now), short_folder / "a.sock"):
            assert ours(Client(short_folder / "a.sock")) == {"emails": seen}


def test_before_the_first_tick_nothing_is_zero(get):
    seen = snapshot(None)
    assert get(seen, "/api/v1/fleets", 1_000_001.0)[1]["at"] is None
    assert get(seen, "/health", 1_000_001.0)[1]["status"] == "ok"


def test_while_supervisord_is_away_numbers_are_null_and_not_zero(world, get):
    controller = world.controller()
    world.run(controller, 5)
    world.supervisord_up = False
    (fleet,) = get(snapshot(world.run(controller, 1)), "/api/v1/fleets")[1]["fleets"]
    assert fleet["workers"] is None
    assert fleet["current"] is None
    assert fleet["trouble"] == "supervisord away"


def test_the_fleets_fit_a_narrow_terminal(busy):
    console = Console(width=80, no_color=True)
    with console.capture() as capture:
        console.print(fleets_table(fleets_view(busy)))
    header, row, *reasons = capture.get().splitlines()
    assert header == "FLEET   WORKERS         WANTED  MIN-MAX  WAITING  RUNNING"
    assert row == "emails  5 (1 draining)  4       1-4      18       8"
    assert reasons
    assert all(line.startswith("    ") and len(line) <= 80 for line in reasons)


def test_the_tables(busy):
    fleets = rendered(fleets_table(fleets_view(busy)))
    assert "emails" in fleets
    assert "5 (1 draining)" in fleets
    assert "1-4" in fleets
    workers = rendered(workers_table(workers_view(busy)))
    assert workers.count("running") == 4
    assert "draining" in workers


def test_every_trouble_is_told_once(world):
    controller = world.controller()
    world.run(controller, 5)
    world.broker_up = False
    view = fleets_view(snapshot(world.run(controller, 1), config_problems=("autoscaler.yaml:3: wrong",)))
    assert troubles(view) == [
        "config not used, the last good one stays in use: autoscaler.yaml:3: wrong",
        "unknown: queue emails: broker away",
        "emails: demand is at least this, unknown: worker emails-01: no reply in time",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.9, "59s"), (61, "1m01s"), (3600, "1h00m"), (11100, "3h05m"), (187200, "2d04h")],
)
def test_durations_as_people_say_them(seconds, text):
    assert duration(seconds) == text


def test_the_socket_serves_the_client_and_is_not_for_everybody(busy, short_folder):
    path = short_folder / "a.sock"
    path.write_text("left by a daemon that was killed")
    with Server(make_app(lambda: busy, lambda: busy.tick.at), path):
        assert path.stat().st_mode & 0o777 == 0o660
        assert Client(path).fleets().fleets[0].name == "emails"
        assert Client(path).health().status == "ok"
    assert not path.exists()


def test_the_api_listens_on_loopback_where_the_config_says_so(busy, short_folder):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(
        make_app(lambda: busy, lambda: busy.tick.at), short_folder / "a.sock", f"127.0.0.1:{port}"
    )
    with server, socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")


def test_a_socket_that_cannot_be_opened_is_told(busy, short_folder):
    (short_folder / "file").write_text("")
    server = Server(make_app(lambda: busy, lambda: 0.0), short_folder / "file" / "a.sock")
    with pytest.raises(ServiceUnavailable, match=r"console\.socket .* cannot be opened"):
        server.__enter__()


def test_an_address_that_is_taken_leaves_no_socket_behind(busy, short_folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        server = Server(make_app(lambda: busy, lambda: 0.0), short_folder / "a.sock", listen)
        with pytest.raises(ServiceUnavailable, match=rf"console\.listen {listen} cannot be opened"):
            server.__enter__()
    assert list(short_folder.iterdir()) == []


def test_a_folder_in_the_place_of_the_socket_is_told_and_left(busy, short_folder):
    (short_folder / "a.sock").mkdir()
    server = Server(make_app(lambda: busy, lambda: 0.0), short_folder / "a.sock")
    with pytest.raises(ServiceUnavailable, match=r"console\.socket .* cannot be opened: Is a directory"):
        server.__enter__()
    assert [path.name for path in short_folder.iterdir()] == ["a.sock"]


def test_a_server_that_does_not_start_is_told_and_leaves_no_socket_behind(busy, short_folder):
    server = Server(make_app(lambda: busy, lambda: 0.0), short_folder / "a.sock")
    server._server.run = lambda sockets: None
    with pytest.raises(ServiceUnavailable, match="is not served: its thread has ended"):
        server.__enter__()
    assert list(short_folder.iterdir()) == []


def test_the_server_is_up_when_it_is_entered_and_leaves_the_socket_of_another(busy, short_folder):
    path = short_folder / "a.sock"
    first = Server(make_app(lambda: busy, lambda: busy.tick.at), path)
    second = Server(make_app(lambda: busy, lambda: busy.tick.at), path)
    with first:
        assert first._server.started
        second.__enter__()
    assert Client(path).health().status == "ok"
    second.__exit__()
    assert not path.exists()


def test_no_daemon_is_told_apart_from_one_that_gives_nonsense(short_folder):
    with pytest.raises(DaemonNotRunning, match=r"no daemon listens on .*autoscaler run"):
        Client(short_folder / "a.sock").fleets()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(short_folder / "a.sock"))
        listener.listen()
        threading.Thread(target=_answer_nonsense, args=(listener,), daemon=True).start()
        with pytest.raises(ServiceUnavailable, match="no usable answer"):
            Client(short_folder / "a.sock").fleets()


def _answer_nonsense(listener):
    connection, _ = listener.accept()
    connection.sendall(b"nonsense\r\n\r\n")
    connection.close()


def test_a_decision_can_be_taken_again_from_what_the_api_shows(busy, get):
    view = SituationView.model_validate(get(busy, "/api/v1/fleets/emails/situation")[1])
    (fleet,) = busy.tick.fleets
    assert view.values() == (fleet.situation, fleet.memory)
    assert decide(*view.values())[0] == fleet.decision


def test_singletons_are_shown_with_what_is_wrong_with_them(world, get):
    beat = Singleton(name="beat", command=("celery", "-A", "shop", "beat"))
    twin = Singleton(name="twin", command=("celery", "-A", "shop", "beat"))
    config = world.config().model_copy(update={"singletons": {"beat": beat, "twin": twin}})
    controller = world.controller(config)
    world.run(controller, 5)
    process = world.processes_by_name["beat"]
    world.processes_by_name["beat"] = replace(process, state=ProgramState.STOPPED, pid=None)
    seen = snapshot(world.run(controller, 2))
    table = rendered(singletons_table(singletons_view(seen)))
    assert "beat       held" in table
    assert "`supervisorctl start beat` ends that" in table
    assert "twin       running" in table
    assert "the singleton beat sends" in "\n".join(singleton_troubles(singletons_view(seen)))
    status, body = get(seen, "/api/v1/singletons")
    assert status == 200
    assert [each["state"] for each in body["singletons"]] == ["held", "running"]
    assert any("the singleton twin" in problem for problem in get(seen, "/health")[1]["problems"])
