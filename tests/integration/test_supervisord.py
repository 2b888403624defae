"""The RPC client against a real supervisord, and against servers that misbehave."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from autoscaler.errors import SupervisordFault
from autoscaler.model import ProgramSpec, ProgramState
from autoscaler.supervisord.client import BAD_NAME, CANT_REREAD, STILL_RUNNING, ReloadDiff, Supervisord
from autoscaler.supervisord.program_file import ProgramFile, render
from autoscaler.tools.demo.services import SupervisordInstance

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
        ProgramSpec(name, command, directory=None, user=None, environment={}, stop_wait=5.0, log_file=log)
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
    assert process.state is ProgramState.STARTING
    eventually(lambda: runs(client, "a-01", SLEEP))
    assert abs(process.started_at - before) < 5
    client.stop("a-01")
    eventually(lambda: client.processes()["a-01"].state is ProgramState.STOPPED)
    assert client.processes()["a-01"].pid is None
    client.remove("a-01")
    assert client.processes() == {}


def test_its_log_tells_a_restart_and_a_clean_end_from_a_crash(
    supervisord: SupervisordInstance, client: Supervisord, eventually
) -> None:
    text = """[program:{}]\nautorestart=true\nstartsecs=0\ncommand=/bin/sh -c "trap 'exit 0' TERM; {}"\n"""
    waits = f"touch {supervisord.folder}/$$; sleep 1000 & wait"
    names = ["restarted", "ended", "killed"]
    (supervisord.conf_d / "x.conf").write_text("".join(text.format(name, waits) for name in names))
    client.reload()
    client.add_all(names)

    def pids() -> dict[str, int]:
        """Of those that have come so far that they can be told something."""
        found = {name: each.pid for name, each in client.processes().items() if each.pid}
        return {name: pid for name, pid in found.items() if (supervisord.folder / str(pid)).exists()}

    first = eventually(lambda: len(found := pids()) == 3 and found)
    assert client.ended_well() == frozenset()
    supervisord.call("supervisor.stopProcess", "restarted")
    supervisord.call("supervisor.startProcess", "restarted")
    client.signal("ended", "TERM")
    client.signal("killed", "KILL")

    second = eventually(
        lambda: len(found := pids()) == 3 and not {*found.values()} & {*first.values()} and found
    )
    assert client.ended_well() == {second["restarted"], second["ended"]}
    (supervisord.folder / "supervisord.log").unlink()
    assert client.ended_well() == frozenset()


def test_every_verb_may_be_repeated(client: Supervisord, put, eventually) -> None:
    put({"a-01": SLEEP})
    client.add("a-01")
    client.add("a-01")
    client.start("a-01")
    eventually(lambda: runs(client, "a-01", SLEEP))
    client.stop("a-01")
    eventually(lambda: client.processes()["a-01"].state is ProgramState.STOPPED)
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
    eventually(lambda: client.processes()["a-02"].state is ProgramState.STOPPED)
    eventually(lambda: client.processes()["a-01"].state is ProgramState.STOPPED)
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


def test_a_command_that_does_not_exist_ends_as_a_failure(client: Supervisord, put, eventually) -> None:
    put({"a-01": ("/no/such/command",)})
    client.add("a-01")
    process = eventually(lambda: next(p for p in client.processes().values() if p.failure))
    assert process.failure == "can't find command '/no/such/command'"
    with pytest.raises(SupervisordFault, match="NO_FILE"):
        client.start("a-01")


def test_a_stopped_program_is_started_again(client: Supervisord, put, eventually) -> None:
    put({"a-01": SLEEP})
    client.add("a-01")
    eventually(lambda: runs(client, "a-01", SLEEP))
    client.stop("a-01")
    eventually(lambda: client.processes()["a-01"].state is ProgramState.STOPPED)
    client.start("a-01")
    assert client.processes()["a-01"].state is ProgramState.STARTING


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
    eventually(lambda: client.processes()["a-01"].state is ProgramState.STOPPED)
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
    eventually(lambda: client.processes()["a-01"].state is ProgramState.STOPPED)
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
