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
        PriorRun("old.csv:6", {"layers": 4, "lr": 1.0, "momentum": 0.3, "opt": True, **rest}, None),
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
    assert [(run.objective, run.seconds, run.unusable) for run in runs] == [
        (0.6, 12.0, None),
        (None, 3.0, None),
        (None, None, "not over yet"),
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "old.csv has no column `loss`."),
        ("los,lr\n", "has no column `loss`. Did you mean `los`?"),
        ("loss,lr\n1,2\n", "has no columns `layers`, `model.width`, `opt`. It has `loss`, `lr`."),
        (
            "loss,lr,layer,opt,model.width\n1,2,3,adam,[3]\n",
            "has no column `layers`. Did you mean `layer`?",
        ),
        (
            "loss,lr,layers,opt,momentums,model.width\n1,2,3,adam,,[3]\n",
            "has no column `momentum`. Did you mean `momentums`?",
        ),
        (
            "loss;lr;layers\n1;2;3\n",
            "old.csv has `;` between its cells, and a CSV file has commas.",
        ),
        (
            "loss,lr,layers,opt,model.width\n"
            + "x,1,3,adam,[3]\n1,y,3.5,adam,[3]\n1,z,3,adam,[3],7\n",
            "old.csv, line 2, column loss: must be a number, not 'x'; line 3, column layers: must "
            "be a whole number from 1 to 8, not '3.5'; line 3, column lr: must be a number from "
            "0.001 to 1, not 'y'; and 2 more.",
        ),
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
        f"prior: 3 of 5 results of {before} are used, 1 as failures; left out: 1 for `lr` (must be "
        "a number from 0.001 to 0.5, not 0.9), 1 not over yet.",
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
    assert spec.warnings == (
        "prior: 2 of 3 results of old/runs.csv are used; left out: 1 for `opt` (must be one of "
        "'adam', 'sgd', not 'rmsprop'). Without a value of gb, and used for the others: 2.",
    )


def test_constraints_are_counted_one_by_one_and_what_is_not_there_is_left_away(
    store: Store,
) -> None:
    """A column of its own a parameter needs only where a row has it."""
    text = "loss,lr,opt\n1,0.1,adam\n1,0.6,adam\n1,0.9,adam\n2,0.9,adam\n3,0.1,sgd\n"
    limits = "constraints: ['lr < 0.8', 'lr < 0.5']\n"
    _, spec = create(store, limits + "prior: old.csv", {"old.csv": text})
    assert spec.warnings == (
        "prior: 1 of 5 results of old.csv are used; left out: 2 for the constraint `lr < 0.8`, 1 "
        "for the constraint `lr < 0.5`, 1 without `momentum`. Without a value of gb, and used for "
        "the others: 1.",
    )
    text = text.replace("opt", "opt,momentum2")  # is another one, not `momentum` misspelt
    with pytest.raises(SpecError, match="no result that fits"):
        create(store, "prior: old.csv", {"old.csv": text.replace("adam", "sgd")})
    text = "loss,lr,opt,momentum,gb\n1,0.1,adam,0.7,1\n1,0.6,sgd,0.3,1\n"
    sweep, spec = create(store, "prior: old.csv", {"old.csv": text})
    assert spec.warnings == (
        "prior: all 2 results of old.csv are used. With a value of `momentum`, which is not there "
        "beside their others, and used without it: 1.",
    )
    assert sweep.prior[0]["config"] == {"lr": 0.1, "opt": "adam"}


LINES = YAML.count("\n")
HEAD = "loss,lr,opt,momentum"


@pytest.mark.parametrize(
    ("extra", "line", "what"),
    [
        ("prior: nosuch00", 1, "prior: there is no sweep 'nosuch00'. `sweep ls` lists them"),
        ("prior: [gone.csv]", 1, "prior[0]: the file gone.csv is not here."),
        (
            "prior:\n- good.csv\n- odd.csv",
            3,
            "prior[1]: odd.csv has no result that fits the parameters of this sweep: 2 for `lr` "
            "(must be a number from 0.001 to 1, not 7.0), 1 without `momentum`. Loosen",
        ),
        (
            "prior: bare.csv",
            1,
            "prior: bare.csv has no columns `lr`, `opt`. It has `loss`, `width`.",
        ),
        ("prior: torn.csv", 1, "prior: torn.csv, line 2, column lr: must be a number"),
        ("prior: head.csv", 1, "prior: head.csv has no results."),
        ("prior: empty.csv", 1, "prior: empty.csv has no result with a value of 'loss'."),
    ],
)
def test_what_is_refused_is_not_recorded(store: Store, extra: str, line: int, what: str) -> None:
    tables = {
        "good.csv": f"{HEAD}\n1,0.1,adam,\n",
        "odd.csv": f"{HEAD}\n1,7,adam,\n2,8,adam,\n1,0.1,sgd,\n",
        "bare.csv": "loss,width\n1,8\n",
        "torn.csv": f"{HEAD}\n1,fast,adam,\n",
        "empty.csv": f"{HEAD}\n,0.1,adam,\n",
        "head.csv": f"{HEAD}\n",
    }
    with pytest.raises(SpecError) as caught:
        create(store, extra, tables)
    assert str(caught.value).startswith(f"s.yaml:{LINES + line}: {what}")
    assert store.list_sweeps() == []


def test_a_sweep_without_results_is_refused(store: Store) -> None:
    empty, _ = create(store, "")
    with pytest.raises(SpecError, match="has no result with a value of 'loss'"):
        create(store, f"prior: [{empty.id}]")


def test_a_sweep_that_logged_another_metric_says_which(store: Store) -> None:
    before = earlier(store)
    with pytest.raises(SpecError, match=r"no result with a value of 'accu'. Did you mean `acc`\?"):
        record.create_sweep(
            store, YAML.replace("{name: loss}", "{name: accu}") + f"prior: {before}", origin={}
        )


OTHER = """
program: t.py
method: random
metric: {name: loss}
parameters:
  lr: {min: 0.001, max: 1.0}
  opt: {values: [adam]}
  net: {parameters: {width: {min: 8, max: 64}, depth: {min: 1, max: 3}}}
"""


def ended(store: Store, yaml: str, configs: list[dict[str, Any]]) -> str:
    """A sweep whose trials have ended with loss 1, 2, …"""
    sweep, _ = record.create_sweep(store, yaml, origin={})
    generation = store.take_sweep(sweep.id, "test", 60)
    assert generation is not None
    trials = [NewTrial(n, config) for n, config in enumerate(configs, start=1)]
    store.add_trials(sweep.id, generation, trials, {})
    for trial in trials:
        name = f"{sweep.id}-{trial.number}"
        store.start_attempt(name, 1, agent_id="a", host="h", device="")
        outcome = Outcome(AttemptState.FINISHED, Reason.OK)
        record.record_end(store, name, 1, outcome, summary={"loss": trial.number}, seconds=0.0)
    return sweep.id


def test_parameters_that_this_sweep_has_not_are_told_where_they_differ(store: Store) -> None:
    configs = [{"lr": 0.1, "opt": "adam", "net": {"width": width, "depth": 2}} for width in (8, 64)]
    before = ended(store, OTHER, configs)
    sweep, spec = create(store, f"prior: {before}")
    assert len(sweep.prior) == 2
    assert spec.warnings[1:] == (
        f"prior: the results of {before} also differ in `net.width`, which this sweep has not: "
        "what that did counts as chance.",
    )


def test_a_sweep_of_other_parameters_is_refused(store: Store) -> None:
    before = ended(store, OTHER, [{"lr": 0.1, "opt": "adam", "net": {"width": 8, "depth": 1}}])
    yaml = (
        "program: t.py\nmethod: bayes\nmetric: {name: loss}\nparameters:\n  x: {min: 1, max: 9}\n"
    )
    with pytest.raises(SpecError) as caught:
        record.create_sweep(store, f"{yaml}prior: {before}\n", origin={}, path="s.yaml")
    assert str(caught.value) == (
        f"s.yaml:6: prior: {before} has nothing in common with this sweep: its parameters are "
        "`lr`, `opt`, `net.width`, `net.depth`. Name results of a search over parameters of the "
        "same names, or remove it."
    )


def test_a_new_constant_is_what_the_file_says(store: Store) -> None:
    before = earlier(store)
    yaml = YAML.replace("opt: {v", "epochs: {value: 5}\n  opt: {v")
    sweep, spec = record.create_sweep(store, f"{yaml}prior: {before}\n", origin={})
    assert [each["config"]["epochs"] for each in sweep.prior] == [5] * 4
    assert "4 of 5 results" in spec.warnings[0]


def test_all_is_said_where_all_are_used(store: Store) -> None:
    _, spec = create(store, "prior: a.csv", {"a.csv": f"{HEAD},gb\n1,0.1,adam,,2\n"})
    assert spec.warnings == ()
    assert spec.notes == ("prior: the one result of a.csv is used.",)


def test_the_same_result_counts_once(store: Store) -> None:
    """In a file, and in what was exported from a sweep that is named, too. (Two trials of a sweep
    with the same values are two.)"""
    before = earlier(store)
    again = ended(store, OTHER, [
        {"lr": 0.1, "opt": "adam", "net": {"width": 8, "depth": 1}}
    ] * 2)  # fmt: skip
    table = f"{HEAD},gb\n0.5,0.1,adam,,2\n4,0.2,adam,,1\n4,0.2,adam,,1\n5,0.2,adam,,1\n"
    sweep, spec = create(store, f"prior: [{before}, a.csv, {again}]", {"a.csv": table})
    assert len(sweep.prior) == 4 + 2 + 2
    assert spec.warnings[1] == (
        "prior: 2 of 4 results of a.csv are used; left out: 2 there before with the same values."
    )


def test_what_lacks_a_further_objective_counts_for_the_first_or_not_at_all(store: Store) -> None:
    """Optuna's samplers take a trial without one of the objectives for a failure."""
    yaml = YAML.replace("[{name: gb, at_most: 3}]", "[{name: acc, goal: maximize}]")
    table = {"a.csv": f"{HEAD},acc\n1,0.1,adam,,0.5\n2,0.2,adam,,\n,0.3,adam,,\n"}
    ours, spec = record.create_sweep(store, yaml + "prior: a.csv\n", origin={}, tables=table)
    assert [each["objective"] for each in ours.prior] == [1.0, 2.0, None]
    assert spec.warnings == (
        "prior: all 3 results of a.csv are used, 1 as failures. Without a value of acc, "
        "and used for the others: 1.",
    )
    theirs, spec = record.create_sweep(
        store,
        yaml + "prior: a.csv\nsearch: {sampler: NSGAIISampler}\n",
        origin={},
        tables=table,
    )
    assert [each["objective"] for each in theirs.prior] == [1.0, None]
    assert "left out: 1 without a value of acc." in spec.warnings[0]


def test_a_search_that_learns_nothing_says_so(store: Store) -> None:
    yaml = YAML.replace("bayes", "random")
    table = {"a.csv": f"{HEAD},gb\n1,0.1,adam,,2\n"}
    _, spec = record.create_sweep(store, yaml + "prior: a.csv\n", origin={}, tables=table)
    assert "this search learns nothing from results" in spec.warnings[-1]


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
