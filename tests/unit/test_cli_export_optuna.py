"""The Optuna study that `sweep export --format optuna` writes, read back by Optuna itself."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from sweeps.distributions import (
    Beta,
    Categorical,
    Constant,
    Distribution,
    IntUniform,
    LogNormal,
    LogUniform,
    Normal,
    Uniform,
)
from sweeps.errors import ConfigurationError
from sweeps.search.optuna_export import ExportedTrial, export_study, nearest
from sweeps.space import Parameter, Space
from sweeps.trial import TrialState

SPACE = Space(
    (
        Parameter(("lr",), LogUniform(1e-4, 1e-1)),
        Parameter(("model", "layers"), IntUniform(1, 4)),
        Parameter(("model", "kind"), Categorical(("mlp", ["a", 1]))),
    )
)


def a_trial(lr: float, state: TrialState, objective: float | None, **more: object) -> ExportedTrial:
    config = {"lr": lr, "model": {"layers": 2, "kind": ["a", 1]}}
    return ExportedTrial(config, state, objective, **more)  # type: ignore[arg-type]


TRIALS = [
    a_trial(0.01, TrialState.FINISHED, 0.9, curve={0: 0.5, 1: 0.9}, started=100.0, ended=130.0),
    a_trial(0.02, TrialState.STOPPED, 0.4, curve={0: 0.4}, notes={"id": "s-2"}),
    a_trial(0.03, TrialState.FAILED, None),
    a_trial(0.04, TrialState.FINISHED, math.nan),
]


@pytest.fixture
def database(tmp_path: Path) -> str:
    return str(tmp_path / "study.db")


def loaded(path: str) -> optuna.Study:
    if path.endswith(".log"):
        return optuna.load_study(study_name="s", storage=JournalStorage(JournalFileBackend(path)))
    return optuna.load_study(study_name="s", storage=f"sqlite:///{path}")


@pytest.mark.parametrize("name", ["study.db", "study.log"])
def test_optuna_reads_the_study(tmp_path: Path, name: str) -> None:
    path = str(tmp_path / name)
    export_study(path, name="s", space=SPACE, directions=["maximize"], trials=TRIALS)

    study = loaded(path)
    assert study.direction is optuna.study.StudyDirection.MAXIMIZE
    first, second, third, fourth = study.trials
    assert (first.state.name, first.value) == ("COMPLETE", 0.9)
    assert first.params == {"lr": 0.01, "model.layers": 2, "model.kind": '["a", 1]'}
    assert first.intermediate_values == {0: 0.5, 1: 0.9}
    assert first.duration is not None
    assert first.duration.total_seconds() == 30
    assert (second.state.name, second.value) == ("PRUNED", 0.4)
    assert second.user_attrs == {"state": "stopped", "id": "s-2"}
    assert (third.state.name, fourth.state.name) == ("FAIL", "FAIL")
    assert study.best_trial.number == 0
    assert first.distributions["lr"] == optuna.distributions.FloatDistribution(1e-4, 1e-1, log=True)


def test_a_study_is_not_written_twice(database: str) -> None:
    export_study(database, name="s", space=SPACE, directions=["maximize"], trials=TRIALS)
    with pytest.raises(ConfigurationError, match="holds a study 's' already"):
        export_study(database, name="s", space=SPACE, directions=["maximize"], trials=TRIALS)
    assert len(loaded(database).trials) == len(TRIALS)


@pytest.mark.parametrize("name", ["notes.db", "notes.log"])
def test_a_file_that_is_no_storage_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("these are my notes, not a database\n" * 50)
    with pytest.raises(ConfigurationError, match=f"{name} cannot be written"):
        export_study(str(path), name="s", space=SPACE, directions=["minimize"], trials=[])
    assert path.read_text() == "these are my notes, not a database\n" * 50


def test_a_foreign_database_is_kept(database: str) -> None:
    """A study goes in beside what is there: nothing of the user's is overwritten."""
    with sqlite3.connect(database) as connection:
        connection.execute("create table mine (x int)")
    connection.close()
    export_study(database, name="s", space=SPACE, directions=["minimize"], trials=TRIALS)
    with sqlite3.connect(database) as connection:
        assert connection.execute("select count(*) from mine").fetchone() == (0,)
    connection.close()


Float, Int = optuna.distributions.FloatDistribution, optuna.distributions.IntDistribution
Choice = optuna.distributions.CategoricalDistribution


@pytest.mark.parametrize(
    ("distribution", "drawn", "expected"),
    [
        (Constant(3), [3], Choice((3,))),
        (Categorical(("a", None, 2.5)), ["a"], Choice(("a", None, 2.5))),
        (Categorical((1, True)), [True], Choice(("1", "true"))),
        (IntUniform(1, 8), [8], Int(1, 8)),
        (Uniform(0.0, 1.0), [0.3], Float(0.0, 1.0)),
        (Uniform(0.0, 1.0, q=0.25), [0.75], Float(0.0, 1.0, step=0.25)),
        (Uniform(10, 50, q=20), [20, 40], Int(0, 40, step=20)),
        (Uniform(1, 7, q=2), [1, 3, 5], Float(0.0, 8.0)),  # a grid counts its steps from `low`
        (LogUniform(1.0, 64.0, q=1), [3], Float(1.0, 64.0, log=True)),
        (LogUniform(0.1, 64.0, q=1), [0], Float(0.0, 64.0)),
    ],
)
def test_nearest(
    distribution: Distribution, drawn: list[object], expected: optuna.distributions.BaseDistribution
) -> None:
    assert nearest(distribution, drawn).distribution == expected


@pytest.mark.parametrize(
    ("distribution", "far"), [(Normal(0, 1), 99.0), (LogNormal(0, 1), 999.0), (Beta(2, 2), 0.5)]
)
def test_unbounded_distributions_hold_what_was_drawn(
    distribution: Distribution, far: float
) -> None:
    made = nearest(distribution, [far]).distribution
    assert isinstance(made, Float)
    assert made._contains(far)
    assert made.low < made.high


def test_parameters_that_come_and_go_several_objectives_and_limits(database: str) -> None:
    trials = [
        ExportedTrial({"lr": 0.01}, TrialState.FINISHED, 0.9, others=(30.0,), excess=(-1.0,)),
        a_trial(0.02, TrialState.FINISHED, 0.8, others=(10.0,), excess=(2.0,)),
        a_trial(0.03, TrialState.FINISHED, 0.7, others=(None,), excess=(None,)),
        a_trial(0.04, TrialState.STOPPED, 0.5, others=(None,), curve={0: 0.5}),
        a_trial(0.05, TrialState.STOPPED, 0.5, others=(20.0,), excess=(-2.0,)),
    ]
    directions = ["maximize", "minimize"]
    export_study(database, name="s", space=SPACE, directions=directions, trials=trials)
    study = loaded(database)
    assert [direction.name.lower() for direction in study.directions] == directions
    assert [trial.state.name for trial in study.trials] == [
        "COMPLETE", "COMPLETE", "FAIL", "PRUNED", "PRUNED"
    ]  # fmt: skip
    assert study.trials[0].params == {"lr": 0.01}
    assert study.trials[0].values == [0.9, 30.0]
    assert [trial.number for trial in study.best_trials] == [0]  # the other breaks its limit
