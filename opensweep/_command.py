"""The `sweep` command: its list of sub-commands and its one error boundary.

A sub-command's module is imported when that sub-command is used, so that `sweep --help` and shell
completion cost an import of click and nothing else. Every exception ends here: those of
`sweeps.errors` become one line on stderr and an exit code, anything else one line that says it is
a bug; no traceback is shown unless `--debug` or OPENSWEEP_DEBUG asks for it.

Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted, 141 the reader of our output left.

It must never import NumPy, SQLAlchemy, Redis, Optuna or rich. Neighbours: commands/ (one module a
group of sub-commands), and the packages that open_rooms() makes importable.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from keyword import iskeyword
from typing import Any, cast

import click


def open_rooms() -> None:
    """Puts the folder that holds our four packages first on sys.path, in this process alone.

    In an installed wheel that is `opensweep/_rooms`; in a checkout, the checkout. First, because
    `agent`, `controller` and `sweeps` are names that others use too.
    """
    here = os.path.dirname(os.path.abspath(__file__))
    rooms = os.path.join(here, "_rooms")
    folder = rooms if os.path.isdir(rooms) else os.path.dirname(here)
    sys.path[:] = [folder, *(entry for entry in sys.path if entry != folder)]


# Section -> sub-command -> (module in opensweep.commands, one line of help). The lines are here so
# that the listing needs no import; a test holds them equal to the commands' own.
SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Run a sweep": {
        "run": ("run", "Create a sweep and run it here, with live progress."),
        "create": ("create", "Check a sweep file and record the sweep."),
        "agent": ("agent", "Run trials of a sweep on this machine until it is done."),
    },
    "Look": {
        "open": ("dashboard", "Open the dashboard in the browser, logged in."),
        "ls": ("status", "List the sweeps."),
        "status": ("status", "Show where a sweep stands."),
        "trials": ("trials", "List the trials of a sweep."),
        "best": ("trials", "Show the best trial and its configuration."),
        "importance": (
            "importance",
            "Show which parameters matter, by functional ANOVA and rank correlation.",
        ),
        "advise": (
            "advise",
            "Say which trial is really the best, where to look next, and if more trials pay.",
        ),
        "logs": ("trials", "Show what a trial printed."),
        "runs": ("runs", "List runs, of a sweep or of their own."),
        "alerts": ("runs", "List what runs called out with alert()."),
        "report": ("reports", "List reports, read them, save one as a file."),
        "artifact": ("artifact", "Put files into artifacts, get them back, list them."),
        "export": ("export", "Write trials, runs or their history as CSV, JSON or Parquet."),
    },
    "Steer": {
        "pause": ("control", "Hand out no new trials; those running go on."),
        "resume": ("control", "Go on with a paused sweep."),
        "stop": ("control", "End a sweep once its running trials are done."),
        "cancel": ("control", "End a sweep now, killing its running trials."),
        "update": ("control", "Give a sweep another file, while it runs or after it."),
        "enqueue": ("orders", "Try a configuration of yours next."),
        "retry": ("orders", "Try failed trials again: all of a sweep, or those you name."),
        "stop-trial": ("orders", "End single trials, keeping the values that they logged."),
    },
    "This machine": {
        "sync": ("sync", "Send runs that are kept on this machine to the server."),
        "import": ("import_runs", "Bring runs of wandb, tensorboard or mlflow here."),
        "import-wandb": ("import_wandb", "Bring a project of a W&B server here."),
        "server": ("server", "Start, stop or look at the server."),
        "backup": ("backup", "Write all that the server keeps into one file."),
        "restore": ("backup", "Put a backup into the home folder."),
        "doctor": ("doctor", "Check that this machine is ready for sweeps."),
        "completion": ("completion", "Print the shell's completion script."),
    },
}
_MODULES = {name: module for part in SECTIONS.values() for name, (module, _) in part.items()}


class SweepCommand(click.Group):
    """A group whose sub-commands are imported on use, and whose `main` is the error boundary."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_MODULES)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002
        cmd_name: str,
    ) -> click.Command | None:
        module = _MODULES.get(cmd_name)
        if module is None:
            return None
        loaded = import_module(f"opensweep.commands.{module}")
        taken = iskeyword(cmd_name) or cmd_name == "open"
        attribute = f"{cmd_name}_" if taken else cmd_name.replace("-", "_")
        return cast("click.Command", getattr(loaded, attribute))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _MODULES and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], _MODULES, n=1)
            hint = f" Did you mean `sweep {near[0]}`?" if near else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderLeft from error  # click's own answer would be exit code 1

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        width = max(map(len, _MODULES))
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                rows = [(name.ljust(width), line) for name, (_, line) in commands.items()]
                formatter.write_dl(rows)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        run = super().main

        def call() -> Any:
            return run(args, prog_name or "sweep", complete_var, standalone_mode=False, **extra)

        if standalone_mode:
            sys.exit(guarded(call))
        return call()


class _ReaderLeft(Exception):
    """Whoever read our output does so no more."""


def guarded(call: Callable[[], Any]) -> int:
    """The exit code of `call()`: what it returns, or what its exception stands for.

    Says on stderr, in one line, what went wrong.
    """
    from sweeps.errors import OpensweepError

    try:
        code = call()
        sys.stdout.flush()
    except (KeyboardInterrupt, click.Abort):
        return 130
    except click.ClickException as error:
        _complain(error, _usage(error))
        return error.exit_code
    except OpensweepError as error:
        _complain(error, str(error))
        return error.exit_code
    except (BrokenPipeError, _ReaderLeft):
        # Python flushes stdout once more on its way out; there is nobody to read it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        _complain(error, _of_the_system(error))
        return 1
    except Exception as error:
        _complain(error, _bug(error))
        return 1
    return code if isinstance(code, int) else 0


def _complain(error: BaseException, message: str) -> None:
    if os.environ.get("OPENSWEEP_DEBUG"):
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    label = click.style("error:", fg="red", bold=True)
    click.echo(f"{label} {' '.join(message.split())}", err=True, color=_colour())


def _usage(error: click.ClickException) -> str:
    message = error.format_message()
    if not message.endswith((".", "?")):
        message += "."
    ctx = getattr(error, "ctx", None)
    return f"{message} See `{ctx.command_path} --help`." if ctx else message


def _of_the_system(error: OSError) -> str:
    """What the machine refused, for the refusals that its user can mend."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full{where}: make room, then run the command again"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{error.strerror}{where}: choose a place that you may write to"
    return _bug(error)


def _bug(error: BaseException) -> str:
    return (
        f"{type(error).__name__}: {error}: this is a bug in opensweep; "
        "set OPENSWEEP_DEBUG=1 to see where, and please report it"
    )


def _colour() -> bool | None:
    """None: as the stream allows; False: NO_COLOR forbids it (https://no-color.org)."""
    return False if os.environ.get("NO_COLOR") else None


def _version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"opensweep {version('opensweep')}")
        ctx.exit()


@click.command(
    cls=SweepCommand,
    invoke_without_command=True,  # `sweep` alone asks what there is: the help, and no error
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Example:
  sweep run sweep.yaml          all of it on this machine
  sweep create sweep.yaml       or: record it once, and then
  sweep agent <id>              on every machine that shall work for it""",
)
@click.option("--debug", is_flag=True, help="Show tracebacks, as OPENSWEEP_DEBUG=1 does.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version.",
)
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Hyperparameter sweeps on your own machines.

    W&B sweep files run unchanged, with no account and no cloud.
    """
    ctx.color = _colour()
    if debug:
        os.environ["OPENSWEEP_DEBUG"] = "1"
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> None:
    """The console script."""
    open_rooms()
    cli.main(prog_name="sweep")
