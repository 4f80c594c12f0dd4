"""What is particular to grid, random and bayes; what they share is in test_searchers.py."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import pytest

from sweeps.errors import SpecError
from sweeps.search import Ended, Prior, Reported, Searcher, Suggested, make_searcher
from sweeps.spec import spec_from_mapping
from sweeps.trial import TrialState

F, X = TrialState.FINISHED, TrialState.FAILED


def searcher(method: str, parameters: dict[str, Any], seed: int = 1, **keys: Any) -> Searcher:
    keys = {"metric": {"name": "loss"}} | keys
    return make_searcher(
        spec_from_mapping({"method": method, "parameters": parameters, **keys}), seed
    )


# -- grid -------------------------------------------------------------------------------------


def test_grid_goes_by_name_with_the_last_one_fastest() -> None:
    grid = searcher("grid", {"b": {"values": [1, 2]}, "a": {"values": ["x", "y"]}})
    assert [s.config for s in grid.ask(9)] == [
        {"a": "x", "b": 1},
        {"a": "x", "b": 2},
        {"a": "y", "b": 1},
        {"a": "y", "b": 2},
    ]
    assert grid.total == 4


def test_grid_skips_what_was_enqueued() -> None:
    values = {"a": {"values": [1, 2, 3]}, "b": {"values": [10, 20]}}
    grid = searcher("grid", values, enqueue=[{"a": 2, "b": 20}, {"a": 3}, {"a": 2, "b": 20}])
    asked = [tuple(s.config.values()) for s in grid.ask(99)]
    # what a partial config lacks is taken from the first point; a repeat on purpose is kept
    assert asked == [(2, 20), (3, 10), (2, 20), (1, 10), (1, 20), (2, 10), (3, 20)]
    assert grid.total == 7


def test_grid_leaves_out_what_prior_runs_have_tried() -> None:
    values = {"a": {"values": [1, 2, 3]}, "b": {"values": [10, 20]}}
    spec = spec_from_mapping({"method": "grid", "parameters": values, "enqueue": [{"a": 2}]})
    prior = [
        Prior({"a": 1, "b": 20}, 0.5),
        Prior({"a": 3, "b": 10}, None),
        Prior({"a": 3, "b": 10}, 1.0),  # the same point once more
        Prior({"a": 9, "b": 10}, 1.0),  # not of this grid
        Prior({"other": 1}, 1.0),
    ]
    grid = make_searcher(spec, 1, prior)
    assert grid.total == 4
    assert [tuple(s.config.values()) for s in grid.ask(99)] == [(2, 10), (1, 10), (2, 20), (3, 20)]
    assert grid.total == 4


def test_a_grid_counts_trials_of_the_grid_before_it() -> None:
    wider = searcher("grid", {"a": {"values": [2, 3, 4]}})
    for number, value in enumerate([1, 2], start=1):
        wider.tell(Suggested(number, {"a": value}))
    assert wider.total == 4
    assert [s.config for s in wider.ask(99)] == [{"a": 3}, {"a": 4}]


def test_grid_without_end_is_refused() -> None:
    with pytest.raises(SpecError, match=r"parameters\.x"):
        searcher("grid", {"x": {"min": 0.0, "max": 1.0}})


def test_grid_of_a_billion_points_starts_at_once() -> None:
    grid = searcher("grid", {name: {"min": 1, "max": 1000} for name in "abc"})
    assert grid.total == 10**9
    assert grid.ask(2)[1].config == {"a": 1, "b": 1, "c": 2}


# -- random -----------------------------------------------------------------------------------


def test_random_depends_on_the_seed_and_the_number_alone() -> None:
    line = {"x": {"min": 0.0, "max": 1.0}}
    first = [s.config["x"] for s in searcher("random", line).ask(20)]
    again = [s.config["x"] for s in searcher("random", line).ask(20)]
    other = [s.config["x"] for s in searcher("random", line, seed=2).ask(20)]
    assert first == again
    assert len(set(first + other)) == 40
    assert searcher("random", line).total is None


def test_enqueued_configs_come_first_and_are_completed() -> None:
    plane = {"x": {"min": 0.0, "max": 1.0}, "in": {"parameters": {"y": {"min": 1, "max": 9}}}}
    for method in ("random", "bayes"):
        asked = searcher(method, plane, enqueue=[{"x": 0.5}, {"in": {"y": 3}}]).ask(3)
        assert asked[0].config["x"] == 0.5
        assert asked[1].config["in"] == {"y": 3}
        assert asked[0].config["in"]["y"] in range(1, 10)
        assert len({a.config["x"] for a in asked}) == 3


def test_the_spec_is_safe_from_what_is_done_to_a_config() -> None:
    spec = spec_from_mapping(
        {
            "method": "random",
            "parameters": {"net": {"values": [{"layers": [1, 2]}, {"layers": [3]}]}},
            "enqueue": [{"net": {"layers": [3]}}],
        }
    )
    for _ in range(2):
        for suggestion in make_searcher(spec, 1).ask(9):
            assert suggestion.config["net"]["layers"] in ([3], [1, 2])
            suggestion.config["net"]["layers"].append(99)


# -- bayes ------------------------------------------------------------------------------------

LINE = {"x": {"min": 0.0, "max": 1.0}}


def learn(bayes: Searcher, count: int, goal_x: float, sign: float = 1.0) -> list[float]:
    """`count` trials, the objective being the distance to goal_x (times sign); where they were."""
    asked = []
    for _ in range(count):
        suggestion = bayes.ask(1)[0]
        asked.append(suggestion.config["x"])
        bayes.tell(Ended(suggestion.number, F, sign * abs(asked[-1] - goal_x)))
    return asked


def xs(bayes: Searcher, count: int) -> list[float]:
    return [s.config["x"] for s in bayes.ask(count)]


def middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def test_early_termination_changes_what_bayes_makes_of_the_same_trials() -> None:
    """Their curves are modelled, and some trials drawn at random, once the file has a rule."""
    rules: list[dict[str, Any]] = [{}, {"early_terminate": {"type": "asha", "max_iter": 9}}]
    asked = []
    for rule in rules:
        bayes = searcher("bayes", LINE, **rule)
        for number in range(1, 21):
            x = number / 21
            bayes.tell(Suggested(number, {"x": x}))
            length = 9 if number % 3 == 0 else 3
            for iteration in range(1, length + 1):
                bayes.tell(Reported(number, iteration, abs(x - 0.3) + 1 / iteration))
            end = F if length == 9 else TrialState.STOPPED
            bayes.tell(Ended(number, end, abs(x - 0.3) + 1 / length))
        asked.append(xs(bayes, 4))
    assert asked[0] != asked[1]


@pytest.mark.parametrize("seed", range(3))
def test_bayes_learns_where_it_is_better(seed: int) -> None:
    low = searcher("bayes", LINE, seed)
    assert abs(middle(learn(low, 50, goal_x=0.2)[25:]) - 0.2) < 0.1
    high = searcher("bayes", LINE, seed, metric={"name": "acc", "goal": "maximize"})
    assert abs(middle(learn(high, 50, goal_x=0.8, sign=-1.0)[25:]) - 0.8) < 0.1


def test_bayes_keeps_away_from_what_runs() -> None:
    """Twenty asks without an answer do not pile up on one spot."""
    bayes = searcher("bayes", LINE)
    learn(bayes, 6, goal_x=0.5)
    asked = xs(bayes, 20)
    assert max(asked) - min(asked) > 0.1
    assert len(set(asked)) == 20


def failing_half(bayes: Searcher, how_it_fails: list[Any]) -> float:
    """x < 0.5 fails, in the way given; returns the share of the later trials that go there."""
    asked = []
    for _ in range(60):
        suggestion = bayes.ask(1)[0]
        asked.append(suggestion.config["x"])
        if asked[-1] < 0.5:
            for make in how_it_fails:
                bayes.tell(make(suggestion.number))
        else:
            bayes.tell(Ended(suggestion.number, F, 3.0 - asked[-1]))
    return sum(x < 0.5 for x in asked[30:]) / 30


@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.CANCELED])
def test_failures_count_as_the_worst(state: TrialState) -> None:
    end = [lambda number: Ended(number, state, None)]
    assert failing_half(searcher("bayes", LINE), end) < 0.3


@pytest.mark.parametrize(
    ("impute", "values", "attractive"),
    [
        ("worst", [9.0, -5.0, 0.5], False),
        ("best", [9.0, 0.5, 9.0], True),
        ("latest", [9.0, 9.0, 0.5], True),
        ("latest", [0.5, 9.0, 9.0], False),
        ("best", [], False),
        ("latest", [math.nan], False),
    ],
    ids=str,
)
def test_failures_are_imputed_as_the_file_says(
    impute: str, values: list[float], attractive: bool
) -> None:
    bayes = searcher("bayes", LINE, metric={"name": "loss", "impute": impute})
    story = [lambda number, i=i, v=v: Reported(number, i, v) for i, v in enumerate(values, start=1)]
    share = failing_half(bayes, [*story, lambda number: Ended(number, X, None)])
    assert share > 0.6 if attractive else share < 0.4


def test_the_latest_value_is_that_of_the_last_iteration_in_whatever_order_told() -> None:
    bayes = searcher("bayes", LINE, metric={"name": "loss", "impute": "latest"})
    story = [
        lambda number: Reported(number, 3, 0.5),
        lambda number: Reported(number, 1, 9.0),
        lambda number: Ended(number, X, None),
    ]
    assert failing_half(bayes, story) > 0.6


@pytest.mark.parametrize(
    ("how", "attractive"), [("best", True), ("latest", True), ("worst", False), ("false", False)]
)
def test_running_trials_are_imputed_as_the_file_says(how: str, attractive: bool) -> None:
    bayes = searcher("bayes", LINE, metric={"name": "loss", "impute_while_running": how})
    share = failing_half(bayes, [lambda number: Reported(number, 1, 0.5)])
    assert share > 0.6 if attractive else share < 0.4


def test_a_stopped_trial_whose_length_is_unknown_counts_by_its_value() -> None:
    bayes = searcher("bayes", LINE)
    end = [lambda number: Ended(number, TrialState.STOPPED, 0.5)]
    assert failing_half(bayes, end) > 0.6


def test_a_stopped_trial_ranks_below_those_that_came_to_the_end() -> None:
    """Its 0.5 at iteration 1 says little beside their 2 to 2.5 at the end."""
    bayes = searcher("bayes", LINE)
    story = [
        lambda number: Reported(number, 1, 0.5),
        lambda number: Ended(number, TrialState.STOPPED, 0.5),
    ]
    assert failing_half(bayes, story) < 0.4


def test_a_failure_ranks_below_a_stopped_trial() -> None:
    """One trial finishes, those in the left half fail, all others are stopped: the search must not
    take the failures for second best."""
    bayes = searcher("bayes", LINE, enqueue=[{"x": 0.7}])
    bayes.tell(Ended(bayes.ask(1)[0].number, F, 1.0))
    asked = []
    for _ in range(60):
        suggestion = bayes.ask(1)[0]
        asked.append(suggestion.config["x"])
        if asked[-1] < 0.5:
            bayes.tell(Ended(suggestion.number, X, None))
        else:
            bayes.tell(Reported(suggestion.number, 3, 3.0 - asked[-1]))
            bayes.tell(Ended(suggestion.number, TrialState.STOPPED, 3.0 - asked[-1]))
    assert sum(x < 0.5 for x in asked[30:]) < 10


def test_an_end_without_an_objective_falls_back_on_the_best_report() -> None:
    bayes = searcher("bayes", LINE)
    story = [
        lambda number: Reported(number, 1, 0.5),
        lambda number: Reported(number, 2, 9.0),
        lambda number: Ended(number, F, None),
    ]
    assert failing_half(bayes, story) > 0.6


@pytest.mark.parametrize("seed", range(3))
def test_bayes_tries_every_point_of_a_finite_space_before_it_repeats_one(seed: int) -> None:
    points = {"a": {"min": 1, "max": 6}, "b": {"values": ["x", "y"]}, "c": {"value": 0}}
    bayes = searcher("bayes", points, seed, enqueue=[{"a": 3, "b": "y"}])
    tried = []
    for _ in range(12):
        suggestion = bayes.ask(1)[0]
        tried.append((suggestion.config["a"], suggestion.config["b"]))
        bayes.tell(Ended(suggestion.number, F, float(suggestion.config["a"])))
    assert len(set(tried)) == 12
    assert len(bayes.ask(5)) == 5  # and then goes on, as W&B does
    assert bayes.total is None


def test_bayes_with_nothing_to_search_goes_on_all_the_same() -> None:
    bayes = searcher("bayes", {"c": {"value": 4}})
    for _ in range(15):
        suggestion = bayes.ask(1)[0]
        assert suggestion.config == {"c": 4}
        bayes.tell(Ended(suggestion.number, F, 0.0))


def test_bayes_with_the_same_value_everywhere_goes_on() -> None:
    bayes = searcher("bayes", LINE)
    for _ in range(25):
        bayes.tell(Ended(bayes.ask(1)[0].number, F, 0.0))
    for extreme in (1e308, -1e308, 5e-324):
        bayes.tell(Ended(bayes.ask(1)[0].number, F, extreme))
    assert len(bayes.ask(2)) == 2


def test_optuna_is_imported_only_when_it_is_asked() -> None:
    """And it says nothing on stderr, whatever the level of its log."""
    code = """
import sys
from sweeps.search import Ended
from sweeps.search.bayes import BayesSearch
from sweeps.spec import spec_from_mapping
from sweeps.trial import TrialState
spec = spec_from_mapping({"method": "random", "parameters": {"x": {"min": 0.0, "max": 1.0}}})
for model in ("gp", "tpe"):
    bayes = BayesSearch(spec.parameters, 1, maximize=False, model=model)
    for _ in range(11):
        assert "optuna" not in sys.modules or model == "tpe"
        suggestion = bayes.ask(1)[0]
        bayes.tell(Ended(suggestion.number, TrialState.FINISHED, suggestion.config["x"]))
bayes.ask(1)
assert "optuna" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_bayes_learns_from_prior_runs() -> None:
    space = {"x": {"min": 0.0, "max": 1.0}, "kind": {"value": "c"}}
    spec = spec_from_mapping(
        {"method": "bayes", "parameters": space, "metric": {"name": "loss"}, "seed": 1}
    )
    prior = [Prior({"x": n / 20}, (n / 20 - 0.3) ** 2) for n in range(21)]
    told = make_searcher(spec, 1, [*prior, Prior({"x": 0.9}, None), Prior({"y": 1}, -9.0)])
    asked = [suggestion.config["x"] for suggestion in told.ask(3)]
    untold = [suggestion.config["x"] for suggestion in make_searcher(spec, 1).ask(3)]
    assert sum(abs(x - 0.3) for x in asked) < sum(abs(x - 0.3) for x in untold) / 2
    again = make_searcher(spec, 1, [*prior, Prior({"x": 0.9}, None), Prior({"y": 1}, -9.0)])
    assert [suggestion.config["x"] for suggestion in again.ask(3)] == asked
