"""`search: {sampler: …}`: Optuna's samplers behind our law, by name and arguments."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import optuna
import pytest

from sweeps.errors import SpecError
from sweeps.search import Ended, Prior, Reported, TrialSeen, make_searcher
from sweeps.search.axes import Axes
from sweeps.search.observation import Standing
from sweeps.search.optuna_names import PRUNER, SAMPLER
from sweeps.search.optuna_sampler import OptunaSearch
from sweeps.search.optuna_study import OptunaStudy, Told
from sweeps.simulate import CRASH, simulate
from sweeps.spec import SweepSpec, load_spec, spec_from_mapping
from sweeps.trial import Outcome, TrialState

NUMBERS = {
    "x": {"min": -5.0, "max": 5.0},
    "lr": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1.0},
    "n": {"min": 1, "max": 64},
}
MIXED = {
    **NUMBERS,
    "opt": {"values": ["sgd", "adam", None]},
    "mom": {"min": 0.0, "max": 1.0, "when": {"opt": "sgd"}},
    "depth": {"value": 3},
}
SMALL = {"a": {"values": [1, 2, 3]}, "b": {"min": 1, "max": 4}}
SAMPLERS: dict[str, dict[str, Any]] = {
    "tpe": {"sampler": "TPESampler", "n_startup_trials": 5, "multivariate": True},
    "tpe-group": {
        "sampler": "TPESampler", "n_startup_trials": 5, "multivariate": True, "group": True,
    },
    "cma": {"sampler": "CmaEsSampler", "sigma0": 0.2, "popsize": 5},
    "cma-margin": {
        "sampler": "CmaEsSampler", "with_margin": True, "popsize": 5,
        "x0": {"x": 0, "lr": 0.1, "n": 4},
    },
    "cma-pruned": {"sampler": "CmaEsSampler", "consider_pruned_trials": True},
    "nsga2": {"sampler": "NSGAIISampler", "population_size": 6, "crossover": "BLXAlphaCrossover"},
    "nsga3": {"sampler": "NSGAIIISampler", "population_size": 6},
    "qmc": {"sampler": "QMCSampler", "scramble": True},
    "halton": {"sampler": "QMCSampler", "qmc_type": "halton"},
    "random": {"sampler": "RandomSampler", "seed": 5},
    "fixed": {
        "sampler": "PartialFixedSampler",
        "fixed_params": {"n": 7},
        "base_sampler": {"sampler": "NSGAIISampler", "population_size": 4},
    },
}  # fmt: skip


def spec(settings: Mapping[str, Any], parameters: Any = None, **more: Any) -> SweepSpec:
    return spec_from_mapping(
        {
            "method": "bayes",
            "parameters": parameters or MIXED,
            "metric": {"name": "loss"},
            "search": dict(settings),
            **more,
        }
    )


def loss(config: Mapping[str, Any], iteration: int) -> float:
    if "a" in config:
        return float(config["a"] * config["b"])
    far = (config["x"] - 1) ** 2 + (math.log10(config["lr"]) + 2) ** 2 + config["n"] / 64
    rest = 1 - config["mom"] if "mom" in config else 0.5
    return float(far + rest + 1 / iteration)


def uneven(config: Mapping[str, Any], iteration: int) -> float:
    return float(1.0 + config.get("x", config.get("b", 0)) % 1)


def some_crash(number: int, token: int, iteration: int) -> Outcome | None:
    return CRASH if number % 9 == 4 else None


@pytest.mark.parametrize("name", SAMPLERS)
def test_restarts_change_nothing(name: str) -> None:
    """With four trials at once, failures, and trials that are stopped."""
    early = {"type": "percentile", "percentile": 40, "min_iter": 1, "min_trials": 4}
    parameters = NUMBERS if name == "cma-margin" else MIXED
    told: dict[str, Any] = {"slots": 4, "iterations": 2, "duration": uneven, "fault": some_crash}
    sweep = spec(SAMPLERS[name], parameters, run_cap=24, early_terminate=early)
    once = simulate(sweep, loss, seed=3, **told)
    again = simulate(sweep, loss, seed=3, restart_every=7, **told)
    assert [trial.config for trial in again.trials] == [trial.config for trial in once.trials]
    assert {"stopped", "finished", "failed"} <= {trial.state.value for trial in once.trials}
    other = simulate(sweep, loss, seed=4, **told)
    same = [trial.config for trial in other.trials] == [trial.config for trial in once.trials]
    assert same == (name == "random")  # which has a seed of its own


@pytest.mark.parametrize("name", ["tpe", "cma", "nsga2"])
def test_a_sampler_learns(name: str) -> None:
    """The second half is better than the first, which random draws are not."""
    done = simulate(spec(SAMPLERS[name], NUMBERS, run_cap=60), loss, seed=1, slots=2)
    values = [trial.objective or 0.0 for trial in done.trials]
    assert sorted(values[30:])[15] < 0.9 * sorted(values[:30])[15]


def test_a_sequential_sweep_is_what_a_plain_study_does() -> None:
    """CMA-ES, whose state is played again for each point: to the bit, with the same seeds."""
    sweep = spec({"sampler": "CmaEsSampler", "popsize": 4}, NUMBERS)
    axes = Axes(sweep.parameters)

    def make(number: int) -> optuna.samplers.BaseSampler:
        return optuna.samplers.CmaEsSampler(seed=100 + number, popsize=4)

    study = OptunaStudy(axes, 1, make)
    plain = optuna.create_study(study_name="sweep")
    told: list[Told] = []
    for number in range(1, 25):
        point = study.propose(told, make(number))
        plain.sampler = make(number)
        trial = plain.ask(dict(study.distributions))
        assert trial.params == point, number
        value = loss(axes.decode(point), 1)
        told.append(Told(number, point, Standing.FINISHED, (value,)))
        plain.tell(trial, value)


def test_a_late_end_moves_what_came_after_it() -> None:
    """However long the first trial runs, the searcher that heard of its end live and the one that
    was restored afterwards propose the same."""
    sweep = spec(SAMPLERS["cma"], NUMBERS)
    live = make_searcher(sweep, 7)
    configs = {}
    for number in range(1, 40):
        (suggestion,) = live.ask(1)
        configs[number] = suggestion.config
        if number > 1:
            live.tell(Ended(number, TrialState.FINISHED, loss(suggestion.config, 1)))
    live.tell(Ended(1, TrialState.FINISHED, 0.5))
    heir = make_searcher(sweep, 7)
    heir.restore(live.snapshot(), [])
    ends = {number: 0.5 if number == 1 else loss(c, 1) for number, c in configs.items()}
    heir.restore(
        live.snapshot(),
        [TrialSeen(n, c, TrialState.FINISHED, ends[n]) for n, c in configs.items()],
    )
    assert heir.ask(2) == live.ask(2)


def test_a_quasi_random_sequence_goes_on_where_it_was() -> None:
    sweep = spec({"sampler": "QMCSampler"}, {"x": {"min": 0.0, "max": 1.0}}, run_cap=33)
    done = simulate(sweep, lambda config, iteration: config["x"], restart_every=2)
    after_first = sorted(round(trial.config["x"] * 32) for trial in done.trials[1:])
    assert after_first == list(range(32))  # Sobol's: each 1/32 once


@pytest.mark.parametrize("limit", [None, "a * b != 4"])
def test_brute_force_tries_every_point_once_and_ends(limit: str | None) -> None:
    more = {} if limit is None else {"constraints": [limit]}
    settings = {"sampler": "BruteForceSampler"}
    done = simulate(spec(settings, SMALL, run_cap=50, **more), loss, slots=3, restart_every=4)
    points = [(trial.config["a"], trial.config["b"]) for trial in done.trials]
    assert len(set(points)) == len(points) == (12 if limit is None else 10)
    assert make_searcher(spec(settings, SMALL), 0).total == 12


@pytest.mark.parametrize("name", ["tpe", "nsga2", "qmc", "random"])
def test_no_point_of_a_finite_space_is_tried_twice(name: str) -> None:
    settings = {key: value for key, value in SAMPLERS[name].items() if key != "crossover"}
    done = simulate(spec(settings, SMALL, run_cap=14), loss)
    points = [(trial.config["a"], trial.config["b"]) for trial in done.trials]
    assert len(set(points[:12])) == 12


def test_constraints_are_kept() -> None:
    for name in ("tpe", "cma", "qmc", "random"):
        sweep = spec(SAMPLERS[name], NUMBERS, run_cap=15, constraints=["x * n < 20"])
        for trial in simulate(sweep, loss).trials:
            assert trial.config["x"] * trial.config["n"] < 20


def test_a_parameter_that_is_not_there_is_not_drawn() -> None:
    for name in ("tpe", "tpe-group", "nsga2", "cma", "qmc"):
        for trial in simulate(spec(SAMPLERS[name], run_cap=25), loss).trials:
            assert ("mom" in trial.config) == (trial.config["opt"] == "sgd")


OBJECTIVES = [{"name": "loss", "goal": "minimize"}, {"name": "speed", "goal": "maximize"}]


def two(config: Mapping[str, Any], iteration: int) -> dict[str, float]:
    return {"loss": config["x"] ** 2, "speed": -((config["x"] - 2) ** 2), "memory": config["n"]}


@pytest.mark.parametrize("name", ["tpe", "nsga2", "nsga3", "our tpe"])
def test_several_objectives_and_limits(name: str) -> None:
    data = {
        "method": "bayes",
        "parameters": NUMBERS,
        "metrics": [*OBJECTIVES, {"name": "memory", "at_most": 32}],
        "search": {"type": "tpe"} if name == "our tpe" else SAMPLERS[name],
        "run_cap": 60,
    }
    once = simulate(spec_from_mapping(data), two, slots=2)
    again = simulate(spec_from_mapping(data), two, slots=2, restart_every=3)
    assert [trial.config for trial in once.trials] == [trial.config for trial in again.trials]
    late = [trial.config for trial in once.trials[30:]]
    between = sum(-0.5 <= config["x"] <= 2.5 for config in late)
    assert between > 12  # three tenths of the space
    assert sum(config["n"] <= 32 for config in late) > 15


def test_what_the_sampler_is_told() -> None:
    sweep = spec({"sampler": "TPESampler"}, {"x": {"min": 0.0, "max": 1.0}})
    searcher = make_searcher(sweep, 0, [Prior({"x": 0.25}, 2.0), Prior({"x": 0.75}, None)])
    assert isinstance(searcher, OptunaSearch)
    searcher.ask(5)
    searcher.tell(Reported(1, 1, 3.0))
    searcher.tell(Reported(1, 2, 4.0))
    searcher.tell(Ended(1, TrialState.STOPPED, 3.0))
    searcher.tell(Ended(2, TrialState.FINISHED, 1.0))
    searcher.tell(Ended(3, TrialState.FAILED, None))
    searcher.tell(Ended(4, TrialState.FINISHED, math.nan))
    searcher.tell(Reported(5, 1, 9.0))
    told = searcher._told()
    shown = [searcher._study.freeze(*each) for each in enumerate(told)]
    states = [(t._trial_id, t.state.name, t.value, t.intermediate_values) for t in shown]
    assert states == [
        (-2, "PRUNED", None, {}),
        (-1, "COMPLETE", 2.0, {}),
        (1, "PRUNED", None, {2: 4.0}),
        (2, "COMPLETE", 1.0, {}),
        (3, "PRUNED", None, {}),
        (4, "PRUNED", None, {}),
        (5, "RUNNING", None, {1: 9.0}),
    ]


def test_every_class_can_be_named() -> None:
    """Whatever this Optuna has: it is made, or it is said why not."""
    needs: dict[str, dict[str, Any]] = {
        "PartialFixedSampler": {"fixed_params": {}, "base_sampler": "RandomSampler"},
    }
    parameters = SMALL
    made, refused = set(), set()
    for name in SAMPLER.names():
        try:
            searcher = make_searcher(spec({"sampler": name, **needs.get(name, {})}, parameters), 0)
        except SpecError:
            refused.add(name)
            continue
        assert len(searcher.ask(3)) == 3
        made.add(name)
    assert refused <= {"GridSampler", "GPSampler"}
    assert {"TPESampler", "CmaEsSampler", "NSGAIISampler", "NSGAIIISampler"} <= made
    assert {"QMCSampler", "BruteForceSampler", "RandomSampler", "PartialFixedSampler"} <= made
    assert "HyperbandPruner" in PRUNER.names()


FILE = """\
program: t.py
method: bayes
parameters: {x: {min: 0.0, max: 1.0}, opt: {values: [a, b]}}
metric: {name: loss}
search: """


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("{sampler: TPESampl}", ".sampler", "Did you mean `TPESampler`?"),
        ("{sampler: cmaes}", ".sampler", "Did you mean `CmaEsSampler`?"),
        ("{sampler: BaseSampler}", ".sampler", "has no sampler 'BaseSampler'"),
        ("{sampler: 3}", ".sampler", "must be a text"),
        ("{sampler: GridSampler}", ".sampler", "`method: grid`"),
        ("{sampler: TPESampler, n_startup: 3}", ".n_startup", "Did you mean `n_startup_trials`?"),
        ("{sampler: TPESampler, zzz: 3}", ".zzz", "It has `"),
        ("{sampler: TPESampler, group: 3}", ".group", "must be true or false, not 3"),
        ("{sampler: TPESampler, n_startup_trials: true}", ".n_startup_trials", "a whole number"),
        ("{sampler: TPESampler, gamma: 3}", ".gamma", "a sweep file cannot say it"),
        ("{sampler: TPESampler, constraints_func: f}", ".constraints_func", "under `metrics`"),
        ("{sampler: TPESampler, seed: -1}", ".seed", "at least 0"),
        ("{sampler: TPESampler, group: true, multivariate: false}", ".group", "refuses this"),
        ("{sampler: CmaEsSampler, x0: {y: 1}}", ".x0.y", "no such parameter"),
        ("{sampler: CmaEsSampler, x0: {opt: c}}", ".x0.opt", "must be one of 'a', 'b', not 'c'"),
        ("{sampler: CmaEsSampler, x0: {x: 99}}", ".x0.x", "a number from 0 to 1, not 99."),
        ("{sampler: RandomSampler, zz: 1}", ".zz", "It has `seed`."),
        (
            "{sampler: PartialFixedSampler, fixed_params: {x: 9}, base_sampler: TPESampler}",
            ".fixed_params.x",
            "must be a number from 0 to 1, not 9.",
        ),
        ("{sampler: NSGAIISampler, population_size: 1}", ".population_size", "refuses this"),
        ("{sampler: NSGAIISampler, crossover: Blend}", ".crossover", "It has `"),
        ("{sampler: NSGAIISampler, crossover: {crossover: B}}", ".crossover.crossover", "It has `"),
        ("{sampler: CmaEsSampler, independent_sampler: T}", ".independent_sampler", "It has `"),
        ("{sampler: QMCSampler, qmc_type: lattice}", ".qmc_type", "refuses this"),
        ("{sampler: BruteForceSampler}", ".sampler", "x is a real number"),
        ("{sampler: TPESampler, type: gp}", ".type", "one of them is enough"),
        ("{type: TPESampler}", ".type", "Write `sampler: TPESampler`"),
        ("{type: gpp}", ".type", "Did you mean `gp`?"),
        ("{type: gp, per: hours}", ".per", "It is one of `seconds`"),
        ("{type: tpe, per: seconds}", ".per", "has no such key"),
        ("{type: pbt, quantile: 0.6}", ".quantile", "at most 0.5"),
        ("{type: pbt, population: 1}", ".population", "at least 2"),
        ("{}", "", "needs a `type` or a `sampler`"),
    ],
)
def test_what_is_refused(text: str, where: str, what: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_spec(FILE + text, path="s.yaml", searched_here=True)
    message = str(caught.value)
    assert message.startswith(f"s.yaml:5: search{where}: "), message
    assert what in message


def test_search_goes_with_bayes_alone() -> None:
    with pytest.raises(SpecError, match=r"s\.yaml:5: search: .*the method is random"):
        load_spec(FILE.replace("bayes", "random") + "{type: gp}", path="s.yaml")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SpecError, match=r"needs the package torch.*`search: \{type: gp\}`"):
        make_searcher(spec({"sampler": "GPSampler"}), 0)
    with pytest.raises(SpecError, match=r"pip install cmaes"):
        make_searcher(spec({"sampler": "CmaEsSampler"}), 0)


def test_cma_es_takes_one_objective_and_no_limits() -> None:
    data = {"method": "bayes", "parameters": NUMBERS, "search": {"sampler": "CmaEsSampler"}}
    with pytest.raises(SpecError, match="refuses this sweep"):
        make_searcher(spec_from_mapping({**data, "metrics": OBJECTIVES}), 0)
    limited = {"metric": {"name": "loss"}, "metrics": [{"name": "memory", "at_most": 3}]}
    with pytest.raises(SpecError, match="knows no limits"):
        make_searcher(spec_from_mapping({**data, **limited}), 0)


@pytest.mark.parametrize(
    "settings",
    [
        {"sampler": "RandomSampler"},
        {"sampler": "QMCSampler"},
        {"sampler": "PartialFixedSampler", "fixed_params": {"n": 8}, "base_sampler": "TPESampler"},
    ],
)
def test_samplers_that_look_at_no_value_take_any_metrics(settings: dict[str, Any]) -> None:
    """And so does one whose work is done by another that does."""
    data = {"method": "bayes", "parameters": NUMBERS, "search": settings}
    limit = {"name": "memory", "at_most": 32}
    spec = spec_from_mapping({**data, "metrics": [*OBJECTIVES, limit], "run_cap": 4})
    assert len(simulate(spec, two, slots=1).trials) == 4


def test_an_agent_reads_the_file_without_optuna() -> None:
    """Which has the sampler's name unchecked: that is for where the search runs."""
    found = load_spec(FILE + "{sampler: NoSuchSampler, n: 1}").search
    assert found is not None
    assert (found.type, found.sampler, found.settings) == (None, "NoSuchSampler", {"n": 1})


@pytest.mark.parametrize(
    ("key", "settings", "culprit", "says"),
    [
        ("search", "{sampler: CmaEsSampler, popsize: -3}", ".popsize", "-3 here: popsize must be"),
        ("search", "{sampler: TPESampler, prior_weight: -1.0}", ".prior_weight", "-1.0 here: "),
        (
            "search",
            "{sampler: TPESampler, n_startup_trials: 2, n_ei_candidates: 0}",
            ".n_ei_candidates",
            "0 here: ",
        ),
        (
            "search",
            "{sampler: TPESampler, n_startup_trials: 60, n_ei_candidates: 0}",
            ".n_ei_candidates",
            "0 here: ",
        ),
        ("search", "{sampler: CmaEsSampler, n_startup_trials: 30, popsize: -3}", ".popsize", "-3"),
        (
            "search",
            "{sampler: NSGAIIISampler, population_size: 4, dividing_parameter: -1}",
            ".dividing_parameter",
            "-1 here: ",
        ),
        (
            "early_terminate",
            "{pruner: HyperbandPruner, min_resource: 1, reduction_factor: 1}",
            ".reduction_factor",
            "1 here: ",
        ),
    ],
)
def test_a_setting_that_fails_only_at_work_is_refused_with_the_file(
    key: str, settings: str, culprit: str, says: str
) -> None:
    text = f"""program: train.py
method: bayes
metric: {{name: loss}}
parameters: {{x: {{min: 0.0, max: 1.0}}, y: {{min: 0.0, max: 1.0}}}}
{key}: {settings}
"""
    with pytest.raises(SpecError) as caught:
        load_spec(text, path="sweep.yaml", searched_here=True)
    assert f"cannot work with {says}" in str(caught.value)
    assert (caught.value.key_path, caught.value.line) == (f"{key}{culprit}", 5)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "search: {sampler: CmaEsSampler, x0: {x: 0.1}}",
            "search.x0: lacks `y`, `z`: it has a value for each number that is searched.",
        ),
        (
            "early_terminate: {pruner: PatientPruner, patience: 2}",
            "early_terminate.wrapped: is missing; PatientPruner needs it.",
        ),
        (
            "early_terminate: {pruner: PatientPruner, patience: 2, wraped: NopPruner}",
            "early_terminate.wraped: PatientPruner has no such argument. Did you mean `wrapped`?",
        ),
        (
            "early_terminate: {pruner: NopPruner, n: 2}",
            "early_terminate.n: NopPruner takes no arguments.",
        ),
    ],
)
def test_a_complaint_names_what_the_file_lacks_as_files_write_it(text: str, says: str) -> None:
    numbers = ", ".join(f"{name}: {{min: 0.0, max: 1.0}}" for name in "xyz")
    head = f"program: t.py\nmethod: bayes\nmetric: {{name: loss}}\nparameters: {{{numbers}}}\n"
    with pytest.raises(SpecError) as caught:
        load_spec(head + text, path="s.yaml", searched_here=True)
    assert str(caught.value) == f"s.yaml:5: {says}"


@pytest.mark.parametrize("error", [ImportError, RuntimeError, ValueError])
def test_people_read_a_sentence_and_no_folders(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that is there, but does not load, say."""

    def broken(*_: Any, **__: Any) -> None:
        raise error(
            "cannot import name 'ops' from 'torch' (/opt/venv/lib/python3/site-packages/torch.py)."
            '\nTraceback (most recent call last):\n  File "/opt/venv/lib/x.py", line 3'
        )

    monkeypatch.setattr(optuna.samplers.TPESampler, "infer_relative_search_space", broken)
    with pytest.raises(SpecError) as caught:
        load_spec(FILE + "{sampler: TPESampler}", path="s.yaml", searched_here=True)
    assert str(caught.value) == (
        "s.yaml:5: search.sampler: TPESampler refuses this sweep: cannot import name 'ops' from "
        "'torch' (torch.py)."
    )


def test_what_packages_say_of_their_own_lines_is_not_shown(
    capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    load_spec(FILE + "{sampler: TPESampler, prior_weight: 0.0}", searched_here=True)
    assert capsys.readouterr() == ("", "")
    assert not recwarn.list
