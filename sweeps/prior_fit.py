"""Which results of before a sweep can use, and what is said of the others.

A result is used when its configuration is one of the sweep's space; a constant that it does not
tell counts as the sweep's file says it. The others are left out, and counted by why, so that
whoever creates the sweep reads what became of every result. Neighbours: prior_table.py (where some
of them come from), controller/prior.py (the others; asks).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sweeps.distributions import Constant, canonical
from sweeps.prior_table import PriorRun
from sweeps.space import Space


@dataclass
class Fit:
    """What became of the results of one source.

    Attributes:
        used: those that are of the space, in their order.
        found: how many there were.
        left_out: why, and how many.
        twice: how many had been there before, with the same values of everything.
        incomplete: how many of those used have no value of which further metric.
        inactive: how many of those used told a value of which parameter that is not there beside
            their others; they are used without it.
        foreign: parameters that the space has not, and in which those used differ.
    """

    used: list[PriorRun] = field(default_factory=list)
    found: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    twice: int = 0
    incomplete: Counter[str] = field(default_factory=Counter)
    inactive: Counter[str] = field(default_factory=Counter)
    foreign: tuple[str, ...] = ()

    @property
    def why_not(self) -> str:
        """What was left out and why, in words."""
        return ", ".join(f"{count:,} {why}" for why, count in self.left_out.most_common())

    def told(self, source: str, kept: int) -> str:
        """All of it in words.

        Args:
            source: what it is known by.
            kept: how many of those used the search is told of.
        """
        of = "all" if kept == self.found else f"{kept:,} of"
        text = f"{of} {self.found:,} results of {source} are used"
        text = f"the one result of {source} is used" if kept == self.found == 1 else text
        failed = sum(run.objective is None for run in self.used)
        if failed and kept == len(self.used):
            text += f", {failed:,} as failures"
        parts = [self.why_not] if self.left_out else []
        if self.twice:
            parts.append(f"{self.twice:,} there before with the same values")
        if kept < len(self.used):
            parts.append(f"{len(self.used) - kept:,} beyond the most that are kept")
        text += f"; left out: {', '.join(parts)}." if parts else "."
        for name, count in self.incomplete.items():
            text += f" Without a value of {name}, and used for the others: {count:,}."
        for name, count in self.inactive.items():
            text += (
                f" With a value of `{name}`, which is not there beside their others, and used "
                f"without it: {count:,}."
            )
        return text


def sort_out(
    runs: Iterable[PriorRun],
    space: Space,
    *,
    others: Sequence[str] = (),
    must: bool = False,
    earlier: set[Hashable] | None = None,
    once: bool = False,
) -> Fit:
    """Sorts results.

    Args:
        runs: of one source.
        space: of the sweep.
        others: names of further objectives and limits.
        must: whether the search can do nothing with a result that lacks one of these.
        earlier: keys of the results of other sources, which count once; those that are used are
            added to it.
        once: whether two results of this source with the same values are one.
    """
    fit = Fit()
    constants = {
        parameter.path: parameter.distribution.value
        for parameter in space.parameters
        if isinstance(parameter.distribution, Constant)
    }
    examples: dict[str, str] = {}
    known = set(earlier or ())
    for run in runs:
        fit.found += 1
        given = space.flatten(run.config)
        flat = space.prune(space.sort({**constants, **given}))
        config = space.nest(flat)
        lacks = [] if run.objective is None else [n for n in others if n not in run.metrics]
        why = run.unusable or _why_not(config, space, examples)
        if why is None and lacks and must:
            why = f"without a value of {lacks[0]}"
        if why is not None:
            fit.left_out[why] += 1
            continue
        key = (canonical(config), run.objective, frozenset(run.metrics.items()))
        if key in known:
            fit.twice += 1
            continue
        if once:
            known.add(key)
        if earlier is not None:
            earlier.add(key)
        fit.incomplete.update(lacks)
        fit.inactive.update(
            ".".join(path) for path in given if path not in flat and path not in constants
        )
        fit.used.append(replace(run, config=config))
    fit.left_out = Counter({examples.get(why, why): n for why, n in fit.left_out.items()})
    fit.foreign = _foreign(fit.used)
    return fit


def in_common(runs: Iterable[PriorRun], space: Space) -> bool:
    """Whether any of them has any parameter that is searched."""
    searched = {p.path for p in space.parameters if not isinstance(p.distribution, Constant)}
    return any(searched & space.flatten(run.config).keys() for run in runs)


def _why_not(config: Mapping[str, Any], space: Space, examples: dict[str, str]) -> str | None:
    """Why it is no configuration of the space, to stand behind a number; None: it is one.

    Args:
        examples: by what is said here, the same with what is wrong with the first of its kind.
    """
    misfit = space.misfit(config)
    if misfit is None:
        missing = space.missing(space.flatten(config))
        return f"without `{'.'.join(missing[0])}`" if missing else None
    if not misfit.path:
        broken = space.broken(space.flatten(config))
        return f"for the constraint `{broken.text}`" if broken else misfit.problem
    why = f"for `{'.'.join(misfit.path)}`"
    examples.setdefault(why, f"{why} ({misfit.problem.rstrip('.')})")
    return why


def _foreign(runs: Sequence[PriorRun]) -> tuple[str, ...]:
    names = dict.fromkeys(name for run in runs for name in run.foreign)
    nothing = object()
    return tuple(
        name
        for name in names
        if len({canonical(run.foreign.get(name, nothing)) for run in runs}) > 1
    )
