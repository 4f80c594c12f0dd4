"""Model-based search where things go wrong: odd spaces, odd values, failures, crowds, repeats.

Always the same promises: no crash, no endless loop, a config of the space each time, no repeat in a
finite space while there is something new, and a controller that restarts over and over changes
nothing.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from sweeps.search import Ended, Prior, Searcher, Suggested, TrialSeen, make_searcher
from sweeps.simulate import CRASH, PREEMPTED, Simulation, simulate
from sweeps.spec import SweepSpec, spec_from_mapping
from sweeps.trial import Reason, TrialState

TRIALS = 16  # the model has its say over half of them, at least

LR = {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1}
UNIT = {"min": 0.0, "max": 1.0}
SPACES: dict[str, dict[str, Any]] = {
    "one-point": {"a": {"value": 3}},
    "constants": {"a": {"value": "x"}, "b": {"parameters": {"c": {"value": None}}}},
    "one-value-each": {
        "a": {"values": ["x"]},
        "b": {"distribution": "q_uniform", "min": 4, "max": 5, "q": 10},
    },
    "two-points": {"a": {"values": [True, False]}, "b": {"value": 1}},
    "six-points": {"a": {"values": ["x", "y"]}, "b": {"min": 1, "max": 3}},
    "twenty-points": {"a": {"values": list("abcde")}, "b": {"values": [1, 2, 4, 8]}},
    "a-number-and-its-name": {"a": {"values": [1, "1", 1.5, True, None, "None"]}, "x": UNIT},
    "structures": {
        "net": {"values": [{"layers": [64, 64]}, {"layers": [128]}, [], [[1], {"a": None}]]},
        "lr": LR,
    },
    "narrow-log": {
        "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1.0000001e-5},
        "x": UNIT,
    },
    "wide-log": {"lr": {"distribution": "log_uniform_values", "min": 1e-300, "max": 1e300}},
    "narrow": {"a": {"min": 1.0, "max": 1.0 + 4e-16}, "x": UNIT},
    "wide": {"a": {"min": -8e307, "max": 8e307}},
    "wide-whole": {"a": {"min": 1, "max": 10**15}, "b": {"min": -(10**9), "max": 10**9}},
    "steps": {
        "a": {"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.5},
        "b": {"distribution": "q_log_uniform_values", "min": 8, "max": 64, "q": 8},
    },
    "normal-steps": {"a": {"distribution": "q_normal", "q": 2}, "b": {"values": ["x", "y"]}},
    "normal": {"a": {"distribution": "normal"}, "b": {"distribution": "log_normal"}},
    "mixed": {"lr": LR, "layers": {"min": 1, "max": 6}, "opt": {"values": ["adam", "sgd", None]}},
}


def spec(parameters: Mapping[str, Any], **keys: Any) -> SweepSpec:
    keys = {"metric": {"name": "loss", "goal": "minimize"}, "run_cap": TRIALS} | keys
    return spec_from_mapping({"method": "bayes", "parameters": parameters, **keys})


def noise(config: Mapping[str, Any], salt: int = 0) -> random.Random:
    return random.Random(f"{json.dumps(config, sort_keys=True)}{salt}")


def played(sweep: SweepSpec, objective: Any, **keys: Any) -> Simulation:
    """The sweep, with and without restarts: they are the same to the bit."""
    straight = simulate(sweep, objective, seed=5, **keys)
    restarted = simulate(sweep, objective, seed=5, restart_every=3, **keys)
    assert straight.trials == restarted.trials
    for trial in straight.trials:
        sweep.parameters.check(trial.config)
        assert json.loads(json.dumps(trial.config, allow_nan=False)) == trial.config
    return straight


def distinct(simulation: Simulation) -> int:
    return len({json.dumps(trial.config, sort_keys=True) for trial in simulation.trials})


# -- spaces -----------------------------------------------------------------------------------

FINITE = {
    "one-point": 1,
    "constants": 1,
    "one-value-each": 1,
    "two-points": 2,
    "six-points": 6,
    "twenty-points": 20,
    "steps": 24,
    "normal-steps": 14,
}


@pytest.mark.parametrize("name", SPACES)
def test_spaces(name: str) -> None:
    sweep = spec(SPACES[name])
    found = played(sweep, lambda config, _: noise(config).random(), slots=2)
    assert len(found.trials) == TRIALS
    if name in FINITE:
        first = found.trials[: FINITE[name]]
        assert len({json.dumps(t.config) for t in first}) == min(FINITE[name], TRIALS)


def test_a_hundred_parameters() -> None:
    kinds: list[dict[str, Any]] = [UNIT, LR, {"min": 1, "max": 9}, {"values": list("abc")}]
    sweep = spec({f"p{n}": kinds[n % 4] for n in range(100)}, run_cap=15)
    found = simulate(sweep, lambda config, _: config["p0"] + config["p4"], seed=5, slots=2)
    assert distinct(found) == 15


@pytest.mark.parametrize("algorithm", ["gp", "tpe"])
def test_conditions_and_constraints(algorithm: str) -> None:
    parameters = {
        "opt": {"values": ["sgd", "adam"]},
        "momentum": {"min": 0.0, "max": 0.99, "when": {"opt": "sgd"}},
        "nesterov": {"values": [True, False], "when": {"momentum": {"min": 0.5}}},
        "batch": {"values": [16, 32, 64]},
        "accumulate": {"min": 1, "max": 16},
    }
    constraints = ["batch * accumulate <= 128"]
    sweep = spec(parameters, constraints=constraints, search={"type": algorithm})
    found = played(sweep, lambda config, _: noise(config).random(), slots=2)
    for trial in found.trials:
        config = trial.config
        assert ("momentum" in config) == (config["opt"] == "sgd")
        assert ("nesterov" in config) == (config.get("momentum", 0.0) >= 0.5)
        assert config["batch"] * config["accumulate"] <= 128
    assert distinct(found) == TRIALS


def test_a_finite_space_with_conditions_is_gone_through_once() -> None:
    parameters = {
        "a": {"values": ["x", "y", "z"]},
        "b": {"values": [1, 2, 3, 4], "when": {"a": "x"}},
        "c": {"values": [1, 2, 3], "when": {"a": ["x", "y"]}},
    }
    found = played(spec(parameters, run_cap=16), lambda config, _: noise(config).random())
    assert distinct(found) == 4 * 3 + 3 + 1


# -- values -----------------------------------------------------------------------------------

VALUES: dict[str, Callable[[random.Random], float | None]] = {
    "constant": lambda _: 1.0,
    "noise": lambda rng: rng.gauss(0, 1e3),
    "missing": lambda _: None,
    "not-a-number": lambda _: math.nan,
    "now-and-then-not-a-number": lambda rng: rng.choice([math.nan, rng.random()]),
    "infinite": lambda rng: rng.choice([math.inf, -math.inf, rng.random()]),
    "huge": lambda rng: 1e300 * rng.gauss(0, 1),
    "the-largest": lambda rng: rng.choice([-1.7e308, 1.7e308]),
    "tiny": lambda rng: 1e-300 * rng.random(),
    "next-to-each-other": lambda rng: 1.0 + 2.3e-16 * rng.randint(0, 2),
    "exploding": lambda rng: math.exp(rng.uniform(-300, 300)),
    "one-outlier": lambda rng: 1e12 if rng.random() < 0.1 else rng.random(),
    "two-values": lambda rng: float(rng.random() < 0.5),
}


@pytest.mark.parametrize("kind", VALUES)
def test_values(kind: str) -> None:
    goal = "maximize" if len(kind) % 2 else "minimize"
    sweep = spec(SPACES["mixed"], metric={"name": "loss", "goal": goal})
    found = played(sweep, lambda config, i: VALUES[kind](noise(config, i)), iterations=2, slots=2)
    assert distinct(found) == TRIALS


ROWS: dict[str, Callable[[random.Random], dict[str, Any]]] = {
    "of-every-kind": lambda rng: {
        "loss": rng.random(),
        "latency": rng.choice([math.nan, 1e300, -1e300, 0.0, rng.random()]),
        "memory": rng.choice([math.inf, 30, 10.5]),
    },
    "the-metric-alone": lambda rng: {"loss": rng.random()},
    "nothing-keeps-the-limit": lambda rng: {"loss": 1.0, "latency": rng.random(), "memory": 99},
    "all-the-same": lambda _: {"loss": 1.0, "latency": 2.0, "memory": 3.0},
}


@pytest.mark.parametrize("kind", ROWS)
def test_several_metrics(kind: str) -> None:
    measures = [
        {"name": "loss", "goal": "minimize"},
        {"name": "latency", "goal": "maximize"},
        {"name": "memory", "at_most": 20, "at_least": 1},
    ]
    sweep = spec_from_mapping(
        {
            "method": "bayes",
            "parameters": SPACES["mixed"],
            "metrics": measures,
            "run_cap": TRIALS,
            "search": {"type": "gp", "per": "seconds"},
        }
    )
    found = played(
        sweep,
        lambda config, i: ROWS[kind](noise(config, i)),
        duration=lambda config, _: 10.0 ** noise(config).uniform(-3, 6),
        slots=3,
    )
    assert distinct(found) == TRIALS


# -- failures ---------------------------------------------------------------------------------


def bowl(config: Mapping[str, Any], _: int = 1) -> float:
    return float((config["x"] - 0.55) ** 2 + (config["y"] - 0.3) ** 2)


PLANE = {"x": UNIT, "y": UNIT}


def test_a_fifth_of_all_trials_fails() -> None:
    """By chance, the good ones as often as the bad: the search still goes where it is good."""
    fails = random.Random(2).sample(range(1, 36), 7)
    found = played(
        spec(PLANE, run_cap=35),
        bowl,
        fault=lambda number, _, __: CRASH if number in fails else None,
        slots=2,
    )
    assert sum(trial.state is TrialState.FAILED for trial in found.trials) == 7
    assert found.best is not None
    assert found.best.objective is not None
    assert found.best.objective < 0.01


def test_a_region_that_always_runs_out_of_memory_is_left_alone() -> None:
    """What lies beyond x = 0.6 does, and the best place is there; all the same the search soon
    looks at its border, and no longer behind it."""
    searcher = make_searcher(spec(PLANE), 4)
    beyond = []
    for asked in (one for _ in range(34) for one in searcher.ask(1)):
        beyond.append(asked.config["x"] > 0.6)
        value = None if beyond[-1] else (asked.config["x"] - 0.9) ** 2 + asked.config["y"] ** 2
        state = TrialState.FAILED if beyond[-1] else TrialState.FINISHED
        reason = Reason.OUT_OF_GPU_MEMORY if beyond[-1] else None
        searcher.tell(Ended(asked.number, state, value, reason=reason))
    assert sum(beyond[14:]) <= 7


def test_everything_fails_and_then_nothing_does() -> None:
    found = played(
        spec(SPACES["mixed"]),
        lambda config, _: noise(config).random(),
        fault=lambda number, _, __: CRASH if number <= 9 else None,
        slots=3,
    )
    assert distinct(found) == TRIALS
    assert found.best is not None


def test_attempts_that_are_taken_away_and_begun_again() -> None:
    found = played(
        spec(SPACES["mixed"], retry={"max": 1}),
        lambda config, _: noise(config).random(),
        iterations=2,
        fault=lambda number, token, _: (
            (PREEMPTED if number % 2 else CRASH) if token == 1 and number % 3 == 0 else None
        ),
        slots=4,
    )
    assert distinct(found) == TRIALS


# -- crowds and repeats -----------------------------------------------------------------------


def told(searcher: Searcher, count: int) -> None:
    for asked in searcher.ask(count):
        value = noise(asked.config).random()
        searcher.tell(Ended(asked.number, TrialState.FINISHED, value))


def test_sixty_four_at_once() -> None:
    searcher = make_searcher(spec(SPACES["mixed"]), 3)
    told(searcher, 20)
    asked = searcher.ask(64)
    assert len({json.dumps(one.config, sort_keys=True) for one in asked}) == 64


def test_the_last_points_of_a_finite_space_are_asked_for_at_once() -> None:
    searcher = make_searcher(spec(SPACES["twenty-points"]), 3)
    told(searcher, 13)
    free = {json.dumps(one.config, sort_keys=True) for one in searcher.ask(7)}
    assert len(free) == 7
    assert len(searcher.ask(5)) == 5  # nothing new is left: it goes on


def test_the_same_config_over_and_over() -> None:
    sweep = spec(PLANE, enqueue=[{"x": 0.5, "y": 0.5}] * 15, run_cap=20)
    found = played(sweep, lambda config, i: noise(config, i).random(), slots=3)
    assert distinct(found) == 6


def test_the_same_config_with_different_values() -> None:
    searcher = make_searcher(spec(PLANE), 3)
    rng = random.Random(0)
    for number in range(1, 41):
        searcher.tell(Suggested(number, {"x": 0.25, "y": 0.75}))
        searcher.tell(Ended(number, TrialState.FINISHED, rng.gauss(0, 1)))
    configs = [asked.config for asked in searcher.ask(5)]
    assert len({json.dumps(config) for config in configs}) == 5


@pytest.mark.parametrize("space", ["mixed", "twenty-points"])
def test_ten_thousand_trials(space: str) -> None:
    """A model does not look at all of them, or not for long: the test has no clock, but an end."""
    sweep = spec(SPACES[space])
    draws = make_searcher(spec_from_mapping({"method": "random", "parameters": SPACES[space]}), 0)
    trials = [
        TrialSeen(asked.number, asked.config, state, value)
        for asked in draws.ask(10_000)
        for failed in (asked.number % 10 == 0,)
        for state in (TrialState.FAILED if failed else TrialState.FINISHED,)
        for value in (None if failed else noise(asked.config, asked.number).random(),)
    ]
    searcher = make_searcher(sweep, 1)
    searcher.restore(None, trials)
    again = make_searcher(sweep, 1)
    again.restore(None, reversed(trials))
    asked = searcher.ask(2)
    assert [one.number for one in asked] == [10_001, 10_002]
    assert again.ask(1) == asked[:1]


def test_prior_runs_of_every_kind() -> None:
    prior = [
        Prior({"x": 0.5, "y": 0.5}, value)
        for value in (None, math.nan, math.inf, 1e300, -1e300, 0.0)
    ]
    prior += [Prior({"x": 7.0, "y": -3}, 1.0), Prior({"x": "a", "y": None}, 1.0), Prior({}, 1.0)]
    sweep = spec(PLANE)
    searcher = make_searcher(sweep, 1, prior)
    told(searcher, 15)
    for asked in searcher.ask(3):
        sweep.parameters.check(asked.config)
