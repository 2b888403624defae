"""The RPC client against a real supervisord, and against servers that misbehave."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from autoscaler.act.program_file import Program, ProgramFile, render
from autoscaler.act.supervisord import BAD_NAME, CANT_REREAD, STILL_RUNNING, ReloadDiff, Supervisord
from autoscaler.demo.services import SupervisordInstance
from autoscaler.errors import SupervisordFault, SupervisordUnreachable
from autoscaler.model import ProcessState

DEPLOY = Path(__file__).parents[2] / "deploy" / "supervisord.conf"
SLEEP = ("/bin/sleep", "1000")


@pytest.fixture
def client(supervisord: SupervisordInstance) -> Supervisord:
    return Supervisord(supervisord.url)


@pytest.fixture
def put(supervisord: SupervisordInstance, client: Supervisord) -> Callable[..., ReloadDiff]:
    """Make these programs our file's content and reload: `put({"a-01": command})`."""

    def _put(commands: dict[str, tuple[str, ...]]) -> ReloadDiff:
        file = ProgramFile(supervisord.programs_file)
        file.write({name: section(supervisord, name, command) for name, command in commands.items()})
        return client.reload()

    return _put


def section(supervisord: SupervisordInstance, name: str, command: tuple[str, ...]) -> str:
    log = str(supervisord.folder / "log" / f"{name}.log")
    return render(
        Program(name, command, directory=None, user=None, environment={}, stop_wait=5.0, log_file=log)
    )


def runs(client: Supervisord, name: str, command: tuple[str, ...]) -> int | None:
    """The pid, once the process is what its command says: a signal before that may be lost."""
    pid = client.processes()[name].pid
    told = b"".join(argument.encode() + b"\0" for argument in command)
    return pid if pid and Path(f"/proc/{pid}/cmdline").read_bytes() == told else None


def diff(added: Iterable[str] = (), changed: Iterable[str] = (), removed: Iterable[str] = ()) -> ReloadDiff:
    return ReloadDiff(frozenset(added), frozenset(changed), frozenset(removed))


# --- what it does ---------------------------------------------------------------------------------------


def test_it_says_who_it_is_over_both_ways_in(supervisord: SupervisordInstance) -> None:
    for url in (supervisord.url, supervisord.http_url):
        identity = Supervisord(url).identity()
        assert (identity.pid, identity.state) == (supervisord.pid, "RUNNING")
        assert identity.version[0] == "4"


def test_a_program_lives_from_add_to_remove(client: Supervisord, put, eventually) -> None:
    assert put({"a-01": SLEEP, "a-02": SLEEP}) == diff(added={"a-01", "a-02"})
    assert client.processes() == {}
    before = time.time()
    client.add("a-01")
    process = eventually(lambda: client.processes()["a-01"])
    assert process.state is ProcessState.STARTING
    eventually(lambda: runs(client, "a-01", SLEEP))
    assert abs(process.started_at - before) < 5
    client.stop("a-01")
    eventually(lambda: client.processes()["a-01"].state is ProcessState.STOPPED)
    assert client.processes()["a-01"].pid is None
    client.remove("a-01")
    assert client.processes() == {}


def test_every_verb_may_be_repeated(client: Supervisord, put, eventually) -> None:
    put({"a-01": SLEEP})
    client.add("a-01")
    client.add("a-01")
    client.start("a-01")
    eventually(lambda: runs(client, "a-01", SLEEP))
    client.stop("a-01")
    eventually(lambda: client.processes()["a-01"].state is ProcessState.STOPPED)
    client.stop("a-01")
    client.remove("a-01")
    client.remove("a-01")


def test_a_running_program_is_not_removed(client: Supervisord, put) -> None:
    put({"a-01": SLEEP})
    client.add("a-01")
    with pytest.raises(SupervisordFault, match="removeProcessGroup: STILL_RUNNING: a-01") as caught:
        client.remove("a-01")
    assert caught.value.code == STILL_RUNNING


def test_many_at_once_tell_each_failure_by_name(client: Supervisord, put, eventually) -> None:
    names = ["a-01", "a-02", "a-03"]
    put(dict.fromkeys(names, SLEEP))
    assert {name: fault.code for name, fault in client.add_all([*names, "x-01"]).items()} == {
        "x-01": BAD_NAME
    }
    eventually(lambda: all(runs(client, name, SLEEP) for name in names))
    assert client.stop_all(["a-01", "a-02"]) == {}
    eventually(lambda: client.processes()["a-02"].state is ProcessState.STOPPED)
    eventually(lambda: client.processes()["a-01"].state is ProcessState.STOPPED)
    assert {name: fault.code for name, fault in client.remove_all(names).items()} == {"a-03": STILL_RUNNING}
    assert client.add_all([]) == {}


def test_processes_of_groups_carry_the_group_in_their_key(
    supervisord: SupervisordInstance, client: Supervisord
) -> None:
    text = "[program:n]\ncommand=/bin/sleep 100\nnumprocs=2\nprocess_name=%(process_num)s\n"
    (supervisord.conf_d / "foreign.conf").write_text(text)
    client.reload()
    client.add("n")
    assert set(client.processes()) == {"n:0", "n:1"}


def test_a_command_that_does_not_exist_ends_as_a_spawn_error(client: Supervisord, put, eventually) -> None:
    put({"a-01": ("/no/such/command",)})
    client.add("a-01")
    process = eventually(lambda: next(p for p in client.processes().values() if p.spawn_error))
    assert process.spawn_error == "can't find command '/no/such/command'"
    with pytest.raises(SupervisordFault, match="NO_FILE"):
        client.start("a-01")


def test_a_stopped_program_is_started_again(client: Supervisord, put, eventually) -> None:
    put({"a-01": SLEEP})
    client.add("a-01")
    eventually(lambda: runs(client, "a-01", SLEEP))
    client.stop("a-01")
    eventually(lambda: client.processes()["a-01"].state is ProcessState.STOPPED)
    client.start("a-01")
    assert client.processes()["a-01"].state is ProcessState.STARTING


def test_a_signal_ends_a_process_that_its_program_then_starts_again(
    client: Supervisord, put, eventually
) -> None:
    put({"a-01": SLEEP})
    client.add("a-01")
    pid = eventually(lambda: runs(client, "a-01", SLEEP))
    client.signal("a-01", "TERM")
    assert eventually(lambda: client.processes()["a-01"].pid not in {pid, None})
    with pytest.raises(SupervisordFault, match="BAD_NAME"):
        client.signal("x-01", "TERM")


# --- what a reload reports: the reconciler is built on this --------------------------------------------


def test_a_reload_reports_a_program_until_it_is_added(client: Supervisord, put) -> None:
    first = put({"a-01": SLEEP, "a-02": SLEEP})
    assert client.reload() == first == diff(added={"a-01", "a-02"})
    client.add("a-01")
    assert client.reload() == diff(added={"a-02"})
    assert client.reload() - first == diff()
    assert not client.reload() - first


def test_a_changed_section_takes_effect_only_after_remove_and_add(
    client: Supervisord, put, eventually
) -> None:
    put({"a-01": SLEEP})
    client.add("a-01")
    eventually(lambda: runs(client, "a-01", SLEEP))
    assert put({"a-01": ("/bin/sleep", "2000")}) == diff(changed={"a-01"})
    client.add("a-01")
    assert client.reload() == diff(changed={"a-01"})
    client.stop("a-01")
    eventually(lambda: client.processes()["a-01"].state is ProcessState.STOPPED)
    client.remove("a-01")
    client.add("a-01")
    assert client.reload() == diff()
    eventually(lambda: runs(client, "a-01", ("/bin/sleep", "2000")))


def test_a_program_whose_section_is_gone_stays_until_removed(client: Supervisord, put, eventually) -> None:
    put({"a-01": SLEEP})
    client.add("a-01")
    assert put({}) == diff(removed={"a-01"})
    eventually(lambda: runs(client, "a-01", SLEEP))
    client.stop("a-01")
    eventually(lambda: client.processes()["a-01"].state is ProcessState.STOPPED)
    client.remove("a-01")
    assert client.reload() == diff()


def test_a_file_that_the_include_does_not_cover_changes_nothing(
    supervisord: SupervisordInstance, client: Supervisord
) -> None:
    file = ProgramFile(supervisord.folder / "elsewhere.conf")
    file.write({"a-01": section(supervisord, "a-01", SLEEP)})
    assert client.reload() == diff()


def test_a_foreign_section_of_our_name_shows_only_before_ours_is_written(
    supervisord: SupervisordInstance, client: Supervisord, put
) -> None:
    (supervisord.conf_d / "aa.conf").write_text("[program:a-01]\ncommand=/bin/sleep 7\n")
    before = client.reload()
    assert before == diff(added={"a-01"})
    assert put({"a-01": SLEEP}) == before  # the later file wins, and nothing tells
    client.add("a-01")
    assert client.reload() == diff()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[program:bad]\n", "does not specify a command in section 'program:bad'"),
        ("[program:bad]\ncommand=x\nuser=no-such-user\n", "Invalid user name no-such-user"),
        ("[program:bad]\ncommand=x\nstdout_logfile=/no/such/folder/x\n", "/no/such/folder/x does not exist"),
        ("garbage\n", "no section headers"),
    ],
)
def test_a_bad_section_of_somebody_else_stops_the_reload_and_is_named(
    supervisord: SupervisordInstance, client: Supervisord, put, text: str, words: str
) -> None:
    put({"a-01": SLEEP})
    client.add("a-01")
    bad = supervisord.conf_d / "bad.conf"
    bad.write_text(text)
    with pytest.raises(SupervisordFault, match=words) as caught:
        put({})
    assert caught.value.code == CANT_REREAD
    assert str(bad) in caught.value.text
    assert client.processes()["a-01"].pid


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('environment=A="s3cret%"', "Format string ... for 'environment' is badly formatted: .* in section"),
        ('environment=A="s3cret%(x)s"', "for 'environment' contains names .* cannot be expanded. in section"),
        ('environment=A="s3cret",B', r"Unexpected end of key/value pairs in value \.\.\. in section"),
        ("user=%(s3cret", "Format string ... for 'program:bad.user' is badly formatted"),
    ],
)
def test_a_value_that_may_be_a_password_is_left_out_of_a_fault(
    supervisord: SupervisordInstance, client: Supervisord, line: str, words: str
) -> None:
    bad = supervisord.conf_d / "bad.conf"
    bad.write_text(f"[program:bad]\ncommand=x\n{line}\n")
    with pytest.raises(SupervisordFault, match=words) as caught:
        client.reload()
    assert "s3cret" not in str(caught.value)
    assert f"in section 'program:bad' (file: '{bad}')" in caught.value.text


# --- when it does not answer ----------------------------------------------------------------------------


def test_a_restarted_supervisord_is_reached_again(supervisord: SupervisordInstance) -> None:
    clients = [Supervisord(supervisord.url), Supervisord(supervisord.http_url)]
    first = [client.identity().pid for client in clients]
    supervisord.restart()
    again = [client.identity().pid for client in clients]
    assert again == [supervisord.pid] * 2 != first


def test_a_supervisord_that_shuts_down_says_so(
    supervisord: SupervisordInstance, client: Supervisord, put, eventually
) -> None:
    trapped = supervisord.folder / "trapped"
    put({"a-01": ("/bin/sh", "-c", f"trap '' TERM; touch {trapped}; exec sleep 1000")})
    client.add("a-01")
    eventually(trapped.exists)
    supervisord.call("supervisor.shutdown")
    for verb in (client.processes, client.reload, client.identity):
        with pytest.raises(SupervisordFault, match="SHUTDOWN_STATE"):
            verb()
    assert client.add_all(["a-01"])["a-01"].text == "SHUTDOWN_STATE"


def test_a_frozen_supervisord_costs_no_more_than_the_timeout(supervisord: SupervisordInstance) -> None:
    supervisord.pause()
    try:
        for url in (supervisord.url, supervisord.http_url):
            start = time.monotonic()
            with pytest.raises(SupervisordUnreachable, match=r"did not answer within 0.3 s"):
                Supervisord(url, timeout=0.3).processes()
            assert time.monotonic() - start < 1.5
    finally:
        supervisord.resume()
    assert Supervisord(supervisord.url).processes() == {}


def test_a_dead_supervisord_is_told_from_a_missing_one(supervisord: SupervisordInstance) -> None:
    client, http = Supervisord(supervisord.url), Supervisord(supervisord.http_url)
    supervisord.kill()
    with pytest.raises(SupervisordUnreachable, match="nobody listens there: start supervisord"):
        client.processes()
    with pytest.raises(SupervisordUnreachable, match=r"http://127.0.0.1:\d+: nobody listens there"):
        http.processes()
    supervisord.socket.unlink()
    with pytest.raises(SupervisordUnreachable, match=r"s.sock: there is no such socket"):
        client.processes()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_socket_that_is_not_for_us_is_named(supervisord: SupervisordInstance) -> None:
    code = (
        "import os, sys; from autoscaler.act.supervisord import Supervisord\n"
        "os.seteuid(65534)\n"
        "try: Supervisord(sys.argv[1]).processes()\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    for folder in (supervisord.folder, supervisord.folder.parent):
        folder.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", code, supervisord.url], capture_output=True, text=True, check=True, timeout=30
    )
    assert "SupervisordUnreachable" in done.stdout
    assert "permission denied: set chmod and chown" in done.stdout


def test_a_wrong_password_is_told_and_none_is_shown(supervisord: SupervisordInstance) -> None:
    wrong = supervisord.http_url.replace(supervisord.password, "s%40cret%2F")
    client = Supervisord(wrong)
    with pytest.raises(SupervisordUnreachable, match="wants another user name or password") as caught:
        client.processes()
    assert "cret" not in str(caught.value) + repr(client) + repr(caught.value.__cause__)


@pytest.mark.parametrize(
    "url",
    ["", "unix://relative", "/run/s.sock", "https://h:1", "http://", "http://u:se/cret@h:1", "http://h:port"],
)
def test_an_url_that_is_none_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(SupervisordUnreachable, match=r"supervisord\.url: ") as caught:
        Supervisord(url)
    assert "cret" not in str(caught.value)


def test_user_and_password_may_hold_any_character(short_folder: Path) -> None:
    file = short_folder / "s"
    with answering(file, reply(b"<string>x</string>")) as seen, pytest.raises(SupervisordUnreachable):
        Supervisord(f"unix://us%C3%A9r:p%40%2F%3A%25@{file}").processes()
    assert b"Authorization: Basic dXPDqXI6cEAvOiU=" in seen[0]


def reply(value: bytes) -> bytes:
    body = b"<methodResponse><params><param><value>" + value + b"</value></param></params></methodResponse>"
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"hello\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<html",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<methodResponse>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe\x00",
        reply(b""),
        reply(b"<int>x</int>"),
        reply(b"<int>1</int>"),
        reply(b"<boolean>7</boolean>"),
        reply(b"<struct><value>1</value></struct>"),
        reply(b"<array><data><value><int>1</int></value></data></array>"),
        reply(b"<array><data><value><array><data></data></array></value></data></array>"),
        reply(b"<array><data><value><struct></struct></value></data></array>"),
    ],
)
def test_nonsense_is_an_error_of_ours_whatever_was_asked(short_folder: Path, answer: bytes) -> None:
    with answering(short_folder / "s", answer):
        client = Supervisord(f"unix://{short_folder}/s", timeout=2.0)
        for ask in (client.processes, client.reload, client.identity, lambda: client.add("a")):
            with pytest.raises(SupervisordUnreachable):
                ask()


def test_an_answer_that_drips_for_ever_is_cut_at_the_deadline(short_folder: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"
    with answering(short_folder / "s", head + b"<" * 9000, pause=0.02):
        start = time.monotonic()
        with pytest.raises(SupervisordUnreachable, match=r"did not answer within 0.4 s"):
            Supervisord(f"unix://{short_folder}/s", timeout=0.4).processes()
        assert time.monotonic() - start < 2


def test_a_full_backlog_is_told_as_a_hang(short_folder: Path) -> None:
    path = short_folder / "s"
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as waiting:
        server.bind(str(path))
        server.listen(0)
        waiting.connect(str(path))
        with pytest.raises(SupervisordUnreachable, match=r"takes no more connections|did not answer"):
            Supervisord(f"unix://{path}", timeout=0.3).processes()


@contextmanager
def answering(path: Path, answer: bytes, pause: float = 0.0) -> Iterator[list[bytes]]:
    """A server that gives each request this answer, byte by byte if there is a pause; yields the requests."""
    requests: list[bytes] = []
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                requests.append(_request(connection))
                _send(connection, answer, pause)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield requests
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


def _request(connection: socket.socket) -> bytes:
    """Read a whole request: one closed on unread bytes would look like a broken connection."""
    seen = b""
    while not seen.endswith(b"</methodCall>\n") and (more := connection.recv(65536)):
        seen += more
    return seen


def _send(connection: socket.socket, answer: bytes, pause: float) -> None:
    try:
        if not pause:
            connection.sendall(answer)
            return
        for byte in answer:
            connection.sendall(bytes([byte]))
            time.sleep(pause)
    except OSError:
        pass  # the client gave up, as it should


# --- the example that is shipped ------------------------------------------------------------------------


def test_the_shipped_configuration_runs_the_autoscaler_and_the_programs(
    short_folder: Path, eventually
) -> None:
    config = _installed_example(short_folder)
    command = [sys.executable, "-m", "supervisor.supervisord", "-n", "-s", "-c", str(config)]
    daemon = subprocess.Popen(command, cwd=short_folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        client = Supervisord(f"unix://{short_folder}/supervisor.sock")
        eventually((short_folder / "supervisor.sock").exists)
        eventually(lambda: len(client.processes()) == 2)
        assert client.reload() == diff()
        ctl = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(config), "status"]
        status = subprocess.run(ctl, capture_output=True, text=True, timeout=30, check=False).stdout
        assert [line.split()[0] for line in status.splitlines()] == ["autoscaler", "emails-01"]
        log = short_folder / "log" / "autoscaler.log"
        eventually(lambda: log.exists() and "run --config" in log.read_text())
        assert (short_folder / "supervisor.sock").stat().st_mode & 0o777 == 0o770
    finally:
        daemon.terminate()
        daemon.wait(20)


def _installed_example(folder: Path) -> Path:
    """Write the shipped file with nothing changed but its paths."""
    for name in ("log", "conf.d"):
        (folder / name).mkdir()
    stub = folder / "autoscaler"
    stub.write_text('#!/bin/sh\necho "$@"\nexec sleep 1000\n')
    stub.chmod(0o755)
    text = DEPLOY.read_text()
    for old, new in {
        "/run/": f"{folder}/",
        "/var/log/supervisor": f"{folder}/log",
        "/etc/supervisor/conf.d": f"{folder}/conf.d",
        "/usr/local/bin/autoscaler": str(stub),
    }.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "supervisord.conf").write_text(text)
    (folder / "conf.d" / "autoscaler.conf").write_text(
        f"[program:emails-01]\ncommand={shutil.which('sleep')} 1000\n"
    )
    return folder / "supervisord.conf"
