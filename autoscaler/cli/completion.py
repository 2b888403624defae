"""`autoscaler completion`, and the shell's completion of fleets, workers and keys."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem, get_completion_class

from autoscaler import config
from autoscaler.cli.options import client
from autoscaler.config.changes import fleet_names
from autoscaler.config.explain import known_keys
from autoscaler.errors import AutoscalerError
from autoscaler.http.client import Client

#: Seconds that a daemon has to tell the names: nobody waits longer for a tab.
_PATIENCE = 0.5
_VARIABLE = "_AUTOSCALER_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that lets a shell complete commands, options, fleets and workers.

    \b
    Examples:
      autoscaler completion bash > /etc/bash_completion.d/autoscaler
      autoscaler completion zsh > "${fpath[1]}/_autoscaler"
      autoscaler completion fish > ~/.config/fish/completions/autoscaler.fish
    """
    from autoscaler.cli.group import main  # noqa: PLC0415 (it names this module)

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"there is no completion for {shell}")
    click.echo(kind(main, {}, "autoscaler", _VARIABLE).source())


def complete_fleets(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The fleets of the config; of the daemon, where no config can be read."""
    return _items(_quietly(ctx, _fleets), incomplete)


def complete_workers(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The workers of the daemon."""
    return _items(_quietly(ctx, _workers), incomplete)


def complete_names(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The fleets, and the workers."""
    return _items([*_quietly(ctx, _fleets), *_quietly(ctx, _workers)], incomplete)


def complete_words_of_set(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """First a fleet or a key, then keys, each with its ``=``."""
    fleet_given = "=" not in ((ctx.params.get("words") or ("=",))[0])
    start = incomplete.rpartition(".")[0]
    place = (*(("fleets", "*") if fleet_given else ()), *(start.split(".") if start else ()))
    keys = [f"{start}.{key}=" if start else f"{key}=" for key in known_keys(place)]
    return _items([*([] if fleet_given or start else _quietly(ctx, _fleets)), *keys], incomplete)


def _items(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _quietly(ctx: click.Context, names: Callable[[click.Context], list[str]]) -> list[str]:
    """Names, or none: an error would land in the middle of what is being typed."""
    try:
        return names(ctx)
    except (AutoscalerError, OSError):
        return []


def _fleets(ctx: click.Context) -> list[str]:
    try:
        path = config.find(ctx.params.get("path"), os.environ)
        return fleet_names(path, path.read_bytes())
    except (AutoscalerError, OSError):
        return [fleet.name for fleet in _daemon(ctx).fleets().fleets]


def _workers(ctx: click.Context) -> list[str]:
    return [worker.name for worker in _daemon(ctx).workers().workers]


def _daemon(ctx: click.Context) -> Client:
    return client(ctx.params.get("path"), ctx.params.get("socket"), timeout=_PATIENCE)
