"""What now? Which trial is really the best, where to look next, and whether more trials pay.

Under noise the best value is mostly the luckiest one. Here configurations are ranked by what a
model of all trials believes of their true value, with how sure that is and the chance of each to be
the best of those tried; but where nothing shows that there is noise, the best value stays first.
`region` and `gain` say what follows. Of several objectives only the first is looked at; trials that
break a limit of `metrics:` count like failed ones.

Pure, and deterministic: the random numbers are of a fixed seed. Neighbours: belief.py, region.py,
gain.py, unfinished.py; `__main__` runs it, controller/server/analysis_api.py says what comes out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from sweeps.analysis.belief import Belief
from sweeps.analysis.candidates import Candidates, candidates
from sweeps.analysis.ensemble import Noisy
from sweeps.analysis.gain import gains
from sweeps.analysis.region import Part, fragment, region
from sweeps.analysis.unfinished import carried_on
from sweeps.answers import LEAST_FOR_ADVICE, no_advice
from sweeps.search.axes import Axes
from sweeps.search.gp.columns import Columns
from sweeps.search.gp.feasibility import Feasibility
from sweeps.spec import Goal, Method, SweepSpec

Array = NDArray[np.float64]

_LISTED = 10
_RIVALS = 60  # that may be the best
_DRAWS = 512
_MINIMISERS = 192
_QUANTILES = np.array([0.025, 0.16, 0.5, 0.84, 0.975])
_LEAST_GOOD = 3
_GOOD = 0.25  # the share of trials that are at least good
_PAYS, _HARDLY = 0.03, 0.01  # of what lies between a good trial and the best
_LATELY = 50  # trials whose time tells that of the next
_QUIET = 0.05  # a smaller deviation of the noise, in those of the values, is none
_LIMIT = 1e150  # as good as infinite
_SEED = 20_000_003


@dataclass(frozen=True)
class Trial:
    """One that has ended.

    Attributes:
        number: from 1.
        config: nested, as suggested.
        state: finished, stopped or failed.
        objective: the best of its history, in the user's direction; None: it failed.
        keeps: whether it keeps the limits of `metrics`.
        curve: what it reported, the first first; () where unknown.
        started, ended: seconds on one clock; None where unknown.
        accelerators: that it held.
    """

    number: int
    config: Mapping[str, Any]
    state: str
    objective: float | None
    keeps: bool = True
    curve: tuple[float, ...] = ()
    started: float | None = None
    ended: float | None = None
    accelerators: int = 1


def least(spec: SweepSpec) -> int:
    """So many trials with a value it takes."""
    return min(max(len(Axes(spec.parameters).by_name) + 1, LEAST_FOR_ADVICE), 10)


def advise(spec: SweepSpec, trials: Sequence[Trial], more: int) -> dict[str, Any]:
    """{needs, problem, best, rivals, luckiest, noise, noisy, region, gain}; see analysis_api.py.

    Args:
        spec: the sweep's.
        trials: that have ended, by number.
        more: how many further trials the gain is of; 0: no region and no gain.
    """
    sign = -1.0 if spec.metric is not None and spec.metric.goal is Goal.MAXIMIZE else 1.0
    columns = Columns(Axes(spec.parameters))
    found = no_advice()
    if spec.search is not None and spec.search.type == "pbt":
        found["problem"] = (
            "The trials of population based training are segments: a value is what a member has "
            "come to, mostly by settings that it had before, so it says little of a configuration."
            " `sweep best` has the best one."
        )
        return found
    known = []
    for trial in trials:
        coordinates = columns.axes.encode(trial.config)
        if coordinates is not None:
            known.append((trial, coordinates))
    told = [(t, c) for t, c in known if t.objective is not None and math.isfinite(t.objective)]
    found["needs"] = max(least(spec) - len(told), 0)
    if found["needs"]:
        return found
    if not columns.count:
        found["problem"] = "No parameter is searched: there is nothing to compare."
        return found
    points = columns.encode_all([coordinates for _, coordinates in told])
    costs = np.array([sign * float(t.objective or 0.0) for t, _ in told])
    costs = np.clip(costs, -_LIMIT, _LIMIT)
    stopped = np.array([t.state == "stopped" for t, _ in told])
    curves = [[sign * v for v in t.curve if math.isfinite(v)] for t, _ in told]
    ends = carried_on(costs, stopped, curves)
    if not np.ptp(ends) > 0.0:
        found["problem"] = (
            f"All {len(told)} trials have the same value: nothing tells one configuration from "
            "another."
        )
        return found
    rng = np.random.default_rng(_SEED)
    belief = Belief(points, ends, columns.categorical, rng)
    tried = _Tried.of(columns, belief, [t for t, _ in told], points, costs, rng)
    found["best"] = tried.listed(belief, sign)
    found["rivals"] = tried.likeliest()
    found["luckiest"] = tried.luckiest(sign)
    found["noise"] = _noise(belief, tried)
    found["noisy"] = Noisy.NO if belief.noisy is Noisy.YES and not found["noise"] else belief.noisy
    if more:
        bad = np.array([t.state == "failed" or not t.keeps for t, _ in known])
        ended = columns.encode_all([coordinates for _, coordinates in known])
        failures = Feasibility(ended, bad, columns.categorical) if bad.any() else None
        places = candidates(belief, columns, tried.points[tried.order], failures, rng)
        found["region"] = _region(spec, columns, belief, places, tried, rng)
        found["gain"] = {
            **_gain(spec, columns, belief, places, tried, more, rng),
            **_lately([(sign * float(t.objective or 0.0), t.keeps) for t, _ in told], more),
            **_time([t for t, _ in known], more),
        }
    return found


class _Tried:
    """The distinct configurations, and what is believed of them.

    Attributes:
        points: (m, d).
        order: the places of those that may be believed best, the best first; then the others.
        rivals: how many of `order` may be believed best.
        chances: of the first of these, to be the best of those tried.
        trials: of each, the trials, the one of the best value first.
        believed: the place of the one with the best mean.
    """

    def __init__(
        self,
        points: Array,
        trials: list[list[Trial]],
        order: NDArray[np.intp],
        rivals: int,
        chances: Array,
        *,
        lucky: int,
        believed: int,
    ) -> None:
        self.points, self.trials, self.order = points, trials, order
        self.rivals, self.chances = rivals, chances
        self.believed = believed
        self._lucky = lucky

    @classmethod
    def of(
        cls,
        columns: Columns,
        belief: Belief,
        trials: Sequence[Trial],
        points: Array,
        costs: Array,
        rng: np.random.Generator,
    ) -> _Tried:
        groups: dict[bytes, list[int]] = {}
        for n, key in enumerate(columns.keys(points)):
            groups.setdefault(key, []).append(n)
        each = [sorted(group, key=lambda n: costs[n]) for group in groups.values()]
        distinct = points[[group[0] for group in each]]
        mean, _ = belief.at(distinct)
        allowed = [any(trials[n].keeps for n in group) for group in each]
        best = min(
            (k for k in range(len(each)) if allowed[k]),
            key=lambda k: costs[each[k][0]],
            default=min(range(len(each)), key=lambda k: costs[each[k][0]]),
        )
        # A trial that was stopped is not known to the end; it may win by its own value alone.
        may = [
            k == best or (allowed[k] and any(trials[n].state == "finished" for n in each[k]))
            for k in range(len(each))
        ]
        believed = min(range(len(each)), key=lambda k: (not may[k], mean[k]))
        order = np.array(sorted(range(len(each)), key=lambda k: (not may[k], mean[k])), np.intp)
        shown = order[: min(sum(may), _RIVALS)]
        drawn = belief.draws(distinct[shown], _DRAWS, rng)
        chances = np.bincount(drawn.argmin(axis=1), minlength=len(shown)) / len(drawn)
        # A value is not called luck before there is noise to be seen. (Not even where another one
        # has a much larger chance: among steps that is so without noise.)
        if belief.noisy is not Noisy.YES:
            place = np.flatnonzero(shown == best)
            own = chances[place].sum()
            chances = np.r_[own, np.delete(chances, place)][: len(chances)]
            order = np.r_[best, order[order != best]].astype(np.intp)
        named = [[trials[n] for n in group] for group in each]
        return cls(distinct, named, order, sum(may), chances, lucky=best, believed=believed)

    @property
    def best(self) -> int:
        """The place of the one that is listed first."""
        return int(self.order[0])

    def listed(self, belief: Belief, sign: float) -> list[dict[str, Any]]:
        shown = self.order[: min(self.rivals, _LISTED)]
        quantiles = sign * belief.quantiles(self.points[shown], _QUANTILES)
        if sign < 0:
            quantiles = quantiles[:, ::-1]
        return [
            {
                "numbers": sorted(t.number for t in self.trials[k]),
                "number": self.trials[k][0].number,
                "config": dict(self.trials[k][0].config),
                "state": self.trials[k][0].state,
                "seen": self.trials[k][0].objective,
                "value": q[2],
                "low": q[0],
                "high": q[4],
                "inner_low": q[1],
                "inner_high": q[3],
                "chance": chance,
            }
            for k, q, chance in zip(
                shown, quantiles.tolist(), self.chances[:_LISTED].tolist(), strict=True
            )
        ]

    def likeliest(self) -> dict[str, Any]:
        """How many configurations may be the best, and which of them is it the likeliest."""
        first = int(self.chances.argmax())
        return {
            "configurations": self.rivals,
            "number": self.trials[self.order[first]][0].number,
            "chance": float(self.chances[first]),
        }

    def luckiest(self, sign: float) -> dict[str, Any]:
        trial = self.trials[self._lucky][0]
        return {
            "number": trial.number,
            "seen": trial.objective,
            "is_best": self._lucky == self.best,
            "rank": int(np.flatnonzero(self.order == self._lucky)[0]) + 1,
            "better": "higher" if sign < 0 else "lower",
        }


def _noise(belief: Belief, tried: _Tried) -> float | None:
    """By how much two runs of the best configuration differ, as a deviation; None: hardly, or
    nobody knows."""
    deviation = math.sqrt(belief.noise)
    if belief.noisy is not Noisy.YES or deviation < _QUIET:
        return None
    mean = belief.at(tried.points[[tried.best]])[0]
    low, high = belief.units.back(np.array([mean[0] - deviation, mean[0] + deviation]))
    return float(high - low) / 2.0


def _region(
    spec: SweepSpec,
    columns: Columns,
    belief: Belief,
    places: Candidates,
    tried: _Tried,
    rng: np.random.Generator,
) -> dict[str, Any]:
    functions = belief.draws(places.points, _MINIMISERS, rng, sober=True)
    functions[:, ~places.safe] = np.inf
    minimisers = places.points[functions.argmin(axis=1)]
    distributions = {p.name: p.distribution for p in spec.parameters.parameters}
    good = tried.points[np.argsort(belief.at(tried.points)[0], kind="stable")]
    good = good[: max(_LEAST_GOOD, round(_GOOD * len(good)))]
    parts = region(columns, minimisers, tried.points[tried.best], distributions, good)
    narrowed = fragment(spec, parts)
    text = None
    if narrowed is not None:
        text = yaml.safe_dump(
            {"parameters": narrowed}, sort_keys=False, allow_unicode=True, default_flow_style=None
        )
    return {"yaml": text, "parameters": [_plain(part) for part in parts]}


def _plain(part: Part) -> dict[str, Any]:
    values = [{"value": _json(value), "share": share} for value, share in part.values]
    return {**asdict(part), "values": values}


def _json(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _gain(
    spec: SweepSpec,
    columns: Columns,
    belief: Belief,
    places: Candidates,
    tried: _Tried,
    more: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    keys = columns.keys(places.points)
    reported = keys.index(columns.keys(tried.points[[tried.believed]])[0])
    learns = spec.method is Method.BAYES and (spec.search is None or spec.search.type != "random")
    found = gains(belief, places, reported, tried.rivals, more, rng, learns=learns)
    # Whoever goes on keeps what there is: being misled is no loss of it.
    found = np.maximum(found, 0.0)
    # A few worlds hold much more than the others: the middle one is said, but they count below.
    low, inner_low, expected, inner_high, high = np.quantile(found, _QUANTILES).tolist()
    spread = _spread(belief, tried)
    share = float(np.minimum(found, high).mean()) / spread
    left = None if columns.size is None else max(columns.size - len(tried.points), 0)
    verdict = "go_on" if share >= _PAYS else "little" if share >= _HARDLY else "stop"
    return {
        "trials": more,
        "expected": expected,
        "low": low,
        "inner_low": inner_low,
        "inner_high": inner_high,
        "high": high,
        "chance": float((found > _HARDLY * spread).mean()),
        "share": share,
        "left": left,
        "verdict": "stop" if left == 0 else verdict,
    }


def _spread(belief: Belief, tried: _Tried) -> float:
    """How far a good configuration is behind the best; where all are alike, a share of how far
    values lie apart. Above 0."""
    values = belief.units.back(belief.at(tried.points)[0])
    behind = float(np.quantile(values, _GOOD) - values[tried.believed])
    costs = belief.units.costs
    middle = float(np.median(costs))
    apart = math.sqrt(float(np.mean((costs[costs <= middle] - middle) ** 2)))
    return max(behind, 0.25 * apart) or max(float(np.ptp(costs)), 1e-300)


def _lately(told: Sequence[tuple[float, bool]], more: int) -> dict[str, Any]:
    """What the last so many trials with a value brought, by what was seen.

    Args:
        told: of each trial, its cost, and whether it keeps the limits: if any does, only these
            count.
        more: so many.
    """
    before = [cost for cost, keeps in told[:-more] if keeps]
    everything = [cost for cost, keeps in told if keeps]
    if not everything:
        before, everything = ([cost for cost, _ in some] for some in (told[:-more], told))
    return {"lately": min(before) - min(everything) if before else None}


def _time(trials: Sequence[Trial], more: int) -> dict[str, Any]:
    """How long they would take, by the middle one of the last; None where unknown."""
    spans = [
        (t.started, t.ended, t.accelerators)
        for t in trials[-_LATELY:]
        if t.started is not None and t.ended is not None and t.ended >= t.started
    ]
    if not spans:
        return {"each_s": None, "at_once": None, "wall_s": None, "accelerator_s": None}
    each = float(np.median([end - start for start, end, _ in spans]))
    held = float(np.median([(end - start) * count for start, end, count in spans]))
    length = max(end for _, end, _ in spans) - min(start for start, _, _ in spans)
    busy = sum(end - start for start, end, _ in spans)
    at_once = max(round(busy / length), 1) if length > 0 else 1
    return {
        "each_s": each,
        "at_once": at_once,
        "wall_s": each * math.ceil(more / at_once),
        "accelerator_s": held * more,
    }
