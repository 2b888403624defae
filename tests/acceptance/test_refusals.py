"""What would touch or hide somebody else's programs is refused, with a message that says what to do."""

from __future__ import annotations

FOREIGN = "[program:{name}]\ncommand=/bin/sleep 600\n"


def trouble(system):
    fleet = system.fleet()
    return fleet.trouble if fleet else ""


def test_a_programs_file_that_the_include_does_not_cover(system, eventually):
    outside = system.folder / "elsewhere.conf"
    system.config["supervisord"]["programs_file"] = str(outside)
    system.start_daemon()

    text = eventually(lambda: trouble(system), 30, "the trouble is told")

    assert "emails-01" in text
    assert f"its [include] does not cover this file. Add `files = {outside}`" in text
    assert "[program:" not in outside.read_text()
    assert system.processes() == {}


def test_a_foreign_program_of_the_same_name(system, eventually):
    foreign = system.supervisord.conf_d / "theirs.conf"
    foreign.write_text(FOREIGN.format(name="emails-01"))
    system.supervisord.call("supervisor.reloadConfig")
    system.supervisord.call("supervisor.addProcessGroup", "emails-01")
    theirs = system.pids()

    system.start_daemon()
    text = eventually(lambda: trouble(system), 30, "the trouble is told")

    assert "somebody else's program is called emails-01" in text
    assert "rename the fleet, or take that program out" in text
    assert system.pids() == theirs


def test_a_foreign_program_of_the_same_name_that_is_written_but_not_loaded(system, eventually):
    foreign = system.supervisord.conf_d / "theirs.conf"
    foreign.write_text(FOREIGN.format(name="emails-01"))

    system.start_daemon()
    text = eventually(lambda: trouble(system), 30, "the trouble is told")

    assert "somebody else's program is called emails-01" in text
    assert system.processes() == {}


def test_a_bad_section_of_somebody_else(system, eventually):
    bad = system.supervisord.conf_d / "theirs.conf"
    bad.write_text("[program:theirs]\n")

    system.start_daemon()
    text = eventually(lambda: trouble(system), 30, "the trouble is told")

    assert "supervisord cannot read its configuration" in text
    assert "program:theirs" in text
    assert "theirs.conf" in text
    assert "Mend the section" in text
    assert not system.supervisord.programs_file.exists()

    bad.unlink()
    eventually(lambda: system.settled_at(1), 30, "it goes on once the section is mended")
    assert trouble(system) == ""


def test_somebody_elses_pending_edit_is_left_pending(system, eventually):
    """Others may have written sections that they have not loaded yet: reloading must not start them."""
    (system.supervisord.conf_d / "theirs.conf").write_text(FOREIGN.format(name="theirs"))
    system.start_daemon()
    eventually(lambda: system.settled_at(1), 30, "our fleet runs")
    assert list(system.processes()) == ["emails-01"]
    assert trouble(system) == ""


def test_a_programs_file_of_somebody_else(system, eventually):
    system.supervisord.programs_file.write_text(FOREIGN.format(name="theirs"))
    system.start_daemon()

    text = eventually(lambda: trouble(system), 30, "the trouble is told")

    assert "somebody else's file" in text
    assert system.supervisord.programs_file.read_text() == FOREIGN.format(name="theirs")


def test_a_log_folder_that_cannot_be_made(system, eventually):
    in_the_way = system.folder / "log"
    in_the_way.write_text("no folder")
    system.write_config(log_dir=str(in_the_way / "emails"))
    system.start_daemon()

    text = eventually(lambda: trouble(system), 30, "the trouble is told")

    assert "supervisord refuses the new" in text
    assert f"the log folder {in_the_way}/emails cannot be made: Not a directory" in text
    in_the_way.unlink()
    eventually(lambda: system.settled_at(1), 30, "it goes on once nothing is in the way")
