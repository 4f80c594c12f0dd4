"""What the store gives and takes: one frozen dataclass a table, and a few small ones.

Plain values: they hold no connection and never change; a newer state is a newer record. Times are
seconds since the epoch (UTC) by the database's own clock, so that two machines' records compare.
Neighbours: `schema.py` (the tables), `chunk_records.py` (what runs record), `store.py` (who makes
them).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from sweeps.trial import AttemptState, Outcome, Reason, SweepState, TrialState

SILENT_S = 300.0
"""A run without a sweep of which nothing was heard for so long is shown as crashed."""


class RunState(StrEnum):
    """Where a run without a sweep stands; a trial's run has its trial's state instead.

    pending: somebody made it for a script that is to come.
    """

    PENDING = "pending"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CRASHED = "crashed"

    @property
    def over(self) -> bool:
        return self not in (RunState.PENDING, RunState.RUNNING)


@dataclass(frozen=True)
class SweepRecord:
    """One sweep.

    Attributes:
        id: 8 characters of [a-z0-9].
        name: for people.
        project: the project that it belongs to; "" for none.
        yaml: the file's text as the user gave it.
        spec: the mapping that `sweeps.spec.spec_from_mapping` takes.
        seed: of the search; always known, whether given or drawn at creation.
        origin: where it was created: path, cwd, host and the like.
        state: what it is doing.
        reason: why it is in that state, one sentence; "" when there is nothing to say.
        created: when it was recorded.
        started: when it first went to running; None before.
        ended: when it got over; None while it is open.
        owner: the controller that holds its lease (held or run out); None: nobody.
        lease_until: until when, by the database's clock; None without an owner.
        generation: counts the changes of owner; a controller whose generation is older is fenced.
        snapshot: the searcher's, as of the newest trial; None before the first.
        next_number: the number that the next trial gets; 1 at first.
        ended_seq: how many ends of trials were recorded: the newest `TrialRecord.ended_seq`.
        feed: the newest `ObjectivePoints.feed`; 0 when none was recorded.
        first_token: of each new trial's first attempt (controller/backup.py, `turn_back`).
        prior: runs that the search knows beside the trials (controller/prior.py).
        changed: when its file was last changed; None: never.
        trouble: why it gets no new trials though it should, one clause; "" while all is well.
    """

    id: str
    name: str
    project: str
    yaml: str
    spec: Mapping[str, Any]
    seed: int
    origin: Mapping[str, Any]
    state: SweepState
    reason: str
    created: float
    started: float | None
    ended: float | None
    owner: str | None
    lease_until: float | None
    generation: int
    snapshot: Mapping[str, Any] | None
    next_number: int
    ended_seq: int
    feed: int
    first_token: int = 1
    prior: Sequence[Mapping[str, Any]] = ()
    changed: float | None = None
    trouble: str = ""


@dataclass(frozen=True)
class NewTrial:
    """A suggestion to be recorded: its number within the sweep (from 1), its configuration, and
    the number of the trial whose checkpoint folder it starts with (None: with none)."""

    number: int
    config: Mapping[str, Any]
    parent: int | None = None


@dataclass(frozen=True)
class TrialRecord:
    """One trial, with what its run knows.

    Attributes:
        id: `<sweep id>-<number>`; the run's id too.
        sweep_id: its sweep.
        number: 1, 2, 3, … within the sweep, in the order of suggestion.
        config: the configuration as suggested (nested).
        state: where it stands.
        token: the newest attempt's; only that one may record.
        attempts: how many goes were queued or run; those superseded unclaimed do not count.
        objective: the score of a finished or stopped trial, always finite; None otherwise.
        reason: how the newest ended attempt ended; None before the first end.
        detail: one sentence on it; "" for none.
        summary: what the script left in its summary, and the last values logged.
        steps: the newest history step recorded, plus 1; 0 before the first row.
        created: when it was suggested.
        started: when its newest started attempt began; None before.
        ended: when it got over; None while it is open.
        ended_seq: 1, 2, 3, … within the sweep in the order of the ends' commits; None while open.
            A trial that is retried on a user's word gives its number up and gets a new one.
        agent_id, host, device: of the newest started attempt; None before the first start.
        enqueued: the name of the order by which a person asked for it, "<user>:<key>"; None: the
            search or the sweep's file did.
        parent: the number of the trial whose checkpoint folder it began with; None: with none.
    """

    id: str
    sweep_id: str
    number: int
    config: Mapping[str, Any]
    state: TrialState
    token: int
    attempts: int
    objective: float | None
    reason: Reason | None
    detail: str
    summary: Mapping[str, Any]
    steps: int
    created: float
    started: float | None
    ended: float | None
    ended_seq: int | None
    agent_id: str | None
    host: str | None
    device: str | None
    enqueued: str | None = None
    parent: int | None = None


@dataclass(frozen=True)
class AttemptRecord:
    """One go at running a trial.

    Attributes:
        trial_id: its trial.
        token: 1, 2, 3, … within the trial.
        sweep_id, number: of its trial.
        state: where it stands.
        agent_id, host, device, pid: who runs it, and where; None before the start (pid: also when
            the agent did not say).
        created, started, ended: times; None for what has not happened.
        reason, detail, exit_code, signal: as in `Outcome`; reason None while it is not over.
        ordered: a person wants it to end, and in what words; None: nobody does.
    """

    trial_id: str
    token: int
    sweep_id: str
    number: int
    state: AttemptState
    agent_id: str | None
    host: str | None
    device: str | None
    pid: int | None
    created: float
    started: float | None
    ended: float | None
    reason: Reason | None
    detail: str
    exit_code: int | None
    signal: int | None
    ordered: str | None = None

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None for one that is open or was superseded."""
        if self.reason is None:
            return None
        return Outcome(self.state, self.reason, self.detail, self.exit_code, self.signal)


class AttemptTime(NamedTuple):
    """When an attempt that is over ran, on what (`AttemptRecord.device`), at which trial."""

    number: int
    started: float
    ended: float
    device: str | None


@dataclass(frozen=True)
class SeenAgent:
    """An agent that has run trials of a sweep.

    Attributes:
        agent_id, host: who.
        attempts: how many it began.
        began, ended: when its first one began, and when its last one ended that did; None: none.
    """

    agent_id: str
    host: str | None
    attempts: int
    began: float | None
    ended: float | None


@dataclass(frozen=True)
class RunRecord:
    """A run, a trial's or one of its own: what was recorded from its folder.

    Attributes:
        id: the trial's id, for a trial's run.
        sweep_id: its sweep; None for a run of its own.
        project: the whole name of the project that it belongs to (sweeps/project.py); "" for none.
        local_id: by which its script knows it; unique within the project. Nearly always the id.
        name: for people; the id unless somebody named it.
        state: a trial's run: as the trial's. Else as it is shown: silence counts as a crash.
        exit_code: of a run without a sweep; None while it runs, or when nobody knows.
        config: the configuration with what the script added to it.
        summary: as in `TrialRecord`.
        metadata: host, command, versions, tags, notes and the like, as the run folder has them.
        metrics: what define_metric said, by metric.
        writer: the newest writer (attempt token) that was started; 0 before the first.
        steps: as in `TrialRecord`.
        parent_id, fork_step: the run that it was forked from, and the last step taken over; or
            None.
        created, started, ended: times, as the trial's.
        heard: when it last said anything; None before it first did.
        updated: when anything of it was last recorded, a person's edits too.
    """

    id: str
    sweep_id: str | None
    project: str
    local_id: str
    name: str
    state: TrialState | RunState
    exit_code: int | None
    config: Mapping[str, Any]
    summary: Mapping[str, Any]
    metadata: Mapping[str, Any]
    metrics: Mapping[str, Any]
    writer: int
    steps: int
    parent_id: str | None
    fork_step: int | None
    created: float
    started: float | None
    ended: float | None
    heard: float | None
    updated: float


@dataclass(frozen=True)
class NewRun:
    """A run without a sweep as its folder introduces it.

    Attributes:
        id: the run's.
        uid: of the folder, drawn when it was made.
        writer: the folder's attempt, from 1.
        project, name, config, metadata: as in `RunRecord`; name "": the metadata's, or
            the id.
        parent, fork_step: as in `RunRecord`.
        started: when the script began, by the clock of its machine; None: now.
        resume: what the script said: "allow", "must", "auto", "never" or "".
        local_id: as in `RunRecord`; "": the id.
    """

    id: str
    uid: str
    writer: int = 1
    project: str = ""
    name: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    parent: str | None = None
    fork_step: int | None = None
    started: float | None = None
    resume: str = ""
    local_id: str = ""


@dataclass(frozen=True)
class Registered:
    """What registering a run came to.

    Attributes:
        writer: as which writer this attempt of the folder records from now on.
        steps: the newest history step recorded, plus 1 (a forked run: the parent's last, plus 1).
        state: of the run, now.
        new: whether the run was not there before.
    """

    writer: int
    steps: int
    state: RunState
    new: bool


class AlertState(StrEnum):
    """What becomes of an alert.

    due: to be delivered. held: a like one was raised a short while before. kept: nobody was to be
    told. delivered: every address has it. failed: some address never took it.
    """

    DUE = "due"
    HELD = "held"
    KEPT = "kept"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True)
class AlertRecord:
    """What a script told people.

    Attributes:
        run_id, writer, lane, number: its name; `number` counts the alerts of that process.
        project: the run's.
        state: what became of it.
        level: INFO, WARN or ERROR.
        title, text: for people.
        wait_s: another alert of this run with this title is held for so long.
        raised: when, by the script's clock.
        created: when it was recorded.
        delivered: when the last address had it; None before.
        told: digests of the addresses that have it.
    """

    run_id: str
    writer: int
    lane: str
    number: int
    project: str
    state: AlertState
    level: str
    title: str
    text: str
    wait_s: float
    raised: float
    created: float
    delivered: float | None
    told: Sequence[str]

    @property
    def name(self) -> tuple[str, int, str, int]:
        return self.run_id, self.writer, self.lane, self.number


@dataclass(frozen=True)
class Ended:
    """What recording an attempt's end came to.

    Attributes:
        trial: as it is now: over, or queued again with the next token.
        repeat: True: this end was recorded before, and nothing changed now.
    """

    trial: TrialRecord
    repeat: bool
