"""Results of before that a sweep's search begins with: what of each is kept, and what is told.

Two ways lead here: runs that somebody names (`observe`: W&B's prior runs), and `prior:` in the
sweep's file (`resolve`: other sweeps, and CSV files that whoever creates the sweep sends along).
Looked at once, when they are named; what becomes of them later changes nothing any more. On record
with the sweep (`SweepRecord.prior`), each {"run": its id, "config": {…}, "objective": number or
null}, and where known "metrics": {…} and "seconds". Neighbours: sweeps/prior_table.py (the files),
record.py (who keeps them), driver.py (whose searcher is told).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from controller.costs import seconds
from controller.store.records import RunRecord, TrialRecord
from controller.store.store import Store
from sweeps.errors import NotFoundError, SpecError
from sweeps.metrics import values_of
from sweeps.objective import best_of, metric_value
from sweeps.prior_table import PriorRun, fewest, fitting, read_table
from sweeps.search import Prior
from sweeps.spec import Goal, Metric, SweepSpec, spec_from_mapping
from sweeps.trial import TrialState

MOST = 1_000
"""Of one sweep or file; a search gains nothing from more."""
_COUNTED = (TrialState.FINISHED, TrialState.STOPPED, TrialState.FAILED)
_WITHOUT_VALUE = ("failed", "crashed", "canceled")


def observe(store: Store, spec: SweepSpec, runs: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """What a sweep keeps of these runs. As with trials, the best finite value of history and
    summary counts; a run that failed has none."""
    space = spec.parameters
    return [
        {
            "run": run.id,
            "config": space.nest(space.flatten(run.config)),
            "objective": _objective(store, spec, run),
        }
        for run in runs
    ]


def resolve(
    store: Store,
    spec: SweepSpec,
    entries: Iterable[str],
    tables: Mapping[str, str],
    *,
    path: str | None = None,
) -> tuple[list[dict[str, Any]], list[str]]:
    """What a sweep keeps of `prior:`, and warnings.

    Args:
        entries: ids of sweeps, and paths of CSV files as the sweep's file names them.
        tables: the texts of those files, by the same names.
        path: the sweep file's, for messages.

    Raises:
        SpecError: no such sweep, a file that was not sent or cannot be read, no metric, or not
            one result that fits the sweep's parameters.
    """
    kept: list[dict[str, Any]] = []
    warnings = []
    for entry in entries:
        try:
            found = _found(store, spec, entry, tables)
            fit = fitting(found, spec.parameters)
            if not fit:
                raise SpecError(
                    f"{entry} has no result that fits the parameters of this sweep.",
                    key_path="prior",
                    hint=_misfit(spec, found),
                )
        except SpecError as error:
            raise SpecError(error.problem, key_path="prior", path=path, hint=error.hint) from None
        if len(fit) < len(found):
            warnings.append(
                f"prior: {len(found) - len(fit)} of the {len(found)} results of {entry} do not fit "
                "the parameters of this sweep, and are left out."
            )
        maximize = spec.metric is not None and spec.metric.goal is Goal.MAXIMIZE
        kept += [_kept(run) for run in fewest(fit, MOST, maximize=maximize)]
    return kept, warnings


def is_table(entry: str) -> bool:
    """Whether an entry of `prior:` is a file rather than the id of a sweep."""
    return entry.lower().endswith(".csv")


def known(kept: Iterable[Mapping[str, Any]]) -> list[Prior]:
    """What the searcher is told."""
    return [
        Prior(each["config"], each["objective"], each.get("metrics") or {}, each.get("seconds"))
        for each in kept
    ]


def _found(store: Store, spec: SweepSpec, entry: str, tables: Mapping[str, str]) -> list[PriorRun]:
    if spec.metric is None:
        raise SpecError("needs a `metric`: what came of the results is told by it.")
    if not is_table(entry):
        return _of_sweep(store, spec, spec.metric, entry)
    if entry not in tables:
        raise SpecError(
            f"the file {entry} is not here.",
            hint="Create the sweep by `sweep create` where the file is.",
        )
    others = [measure.name for measure in spec.metrics]
    return read_table(tables[entry], entry, spec.parameters, spec.metric.name, others)


def _of_sweep(store: Store, spec: SweepSpec, metric: Metric, entry: str) -> list[PriorRun]:
    """The trials of a sweep that are over and were not canceled."""
    try:
        sweep = store.get_sweep(entry.rpartition("/")[2])
    except NotFoundError:
        raise SpecError(
            f"there is no sweep {entry!r}.",
            hint="`sweep ls` lists them; the name of a file ends in .csv.",
        ) from None
    other = spec_from_mapping(sweep.spec).metric
    same = other is not None and (other.name, other.goal) == (metric.name, metric.goal)
    trials = [each for each in store.trials(sweep.id) if each.state in _COUNTED]
    cost = seconds(store.attempt_times(sweep.id))
    found = [
        PriorRun(
            trial.id,
            spec.parameters.nest(spec.parameters.flatten(trial.config)),
            _score(trial, metric.name, same=same),
            values_of(spec.metrics, trial.summary),
            cost.get(trial.number),
        )
        for trial in trials
    ]
    if not any(run.objective is not None for run in found):
        raise SpecError(f"the sweep {entry} has no trial with a value of {metric.name!r}.")
    return found


def _score(trial: TrialRecord, metric: str, *, same: bool) -> float | None:
    """A trial's score; in a sweep that optimised something else, the metric's last value."""
    if same or trial.objective is None:
        return trial.objective
    return metric_value(trial.summary, metric)


def _misfit(spec: SweepSpec, found: Sequence[PriorRun]) -> str | None:
    """What is wrong with the first."""
    for run in found[:1]:
        misfit = spec.parameters.misfit(run.config)
        missing = spec.parameters.missing(spec.parameters.flatten(run.config))
        if misfit:
            where = f"{'.'.join(misfit.path)}: " if misfit.path else ""
            return f"Of {run.name}, {where}{misfit.problem}"
        if missing:
            return f"{run.name} has no `{'.'.join(missing[0])}`."
    return None


def _kept(run: PriorRun) -> dict[str, Any]:
    kept: dict[str, Any] = {"run": run.name, "config": run.config, "objective": run.objective}
    if run.metrics:
        kept["metrics"] = dict(run.metrics)
    if run.seconds is not None:
        kept["seconds"] = round(run.seconds, 3)
    return kept


def _objective(store: Store, spec: SweepSpec, run: RunRecord) -> float | None:
    metric = spec.metric
    if metric is None or run.state in _WITHOUT_VALUE:
        return None
    names = list(dict.fromkeys((metric.name, metric.name.replace(".", "/"))))
    history = store.history(run.id, names)
    values = [value for name in names for value in history.points(name)[1].tolist()]
    last = metric_value(run.summary, metric.name)
    return best_of([*values, last], maximize=metric.goal is Goal.MAXIMIZE)
