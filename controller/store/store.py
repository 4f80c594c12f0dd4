"""The database's face: what the controller records and reads, each method one transaction.

This file is the signature for now; see `records.py` for what is given and taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

from controller.store.records import (
    AttemptRecord,
    Chunk,
    ChunkKind,
    Ended,
    NewTrial,
    ObjectivePoints,
    RunRecord,
    SweepRecord,
    TrialRecord,
)
from sweeps.protocol.columns import Columns
from sweeps.trial import Outcome, SweepState, TrialState


def open_store(url: str) -> Store:
    """`sqlite:////path/file.db` or `postgresql://user:pass@host/db`; migrates."""
    raise NotImplementedError


class Store:
    """Thread-safe. Every method may raise StoreUnavailable (try again) or StoreError."""

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    # -- sweeps -------------------------------------------------------------------------------

    def create_sweep(
        self,
        *,
        sweep_id: str,
        name: str,
        project: str,
        yaml: str,
        spec: Mapping[str, Any],
        seed: int,
        origin: Mapping[str, Any],
    ) -> SweepRecord:
        """Records a pending sweep. StoreError when the id is taken."""
        raise NotImplementedError

    def get_sweep(self, sweep_id: str) -> SweepRecord:
        """NotFoundError."""
        raise NotImplementedError

    def list_sweeps(self, state: SweepState | None = None) -> list[SweepRecord]:
        """Newest first."""
        raise NotImplementedError

    def open_sweeps(self) -> list[SweepRecord]:
        """Those that are not over, oldest first."""
        raise NotImplementedError

    def set_sweep_state(self, sweep_id: str, state: SweepState, reason: str = "") -> SweepRecord:
        """IllegalTransition by `check_sweep`. Sets started and ended."""
        raise NotImplementedError

    def take_sweep(self, sweep_id: str, owner: str, ttl_s: float) -> int | None:
        """The generation, or None: another owner's lease is still good. Renewing: the same call."""
        raise NotImplementedError

    def release_sweep(self, sweep_id: str, owner: str) -> None:
        """Nothing happens when `owner` does not hold it."""
        raise NotImplementedError

    # -- trials and attempts ------------------------------------------------------------------

    def add_trials(
        self,
        sweep_id: str,
        generation: int,
        trials: Sequence[NewTrial],
        snapshot: Mapping[str, Any],
    ) -> list[AttemptRecord]:
        """Fenced: stale generation, or the numbers do not go on from next_number.

        IllegalTransition: the sweep is neither pending nor running.
        """
        raise NotImplementedError

    def queued_attempts(self, sweep_id: str) -> list[AttemptRecord]:
        """By number."""
        raise NotImplementedError

    def running_attempts(self, sweep_id: str) -> list[AttemptRecord]:
        """By number."""
        raise NotImplementedError

    def start_attempt(
        self,
        trial_id: str,
        token: int,
        *,
        agent_id: str,
        host: str,
        device: str,
        pid: int | None = None,
    ) -> TrialRecord:
        """Fenced: not the newest token, over, or running on another agent."""
        raise NotImplementedError

    def end_attempt(
        self,
        trial_id: str,
        token: int,
        outcome: Outcome,
        *,
        summary: Mapping[str, Any] | None = None,
        objective: float | None = None,
        retry: Callable[[Sequence[Outcome]], bool],
    ) -> Ended:
        """Fenced: a stale token, or this attempt's end is on record with ANOTHER outcome (so the
        reaper's `lost` after the agent's `finished`, or the reverse). repeat: the same outcome."""
        raise NotImplementedError

    def requeue_attempt(self, trial_id: str, token: int) -> AttemptRecord:
        """A queued attempt is superseded by one with the next token. Fenced if it moved on."""
        raise NotImplementedError

    def retry_trial(self, trial_id: str) -> AttemptRecord:
        """A failed trial is queued again. IllegalTransition for any other state."""
        raise NotImplementedError

    def cancel_queued(self, sweep_id: str) -> list[TrialRecord]:
        """Cancels all queued trials; they get their ended_seq, in the order of their numbers."""
        raise NotImplementedError

    def get_trial(self, trial_id: str) -> TrialRecord:
        """NotFoundError."""
        raise NotImplementedError

    def trials(
        self,
        sweep_id: str,
        *,
        after_number: int = 0,
        limit: int | None = None,
        state: TrialState | None = None,
    ) -> list[TrialRecord]:
        """By number."""
        raise NotImplementedError

    def attempts(self, trial_id: str) -> list[AttemptRecord]:
        """By token."""
        raise NotImplementedError

    def ended_since(self, sweep_id: str, seq: int, limit: int | None = None) -> list[TrialRecord]:
        """Trials with ended_seq > seq, in that order."""
        raise NotImplementedError

    def counts(self, sweep_id: str) -> dict[TrialState, int]:
        """Every state is there, with 0 when no trial is in it."""
        raise NotImplementedError

    def best_trial(self, sweep_id: str, goal: str) -> TrialRecord | None:
        """Goal "minimize" or "maximize"; over finished and stopped trials; ties: lower number."""
        raise NotImplementedError

    # -- runs and what they logged --------------------------------------------------------------

    def get_run(self, run_id: str) -> RunRecord:
        """NotFoundError."""
        raise NotImplementedError

    def update_run(
        self,
        run_id: str,
        writer: int,
        *,
        config: Mapping[str, Any] | None = None,
        summary: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Replaces what is given. Fenced as in add_chunk."""
        raise NotImplementedError

    def add_chunk(self, chunk: Chunk) -> bool:
        """False: had it already. Fenced: the writer is older than the newest started token."""
        raise NotImplementedError

    def chunks(
        self, run_id: str, kind: ChunkKind, *, after: tuple[int, int] = (0, -1)
    ) -> Iterator[Chunk]:
        """In the order of (writer, seq), those beyond `after`; read in pages."""
        raise NotImplementedError

    def history(self, run_id: str, keys: Sequence[str] | None = None) -> Columns:
        """Merged over writers."""
        raise NotImplementedError

    def objective_feed(self, sweep_id: str, after: int, limit: int = 1000) -> list[ObjectivePoints]:
        """Those with feed > after, in order."""
        raise NotImplementedError

    def objective_curve(self, trial_id: str) -> list[tuple[int, float]]:
        """(step, value), merged as history is."""
        raise NotImplementedError
