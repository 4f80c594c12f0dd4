"""The search algorithms: one a file, all behind `Searcher`, all bound by the law in `base`.

    grid           GridSearch: every point exactly once
    random_search  RandomSearch: independent draws
    bayes          BayesSearch: a model of the objective (`tpe` over `axes`)

`make_searcher` is the only place that knows which `method` of a sweep file is which. optuna is
imported in this package only, and only when a model is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sweeps.errors import SpecError
from sweeps.search.base import (
    Ended,
    Event,
    Prior,
    Reported,
    Searcher,
    Suggested,
    Suggestion,
    TrialSeen,
    generator,
)
from sweeps.search.bayes import BayesSearch
from sweeps.search.grid import GridSearch
from sweeps.search.random_search import RandomSearch
from sweeps.space import Space
from sweeps.spec import Goal, Method, SweepSpec

__all__ = [
    "Ended",
    "Event",
    "Prior",
    "Reported",
    "Searcher",
    "Suggested",
    "Suggestion",
    "TrialSeen",
    "make_searcher",
]


def make_searcher(spec: SweepSpec, seed: int, prior: Iterable[Prior] = ()) -> Searcher:
    """The searcher of a sweep, before its first trial; `restore` brings it to where one was.

    It knows the prior runs: a grid leaves their points out, bayes learns from their values.

    The configs of `enqueue` become the first trials; what a partial one lacks is drawn at random,
    or for a grid taken from its first point.

    Raises SpecError when a grid has no end, or a bayes sweep has no metric.
    """
    searcher = _make(spec, seed)
    searcher.know(prior)
    return searcher


def _make(spec: SweepSpec, seed: int) -> Searcher:
    space = spec.parameters
    if spec.method is Method.GRID:
        first = next(iter(space.grid()), {})
        return GridSearch(space, seed, [_complete(space, c, first) for c in spec.enqueue])
    enqueue = [
        _complete(space, config, space.sample(generator(seed, number)))
        for number, config in enumerate(spec.enqueue, start=1)
    ]
    if spec.method is Method.RANDOM:
        return RandomSearch(space, seed, enqueue)
    if spec.metric is None:
        raise SpecError("`method: bayes` needs a metric to learn from.", key_path="metric")
    return BayesSearch(
        space,
        seed,
        maximize=spec.metric.goal is Goal.MAXIMIZE,
        impute=spec.metric.impute,
        impute_while_running=spec.metric.impute_while_running,
        enqueue=enqueue,
    )


def _complete(space: Space, partial: Mapping[str, Any], rest: Mapping[str, Any]) -> dict[str, Any]:
    return space.nest(space.flatten(rest) | space.flatten(partial))
