"""What an agent's trials came to: counts, the best of them, and when failures are too many.

Thread-safe, no I/O. Neighbours: policy.py (the limits), agent.py (asks and acts).
"""

from __future__ import annotations

import threading

from agent.events import Summary
from agent.policy import FailurePolicy
from sweeps.trial import AttemptState, Outcome

_SCORES = (AttemptState.FINISHED, AttemptState.STOPPED)


class Tally:
    """Counts ends of trials.

    Args:
        policy: is told of each.
        maximize: whether more of the objective is better.
    """

    def __init__(self, policy: FailurePolicy, *, maximize: bool) -> None:
        self._policy, self._maximize = policy, maximize
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(("finished", "stopped", "failed", "other"), 0)
        self._best_trial: str | None = None
        self._best: float | None = None

    def add(
        self, trial_id: str, outcome: Outcome, objective: float | None, since_start_s: float
    ) -> str | None:
        """Takes in a recorded end; why the agent must end now, or None."""
        with self._lock:
            state = outcome.state.value
            self._counts[state if state in self._counts else "other"] += 1
            if objective is not None and outcome.state in _SCORES and self._improves(objective):
                self._best_trial, self._best = trial_id, objective
            return self._policy.ended(outcome, since_start_s)

    def add_unrecorded(self) -> None:
        """A trial that another agent took over."""
        with self._lock:
            self._counts["other"] += 1

    def summary(self, why: str, exit_code: int, undelivered: int) -> Summary:
        with self._lock:
            return Summary(
                finished=self._counts["finished"],
                stopped=self._counts["stopped"],
                failed=self._counts["failed"],
                other=self._counts["other"],
                best_trial=self._best_trial,
                best_objective=self._best,
                why=why,
                exit_code=exit_code,
                undelivered=undelivered,
            )

    def _improves(self, objective: float) -> bool:
        if self._best is None:
            return True
        return objective > self._best if self._maximize else objective < self._best
