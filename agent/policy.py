"""When failing trials end an agent, as one pure object.

A script that is broken would otherwise eat the whole sweep, one trial after another. What counts
is the script's own failure: an exit code other than 0, a program that cannot be started, a trial
that never reported the objective. A trial that was killed by a signal, stopped, canceled or
preempted says nothing about the script.

W&B's agent ends at three failures within its first minute, however many trials ended well (and at
five while fewer ended well). It runs one trial at a time and takes five seconds from one to the
next; here a slot takes milliseconds, there are many, and what fails ends long before what trains:
a space of which a fifth runs out of memory would end an agent in most of its starts. So one trial
that ended well proves the script, whatever failed before; and until then as many more may fail as
there are further slots, since so many were under way before anybody knew. Where three in ten
trials fail by nature, one start in 200 ends so. W&B's two variables keep their sense.

No I/O and no clock of its own; `agent.py` feeds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sweeps.errors import ConfigurationError
from sweeps.trial import AttemptState, Outcome

FIRST_S = 60.0
"""Seconds from an agent's start in which WANDB_AGENT_DISABLE_FLAPPING forgives failures."""
INITIAL_FAILURES = 5


@dataclass
class FailurePolicy:
    """Counts ends of trials; says when it is enough.

    Attributes:
        initial: so many failures end the agent while no trial has ended well. 0 turns the rule
            off.
        forgiving: failures within the agent's first 60 s do not count to that.
        consecutive: so many failures in a row end it at any time; None turns the rule off.
        finished, failed, in_a_row: what was counted so far.
    """

    initial: int = INITIAL_FAILURES
    forgiving: bool = False
    consecutive: int | None = None
    finished: int = field(default=0, init=False)
    failed: int = field(default=0, init=False)
    in_a_row: int = field(default=0, init=False)

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str], *, slots: int = 1, consecutive: int | None = None
    ) -> FailurePolicy:
        """Reads WANDB_AGENT_DISABLE_FLAPPING and WANDB_AGENT_MAX_INITIAL_FAILURES.

        Args:
            slots: trials that run side by side; each beyond the first may fail once more, unless
                the environment says how many may.
            consecutive: see above.

        Raises:
            ConfigurationError: the number is none, or is negative.
        """
        disabled = environ.get("WANDB_AGENT_DISABLE_FLAPPING", "").strip().lower()
        initial = environ.get("WANDB_AGENT_MAX_INITIAL_FAILURES", "").strip()
        if initial and not initial.isdigit():
            raise ConfigurationError(
                f"WANDB_AGENT_MAX_INITIAL_FAILURES is {initial!r}; it must be a whole number"
                " (0 turns the limit off)."
            )
        return cls(
            initial=int(initial) if initial else INITIAL_FAILURES + max(slots, 1) - 1,
            forgiving=disabled in ("1", "true", "yes", "on"),
            consecutive=consecutive,
        )

    def ended(self, outcome: Outcome, since_start_s: float) -> str | None:
        """Counts one trial's end; the sentence why the agent must end, or None to go on.

        Args:
            outcome: how the trial ended.
            since_start_s: seconds since the agent began.
        """
        if outcome.state in (AttemptState.FINISHED, AttemptState.STOPPED):
            self.finished += 1
            self.in_a_row = 0
            return None
        if outcome.state is not AttemptState.FAILED or outcome.signal is not None:
            return None
        self.in_a_row += 1
        if not (self.forgiving and since_start_s < FIRST_S):
            self.failed += 1
        if self.initial and self.failed >= self.initial and not self.finished:
            return (
                f"{self.failed} trials failed here and none has ended well yet"
                " (WANDB_AGENT_MAX_INITIAL_FAILURES sets this limit, 0 turns it off)"
            )
        if self.consecutive is not None and self.in_a_row >= self.consecutive:
            return (
                f"{self.in_a_row} trials failed one after another (--max-consecutive-failed-runs)"
            )
        return None
