"""The hypervolume and what is expected of more trials, against Optuna, sums and sampling."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from optuna._hypervolume import compute_hypervolume

from sweeps.search.gp.hypervolume import (
    MOST_BOXES,
    FrontImprovement,
    boxes,
    hypervolume,
    reference,
    scalarised,
    thinned,
    undominated,
)
from sweeps.search.gp.improvement import log_improvement
from sweeps.search.gp.process import Hyperparameters, Process

STEPS = np.array([[0.1, 0.8], [0.4, 0.4], [0.7, 0.2], [0.7, 0.3], [0.9, 0.9]])


def sphere(n: int, m: int) -> np.ndarray:
    values: np.ndarray = np.abs(np.random.default_rng(n).normal(size=(n, m)))
    values /= np.linalg.norm(values, axis=1)[:, None]
    return values


def processes(m: int) -> list[Process]:
    points = np.random.default_rng(1).random((8, 3))
    found = []
    for j in range(m):
        process = Process(
            Hyperparameters(np.array([3.0, 1.0 + j, 0.5]), 1.0, 0.01), np.zeros(3, bool), points
        )
        process.observe(np.sin(4.0 * points[:, j % 3] + j))
        found.append(process)
    return found


def test_who_dominates_whom() -> None:
    assert undominated(STEPS).tolist() == [True, True, True, False, False]
    twice = np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 3.0]])
    assert undominated(twice).tolist() == [True, True, False]


def test_a_staircase_by_hand() -> None:
    """Below (1, 1): 0.9·0.2 + 0.6·0.4 + 0.3·0.2."""
    assert hypervolume(STEPS, np.ones(2)) == pytest.approx(0.48)
    assert hypervolume(STEPS, np.full(2, 0.1)) == 0.0
    assert hypervolume(np.array([[0.25], [0.5]]), np.ones(1)) == pytest.approx(0.75)


@pytest.mark.parametrize(("n", "m"), [(1, 2), (30, 2), (20, 3), (12, 4), (6, 5)])
def test_it_is_optunas(n: int, m: int) -> None:
    values = np.random.default_rng(n).random((n, m))
    most = np.full(m, 0.95)
    inside = values[(values < most).all(1)]
    assert hypervolume(values, most) == pytest.approx(compute_hypervolume(inside, most))


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_boxes_are_all_that_is_not_dominated_and_do_not_overlap(m: int) -> None:
    front = sphere(9, m) if m > 1 else np.array([[0.4], [0.6]])
    lower, upper = boxes(front, np.ones(m))
    at = np.random.default_rng(0).random((500, m)) * 1.1
    within = ((at[:, None] >= lower) & (at[:, None] < upper)).all(2).sum(1)
    dominated = (at[:, None, :] >= front).all(2)
    free = (at < 1.0).all(1) & (dominated.sum(1) == 0)
    assert (within == free).all()


def test_a_crowded_front_is_thinned_out() -> None:
    for n, m in ((400, 2), (120, 3), (60, 4)):
        assert len(thinned(sphere(n, m), np.full(m, 1.1))[0]) <= MOST_BOXES


def test_the_reference_point_lies_beyond() -> None:
    front = STEPS[undominated(STEPS)]
    assert reference(front, STEPS) == pytest.approx([0.9, 0.9])
    far = np.vstack([STEPS, [[9.0, 9.0]]])
    assert reference(front, far) == pytest.approx([1.3, 1.4])
    assert reference(front, front) == pytest.approx([0.76, 0.86])
    assert (reference(STEPS[:1], STEPS) > STEPS[0]).all()
    assert (reference(STEPS[:1], STEPS[:1]) > STEPS[0]).all()


def test_every_place_on_the_front_is_the_best_by_some_weights() -> None:
    front = sphere(7, 2)
    values = np.vstack([front, 1.5 * front, [[1e9, 2.0]]])
    best = {int(scalarised(values, np.random.default_rng(n)).argmin()) for n in range(200)}
    assert best <= set(range(7))
    assert len(best) >= 5
    assert scalarised(values[:1], np.random.default_rng(0)) == pytest.approx([0.0])


class TestFrontImprovement:
    def test_of_one_objective_it_is_the_expected_improvement(self) -> None:
        model = processes(1)
        found = FrontImprovement(model, np.array([[-0.3], [0.1]]), np.array([5.0]))
        at = np.random.default_rng(2).random((6, 3))
        mean, variance = model[0].posterior(at)
        expected = log_improvement(mean, np.sqrt(variance), -0.3)
        assert found.value(at) == pytest.approx(expected)

    @pytest.mark.parametrize("m", [2, 3])
    def test_it_is_the_expectation(self, m: int) -> None:
        """By Gauss and Hermite: the mean gain in hypervolume over the values that may come."""
        model, front, most = processes(m), sphere(4, m) - 0.5, np.full(m, 0.8)
        at = np.random.default_rng(3).random((1, 3))
        nodes, weights = np.polynomial.hermite_e.hermegauss(40 if m == 2 else 12)
        moments = [
            (float(mean[0]), math.sqrt(v[0])) for mean, v in (p.posterior(at) for p in model)
        ]
        before, expected = hypervolume(front, most), 0.0
        for places in itertools.product(range(len(nodes)), repeat=m):
            value = [mu + sd * nodes[i] for (mu, sd), i in zip(moments, places, strict=True)]
            gain = hypervolume(np.vstack([front, value]), most) - before
            expected += gain * np.prod(weights[list(places)]) / (2 * math.pi) ** (m / 2)
        found = math.exp(FrontImprovement(model, front, most).value(at)[0])
        assert found == pytest.approx(expected, rel=0.02 if m == 2 else 0.06)

    @pytest.mark.parametrize("far", [0.0, 30.0])
    def test_gradients(self, far: float) -> None:
        """Also where the improvement itself is 0 to a computer."""
        found = FrontImprovement(processes(3), sphere(6, 3) - 0.5 - far, np.full(3, 0.8 - far))
        at = np.random.default_rng(4).random((5, 3))
        value, gradient = found.value_and_gradient(at)
        assert np.isfinite(value).all()
        assert value == pytest.approx(found.value(at), rel=1e-9)
        for column in range(3):
            step = np.zeros(3)
            step[column] = 1e-6
            slope = (found.value(at + step) - found.value(at - step)) / 2e-6
            assert gradient[:, column] == pytest.approx(slope, rel=1e-3, abs=1e-4)
