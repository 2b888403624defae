"""Changing the set of programs is all or nothing, and never touches anybody else's."""

from __future__ import annotations

import pytest

from autoscaler.errors import ReloadRefused, SupervisordFault, SupervisordUnreachable
from autoscaler.supervisord.client import ReloadDiff
from autoscaler.supervisord.program_file import ProgramFile
from autoscaler.supervisord.programs import Change, Programs, collisions, make_log_folders

NOTHING = ReloadDiff(frozenset(), frozenset(), frozenset())


def section(name, command="/bin/true"):
    return f"[program:{name}]\ncommand={command}\n"


class FakeSupervisord:
    """Keeps programs as supervisord does: what is active, and what a reload reads from the file."""

    def __init__(self, file, foreign=(), covered=True):
        self.file = file
        self.active = {}
        self.foreign = dict(foreign)
        self.covered = covered
        self.fault = None
        self.calls = []

    def configured(self):
        return {**(self.file.read() if self.covered else {}), **self.foreign}

    def reload(self):
        self.calls.append("reload")
        if self.fault:
            raise self.fault
        new = self.configured()
        return ReloadDiff(
            frozenset(new) - frozenset(self.active),
            frozenset(name for name in new if name in self.active and self.active[name] != new[name]),
            frozenset(self.active) - frozenset(new),
        )

    def add_all(self, names):
        self.calls.append(f"add {' '.join(names)}")
        self.active |= {name: self.configured()[name] for name in names}
        return {}

    def remove_all(self, names):
        self.calls.append(f"remove {' '.join(names)}")
        for name in names:
            del self.active[name]
        return {}


@pytest.fixture
def file(tmp_path):
    return ProgramFile(tmp_path / "autoscaler.conf")


def apply(file, supervisord, change):
    steps = []
    programs = Programs(file, supervisord, steps.append)
    return programs.apply(change, programs.baseline(change.before)), steps


def change(before, after, active=(), leftover=()):
    return Change(
        {name: section(name) for name in before},
        {name: section(name) for name in after},
        frozenset(active),
        frozenset(leftover),
    )


def test_programs_are_added_in_the_order_that_survives_a_crash(file):
    supervisord = FakeSupervisord(file)
    refused, steps = apply(file, supervisord, change([], ["emails-01", "emails-02"]))
    assert refused == {}
    assert steps == ["written", "reloaded", "added"]
    assert sorted(supervisord.active) == ["emails-01", "emails-02"]
    assert supervisord.calls == ["reload", "reload", "add emails-01 emails-02"]


def test_programs_are_removed_in_the_order_that_survives_a_crash(file):
    supervisord = FakeSupervisord(file)
    apply(file, supervisord, change([], ["emails-01", "emails-02"]))
    _, steps = apply(
        file, supervisord, change(["emails-01", "emails-02"], ["emails-01"], ["emails-01", "emails-02"])
    )
    assert steps == ["written", "reloaded", "removed"]
    assert list(supervisord.active) == ["emails-01"]
    assert list(file.read()) == ["emails-01"]


def test_an_add_that_was_cut_short_is_finished(file):
    supervisord = FakeSupervisord(file)
    file.write({"emails-01": section("emails-01")})
    _, steps = apply(file, supervisord, change(["emails-01"], ["emails-01"]))
    assert steps == ["reloaded", "added"]
    assert list(supervisord.active) == ["emails-01"]


def test_a_remove_that_was_cut_short_is_finished(file):
    supervisord = FakeSupervisord(file)
    supervisord.active = {"emails-02": section("emails-02")}
    _, steps = apply(file, supervisord, change([], [], ["emails-02"], ["emails-02"]))
    assert steps == ["reloaded", "removed"]
    assert supervisord.active == {}


def test_an_include_that_does_not_cover_the_file_is_told_and_the_old_file_comes_back(file):
    supervisord = FakeSupervisord(file, covered=False)
    with pytest.raises(ReloadRefused, match=r"does not see emails-01 of .*its \[include\] does not cover"):
        apply(file, supervisord, change([], ["emails-01"]))
    assert file.read() == {}
    assert not any(call.startswith("add") for call in supervisord.calls)


def test_a_change_beyond_what_was_meant_is_rolled_back(file):
    """Somebody else saves an edit between our two reloads."""
    supervisord = FakeSupervisord(file)
    programs = Programs(file, supervisord, lambda _: None)
    baseline = programs.baseline({})
    supervisord.foreign = {"theirs": section("theirs")}
    with pytest.raises(ReloadRefused, match="would add theirs"):
        programs.apply(change([], ["emails-01"]), baseline)
    assert file.read() == {}
    assert supervisord.active == {}


def test_edits_of_others_that_wait_already_do_not_stop_us(file):
    supervisord = FakeSupervisord(file, foreign={"theirs": section("theirs")})
    refused, _ = apply(file, supervisord, change([], ["emails-01"]))
    assert refused == {}
    assert list(supervisord.active) == ["emails-01"]


def test_a_configuration_that_supervisord_cannot_read_stops_everything(file):
    supervisord = FakeSupervisord(file)
    supervisord.fault = SupervisordFault("reloadConfig", 92, "CANT_REREAD: section 'program:theirs'")
    with pytest.raises(ReloadRefused, match=r"program:theirs.*Mend the section"):
        Programs(file, supervisord, lambda _: None).baseline({})
    assert not file.path.exists()


def test_a_section_of_ours_that_supervisord_refuses_is_taken_back(file):
    supervisord = FakeSupervisord(file)
    programs = Programs(file, supervisord, lambda step: setattr(supervisord, "fault", FAULT))
    with pytest.raises(ReloadRefused, match="supervisord refuses the new"):
        programs.apply(change([], ["emails-01"]), NOTHING)
    assert file.read() == {}


FAULT = SupervisordFault("reloadConfig", 92, "CANT_REREAD: no such user")


def test_supervisord_going_away_in_between_is_passed_on(file):
    supervisord = FakeSupervisord(file)
    supervisord.fault = SupervisordUnreachable("gone")
    with pytest.raises(SupervisordUnreachable):
        Programs(file, supervisord, lambda _: None).apply(change([], ["emails-01"]), NOTHING)


@pytest.mark.parametrize(
    ("active", "baseline", "taken"),
    [
        ([], NOTHING, set()),
        (["emails-02"], NOTHING, {"emails-02"}),
        ([], ReloadDiff(frozenset({"emails-02"}), frozenset(), frozenset()), {"emails-02"}),
        (["theirs"], NOTHING, set()),
    ],
)
def test_a_name_that_somebody_else_has_is_found_loaded_or_only_written(active, baseline, taken):
    wanted = change(["emails-01"], ["emails-01", "emails-02"], ["emails-01", *active])
    assert collisions(frozenset({"emails-02"}), wanted, baseline) == taken


def logging_to(folder):
    return f"[program:emails-01]\ncommand=/bin/true\nstdout_logfile={folder}/emails-01.log\n"


def test_the_folders_of_the_logs_are_made_before_supervisord_looks_for_them(file, tmp_path):
    assert make_log_folders({"emails-01": logging_to(f"{tmp_path}/log/100%%%%")}) == ""
    assert (tmp_path / "log" / "100%").is_dir()


def test_a_log_folder_that_cannot_be_made_is_told_beside_what_supervisord_says(file, tmp_path):
    (tmp_path / "log").write_text("no folder")
    section = {"emails-01": logging_to(tmp_path / "log" / "shop")}
    supervisord = FakeSupervisord(file)
    supervisord.fault = SupervisordFault("reloadConfig", 92, "the path does not exist")
    programs = Programs(file, supervisord, lambda _: None)
    told = rf"the path does not exist; the log folder {tmp_path}/log/shop cannot be made: Not a directory"
    with pytest.raises(ReloadRefused, match=told):
        programs.baseline(section)
    with pytest.raises(ReloadRefused, match=told):
        programs.apply(Change({}, section, frozenset()), NOTHING)


def test_supervisord_has_the_last_word_on_a_log_folder(file, tmp_path):
    """A folder that we may not look into may be there for it."""
    (tmp_path / "log").write_text("no folder")
    wanted = Change({}, {"emails-01": logging_to(tmp_path / "log")}, frozenset())
    assert Programs(file, FakeSupervisord(file), lambda _: None).apply(wanted, NOTHING) == {}
