"""Model-based search over random sweep files, told random stories: `make fuzz` for longer.

Whatever the space, the metrics and the values: configs that fit the space and are plain JSON, no
repeat where points cannot run out, and a twin that is told the same, and asked one by one, says the
same.
"""

from __future__ import annotations

import json
import math
import random
from typing import Any

import numpy
import pytest
from depth import examples

from sweeps.search import Ended, Event, Prior, Reported, Searcher, make_searcher
from sweeps.spec import SweepSpec, spec_from_mapping
from sweeps.trial import TrialState

MIXTURE = ["a", "b", None, True, 1, 1.5, "1", [1], {"k": [2]}, 0, -1.5, "None"]
ENDS = [TrialState.FINISHED] * 6 + [TrialState.FAILED] * 2
ENDS += [TrialState.STOPPED, TrialState.CANCELED]


def number(rng: random.Random) -> dict[str, Any]:
    low, wide = rng.uniform(-5, 5), 10.0 ** rng.uniform(-9, 6)
    small = 10.0 ** rng.uniform(-9, 2)
    return rng.choice(
        [
            {"min": low, "max": low + wide},
            {"distribution": "log_uniform_values", "min": small, "max": small * (1 + wide)},
            {"distribution": "normal", "mu": low, "sigma": wide},
            {"distribution": "beta", "a": rng.uniform(0.2, 4), "b": rng.uniform(0.2, 4)},
            {"distribution": "inv_log_uniform_values", "min": 0.01, "max": 10.0},
            {"distribution": "log_normal", "mu": 0, "sigma": rng.choice([0.1, 2])},
        ]
    )


def choice(rng: random.Random) -> dict[str, Any]:
    whole = rng.randint(-5, 5)
    return rng.choice(
        [
            {"min": whole, "max": whole + rng.choice([1, 2, 5, 100, 10**9])},
            {"values": rng.sample(MIXTURE, rng.randint(1, 8))},
            {"values": sorted(rng.sample(range(1000), rng.randint(1, 9)))},
            {"distribution": "q_normal", "mu": whole, "sigma": 3, "q": rng.choice([0.5, 1])},
            {"distribution": "q_uniform", "min": 0, "max": 10, "q": rng.choice([0.1, 0.25, 3])},
            {"distribution": "q_log_uniform_values", "min": 8, "max": 999, "q": 8},
            {"value": {"x": whole}},
        ]
    )


def file(rng: random.Random, algorithm: str) -> dict[str, Any]:
    """A sweep of one number at least, so that new points never run out."""
    parameters = {"x": number(rng), "opt": {"values": ["adam", "sgd", "lion"]}}
    for n in range(rng.randint(0, 6)):
        parameters[f"p{n}"] = rng.choice([number, choice])(rng)
        if rng.random() < 0.3:
            parameters[f"p{n}"]["when"] = {"opt": rng.choice(["adam", ["sgd", "lion"]])}
    found: dict[str, Any] = {"method": "bayes", "parameters": parameters}
    found["search"] = {"type": algorithm}
    if rng.random() < 0.3:
        found["constraints"] = [f"opt != 'adam' or x < {sum(bounds(parameters['x'])) / 2!r}"]
    goal = rng.choice(["minimize", "maximize"])
    if rng.random() < 0.5:
        impute = rng.choice(["worst", "latest", "best"])
        found["metric"] = {"name": "a", "goal": goal, "impute": impute}
        return found
    more = [{"name": "b", "goal": "minimize"}, {"name": "c", "at_most": rng.choice([0, -3, 1e9])}]
    found["metrics"] = [{"name": "a", "goal": goal}, *more[: rng.randint(1, 2)]]
    if algorithm == "gp":
        found["search"]["per"] = "seconds"
    return found


def bounds(parameter: dict[str, Any]) -> tuple[float, float]:
    return parameter.get("min", 0.0), parameter.get("max", 1.0)


def value(rng: random.Random, kind: int) -> float:
    odd: float = rng.choice([math.nan, math.inf, -math.inf, 1.5, 1.7e308])
    huge_or_tiny = 10.0 ** rng.uniform(-300, 300) * rng.choice([1, -1])
    kinds: list[float] = [rng.gauss(0, 1), rng.choice([0.0, 1.0]), huge_or_tiny, odd, 5.0]
    return kinds[kind]


def story(trial: int, rng: random.Random, kinds: list[int]) -> list[Event]:
    found: list[Event] = [
        Reported(trial, i, value(rng, kinds[0])) for i in range(1, rng.randint(1, 4))
    ]
    if rng.random() < 0.2:
        return found
    state = rng.choice(ENDS)
    usual = state in (TrialState.FINISHED, TrialState.STOPPED) and rng.random() < 0.9
    metrics = {name: value(rng, kind) for name, kind in zip("abc", kinds, strict=True)}
    seconds = rng.choice([None, 0.0, 1e-9, 3.0, 1e12])
    objective = value(rng, kinds[0]) if usual else None
    return [*found, Ended(trial, state, objective, metrics=metrics, seconds=seconds)]


def past(sweep: SweepSpec, rng: random.Random) -> list[Prior]:
    drawn = (sweep.parameters.sample(numpy.random.default_rng(n)) for n in range(9))
    return [Prior(config, value(rng, rng.choice([0, 0, 2, 3]))) for config in drawn]


@pytest.mark.parametrize("algorithm", ["gp", "tpe"])
@pytest.mark.parametrize("seed", range(examples(4)))
def test_random_sweeps(seed: int, algorithm: str) -> None:
    rng = random.Random(f"{seed} {algorithm}")
    sweep = spec_from_mapping(file(rng, algorithm))
    prior = past(sweep, rng) if rng.random() < 0.4 else []
    kinds = [rng.randrange(5) for _ in range(3)]
    searcher, twin = make_searcher(sweep, seed, prior), make_searcher(sweep, seed, prior)
    seen: list[str] = []
    while len(seen) < 16:
        asked = searcher.ask(rng.choice([1, 1, 3]))
        assert [one for _ in asked for one in twin.ask(1)] == asked
        for one in asked:
            sweep.parameters.check(one.config)
            seen.append(json.dumps(one.config, allow_nan=False, sort_keys=True))
            tell(searcher, twin, story(one.number, rng, kinds))
    assert len(set(seen)) == len(seen)


def tell(searcher: Searcher, twin: Searcher, events: list[Event]) -> None:
    for event in events:
        searcher.tell(event)
        twin.tell(event)
