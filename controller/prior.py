"""Results of before that a sweep's search begins with: what of each is kept, and what is told.

Two ways lead here: runs that somebody names (`observe`: W&B's prior runs), and `prior:` in the
sweep's file (`resolve`: other sweeps, and CSV files that whoever creates the sweep sends along).
Looked at once, when they are named; what becomes of them later changes nothing any more. On record
with the sweep (`SweepRecord.prior`), each {"run": its id, "config": {…}, "objective": number or
null}, and where known "metrics": {…} and "seconds". Neighbours: sweeps/prior_table.py (the files),
sweeps/prior_fit.py (which are used), record.py (who keeps them), driver.py (whose searcher is
told).
"""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from controller.costs import seconds
from controller.store.records import RunRecord, TrialRecord
from controller.store.store import Store
from sweeps.errors import NotFoundError, SpecError
from sweeps.metrics import values_of
from sweeps.objective import best_of, metric_value
from sweeps.prior_fit import Fit, in_common, sort_out
from sweeps.prior_table import PriorRun, fewest, read_table
from sweeps.search import Prior
from sweeps.search_section import Algorithm
from sweeps.section import did_you_mean
from sweeps.spec import Goal, Method, Metric, SweepSpec, spec_from_mapping
from sweeps.trial import TrialState

MOST = 1_000
"""Of one sweep or file; a search gains nothing from more."""
_COUNTED = (TrialState.FINISHED, TrialState.STOPPED, TrialState.FAILED)
_ENDED_WELL = (TrialState.FINISHED, TrialState.STOPPED)
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


def of_no_use(spec: SweepSpec, kept: Sequence[Mapping[str, Any]]) -> list[str]:
    """A warning, if some of what `observe` keeps tells the search nothing."""
    runs = [PriorRun(str(each["run"]), each["config"], each["objective"]) for each in kept]
    fit = sort_out(runs, spec.parameters)
    if not fit.left_out:
        return []
    return [f"prior runs: {len(fit.used):,} of {fit.found:,} are used; left out: {fit.why_not}."]


def resolve(
    store: Store, spec: SweepSpec, entries: Iterable[str], tables: Mapping[str, str]
) -> tuple[list[dict[str, Any]], SweepSpec]:
    """What a sweep keeps of `prior:`; and the spec, saying what became of every result.

    Args:
        entries: those of `prior:` that are to be looked at: ids of sweeps, and paths of CSV files
            as the sweep's file names them.
        tables: the texts of those files, by the same names.

    Raises:
        SpecError: with the line of the entry. No such sweep, a file that was not sent or cannot be
            read, no metric, or not one result that fits the sweep's parameters.
    """
    kept: list[dict[str, Any]] = []
    warnings: list[str] = []
    notes: list[str] = []
    earlier: set[Hashable] = set()
    for entry in dict.fromkeys(entries):
        try:
            fit = _fit(store, spec, entry, tables, earlier)
        except SpecError as error:
            place = (spec.prior.index(entry),) if isinstance(spec.source["prior"], list) else ()
            raise spec.error(error.problem, "prior", *place, hint=error.hint) from None
        maximize = spec.metric is not None and spec.metric.goal is Goal.MAXIMIZE
        used = fewest(fit.used, MOST, maximize=maximize)
        told = f"prior: {fit.told(entry, len(used))}"
        partly = fit.incomplete or fit.inactive
        (notes if len(used) == fit.found and not partly else warnings).append(told)
        if fit.foreign:
            names = ", ".join(f"`{name}`" for name in fit.foreign)
            warnings.append(
                f"prior: the results of {entry} also differ in {names}, which this sweep has not: "
                "what that did counts as chance."
            )
        kept += [_kept(run) for run in used]
    if kept and _unmoved(spec):
        warnings.append(
            "prior: this search learns nothing from results; they are on record, and change "
            "nothing."
        )
    return kept, replace(spec, warnings=(*spec.warnings, *warnings), notes=(*spec.notes, *notes))


def _unmoved(spec: SweepSpec) -> bool:
    """Whether the search is the same with results and without."""
    if spec.search is not None and spec.search.sampler is not None:
        return spec.search.sampler in ("QMCSampler", "RandomSampler")
    return spec.method is Method.RANDOM or (
        spec.search is not None and spec.search.type in (Algorithm.RANDOM, Algorithm.PBT)
    )


def _fit(
    store: Store,
    spec: SweepSpec,
    entry: str,
    tables: Mapping[str, str],
    earlier: set[Hashable],
) -> Fit:
    found = _found(store, spec, entry, tables)
    if not found:
        raise SpecError(f"{entry} has no results.", hint="Remove it.")
    optuna = spec.search is not None and spec.search.type in (None, Algorithm.TPE)
    fit = sort_out(
        found,
        spec.parameters,
        others=[measure.name for measure in spec.metrics],
        must=optuna,
        earlier=earlier,
        once=is_table(entry),
    )
    if fit.used or fit.twice:
        if not fit.twice and all(run.objective is None for run in fit.used):
            raise _without_value(entry, spec)
        return fit
    if not in_common(found, spec.parameters):
        names = dict.fromkeys(name for run in found for name in run.foreign)
        has = ", ".join(f"`{name}`" for name in names) or "none"
        raise SpecError(
            f"{entry} has nothing in common with this sweep: its parameters are {has}.",
            hint="Name results of a search over parameters of the same names, or remove it.",
        )
    raise SpecError(
        f"{entry} has no result that fits the parameters of this sweep: {fit.why_not}.",
        hint="Loosen the parameters, or remove it.",
    )


def _without_value(entry: str, spec: SweepSpec, logged: Iterable[str] = ()) -> SpecError:
    name = spec.metric.name if spec.metric else ""
    hint = did_you_mean(name, logged, "They have") if logged else None
    return SpecError(f"{entry} has no result with a value of {name!r}.", hint=hint)


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
    """The trials of a sweep."""
    try:
        sweep = store.get_sweep(entry.rpartition("/")[2])
    except NotFoundError:
        raise SpecError(
            f"there is no sweep {entry!r}.",
            hint="`sweep ls` lists them; the name of a file ends in .csv.",
        ) from None
    other = spec_from_mapping(sweep.spec).metric
    same = other is not None and (other.name, other.goal) == (metric.name, metric.goal)
    trials = store.trials(sweep.id)
    cost = seconds(store.attempt_times(sweep.id))
    space = spec.parameters
    own = {parameter.name for parameter in space.parameters}
    found = []
    for trial in trials:
        score = _score(trial, metric.name, same=same)
        found.append(
            PriorRun(
                trial.id,
                space.nest(space.flatten(trial.config)),
                score,
                values_of(spec.metrics, trial.summary),
                cost.get(trial.number),
                unusable=_unusable(trial.state, score, metric.name),
                foreign=dict(_foreign(trial.config, own)),
            )
        )
    if not any(run.objective is not None and run.unusable is None for run in found):
        logged = dict.fromkeys(key for trial in trials for key in trial.summary if key[:1] != "_")
        raise _without_value(f"the sweep {entry}", spec, logged)
    return found


def _unusable(state: TrialState, score: float | None, metric: str) -> str | None:
    """Why a trial is no result, to stand behind a number; None: it is one."""
    if not state.over:
        return "not over yet"
    if state not in _COUNTED:
        return "canceled"
    return f"without a value of {metric}" if score is None and state in _ENDED_WELL else None


def _foreign(
    config: Mapping[str, Any], own: Container[str], above: str = ""
) -> Iterator[tuple[str, Any]]:
    """Parameters that a config has and the sweep has not: dotted name, value."""
    for key, value in config.items():
        name = f"{above}{key}"
        if name not in own and isinstance(value, Mapping) and value:
            yield from _foreign(value, own, f"{name}.")
        elif name not in own:
            yield name, value


def _score(trial: TrialRecord, metric: str, *, same: bool) -> float | None:
    """A trial's score; in a sweep that optimised something else, the metric's last value."""
    if same or trial.objective is None:
        return trial.objective
    return metric_value(trial.summary, metric)


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
