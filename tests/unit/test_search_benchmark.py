"""The search benchmark in short form: that it measures, the same again, and counts right.

Its figures are judged by `python -m benchmarks search`, never here.
"""

from __future__ import annotations

import json
import math
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import benchmarks.search
from benchmarks.search import (
    curve_report,
    engine,
    latency,
    references,
    statistics,
    trial_report,
)
from benchmarks.search.__main__ import main
from benchmarks.search.methods import CURVES, TRIALS
from benchmarks.search.peers import Setting
from benchmarks.search.peers.plain import RandomAsha
from benchmarks.search.pipe import Pipe
from benchmarks.search.results import Results, Run
from benchmarks.search.space import (
    Config,
    as_json,
    choice,
    from_json,
    integer,
    is_active,
    pruned,
    real,
    sample,
)
from benchmarks.search.tasks import CurveTask, Reference, functions, registry, surrogates
from benchmarks.search.tasks import references as references_of

QUICK = ("trials", "--tasks", "quick", "--seeds", "1", "--trials", "12", "--workers", "1", "--here")


def test_ours_and_random_are_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.search.__main__.revision", lambda: "now")
    results = tmp_path / "results.jsonl"
    main([*QUICK, "--results", str(results)])
    out = capsys.readouterr().out
    assert "all: 2 tasks" in out
    assert "| **ours**" in out
    lines = results.read_text("utf-8").splitlines()
    assert len(lines) == 4  # two methods, two tasks
    for line in map(json.loads, lines):
        assert len(line["named"]) == len(line["seconds"]) == 12
        assert line["observed"] == sorted(line["observed"], reverse=True)
    assert (tmp_path / "results-trials-1.svg").read_text("utf-8").startswith("<svg")
    main([*QUICK, "--results", str(results)])
    assert results.read_text("utf-8").splitlines() == lines  # nothing was measured again


def _curves() -> CurveTask:
    """Losses fall to `floor`, and a trial takes as long whatever it is."""
    space = (real("floor", 0.1, 1.0), choice("kind", "a b"), integer("n", 1, 4, kind="b"))

    def curve(config: Config) -> tuple[list[float], float]:
        return [config["floor"] + 1 / epoch for epoch in range(1, 10)], 2.0

    return CurveTask("made_up", "made", space, 9, curve, whole=2.0)


def test_trials_that_are_stopped_leave_time_for_others() -> None:
    task = _curves()
    found = {}
    for name in ("random", "random+asha1", "ours"):
        pipe = Pipe("")
        method = CURVES[name]
        pipe.start(method.module, method.options, task.space, Setting(3, 2, 100, task.epochs))
        found[name] = engine.run_curves(task, pipe, workers=2, budget=6)
    assert found["random"].trials in (6, 7, 8)  # those that had just begun count
    assert found["random"].stopped == 0
    assert found["random+asha1"].stopped > 0
    assert found["ours"].trials >= found["random"].trials
    assert found["random+asha1"].trials > found["random"].trials
    for each in found.values():
        assert each.epochs <= 6 * 9
        times, values = zip(*each.path, strict=True)
        assert list(times) == sorted(times)
        assert list(values) == sorted(values, reverse=True)


def test_ours_is_that_of_the_same_tree(tmp_path: Path) -> None:
    """Two checkouts are compared with one environment, in which one of them is installed."""
    tree = tmp_path / "tree"
    shutil.copytree(Path(benchmarks.search.__file__).parent, tree / "benchmarks" / "search")
    (tree / "benchmarks" / "__init__.py").touch()
    (tree / "sweeps").mkdir()
    (tree / "sweeps" / "__init__.py").write_text("raise RuntimeError('sweeps of this tree')")
    asked = (
        "import sys\n"
        "from benchmarks.search.peers import Setting\n"
        "from benchmarks.search.pipe import Pipe\n"
        "Pipe(sys.executable).start('ours', {}, (), Setting(0, 1, 1))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=tree, capture_output=True, text=True, check=False
    )
    assert "sweeps of this tree" in done.stderr


@pytest.mark.parametrize("name", ["ours", "random"])
def test_whole_numbers_are_whole(name: str) -> None:
    """Also on logarithmic axes: scikit-learn takes no depth of 20.0."""
    method, pipe = TRIALS[name], Pipe("")
    pipe.start(method.module, method.options, (integer("n", 2, 30, log=True),), Setting(0, 1, 4))
    for number in (1, 2, 3, 4):
        config, _ = pipe.ask(number)
        assert type(config["n"]) is int
        pipe.tell(number, float(config["n"]))


def test_a_suggestion_is_timed() -> None:
    """On both cases, one without and one with pending trials; a share of ours is given."""
    chosen = {"random": TRIALS["random"]}
    found, absent = latency.measure(chosen, Path(), cases=((3, 0), (3, 2)), turns=2)
    assert not absent
    assert all(len(taken["random"]) == 2 for taken in found.values())
    assert latency.ratio([4.0, 9.0, 2.0], [2.0, 3.0, 2.0]) == 2.0


@pytest.mark.parametrize("task", functions.TASKS, ids=lambda task: task.name)
def test_no_config_is_better_than_the_best_known(task: functions.Task) -> None:
    rng = random.Random(1)
    space = from_json(json.loads(json.dumps(as_json(task.space))))
    assert space == task.space
    values = []
    for _ in range(100):
        config = sample(space, rng)
        assert set(config) == {p.name for p in space if is_active(p, config)}
        assert pruned(space, config) == config
        values.append(task.true(config))
    assert task.best is not None
    assert min(values) >= task.best
    near, median = references.search(space, task.true, draws=60, climbs=2, moves=150)
    assert task.best <= near <= min(median, sorted(values)[30])


def test_figures_of_different_code_are_not_mixed(tmp_path: Path) -> None:
    results = Results(tmp_path / "new" / "results.jsonl")
    for revision, method in (("old", "ours"), ("new", "ours"), ("", "random")):
        results.add(Run("trials", method, "branin", 0, 1, 12, revision), {"named": [1.0]})
    with open(tmp_path / "new" / "results.jsonl", "a", encoding="utf-8") as file:
        file.write('{"run": {"par')  # killed
    again = Results(tmp_path / "new" / "results.jsonl")
    assert again.records == results.records
    assert {run.revision for run in again.of("trials", 1, 12, None)} == {"new", ""}
    assert {run.revision for run in again.of("trials", 1, 12, "old")} == {"old", ""}
    assert again.of("trials", 8, 12, None) == {}
    shown = again.of("trials", 1, 12, None, older=True)
    assert {run.method for run in shown} == {"ours", "ours old", "random"}
    again.add(Run("trials", "random", "levy8", 0, 1, 12), {"named": [2.0]})
    assert Results(tmp_path / "new" / "results.jsonl").records == again.records


def test_an_aim_that_is_missed_is_named() -> None:
    def trials(**regrets: float) -> dict[Run, dict[str, object]]:
        """Every method stays at one regret, on branin and under noise."""
        return {
            Run("trials", name, task, seed, 1, 100): {
                "named": [0.397887 + regret * 36.6] * 100,
                "seconds": [0.0] * 100,
            }
            for name, regret in regrets.items()
            for task in families
            for seed in range(3)
        }

    families = {"branin": "functions", "branin_noisy": "noisy"}
    best = trials(ours=0.1, random=0.3, gpsampler=0.2)
    assert trial_report.missed(best, families, 100) == []
    words = " ".join(
        trial_report.missed(trials(ours=0.3, random=0.2, gpsampler=0.1), families, 100)
    )
    for said in ("rank after 50", "on functions after 25", "after 75", "under noise after 100"):
        assert said in words


def test_an_aim_of_early_termination_that_is_missed_is_named() -> None:
    task = "taskset_imdb_patch32_GRU128_bs128"
    reference = references_of()[f"{task} curves"]

    def curves(ours: float, theirs: float) -> dict[Run, dict[str, object]]:
        """When ten per cent are reached."""
        ten = 0.95 * reference.best + 0.05 * reference.median
        when = {"ours": ours, "wandb+hyperband": theirs, "random": 50.0}
        return {
            Run("curves", name, task, 0, 4, 60): {"path": [[0.5, 9.0], [time, ten]]}
            for name, time in when.items()
        }

    assert curve_report.missed(curves(10.0, 30.0), 60) == []
    assert "| 3 (3–3) " in curve_report.tables(curves(10.0, 30.0), 60)
    (short, *_) = curve_report.missed(curves(10.0, 20.0), 60)
    assert short.startswith("t10 is 2 times shorter than wandb+hyperband's")
    assert "wandb+hyperband is ahead of ours in time to A" in curve_report.missed(
        curves(20.0, 10.0), 60
    )


def test_every_task_has_a_reference() -> None:
    known = json.loads(references.FILE.read_text("utf-8"))
    assert len(registry.TRIAL_SETS["public"]) >= 20
    assert set(known) == {*registry.TRIALS, *(f"{name} curves" for name in registry.CURVES)}
    for best, median in known.values():
        assert best < median


def test_the_development_folder_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENSWEEP_HPO_DATA", raising=False)
    with pytest.raises(surrogates.Unavailable, match="OPENSWEEP_HPO_DATA"):
        registry.TRIALS["rbv2_xgboost_12"]()


def test_asha_lets_a_third_go_on() -> None:
    rule = RandomAsha(_curves().space, Setting(0, 1, 10, 9), grace=1)
    stops = [rule.report(n, 1, v) for n, v in enumerate((0.5, 0.4, 0.6, 0.3, 0.35, 0.2), start=1)]
    assert stops == [False, False, True, False, True, False]
    assert not rule.report(1, 2, 9.0)  # between the rungs


def test_figures_have_intervals() -> None:
    assert Reference(best=2.0, median=4.0).regret(3.0) == 0.5
    assert Reference(best=2.0, median=4.0).regret(1.0) == 0.0
    assert statistics.ranks({"a": 1.0, "b": 1.0, "c": 0.5}) == {"a": 2.5, "b": 2.5, "c": 1.0}
    same = statistics.estimate([np.full(3, 2.0), np.full(2, 2.0)], statistics.geometric_mean, 50)
    assert (same.value, same.low, same.high) == pytest.approx((2.0, 2.0, 2.0))
    rng = np.random.default_rng(0)
    wide = statistics.estimate([rng.normal(size=20) for _ in range(8)], statistics.mean, 200)
    assert wide.low < wide.value < wide.high
    assert math.isclose(curve_report.reached([[1.0, 5.0], [3.0, 2.0]], 2.0, 10.0), 3.0)
    assert curve_report.reached([[1.0, 5.0]], 2.0, 10.0) == 20.0
