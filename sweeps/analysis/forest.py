"""Regression trees over bins: grown a level at a time, on whole arrays.

A leaf is a box: of each parameter, the bins that lead to it. That is all that functional ANOVA
needs (`importance`), and it is the same for numbers and categories, which are split by the order of
their means within a node (the best split into two for squared errors). Knows no parameters and no
trials, only columns of small whole numbers.

Source of the trees: Breiman, Random Forests, Machine Learning 45, 2001.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_KEEP = 5 / 6  # of the parameters are looked at for a split (Hutter et al.)


@dataclass(frozen=True)
class Tree:
    """Nodes in arrays; of a leaf `left` is -1.

    Attributes:
        feature, left, right: by node: what is asked, and where it leads.
        goes_left: by node and bin.
        values: by leaf: the mean of the values there.
        leaf: by node, which leaf it is; -1: none.
        boxes: by leaf, parameter and bin: 1 where the leaf can be reached.
    """

    feature: Ints
    left: Ints
    right: Ints
    goes_left: NDArray[np.bool_]
    values: Floats
    leaf: Ints
    boxes: Floats

    def predict(self, bins: Ints) -> Floats:
        """The values at the given rows."""
        node = np.zeros(len(bins), dtype=np.int64)
        moving = np.arange(len(bins))
        while len(moving):
            at = node[moving]
            inner = self.left[at] >= 0
            moving, at = moving[inner], at[inner]
            left = self.goes_left[at, bins[moving, self.feature[at]]]
            node[moving] = np.where(left, self.left[at], self.right[at])
        found: Floats = self.values[self.leaf[node]]
        return found


def grow(
    bins: Ints,
    values: Floats,
    sizes: Sequence[int],
    ordered: Sequence[bool],
    rng: np.random.Generator,
    *,
    least: int = 2,
) -> Tree:
    """A tree on these rows.

    Args:
        bins: rows by parameters.
        values: what is predicted, one a row.
        sizes: how many bins each parameter has.
        ordered: whether they are numbers.
        rng: which parameters are left out at a node.
        least: rows in a leaf.
    """
    count, most = len(sizes), max(sizes)
    boxes = np.zeros((1, count, most))
    for parameter, size in enumerate(sizes):
        boxes[0, parameter, :size] = 1.0
    loose = ~np.asarray(ordered, dtype=bool)
    nodes: list[tuple[Ints, Ints, NDArray[np.bool_]]] = []  # of a level: feature, left, goes_left
    leaf_values: list[float] = []
    leaf_boxes: list[Floats] = []
    leaf_of: list[int] = []
    node = np.zeros(len(values), dtype=np.int64)
    first = 0  # the number of the level's first node
    while len(boxes):
        active = len(boxes)
        counts, sums = _histograms(bins, values, node, active, most)
        ranks = _ranks(counts, sums, loose)
        feature, cut = _best_splits(counts, sums, ranks, rng, least)
        split = np.flatnonzero(feature >= 0)
        goes_left = np.zeros((active, most), dtype=bool)
        goes_left[split] = ranks[split, feature[split]] <= cut[split, None]
        left = np.full(active, -1, dtype=np.int64)
        left[split] = first + active + 2 * np.arange(len(split))
        nodes.append((feature, left, goes_left))
        totals = sums[:, 0].sum(1) / np.maximum(counts[:, 0].sum(1), 1)
        for at in range(active):
            if feature[at] >= 0:
                leaf_of.append(-1)
            else:
                leaf_of.append(len(leaf_values))
                leaf_values.append(float(totals[at]))
                leaf_boxes.append(boxes[at])
        # On to the children: those of the k-th split are 2k and 2k + 1 of the next level.
        child = np.full(active, -1, dtype=np.int64)
        child[split] = 2 * np.arange(len(split))
        rows = np.flatnonzero(child[node] >= 0)
        parents = node[rows]
        stays = goes_left[parents, bins[rows, feature[parents]]]
        bins, values = bins[rows], values[rows]
        node = child[parents] + ~stays
        halves = np.repeat(boxes[split], 2, axis=0)
        which = np.repeat(feature[split], 2)
        side = goes_left[split].astype(float)
        pairs = np.stack([side, 1.0 - side], axis=1).reshape(-1, most)
        halves[np.arange(len(halves)), which] *= pairs
        boxes = halves
        first += active
    features = np.concatenate([level[0] for level in nodes])
    lefts = np.concatenate([level[1] for level in nodes])
    return Tree(
        feature=np.maximum(features, 0),
        left=lefts,
        right=np.where(lefts >= 0, lefts + 1, -1),
        goes_left=np.concatenate([level[2] for level in nodes]),
        values=np.array(leaf_values),
        leaf=np.array(leaf_of),
        boxes=np.array(leaf_boxes),
    )


def _histograms(
    bins: Ints, values: Floats, node: Ints, active: int, most: int
) -> tuple[Floats, Floats]:
    """How many rows, and the sum of their values, by node, parameter and bin."""
    count = bins.shape[1]
    cells = ((node[:, None] * count + np.arange(count)) * most + bins).ravel()
    shape = (active, count, most)
    counts = np.bincount(cells, minlength=active * count * most)
    weights = np.repeat(values, count)
    sums = np.bincount(cells, weights=weights, minlength=active * count * most)
    return counts.astype(np.float64).reshape(shape), sums.astype(np.float64).reshape(shape)


def _ranks(counts: Floats, sums: Floats, loose: NDArray[np.bool_]) -> Ints:
    """The order of the bins in which they are split: their own, or that of their means."""
    ranks = np.broadcast_to(np.arange(counts.shape[2]), counts.shape).copy()
    if loose.any():
        whole = sums[:, :1].sum(2) / np.maximum(counts[:, :1].sum(2), 1)
        means = (sums[:, loose] + whole[..., None]) / (counts[:, loose] + 1)
        ranks[:, loose] = means.argsort(axis=2, kind="stable").argsort(axis=2)
    return ranks


def _best_splits(
    counts: Floats, sums: Floats, ranks: Ints, rng: np.random.Generator, least: int
) -> tuple[Ints, Ints]:
    """By node: the parameter that is split (-1: none), and the last rank that goes left."""
    active, count, most = counts.shape
    order = ranks.argsort(axis=2)
    below = np.take_along_axis(counts, order, 2).cumsum(2)[:, :, :-1]
    sum_below = np.take_along_axis(sums, order, 2).cumsum(2)[:, :, :-1]
    rows = counts[:, 0].sum(1)[:, None, None]
    total = sums[:, 0].sum(1)[:, None, None]
    above = rows - below
    fits = (below >= least) & (above >= least)
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = sum_below**2 / below + (total - sum_below) ** 2 / above - total**2 / rows
    gain[~fits] = -np.inf
    looked_at = rng.random((active, count)) < _KEEP
    looked_at |= ~looked_at.any(1, keepdims=True)
    gain[~looked_at] = -np.inf
    if most < 2:
        return np.full(active, -1, dtype=np.int64), np.zeros(active, dtype=np.int64)
    best = gain.reshape(active, -1).argmax(1)
    feature, cut = best // (most - 1), best % (most - 1)
    at = np.arange(active)
    # Bins without rows may go to either side: the cut lies in the middle of them.
    same = below[at, feature] == below[at, feature, cut][:, None]
    last = most - 2 - same[:, ::-1].argmax(1)
    cut = (same.argmax(1) + last) // 2
    worth = gain.reshape(active, -1).max(1) > 1e-12 * np.maximum(rows[:, 0, 0], 1)
    return np.where(worth, feature, -1), cut
