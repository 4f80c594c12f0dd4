"""A sweep as an Optuna study: for optuna.load_study, its importances and its dashboards.

Every trial that is over becomes one trial of the study: finished ones COMPLETE, those stopped
early PRUNED (with their last value), failed and canceled ones FAIL. With further objectives in the
file the study has as many directions, and a finished trial that lacks one of them FAILs; limits are
the study's constraints (at most 0 where they are kept). Parameters are dotted names, of each trial
those that it has, with the distribution of the sweep file, or the nearest that Optuna has:

    constant, categorical     Categorical; lists and dicts as JSON text, which Optuna can hold
    int_uniform               Int
    uniform, q_uniform        Float; with a step; Int when the step is a whole number
    log_uniform…              Float with log=True, without a step: Optuna allows no log with one
    normal, log_normal, beta  Float over the middle 99.8 %, widened to what was drawn

Never reads the database or asks a server: the caller hands in the trials. The only neighbours
that know Optuna are the searchers beside this file.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from sqlalchemy.exc import SQLAlchemyError

from sweeps.distributions import (
    Categorical,
    Constant,
    Continuous,
    Distribution,
    IntUniform,
    LogNormal,
    LogUniform,
    Uniform,
)
from sweeps.errors import ConfigurationError
from sweeps.space import Path, Space
from sweeps.trial import TrialState

_TAIL = 0.001


@dataclass(frozen=True)
class ExportedTrial:
    """One trial that is over, as the study shall hold it.

    Attributes:
        config: nested, as the script got it.
        objective: None when there is none.
        curve: step -> value of the metric.
        started, ended: UTC epoch seconds; None when it never started.
        notes: kept as the trial's user attributes; JSON values.
        others: its values of the further objectives, in the study's order; None where missing.
        excess: of each limit, by how much it is broken (above 0) or kept; None where unknown.
    """

    config: Mapping[str, Any]
    state: TrialState
    objective: float | None
    curve: Mapping[int, float] = field(default_factory=dict)
    started: float | None = None
    ended: float | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    others: tuple[float | None, ...] = ()
    excess: tuple[float | None, ...] = ()


def export_study(
    path: str,
    *,
    name: str,
    space: Space,
    directions: Sequence[str],
    trials: Iterable[ExportedTrial],
    notes: Mapping[str, Any] | None = None,
) -> str:
    """Writes the study `name` into the file `path`; returns how to load it.

    Args:
        path: ends in .journal or .log: an Optuna journal; anything else: an SQLite database,
            which Optuna writes some thirty times slower (a tenth of a second for a trial of 18
            steps).
        directions: minimize or maximize; of the objective, and of the further ones.
        notes: the study's user attributes; JSON values.

    Returns:
        Lines of Python that load it again.

    Raises:
        ConfigurationError: the file holds a study of that name already, or is no Optuna storage.
    """
    trials = list(trials)
    flat = [space.flatten(trial.config) for trial in trials]
    mapped = {
        p.path: nearest(p.distribution, [values[p.path] for values in flat if p.path in values])
        for p in space.parameters
    }
    loudness = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with _storage(path) as storage:
            study = optuna.create_study(
                storage=storage,
                study_name=name,
                directions=[optuna.study.StudyDirection[each.upper()] for each in directions],
            )
            for key, value in (notes or {}).items():
                study.set_user_attr(key, value)
            for trial, values in zip(trials, flat, strict=True):
                study.add_trial(_frozen(trial, values, mapped))
    except optuna.exceptions.DuplicatedStudyError:
        raise ConfigurationError(
            f"{path} holds a study {name!r} already: remove the file, or choose another with -o."
        ) from None
    except (optuna.exceptions.StorageInternalError, SQLAlchemyError, OSError) as error:
        why = getattr(error, "orig", None) or error
        raise ConfigurationError(
            f"{path} cannot be written as an Optuna storage: {why}."
        ) from error
    finally:
        optuna.logging.set_verbosity(loudness)
    if not _is_journal(path):
        return f"optuna.load_study(study_name={name!r}, storage={f'sqlite:///{path}'!r})"
    return (
        "from optuna.storages.journal import JournalFileBackend, JournalStorage\n"
        f"storage = JournalStorage(JournalFileBackend({path!r}))\n"
        f"optuna.load_study(study_name={name!r}, storage=storage)"
    )


def _is_journal(path: str) -> bool:
    return path.endswith((".log", ".journal"))


def _check_journal(path: str) -> None:
    """Raises OSError when there is a file that is no journal: Optuna would write at its end."""
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        return
    with open(path, "rb") as file:
        first = file.readline()
    try:
        known = "op_code" in json.loads(first)
    except (ValueError, TypeError):
        known = False
    if not known:
        raise OSError("it is a file of another kind")


@contextmanager
def _storage(path: str) -> Iterator[optuna.storages.BaseStorage]:
    if _is_journal(path):
        from optuna.storages.journal import JournalFileBackend, JournalStorage

        _check_journal(path)
        yield JournalStorage(JournalFileBackend(path))
        return
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


@dataclass(frozen=True)
class Mapped:
    """A parameter as Optuna holds it.

    Attributes:
        distribution: Optuna's.
        as_text: every value is stored as JSON text, for Optuna takes 1, 1.0 and True for one.
    """

    distribution: BaseDistribution
    as_text: bool = False

    def encode(self, value: Any) -> Any:
        """`value` as a value of `distribution`."""
        return _json(value) if self.as_text else _choice(value)


def nearest(distribution: Distribution, drawn: Sequence[Any]) -> Mapped:
    """The Optuna distribution nearest to `distribution` that holds every value in `drawn`."""
    if isinstance(distribution, Constant):
        return _categorical([distribution.value, *drawn])
    if isinstance(distribution, Categorical):
        return _categorical([*distribution.values, *drawn])
    if isinstance(distribution, IntUniform):
        ends = [distribution.low, distribution.high, *drawn]
        return Mapped(IntDistribution(min(ends), max(ends)))
    if not isinstance(distribution, Continuous):
        raise TypeError(f"{type(distribution).__name__} has no counterpart in Optuna yet")
    low, high = _bounds(distribution)
    if distribution.q is not None and isinstance(distribution, Uniform):
        stepped = _stepped(low, high, distribution.q)
        if all(stepped._contains(stepped.to_internal_repr(value)) for value in drawn):
            return Mapped(stepped)
    low, high = min([low, *drawn]), max([high, *drawn])
    log = isinstance(distribution, LogUniform | LogNormal) and low > 0
    return Mapped(FloatDistribution(float(low), float(high), log=log))


def _bounds(distribution: Continuous) -> tuple[float, float]:
    """Where its values lie, in multiples of its step if it has one."""
    low, high = distribution.support
    if not isinstance(distribution, Uniform | LogUniform):
        low, high = distribution.ppf(_TAIL), distribution.ppf(1 - _TAIL)
    if distribution.q is not None and isinstance(distribution, Uniform):
        low, high = distribution.quantise(low), distribution.quantise(high)
    return low, high


def _stepped(low: float, high: float, step: float) -> IntDistribution | FloatDistribution:
    count = round((high - low) / step)
    if all(isinstance(value, int) for value in (low, step)):
        return IntDistribution(int(low), int(low + count * step), step=int(step))
    return FloatDistribution(float(low), float(low + count * step), step=float(step))


def _categorical(values: Sequence[Any]) -> Mapped:
    choices: dict[str, Any] = {}
    for value in values:
        choices.setdefault(_json(value), _choice(value))
    if len(set(choices.values())) < len(choices):
        return Mapped(CategoricalDistribution(tuple(choices)), as_text=True)
    return Mapped(CategoricalDistribution(tuple(choices.values())))


def _choice(value: Any) -> bool | int | float | str | None:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _frozen(
    trial: ExportedTrial, values: Mapping[Path, Any], mapped: Mapping[Path, Mapped]
) -> optuna.trial.FrozenTrial:
    state, found = _state(trial)
    limits = {"constraints": list(trial.excess)} if trial.excess else {}
    made = optuna.trial.create_trial(
        state=state,
        values=found,
        system_attrs=limits if None not in trial.excess else {},
        params={".".join(path): mapped[path].encode(value) for path, value in values.items()},
        distributions={".".join(path): mapped[path].distribution for path in values},
        user_attrs={"state": trial.state.value, **trial.notes},
        intermediate_values=dict(trial.curve),
    )
    if trial.ended is not None:
        begun = trial.started if trial.started is not None else trial.ended
        made.datetime_start = datetime.fromtimestamp(begun)
        made.datetime_complete = datetime.fromtimestamp(trial.ended)
    return made


def _state(trial: ExportedTrial) -> tuple[optuna.trial.TrialState, list[float] | None]:
    values = [
        value
        for value in (trial.objective, *trial.others)
        if value is not None and not math.isnan(value)
    ]
    known = values if len(values) == 1 + len(trial.others) else None
    if trial.state is TrialState.FINISHED and known:
        return optuna.trial.TrialState.COMPLETE, known
    if trial.state is TrialState.STOPPED:
        return optuna.trial.TrialState.PRUNED, known
    return optuna.trial.TrialState.FAIL, None
