"""The model that learns from curves, and the allocator over it."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from sweeps.search.allocator import Allocator, chance_of_more
from sweeps.search.axes import Axes
from sweeps.search.base import generator
from sweeps.search.gp.columns import Columns
from sweeps.search.gp.curves import CurveModel, CurveSettings, _checks, _Scale, ends_of
from sweeps.search.gp.maximise import Effort
from sweeps.search.gp.outputs import half_ranked
from sweeps.search.gp.process import Hyperparameters, Process
from sweeps.search.gp.rows import Rows
from sweeps.search.observation import Observation, Standing
from sweeps.spec import spec_from_mapping
from sweeps.stopping.curve import Curve

QUICK = CurveSettings(effort=Effort(128, 32, starts=2, calls=10))


def axes(**parameters: Any) -> Axes:
    parameters = parameters or {"x": {"min": 0.0, "max": 1.0}, "y": {"min": 0.0, "max": 1.0}}
    return Axes(spec_from_mapping({"method": "random", "parameters": parameters}).parameters)


class Nobody:
    """A model that must not be asked."""

    def propose(self, seen: Any, *, rng: np.random.Generator) -> None:
        raise AssertionError


class Someone:
    """A model that always says the same."""

    def __init__(self) -> None:
        self.asked = 0

    def propose(self, seen: Any, *, rng: np.random.Generator) -> dict[str, float]:
        self.asked += 1
        return {"x": 0.25, "y": 0.75}


def curve(x: float, y: float, length: int) -> tuple[float, ...]:
    """Towards a bowl at (0.3, 0.7), the sooner the larger x; early values prefer a large x."""
    end = (x - 0.3) ** 2 + (y - 0.7) ** 2
    return tuple(end + math.exp(-epoch * (0.1 + 0.4 * x)) for epoch in range(1, length + 1))


def halved(count: int, seed: int, length: int = 30) -> list[Observation]:
    """Trials at random points; two thirds of them were stopped after two epochs."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(1, count + 1):
        x, y = rng.random(2)
        whole = number <= 4 or curve(x, y, 2)[-1] < 0.75
        values = curve(x, y, length if whole else 2)
        standing = Standing.FINISHED if whole else Standing.STOPPED
        found.append(Observation(number, {"x": x, "y": y}, standing, min(values), values))
    return found


# -- what trials come to ----------------------------------------------------------------------


def test_the_checkpoints() -> None:
    assert _checks(52) == [2, 3, 5, 8, 12, 18, 27, 41, 52]
    assert _checks(51)[-2:] == [27, 51]
    assert _checks(2) == _checks(0) == [2]
    assert _checks(3) == [2, 3]


def test_the_scale_is_half_ranking() -> None:
    costs = np.random.default_rng(0).lognormal(0.0, 2.0, 51)
    spread = np.sqrt(np.mean((np.sort(costs)[:26] - np.median(costs)) ** 2))
    expected = (half_ranked(costs) - np.median(costs)) / spread
    assert _Scale(costs)(costs) == pytest.approx(expected)
    assert np.isnan(_Scale(costs)(np.array([np.nan]))).all()


def test_stopped_trials_are_extrapolated_and_unsure() -> None:
    seen = halved(60, 1)
    ends = ends_of(seen)
    assert len(ends.rows) == 60
    stopped = np.array([one.standing is Standing.STOPPED for one in seen])
    assert 20 < stopped.sum() < 55
    assert (ends.variances[~stopped] == 0).all()
    assert (ends.variances[stopped] > 0).all()
    lasts = np.array([one.curve[-1] for one in seen])
    truth = np.array([curve(one.point["x"], one.point["y"], 30)[-1] for one in seen])
    # Better said than by the last values, which are far too high for those that were stopped.
    assert np.corrcoef(ends.means, truth)[0, 1] > np.corrcoef(lasts, truth)[0, 1]
    assert ends.best == pytest.approx(ends.means[np.argmin(lasts)])
    assert ends.means.mean() == pytest.approx(0.0, abs=0.1)
    assert ends.means.std() == pytest.approx(1.0, abs=0.1)


def test_a_trial_that_finished_early_gains_no_more() -> None:
    seen = [dataclasses.replace(one, standing=Standing.FINISHED) for one in halved(40, 2)]
    assert (ends_of(seen).variances == 0).all()


def test_running_trials_count_from_the_first_checkpoint_on() -> None:
    point = {"x": 0.5, "y": 0.5}
    seen = [
        Observation(1, point, Standing.PENDING, None, ()),
        Observation(2, point, Standing.PENDING, None, (0.5,)),
        Observation(3, point, Standing.PENDING, None, (0.5, 0.4)),
        Observation(4, point, Standing.FAILED, None, (0.5,)),
        Observation(0, point, Standing.FINISHED, 0.3),  # a run of before, without a curve
        Observation(5, point, Standing.FINISHED, 0.2, (0.6, 0.4, 0.2)),
    ]
    ends = ends_of(seen)
    assert ends.rows.tolist() == [2, 4, 5]
    assert ends.variances[0] > 0
    assert ends_of(seen[:2]).rows.tolist() == []
    one = Observation(6, point, Standing.FINISHED, 0.5, (0.5,))  # its end came before any check
    assert ends_of([one, *seen[:3]]).rows.tolist() == [0, 3]


@pytest.mark.parametrize("value", [1e300, -1e300, 5e-324])
def test_extreme_and_constant_curves_are_finite(value: float) -> None:
    point = {"x": 0.5, "y": 0.5}
    seen = [
        Observation(n, point, Standing.STOPPED, value, (value,) * (2 + n % 4)) for n in range(9)
    ]
    seen += [Observation(9, point, Standing.FINISHED, 1.0, (1.0,) * 6)] * (value > 0)
    ends = ends_of(seen)
    assert np.isfinite(ends.means).all()
    assert np.isfinite(ends.variances).all()
    assert math.isfinite(ends.best)


def test_rows_are_the_encoded_points() -> None:
    columns = Columns(axes())
    rows = Rows(columns)
    assert rows.of([])[0].shape == (0, 2)
    seen = halved(20, 5)
    for many in (5, 20, 12):
        points, keys = rows.of(seen[:many])
        assert (points == columns.encode_all([one.point for one in seen[:many]])).all()
        assert keys == columns.keys(points)
    moved = dataclasses.replace(seen[3], point={"x": 0.125, "y": 0.25})  # what it was is forgotten
    assert rows.of([moved])[0].tolist() == [columns.encode(moved.point).tolist()]


# -- the process with values that are unsure --------------------------------------------------


def test_an_unsure_value_counts_by_its_variance() -> None:
    """One point twice is one value with the precisions added: 1/(σ² + u). Before it the variance
    is 2: of the function 1, and of its mean 1."""
    found = Hyperparameters(np.array([1.0]), 1.0, 0.1)
    categorical = np.zeros(1, bool)
    twice = Process(found, categorical, np.array([[0.5], [0.5]]), np.array([0.0, 0.4]))
    twice.observe(np.array([1.0, -1.0]))
    precision = 1 / 0.1 + 1 / 0.5
    mean = (1.0 / 0.1 - 1.0 / 0.5) / precision
    posterior, variance = twice.posterior(np.array([[0.5]]))
    assert posterior[0] == pytest.approx(mean / (1 + 0.5 / precision))
    assert variance[0] == pytest.approx(2 - 2 / (1 + 0.5 / precision))


# -- proposals --------------------------------------------------------------------------------


def test_it_proposes_where_whole_curves_end_low() -> None:
    """Values after two epochs are best at a large x; the bowl is at x = 0.3."""
    greedy = dataclasses.replace(QUICK, boldness=0.0)
    model = CurveModel(axes(), 0, Nobody(), greedy)
    points = [model.propose(halved(60, 3), rng=generator(0, n)) for n in range(100, 105)]
    found = np.array([[one["x"], one["y"]] for one in points if one is not None])
    assert len(found) == 5
    assert np.abs(np.median(found, axis=0) - [0.3, 0.7]).max() < 0.15


def test_the_same_observations_give_the_same_point() -> None:
    seen = halved(40, 4)
    seen += [Observation(41, {"x": 0.1, "y": 0.1}, Standing.PENDING, None)]
    seen += [Observation(42, {"x": 0.9, "y": 0.9}, Standing.FAILED, None)]
    one, other = (CurveModel(axes(), 7, Nobody(), QUICK) for _ in range(2))
    one.propose(halved(30, 5), rng=generator(7, 1))  # what it was asked before is of no account
    assert one.propose(seen, rng=generator(7, 43)) == other.propose(seen, rng=generator(7, 43))


def test_every_other_proposal_is_thrifty() -> None:
    """x says how good it gets, y only how long that takes: e^(-4 y) seconds an iteration."""
    rng = np.random.default_rng(6)
    seen = []
    for number in range(1, 41):
        x, y = rng.random(2)
        values = curve(x, 0.7, 12)
        standing, cost = Standing.FINISHED, min(values)
        seconds = 12 * math.exp(-4 * y)
        seen.append(Observation(number, {"x": x, "y": y}, standing, cost, values, seconds=seconds))
    model = CurveModel(axes(), 0, Nobody(), dataclasses.replace(QUICK, boldness=0.0))

    def ys(observations: list[Observation]) -> list[float]:
        points = [model.propose(observations, rng=generator(0, n)) for n in range(41, 57)]
        return [one["y"] for one in points if one is not None]

    cheap = sum(y > 0.9 for y in ys(seen))
    free = sum(y > 0.9 for y in ys([dataclasses.replace(one, seconds=None) for one in seen]))
    assert free + 3 <= cheap <= 13


def test_without_curves_the_other_model_is_asked() -> None:
    someone = Someone()
    model = CurveModel(axes(), 0, someone, QUICK)
    seen = [
        Observation(n, {"x": n / 20, "y": 0.5}, Standing.FINISHED, float(n), (float(n),))
        for n in range(1, 15)
    ]
    assert model.propose(seen, rng=generator(0, 15)) == {"x": 0.25, "y": 0.75}
    assert Allocator(someone, axes(), 0).share(seen) == 0.0


# -- the allocator ----------------------------------------------------------------------------


def test_the_chance_of_more() -> None:
    """The arithmetic of the module's docstring, and by simulation."""
    assert chance_of_more(4, 3, 2, 5) == pytest.approx(0.93, abs=0.005)
    assert chance_of_more(2, 3, 2, 3) == pytest.approx(0.5)
    rng = np.random.default_rng(0)
    left, right = rng.gamma(3, 1 / 2, 20_000), rng.gamma(5, 1 / 4, 20_000)
    assert chance_of_more(3, 2, 5, 4) == pytest.approx(float((left > right).mean()), abs=0.01)


def both_arms(allocator: Allocator, *, random_is_better: bool) -> list[Observation]:
    """60 trials, of which every third is a random draw; one arm's values are better."""
    seen = []
    for number in range(1, 61):
        random = number % 3 == 0
        point = allocator._random(number)[1] if random else {"x": number / 100, "y": 0.5}
        good = random is random_is_better
        values = (1.0 - number / 1000, (0.2 if good else 0.6) - number / 1000)
        seen.append(Observation(number, point, Standing.STOPPED, values[-1], values))
    return seen


def test_the_arm_that_brings_something_gets_more() -> None:
    allocator = Allocator(Someone(), axes(), 3)
    assert allocator.share(both_arms(allocator, random_is_better=True)) == 0.8
    assert allocator.share(both_arms(allocator, random_is_better=False)) == 0.2
    assert allocator.share([]) == 0.0


def test_random_trials_are_known_again() -> None:
    allocator, restored = (Allocator(Someone(), axes(), 5) for _ in range(2))
    seen = both_arms(allocator, random_is_better=True)
    assert [one.number for one in seen if restored.is_random(one)] == list(range(3, 61, 3))
    assert restored.share(seen) == allocator.share(seen)


def test_equal_values_count_once() -> None:
    """A hundred repeats of the best are one find, not a hundred."""
    allocator = Allocator(Someone(), axes(), 3)
    seen = both_arms(allocator, random_is_better=True)
    repeats = [
        Observation(n, {"x": 0.5, "y": n / 300}, Standing.STOPPED, 0.1, (0.3, 0.1))
        for n in range(61, 161)
    ]
    assert allocator.share(seen + repeats) == 0.8


def test_a_share_of_the_proposals_is_random() -> None:
    someone = Someone()
    allocator = Allocator(someone, axes(), 3)
    seen = both_arms(allocator, random_is_better=False)
    random = 0
    for number in range(61, 161):
        last = Observation(number - 1, {"x": 0.0, "y": 0.0}, Standing.PENDING, None)
        point = allocator.propose([*seen, last], rng=generator(3, number))
        assert point is not None
        random += allocator.is_random(Observation(number, point, Standing.PENDING, None))
    assert random + someone.asked == 100
    assert 10 <= random <= 32


def test_a_random_draw_that_was_tried_is_left_to_the_model() -> None:
    few = axes(x={"values": ["a", "b"]}, y={"values": ["c", "d"]})
    someone = Someone()
    allocator = Allocator(someone, few, 1)
    tried = [
        Observation(n, {"x": n % 2, "y": n // 2 % 2}, Standing.STOPPED, 1.0 + n, (2.0 + n, 1.0 + n))
        for n in range(1, 25)
    ]
    allocator.propose(tried, rng=generator(1, 25))
    assert someone.asked == 1


def test_every_fifth_trial_is_a_random_draw() -> None:
    allocator = Allocator(Someone(), axes(), 3)
    seen = both_arms(allocator, random_is_better=False)
    for number in range(61, 81):
        point = allocator.propose(seen, rng=generator(3, number))
        assert point is not None
        one = Observation(number, point, Standing.STOPPED, 0.9, (0.9, 0.9))
        assert number % 5 or allocator.is_random(one)
        seen.append(one)


def late_bloomer(x: float, y: float) -> list[float]:
    """A plateau at small x that begins best and comes to 0.4, and a hole of 9 % that begins
    behind it and ends at 0; elsewhere it begins worse, and falls a little or a lot."""
    if x < 0.2:
        return [0.42 + 0.01 * y, 0.41 + 0.01 * y] + [0.4 + 0.01 * y] * 10
    if x > 0.7 and y > 0.7:
        return [0.5 - 0.04 * epoch for epoch in range(11)] + [0.01 * x]
    return [0.6 + 0.3 * x - 0.03 * y * epoch * epoch / 11 for epoch in range(12)]


@pytest.mark.parametrize("seed", range(3))
def test_a_model_that_goes_astray_costs_a_share_and_no_more(seed: int) -> None:
    """It proposes nothing but the plateau, of which more and more trials are known; random draws
    are still stopped by what other random draws did, and find the hole."""

    class Astray:
        def propose(self, seen: Any, *, rng: np.random.Generator) -> dict[str, float]:
            few = len(seen) < 10
            return {"x": float(rng.random()) * (1.0 if few else 0.2), "y": float(rng.random())}

    allocator = Allocator(Astray(), axes(), seed)
    rule = Curve(threshold=1e-9, min_iter=2, max_iter=12, maximize=False)  # halving alone
    seen: list[Observation] = []
    for number in range(1, 301):
        point = allocator.propose(seen, rng=generator(seed, number))
        assert point is not None
        values: list[float] = []
        for value in late_bloomer(float(point["x"]), float(point["y"])):
            values.append(value)
            rule.report(number, value)
            if rule.judge(number).stop:
                break
        standing = Standing.FINISHED if len(values) == 12 else Standing.STOPPED
        seen.append(Observation(number, point, standing, min(values), tuple(values)))
    assert min(one.cost for one in seen if one.cost is not None) < 0.05
