"""Functions and classes of W&B's that opensweep has no other use for."""

from __future__ import annotations

from typing import Any, NoReturn

from logging_core import terminal

patched: dict[str, list[Any]] = {"tensorboard": [], "keras": [], "gym": []}
_said: set[str] = set()


class RunDisabled:
    """W&B's run of mode "disabled"; here such a run is a Run, and nothing is one of these."""


class SummaryDisabled:
    """As RunDisabled."""


class ArtifactTTL:
    """What an artifact's `ttl` may be besides a timedelta."""

    INHERIT = "inherit"


def termlog(string: str = "", newline: bool = True, repeat: bool = True, **_: Any) -> None:  # noqa: ARG001
    """Says something on the terminal; not `repeat`: once."""
    _say(string, repeat)


def termwarn(string: str, newline: bool = True, repeat: bool = True, **_: Any) -> None:  # noqa: ARG001
    """Warns on the terminal; not `repeat`: once."""
    _say("WARNING " + string, repeat)


def termerror(string: str, newline: bool = True, repeat: bool = True, **_: Any) -> None:  # noqa: ARG001
    """An error, on the terminal; not `repeat`: once."""
    _say("ERROR " + string, repeat)


def termsetup(*_args: Any, **_kwargs: Any) -> None:
    """Nothing to set up."""


def _say(text: str, repeat: bool) -> None:
    if repeat or text not in _said:
        _said.add(text)
        terminal.say(text)


def require(*_args: Any, **_kwargs: Any) -> None:
    """W&B's switch for coming features; there is none to switch."""


def ensure_configured() -> None:
    """There is nothing to configure."""


def join(*args: Any, **kwargs: Any) -> None:
    """finish(), by its old name."""
    from logging_core.active import finish

    finish(*args, **kwargs)


def _refuses(name: str, instead: str) -> Any:
    def refuse(*_args: Any, **_kwargs: Any) -> NoReturn:
        raise NotImplementedError(
            f"wandb.{name}() is not there: this `wandb` is opensweep's stand-in; {instead}"
        )

    refuse.__name__ = name
    return refuse


attach = _attach = _refuses(
    "attach", "log from the process that called init(), or use mode='shared' in each"
)
controller = _refuses("controller", "a sweep's controller is part of `sweep server`")
sagemaker_auth = _refuses("sagemaker_auth", "there is no account")
pin_config_keys = _refuses("pin_config_keys", "pin them in the dashboard")
EvalTable = _refuses("EvalTable", "log a wandb.Table")
JoinedTable = _refuses("JoinedTable", "join the rows and log a wandb.Table")


class helper:  # noqa: N801 - W&B's module of that name
    """wandb.helper.parse_config."""

    @staticmethod
    def parse_config(params: Any, exclude: Any = None, include: Any = None) -> dict[str, Any]:
        """A config as a dict, with only (or without) the keys that are named."""
        from logging_core.start import chosen

        return chosen(params, include, exclude)


class profiler:  # noqa: N801 - W&B's module of that name
    """wandb.profiler."""

    torch_trace_handler = staticmethod(
        _refuses("profiler.torch_trace_handler", "save the trace with wandb.save()")
    )
