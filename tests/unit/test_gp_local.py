"""Of many trials the few that a process is to know."""

from __future__ import annotations

import numpy as np

from sweeps.search.gp.local import nearest

CODES = np.array([False, False, True])


def test_few_are_all_known() -> None:
    points = np.random.default_rng(0).random((30, 3))
    assert nearest(points, np.arange(30.0), CODES, 30).tolist() == list(range(30))


def test_the_best_the_close_and_some_of_all_others() -> None:
    rng = np.random.default_rng(0)
    points = rng.random((3000, 3))
    points[:, 2] = rng.integers(0, 3, 3000)
    costs = ((points[:, :2] - 0.3) ** 2).sum(1) + (points[:, 2] != 1)
    found = nearest(points, costs, CODES, 120)
    assert len(found) == len(set(found)) == 120
    assert (np.diff(found) > 0).all()
    assert set(np.argsort(costs)[:40]) <= set(found)
    near = (np.abs(points[found, :2] - 0.3).max(1) < 0.2) & (points[found, 2] == 1)
    assert near.sum() >= 60
    others = points[found][~near]
    assert len(set(others[:, 2])) == 3
    assert np.ptp(others[:, :2], axis=0).min() > 0.8


def test_many_that_are_the_same() -> None:
    points = np.ones((500, 3))
    assert len(set(nearest(points, np.zeros(500), CODES, 100))) == 100
