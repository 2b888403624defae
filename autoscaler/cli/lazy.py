"""A click group that imports a command when it is used, so that `status` does not wait for `run`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping

import click
from click.shell_completion import CompletionItem

from autoscaler.cli.exits import exit_of
from autoscaler.errors import AutoscalerError, ConfigError
from autoscaler.text import nearest


class LazyGroup(click.Group):
    """Imports a command by its place, and turns our errors into one line on stderr and an exit code.

    Parameters
    ----------
    places : ``module:attribute`` in `autoscaler.cli` by command, in the order of the help.
    """

    def __init__(self, *, places: Mapping[str, str], **attributes: object) -> None:
        super().__init__(**attributes)  # type: ignore[arg-type]  # click's own, passed on
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """All names, in the order of the help."""
        return [*self._places, *(name for name in self.commands if name not in self._places)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None for a name that there is not."""
        if cmd_name in self._places and cmd_name not in self.commands:
            module, _, attribute = self._places[cmd_name].partition(":")
            command = getattr(importlib.import_module(f"autoscaler.cli.{module}"), attribute)
            self.commands[cmd_name] = command
        return super().get_command(ctx, cmd_name)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete names without importing what they name."""
        names = [CompletionItem(name) for name in self.list_commands(ctx) if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word names; say the nearest one where there is none."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(f"there is no command {args[0]!r}; {nearest(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; an error of ours becomes a line and an exit code."""
        try:
            return super().invoke(ctx)
        except AutoscalerError as error:
            click.echo(str(error) if isinstance(error, ConfigError) else f"autoscaler: {error}", err=True)
            sys.exit(exit_of(error))
