"""Starts, stops and buries training processes; says in plain words how each one ended.

Signatures first, so that the worker can be written against them; the bodies follow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweeps.errors import OpensweepError
from sweeps.protocol.live import Order
from sweeps.trial import Outcome


class LaunchError(OpensweepError):
    """A training process could not be started: no such program, not executable, no such folder."""


@dataclass(frozen=True)
class Exit:
    """How a training process ended; everything that it left behind is dead by now.

    Attributes:
        code: exit code; None when a signal ended it.
        signal: that signal's number; None when it exited.
        ended: when the process itself ended (UTC epoch seconds).
        max_rss_kb: its peak resident memory, or its largest child's, in KiB.
        oom_kills: processes of this cgroup that the kernel killed for memory while it ran.
        stragglers: processes left behind that had to be ended.
        lost: the warden was killed and took the process with it; code and signal are unknown.
    """

    code: int | None
    signal: int | None
    ended: float
    max_rss_kb: int
    oom_kills: int = 0
    stragglers: int = 0
    lost: bool = False


class Process:
    """A training process that was started."""

    pid: int

    def wait(self, timeout: float | None = None) -> Exit | None:
        """The end of the process and of all that it left behind; None after `timeout` seconds."""
        raise NotImplementedError

    def stop(self, grace_s: float) -> None:
        """TERM now, KILL after `grace_s`; returns at once. Asked again: the earlier end counts."""
        raise NotImplementedError

    def kill(self) -> None:
        """KILL now; returns at once."""
        raise NotImplementedError

    def signal(self, sig: int) -> None:
        """Sends `sig` to the process group; returns at once."""
        raise NotImplementedError


class Supervisor:
    """The agent's end of the warden. Thread-safe. One per agent process."""

    def __init__(self, agent_id: str, *, grace_s: float = 5.0) -> None:
        """`grace_s`: between TERM and KILL when the agent has died."""
        raise NotImplementedError

    def marker(self, trial_id: str, token: int) -> str:
        """The value of OPENSWEEP_ATTEMPT for an attempt: names this agent's very process too."""
        raise NotImplementedError

    def start(
        self,
        *,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: Path | str,
        console: Path | str,
        marker: str,
        keep_fds: Sequence[int] = (),
    ) -> Process:
        """Starts a process in its own session, stdin closed, output appended to `console`.

        Raises LaunchError.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Ends whatever still runs (TERM, the short grace, KILL), then the warden."""
        raise NotImplementedError


def classify(
    exit: Exit | None,
    *,
    console_tail: str,
    asked: Order | None,
    why: str,
    preempting: bool,
    agent_ending: bool = False,
    launch_error: LaunchError | None = None,
) -> Outcome:
    """What an attempt's end means. Pure.

    Args:
        exit: how the process ended; None when it never started (then `launch_error` is given).
        console_tail: the last few kilobytes of its output.
        asked: the order that was carried out on it (stop, cancel), if any.
        why: the reason that came with the order.
        preempting: the script (mark_preempting) or the machine said that it is being taken away.
        agent_ending: the agent stopped it because the agent itself was told to end.
        launch_error: what start() raised.
    """
    raise NotImplementedError


def sweep_stragglers(grace_s: float = 2.0) -> list[int]:
    """Ends processes of trials whose agent is dead and gone; returns their pids."""
    raise NotImplementedError
