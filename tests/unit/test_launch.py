"""argv, environment and working folder of a trial."""

from __future__ import annotations

import ast
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent import launch
from agent.inject import inject_folder
from agent.launch import Launch, check_program, prepare
from sweeps.errors import ConfigurationError, UsageError

DEFAULT = ("${env}", "${interpreter}", "${program}", "${args}")
CONFIG = {"lr": 1e-05, "name": "two words; $(x)", "flip": True, "off": False, "opt": {"b": [1, 2]}}


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """An agent's folder with a program in it."""
    (tmp_path / "train.py").write_text("")
    return tmp_path


def made(box: Path, *command: str, environ: dict[str, str] | None = None, **more: Any) -> Launch:
    environ = {"PATH": os.environ["PATH"], **(environ or {})}
    program = check_program(command or DEFAULT, "train.py", environ=environ, cwd=box)
    given: dict[str, Any] = {
        "config": CONFIG,
        "run_dir": box,
        "sweep_id": "abcd1234",
        "trial_id": "abcd1234-7",
        "token": 2,
        "resumed": True,
        "detour": False,
        "metric": "val/loss",
        "slot_env": {"CUDA_VISIBLE_DEVICES": "GPU-1"},
        "inject": (box / "inject",),
        **more,
    }
    return prepare(program, environ=environ, **given)


def arguments(box: Path, macro: str, **more: Any) -> list[str]:
    return list(made(box, "${interpreter}", macro, **more).argv[1:])


def test_the_default_command_runs_the_program_with_hyphenated_flags(box: Path) -> None:
    argv = made(box).argv
    assert argv[0] == "/usr/bin/env"
    assert argv[2:] == (
        "train.py",
        "--lr=1e-05",
        "--name=two words; $(x)",
        "--flip=True",
        "--off=False",
        "--opt={'b': [1, 2]}",
    )


def test_each_macro_writes_the_parameters_its_way(box: Path) -> None:
    some = {"config": {"a": 1, "flip": True, "off": False, "s": "x y"}}
    assert arguments(box, "${args_no_hyphens}", **some) == [
        "a=1", "flip=True", "off=False", "s=x y",
    ]  # fmt: skip
    assert arguments(box, "${args_no_boolean_flags}", **some) == ["--a=1", "--flip", "--s=x y"]
    assert arguments(box, "${args_no_equals}", **some) == [
        "--a", "1", "--flip", "True", "--off", "False", "--s", "x y",
    ]  # fmt: skip
    assert arguments(box, "${args_append_hydra}", **some)[0] == "+a=1"
    assert arguments(box, "${args_override_hydra}", **some)[0] == "++a=1"
    (as_json,) = arguments(box, "${args_json}")
    assert json.loads(as_json) == CONFIG
    (path,) = arguments(box, "${args_json_file}")
    assert json.loads(Path(path).read_text()) == CONFIG


def test_one_is_no_boolean_flag(box: Path) -> None:
    assert arguments(box, "${args_no_boolean_flags}", config={"n": 1, "z": 0}) == ["--n=1", "--z=0"]


def test_variables_are_put_in_anywhere_and_unset_ones_leave_their_name(box: Path) -> None:
    part = "--out=${envvar:ROOT}/${envvar:USER_}/${envvar:NOT_SET}"
    argv = made(box, "${interpreter}", part, environ={"ROOT": "/data", "USER_": "me"}).argv
    assert argv[1] == "--out=/data/me/NOT_SET"


def test_arguments_arrive_in_the_process_as_they_were(box: Path) -> None:
    (box / "train.py").write_text("import sys; print(sys.argv[1:])")
    made_ = made(box, config={"s": "a 'b' \"c\"\n$HOME `id` \\", "e": ""})
    out = subprocess.run(made_.argv, env=made_.env, cwd=made_.cwd, capture_output=True, check=True)
    assert ast.literal_eval(out.stdout.decode()) == ["--s=a 'b' \"c\"\n$HOME `id` \\", "--e="]


def test_the_trial_finds_its_run_and_its_device_but_none_of_our_secrets(box: Path) -> None:
    environ = {
        "OPENSWEEP_API_KEY": "s", "OPENSWEEP_REDIS_URL": "redis://:s@h", "MINE": "kept",
        "OPENSWEEP_DATABASE_URL": "postgresql://u:s@h/d", "WANDB_API_KEY": "mine too",
        "PYTHONPATH": "/mine", "RANK": "3", "SLURM_PROCID": "3", "SLURM_JOB_ID": "77",
    }  # fmt: skip
    env = made(box, environ=environ, project="p", server_url="http://h:1").env
    assert not {"OPENSWEEP_API_KEY", "OPENSWEEP_REDIS_URL", "OPENSWEEP_DATABASE_URL"} & set(env)
    assert not {"RANK", "SLURM_PROCID"} & set(env), "the rank of the agent is not the trial's"
    assert env["SLURM_JOB_ID"] == "77"
    expected = {
        "OPENSWEEP_RUN_DIR": str(box), "OPENSWEEP_WRITER": "2", "OPENSWEEP_RUN_ID": "abcd1234-7",
        "OPENSWEEP_SWEEP_ID": "abcd1234", "OPENSWEEP_RESUMED": "1", "OPENSWEEP_METRIC": "val/loss",
        "OPENSWEEP_RUN_URL": "http://h:1/runs/abcd1234-7",
        "OPENSWEEP_CONSOLE": "agent", "WANDB_SWEEP_ID": "abcd1234", "WANDB_RUN_ID": "abcd1234-7",
        "WANDB_PROJECT": "p", "WANDB_DIR": str(box), "WANDB_API_KEY": "mine too", "MINE": "kept",
        "CUDA_VISIBLE_DEVICES": "GPU-1", "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": f"{box / 'inject'}:/mine",
    }  # fmt: skip
    assert {name: env.get(name) for name in expected} == expected


def test_a_first_attempt_within_another_trial_inherits_nothing_of_it(box: Path) -> None:
    outer = {
        "OPENSWEEP_RESUMED": "1", "OPENSWEEP_METRIC": "x", "OPENSWEEP_ATTEMPT": "1-2-3-a/b.1",
        "OPENSWEEP_RUN_URL": "http://h:1/runs/outer",
    }  # fmt: skip
    env = made(box, environ=outer, resumed=False, metric=None).env
    assert not set(outer) & set(env)


def test_the_config_file_is_what_wandb_writes(box: Path) -> None:
    path = made(box).env["WANDB_SWEEP_PARAM_PATH"]
    text = Path(path).read_text()
    assert text.startswith("wandb_version: 1\n")
    read = yaml.safe_load(text)
    assert read.pop("wandb_version") == 1
    assert {name: entry["value"] for name, entry in read.items()} == CONFIG
    empty = Path(made(box, config={}).env["WANDB_SWEEP_PARAM_PATH"]).read_text()
    assert yaml.safe_load(empty) == {"wandb_version": 1}


# -- finding the program --------------------------------------------------------------------------


def test_the_agent_s_own_folder_comes_first(box: Path, tmp_path_factory: Any) -> None:
    elsewhere = tmp_path_factory.mktemp("created")
    (elsewhere / "train.py").write_text("")
    origin = {"host": socket.gethostname(), "cwd": str(elsewhere), "path": "s.yaml"}
    assert check_program(DEFAULT, "train.py", origin=origin, cwd=box).cwd == box


def test_then_the_folder_of_creation_then_that_of_the_sweep_file(tmp_path: Path) -> None:
    agent, created = tmp_path / "agent", tmp_path / "created"
    for folder in (agent, created, created / "sub"):
        folder.mkdir()
    (created / "sub" / "train.py").write_text("")
    origin = {"host": socket.gethostname(), "cwd": str(created), "path": "sub/sweep.yaml"}
    assert check_program(DEFAULT, "train.py", origin=origin, cwd=agent).cwd == created / "sub"
    (created / "train.py").write_text("")
    assert check_program(DEFAULT, "train.py", origin=origin, cwd=agent).cwd == created


def test_another_machine_s_folders_are_not_looked_into(tmp_path: Path, box: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    origin = {"host": "some-other-box", "cwd": str(box)}
    with pytest.raises(UsageError, match=r"train\.py is not in .*empty"):
        check_program(DEFAULT, "train.py", origin=origin, cwd=empty)


@pytest.mark.parametrize(
    ("command", "program", "says"),
    [
        (DEFAULT, None, "names none"),
        (DEFAULT, "gone.py", r"gone\.py is not in"),
        (DEFAULT, "/no/such/train.py", "is not on this machine"),
        (DEFAULT, "folder", "is a folder"),
        (("${interpreter}", "${programm}"), "train.py", r"unknown macro \$\{programm\}"),
        (("no-such-tool", "${args}"), None, "no-such-tool, which is not on this agent's PATH"),
        (("${env}", "no-such-tool", "${args}"), None, "not on this agent's PATH"),
        (("${program}", "${args}"), "train.py", "not executable: chmod"),
        (("./run.sh", "${args}"), None, r"run\.sh is not in"),
        ((), "train.py", "is empty"),
        ((*DEFAULT, "--k=x${envvar:OPENSWEEP_API_KEY}"), "train.py", "no trial may see"),
    ],
)
def test_what_cannot_run_is_refused_before_any_trial(
    box: Path, command: tuple[str, ...], program: str | None, says: str
) -> None:
    (box / "folder").mkdir()
    with pytest.raises(UsageError, match=says):
        check_program(command, program, cwd=box)


def test_commands_without_a_program_are_fine(box: Path) -> None:
    assert check_program(("sh", "-c", "true"), None, cwd=box).cwd == box
    assert check_program(("${env}", "A=1", "${interpreter}", "-m", "x"), None, cwd=box).cwd == box


# -- which Python ---------------------------------------------------------------------------------


@pytest.fixture
def path_python(tmp_path: Path) -> str:
    """A PATH with a `python` of its own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python").symlink_to(sys.executable)
    return str(folder)


def chosen(box: Path, environ: dict[str, str]) -> str:
    return check_program(DEFAULT, "train.py", environ=environ, cwd=box).interpreter


def test_openweep_python_wins_and_must_exist(box: Path, path_python: str) -> None:
    environ = {"PATH": path_python, "OPENSWEEP_PYTHON": f"{path_python}/python"}
    assert chosen(box, environ) == f"{path_python}/python"
    with pytest.raises(ConfigurationError, match="OPENSWEEP_PYTHON is /no/python"):
        chosen(box, {**environ, "OPENSWEEP_PYTHON": "/no/python"})


def test_an_activated_environment_s_python_is_the_one(box: Path, path_python: str) -> None:
    assert chosen(box, {"PATH": path_python, "VIRTUAL_ENV": "/v"}) == "python"
    conda = {"PATH": path_python, "CONDA_PREFIX": "/c", "CONDA_DEFAULT_ENV": "torch"}
    assert chosen(box, conda) == "python"


def test_a_virtual_environment_that_is_not_activated_trains_with_its_own(
    box: Path, path_python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", "/venv")
    assert chosen(box, {"PATH": path_python}) == sys.executable
    base = {"PATH": path_python, "CONDA_PREFIX": "/c", "CONDA_DEFAULT_ENV": "base"}
    assert chosen(box, base) == sys.executable


def test_an_installation_for_the_tool_alone_is_not_trained_with(
    box: Path, path_python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pipx_metadata.json").write_text("{}")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert chosen(box, {"PATH": path_python}) == "python"


def test_with_no_python_on_path_the_agent_s_own_is_taken(
    box: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert chosen(box, {"PATH": str(tmp_path / "nothing")}) == sys.executable


# -- the logger for the training environment ------------------------------------------------------


def test_the_injected_folder_brings_opensweep_and_no_other_name(tmp_path: Path) -> None:
    folder = inject_folder(tmp_path)
    assert [entry.name for entry in folder.iterdir()] == ["opensweep"]
    assert inject_folder(tmp_path) == folder
    code = "import sys, opensweep; print(opensweep.__file__); import agent"
    out = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(folder)}, cwd="/", capture_output=True, text=True,
    )  # fmt: skip
    assert out.stdout.startswith(str(folder))
    assert "No module named 'agent'" in out.stderr


def test_the_injected_folder_is_mended_when_files_were_taken_from_it(tmp_path: Path) -> None:
    folder = inject_folder(tmp_path)
    (folder / "opensweep" / "__init__.py").unlink()
    assert inject_folder(tmp_path) == folder
    assert (folder / "opensweep" / "__init__.py").exists()
    assert [entry.name for entry in folder.parent.iterdir()] == [folder.name]


def test_several_agents_may_make_it_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from agent.inject import inject_folder;"
        "print(inject_folder(Path(sys.argv[1])))"
    )
    root = str(Path(launch.__file__).parents[1])
    agents = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            cwd=root, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(4)
    ]  # fmt: skip
    said = {agent.communicate(timeout=60)[0] for agent in agents}
    assert [agent.returncode for agent in agents] == [0] * 4
    assert len(said) == 1
    assert len(list((tmp_path / "inject").iterdir())) == 1


def test_a_home_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "inject").write_text("in the way")
    with pytest.raises(ConfigurationError, match="OPENSWEEP_HOME"):
        inject_folder(tmp_path)
