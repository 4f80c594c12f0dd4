"""Functional ANOVA: which parameters are responsible for how much of the objective's variance.

A forest stands in for the objective over the whole space. Averaged over all other parameters it is
a curve over one parameter (its marginal), and the variance of that curve, as a share of the whole
variance, is the parameter's importance; what two parameters do beyond the sum of their curves is
that of the pair.

How sure that is: everything is done again on resamples of the trials (the interval is the middle
90 % of them), on objectives that were shuffled (what chance alone shows), and the forests are asked
for trials that they have not seen (the share of variance that they explain).

Source: Hutter, Hoos and Leyton-Brown, An Efficient Approach for Assessing Hyperparameter
Importance, ICML 2014. They average the shares of single trees; here it is the forest that is
decomposed, which learns less of the noise; and the space is weighed as the search draws from it
(of a log axis each decade alike), where Optuna's evaluator weighs every number alike. Neighbours:
forest.py, table.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sweeps.analysis.forest import Tree, grow
from sweeps.analysis.table import Column
from sweeps.answers import LEAST_FOR_IMPORTANCE

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_RESAMPLES, _SHUFFLES = 10, 4
_TREES, _FEWER_TREES = 6, 4  # in a forest; of many trials a tree is surer
_MANY = 500
_ROWS = 1200  # a tree is shown so many trials at most
_POINTS = 4096  # at which a forest's whole variance is taken
_PAIRED = 5  # of the most important parameters, the pairs are looked at


@dataclass(frozen=True)
class Share:
    """A share of the variance.

    Attributes:
        names: the parameter, or the two.
        share, low, high: the mean over the resamples, and the middle 90 % of them.
        noise: what objectives that were shuffled show; nothing where it is a pair.
    """

    names: tuple[str, ...]
    share: float
    low: float
    high: float
    noise: float | None = None


@dataclass(frozen=True)
class Marginal:
    """The objective over one parameter, averaged over all others; by bin, as `Column.shown`."""

    name: str
    mean: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Importance:
    """Attributes:
    explained: how much of the variance of trials that they had not seen the forests explain: 1
        all, 0 (or less) none; None: there were too few trials to ask.
    shares: of single parameters, the most important first.
    pairs: of pairs of the most important ones, likewise.
    marginals: in the order of the columns.
    """

    explained: float | None
    shares: list[Share]
    pairs: list[Share]
    marginals: list[Marginal]


def least_trials(parameters: int) -> int:
    """With fewer ended trials than this nothing sensible can be said."""
    return max(LEAST_FOR_IMPORTANCE, 4 * parameters)


def importance(columns: Sequence[Column], objectives: Floats, seed: int = 0) -> Importance:
    """Of the columns of a table, by the objectives of the same trials, all of them finite."""
    rng = np.random.default_rng(seed)
    bins = np.stack([column.bins for column in columns], axis=1)
    weights = [column.weights for column in columns]
    points = np.stack([rng.choice(len(w), _POINTS, p=w) for w in weights], axis=1)
    count = len(objectives)
    seen_sum, seen = np.zeros(count), np.zeros(count)
    parts = []
    for _ in range(_RESAMPLES):
        rows = rng.integers(count, size=count)
        trees = _forest(columns, bins[rows], objectives[rows], rng)
        parts.append(_decompose(trees, weights, points))
        others = np.setdiff1d(np.arange(count), rows)
        seen_sum[others] += _mean([tree.predict(bins[others]) for tree in trees])
        seen[others] += 1
    by_chance = []
    for _ in range(_SHUFFLES):
        trees = _forest(columns, bins, rng.permutation(objectives), rng)
        by_chance.append(_decompose(trees, weights, points).variances)
    variance = _mean([part.variance for part in parts]) or 1.0
    noise = np.minimum((_mean(by_chance) + 1.64 * np.std(by_chance, axis=0)) / variance, 1.0)
    shares = np.array([part.variances / (part.variance or 1.0) for part in parts]).clip(0, 1)
    order = np.argsort(-shares.mean(0))
    return Importance(
        explained=_explained(objectives, seen_sum, seen),
        shares=[
            _share((columns[i].name,), shares[:, i], noise=float(noise[i])) for i in order.tolist()
        ],
        pairs=_pairs(columns, order[:_PAIRED].tolist(), parts, weights),
        marginals=[
            _marginal(column.name, np.array([part.marginals[i] for part in parts]))
            for i, column in enumerate(columns)
        ],
    )


@dataclass(frozen=True)
class _Parts:
    """A forest's variance, that of each parameter's marginal, these, and its trees."""

    variance: float
    variances: Floats
    marginals: list[Floats]
    mean: float
    trees: list[Tree]


def _forest(
    columns: Sequence[Column], bins: Ints, objectives: Floats, rng: np.random.Generator
) -> list[Tree]:
    count = len(objectives)
    rows = min(max(int(0.7 * count), 2), _ROWS)
    sizes = [len(column.weights) for column in columns]
    ordered = [column.ordered for column in columns]
    least = max(2, round(np.sqrt(rows) / 12))
    trees = []
    for _ in range(_TREES if count < _MANY else _FEWER_TREES):
        chosen = rng.permutation(count)[:rows]
        trees.append(grow(bins[chosen], objectives[chosen], sizes, ordered, rng, least=least))
    return trees


def _decompose(trees: list[Tree], weights: Sequence[Floats], points: Ints) -> _Parts:
    predicted = _mean([tree.predict(points) for tree in trees])
    marginals = []
    for i in range(len(weights)):
        marginals.append(_mean([_over(tree, weights, i) for tree in trees]))
    mean = float(marginals[0] @ weights[0])
    variances = [w @ (m - mean) ** 2 for m, w in zip(marginals, weights, strict=True)]
    return _Parts(float(predicted.var()), np.array(variances), marginals, mean, trees)


def _reach(tree: Tree, weights: Sequence[Floats]) -> Floats:
    """By leaf and parameter: the share of the parameter's values that lead to the leaf."""
    found = [tree.boxes[:, i, : len(w)] @ w for i, w in enumerate(weights)]
    return np.stack(found, axis=1)


def _over(tree: Tree, weights: Sequence[Floats], i: int) -> Floats:
    """A tree's marginal over parameter i."""
    reach = _reach(tree, weights)
    reach[:, i] = 1.0
    found: Floats = (tree.values * reach.prod(1)) @ tree.boxes[:, i, : len(weights[i])]
    return found


def _over_two(tree: Tree, weights: Sequence[Floats], i: int, j: int) -> Floats:
    reach = _reach(tree, weights)
    reach[:, [i, j]] = 1.0
    by_leaf = (tree.values * reach.prod(1))[:, None] * tree.boxes[:, i, : len(weights[i])]
    found: Floats = by_leaf.T @ tree.boxes[:, j, : len(weights[j])]
    return found


def _pairs(
    columns: Sequence[Column], best: list[int], parts: list[_Parts], weights: Sequence[Floats]
) -> list[Share]:
    found = []
    for at, i in enumerate(best):
        for j in best[at + 1 :]:
            shares = []
            for part in parts:
                surface = _mean([_over_two(tree, weights, i, j) for tree in part.trees])
                alone = part.marginals[i][:, None] + part.marginals[j][None, :] - part.mean
                variance = weights[i] @ (surface - alone) ** 2 @ weights[j]
                shares.append(variance / (part.variance or 1.0))
            found.append(_share((columns[i].name, columns[j].name), np.clip(shares, 0, 1)))
    return sorted(found, key=lambda pair: -pair.share)


def _share(names: tuple[str, ...], values: Floats, noise: float | None = None) -> Share:
    low, high = np.quantile(values, [0.05, 0.95])
    return Share(names, float(values.mean()), float(low), float(high), noise)


def _marginal(name: str, curves: Floats) -> Marginal:
    low, high = np.quantile(curves, [0.05, 0.95], axis=0)
    return Marginal(name, curves.mean(0), low, high)


def _explained(objectives: Floats, sums: Floats, seen: Floats) -> float | None:
    asked = seen > 0
    whole = ((objectives[asked] - objectives[asked].mean()) ** 2).sum() if asked.sum() > 1 else 0.0
    if not whole:
        return None
    wrong = ((objectives[asked] - sums[asked] / seen[asked]) ** 2).sum()
    return float(1.0 - wrong / whole)


def _mean(values: Sequence[Floats] | Sequence[float]) -> Floats:
    found: Floats = np.mean(np.asarray(values), axis=0)
    return found
