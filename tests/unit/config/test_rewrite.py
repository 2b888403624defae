"""The config file is replaced as a whole, by one command at a time, or not at all."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from autoscaler.config.rewrite import held
from autoscaler.errors import ConfigError, EditFailed


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "autoscaler.yaml"
    path.write_bytes(b"a: 1\n")
    return path


def test_the_old_file_is_kept_and_nothing_else_is_left(file: Path) -> None:
    file.chmod(0o640)
    for number in (b"2", b"3"):
        with held(file) as found:
            found.replace(b"a: " + number + b"\n")
    assert file.read_bytes() == b"a: 3\n"
    backup = file.with_name("autoscaler.yaml.bak")
    assert backup.read_bytes() == b"a: 2\n"
    assert {stat.S_IMODE(each.stat().st_mode) for each in (file, backup)} == {0o640}
    assert sorted(each.name for each in file.parent.iterdir()) == ["autoscaler.yaml", "autoscaler.yaml.bak"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_stays(file: Path) -> None:
    os.chown(file, 65534, 65534)
    with held(file) as found:
        found.replace(b"a: 2\n")
    assert (file.stat().st_uid, file.stat().st_gid) == (65534, 65534)


def test_links_stay_and_what_they_lead_to_is_replaced(tmp_path: Path, file: Path) -> None:
    (tmp_path / "releases").mkdir()
    real = file.rename(tmp_path / "releases" / "real.yaml")
    (tmp_path / "current").symlink_to("releases")
    file.symlink_to("current/real.yaml")
    with held(file) as found:
        found.replace(b"a: 2\n")
    assert file.is_symlink()
    assert real.read_bytes() == b"a: 2\n"
    assert real.with_name("real.yaml.bak").read_bytes() == b"a: 1\n"


def test_somebody_elses_edit_is_not_lost(file: Path) -> None:
    with held(file) as found:
        file.write_bytes(b"a: 7\n")
        with pytest.raises(EditFailed, match="changed by somebody else meanwhile: nothing is written"):
            found.replace(b"a: 2\n")
    assert file.read_bytes() == b"a: 7\n"
    assert [each.name for each in file.parent.iterdir()] == ["autoscaler.yaml"]


def test_commands_wait_for_each_other(file: Path) -> None:
    def add() -> None:
        with held(file, deadline=30) as found:
            found.replace(b"a: %d\n" % (int(found.content[3:]) + 1))

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.read_bytes() == b"a: 9\n"


def test_a_command_does_not_wait_for_ever(file: Path) -> None:
    with held(file), pytest.raises(EditFailed, match="another command edits"), held(file, deadline=0.1):
        pass


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match=r"autoscaler\.yaml:1: cannot be read: No such file"),
        held(tmp_path / "autoscaler.yaml"),
    ):
        pass
    with pytest.raises(ConfigError, match="is a folder"), held(tmp_path):
        pass


def test_a_folder_that_takes_no_file_is_told(file: Path) -> None:
    with held(file) as found:
        found.backup.mkdir()  # in the way, also of root
        with pytest.raises(EditFailed, match="cannot be written: Is a directory"):
            found.replace(b"a: 2\n")
    assert file.read_bytes() == b"a: 1\n"
