"""init(): where a run is kept, what it is told, which process records; the module's functions."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from logger_place import clean_place, folder_of, records_of, rows_of, under_an_agent  # noqa: F401

import opensweep
from logging_core.records import ConfigUpdate, Finished, MetadataUpdate
from logging_core.summary import SummaryFold

pytestmark = pytest.mark.usefixtures("clean_place")


def test_without_an_agent_a_run_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    run = opensweep.init(project="p", name="n", tags=["t"], notes="why", config={"lr": 0.1})
    folder = folder_of(run)
    assert folder.path == tmp_path / "opensweep" / run.id
    assert json.loads(folder.config_path.read_text()) == {"lr": 0.1}
    metadata = folder.read_metadata()
    assert (metadata["run_id"], metadata["project"], metadata["name"]) == (run.id, "p", "n")
    assert (metadata["tags"], metadata["notes"], metadata["locked"]) == (["t"], "why", False)
    assert (run.project, run.name, run.tags, run.sweep_id, run.resumed) == (
        "p",
        "n",
        ("t",),
        None,
        False,
    )
    assert Path(run.checkpoint_dir).is_dir()
    run.name = "renamed"
    run.finish()
    other = opensweep.init()
    assert folder_of(other).path.parent == folder.path.parent
    assert other.id != run.id
    updates = [r.values for r in records_of(run) if isinstance(r, MetadataUpdate)]
    assert {"name": "renamed"} in updates


def test_two_runs_of_one_name_never_share_a_folder() -> None:
    first = opensweep.init(id="mine")
    second = opensweep.init(id="mine", reinit=True)
    assert (first.id, second.id) == ("mine", "mine")
    assert folder_of(first).path != folder_of(second).path


@pytest.mark.parametrize("variable", ["OPENSWEEP_DIR", "WANDB_DIR"])
def test_where_runs_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "there"))
    base = folder_of(opensweep.init()).path.parent
    assert base == tmp_path / "there" / ("" if variable == "OPENSWEEP_DIR" else "opensweep")
    run = opensweep.init(dir=tmp_path / "here", reinit=True)
    assert folder_of(run).path.parent == tmp_path / "here" / "opensweep"


def test_a_place_that_cannot_be_written_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("OPENSWEEP_DIR", str(tmp_path / "file" / "runs"))
    run = opensweep.init()
    run.log({"a": 1})
    assert rows_of(run) == [(0, {"a": 1})]
    assert folder_of(run).path.parent == tmp_path / "tmp" / f"opensweep-{os.getuid()}"
    assert "cannot be written" in capsys.readouterr().err


def test_under_an_agent_the_folder_is_the_agents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = under_an_agent(monkeypatch, tmp_path / "trial", {"lr": 0.1, "model": {"layers": 2}})
    monkeypatch.setenv("OPENSWEEP_METRIC", "val/loss")
    config = {"lr": 7, "epochs": 3, "model": {"layers": 5, "width": 8}}
    run = opensweep.init(project="ignored", config=config)
    assert run.config == {"lr": 0.1, "epochs": 3, "model": {"layers": 2, "width": 8}}
    assert (run.id, run.sweep_id, run.project) == ("ab12cd34-1", "ab12cd34", "digits")
    assert "is set by the sweep" not in capsys.readouterr().err  # the script's are defaults
    run.config.lr = 9
    run.config.update({"model": {"layers": 4}, "epochs": 4}, allow_val_change=True)
    run.config.setdefaults({"lr": 5, "seed": 1})
    assert run.config == {
        "lr": 0.1,
        "epochs": 4,
        "model": {"layers": 2, "width": 8},
        "seed": 1,
    }
    run.log({"loss": 1})
    run.finish()
    err = capsys.readouterr().err
    assert "config.lr is set by the sweep: 0.1 stays, 9 is ignored" in err
    assert "config.model.layers is set by the sweep" in err
    assert "the objective 'val/loss' was never logged; logged: loss" in err
    assert not folder.console("1").exists()
    assert json.loads(folder.config_path.read_text()) == {"lr": 0.1, "model": {"layers": 2}}
    recorded: dict[str, Any] = {}
    for record in records_of(run):
        if isinstance(record, ConfigUpdate):
            recorded.update(record.values)
    assert recorded == {"epochs": 4, "model": {"layers": 2, "width": 8}, "seed": 1}


def test_a_retry_goes_on_where_the_attempt_before_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_an_agent(monkeypatch, tmp_path / "trial", {})
    run = opensweep.init()
    run.define_metric("loss", summary="min")
    for loss in (5, 1, 3):
        run.log({"loss": loss})
    Path(run.checkpoint_dir, "epoch2").write_text("weights")
    run.finish()
    under_an_agent(monkeypatch, tmp_path / "trial", {}, writer=2)
    monkeypatch.setenv("OPENSWEEP_RESUMED", "1")
    again = opensweep.init()
    assert again.resumed
    assert (again.step, again.summary["loss"]) == (3, {"min": 1})
    assert Path(again.checkpoint_dir, "epoch2").read_text() == "weights"
    again.define_metric("loss", summary="min")
    again.log({"loss": 2})
    assert rows_of(again, "2") == [(3, {"loss": 2})]
    fold = SummaryFold()  # what the agent makes of this attempt's file alone
    for record in records_of(again, "2"):
        fold.apply(record)
    assert fold.summary["loss"] == {"min": 1}


def test_a_retry_may_go_back_to_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_an_agent(monkeypatch, tmp_path / "trial", {})
    with opensweep.init() as run:
        for epoch in range(9):
            run.log({"loss": epoch}, step=epoch)
    under_an_agent(monkeypatch, tmp_path / "trial", {}, writer=2)
    monkeypatch.setenv("OPENSWEEP_RESUMED", "1")
    run = opensweep.init()
    for epoch in (4, 5, 3):
        run.log({"loss": epoch}, step=epoch)
    assert [step for step, _ in rows_of(run, "2")] == [4, 5]


def test_a_second_init_in_one_trial_goes_on_in_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_an_agent(monkeypatch, tmp_path / "trial", {})
    for fold in range(3):
        with opensweep.init() as run:
            run.log({"fold": fold})
    assert rows_of(run) == [(0, {"fold": 0}), (1, {"fold": 1}), (2, {"fold": 2})]
    assert sum(isinstance(r, Finished) for r in records_of(run)) == 3


@pytest.mark.parametrize("variable", ["RANK", "SLURM_PROCID", "LOCAL_RANK"])
def test_other_ranks_get_the_config_and_record_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    folder = under_an_agent(monkeypatch, tmp_path / "trial", {"lr": 0.1})
    before = sorted(os.listdir(folder.path))
    monkeypatch.setenv(variable, "1")
    run = opensweep.init(config={"epochs": 2})
    run.log({"a": 1})
    run.log({"a": 1}, step=9)
    run.summary["best"] = 1
    run.config.seed = 5
    run.define_metric("a", summary="min")
    assert run.config == {"lr": 0.1, "epochs": 2, "seed": 5}
    assert run.disabled
    run.finish()
    assert sorted(os.listdir(folder.path)) == before
    assert run.checkpoint_dir == str(folder.checkpoints)


def test_disabled_touches_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    hook = sys.excepthook
    run = opensweep.init(mode="disabled", config={"a": 1})
    assert sys.excepthook is hook
    run.log({"x": 1})
    assert run.config.a == 1
    run.finish()
    assert os.listdir(tmp_path) == []
    assert capfd.readouterr().err == ""
    assert Path(run.dir).is_dir()


def test_init_while_a_run_is_active() -> None:
    first = opensweep.init()
    assert opensweep.init() is first
    side = opensweep.init(reinit="create_new")
    assert side is not first
    assert opensweep.run is first
    side.log({"a": 1})
    side.finish()
    assert opensweep.run is first
    second = opensweep.init(reinit="finish_previous")
    assert opensweep.run is second
    with pytest.raises(opensweep.UsageError, match="after finish"):
        first.log({"a": 1})


def test_resuming_a_run_by_its_id() -> None:
    with pytest.raises(opensweep.UsageError, match="there is no run abc"):
        opensweep.init(id="abc", resume="must")
    with opensweep.init(id="abc", resume="allow", config={"lr": 1}) as run:
        run.log({"a": 1})
        run.config.later = 2
    with opensweep.init(id="abc", resume="must") as run:
        assert (run.resumed, run.step, run.config) == (True, 1, {"lr": 1, "later": 2})
        run.log({"a": 2})
    assert rows_of(run, "2") == [(1, {"a": 2})]
    with pytest.raises(opensweep.UsageError, match="already"):
        opensweep.init(id="abc", resume="never")


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(TypeError, match="projct"):
        opensweep.init(projct="x")  # type: ignore[call-arg]
    with pytest.raises(opensweep.UsageError, match="mode 'onlin' is none of online"):
        opensweep.init(mode="onlin")
    with pytest.raises(opensweep.UsageError, match="project 'd/m:' has '/' in it"):
        opensweep.init(project="d/m:")
    assert opensweep.run is None


def test_arguments_of_wandb_that_mean_nothing_here(capsys: pytest.CaptureFixture[str]) -> None:
    opensweep.init(
        entity="me",
        anonymous="allow",
        save_code=True,
        force=False,
        magic=False,
        settings=opensweep.Settings(start_method="thread", silent=True),
        sync_tensorboard=True,
    )
    err = capsys.readouterr().err
    assert "init(sync_tensorboard=…) has no effect" in err
    assert "run " not in err  # silent: no header


def test_module_functions_need_a_run() -> None:
    for call in (
        lambda: opensweep.log({"a": 1}),
        lambda: opensweep.config.lr,
        lambda: opensweep.config["lr"],
        lambda: opensweep.summary.update({}),
        lambda: opensweep.define_metric("a"),
    ):
        with pytest.raises(opensweep.Error, match=r"call opensweep\.init\(\) before"):
            call()
    opensweep.finish()  # no run: nothing to do
    assert opensweep.run is None


def test_module_functions_go_to_the_run() -> None:
    run = opensweep.init(config={"lr": 1})
    opensweep.config.update({"lr": 2}, allow_val_change=True)
    opensweep.define_metric("a", summary="max")
    opensweep.log({"a": 1})
    opensweep.log({"a": 0})
    opensweep.summary["b"] = 3
    assert opensweep.run is run
    assert (run.config.lr, dict(run.summary)) == (2, {"a": {"max": 1}, "b": 3})
    assert opensweep.login(key="x") is True
    opensweep.finish()
    assert opensweep.run is None


def test_what_is_not_there_yet_says_so() -> None:
    with pytest.raises(AttributeError, match=r"opensweep\.controller is not there yet"):
        opensweep.controller  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        opensweep.nonsense  # noqa: B018


def test_defaults_from_a_file_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config-defaults.yaml").write_text("lr: {value: 1}\nn: {desc: x, value: 2}\n")
    run = opensweep.init(config={"lr": 0.5})
    assert run.config == {"lr": 0.5, "n": 2}
    run.finish()
    monkeypatch.setitem(sys.modules, "yaml", None)
    run = opensweep.init(config={"lr": 0.5})
    assert run.config == {"lr": 0.5}
    assert "config-defaults.yaml is not used" in capsys.readouterr().err


def test_a_sweeps_values_as_wandb_hands_them_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("wandb_version: 1\nlr:\n  value: 0.25\nmodel:\n  value: {layers: 2}\n")
    monkeypatch.setenv("WANDB_SWEEP_PARAM_PATH", str(values))
    monkeypatch.setenv("WANDB_SWEEP_ID", "sw")
    monkeypatch.setenv("WANDB_RUN_ID", "sw-1")
    run = opensweep.init(config={"lr": 1, "model": {"layers": 9, "width": 3}})
    run.config.lr = 7
    assert run.config == {"lr": 0.25, "model": {"layers": 2, "width": 3}}
    assert (run.id, run.sweep_id) == ("sw-1", "sw")


def test_what_the_script_keeps_of_its_config(tmp_path: Path) -> None:
    config = {"a": 1, "b": 2, "c": 3}
    run = opensweep.init(config=config, config_include_keys=["a", "b"])
    assert run.config == {"a": 1, "b": 2}
    run = opensweep.init(config=config, config_exclude_keys=["a"], reinit=True)
    assert run.config == {"b": 2, "c": 3}
    with pytest.raises(opensweep.UsageError, match="not both"):
        opensweep.init(
            config=config, config_include_keys=["a"], config_exclude_keys=["b"], reinit=True
        )


@pytest.mark.parametrize("step", [None, 0])
def test_a_retry_that_knows_nothing_of_the_attempt_before_it_starts_from_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int | None
) -> None:
    """Else its third epoch would be judged as the sixth of a trial that ran twice as long."""
    under_an_agent(monkeypatch, tmp_path / "trial", {})
    run = opensweep.init()
    run.define_metric("loss", summary="min")
    for loss in (5, 1, 3):
        run.log({"loss": loss, "early": True})
    run.finish()
    under_an_agent(monkeypatch, tmp_path / "trial", {}, writer=2)
    monkeypatch.setenv("OPENSWEEP_RESUMED", "1")
    again = opensweep.init()
    again.define_metric("loss", summary="min")
    again.summary["note"] = "second"
    assert os.listdir(again.checkpoint_dir) == []  # asked for in order to save
    again.log({"loss": 2}, step=step)
    again.log({"loss": 4}, step=None if step is None else 1)
    again.finish()
    assert rows_of(again, "2") == [(0, {"loss": 2}), (1, {"loss": 4})]
    assert dict(again.summary) == {"note": "second", "loss": {"min": 2}}


def test_a_trial_is_shown_where_its_agent_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    under_an_agent(monkeypatch, tmp_path / "trial", {})
    with opensweep.init() as run:
        assert run.url is None
    assert "sweep sync" not in capsys.readouterr().err  # that is the agent's business
    monkeypatch.setenv("OPENSWEEP_RUN_URL", "http://h:1/runs/ab12cd34-1")
    with opensweep.init() as run:
        assert run.url == "http://h:1/runs/ab12cd34-1"
        assert run.sweep_url == "http://h:1/sweeps/ab12cd34"
    assert capsys.readouterr().err.rstrip().endswith(f"is being sent to {run.url}")


def test_an_end_without_a_server_says_how_to_send_it(capsys: pytest.CaptureFixture[str]) -> None:
    with opensweep.init(mode="offline") as run:
        pass
    path = folder_of(run).path
    told = f"run {run.id} is kept in {path}\nopensweep: `sweep sync {path}` sends it\n"
    assert capsys.readouterr().err.endswith(told)


def test_small_names_of_wandb(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = opensweep.util.generate_id(), opensweep.util.generate_id(12)
    assert (len(first), len(second)) == (8, 12)
    opensweep.termlog("a")
    opensweep.termwarn("b")
    opensweep.termerror("c")
    told = "opensweep: a\nopensweep: WARNING b\nopensweep: ERROR c\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("name", ["apis", "attach", "JoinedTable", "require", "sdk"])
def test_a_name_of_wandb_that_is_missing_is_said_so(name: str) -> None:
    with pytest.raises(AttributeError, match=rf"opensweep\.{name} is not there yet"):
        getattr(opensweep, name)


def test_a_config_value_does_not_change_by_a_slip(monkeypatch: pytest.MonkeyPatch) -> None:
    run = opensweep.init(config={"lr": 1, "model": {"depth": 3}})
    run.config.update({"lr": 1, "new": 5})
    for change in (
        lambda: run.config.update({"lr": 2}),
        lambda: setattr(run.config, "lr", 2),
        lambda: run.config.update({"model": {"depth": 4}}),
    ):
        with pytest.raises(opensweep.UsageError, match="pass allow_val_change=True"):
            change()
    run.config["model"]["depth"] = 4  # W&B's nested dicts are plain dicts
    run.config.update({"lr": 2}, allow_val_change=True)
    assert run.config == {"lr": 2, "model": {"depth": 4}, "new": 5}
    run.finish()
    run = opensweep.init(config={"lr": 1}, allow_val_change=True)
    run.config.lr = 2
    run.finish()
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    run = opensweep.init(config={"lr": 1})
    run.config.lr = 2
