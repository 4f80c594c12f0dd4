"""Arguments and options that several commands share, and the completion of ids.

Completion asks a server that runs already; without one it offers nothing. Neighbours: connection
finds that server.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Function = TypeVar("Function", bound=Callable[..., Any])


# Newer versions of click make ParamType generic; older ones cannot be subscripted.
if TYPE_CHECKING:
    _Id = click.ParamType[str]
    _Number = click.ParamType[int]
else:
    _Id = _Number = click.ParamType


class SweepId(_Id):
    """A sweep id, completed with the ids that the running server knows."""

    name = "sweep"

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        return complete(incomplete, trials=False)


class TrialId(_Id):
    """A trial id, completed with sweep ids and, once one is whole, with its trials."""

    name = "trial"

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        return complete(incomplete, trials=True)


def complete(incomplete: str, *, trials: bool) -> list[CompletionItem]:
    """Ids that begin with `incomplete`; [] when no server runs or it does not answer at once."""
    from click.shell_completion import CompletionItem

    from opensweep.commands.connection import running_server
    from sweeps.errors import OpensweepError

    client = running_server()
    if client is None:
        return []
    try:
        with client:
            head, dash, _ = incomplete.partition("-")
            if trials and dash:
                rows = client.trials(head, limit=200)
                items = [(str(row["id"]), str(row["state"])) for row in rows]
            else:
                rows = client.sweeps()
                end = "-" if trials else ""
                items = [(f"{row['id']}{end}", _about(row)) for row in rows]
    except OpensweepError:
        return []
    return [CompletionItem(id_, help=about) for id_, about in items if id_.startswith(incomplete)]


def _about(sweep: dict[str, Any]) -> str:
    return f"{sweep['name']} ({sweep['state']})" if sweep.get("name") else str(sweep["state"])


class Whole(_Number):
    """A whole number from `low` to `high` (None: no end), refused in plain words."""

    name = "whole number"

    def __init__(self, low: int = 1, high: int | None = None) -> None:
        self._low, self._high = low, high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            number = int(value)
        except ValueError:
            self.fail(f"{value!r} is not a whole number", param, ctx)
        if number < self._low:
            self.fail(f"{number} is too small: {self._low} is the least", param, ctx)
        if self._high is not None and number > self._high:
            self.fail(f"{number} is too large: {self._high} is the most", param, ctx)
        return number


def sweep_argument(*, required: bool = True) -> Callable[[Function], Function]:
    metavar = "ID" if required else "[ID]"
    return click.argument("sweep", metavar=metavar, type=SweepId(), required=required)


def trial_argument(**attributes: Any) -> Callable[[Function], Function]:
    return click.argument("trial_id", metavar="TRIAL", type=TrialId(), **attributes)


def json_option(what: str = "the result") -> Callable[[Function], Function]:
    return click.option("--json", "as_json", is_flag=True, help=f"Print {what} as JSON.")


FILTER_HELP = (
    "Only runs that fit, in W&B's MongoDB style, such as "
    """'{"config.lr": {"$gt": 0.01}, "state": "finished"}'."""
)


def json_filter(text: str | None) -> dict[str, Any] | None:
    """What --filter says. Raises click.BadParameter when it is no JSON object."""
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"this is no JSON: {error}", param_hint="--filter") from None
    if not isinstance(found, dict):
        raise click.BadParameter("expected an object in braces", param_hint="--filter")
    return found


def print_json(value: Any) -> None:
    """One JSON document on stdout. Numbers are finite: the server writes NaN as a string."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_json_line(value: Any) -> None:
    """One JSON document on one line of stdout, at once: for a stream of them."""
    click.echo(json.dumps(value, ensure_ascii=False))
    sys.stdout.flush()


def overrides(command: Function) -> Function:
    """`--name`, `--project` and `--entity`, which replace the sweep file's."""
    for option, what in (
        ("--entity", "Replace the file's entity."),
        ("--project", "Replace the file's project."),
        ("--name", "Replace the file's name."),
    ):
        command = click.option(option, metavar="TEXT", help=what)(command)
    return command


def agent_options(command: Function) -> Function:
    """The options of `sweep agent`, which `sweep run` takes too."""
    options = (
        click.option("--count", type=Whole(), metavar="N", help="End after N trials here."),
        click.option(
            "--slots",
            type=Whole(),
            metavar="N",
            help="Trials at a time on each GPU (or group of them), or on the CPU. Default: 1.",
        ),
        click.option(
            "--gpus",
            metavar="0,1|all|none",
            help="GPUs to use, by index, MIG index (0:1) or UUID. Default: all, or the CPU.",
        ),
        click.option(
            "--gpus-per-trial",
            type=Whole(),
            default=1,
            show_default=True,
            metavar="N",
            help="GPUs that each trial gets.",
        ),
        click.option(
            "--workdir",
            type=click.Path(exists=True, file_okay=False),
            metavar="DIR",
            help="Folder in which trials start. Default: where the sweep was created, if this "
            "machine has that folder, else the current one.",
        ),
        click.option(
            "--forward-signals",
            is_flag=True,
            help="Pass SIGINT and SIGTERM on to the trials at once.",
        ),
        click.option(
            "--provide-wandb",
            is_flag=True,
            help="Give trials a `wandb` module that is opensweep's, for scripts that import it "
            "where it is not installed. Also: `provide_wandb: true` in the sweep file.",
        ),
        click.option(
            "--max-consecutive-failed-runs",
            type=Whole(),
            metavar="N",
            help="End after N failed trials in a row.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command
