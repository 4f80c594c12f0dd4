"""The `early_terminate` section of a sweep file: which stopping rule, with which settings.

Only reads; the rules are in `sweeps.stopping`. In all of them iteration k is the k-th time that a
trial logs the metric as a finite number. EarlyTerminate.settings always holds these keys:

    type        settings: what they must be                                 default
    ----------  ----------------------------------------------------------  -------------------
    hyperband   W&B's rule, exactly.
                min_iter: int >= 1 or None, the first band                  None
                max_iter: int >= 1 or None; it wins over min_iter           None
                s:        int >= 1 or None, bands counted back from max_iter  None
                eta:      number > 1                                        3
                strict:   bool; false judges the best value so far          True
                (min_iter, or max_iter with s, must be given)
    asha        Asynchronous successive halving: at each rung the best 1/eta go on.
                min_iter: int >= 1, the first rung                          max(2, max_iter // 27)
                max_iter: int > min_iter or None, no rung from there on     None
                eta:      number > 1, rungs are min_iter * eta^k            3
                brackets: int >= 1, at most one more than rungs             1
    median      Vizier's rule: stops a trial whose best value so far is worse than the median
                of the running averages of the ended trials.
                min_iter:   int >= 1, no trial is judged before             3
                min_trials: int >= 1, nor with fewer to compare with        5
    percentile  Stops a trial whose best value so far is not among the best `percentile` % of
                all trials' at the same iteration.
                percentile: number in (0, 100), the share that goes on      (must be given)
                min_iter, min_trials: as for median                         3, 5
    plateau     Stops a trial that no longer gets better.
                patience:  int >= 1, iterations without improvement         (must be given)
                min_delta: number >= 0, what is more is an improvement      0
                min_iter:  int >= 1, no trial is stopped before             1
    curve       Stops a trial whose chance to beat the best, by the end of its budget, is
                small: a model of the curves says it, and is corrected so that it holds.
                Halves as asha does beside that. The rule to take with `method: bayes`.
                threshold:  number in (0, 1), a smaller chance is small     0.01
                min_iter:   int >= 1, no trial is judged before             max(2, max_iter // 27)
                max_iter:   int > min_iter or None, the full length; with
                            None, what min_trials trials have reached       None
                min_trials: int >= 3, no chances before so many trials
                            came to the end                                 5
                eta:        number > 1, or null for chances alone           3

Instead of a type, `pruner` may name one of Optuna's, with its arguments beside it: the type is then
the name of its class and the settings are its arguments as they were written. `search_section`
says when they are looked at closely.

The first rung of asha is not 1 by default: a trial stopped at its very first value teaches a
model-based search next to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sweeps.section import Section


class Rule(StrEnum):
    """The stopping rules."""

    HYPERBAND = "hyperband"
    ASHA = "asha"
    MEDIAN = "median"
    PERCENTILE = "percentile"
    PLATEAU = "plateau"
    CURVE = "curve"


@dataclass(frozen=True)
class EarlyTerminate:
    """A stopping rule, `type` (a Rule), and its settings as the table above has them; `optuna`:
    the type is a pruner's class."""

    type: str
    settings: Mapping[str, Any]
    optuna: bool = False


def read_early_terminate(section: Section) -> tuple[EarlyTerminate, list[str]]:
    """The stopping rule of an `early_terminate` section, and warnings. Raises SpecError."""
    if "pruner" in section:
        if "type" in section:
            raise section.error("stands beside `pruner`: one of them is enough.", "type")
        arguments = {key: value for key, value in section.data.items() if key != "pruner"}
        return EarlyTerminate(section.text("pruner"), arguments, optuna=True), []
    rule = section.choice("type", Rule)
    keys = {
        Rule.HYPERBAND: ("min_iter", "max_iter", "s", "eta", "strict"),
        Rule.ASHA: ("min_iter", "max_iter", "eta", "brackets"),
        Rule.MEDIAN: ("min_iter", "min_trials"),
        Rule.PERCENTILE: ("percentile", "min_iter", "min_trials"),
        Rule.PLATEAU: ("patience", "min_delta", "min_iter"),
        Rule.CURVE: ("threshold", "min_iter", "max_iter", "min_trials", "eta"),
    }[rule]
    section.only((*keys, "type"), f"early_terminate of type {rule}")
    warnings: list[str] = []
    if rule is Rule.HYPERBAND:
        settings = _hyperband(section, warnings)
    elif rule is Rule.ASHA:
        settings = _asha(section)
    elif rule is Rule.PLATEAU:
        settings = _plateau(section)
    elif rule is Rule.CURVE:
        settings = _curve(section)
    else:
        settings = _line_of_others(section, rule)
    return EarlyTerminate(rule.value, settings), warnings


def _whole(section: Section, key: str) -> int | None:
    return section.whole(key, at_least=1) if key in section else None


def _hyperband(section: Section, warnings: list[str]) -> dict[str, Any]:
    filled = section.with_defaults({"eta": 3, "strict": True})
    eta, strict = filled.number("eta", above=1), filled.flag("strict")
    min_iter, max_iter, s = (_whole(section, key) for key in ("min_iter", "max_iter", "s"))
    if max_iter is None and min_iter is None:
        raise section.error(
            "hyperband needs `min_iter`, or `max_iter` and `s`.",
            hint="Add `min_iter: 3`, say: trials are first judged at their third value.",
        )
    if max_iter is not None:
        if s is None:
            raise section.error("`max_iter` needs `s`, the number of bands.", "max_iter")
        if max_iter / eta < 1:
            raise section.error(
                f"there is no band: max_iter / eta is {max_iter / eta:g}, less than 1.",
                "max_iter",
                hint="Take a larger `max_iter` or a smaller `eta`.",
            )
        if min_iter is not None:
            warnings.append("early_terminate.min_iter: ignored; `max_iter` and `s` win over it.")
    elif s is not None:
        warnings.append("early_terminate.s: ignored without `max_iter`.")
    return {"min_iter": min_iter, "max_iter": max_iter, "s": s, "eta": eta, "strict": strict}


def _asha(section: Section) -> dict[str, Any]:
    max_iter = _whole(section, "max_iter")
    filled = section.with_defaults(
        {"min_iter": max(2, (max_iter or 0) // 27), "eta": 3, "brackets": 1}
    )
    min_iter = filled.whole("min_iter", at_least=1)
    _ends_after(section, max_iter, min_iter)
    return {
        "min_iter": min_iter,
        "max_iter": max_iter,
        "eta": filled.number("eta", above=1),
        "brackets": filled.whole("brackets", at_least=1),
    }


def _ends_after(section: Section, max_iter: int | None, min_iter: int) -> None:
    if max_iter is not None and max_iter <= min_iter:
        raise section.error(f"must be greater than min_iter, {min_iter}.", "max_iter")


def _plateau(section: Section) -> dict[str, Any]:
    filled = section.with_defaults({"min_delta": 0, "min_iter": 1})
    return {
        "patience": filled.whole("patience", at_least=1),
        "min_delta": filled.number("min_delta", at_least=0),
        "min_iter": filled.whole("min_iter", at_least=1),
    }


def _curve(section: Section) -> dict[str, Any]:
    max_iter = _whole(section, "max_iter")
    least = max(2, (max_iter or 0) // 27)
    filled = section.with_defaults({"threshold": 0.01, "min_iter": least, "min_trials": 5})
    threshold = filled.number("threshold", above=0)
    if threshold >= 1:
        raise section.error(f"must be less than 1, not {threshold!r}.", "threshold")
    min_iter = filled.whole("min_iter", at_least=1)
    _ends_after(section, max_iter, min_iter)
    return {
        "threshold": threshold,
        "min_iter": min_iter,
        "max_iter": max_iter,
        "min_trials": filled.whole("min_trials", at_least=3),
        "eta": _eta(section),
    }


def _eta(section: Section) -> int | float | None:
    if section.data.get("eta", 3) is None:
        return None
    return section.with_defaults({"eta": 3}).number("eta", above=1)


def _line_of_others(section: Section, rule: Rule) -> dict[str, Any]:
    """Of median and percentile."""
    filled = section.with_defaults({"min_iter": 3, "min_trials": 5})
    settings: dict[str, Any] = {
        key: filled.whole(key, at_least=1) for key in ("min_iter", "min_trials")
    }
    if rule is Rule.PERCENTILE:
        percentile = section.number("percentile", above=0)
        if percentile >= 100:
            raise section.error(f"must be less than 100, not {percentile!r}.", "percentile")
        settings["percentile"] = percentile
    return settings
