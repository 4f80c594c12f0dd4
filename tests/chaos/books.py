"""The books of a sweep that chaos has passed through: each check says what is wrong, in sentences.

Judged are the database (trials, attempts, history, summaries), Redis, what the scripts themselves
noted, what is on the boxes' disks, and the kernel's tables of processes and locks. Nothing here
waits, but for leases that nobody gave back (`LATE_S`).
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adversary import Done, out_of_reach
from chaos_script import FILE, STEPS, content, kind_of, loss
from chaos_world import Shape, World
from parts import members

from agent import kernel
from controller.store.chunk_records import ChunkKind
from controller.store.records import AttemptRecord, TrialRecord
from controller.store.store import Store, open_store
from sweeps.protocol.live import LEASE_S, is_wandb_agent
from sweeps.retry import LOST_LIMIT
from sweeps.search import make_searcher
from sweeps.spec import load_spec
from sweeps.trial import AttemptState, Reason, TrialState

LATE_S = LEASE_S + 10.0
_S, _R = AttemptState, Reason

PLAUSIBLE: dict[AttemptState, set[Reason | None]] = {
    _S.FINISHED: {_R.OK},
    _S.FAILED: {_R.KILLED},
    _S.PREEMPTED: {_R.PREEMPTED, _R.AGENT},
    _S.LOST: {_R.LEASE_EXPIRED, _R.AGENT},
    _S.SUPERSEDED: {None},
}
"""How an attempt may have ended here, and why."""


def check(world: World, journal: list[Done]) -> list[str]:
    """All that is wrong with a sweep that has ended, while its server still runs."""
    with open_store(world.database_url) as store:
        trials = store.trials(world.sweep_id)
        attempts = {trial.id: store.attempts(trial.id) for trial in trials}
        wrong = [*_points(world.shape, store, trials, world.sweep_id)]
        for trial in trials:
            wrong += _ends(trial, attempts[trial.id])
            wrong += _record(store, trial, attempts[trial.id])
            wrong += _rest(store, trial, attempts[trial.id])
    wrong += _runs(world.root, attempts)
    wrong += _overlaps(world.root, attempts, journal)
    return wrong + check_redis(world)


def check_redis(world: World) -> list[str]:
    """What is live when nothing lives. A lease that nobody gave back runs out within `LATE_S`."""
    deadline = time.monotonic() + LATE_S
    while (wrong := list(_redis(world))) and time.monotonic() < deadline:
        time.sleep(0.5)
    return wrong


def tally(world: World) -> str:
    """How the attempts ended: `60 finished ok, 7 lost lease_expired, …`."""
    with open_store(world.database_url) as store:
        trials = store.trials(world.sweep_id)
        ends = Counter(
            f"{one.state} {one.reason or ''}".strip()
            for trial in trials
            for one in store.attempts(trial.id)
        )
    return ", ".join(f"{count} {end}" for end, count in ends.most_common())


def check_rest(world: World) -> list[str]:
    """What is left when the server and the agents have ended."""
    left = [kernel.variable(one.pid, "OPENSWEEP_CHAOS_BOX") for one in members(world.id)]
    wrong = [f"processes are left, of {left}"] if left else []
    wrong += [f"a lock is held on {path}" for path in locked_files(world.root)]
    wrong += [f"{path} is left" for path in _litter(world.root)]
    return wrong


# -- the database -------------------------------------------------------------------------------


def _points(shape: Shape, store: Store, trials: list[TrialRecord], sweep_id: str) -> Iterator[str]:
    """Each point of the search once; the searcher's state as if nothing had happened."""
    state = store.get_sweep(sweep_id).state
    if state != "finished":
        yield f"the sweep is {state}"
    spec = load_spec(shape.sweep_file())
    wanted = [dict(s.config) for s in make_searcher(spec, shape.seed).ask(shape.trials)]
    found = [dict(trial.config) for trial in sorted(trials, key=lambda trial: trial.number)]
    if found != wanted:
        twice = [x for x, n in Counter(str(one) for one in found).items() if n > 1]
        missing = [one for one in wanted if one not in found]
        yield f"{len(found)} points for {len(wanted)}; twice: {twice}; missing: {missing}"


def _ends(trial: TrialRecord, attempts: list[AttemptRecord]) -> Iterator[str]:
    where = f"trial {trial.id}"
    told = ", ".join(f"{a.token} {a.state} ({a.reason}: {a.detail})" for a in attempts)
    if [a.token for a in attempts] != list(range(1, len(attempts) + 1)):
        yield f"{where} has gaps in its tokens: {told}"
    for attempt in attempts:
        if not attempt.state.over:
            yield f"{where} has an attempt that is not over: {told}"
        elif attempt.reason not in PLAUSIBLE.get(attempt.state, set()) and not _never_began(
            attempt
        ):
            yield f"{where} has an end that nobody gave it: {told}"
    ends = Counter(a.state for a in attempts)
    counted = [a for a in attempts if a.state is not _S.SUPERSEDED]
    if trial.state is TrialState.FAILED and ends[_S.LOST] > LOST_LIMIT:
        return
    if trial.state is not TrialState.FINISHED:
        yield f"{where} is {trial.state} ({trial.reason}: {trial.detail}): {told}"
    if ends[_S.FINISHED] != 1 or not attempts or attempts[-1].state is not _S.FINISHED:
        yield f"{where} did not finish once, and last: {told}"
    if trial.attempts != len(counted):
        yield f"{where} counts {trial.attempts} attempts: {told}"


def _never_began(attempt: AttemptRecord) -> bool:
    """Of a W&B agent that was killed between the command and its script's first word."""
    return (
        is_wandb_agent(attempt.agent_id)
        and attempt.state is _S.FAILED
        and attempt.reason is _R.ERROR
    )


def _record(store: Store, trial: TrialRecord, attempts: list[AttemptRecord]) -> Iterator[str]:
    """History gapless and without repeats, over attempts and checkpoints; the summary right."""
    if trial.state is not TrialState.FINISHED:
        return
    rows = [(step, row) for step, _, row in store.history(trial.id).rows()]
    steps = [step for step, _ in rows]
    where = f"trial {trial.id}, {_way(attempts)}"
    if steps != list(range(STEPS)):
        by = [(step, row.get("attempt")) for step, row in rows]
        yield f"{where}: its history has (step, attempt) {by}"
    for step, row in rows:
        if row.get("at") != step or row.get("loss") != loss(trial.number, step):
            yield f"{where}: step {step} is {row}"
    if trial.steps != STEPS:
        yield f"{where}: it counts {trial.steps} steps"
    if trial.objective != loss(trial.number, STEPS - 1):
        yield f"{where}: its objective is {trial.objective}"
    wanted = {"loss": loss(trial.number, STEPS - 1), "at": STEPS - 1, "steps": STEPS}
    if {key: trial.summary.get(key) for key in wanted} != wanted:
        yield f"{where}: its summary is {dict(trial.summary)}"


def _rest(store: Store, trial: TrialRecord, attempts: list[AttemptRecord]) -> Iterator[str]:
    """What an agent of ours brings beside the rows: the console, each line once, and the file."""
    last = attempts[-1]
    if trial.state is not TrialState.FINISHED or is_wandb_agent(last.agent_id):
        return
    chunks = [c for c in store.chunks(trial.id, ChunkKind.CONSOLE) if c.writer == last.token]
    lines = b"".join(c.data for c in chunks).decode().splitlines()
    told = [line for line in lines if line.startswith("step ")]
    wanted = [f"step {step} of attempt {last.token}" for step in range(STEPS)]
    begun = STEPS - len(told) if kind_of(trial.number) == "checkpoint" else 0
    if told != wanted[begun:]:
        yield f"trial {trial.id}, {_way(attempts)}: its console says {told}"
    files = {file.path: file.digest for file in store.files(trial.id)}
    if files.get(FILE) != hashlib.sha256(content(trial.number)).hexdigest():
        yield f"trial {trial.id}, {_way(attempts)}: its files are {files}"


def _way(attempts: list[AttemptRecord]) -> str:
    """Where a trial was tried: `1 box0 lost, 2 box3 finished` (by the agents' processes)."""
    return ", ".join(f"{a.token} {a.agent_id} {a.state}" for a in attempts)


# -- what the scripts noted ---------------------------------------------------------------------


def _runs(root: Path, attempts: dict[str, list[AttemptRecord]]) -> Iterator[str]:
    """No attempt ran twice, and none that nobody knows of."""
    known = {(a.number, a.token): a for many in attempts.values() for a in many}
    began = Counter((one["number"], one["attempt"]) for one in _notes(root / "began.jsonl"))
    for name, times in began.items():
        if times > 1:
            yield f"attempt {name[1]} of trial {name[0]} ran {times} times"
        if name not in known:
            yield f"attempt {name[1]} of trial {name[0]} ran, and nobody knows of it"
        elif known[name].state is _S.SUPERSEDED:
            yield f"attempt {name[1]} of trial {name[0]} ran, and counts as never claimed"
    for name, attempt in known.items():
        if attempt.state is _S.FINISHED and name not in began:
            yield f"attempt {name[1]} of trial {name[0]} has finished and never began"


def _overlaps(
    root: Path, attempts: dict[str, list[AttemptRecord]], journal: list[Done]
) -> Iterator[str]:
    """Two attempts at a trial at the same time: only with one that was out of reach."""
    known = {(a.number, a.token): a for many in attempts.values() for a in many}
    for one in _notes(root / "overlaps.jsonl"):
        holder = one["holder"] or {}
        held = known.get((holder.get("number"), holder.get("attempt")))
        lost = held is not None and held.state is _S.LOST
        if not lost or not out_of_reach(journal, str(holder.get("box")), one["time"]):
            yield f"two attempts at a time: {one} while {holder} ({held})"


def _notes(file: Path) -> Iterator[dict[str, Any]]:
    if file.exists():
        for line in file.read_text().splitlines():
            yield json.loads(line)


# -- what is left -------------------------------------------------------------------------------


def _redis(world: World) -> Iterator[str]:
    sweep = world.sweep_id
    with world.valkey.connection() as redis:
        for key in sorted(redis.scan_iter("sweep:attempt:*")):
            yield f"Redis has {key}: {redis.hgetall(key)}"
        for lease in redis.zrange("sweep:leases", 0, -1):
            yield f"Redis has a lease of {lease}"
        for key in (f"rq:queue:sweep-{sweep}", f"rq:queue:sweep-{sweep}:intermediate"):
            if left := redis.lrange(key, 0, -1):
                yield f"Redis has {key}: {left}"


def undelivered(world: World) -> list[Path]:
    """Results and notes in outboxes, by box."""
    return [
        path
        for box in world.boxes
        for path in (box.home / "outbox").glob("*/*")
        if path.name != "lock"
    ]


def locked_files(root: Path) -> list[str]:
    """The files below `root` that some process holds a lock on, by the kernel's list."""
    with open("/proc/locks") as file:
        held = {line.split()[5 if "->" not in line else 6] for line in file}
    inodes = {name.rpartition(":")[2] for name in held}
    return [
        path
        for folder, _, names in os.walk(root)
        for path in (os.path.join(folder, name) for name in names)
        if str(os.lstat(path).st_ino) in inodes
    ]


def _litter(root: Path) -> Iterator[Path]:
    """Files and folders that were meant to live for a moment."""
    yield from (root / "tmp").iterdir()
    yield from (root / "server" / "artifacts" / "incoming").glob("*")
    for path in root.rglob("*"):
        hidden = path.name.startswith(".") and path.name not in (".lock", ".gitignore")
        if path.suffix in (".draft", ".tmp", ".part") or hidden:
            yield path
    for box in root.glob("box*"):
        if (box / "outbox").is_dir():
            yield from (box / "outbox").iterdir()
