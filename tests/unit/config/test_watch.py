"""A running daemon notices when its config, or a file that it names, is another one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from autoscaler.config.watch import WatchedConfig
from autoscaler.errors import ConfigError

FLEETS = "fleets: {emails: {app: shop, queues: [emails], concurrency: 1, min_workers: 3, max_workers: 3}}\n"


def write(path: Path, text: str, age: float = 10.0) -> None:
    """Write a file that looks as if it had been left alone for so many seconds."""
    path.write_text(text)
    at = time.time() - age
    os.utime(path, (at, at))


@pytest.fixture
def watched(tmp_path: Path) -> WatchedConfig:
    write(tmp_path / "url", "amqp://u:first@mq//")
    write(tmp_path / "autoscaler.yaml", f"broker: {{url_file: url}}\n{FLEETS}")
    return WatchedConfig(tmp_path / "autoscaler.yaml", {})


def test_a_config_that_is_left_alone_has_not_changed(watched: WatchedConfig) -> None:
    assert watched.changed()
    watched.load()
    assert not watched.changed()


def test_another_config_is_noticed(watched: WatchedConfig) -> None:
    watched.load()
    write(watched.path, f"broker: {{url: 'amqp://mq'}}\n{FLEETS}")
    assert watched.changed()
    assert watched.load().broker.url_file is None
    assert not watched.changed()
    watched.path.unlink()
    assert watched.changed()


def test_a_password_that_changes_in_the_url_file_is_noticed(watched: WatchedConfig, tmp_path: Path) -> None:
    before = watched.load()
    write(tmp_path / "url", "amqp://u:second@mq//")
    assert watched.changed()
    after = watched.load(instead_of=before)
    assert after.broker != before.broker
    assert "second" in after.broker.url.get_secret_value()
    assert not watched.changed()


@pytest.mark.parametrize("broken", ["", "nonsense", None])
def test_a_broken_url_file_is_read_again_once_it_is_mended(
    watched: WatchedConfig, tmp_path: Path, broken: str | None
) -> None:
    used = watched.load()
    (tmp_path / "url").unlink() if broken is None else write(tmp_path / "url", broken)
    assert watched.changed()
    with pytest.raises(ConfigError, match=r"broker\.url_file"):
        watched.load(instead_of=used)
    assert not watched.changed(), "it is told once"
    write(tmp_path / "url", "amqp://u:second@mq//")
    assert watched.changed()
    assert "second" in watched.load(instead_of=used).broker.url.get_secret_value()


def test_a_url_file_that_a_refused_config_names_is_watched_too(
    watched: WatchedConfig, tmp_path: Path
) -> None:
    used = watched.load()
    write(watched.path, f"broker: {{url_file: other}}\n{FLEETS}")
    with pytest.raises(ConfigError, match="there is no such file"):
        watched.load(instead_of=used)
    assert not watched.changed()
    write(tmp_path / "other", "amqp://mq//")
    assert watched.changed()


def test_a_url_file_is_left_to_settle_as_the_config_is(watched: WatchedConfig, tmp_path: Path) -> None:
    write(tmp_path / "url", "amqp://u:half@mq", age=0)
    began = time.monotonic()
    watched.load()
    assert time.monotonic() - began > 0.04


@pytest.fixture
def with_token(watched: WatchedConfig, tmp_path: Path) -> WatchedConfig:
    write(tmp_path / "token", "first-0123456789abcdef")
    write(watched.path, watched.path.read_text() + "console: {token_file: token}\n")
    return watched


def test_a_token_that_changes_in_its_file_is_noticed(with_token: WatchedConfig, tmp_path: Path) -> None:
    before = with_token.load()
    write(tmp_path / "token", "second-0123456789abcdef")
    assert with_token.changed()
    after = with_token.load(instead_of=before)
    assert after.console.secrets == {"console": "second-0123456789abcdef"}
    assert not with_token.changed()


@pytest.mark.parametrize("broken", ["", "short", None])
def test_a_token_file_that_cannot_be_used_is_a_mistake_until_it_is_mended(
    with_token: WatchedConfig, tmp_path: Path, broken: str | None
) -> None:
    used = with_token.load()
    (tmp_path / "token").unlink() if broken is None else write(tmp_path / "token", broken)
    assert with_token.changed()
    with pytest.raises(ConfigError, match=r"console\.token_file"):
        with_token.load(instead_of=used)
    assert not with_token.changed(), "it is told once"
    write(tmp_path / "token", "second-0123456789abcdef")
    assert with_token.changed()
    assert with_token.load(instead_of=used).console.secrets == {"console": "second-0123456789abcdef"}


# --- the many ways in which a file is edited ---

OTHER = "broker: {url: 'amqp://other'}\n" + FLEETS


def vim(path: Path) -> None:
    """Vim, with backupcopy=no: the old file aside, a new one in its place."""
    path.rename(path.with_name(path.name + "~"))
    write(path, OTHER)


def sed(path: Path) -> None:
    """`sed -i`, Ansible and most others: a temporary file renamed over."""
    write(path.with_name("sedXYZ"), OTHER)
    path.with_name("sedXYZ").rename(path)


def git(path: Path) -> None:
    """`git checkout`: deleted, then made anew."""
    path.unlink()
    write(path, OTHER)


def in_place(path: Path) -> None:
    """`cat >`, nano, and some configuration management."""
    write(path, OTHER)


def in_place_with_its_old_times(path: Path) -> None:
    """`rsync --inplace --times` of a file that only differs in a digit."""
    before = path.stat()
    path.write_text(path.read_text().replace("concurrency: 1", "concurrency: 2"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("edit", [vim, sed, git, in_place, in_place_with_its_old_times])
def test_every_way_to_edit_is_noticed(watched: WatchedConfig, edit: Callable[[Path], None]) -> None:
    used = watched.load()
    edit(watched.path)
    assert watched.changed()
    assert watched.load(instead_of=used) != used
    assert not watched.changed()


def test_a_touch_changes_nothing(watched: WatchedConfig) -> None:
    used = watched.load()
    watched.path.touch()
    assert watched.load(instead_of=used) == used


@pytest.mark.parametrize("swapped", ["file", "folder"])
def test_a_swapped_link_is_noticed(tmp_path: Path, swapped: str) -> None:
    for release, text in [("1", f"broker: {{url: 'amqp://mq'}}\n{FLEETS}"), ("2", OTHER)]:
        (tmp_path / release).mkdir()
        write(tmp_path / release / "autoscaler.yaml", text)
    link, path, target = {
        "file": (tmp_path / "a.yaml", tmp_path / "a.yaml", "{}/autoscaler.yaml"),
        "folder": (tmp_path / "current", tmp_path / "current" / "autoscaler.yaml", "{}"),
    }[swapped]
    link.symlink_to(target.format("1"))
    watched = WatchedConfig(path, {})
    used = watched.load()
    (tmp_path / "new").symlink_to(target.format("2"))
    (tmp_path / "new").rename(link)
    assert watched.changed()
    assert "other" in watched.load(instead_of=used).broker.url.get_secret_value()
