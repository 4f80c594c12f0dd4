"""W&B's hyperband rule, to the letter (`early_terminate: {type: hyperband}`).

Bands are numbers of iterations. At each band the threshold is the value at rank int(n/eta), counted
from 0, of the sorted values *at* that iteration of all n trials that reached it, in whatever state.
A running trial is judged at the largest band that it has reached, again with every look: strict, by
its value at that band; not strict, by the best of all its values. Strictly worse is stopped.

Worked out, minimize, eta 3, band 2, four trials with 0.1, 0.2, 0.3, 0.4 there: int(4/3) = 1, the
threshold is 0.2, and the last two are stopped. With one or two trials int(n/3) = 0: only the best
survives, which is how W&B's rule comes to be so eager at the start.

Source of the idea: Li et al., Hyperband, arXiv 1603.06560; the rule is W&B's own. Neighbour:
`asha`, the published asynchronous rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sweeps.stopping.base import GO_ON, Cohort, StoppingRule, Verdict, best_share

_MOST_BANDS = 100
_LONGEST = 10**15  # iterations; nothing trains that long, and floats stay exact below


def bands_down_from(max_iter: int, s: int, eta: float) -> tuple[int, ...]:
    """The bands max_iter/eta, max_iter/eta², … (s of them, none below 1), in rising order.

    max_iter 18, eta 3, s 2 gives (2, 6): max_iter itself is no band.
    """
    bands = set()
    band = float(max_iter)
    for _ in range(int(s)):
        band /= eta
        if band < 1:
            break
        bands.add(int(band))
    return tuple(sorted(bands))


def bands_up_from(min_iter: int, eta: float) -> tuple[int, ...]:
    """The bands min_iter, min_iter·eta, min_iter·eta², …: min_iter 3, eta 3 gives (3, 9, 27, …)."""
    bands = set()
    band = float(min_iter)
    for _ in range(_MOST_BANDS):
        if band > _LONGEST:
            break
        bands.add(int(band))
        band *= eta
    return tuple(sorted(bands))


@dataclass(slots=True)
class _Curve:
    iterations: int = 0
    best: float = float("inf")
    at_bands: list[float] = field(default_factory=list)  # its cost at each band that it reached


class Hyperband(StoppingRule):
    """W&B's rule over given bands.

    Args:
        bands: iterations at which trials are compared, rising, each at least 1.
        eta: 1/eta of the trials go on; above 1.
        strict: judge the value at the band; otherwise the best value so far.
        maximize: the objective is to grow.

    Raises:
        ValueError: there are no bands, or eta is not above 1.
    """

    def __init__(self, bands: Sequence[int], *, eta: float, strict: bool, maximize: bool) -> None:
        super().__init__(maximize=maximize)
        if not bands or min(bands) < 1:
            raise ValueError(f"hyperband needs at least one band of 1 iteration or more: {bands}")
        if not eta > 1:
            raise ValueError(f"hyperband's eta must be above 1, not {eta}")
        self.bands = self.rungs = tuple(sorted(set(bands)))
        self.first = self.bands[0]
        self._eta = eta
        self._strict = strict
        self._cohorts = {band: Cohort() for band in self.bands}
        self._curves: dict[int, _Curve] = {}

    def report(self, number: int, value: float) -> None:
        cost = self._cost(value)
        curve = self._curves.setdefault(number, _Curve())
        curve.iterations += 1
        curve.best = min(curve.best, cost)
        cohort = self._cohorts.get(curve.iterations)
        if cohort is not None:
            cohort.add(cost)
            curve.at_bands.append(cost)

    def forget(self, number: int) -> None:
        curve = self._curves.pop(number, None)
        if curve is not None:
            for band, cost in zip(self.bands, curve.at_bands, strict=False):
                self._cohorts[band].remove(cost)

    def judge(self, number: int) -> Verdict:
        curve = self._curves.get(number)
        if curve is None or not curve.at_bands:
            return GO_ON
        band = self.bands[len(curve.at_bands) - 1]
        cohort = self._cohorts[band]
        # W&B multiplies by the reciprocal; for some eta that is not the same as dividing.
        threshold = cohort[int((1.0 / self._eta) * len(cohort))]
        cost = curve.at_bands[-1] if self._strict else curve.best
        if cost <= threshold:
            return GO_ON
        mine, theirs = self._figures(cost, threshold)
        share = f"{theirs}, {best_share(self._eta)} of {len(cohort)} trials"
        if self._strict:
            return Verdict(True, f"{mine} at iteration {band} is worse than {share} there")
        return Verdict(
            True,
            f"{mine}, its best in {curve.iterations} iterations, is worse than {share} at "
            f"iteration {band}",
        )
