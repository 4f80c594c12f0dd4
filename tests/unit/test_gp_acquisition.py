"""Acquisitions: gradients against finite differences, fantasies against single ones."""

from __future__ import annotations

import numpy as np
import pytest

from sweeps.search.gp.acquisition import Improvement, Mean, Product, Term
from sweeps.search.gp.improvement import log_improvement
from sweeps.search.gp.process import Hyperparameters, Process

MIXED = np.array([False, False, True, False])


def told(fantasies: int = 5, scale: float = 1.0, seed: int = 0) -> tuple[Process, np.ndarray]:
    rng = np.random.default_rng(seed)
    points = rng.random((20, 4))
    points[:, 2] = rng.integers(0, 4, 20)
    process = Process(Hyperparameters(np.array([3.0, 0.5, 1.5, 8.0]), 1.7, 0.03), MIXED, points)
    process.observe(scale * rng.normal(size=(20, fantasies)))
    return process, -scale * rng.random(fantasies)


class Slope:
    """A term that is linear."""

    def __init__(self, slopes: np.ndarray) -> None:
        self._slopes = np.asarray(slopes, float)

    def value(self, points: np.ndarray) -> np.ndarray:
        return points @ self._slopes

    def value_and_gradient(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return points @ self._slopes, np.tile(self._slopes, (len(points), 1))


TERMS: dict[str, Term] = {
    "one": Improvement(*told(1)),
    "fantasies": Improvement(*told(5)),
    "far": Improvement(told(5)[0], np.full(5, -40.0)),
    "product": Product([Improvement(*told(3)), Slope([1.0, -2.0, 0.0, 0.3])]),
    "mean": Mean([Improvement(*told(3)), Improvement(*told(2, seed=1))]),
}


@pytest.mark.parametrize("name", TERMS)
def test_gradients(name: str) -> None:
    term, step = TERMS[name], 1e-6
    points = np.random.default_rng(1).random((4, 4))
    points[:, 2] = 2.0
    value, gradient = term.value_and_gradient(points)
    assert value == pytest.approx(term.value(points), rel=1e-9)
    for n in (0, 1, 3):
        moved = np.zeros(4)
        moved[n] = step
        expected = (term.value(points + moved) - term.value(points - moved)) / (2 * step)
        assert gradient[:, n] == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert not gradient[:, 2].any()


def test_fantasies_are_averaged() -> None:
    process, best = told(5)
    points = np.random.default_rng(2).random((6, 4))
    mean, variance = process.posterior(points)
    each = np.exp(log_improvement(mean, np.sqrt(variance)[:, None], best))
    assert np.allclose(np.exp(Improvement(process, best).value(points)), each.mean(1))


def test_a_value_told_once_is_one_fantasy() -> None:
    process, best = told(1)
    points = np.random.default_rng(2).random((6, 4))
    rows = Improvement(process, best).value(points)
    process.observe(np.random.default_rng(0).normal(size=20))
    assert rows.shape == Improvement(process, best[0]).value(points).shape == (6,)
