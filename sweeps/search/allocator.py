"""Shares the trials out between a model and random draws, by which of them brings something.

On most objectives a model is worth far more than luck; on some, such as plateaus with a few deep
holes, random draws that are stopped early find more, since they waste nothing near what is known
already. Which of them it is shows while the sweep runs. So each proposal is either arm's:

    reward    a trial counts for its arm when its best value is among the five best of all trials;
              of equal values only the first counts
    spent     iterations of an arm's trials, in those of the longest curve
    rate      rewards by what was spent: a gamma distribution, for either arm Gamma(1 + rewards,
              1 + spent), by which the arms begin alike
    choice    by lot, with the probability that the rate of the random arm is the larger one, but
              1/5 at least and `most` at most (Thompson 1933, "On the Likelihood that One Unknown
              Probability Exceeds Another"; bounded so that neither arm is ever given up)

Every fifth trial is a random draw whatever the lot: the rule `curve` counts on it, and halves these
among their like (stopping/curve.py). Where a model goes astray they would find nothing otherwise,
since whatever begins worse than the model's favourites is stopped before it can show more.

Worked out: 3 rewards for 2 spent by random draws, 1 for 4 by the model: rates Gamma(4, 3) and
Gamma(2, 5), and the first is the larger one with probability 1 - I_x(4, 2) = 0.93, x = 3/(3 + 5),
where I is the regularised incomplete beta function: a random draw with `most`, 0.8.

Nothing is remembered: a trial is a random one when its point is what the random arm draws for its
number. So a restored searcher goes on as the old one would have. Neighbours: gp/curves.py, whose
proposals these are; bayes.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import betainc

from sweeps.search.axes import Axes, Coordinate
from sweeps.search.base import generator
from sweeps.search.gp.columns import Columns
from sweeps.search.gp.rows import Rows
from sweeps.search.observation import Model, Observation
from sweeps.stopping.curve import DESIGNED, DRAWN

_LEAST = 1.0 / DRAWN
_TOP = 5  # trials, that count for their arms
_FIRST = DESIGNED  # trials, which are the model's own and count for nobody
_STREAM = 1000  # of random numbers, that no draw of a searcher uses
_GOES = 8  # draws, of which the first that the constraints allow is taken


class Allocator:
    """A model whose proposals are random draws now and then.

    Args:
        model: the one arm.
        axes: of the space, one at least.
        seed: of the other arm.
        most: share of random draws at most; below 1.
    """

    def __init__(self, model: Model, axes: Axes, seed: int, *, most: float = 0.8) -> None:
        self._model = model
        self._columns = Columns(axes)
        self._rows = Rows(self._columns)
        self._seed = seed
        self._most = most
        self._accounts: dict[int, tuple[Observation, bool, float]] = {}
        self._drawn: dict[int, tuple[bytes, dict[str, Coordinate]]] = {}

    def propose(
        self, seen: Sequence[Observation], *, rng: np.random.Generator
    ) -> dict[str, Coordinate] | None:
        """A point that no observation has; None where neither arm knows one."""
        number = max((one.number for one in seen), default=0) + 1
        if number > _FIRST and self._draws(number, seen, rng):
            key, point = self._random(number)
            if key not in self._rows.of(seen)[1]:
                return dict(point)
        return self._model.propose(seen, rng=rng)

    def _draws(self, number: int, seen: Sequence[Observation], rng: np.random.Generator) -> bool:
        """Whether the random arm proposes trial `number`."""
        share = self.share(seen)
        if share and number % DRAWN == 0:
            return True
        return bool(rng.random() < (share - _LEAST) / (1.0 - _LEAST))

    def share(self, seen: Sequence[Observation]) -> float:
        """The probability that the next proposal is a random draw; 0 where there are no curves."""
        longest = max((len(one.curve) for one in seen), default=0)
        if longest <= 1:
            return 0.0
        ours = [one for one in seen if one.number > _FIRST and (one.curve or one.cost is not None)]
        known = [self._account(one) for one in ours]
        rewards, spent = [1.0, 1.0], [1.0, 1.0]  # of the model, of random draws
        for one, (_, arm, _) in zip(ours, known, strict=True):
            spent[arm] += (len(one.curve) or longest) / longest
        for n in _best([cost for _, _, cost in known]):
            rewards[known[n][1]] += 1.0
        chance = chance_of_more(rewards[1], spent[1], rewards[0], spent[0])
        return min(max(chance, _LEAST), self._most)

    def _account(self, one: Observation) -> tuple[Observation, bool, float]:
        """Whether it was a random draw, and its lowest cost; kept as long as it is the same."""
        known = self._accounts.get(one.number)
        if known is None or known[0] is not one:
            cost = min(one.curve, default=math.inf)
            cost = cost if one.cost is None else min(cost, one.cost)
            known = self._accounts[one.number] = one, self.is_random(one), cost
        return known

    def is_random(self, one: Observation) -> bool:
        """Whether this trial was a random draw."""
        return self._rows.of([one])[1][0] == self._random(one.number)[0]

    def _random(self, number: int) -> tuple[bytes, dict[str, Coordinate]]:
        """What the random arm proposes as trial `number`, and its key."""
        if number not in self._drawn:
            drawn = self._columns.draw(_GOES, generator(self._seed, number, _STREAM))
            point = drawn[int(np.argmax(self._columns.allowed(drawn)))][None]
            found = self._columns.keys(point)[0], self._columns.decode(point[0])
            self._drawn[number] = found
        return self._drawn[number]


def chance_of_more(shape: float, cost: float, other: float, cost_of_other: float) -> float:
    """That a rate of Gamma(shape, cost) is larger than one of Gamma(other, cost_of_other)."""
    return 1.0 - float(betainc(shape, other, cost / (cost + cost_of_other)))


def _best(costs: Sequence[float]) -> list[int]:
    """The places of the lowest few, of equal ones the first."""
    first: dict[float, int] = {}
    for n, cost in enumerate(costs):
        first.setdefault(cost, n)
    return [first[cost] for cost in sorted(first)[:_TOP]]
