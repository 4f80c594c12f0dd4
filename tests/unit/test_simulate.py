"""Whole sweeps on the virtual clock: what search, stopping, retry, cap and target do together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sweeps.search import Ended
from sweeps.search.random_search import RandomSearch
from sweeps.simulate import CRASH, LOST, PREEMPTED, Simulation, simulate
from sweeps.spec import SweepSpec, spec_from_mapping
from sweeps.trial import Outcome, Reason, TrialState

PLANE = {"x": {"min": -5.0, "max": 5.0}, "y": {"min": -5.0, "max": 5.0}}


def spec(method: str = "random", **keys: Any) -> SweepSpec:
    base = {"method": method, "metric": {"name": "loss"}, "parameters": PLANE}
    return spec_from_mapping(base | keys)


def bowl(config: Mapping[str, Any], iteration: int) -> float:
    return float((config["x"] - 1) ** 2 + (config["y"] + 2) ** 2)


def training(config: Mapping[str, Any], iteration: int) -> float:
    """A curve that falls to the bowl's height."""
    return bowl(config, iteration) + 20 / iteration


def configs(simulation: Simulation) -> list[dict[str, Any]]:
    return [trial.config for trial in simulation.trials]


def test_slots_share_the_time() -> None:
    one = simulate(spec(run_cap=24), bowl, iterations=3)
    eight = simulate(spec(run_cap=24), bowl, iterations=3, slots=8)
    assert (one.elapsed, one.busy) == (72, 72)
    assert (eight.elapsed, eight.busy) == (9, 72)
    assert configs(one) == configs(eight)  # random search learns nothing


def test_the_best_is_the_best() -> None:
    done = simulate(spec(run_cap=30), bowl, slots=4)
    assert done.best is not None
    assert done.best.objective == min(bowl(trial.config, 1) for trial in done.trials)
    up = simulate(
        spec(run_cap=30, metric={"name": "acc", "goal": "maximize"}), lambda c, i: -bowl(c, i)
    )
    assert up.best is not None
    assert up.best.config == done.best.config


def test_bayes_beats_random_on_a_bowl() -> None:
    """Median over seeds of the best of 30 trials, 4 at a time."""

    def medians(method: str) -> float:
        bests = [
            simulate(spec(method, run_cap=30), bowl, seed=seed, slots=4).best for seed in range(3)
        ]
        return sorted(best.objective for best in bests if best and best.objective is not None)[1]

    assert medians("bayes") < medians("random") / 3


@pytest.mark.parametrize("slots", [1, 8])
def test_a_grid_is_run_exactly_once(slots: int) -> None:
    axes = {"a": {"values": list(range(5))}, "b": {"values": list(range(7))}}

    def uneven(config: Mapping[str, Any], iteration: int) -> float:
        return float(1 + (config["a"] * 3 + config["b"]) % 4)

    def fault(number: int, token: int, iteration: int) -> Outcome | None:
        return LOST if number % 4 == 0 and token == 1 else None

    done = simulate(
        spec("grid", parameters=axes),
        lambda config, iteration: 1.0,
        slots=slots,
        duration=uneven,
        fault=fault,
        restart_every=5,
    )
    points = [(config["a"], config["b"]) for config in configs(done)]
    assert len(points) == 35
    assert sorted(points) == [(a, b) for a in range(5) for b in range(7)]
    assert all(trial.state is TrialState.FINISHED for trial in done.trials)
    assert all(len(t.outcomes) == (2 if t.number % 4 == 0 else 1) for t in done.trials)


@pytest.mark.parametrize("method", ["random", "bayes"])
@pytest.mark.parametrize("every", [1, 3])
def test_killing_the_searcher_in_mid_sweep_changes_nothing(method: str, every: int) -> None:
    def fault(number: int, token: int, iteration: int) -> Outcome | None:
        if number % 6 == 0 and iteration == 2:
            return CRASH
        return PREEMPTED if number % 5 == 0 and token < 3 else None

    sweep = spec(
        method,
        run_cap=30,
        early_terminate={"type": "hyperband", "min_iter": 2},
        metric={"name": "loss", "impute": "latest", "impute_while_running": "best"},
        enqueue=[{"x": 0.0}],
    )

    def run(restart_every: int | None) -> Simulation:
        return simulate(
            sweep, training, slots=4, iterations=6, fault=fault, restart_every=restart_every
        )

    undisturbed, disturbed = run(None), run(every)
    assert disturbed.trials == undisturbed.trials
    assert {trial.state for trial in undisturbed.trials} >= {
        TrialState.FINISHED,
        TrialState.STOPPED,
        TrialState.FAILED,
    }


@pytest.mark.parametrize(
    "early",
    [
        {"type": "hyperband", "min_iter": 3},
        {"type": "hyperband", "max_iter": 27, "s": 2, "strict": False},
        {"type": "asha", "max_iter": 27},
        {"type": "median"},
        {"type": "percentile", "percentile": 50},
        {"type": "curve", "max_iter": 27},
        {"type": "curve", "max_iter": 27, "eta": None},
    ],
    ids=str,
)
def test_early_termination_saves_time_and_keeps_the_best(early: dict[str, Any]) -> None:
    full = simulate(spec(run_cap=40), training, slots=4, iterations=27)
    short = simulate(spec(run_cap=40, early_terminate=early), training, slots=4, iterations=27)
    assert short.busy < 0.8 * full.busy
    assert short.best is not None
    assert full.best is not None
    assert short.best.config == full.best.config
    stopped = [trial for trial in short.trials if trial.state is TrialState.STOPPED]
    assert all("is worse than" in t.why or "has a chance of" in t.why for t in stopped)
    assert all(trial.objective == min(trial.curve) for trial in stopped)


def test_progress_is_when_the_best_value_came() -> None:
    """Two slots; trial 2 takes half the time of trial 1."""
    sweep = spec(run_cap=2, enqueue=[{"x": 3.0}, {"x": 1.0}])

    def duration(config: Mapping[str, Any], iteration: int) -> float:
        return float(config["x"]) + 1.0

    def objective(config: Mapping[str, Any], iteration: int) -> float:
        return 10.0 * float(config["x"]) / iteration

    done = simulate(sweep, objective, slots=2, iterations=3, duration=duration)
    assert done.trials[0].times == [4.0, 8.0, 12.0]
    assert done.progress(maximize=False) == [(2.0, 10.0), (4.0, 5.0), (6.0, 10.0 / 3)]
    assert done.progress(maximize=True) == [(2.0, 10.0), (4.0, 30.0)]


def test_the_target_ends_the_sweep() -> None:
    metric = {"name": "loss", "target": 1.0}
    done = simulate(spec(metric=metric), bowl, slots=4)
    hits = [trial.number for trial in done.trials if trial.objective and trial.objective <= 1.0]
    assert hits
    assert len(done.trials) - hits[0] < 4  # those that ran beside it
    up = simulate(
        spec(metric={"name": "acc", "goal": "maximize", "target": -1.0}), lambda c, i: -bowl(c, i)
    )
    assert len(up.trials) == hits[0]


def test_crashes_are_retried_as_the_file_says() -> None:
    def fault(number: int, token: int, iteration: int) -> Outcome | None:
        return CRASH if number == 2 and token <= 2 else None

    once = simulate(spec(run_cap=3), bowl, fault=fault)
    assert [trial.state.value for trial in once.trials] == ["finished", "failed", "finished"]
    assert once.trials[1].objective is None
    patient = simulate(spec(run_cap=3, retry={"max": 2}), bowl, fault=fault)
    assert [len(trial.outcomes) for trial in patient.trials] == [1, 3, 1]
    assert patient.trials[1].state is TrialState.FINISHED
    assert len(patient.trials) == 3  # retries are no new trials: the cap holds


def test_a_retried_trial_starts_from_nothing() -> None:
    """No trial comes to iteration 5, where the rule begins to look; the values of two attempts
    must not add up to one curve."""

    def fault(number: int, token: int, iteration: int) -> Outcome | None:
        return LOST if token == 1 and iteration == 4 else None

    early = {"type": "percentile", "percentile": 10, "min_iter": 5, "min_trials": 1}
    done = simulate(spec(run_cap=9, early_terminate=early), bowl, iterations=4, fault=fault)
    assert {trial.state for trial in done.trials} == {TrialState.FINISHED}
    assert {len(trial.curve) for trial in done.trials} == {4}


def test_a_trial_that_never_reports_has_failed() -> None:
    def silent(config: Mapping[str, Any], iteration: int) -> float | None:
        return (None, float("nan"), 1.0)[iteration % 3] if config["x"] > 0 else None

    done = simulate(spec("bayes", run_cap=30), silent, iterations=3)
    for trial in done.trials:
        good = trial.config["x"] > 0
        assert trial.state is (TrialState.FINISHED if good else TrialState.FAILED)
        assert trial.curve == ([1.0] if good else [])


def test_a_time_limit_ends_the_sweep() -> None:
    done = simulate(spec(), bowl, slots=2, iterations=2, until=5.0)
    assert len(done.trials) == 6  # two each at 0, 2 and 4 seconds
    assert done.elapsed == 6.0


def test_a_sweep_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="run_cap"):
        simulate(spec(), bowl)


def test_a_row_of_several_metrics_reaches_the_searcher(monkeypatch: pytest.MonkeyPatch) -> None:
    """Last values, seconds of the attempt that counts, and how it ended; after a restart, too."""
    told: dict[int, Ended] = {}

    class Told(RandomSearch):
        def _on_ended(self, end: Ended) -> None:
            told[end.number] = end

    monkeypatch.setattr(
        "sweeps.simulate.make_searcher", lambda spec, seed: Told(spec.parameters, seed)
    )

    def rows(config: Mapping[str, Any], iteration: int) -> Mapping[str, Any]:
        return {"loss": 1 / iteration, "ms": 10 * iteration, "note": "text"}

    def fault(number: int, token: int, iteration: int) -> Outcome | None:
        return LOST if (number, token, iteration) == (2, 1, 2) else None

    done = simulate(
        spec(run_cap=2), rows, iterations=3, fault=fault, duration=lambda config, iteration: 2.0
    )
    end = Ended(2, TrialState.FINISHED, 1 / 3, {"ms": 30.0}, 6.0, Reason.OK)
    assert told[2] == end == done.trials[1].seen().end()
    assert done.trials[1].curve == [1.0, 1 / 2, 1 / 3]
