"""The early-termination rules: one a file, all behind `StoppingRule`.

    hyperband   W&B's exact rule
    asha        asynchronous successive halving that stops
    median      Vizier's median stopping rule
    percentile  only the best p percent go on
    plateau     patience with a trial that no longer gets better
    curve       the chance to beat the best, by a model of the curves (`extrapolation`)
    segment     the end of a segment of population based training
    optuna_pruner  any of Optuna's pruners, by name

`make_rule` is the only place that knows which `early_terminate.type` is which.
"""

from __future__ import annotations

from sweeps.errors import SpecError
from sweeps.search_section import Algorithm
from sweeps.section import Origin, Section
from sweeps.spec import Goal, SweepSpec
from sweeps.stopping.asha import Asha
from sweeps.stopping.base import StoppingRule, Verdict
from sweeps.stopping.curve import Curve
from sweeps.stopping.hyperband import Hyperband, bands_down_from, bands_up_from
from sweeps.stopping.median import Median
from sweeps.stopping.percentile import Percentile
from sweeps.stopping.plateau import Plateau
from sweeps.stopping.segment import Segment

__all__ = ["StoppingRule", "Verdict", "make_rule"]


def make_rule(spec: SweepSpec, *, root: Section | None = None) -> StoppingRule | None:
    """The rule of a sweep, before the first value; None when it has none.

    `root` is the sweep file, so that a complaint can name the line; not needed.

    Raises SpecError for a type or a pruner that there is not, and for settings that leave nothing
    to judge.
    """
    early = spec.early_terminate
    if early is None:
        in_segments = spec.search is not None and spec.search.type is Algorithm.PBT
        interval = spec.search.settings["interval"] if spec.search and in_segments else None
        return None if interval is None else Segment(interval)
    maximize = spec.metric is not None and spec.metric.goal is Goal.MAXIMIZE
    if early.optuna:
        from sweeps.stopping.optuna_pruner import OptunaPruner

        root = root or Section(spec.source, Origin())
        return OptunaPruner(root.section("early_terminate"), maximize=maximize)
    settings = dict(early.settings)
    try:
        match early.type:
            case "hyperband":
                eta = settings["eta"]
                # max_iter wins over min_iter, as in W&B
                if settings.get("max_iter") is not None:
                    bands = bands_down_from(settings["max_iter"], settings["s"], eta)
                else:
                    bands = bands_up_from(settings["min_iter"], eta)
                return Hyperband(bands, eta=eta, strict=settings["strict"], maximize=maximize)
            case "asha":
                return Asha(**settings, maximize=maximize)
            case "median":
                return Median(**settings, maximize=maximize)
            case "percentile":
                return Percentile(**settings, maximize=maximize)
            case "plateau":
                return Plateau(**settings, maximize=maximize)
            case "curve":
                return Curve(**settings, maximize=maximize)
    except ValueError as error:
        raise SpecError(str(error), key_path="early_terminate") from error
    raise SpecError(f"there is no rule {early.type!r}.", key_path="early_terminate.type")
