"""Our Gaussian process in plain Optuna studies."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest

from opensweep.optuna import GpSampler
from sweeps.search import gp_sampler
from sweeps.search.observation import Standing

optuna.logging.set_verbosity(optuna.logging.ERROR)
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


def study(seed: int = 0, **more: Any) -> optuna.Study:
    arguments = {key: more.pop(key) for key in ("constraints_func",) if key in more}
    return optuna.create_study(sampler=GpSampler(seed=seed, **arguments), **more)


def mixed(trial: optuna.Trial) -> float:
    x = trial.suggest_float("x", -5, 5)
    lr = trial.suggest_float("lr", 1e-5, 1, log=True)
    if trial.suggest_categorical("opt", ["sgd", "adam", None]) == "sgd":
        rest = 1 - trial.suggest_float("momentum", 0, 0.9, step=0.1)
    else:
        rest = 0.5 + trial.suggest_int("k", 1, 64, log=True) / 64
    return float((x - 1) ** 2 + (math.log10(lr) + 2) ** 2 + rest)


def test_it_finds_the_valley_of_a_conditional_space() -> None:
    once, again = study(3), study(3)
    once.optimize(mixed, n_trials=30)
    assert once.best_value < 0.3  # random draws: 1.5
    again.optimize(mixed, n_trials=12)
    assert [t.params for t in again.trials] == [t.params for t in once.trials[:12]]
    for trial in once.trials:
        assert ("momentum" in trial.params) == (trial.params["opt"] == "sgd")


@pytest.mark.parametrize("seed", ["a", 1.5, True, [1]])
def test_a_seed_that_is_no_whole_number_is_refused_at_once(seed: Any) -> None:
    with pytest.raises(TypeError, match="seed is a whole number"):
        GpSampler(seed=seed)


def test_another_process_goes_on_alike() -> None:
    """All that counts is in the storage: a fresh sampler proposes the same."""
    once = study(1)
    once.optimize(mixed, n_trials=14)
    heir = optuna.create_study()
    heir.add_trials(once.trials[:9])
    for place in range(9, 14):
        heir.sampler = pickle.loads(pickle.dumps(GpSampler(seed=1)))
        heir.optimize(mixed, n_trials=1)
        assert heir.trials[place].params == once.trials[place].params


def test_conditions_are_learnt_from_the_trials() -> None:
    told = []
    for number, (opt, names) in enumerate(
        [("sgd", ["momentum"]), ("adam", []), ("sgd", ["momentum"]), ("adam", [])]
    ):
        told.append(_trial(number, {"opt": opt, "x": 0.5} | dict.fromkeys(names, 0.25)))
    found = gp_sampler._Seen.of(gp_sampler._union(told), told)
    assert found.absent == {"momentum": ("opt", frozenset({1}))}
    (parameter,) = [p for p in found.space().parameters if p.name == "momentum"]
    assert [when.describe() for when in parameter.when] == ["opt is '#0'"]
    told.append(_trial(4, {"opt": "sgd", "x": 0.5}))  # no simple reason any more
    assert gp_sampler._Seen.of(gp_sampler._union(told), told).absent == {}


DISTRIBUTIONS = {
    "opt": optuna.distributions.CategoricalDistribution(["sgd", "adam"]),
    "x": optuna.distributions.FloatDistribution(0, 1),
    "momentum": optuna.distributions.FloatDistribution(0, 1),
}


def _trial(number: int, params: dict[str, Any], **more: Any) -> optuna.trial.FrozenTrial:
    state = more.pop("state", optuna.trial.TrialState.COMPLETE)
    if state is optuna.trial.TrialState.COMPLETE and "values" not in more:
        more.setdefault("value", 1.0)
    trial = optuna.trial.create_trial(
        params=params,
        distributions={name: DISTRIBUTIONS[name] for name in params},
        state=state,
        **more,
    )
    trial.number = number
    return trial


def test_what_the_model_is_told() -> None:
    state = optuna.trial.TrialState
    told = [
        _trial(0, {"x": 0.1}, value=2.0, system_attrs={"constraints": [-1.0, 3.0]}),
        _trial(1, {"x": 0.2}, state=state.PRUNED, intermediate_values={1: 5.0, 3: 4.0}),
        _trial(2, {"x": 0.3}, state=state.PRUNED),
        _trial(3, {"x": 0.4}, state=state.FAIL),
        _trial(4, {}, state=state.RUNNING, system_attrs={gp_sampler._PROPOSED: '{"x": 0.5}'}),
        _trial(5, {"x": 0.6}, value=math.inf),
    ]
    made = optuna.create_study(direction="maximize")
    seen = gp_sampler._Seen.of(gp_sampler._union(told), told)
    found = gp_sampler._observations(seen, made, told)
    assert [(o.number, o.point["x"], o.standing, o.cost, o.curve) for o in found] == [
        (1, 0.1, Standing.FINISHED, -2.0, ()),
        (2, 0.2, Standing.STOPPED, -4.0, (-5.0, -4.0)),
        (3, 0.3, Standing.FAILED, None, ()),
        (4, 0.4, Standing.FAILED, None, ()),
        (5, 0.5, Standing.PENDING, None, ()),
        (6, 0.6, Standing.FAILED, None, ()),
    ]
    assert found[0].excess == (-1.0, 3.0)
    assert found[1].excess == (None, None)


def test_several_at_once_do_not_get_the_same_point() -> None:
    done = study()
    done.optimize(lambda t: t.suggest_float("x", 0, 1) ** 2, n_trials=8)
    open_ = [done.ask() for _ in range(4)]
    points = [round(trial.suggest_float("x", 0, 1), 6) for trial in open_]
    assert len(set(points)) == 4


def test_threads_may_share_it() -> None:
    done = study()
    done.optimize(lambda t: t.suggest_float("x", 0, 1) ** 2, n_trials=16, n_jobs=3)
    assert len(done.trials) == 16


def test_it_keeps_away_from_what_fails_or_is_pruned() -> None:
    def half_fails(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        if x > 0.5:
            raise ValueError("out of memory")
        if x < 0.1:
            trial.report(9.0, 1)
            raise optuna.TrialPruned
        return 1 - x

    done = study()
    done.optimize(half_fails, n_trials=25, catch=ValueError)
    assert done.best_value < 0.6
    late = [trial.params["x"] for trial in done.trials[12:]]
    assert sum(0.1 <= x <= 0.5 for x in late) > 8


def test_several_objectives() -> None:
    done = study(directions=["minimize", "maximize"])
    done.optimize(lambda t: ((x := t.suggest_float("x", -5, 5)) ** 2, -((x - 2) ** 2)), n_trials=20)
    assert sum(-0.3 <= trial.params["x"] <= 2.3 for trial in done.trials[10:]) > 6


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_limits() -> None:
    def limited(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        trial.set_user_attr("excess", x - 0.4)
        return -x

    done = study(constraints_func=lambda trial: [trial.user_attrs["excess"]])
    done.optimize(limited, n_trials=18)
    kept = [trial.params["x"] for trial in done.trials if trial.params["x"] <= 0.4]
    assert max(kept) > 0.38


def test_a_parameter_that_is_new_and_one_that_is_single() -> None:
    def growing(trial: optuna.Trial) -> float:
        value = trial.suggest_float("x", 0, 1) + trial.suggest_int("one", 3, 3)
        if trial.number >= 6:
            value += trial.suggest_int("late", 0, 10, step=5)
        return value

    done = study()
    done.optimize(growing, n_trials=14)
    assert {trial.params["one"] for trial in done.trials} == {3}
    assert {trial.params["late"] for trial in done.trials[6:]} <= {0, 5, 10}


def test_numbers_to_choose_from_keep_their_values() -> None:
    done = study()
    done.optimize(
        lambda t: t.suggest_categorical("b", [64, 16, 32]) + t.suggest_float("q", 0, 0.9, step=0.3),
        n_trials=11,
    )
    assert {trial.params["b"] for trial in done.trials} <= {16, 32, 64}
    assert done.best_value == 16.0


def test_the_front_door_says_when_another_sweeps_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "__init__.py").write_text("")
    line = "import sys; sys.path.insert(0, sys.argv[1]); {} from opensweep.optuna import GpSampler"
    for first, fine in (("", True), ("import sweeps;", False)):
        done = subprocess.run(
            [sys.executable, "-c", line.format(first), str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode == 0) == fine, done.stderr
        assert fine or "cannot be used in one process" in done.stderr
