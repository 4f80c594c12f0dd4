"""`prior:`: results of before, from other sweeps and from CSV files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller import record
from controller.prior import known
from controller.store.records import NewTrial
from controller.store.store import Store, open_store
from sweeps.errors import SpecError
from sweeps.prior_table import PriorRun, fewest, read_table
from sweeps.space import Space
from sweeps.spec import spec_from_mapping
from sweeps.trial import AttemptState, Outcome, Reason

PARAMETERS: dict[str, Any] = {
    "lr": {"min": 0.001, "max": 1.0},
    "layers": {"min": 1, "max": 8},
    "opt": {"values": ["adam", "sgd", 3, True, None]},
    "momentum": {"min": 0.0, "max": 1.0, "when": {"opt": "sgd"}},
    "model": {"parameters": {"width": {"values": [[1, 2], [3]]}}},
    "seed": {"value": 5},
}
YAML = """
program: t.py
method: bayes
metric: {name: loss}
metrics: [{name: gb, at_most: 3}]
parameters:
  lr: {min: 0.001, max: 1.0}
  opt: {values: [adam, sgd]}
  momentum: {min: 0.0, max: 1.0, when: {opt: sgd}}
"""


def space() -> Space:
    return spec_from_mapping({"method": "random", "parameters": PARAMETERS}).parameters


def table(text: str) -> list[PriorRun]:
    return read_table(text, "old.csv", space(), "loss", ["gb"])


def test_cells_become_what_their_parameters_are() -> None:
    runs = table(
        "id,loss,lr,layers,opt,momentum,model.width,gb,seconds\n"
        'a,0.5,0.1,3,adam,,"[1, 2]",2,7.5\n'
        "b,0.25,1e-2,3.0,sgd,0.9,[3],,\n"
        "\n"
        "c,,1,4,3.0,,[3],nan,\n"
        "d,nan,1,4,true,0.3,[3],,\n"
        "e,1,1,4,,,[3],,\n"
    )
    rest = {"model": {"width": [3]}, "seed": 5}
    assert runs == [
        PriorRun(
            "old.csv:2",
            {"layers": 3, "lr": 0.1, "model": {"width": [1, 2]}, "opt": "adam", "seed": 5},
            0.5,
            {"gb": 2.0},
            7.5,
        ),
        PriorRun(
            "old.csv:3", {"layers": 3, "lr": 0.01, "momentum": 0.9, "opt": "sgd", **rest}, 0.25
        ),
        PriorRun("old.csv:5", {"layers": 4, "lr": 1.0, "opt": 3, **rest}, None),
        PriorRun("old.csv:6", {"layers": 4, "lr": 1.0, "opt": True, **rest}, None),
        PriorRun("old.csv:7", {"layers": 4, "lr": 1.0, "opt": None, **rest}, 1.0),
    ]


def test_what_sweep_export_writes_is_read() -> None:
    head = "id,number,state,objective,config.lr,config.layers,config.opt,config.model.width"
    runs = table(
        f"\ufeff{head},config.momentum,summary.loss,duration_s\n"
        "s-1,1,finished,0.5,0.1,3,adam,[3],,0.6,12\n"
        "s-2,2,failed,,0.1,3,adam,[3],,0.7,3\n"
        "s-3,3,running,,0.1,3,adam,[3],,0.7,\n"
    )
    assert [(run.objective, run.seconds) for run in runs] == [(0.6, 12.0), (None, 3.0)]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "old.csv has no column `loss`."),
        ("los,lr\n", "has no column `loss`. Did you mean `los`?"),
        ("loss,lr\n1,2\n", "has no column `layers`."),
        ("loss,lr,layers,opt,momentum,model.width\n1,x,3,adam,,[3]\n", "line 2, column lr: must"),
        ("loss,lr,layers,opt,momentum,model.width\n1,1,3.5,adam,,[3]\n", "column layers: must be"),
        ("loss,lr,layers,opt,momentum,model.width\nx,1,3,adam,,[3]\n", "column loss: must be a n"),
        ("loss,lr,layers,opt,momentum,model.width\n1,1,3,adam,,[3],9\n", "7 cells under 6 columns"),
        ('"loss,lr', "it is no CSV"),
    ],
)
def test_a_table_that_is_refused(text: str, what: str) -> None:
    with pytest.raises(SpecError) as caught:
        table(text)
    assert what in str(caught.value)


def test_of_many_the_best_and_an_even_part_of_the_rest_are_kept() -> None:
    runs = [PriorRun(str(n), {}, None if n % 10 == 0 else float(n % 7)) for n in range(100)]
    kept = fewest(runs, 20, maximize=True)
    assert len(kept) == 20
    assert kept == [run for run in runs if run in kept]
    best = [run for run in runs if run.objective == 6.0][:10]
    assert all(run in kept for run in best)
    assert fewest(runs, 100, maximize=False) == runs


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'test.db'}") as opened:
        yield opened


def earlier(store: Store, yaml: str = YAML) -> str:
    """A sweep with four trials that ended: two values, one failure, one outside later spaces."""
    sweep, _ = record.create_sweep(store, yaml, origin={})
    generation = store.take_sweep(sweep.id, "test", 60)
    assert generation is not None
    configs: list[dict[str, Any]] = [
        {"lr": 0.1, "opt": "adam"},
        {"lr": 0.2, "opt": "sgd", "momentum": 0.5},
        {"lr": 0.3, "opt": "adam"},
        {"lr": 0.9, "opt": "adam"},
        {"lr": 0.4, "opt": "adam"},  # still runs
    ]
    trials = [NewTrial(n, config) for n, config in enumerate(configs, start=1)]
    store.add_trials(sweep.id, generation, trials, {})
    for trial in trials:
        name = f"{sweep.id}-{trial.number}"
        store.start_attempt(name, 1, agent_id="a", host="h", device="GPU 0,1 (X)")
        if trial.number == 3:
            outcome = Outcome(AttemptState.FAILED, Reason.ERROR)
            record.record_end(store, name, 1, outcome, seconds=0.0)
        elif trial.number != 5:
            outcome = Outcome(AttemptState.FINISHED, Reason.OK)
            summary = {"loss": trial.number / 2, "gb": 2, "acc": 0.7}
            record.record_end(store, name, 1, outcome, summary=summary, seconds=0.0)
    return sweep.id


def create(store: Store, extra: str, tables: dict[str, str] | None = None) -> Any:
    return record.create_sweep(store, YAML + extra, origin={}, tables=tables, path="s.yaml")


def test_the_trials_of_another_sweep(store: Store) -> None:
    before = earlier(store)
    sweep, spec = record.create_sweep(
        store, YAML.replace("max: 1.0}\n  opt", "max: 0.5}\n  opt") + f"prior: {before}", origin={}
    )
    assert spec.prior == (before,)
    assert spec.warnings == (
        f"prior: 1 of the 4 results of {before} do not fit the parameters of this sweep, and are "
        "left out.",
    )
    told = known(store.get_sweep(sweep.id).prior)
    assert [(run.objective, dict(run.metrics)) for run in told] == [
        (0.5, {"gb": 2.0}),
        (1.0, {"gb": 2.0}),
        (None, {}),
    ]
    assert told[1].config == {"lr": 0.2, "momentum": 0.5, "opt": "sgd"}
    assert all(run.seconds is not None and run.seconds >= 0 for run in told)


def test_a_sweep_that_optimised_something_else_tells_last_values(store: Store) -> None:
    before = earlier(store)
    sweep, _ = record.create_sweep(
        store,
        YAML.replace("{name: loss}", "{name: acc, goal: maximize}") + f"prior: [{before}]",
        origin={},
    )
    assert [run.objective for run in known(sweep.prior)] == [0.7, 0.7, None, 0.7]


def test_a_file_that_comes_along(store: Store) -> None:
    text = "loss,lr,opt,momentum\n0.5,0.1,adam,\n0.1,0.2,sgd,0.3\n0.2,0.2,rmsprop,\n"
    sweep, spec = create(store, "prior: [old/runs.csv]", {"old/runs.csv": text})
    assert [each["run"] for each in sweep.prior] == ["old/runs.csv:2", "old/runs.csv:3"]
    assert "1 of the 3 results of old/runs.csv" in spec.warnings[0]


@pytest.mark.parametrize(
    ("extra", "what"),
    [
        ("prior: nosuch00", "s.yaml: prior: there is no sweep 'nosuch00'."),
        ("prior: [gone.csv]", "s.yaml: prior: the file gone.csv is not here."),
        ("prior: [odd.csv]", "odd.csv has no result that fits the parameters of this sweep. Of "),
    ],
)
def test_what_is_refused_is_not_recorded(store: Store, extra: str, what: str) -> None:
    with pytest.raises(SpecError) as caught:
        create(store, extra, {"odd.csv": "loss,lr,opt,momentum\n1,7,adam,\n"})
    assert what in str(caught.value)
    assert store.list_sweeps() == []


def test_a_sweep_without_results_is_refused(store: Store) -> None:
    empty, _ = create(store, "")
    with pytest.raises(SpecError, match="has no trial with a value of 'loss'"):
        create(store, f"prior: [{empty.id}]")


def test_another_file_adds_to_what_is_known(store: Store) -> None:
    """What was named before stays, without its file being sent again."""
    text = "loss,lr,opt,momentum\n0.5,0.1,adam,\n"
    sweep, _ = create(store, "prior: [a.csv]", {"a.csv": text})
    capped, _ = record.update_sweep(store, sweep.id, YAML + "prior: [a.csv]\nrun_cap: 3\n")
    assert len(capped.prior) == 1
    more, _ = record.update_sweep(
        store, sweep.id, YAML + "prior: [a.csv, b.csv]", tables={"b.csv": text}
    )
    assert [each["run"] for each in more.prior] == ["a.csv:2", "b.csv:2"]
