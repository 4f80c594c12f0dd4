"""What so many more trials would bring: the search, played on in worlds that may be the true one.

A world is a function drawn from the belief. In each one the search goes on: it tries the place of
the largest expected improvement (search/gp/improvement.py), sees the world's value there and noise,
and learns from it, so many times; a place may fail, and then says nothing. The gain is what that
world's truth at the configuration then believed best is better by than at the one believed best
now: a one-step look ahead, played out (knowledge gradient with a batch; Frazier 2018, "A Tutorial
on Bayesian Optimization", section 4.2; fantasies by Kriging updates of rank one). A search that
does not learn (`random`, `grid`) draws its places evenly. Neighbour: candidates.py (the places).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sweeps.analysis.belief import Belief, Member, draws
from sweeps.analysis.candidates import Candidates
from sweeps.search.gp.improvement import log_improvement

Array = NDArray[np.float64]

WORLDS = 160


def gains(
    belief: Belief,
    places: Candidates,
    reported: int,
    rivals: int,
    trials: int,
    rng: np.random.Generator,
    *,
    learns: bool,
    worlds: int = WORLDS,
) -> Array:
    """By how much the true cost of what is believed best falls, in each world: (worlds,), in the
    user's units; below 0 where the sweep is misled.

    Args:
        belief: what is known.
        places: where trials may be.
        reported: which of the places is believed best now; a tried one.
        rivals: the first so many of the tried places may be the best; the others are no gain.
        trials: how many more there are.
        rng: of worlds, noise and failures.
        learns: whether the search is by a model.
        worlds: how many.
    """
    share = -(-worlds // len(belief.members))
    return np.concatenate(
        [
            _of_one(
                belief, each, places, reported, rivals, trials, rng, learns=learns, worlds=share
            )
            for each in belief.members
        ]
    )


def _of_one(
    belief: Belief,
    member: Member,
    places: Candidates,
    reported: int,
    rivals: int,
    trials: int,
    rng: np.random.Generator,
    *,
    learns: bool,
    worlds: int,
) -> Array:
    mean, covariance = member.joint(places.points)
    truth = draws(mean, covariance, worlds, rng)
    count = len(mean)
    rows = np.arange(worlds)
    means = np.tile(mean, (worlds, 1))
    variances = np.tile(np.maximum(np.diag(covariance), 0.0), (worlds, 1))
    learnt = np.zeros((trials, worlds, count))
    # What may be reported, and what may be tried.
    known = np.tile(places.tried & (np.arange(count) < rivals), (worlds, 1))
    free = np.tile(~places.tried & places.safe, (worlds, 1))
    lucky = rng.random((trials, worlds))
    noise = np.sqrt(member.noise) * rng.standard_normal((trials, worlds))
    odds = rng.random((trials, worlds, count)) if not learns else None
    for step in range(trials):
        if not free.any():
            break
        if odds is not None:
            worth = np.where(places.spread, odds[step], -1.0)
        else:
            best = np.where(known, means, np.inf).min(axis=1)
            deviations = np.sqrt(np.maximum(variances, 1e-12))
            worth = log_improvement(means, deviations, best[:, None])
            worth = worth + np.log(np.maximum(places.chance, 1e-9))
        worth = np.where(free, worth, -np.inf)
        place = worth.argmax(axis=1)
        goes = free[rows, place] & (lucky[step] < places.chance[place])
        free[rows, place] = False
        column = covariance[place]
        if step:
            before = learnt[:step]
            column = column - np.einsum("kwq,kw->wq", before, before[:, rows, place])
        scale = np.maximum(column[rows, place], 0.0) + member.noise
        told = truth[rows, place] + noise[step]
        share = np.where(goes, (told - means[rows, place]) / scale, 0.0)
        means += column * share[:, None]
        learnt[step] = np.where(goes, 1.0 / np.sqrt(scale), 0.0)[:, None] * column
        variances -= learnt[step] ** 2
        known[rows, place] |= goes
    after = np.where(known, means, np.inf).argmin(axis=1)
    found: Array = belief.units.back(truth[:, reported]) - belief.units.back(truth[rows, after])
    return found
