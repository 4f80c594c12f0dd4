"""The law that every searcher keeps (sweeps/search/base.py), whatever its algorithm.

A new searcher joins by a line in SWEEPS. Each case is a sweep file; what is told of its trials is a
fixed pseudo-random story with ends of every kind.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from sweeps.search import Ended, Event, Reported, Searcher, Suggested, TrialSeen, make_searcher
from sweeps.spec import SweepSpec, spec_from_mapping
from sweeps.trial import TrialState

METRIC = {"name": "loss", "goal": "minimize"}
MIXED = {
    "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1},
    "layers": {"min": 1, "max": 6},
    "opt": {"values": ["adam", "sgd", {"name": "lion", "betas": [0.9, 0.99]}, None]},
    "model": {"parameters": {"dropout": {"min": 0.0, "max": 0.5}, "act": {"value": "relu"}}},
}
ODD = {
    "a": {"distribution": "normal", "mu": 3, "sigma": 2},
    "b": {"distribution": "q_log_normal", "mu": 0, "sigma": 1, "q": 0.5},
    "c": {"distribution": "beta", "a": 2, "b": 5},
    "d": {"distribution": "inv_log_uniform_values", "min": 0.01, "max": 10},
    "e": {"distribution": "q_log_uniform_values", "min": 0.2, "max": 90, "q": 1},
    "f": {"distribution": "q_uniform", "min": -1, "max": 1, "q": 0.25},
    "g": {
        "distribution": "categorical_w_probabilities",
        "values": [True, 1, "1"],
        "probabilities": [0.5, 0.5, 0],
    },
    "h": {"distribution": "q_log_uniform_values", "min": 16, "max": 512, "q": 16},
}
POINTS = {"b": {"values": [16, 32, 64]}, "a": {"min": 1, "max": 7}, "c": {"value": "x"}}
TREE = {
    "opt": {"values": ["adam", "sgd", "none"]},
    "momentum": {"min": 0.0, "max": 1.0, "when": {"opt": "sgd"}},
    "lr": {**MIXED["lr"], "when": {"opt": ["adam", "sgd"]}},
    "layers": {"min": 1, "max": 3},
    "widths": {
        "when": {"layers": {"min": 2}},
        "parameters": {"last": {"values": [8, 16, 32]}, "kind": {"value": "wide"}},
    },
}
BRANCHES = {
    "a": {"values": ["x", "y"]},
    "b": {"min": 1, "max": 20, "when": {"a": "x"}},
    "c": {"values": [True, False], "when": {"b": {"max": 9}}},
}
LIMITS = ["layers < 3 or opt != 'none'", "momentum + widths.last / 32 <= 1.5"]
FIRST = [{"layers": 2, "model": {"dropout": 0.25}}, {"opt": None}]

SWEEPS: dict[str, dict[str, Any]] = {
    "grid": {"method": "grid", "parameters": POINTS},
    "grid-enqueue": {"method": "grid", "parameters": POINTS, "enqueue": [{"a": 5, "b": 32}, {}]},
    "grid-when": {"method": "grid", "parameters": BRANCHES, "constraints": ["b != 2 or c"]},
    "random-when": {"method": "random", "parameters": TREE, "constraints": LIMITS},
    "bayes-when": {
        "method": "bayes",
        "parameters": TREE,
        "constraints": LIMITS,
        "enqueue": [{"momentum": 0.5}, {"widths": {"last": 16}}],
    },
    "bayes-branches": {"method": "bayes", "parameters": BRANCHES},
    "tpe-when": {
        "method": "bayes",
        "parameters": TREE,
        "constraints": LIMITS,
        "search": {"type": "tpe"},
    },
    "random": {"method": "random", "parameters": MIXED},
    "random-enqueue": {"method": "random", "parameters": MIXED, "enqueue": FIRST},
    "random-odd": {"method": "random", "parameters": ODD},
    "bayes": {"method": "bayes", "parameters": MIXED},
    "bayes-curves": {
        "method": "bayes",
        "parameters": MIXED,
        "early_terminate": {"type": "curve"},
    },
    "bayes-enqueue": {"method": "bayes", "parameters": MIXED, "enqueue": FIRST},
    "bayes-odd": {"method": "bayes", "parameters": ODD},
    "bayes-points": {"method": "bayes", "parameters": POINTS},
    "bayes-maximize": {
        "method": "bayes",
        "parameters": MIXED,
        "metric": {"name": "loss", "goal": "maximize", "impute": "best"},
    },
    "bayes-impute": {
        "method": "bayes",
        "parameters": MIXED,
        "metric": {**METRIC, "impute": "latest", "impute_while_running": "latest"},
    },
}
SWEEPS |= {
    f"optuna-{sampler}": {
        "method": "bayes",
        "parameters": parameters,
        "search": {"sampler": sampler, **arguments},
    }
    for sampler, parameters, arguments in (
        ("TPESampler", MIXED, {"n_startup_trials": 5, "multivariate": True}),
        ("CmaEsSampler", ODD, {}),
        ("RandomSampler", TREE, {}),
        ("NSGAIISampler", MIXED, {"population_size": 5}),
        ("QMCSampler", MIXED, {"scramble": True}),
        ("BruteForceSampler", POINTS, {}),
    )
}
SWEEPS["pbt"] = {"method": "bayes", "parameters": MIXED, "search": {"type": "pbt"}}
ENOUGH = 14  # trials after which a model has replaced random draws


@pytest.fixture(params=list(SWEEPS))
def spec(request: pytest.FixtureRequest) -> SweepSpec:
    return spec_from_mapping({"metric": METRIC, **SWEEPS[request.param]})


@pytest.fixture
def fresh(spec: SweepSpec) -> Callable[[], Searcher]:
    return lambda: make_searcher(spec, seed=7)


def story(number: int) -> list[Event]:
    """What happens to a trial: most finish, every fifth fails, some are odd, some still run."""
    rng = random.Random(number)
    events: list[Event] = [
        Reported(number, iteration, rng.gauss(0, 1)) for iteration in range(1, rng.randint(1, 4))
    ]
    kind = number % 10
    if kind in (4, 9):
        return [*events, Ended(number, TrialState.FAILED, None)]
    if kind == 5:
        return [*events, Ended(number, TrialState.STOPPED, rng.gauss(1, 1))]
    if kind == 6:
        return [*events, Ended(number, TrialState.CANCELED, None)]
    if kind == 7:
        return [Reported(number, 1, math.nan), Ended(number, TrialState.FINISHED, math.nan)]
    if kind == 8:
        return events
    # so coarse that there are ties
    return [*events, Ended(number, TrialState.FINISHED, round(rng.gauss(0, 1)) / 2)]


def seen(configs: dict[int, dict[str, Any]]) -> list[TrialSeen]:
    """The same stories as the store would tell them."""
    trials = []
    for number, config in configs.items():
        events = story(number)
        curve = [e.value for e in events if isinstance(e, Reported) and math.isfinite(e.value)]
        end = next((e for e in events if isinstance(e, Ended)), None)
        state = end.state if end else TrialState.RUNNING
        trials.append(
            TrialSeen(number, config, state, end.objective if end else None, tuple(curve))
        )
    return trials


def play(searcher: Searcher, count: int) -> dict[int, dict[str, Any]]:
    """Asks one by one and tells each trial's story before the next ask."""
    configs = {}
    for _ in range(count):
        for suggestion in searcher.ask(1):
            configs[suggestion.number] = suggestion.config
            tell(searcher, story(suggestion.number))
    return configs


def tell(searcher: Searcher, events: Iterable[Event]) -> None:
    for event in events:
        searcher.tell(event)


def test_numbers_run_from_one_without_gaps(fresh: Callable[[], Searcher]) -> None:
    searcher = fresh()
    numbers = [s.number for count in (3, 1, 0, 4) for s in searcher.ask(count)]
    assert numbers == list(range(1, 9))


def test_a_batch_is_as_many_single_asks(fresh: Callable[[], Searcher]) -> None:
    one, many = fresh(), fresh()
    assert play(one, ENOUGH - 4) == play(many, ENOUGH - 4)
    singles = [suggestion for _ in range(5) for suggestion in one.ask(1)]
    assert singles == many.ask(5)


def test_the_order_of_what_is_told_of_different_trials_does_not_matter(
    fresh: Callable[[], Searcher],
) -> None:
    one, other = fresh(), fresh()
    numbers = [s.number for s in one.ask(ENOUGH)]
    other.ask(ENOUGH)
    for number in numbers:
        tell(one, story(number))
    for number in random.Random(1).sample(numbers, len(numbers)):
        tell(other, story(number))
    assert one.ask(4) == other.ask(4)


def test_told_twice_counts_once(fresh: Callable[[], Searcher]) -> None:
    once, twice = fresh(), fresh()
    play(once, ENOUGH)
    for number in play(twice, ENOUGH):
        tell(twice, story(number))
    assert once.ask(3) == twice.ask(3)


def test_restored_goes_on_as_the_original(fresh: Callable[[], Searcher]) -> None:
    original = fresh()
    configs = play(original, ENOUGH)
    snapshot = json.loads(json.dumps(original.snapshot()))
    heir = fresh()
    trials = seen(json.loads(json.dumps(configs), object_hook=_numbers))
    heir.restore(snapshot, random.Random(2).sample(trials, len(trials)))
    for _ in range(2):
        asked = original.ask(2)
        assert heir.ask(2) == asked
        for suggestion in asked:
            tell(original, story(suggestion.number))
            tell(heir, story(suggestion.number))


def _numbers(mapping: dict[str, Any]) -> dict[Any, Any]:
    return {int(key) if key.isdigit() else key: value for key, value in mapping.items()}


def test_restored_from_nothing_is_fresh(fresh: Callable[[], Searcher]) -> None:
    heir = fresh()
    heir.restore(None, [])
    assert heir.ask(3) == fresh().ask(3)


def test_the_snapshot_stays_small(fresh: Callable[[], Searcher]) -> None:
    searcher = fresh()
    play(searcher, ENOUGH)
    assert len(json.dumps(searcher.snapshot())) < 200


def test_configs_are_plain_json_and_fit_the_space(
    spec: SweepSpec, fresh: Callable[[], Searcher]
) -> None:
    for config in play(fresh(), ENOUGH).values():
        assert json.loads(json.dumps(config, allow_nan=False)) == config
        assert _types(json.loads(json.dumps(config))) == _types(config)  # no numpy in disguise
        spec.parameters.check(config)
        flat = spec.parameters.flatten(config)
        assert spec.parameters.nest(spec.parameters.prune(flat)) == config
        assert spec.parameters.missing(flat) == []


def _types(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _types(inner) for key, inner in value.items()}
    return [_types(inner) for inner in value] if isinstance(value, list) else type(value)


def test_what_the_caller_does_to_a_config_is_its_own_affair(fresh: Callable[[], Searcher]) -> None:
    one, other = fresh(), fresh()
    for suggestion in one.ask(2):
        suggestion.config.clear()
    other.ask(2)
    assert one.ask(1) == other.ask(1)


def test_a_sweep_in_which_everything_fails_goes_on(fresh: Callable[[], Searcher]) -> None:
    searcher = fresh()
    for _ in range(ENOUGH):
        for suggestion in searcher.ask(1):
            searcher.tell(Ended(suggestion.number, TrialState.FAILED, None))
    assert [s.number for s in searcher.ask(1)] == [ENOUGH + 1]


def test_a_trial_that_starts_over_is_pending_again(fresh: Callable[[], Searcher]) -> None:
    searcher, untouched = fresh(), fresh()
    configs = play(searcher, ENOUGH)
    for number in configs:
        searcher.tell(Suggested(number, configs[number]))
        tell(searcher, story(number))
    play(untouched, ENOUGH)
    assert searcher.ask(2) == untouched.ask(2)


def test_news_of_an_unknown_trial_is_refused(fresh: Callable[[], Searcher]) -> None:
    searcher = fresh()
    searcher.ask(2)
    with pytest.raises(ValueError, match="trial 3"):
        searcher.tell(Ended(3, TrialState.FINISHED, 1.0))


def test_the_total_is_kept(fresh: Callable[[], Searcher]) -> None:
    searcher = fresh()
    if searcher.total is None:
        assert len(searcher.ask(30)) == 30
    else:
        assert len(searcher.ask(1000)) == searcher.total
        assert searcher.ask(1) == []


@pytest.mark.parametrize("method", ["grid", "random"])
def test_ten_thousand_asks_cost_the_same_each(method: str, monkeypatch: Any) -> None:
    """Counted in values looked at, not in seconds: none of it may grow with the trials."""
    import sweeps.space

    axes = {name: {"values": list(range(10))} for name in "abcd"}
    searcher = make_searcher(spec_from_mapping({"method": method, "parameters": axes}), seed=1)
    steps = 0

    def counted(flat: Any, nest: Any = sweeps.space.nest) -> Any:
        nonlocal steps
        steps += 1
        return nest(flat)

    monkeypatch.setattr(sweeps.space, "nest", counted)
    costs = []
    for _ in range(10):
        before = steps
        for suggestion in searcher.ask(1000):
            searcher.tell(Ended(suggestion.number, TrialState.FINISHED, 0.5))
        costs.append(steps - before)
    assert searcher.ask(1) == [] or method == "random"
    assert set(costs) == {1000}
