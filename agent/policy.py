"""When failing trials end an agent: W&B's rules, as one pure object.

A script that is broken would otherwise eat the whole sweep, one trial after another. What counts
is the script's own failure: an exit code other than 0, a program that cannot be started, a trial
that never reported the objective. A trial that was killed by a signal, stopped, canceled or
preempted says nothing about the script.

No I/O and no clock of its own; `agent.py` feeds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sweeps.errors import ConfigurationError
from sweeps.trial import AttemptState, Outcome

FLAPPING_FAILURES = 3
FLAPPING_S = 60.0
INITIAL_FAILURES = 5


@dataclass
class FailurePolicy:
    """Counts ends of trials; says when it is enough.

    Attributes:
        flapping: 3 failures within the agent's first 60 s end it.
        initial: so many failures end it while they are no fewer than the trials that ended before,
            well or not: once two ended well, none do. 0 turns the rule off.
        consecutive: so many failures in a row end it at any time; None turns the rule off.
        finished, failed, in_a_row: what was counted so far.

    As W&B's agent counts (wandb_agent.py: `is_flapping`, `is_failing`), successes do not take
    failures back in the first minute, and the failures of before are among the trials that ended.
    """

    flapping: bool = True
    initial: int = INITIAL_FAILURES
    consecutive: int | None = None
    finished: int = field(default=0, init=False)
    failed: int = field(default=0, init=False)
    in_a_row: int = field(default=0, init=False)

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str], *, consecutive: int | None = None
    ) -> FailurePolicy:
        """Reads WANDB_AGENT_DISABLE_FLAPPING and WANDB_AGENT_MAX_INITIAL_FAILURES.

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
            flapping=disabled not in ("1", "true", "yes", "on"),
            initial=int(initial) if initial else INITIAL_FAILURES,
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
        self.failed += 1
        self.in_a_row += 1
        if self.flapping and since_start_s < FLAPPING_S and self.failed >= FLAPPING_FAILURES:
            return (
                f"{self.failed} trials failed within the first {FLAPPING_S:.0f} seconds"
                " (WANDB_AGENT_DISABLE_FLAPPING=true turns this limit off)"
            )
        before = self.finished + self.failed - 1
        if self.initial and self.failed >= self.initial and self.failed >= before:
            return (
                f"{self.failed} trials failed and only {self.finished} ended well"
                " (WANDB_AGENT_MAX_INITIAL_FAILURES sets this limit, 0 turns it off)"
            )
        if self.consecutive is not None and self.in_a_row >= self.consecutive:
            return (
                f"{self.in_a_row} trials failed one after another (--max-consecutive-failed-runs)"
            )
        return None
