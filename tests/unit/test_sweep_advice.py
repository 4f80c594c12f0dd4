"""What now: the best under noise, where to look next, what more trials bring."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import yaml

from sweeps.analysis.advice import Trial, advise, least
from sweeps.analysis.unfinished import carried_on
from sweeps.analysis.units import Units
from sweeps.spec import SweepSpec, spec_from_mapping

UNIT = {"min": 0.0, "max": 1.0}
FILE = {"program": "x.py", "method": "bayes", "metric": {"name": "y"}}


def spec(parameters: Mapping[str, Any], **more: Any) -> SweepSpec:
    return spec_from_mapping({**FILE, "parameters": dict(parameters), **more})


def drawn(
    sweep: SweepSpec,
    objective: Callable[[Mapping[str, Any]], float | None],
    count: int,
    seed: int = 3,
) -> list[Trial]:
    rng = np.random.default_rng(seed)
    trials = []
    for number in range(1, count + 1):
        config = sweep.parameters.sample(rng)
        value = objective(config)
        state = "failed" if value is None else "finished"
        trials.append(
            Trial(number, config, state, value, started=60.0 * number, ended=60.0 * number + 60)
        )
    return trials


def bowl(x: Mapping[str, Any]) -> float:
    return float((x["a"] - 0.3) ** 2 + 0.3 * (x["b"] - 0.6) ** 2)


def test_units_lead_there_and_back() -> None:
    rng = np.random.default_rng(0)
    for costs in (rng.normal(size=40), np.exp(4 * rng.normal(size=40)), -rng.gamma(0.3, size=40)):
        units = Units(costs)
        assert abs(units.values.mean()) < 1e-9
        np.testing.assert_allclose(units.back(units.values), costs, rtol=1e-6, atol=1e-9)
        line = units.back(np.linspace(-8, 8, 200))
        assert (np.diff(line) >= 0).all()
    assert Units(np.array([0.1, 0.2, 0.4, 0.9])).back(np.array([-9.0]))[0] == 0.0


def test_the_luckiest_is_not_the_best() -> None:
    """One trial far from the bottom had luck; five runs of one good configuration are pooled."""
    sweep = spec({"a": UNIT, "b": UNIT})
    rng = np.random.default_rng(1)
    trials = drawn(sweep, lambda x: bowl(x) + 0.05 * rng.normal(), 40)
    good = {"a": 0.3, "b": 0.6}
    trials += [Trial(n, good, "finished", 0.05 * rng.normal()) for n in range(41, 46)]
    trials.append(Trial(46, {"a": 0.75, "b": 0.2}, "finished", -0.2))
    found = advise(sweep, trials, 0)
    best = found["best"][0]
    assert best["low"] < best["inner_low"] < best["value"] < best["inner_high"] < best["high"]
    assert bowl(best["config"]) < 0.02
    assert found["luckiest"] == {
        **{"number": 46, "seen": -0.2, "is_best": False, "better": "lower"},
        "rank": found["luckiest"]["rank"],
    }
    assert found["luckiest"]["rank"] > 5
    assert 0.025 < found["noise"] < 0.1
    pooled = next(each for each in found["best"] if 41 in each["numbers"])
    assert pooled["numbers"] == [41, 42, 43, 44, 45]
    assert 0 < sum(each["chance"] for each in found["best"]) <= 1.0


def cliffs(x: Mapping[str, Any]) -> float:
    return bowl(x) + 1.0 * (x["a"] > 0.7) + 0.5 * (x["b"] < 0.2)


def steep(x: Mapping[str, Any]) -> float:
    return bowl(x) + 1.0 / (1.0 + math.exp(-60.0 * (x["a"] - 0.5)))


def steps(x: Mapping[str, Any]) -> float:
    return 0.1 * round(10 * abs(x["a"] - 0.37)) + 0.1 * round(8 * abs(x["b"] - 0.7))


def searched(
    sweep: SweepSpec, objective: Callable[[Mapping[str, Any]], float], count: int, seed: int = 3
) -> list[Trial]:
    """Half of them at random, the others ever closer to the best one, as a search goes."""
    rng = np.random.default_rng(seed)
    trials = drawn(sweep, objective, count // 2, seed)
    for number in range(count // 2 + 1, count + 1):
        best = min(trials, key=lambda trial: trial.objective or 0.0).config
        width = 0.3 * 0.9 ** (number - count // 2)
        config = {k: float(np.clip(v + width * rng.normal(), 0, 1)) for k, v in best.items()}
        trials.append(Trial(number, config, "finished", objective(config)))
    return trials


@pytest.mark.parametrize("truth", [bowl, cliffs, steep, steps])
@pytest.mark.parametrize("how", [drawn, searched])
def test_steep_places_are_no_noise(
    truth: Callable[[Mapping[str, Any]], float], how: Callable[..., list[Trial]]
) -> None:
    sweep = spec({"a": UNIT, "b": UNIT})
    for count in (15, 40):
        found = advise(sweep, how(sweep, truth, count), 0)
        assert found["noise"] is None
        assert found["noisy"] in ("no", "unknown")
        assert found["luckiest"]["is_best"]
    trials = how(sweep, truth, 15)
    trials.append(dataclasses.replace(trials[7], number=16))
    found = advise(sweep, trials, 0)  # the same value twice
    assert (found["noisy"], found["luckiest"]["is_best"]) == ("no", True)


@pytest.mark.parametrize("truth", [bowl, cliffs, steep, steps])
def test_noise_is_told_from_steep_places(truth: Callable[[Mapping[str, Any]], float]) -> None:
    sweep = spec({"a": UNIT, "b": UNIT})
    rng = np.random.default_rng(0)
    trials = searched(sweep, lambda x: truth(x) + 0.05 * rng.normal(), 50)
    found = advise(sweep, trials, 0)
    assert found["noisy"] == "yes"
    assert 0.025 < found["noise"] < 0.1
    few = drawn(sweep, lambda x: truth(x) + 0.05 * rng.normal(), 12)
    few += [Trial(n, few[0].config, "finished", (few[0].objective or 0.0) + 0.05 * rng.normal())
            for n in range(13, 18)]  # fmt: skip
    assert advise(sweep, few, 0)["noisy"] == "yes"


def test_intervals_hold_while_nobody_knows_of_noise() -> None:
    """Too few trials to tell: what is said of the best ones must allow for it all the same."""
    sweep = spec({"a": UNIT, "b": UNIT})
    held = []
    for seed, truth in enumerate((bowl, cliffs, steep, steps) * 2):
        rng = np.random.default_rng(seed)
        trials = searched(sweep, lambda x: truth(x) + 0.04 * rng.normal(), 10, seed)  # noqa: B023
        found = advise(sweep, trials, 0)
        if found["noisy"] != "yes":
            held += [each["low"] <= truth(each["config"]) <= each["high"]
                     for each in found["best"][:5]]  # fmt: skip
    assert len(held) >= 15
    assert np.mean(held) >= 0.85


def test_a_growing_objective_is_said_in_its_own_direction() -> None:
    sweep = spec({"a": UNIT, "b": UNIT}, metric={"name": "y", "goal": "maximize"})
    found = advise(sweep, drawn(sweep, lambda x: 0.9 - bowl(x), 25), 3)
    best = found["best"][0]
    assert best["low"] <= best["value"] <= best["high"] <= 1.0  # never above 1: an accuracy
    assert best["value"] == pytest.approx(best["seen"], abs=0.01)
    assert found["gain"]["expected"] >= 0
    assert found["noise"] is None


def test_stated_gains_and_intervals_hold() -> None:
    """What is said of ten random trials more, against what they bring; every other sweep noisy."""
    sweep = spec({"a": UNIT, "b": UNIT, "c": UNIT}, method="random")

    def truth(x: Mapping[str, Any]) -> float:
        return float(bowl(x) + 0.4 * abs(x["c"] - 0.5) + 0.1 * math.sin(9 * x["a"]))

    stated, actual, within, covered = [], [], [], []
    for seed in range(6):
        rng = np.random.default_rng(100 + seed)
        noise = 0.1 * (seed % 2)
        trials = drawn(sweep, lambda x: truth(x) + noise * rng.normal(), 30, seed)  # noqa: B023
        before = advise(sweep, trials[:20], 10)
        best = before["best"][0]
        covered.append(best["low"] - 1e-3 <= truth(best["config"]) <= best["high"] + 1e-3)
        after = advise(sweep, trials, 0)["best"][0]
        gain = before["gain"]
        stated.append(gain["expected"])
        actual.append(truth(best["config"]) - truth(after["config"]))
        within.append(gain["low"] - 1e-3 <= actual[-1] <= gain["high"] + 1e-3)
    assert sum(covered) >= 5
    assert sum(within) >= 5
    assert np.mean(stated) == pytest.approx(np.mean(actual), abs=0.03)


def test_when_all_is_known_it_says_stop() -> None:
    sweep = spec({"a": UNIT, "b": UNIT})
    few, many = (advise(sweep, drawn(sweep, bowl, count), 5)["gain"] for count in (6, 80))
    assert few["verdict"] == "go_on"
    assert many["verdict"] == "stop"
    assert many["share"] < 0.01
    assert (many["each_s"], many["at_once"], many["accelerator_s"]) == (60.0, 1, 300.0)
    finite = spec({"a": {"values": [1, 2, 3]}, "b": {"values": ["x", "y"]}})
    trials = [
        Trial(n, {"a": n % 3 + 1, "b": "xy"[n % 2]}, "finished", float(n % 6)) for n in range(6)
    ]
    gain = advise(finite, trials, 5)["gain"]
    assert (gain["left"], gain["verdict"], gain["expected"]) == (0, "stop", 0.0)


def test_the_region_is_a_file_that_can_be_used() -> None:
    parameters = {
        "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 0.1},
        "kind": {"values": ["adam", "sgd", "lion"]},
        "momentum": {"min": 0.0, "max": 1.0, "when": {"kind": ["sgd", "lion"]}},
        "net": {"parameters": {"layers": {"min": 1, "max": 8}}},
        "seed": {"value": 7},
    }

    def objective(x: Mapping[str, Any]) -> float:
        off = (math.log10(x["lr"]) + 3) ** 2 + {"adam": 2.0, "sgd": 0.0, "lion": 2.0}[x["kind"]]
        return float(off + 8 * (x.get("momentum", 0.9) - 0.9) ** 2 - 0.4 * x["net"]["layers"])

    sweep = spec(parameters)
    found = advise(sweep, drawn(sweep, objective, 90), 2)["region"]
    parts = {part["name"]: part for part in found["parameters"]}
    written = yaml.safe_load(found["yaml"])["parameters"]
    assert 1e-5 < written["lr"]["min"] < 1e-3 < written["lr"]["max"] < 0.1
    assert written["kind"] == {"values": ["sgd"]}
    assert written["seed"] == {"value": 7}
    assert parts["net.layers"]["at"] == "max"
    assert parts["lr"]["at"] is None
    narrow = spec(written)
    config = narrow.parameters.sample(np.random.default_rng(0))
    assert config["kind"] == "sgd"
    assert "momentum" in config


def test_stopped_trials_are_carried_on() -> None:
    """Curves fall by half each time: one stopped at 4 after two steps would have come to 0.5."""
    ends = np.linspace(0.4, 2.0, 12)
    curves = [[end * 2.0**k for k in range(6, -1, -1)] for end in ends]
    costs = np.r_[ends, 16.0]
    curves.append([32.0, 16.0])
    found = carried_on(costs, np.arange(13) == 12, curves)
    assert (found[:12] == ends).all()
    assert 0.4 <= found[12] < 1.5
    # nothing to learn from: left alone
    assert (carried_on(costs, np.arange(13) == 12, [()] * 13) == costs).all()


def test_a_stopped_trial_does_not_win_by_what_it_might_have_been() -> None:
    sweep = spec({"a": UNIT, "b": UNIT})
    trials = drawn(sweep, bowl, 20)
    trials.append(Trial(21, {"a": 0.3, "b": 0.6}, "stopped", 0.5))
    found = advise(sweep, trials, 0)
    assert all(21 not in each["numbers"] for each in found["best"])


def test_where_trials_fail_is_no_place_to_go() -> None:
    sweep = spec({"a": UNIT, "b": UNIT})
    trials = drawn(sweep, lambda x: None if x["a"] < 0.5 else bowl(x), 50)
    found = advise(sweep, trials, 3)
    part = found["region"]["parameters"][0]
    assert part["low"] > 0.4


@pytest.mark.parametrize("truth", [bowl, cliffs, steep])
def test_the_region_is_narrow_where_a_search_has_gathered(
    truth: Callable[[Mapping[str, Any]], float],
) -> None:
    """What is far from all trials is unknown, but not so unknown that the best is likely there."""
    sweep = spec({"a": UNIT, "b": UNIT})
    found = advise(sweep, searched(sweep, truth, 36), 2)["region"]
    for part, best in zip(found["parameters"], (0.3, 0.6), strict=True):
        assert part["high"] - part["low"] < 0.3
        assert part["low"] - 0.05 < best < part["high"] + 0.05


@pytest.mark.parametrize("truth", [bowl, cliffs, steep, steps])
@pytest.mark.parametrize("how", [drawn, searched])
def test_a_gain_lies_in_its_interval(
    truth: Callable[[Mapping[str, Any]], float], how: Callable[..., list[Trial]]
) -> None:
    sweep = spec({"a": UNIT, "b": UNIT})
    gain = advise(sweep, how(sweep, truth, 24), 5)["gain"]
    ends = ("low", "inner_low", "expected", "inner_high", "high")
    known = [gain[end] for end in ends]
    assert known == sorted(known)
    assert known[0] >= 0.0


def test_what_the_last_trials_brought_is_of_those_that_keep_the_limits() -> None:
    sweep = spec({"a": UNIT})
    trials = [Trial(n, {"a": n / 20}, "finished", 1.0 - n / 40) for n in range(1, 13)]
    best = Trial(0, {"a": 0.01}, "finished", 0.0, keeps=False)
    assert advise(sweep, [best, *trials], 4)["gain"]["lately"] == pytest.approx(0.1)
    alike = [dataclasses.replace(each, keeps=False) for each in trials]
    assert advise(sweep, alike, 4)["gain"]["lately"] == pytest.approx(0.1)


def test_an_end_that_was_never_tried_is_not_in_the_way() -> None:
    """It falls towards 0; whoever never was near it does not know that it goes on."""
    sweep = spec({"a": UNIT})
    for first, at in ((0.0, "min"), (0.3, None)):
        trials = [Trial(n, {"a": first + n / 40}, "finished", first + n / 40) for n in range(1, 25)]
        assert advise(sweep, trials, 2)["region"]["parameters"][0]["at"] == at


def test_the_likeliest_is_named_wherever_it_stands() -> None:
    sweep = spec({"a": UNIT, "b": UNIT})
    rng = np.random.default_rng(2)
    found = advise(sweep, searched(sweep, lambda x: bowl(x) + 0.1 * rng.normal(), 40), 0)
    rivals = found["rivals"]
    assert rivals["configurations"] == 40
    assert rivals["chance"] >= max(each["chance"] for each in found["best"])


def test_what_breaks_a_limit_is_no_gain() -> None:
    sweep = spec({"a": UNIT, "b": UNIT})
    trials = [
        dataclasses.replace(each, keeps=each.config["a"] < 0.5)
        for each in drawn(sweep, lambda x: (x["a"] - 0.9) ** 2, 40)
    ]
    found = advise(sweep, trials, 5)
    assert found["best"][0]["seen"] > 0.15  # and some have nearly 0
    assert found["gain"]["expected"] < 0.1  # up to where the limit may begin


def test_where_nothing_is_known_no_range_is_narrowed() -> None:
    """One configuration again and again, in a space with many numbers to choose from."""
    sweep = spec({"a": UNIT, "b": {"values": list(range(50))}, "c": {"values": ["x", "y"]}})
    rng = np.random.default_rng(0)
    here = {"a": 0.5, "b": 3, "c": "x"}
    found = advise(sweep, [Trial(n, here, "finished", rng.normal()) for n in range(1, 25)], 3)
    assert found["region"]["yaml"] is None
    assert found["gain"]["verdict"] == "go_on"
    assert len(found["best"]) == 1


HARD: dict[str, tuple[dict[str, Any], Callable[[Mapping[str, Any]], float | None], int]] = {
    "huge": ({"a": UNIT}, lambda x: 1e300 * (x["a"] - 0.5), 12),
    "one tail": ({"a": UNIT}, lambda x: math.exp(300 * x["a"]), 30),
    "as far as it goes": ({"a": UNIT}, lambda x: math.copysign(1e308, x["a"] - 0.5), 12),
    "two values": ({"a": UNIT}, lambda x: float(x["a"] > 0.5), 12),
    "not finite": ({"a": UNIT}, lambda x: math.nan if x["a"] > 0.8 else x["a"], 20),
    "wide": ({f"p{n}": UNIT for n in range(100)}, lambda x: x["p1"] + x["p2"] ** 2, 30),
    "odd": (
        {
            "n": {"distribution": "normal", "mu": 0, "sigma": 2},
            "q": {"distribution": "q_log_uniform_values", "min": 1, "max": 512, "q": 2},
            "b": {"values": [True, False, 1, None, [1, 2]]},
            "one": {"values": ["same"]},
        },
        lambda x: abs(x["n"]) + math.log(x["q"]),
        25,
    ),
}


@pytest.mark.parametrize("case", HARD)
def test_hardships(case: str) -> None:
    parameters, objective, count = HARD[case]
    sweep = spec(parameters)
    found = advise(sweep, drawn(sweep, objective, count), 3)
    assert found["problem"] is None
    assert found["best"]
    numbers = [found["gain"]["expected"], found["gain"]["share"], found["best"][0]["value"]]
    assert all(math.isfinite(number) for number in numbers)
    if found["region"]["yaml"]:
        spec(yaml.safe_load(found["region"]["yaml"])["parameters"])


def test_segments_of_a_training_are_no_whole_ones() -> None:
    """Each goes on from its parent: one and the same configuration gets better and better."""
    sweep = spec({"a": UNIT, "b": UNIT}, search={"type": "pbt"})
    here = {"a": 0.2, "b": 0.4}
    trials = [Trial(n, here, "finished", 1.0 / n) for n in range(1, 20)]
    found = advise(sweep, trials, 10)
    assert "segments" in found["problem"]
    assert (found["best"], found["noise"], found["gain"]) == ([], None, None)


def test_too_little_to_say() -> None:
    sweep = spec({"a": UNIT, "b": UNIT})
    assert least(sweep) == 5
    assert advise(sweep, [], 10)["needs"] == 5
    assert advise(sweep, drawn(sweep, lambda _: None, 20), 10)["needs"] == 5
    assert advise(sweep, drawn(sweep, bowl, 1), 10)["needs"] == 4
    assert "same value" in advise(sweep, drawn(sweep, lambda _: 1.0, 20), 10)["problem"]
    assert (
        "No parameter"
        in advise(
            spec({"a": {"value": 1}}),
            [Trial(n, {"a": 1}, "finished", float(n)) for n in range(9)],
            1,
        )["problem"]
    )
