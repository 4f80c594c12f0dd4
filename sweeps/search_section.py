"""The `search` section of a sweep file: by which algorithm `method: bayes` searches.

Only reads; the algorithms are in `sweeps.search`. Either a `type` of ours, or a `sampler` of
Optuna's by the name of its class, with its arguments beside it. Without a section, `bayes` is gp.

    type        settings: what they must be                                     default
    ----------  --------------------------------------------------------------  -------
    gp          A Gaussian process.
                per: "seconds", the gain for each second of an accelerator      None
    tpe         Tree-structured Parzen estimators, as Optuna has them: none.
    random      Independent draws: none.
    pbt         Population based training: see `sweeps.search.pbt`.
                population: int >= 2, members that train side by side           8
                interval:   int >= 1 or None, iterations after which a segment
                            is told to stop; None: it ends by itself            None
                quantile:   number in (0, 0.5], the share that copies another   0.25
                perturb:    number > 1, factor by which numbers change          1.2
                resample:   number in [0, 1], chance of a fresh draw instead    0.25

An agent reads sweep files, too, and knows no Optuna: `check_optuna` looks at samplers, pruners and
their arguments, and tries them out, where a file is taken in and at no other time.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sweeps.errors import SpecError
from sweeps.section import Section, did_you_mean

if TYPE_CHECKING:
    from sweeps.spec import SweepSpec

_TRIED_OUT = 6  # trials beyond those that a sampler lets go by before its own work;
_FEWEST, _MOST = 16, 200  # so many at least, and at most, in all
_GOLDEN = 0.618034


class Algorithm(StrEnum):
    """The types of search that are ours."""

    GP = "gp"
    TPE = "tpe"
    RANDOM = "random"
    PBT = "pbt"


@dataclass(frozen=True)
class Search:
    """How to search.

    Attributes:
        type: an Algorithm; None: `sampler` says it.
        sampler: the name of a class of `optuna.samplers`; None: `type` says it.
        settings: as the table above has them; of a sampler, its arguments as they were written.
    """

    type: Algorithm | None
    sampler: str | None
    settings: Mapping[str, Any]


_KEYS = {
    Algorithm.GP: ("per",),
    Algorithm.TPE: (),
    Algorithm.RANDOM: (),
    Algorithm.PBT: ("population", "interval", "quantile", "perturb", "resample"),
}


class _Per(StrEnum):
    SECONDS = "seconds"


def read_search(section: Section) -> Search:
    """The search of a `search` section. Raises SpecError; a sampler is not looked at closely."""
    if "sampler" in section:
        if "type" in section:
            raise section.error("stands beside `sampler`: one of them is enough.", "type")
        arguments = {key: value for key, value in section.data.items() if key != "sampler"}
        return Search(None, section.text("sampler"), arguments)
    if "type" not in section:
        raise section.error(
            "needs a `type` or a `sampler`.",
            hint=did_you_mean("", [each.value for each in Algorithm], "Types are")
            + " A sampler is any of Optuna's: `sampler: CmaEsSampler`.",
        )
    found = section.data["type"]
    if isinstance(found, str) and found.lower().endswith("sampler"):
        raise section.error(
            f"{found!r} is not known.", "type", hint=f"Write `sampler: {found}` for Optuna's."
        )
    algorithm = section.choice("type", Algorithm)
    section.only((*_KEYS[algorithm], "type"), f"search of type {algorithm}")
    settings: dict[str, Any] = {}
    if algorithm is Algorithm.GP:
        settings["per"] = section.choice("per", _Per).value if "per" in section else None
    elif algorithm is Algorithm.PBT:
        settings = _pbt(section)
    return Search(algorithm, None, settings)


def _pbt(section: Section) -> dict[str, Any]:
    filled = section.with_defaults(
        {"population": 8, "quantile": 0.25, "perturb": 1.2, "resample": 0.25}
    )
    quantile = filled.number("quantile", above=0)
    if quantile > 0.5:
        raise section.error(f"must be at most 0.5, not {quantile!r}.", "quantile")
    resample = filled.number("resample", at_least=0)
    if resample > 1:
        raise section.error(f"must be at most 1, not {resample!r}.", "resample")
    return {
        "population": filled.whole("population", at_least=2),
        "interval": filled.whole("interval", at_least=1) if "interval" in filled else None,
        "quantile": quantile,
        "perturb": filled.number("perturb", above=1),
        "resample": resample,
    }


def check_optuna(spec: SweepSpec, root: Section) -> None:
    """Raises SpecError unless the sampler and the pruner that a file names can be made, and work.

    Some settings Optuna finds wrong only at work, and the sweep would stand still for ever. So each
    of the two is tried on a few trials in memory.

    Args:
        root: the whole file, for where things stand.
    """
    from sweeps.spec import Method

    if spec.search is not None and spec.search.sampler is not None:
        from sweeps.search import make_searcher

        make_searcher(spec, 0, root=root)
        _try_out(replace(spec, early_terminate=None), root, "search", "sampler")
    if spec.early_terminate is not None and spec.early_terminate.optuna:
        from sweeps.stopping import make_rule

        make_rule(spec, root=root)
        alone = replace(spec, method=Method.RANDOM, search=None, enqueue=())
        _try_out(alone, root, "early_terminate", "pruner")


def _try_out(spec: SweepSpec, root: Section, key: str, kind: str) -> None:
    from sweeps.search.optuna_names import PRUNER, SAMPLER, named, opening, sentence

    section = root.section(key)
    count = _enough(opening(SAMPLER if kind == "sampler" else PRUNER, section))
    error = _failure(spec, count)
    if error is None:
        return
    name, text = section.text(kind), sentence(error)
    if isinstance(error, SpecError):
        raise error
    where = named(section, text) or _cure(spec, section, key, kind, count)
    what = f"{section.data[where[0]]!r} here" if where else "these settings"
    raise section.error(
        f"Optuna's {name} cannot work with {what}: {text}",
        *where,
        hint="Its documentation says what is allowed; without it, its default is taken."
        if where
        else "Its documentation says what they must be; without them it has its defaults.",
    )


def _enough(opening: int) -> int:
    """How many trials show whether it works, where so many go by before its own work."""
    return max(_FEWEST, min(opening + _TRIED_OUT, _MOST))


def _failure(spec: SweepSpec, count: int) -> Exception | None:
    """What goes wrong when so many trials are played in memory."""
    from sweeps.simulate import simulate

    metric = None if spec.metric is None else replace(spec.metric, target=None)
    names = [each.name for each in spec.metrics]
    names += [] if metric is None else [metric.name]
    values = itertools.count(1)

    def objective(config: Mapping[str, Any], iteration: int) -> dict[str, float]:  # noqa: ARG001
        return {name: next(values) * _GOLDEN % 1.0 for name in names}

    short = replace(spec, metric=metric, run_cap=count)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of packages, about their own lines
            simulate(short, objective, slots=2, iterations=3)
    except Exception as error:
        return error
    return None


def _cure(spec: SweepSpec, section: Section, key: str, kind: str, count: int) -> tuple[str, ...]:
    """The setting without which it works: () where there is none. One that makes its own work
    begin later than after `count` trials is no cure."""
    from sweeps.search.optuna_names import PRUNER, SAMPLER, opening

    family = SAMPLER if kind == "sampler" else PRUNER
    for each in (name for name in section.data if name != kind):
        rest = {name: value for name, value in section.data.items() if name != each}
        without = replace(spec, source={**spec.source, key: rest})
        if spec.search is not None and key == "search":
            without = replace(
                without, search=replace(spec.search, settings=_but(spec.search.settings, each))
            )
        elif spec.early_terminate is not None:
            settings = _but(spec.early_terminate.settings, each)
            without = replace(
                without, early_terminate=replace(spec.early_terminate, settings=settings)
            )
        later = _enough(opening(family, Section(rest, section.origin, section.at)))
        if _failure(without, max(count, later)) is None:
            return (each,)
    return ()


def _but(settings: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != key}
