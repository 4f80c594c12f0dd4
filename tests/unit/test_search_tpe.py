"""The estimator proposes what Optuna itself would, in a study with the same trials."""

from __future__ import annotations

import random

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from sweeps.search.axes import Axes
from sweeps.search.tpe import Observation, Tpe
from sweeps.spec import spec_from_mapping

AXES = Axes(
    spec_from_mapping(
        {
            "method": "random",
            "parameters": {
                "c": {"values": ["a", "b", "c"]},
                "k": {"min": 1, "max": 9},
                "lr": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1.0},
            },
        }
    ).parameters
)
OPTUNAS = {
    "c": CategoricalDistribution((0, 1, 2)),
    "k": IntDistribution(1, 9),
    "lr": FloatDistribution(1e-4, 1.0, log=True),
}


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("count", [11, 60])
def test_the_same_trials_give_the_same_point(count: int, maximize: bool) -> None:
    rng = random.Random(count)
    observations = []
    model = Tpe(AXES.by_name, maximize=maximize)
    study = optuna.create_study(
        direction="maximize" if maximize else "minimize",
        sampler=optuna.samplers.TPESampler(
            n_startup_trials=0, seed=5, multivariate=True, constant_liar=True
        ),
    )
    for number in range(1, count + 1):
        point = {"c": rng.randrange(3), "k": rng.randint(1, 9), "lr": 10 ** rng.uniform(-4, 0)}
        value = None if number % 7 == 0 else rng.gauss(0, 1)
        if number % 5 == 0 and value is not None:
            observations.append(Observation(number, point, value, stopped_at=number % 4))
            what = {"state": TrialState.PRUNED, "intermediate_values": {number % 4: value}}
        else:
            observations.append(Observation(number, point, value))
            state = TrialState.RUNNING if value is None else TrialState.COMPLETE
            what = {"state": state, "value": value}
        study.add_trial(create_trial(params=point, distributions=OPTUNAS, **what))
    expected = study.ask(OPTUNAS).params
    assert model.propose(observations, seed=5) == expected
    assert model.propose(observations, seed=5) == expected  # nothing is carried over
    assert model.propose(observations, seed=6) != expected
