"""Runs and sweeps that look like somebody's work, recorded at once: for measuring and for pictures.

Not a benchmark by itself. The same seed records the same.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert

from controller.store import Chunk, ChunkKind, NewRun, NewTrial, Store
from controller.store.schema import sweeps
from sweeps.protocol.chunks import encode_columns, pack_points
from sweeps.protocol.columns import Column, Columns
from sweeps.spec import load_spec
from sweeps.trial import AttemptState, Outcome, Reason, SweepState

STARTED = 1_750_000_000.0
_LEASE_S = 3600.0
_ENDS = {
    "finished": Outcome(AttemptState.FINISHED, Reason.OK),
    "stopped": Outcome(AttemptState.STOPPED, Reason.EARLY_STOP),
    "failed": Outcome(AttemptState.FAILED, Reason.ERROR),
}

SWEEP = """\
name: {name}
project: {project}
program: train.py
method: bayes
metric: {{name: val/loss, goal: minimize}}
parameters:
  lr: {{distribution: log_uniform_values, min: 1.0e-5, max: 0.1}}
  dropout: {{min: 0.0, max: 0.6}}
  layers: {{distribution: int_uniform, min: 1, max: 8}}
  optimizer: {{values: [adam, sgd, lamb]}}
  width: {{values: [64, 128, 256, 512]}}
  warmup: {{min: 0.0, max: 0.2}}
  epochs: {{value: 20}}
run_cap: {trials}
early_terminate: {{type: asha, min_iter: 2, eta: 3, max_iter: 20}}
"""


def curve(rng: np.random.Generator, points: int, floor: float) -> NDArray[np.float64]:
    """A loss that goes down to about `floor`, in single precision, as frameworks give it."""
    steps = np.arange(points)
    falling = floor + 2.0 * np.exp(-steps / (points / rng.uniform(3, 12)))
    return (falling + 0.03 * rng.normal(size=points)).astype(np.float32).astype(np.float64)


def chunk(run: str, columns: dict[str, NDArray[np.float64]], points: bytes = b"") -> Chunk:
    """All rows of a run, a second each."""
    count = len(next(iter(columns.values())))
    steps = np.arange(count)
    given = {name: Column(values) for name, values in columns.items()}
    data = encode_columns(Columns(steps, STARTED + steps.astype(np.float64), given))
    return Chunk(run, 1, ChunkKind.HISTORY, 0, 0, count - 1, count, data, points)


def add_runs(
    store: Store,
    project: str,
    count: int,
    points: int,
    metrics: Sequence[str],
    *,
    name: str = "run",
    seed: int = 0,
) -> list[str]:
    """Runs `<name>-0`, …: ended, each with these metrics. Returns their ids."""
    rng = np.random.default_rng(seed)
    ids = [f"{name}-{number}" for number in range(count)]
    for number, run in enumerate(ids):
        config = {"lr": float(10 ** rng.uniform(-5, -1)), "layers": int(rng.integers(1, 9))}
        store.register_run(
            NewRun(
                run, run, project=project, name=f"{name} {number}", config=config, started=STARTED
            )
        )
        columns = {name: curve(rng, points, float(rng.uniform(0.1, 1))) for name in metrics}
        store.add_chunk(chunk(run, columns))
        last = {name: float(values[-1]) for name, values in columns.items()}
        store.describe_run(run, 1, summary=last)
        store.end_run(run, 1, 0)
    return ids


def loss_of(config: dict[str, Any], rng: np.random.Generator) -> float:
    """A made-up objective with a best place: what searches find, and analyses see."""
    off = abs(np.log10(config["lr"]) + 2.8) * 0.35
    off += abs(config["dropout"] - 0.25) * 0.6 + abs(config["layers"] - 5) * 0.03
    off += {"adam": 0.0, "sgd": 0.12, "lamb": 0.05}[config["optimizer"]]
    return float(0.18 + off + 0.04 * rng.exponential())


def add_held_sweep(store: Store, yaml: str) -> str:
    """Records a sweep whose trials the caller plays by hand. Returns its id; its generation is 1.

    It is another controller's from the moment that it is there. A server's own would take trials
    that are in no queue of its own for lost ones, and fence out whoever plays them.
    """
    spec, sweep = load_spec(yaml), secrets.token_hex(4)
    with store._db.write() as connection:
        now = store._db.read_clock(connection)
        connection.execute(
            insert(sweeps).values(
                **{"id": sweep, "name": spec.name or sweep, "project": spec.project or ""},
                **{"yaml": yaml, "spec": spec.source, "seed": spec.seed or 0, "origin": {}},
                **{"state": SweepState.PENDING, "reason": "", "created": now},
                **{"owner": "played by hand", "lease_until": now + _LEASE_S, "generation": 1},
                **{"next_number": 1, "ended_seq": 0, "feed": 0},
            )
        )
    return sweep


def add_sweep(
    store: Store,
    name: str,
    project: str,
    count: int,
    *,
    points: int = 0,
    more: str = "",
    seed: int = 0,
) -> str:
    """A sweep of `SWEEP`'s space whose trials have all ended. Returns its id.

    Args:
        points: rows of each trial's history; 0: none, only its objective.
        more: lines of the sweep's file.
    """
    rng = np.random.default_rng(seed)
    yaml = SWEEP.format(name=name, project=project, trials=count) + more
    sweep = add_held_sweep(store, yaml)
    store.set_sweep_state(sweep, SweepState.RUNNING)
    configs = [_config(rng, i / max(count - 1, 1)) for i in range(count)]
    trials = [NewTrial(number, config) for number, config in enumerate(configs, 1)]
    store.add_trials(sweep, 1, trials, {})
    for number, config in enumerate(configs, 1):
        trial, loss = f"{sweep}-{number}", loss_of(config, rng)
        store.start_attempt(trial, 1, agent_id="a1", host=f"box{number % 3}", device="GPU 0")
        state = "failed" if rng.random() < 0.03 else "finished" if loss < 0.75 else "stopped"
        kept = points if state == "finished" else max(points // 3, 1)
        if points:
            values = curve(rng, points, loss)[:kept]
            feed = pack_points([(i, float(value)) for i, value in enumerate(values)])
            acc = 1.0 / (1.0 + values)
            store.add_chunk(chunk(trial, {"val/loss": values, "val/acc": acc}, feed))
        store.end_attempt(
            trial,
            1,
            _ENDS[state],
            summary={"val/loss": loss, "epoch": kept},
            objective=None if state == "failed" else loss,
            retry=lambda _: False,
        )
    store.set_sweep_state(sweep, SweepState.FINISHED)
    return sweep


def _config(rng: np.random.Generator, done: float) -> dict[str, Any]:
    """A search that comes nearer to the best place as it goes on."""
    spread = 1.6 - 1.1 * done
    return {
        "lr": float(10 ** np.clip(rng.normal(-2.8, spread), -5, -1)),
        "dropout": float(np.clip(rng.normal(0.25, 0.25 * spread), 0, 0.6)),
        "layers": int(np.clip(round(rng.normal(5, 2 * spread)), 1, 8)),
        "optimizer": str(
            rng.choice(["adam", "sgd", "lamb"], p=[0.34 + 0.4 * done, *2 * [0.33 - 0.2 * done]])
        ),
        "width": int(rng.choice([64, 128, 256, 512])),
        "warmup": float(rng.uniform(0, 0.2)),
        "epochs": 20,
    }
