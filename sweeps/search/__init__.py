"""The search algorithms: one a file, all behind `Searcher`, all bound by the law in `base`.

    grid           GridSearch: every point exactly once
    random_search  RandomSearch: independent draws
    bayes          BayesSearch: a model of the objective (`gp`, or `tpe`, over `axes`)
    optuna_sampler OptunaSearch: any of Optuna's samplers, by name
    pbt            PopulationSearch: population based training, a trial a segment

`make_searcher` is the only place that knows which `method` and which `search` of a sweep file is
which. optuna is imported in this package (and by `sweeps.stopping.optuna_pruner`) only, and only
where a file asks for it.
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
from sweeps.search.pbt import PopulationSearch
from sweeps.search.random_search import RandomSearch
from sweeps.search_section import Algorithm
from sweeps.section import Origin, Section
from sweeps.space import MOST_LOOKED
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
    "complete",
    "make_searcher",
]


def make_searcher(
    spec: SweepSpec, seed: int, prior: Iterable[Prior] = (), *, root: Section | None = None
) -> Searcher:
    """The searcher of a sweep, before its first trial; `restore` brings it to where one was.

    It knows the prior runs: a grid leaves their points out, bayes learns from their values.

    The configs of `enqueue` become the first trials; what a partial one lacks is drawn at random,
    or for a grid taken from its first point.

    `root` is the sweep file, so that a complaint can name the line; not needed.

    Raises SpecError when a grid has no end, a bayes sweep has no metric, or there is no such
    sampler or it does not take its arguments, this space or these metrics.
    """
    searcher = _make(spec, seed, root or Section(spec.source, Origin()))
    searcher.know(prior)
    return searcher


def complete(spec: SweepSpec, seed: int, number: int, partial: Mapping[str, Any]) -> dict[str, Any]:
    """The config of trial `number` that somebody gave a part of; see `make_searcher`.

    Raises SpecError when nothing that keeps the file's constraints has these values.
    """
    space = spec.parameters
    given = space.flatten(partial)
    if spec.method is Method.GRID:
        return space.first(given)
    return space.sample(generator(seed, number), given, MOST_LOOKED)


def _make(spec: SweepSpec, seed: int, root: Section) -> Searcher:
    space = spec.parameters
    enqueue = [
        complete(spec, seed, number, config) for number, config in enumerate(spec.enqueue, start=1)
    ]
    if spec.method is Method.GRID:
        return GridSearch(space, seed, enqueue)
    if spec.method is Method.RANDOM:
        return RandomSearch(space, seed, enqueue)
    if spec.metric is None:
        raise SpecError("`method: bayes` needs a metric to learn from.", key_path="metric")
    tpe = spec.search is not None and spec.search.type is Algorithm.TPE
    if spec.search is not None and (spec.search.sampler or (tpe and spec.metrics)):
        from sweeps.search.optuna_sampler import OptunaSearch

        settings: Section | dict[str, Any] = root.section("search")
        if tpe:  # of one objective without limits it is ours: it knows `impute`, Optuna's does not
            settings = {"sampler": "TPESampler", "multivariate": True, "constant_liar": True}
            settings["group"] = space.conditional
        return OptunaSearch(
            space, seed, settings, metric=spec.metric, measures=spec.metrics, enqueue=enqueue
        )
    if spec.search is not None and spec.search.type is Algorithm.RANDOM:
        return RandomSearch(space, seed, enqueue)
    if spec.search is not None and spec.search.type is Algorithm.PBT:
        settings = {key: value for key, value in spec.search.settings.items() if key != "interval"}
        maximize = spec.metric.goal is Goal.MAXIMIZE
        return PopulationSearch(
            space, seed, maximize=maximize, measures=spec.metrics, enqueue=enqueue, **settings
        )
    return BayesSearch(
        space,
        seed,
        maximize=spec.metric.goal is Goal.MAXIMIZE,
        impute=spec.metric.impute,
        impute_while_running=spec.metric.impute_while_running,
        enqueue=enqueue,
        model="tpe" if tpe else "gp",
        measures=spec.metrics,
        per_second=spec.search is not None and spec.search.settings.get("per") == "seconds",
        most=spec.run_cap,
        stops=spec.early_terminate is not None,
    )
