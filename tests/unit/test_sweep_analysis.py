"""Importance and correlation against functions whose shares are known, and Optuna's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from sweeps.analysis import Column, columns, correlations, importance, least_trials
from sweeps.analysis.__main__ import analyse
from sweeps.spec import SweepSpec, spec_from_mapping

UNIT = {"min": 0.0, "max": 1.0}


def spec(**parameters: Any) -> SweepSpec:
    return spec_from_mapping(
        {"program": "x.py", "method": "random", "metric": {"name": "y"}, "parameters": parameters}
    )


def drawn(
    sweep: SweepSpec, objective: Callable[[Mapping[str, Any]], float], trials: int
) -> tuple[list[Column], np.ndarray[Any, Any]]:
    rng = np.random.default_rng(3)
    configs = [sweep.parameters.sample(rng) for _ in range(trials)]
    return columns(sweep.parameters, configs), np.array([objective(config) for config in configs])


def test_shares_of_a_sum_are_those_of_its_terms() -> None:
    # The variance of c times a uniform variable is c²/12: 9, 4 and 0 of 13 parts.
    table, values = drawn(spec(a=UNIT, b=UNIT, c=UNIT), lambda x: 3 * x["a"] + 2 * x["b"], 300)
    found = importance(table, values)
    shares = {share.names[0]: share for share in found.shares}
    assert shares["a"].share == pytest.approx(9 / 13, abs=0.06)
    assert shares["b"].share == pytest.approx(4 / 13, abs=0.06)
    assert shares["c"].share < 0.02
    assert shares["c"].share <= (shares["c"].noise or 0) < shares["b"].low
    assert all(share.low <= share.share <= share.high for share in found.shares)
    assert found.explained is not None
    assert found.explained > 0.9


def test_a_parameter_that_works_only_with_another_shows_in_their_pair() -> None:
    table, values = drawn(
        spec(a={"values": [-1, 1]}, b={"values": [-1, 1]}, c=UNIT), lambda x: x["a"] * x["b"], 200
    )
    found = importance(table, values)
    assert all(share.share < 0.1 for share in found.shares)
    assert set(found.pairs[0].names) == {"a", "b"}
    assert found.pairs[0].share > 0.85


def test_the_share_is_of_the_space_not_of_where_the_search_has_looked() -> None:
    """Most trials lie in a corner where `a` is fixed: over the whole space it still matters."""
    sweep = spec(a=UNIT, b=UNIT)
    rng = np.random.default_rng(1)
    configs = [sweep.parameters.sample(rng) for _ in range(250)]
    configs += [{"a": 0.05 * rng.random(), "b": rng.random()} for _ in range(250)]
    values = np.array([4 * config["a"] + config["b"] for config in configs])
    shares = importance(columns(sweep.parameters, configs), values).shares
    assert shares[0].names == ("a",)
    assert shares[0].share == pytest.approx(16 / 17, abs=0.06)


def test_what_noise_alone_shows_is_told() -> None:
    rng = np.random.default_rng(5)
    table, values = drawn(spec(a=UNIT, b=UNIT), lambda _: float(rng.normal()), 100)
    found = importance(table, values)
    assert found.explained is not None
    assert found.explained < 0.1
    assert all(share.low < (share.noise or 0) for share in found.shares)


def test_it_agrees_with_optunas_evaluator() -> None:
    """On flat parameters: of a log one Optuna weighs every number alike, and so the largest decade
    most; here each decade counts as the search draws it."""
    optuna = pytest.importorskip("optuna")
    pytest.importorskip("sklearn")
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(x: Mapping[str, Any]) -> float:
        return float(x["shift"] ** 2 + (6.0 if x["kind"] == "b" else 0.0) + 0.1 * x["n"])

    sweep = spec(
        shift={"min": -4.0, "max": 0.0},
        kind={"values": ["a", "b", "c"]},
        n={"min": 1, "max": 8},
    )
    rng = np.random.default_rng(2)
    configs = [sweep.parameters.sample(rng) for _ in range(250)]
    values = np.array([objective(config) for config in configs])
    study = optuna.create_study()
    spaces = {
        "shift": optuna.distributions.FloatDistribution(-4.0, 0.0),
        "kind": optuna.distributions.CategoricalDistribution(["a", "b", "c"]),
        "n": optuna.distributions.IntDistribution(1, 8),
    }
    for config, value in zip(configs, values, strict=True):
        study.add_trial(
            optuna.trial.create_trial(params=config, distributions=spaces, value=float(value))
        )
    theirs = optuna.importance.get_param_importances(
        study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0)
    )
    ours = {
        s.names[0]: s.share for s in importance(columns(sweep.parameters, configs), values).shares
    }
    whole = sum(ours.values())  # theirs sum to 1
    for name, share in theirs.items():
        assert ours[name] / whole == pytest.approx(share, abs=0.05), name


def test_marginals_follow_the_parameter() -> None:
    table, values = drawn(spec(a=UNIT, b=UNIT), lambda x: (x["a"] - 0.5) ** 2, 300)
    marginal = importance(table, values).marginals[0]
    at = np.array(table[0].shown)
    assert np.abs(marginal.mean - (at - 0.5) ** 2).max() < 0.05
    assert (marginal.low <= marginal.high).all()


def test_trials_without_a_parameter_are_a_group_of_their_own() -> None:
    sweep = spec(kind={"values": ["a", "b"]}, momentum=UNIT)
    configs: list[dict[str, Any]] = [{"kind": "a", "momentum": i / 20} for i in range(20)]
    configs += [{"kind": "b"} for _ in range(20)]
    kind, momentum = columns(sweep.parameters, configs)
    assert kind.shown == ("a", "b")
    assert momentum.shown[-1] is None
    assert momentum.weights[-1] == pytest.approx(0.5)
    assert momentum.weights.sum() == pytest.approx(1.0)
    values = np.array([0.0] * 20 + [1.0] * 20)
    assert importance([kind, momentum], values).shares[0].share > 0.9


def test_a_bin_without_a_value_weighs_what_the_conditions_leave_without_it() -> None:
    """However often the search has taken the branch that has it."""
    sweep = spec(
        kind={"values": ["a", "b", "c", "d"]},
        depth={"min": 0.0, "max": 1.0, "when": {"kind": "a"}},
    )
    configs = [{"kind": "a", "depth": n / 90} for n in range(90)] + [{"kind": "b"}] * 10
    depth = columns(sweep.parameters, configs)[0]
    assert depth.shown[-1] is None
    assert depth.weights[-1] == pytest.approx(0.75, abs=0.03)
    assert depth.weights.sum() == pytest.approx(1.0)


def test_a_parameter_that_no_trial_has_is_no_column() -> None:
    assert columns(spec(a=UNIT, b=UNIT).parameters, [{"a": 0.1}, {"a": 0.2}])[0].name == "a"
    assert columns(spec(a=UNIT).parameters, [{"a": 0.1}]) == []
    assert columns(spec(a=UNIT).parameters, []) == []


def test_categories_of_any_json_and_values_outside_the_file() -> None:
    sweep = spec(layers={"values": [[1, 2], [3], None]}, a={"min": 0, "max": 10})
    configs = [{"layers": [[1, 2], [3], None, "new"][i % 4], "a": i % 20} for i in range(40)]
    table = columns(sweep.parameters, configs)
    assert [column.name for column in table] == ["a", "layers"]
    assert table[1].shown == ([1, 2], [3], None, "new")
    assert all(column.weights.sum() == pytest.approx(1.0) for column in table)
    assert all((column.weights > 0).all() for column in table)


def test_rank_correlation_and_its_interval() -> None:
    table, values = drawn(
        spec(a=UNIT, b=UNIT, kind={"values": ["x", "y"]}),
        lambda x: math.exp(9 * x["a"]) * (1.0 if x["kind"] == "x" else 1.01),
        200,
    )
    found = {(each.name, each.value): each for each in correlations(table, values)}
    assert found["a", None].rho > 0.999
    assert found["b", None].low < 0 < found["b", None].high
    assert found["kind", "x"].rho == pytest.approx(-found["kind", "y"].rho)
    # 200 trials: about ±0.14 around nothing.
    assert found["b", None].high - found["b", None].low == pytest.approx(0.28, abs=0.02)


def test_too_few_trials_are_said_so() -> None:
    sweep = spec(a=UNIT, b=UNIT)
    configs = [{"a": i / 10, "b": 0.5} for i in range(10)]
    asked = {"spec": sweep.source, "configs": configs, "objectives": list(range(10)), "of": "value"}
    found = analyse(asked)
    assert found["needs"] == least_trials(1) - 10
    assert found["parameters"] == []
    assert found["correlations"][0]["rho"] == 1.0


def test_ranks_make_light_of_one_huge_loss() -> None:
    sweep = spec(a=UNIT, b=UNIT)
    rng = np.random.default_rng(0)
    configs = [sweep.parameters.sample(rng) for _ in range(120)]
    objectives = [config["a"] for config in configs]
    objectives[7] = 1e12
    asked = {"spec": sweep.source, "configs": configs, "objectives": objectives, "of": "rank"}
    best = analyse(asked)["parameters"][0]
    assert best["name"] == "a"
    assert best["share"] > 0.85
