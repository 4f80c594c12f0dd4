"""`metric:` and `metrics:`: what a sweep optimises, and which limits it keeps.

    metrics:
      - {name: val/accuracy, goal: maximize}    an objective
      - {name: latency_ms, goal: minimize}      another: the sweep looks for all trade-offs of both
      - {name: memory_gb, at_most: 20}          a limit

Without `metric:` the first objective of `metrics:` takes its place, and may have what a `metric:`
may (target, impute, …). It is the one that stopping rules follow, that a trial scores by its best
value, and that every single number shows; of all others a trial's last value counts. `front` and
`Measure.excess` say what came of them: one reading for the searchers, the CLI and the pages.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from sweeps.objective import metric_value
from sweeps.section import Section


class Goal(StrEnum):
    """Which way the metric is better."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


class Impute(StrEnum):
    """Which value a search takes for a trial that has none of its own: its latest one, or the
    best or worst of all trials. NONE (W&B writes "false"): the trial counts as not yet seen."""

    LATEST = "latest"
    BEST = "best"
    WORST = "worst"
    NONE = "false"


@dataclass(frozen=True)
class Metric:
    """What the sweep optimises.

    Attributes:
        name: the key that the script logs.
        goal: which way is better.
        target: the sweep ends when a trial reaches it; None: no such end.
        impute: stands in for the metric of a failed trial; never NONE.
        impute_while_running: stands in for the metric of a running trial.
    """

    name: str
    goal: Goal = Goal.MINIMIZE
    target: float | None = None
    impute: Impute = Impute.WORST
    impute_while_running: Impute = Impute.NONE


@dataclass(frozen=True)
class Measure:
    """A metric beside the one that the sweep optimises.

    Attributes:
        name: the key that the script logs.
        goal: which way is better, of an objective; None: it only has limits.
        at_most, at_least: the limits, both allowed themselves; None: none there.
    """

    name: str
    goal: Goal | None = None
    at_most: float | None = None
    at_least: float | None = None

    @property
    def limited(self) -> bool:
        return self.at_most is not None or self.at_least is not None

    def excess(self, value: float | None) -> float | None:
        """By how much `value` breaks the limits: above 0, or at most 0 where they are kept (the
        nearer to 0 the nearer it is to one). None without a value or a limit."""
        if value is None:
            return None
        over = [] if self.at_most is None else [value - self.at_most]
        over += [] if self.at_least is None else [self.at_least - value]
        return max(over, default=None)


_OF_METRIC = ("name", "goal", "target", "impute", "impute_while_running")
_OF_MEASURE = ("name", "goal", "at_most", "at_least")


def read_metrics(root: Section) -> tuple[Metric | None, tuple[Measure, ...]]:
    """The `metric` of a sweep file and what `metrics` has beside it. Raises SpecError."""
    metric = _read_metric(root.section("metric")) if "metric" in root else None
    measures: list[Measure] = []
    names: set[str] = set()
    for i in range(len(root.entries("metrics")) if "metrics" in root else 0):
        section = root.section("metrics", i)
        name = section.text("name")
        if name in names:
            raise section.error(f"{name!r} is listed twice.", "name")
        names.add(name)
        if metric is None and "goal" in section:
            metric = _read_metric(section, _OF_MEASURE)
            measures += _limits_alone(section)
        elif metric is not None and metric.name == name:
            if section.data.get("goal", metric.goal.value) != metric.goal.value:
                raise section.error(f"`metric` says {metric.goal}.", "goal")
            section.only((*_OF_METRIC, *_OF_MEASURE), "an entry of `metrics`")
            measures += _limits_alone(section)
        else:
            measures.append(_read_measure(section))
    if metric is None and "metrics" in root:
        raise root.error(
            "none of them has a `goal`.", "metrics", hint="Say what is to be minimized, say."
        )
    return metric, tuple(measures)


def _read_metric(section: Section, more: Sequence[str] = ()) -> Metric:
    section.only((*_OF_METRIC, *more), "an entry of `metrics`" if more else "metric")
    filled = section.with_defaults(
        {"goal": "minimize", "impute": "worst", "impute_while_running": "false"}
    )
    unquoted = section.data.get("impute_while_running") is False  # W&B means the text "false"
    impute = filled.choice("impute", Impute)
    if impute is Impute.NONE:
        raise section.error("must be latest, best or worst.", "impute")
    return Metric(
        name=section.text("name"),
        goal=filled.choice("goal", Goal),
        target=section.number("target") if "target" in section else None,
        impute=impute,
        impute_while_running=(
            Impute.NONE if unquoted else filled.choice("impute_while_running", Impute)
        ),
    )


def _read_measure(section: Section) -> Measure:
    section.only(_OF_MEASURE, "an entry of `metrics` behind the first objective")
    measure = Measure(
        section.text("name"),
        section.choice("goal", Goal) if "goal" in section else None,
        *(section.number(key) if key in section else None for key in ("at_most", "at_least")),
    )
    if measure.goal is None and not measure.limited:
        raise section.error(
            "says neither what is better nor what is allowed.",
            hint="Give `goal`, `at_most` or `at_least`.",
        )
    low, high = measure.at_least, measure.at_most
    if low is not None and high is not None and low > high:
        raise section.error(f"is above at_most, {high!r}.", "at_least")
    return measure


def _limits_alone(section: Section) -> list[Measure]:
    """Of the entry that is the `metric` itself."""
    limits = {key: section.data[key] for key in ("name", "at_most", "at_least") if key in section}
    return [_read_measure(Section(limits, section.origin, section.at))] if len(limits) > 1 else []


def values_of(measures: Iterable[Measure], summary: Mapping[str, Any]) -> dict[str, float]:
    """The last values of further metrics, by name, as a run's summary has them: finite ones."""
    found = {measure.name: metric_value(summary, measure.name) for measure in measures}
    return {name: value for name, value in found.items() if value is not None}


def keeps(measures: Iterable[Measure], values: Mapping[str, float]) -> bool:
    """Whether a trial with these values is known to keep every limit."""
    for measure in measures:
        excess = measure.excess(values.get(measure.name))
        if measure.limited and (excess is None or excess > 0):
            return False
    return True


Key = TypeVar("Key", bound=Hashable)


def front(scores: Mapping[Key, Sequence[float]]) -> list[Key]:
    """The trials that no other one dominates: is nowhere worse and somewhere better than. In the
    order given; of two that are alike in everything, both.

    Args:
        scores: of each trial, as many numbers each, smaller being better.
    """
    # By rising scores, whatever dominates a trial stands before it, and so does something on the
    # front that does.
    kept: list[Sequence[float]] = []
    found = set()
    for key, score in sorted(scores.items(), key=lambda item: tuple(item[1])):
        if not any(
            all(a <= b for a, b in zip(other, score, strict=True)) and tuple(other) != tuple(score)
            for other in kept
        ):
            kept.append(score)
            found.add(key)
    return [key for key in scores if key in found]
