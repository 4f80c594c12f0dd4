"""A trial that ends well, and whose last value is NaN, is scored by what came before."""

from __future__ import annotations

import math
from pathlib import Path

from controller import record
from controller.store.chunk_records import Chunk, ChunkKind
from controller.store.records import NewTrial
from controller.store.store import open_store
from sweeps.objective import lost_value
from sweeps.protocol.chunks import encode, pack_points
from sweeps.trial import AttemptState, Outcome, Reason, TrialState

YAML = """
program: t.py
method: random
metric: {name: val.loss}
parameters: {lr: {min: 0.0, max: 1.0}}
"""


def test_a_last_value_that_is_nan_is_said(tmp_path: Path) -> None:
    points = list(enumerate([0.5, 0.25]))
    rows = [(step, 0.0, {"val/loss": value}) for step, value in points]
    with open_store(f"sqlite:///{tmp_path / 'test.db'}") as store:
        sweep, _ = record.create_sweep(store, YAML, origin={})
        generation = store.take_sweep(sweep.id, "test", 60)
        assert generation is not None
        store.add_trials(sweep.id, generation, [NewTrial(1, {"lr": 0.1})], {})
        name = f"{sweep.id}-1"
        store.start_attempt(name, 1, agent_id="a", host="h", device="CPU")
        store.add_chunk(
            Chunk(
                name, 1, ChunkKind.HISTORY, 0, 0, 1, 2, encode(rows), objective=pack_points(points)
            )
        )
        done = Outcome(AttemptState.FINISHED, Reason.OK)
        record.record_end(store, name, 1, done, summary={"val/loss": math.nan}, seconds=0.0)
        trial = store.get_trial(name)
    assert (trial.state, trial.objective) == (TrialState.FINISHED, 0.25)
    assert trial.detail == (
        "its last 'val.loss' is no finite number; it is scored by the best value before"
    )


def test_what_is_lost() -> None:
    assert lost_value({"val": {"loss": -math.inf}}, "val.loss")
    assert not any(lost_value(row, "loss") for row in ({}, {"loss": 1.0}, {"loss": "NaN"}))
