"""`sweep create`: what is checked before anything is recorded, and what is sent."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cli_world import KEY, World, serving, sweep

from sweeps.yaml_edit import with_values

FILE = """\
# a comment that stays
program: train.py
method: random
name: old   # and this one
parameters:
  lr: {min: 0.001, max: 0.1}
"""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    with serving() as made:
        monkeypatch.setenv("OPENSWEEP_URL", made.url)
        monkeypatch.setenv("OPENSWEEP_API_KEY", KEY)
        monkeypatch.setenv("OPENSWEEP_HOME", str(tmp_path / "home"))
        monkeypatch.chdir(tmp_path)
        (tmp_path / "sweep.yaml").write_text(FILE)
        (tmp_path / "train.py").write_text("")
        yield made


def test_it_prints_the_id_and_the_line_to_run(world: World, tmp_path: Path) -> None:
    result = sweep("create", "sweep.yaml")
    assert result.exit_code == 0
    assert result.stdout == (
        "sweep new00001 is recorded\n"
        "run on each machine: sweep agent new00001\n"
        f"in the browser: {world.url}/sweeps/new00001\n"
    )
    assert result.stderr == "warning: mind the gap\n"
    assert world.created == [
        {
            "yaml": FILE,
            "path": str(tmp_path / "sweep.yaml"),
            "cwd": str(tmp_path),
            "host": socket.gethostname(),
        }
    ]


def test_json(world: World) -> None:
    result = sweep("create", "sweep.yaml", "--json")
    assert json.loads(result.stdout) == {
        "id": "new00001",
        "name": "calm-fox",
        "url": f"{world.url}/sweeps/new00001",
    }


def test_standard_input(world: World) -> None:
    result = sweep("create", "-", input=FILE)
    assert result.exit_code == 0
    assert (world.created[0]["yaml"], world.created[0]["path"]) == (FILE, None)


def test_overrides(world: World) -> None:
    result = sweep("create", "sweep.yaml", "--name", "new: name", "--project", "p", "--entity", "e")
    assert result.exit_code == 0
    sent = world.created[0]["yaml"]
    assert yaml.safe_load(sent) == {
        **yaml.safe_load(FILE),
        "name": "new: name",
        "project": "p",
        "entity": "e",
    }
    assert sent.startswith("# a comment that stays\n")
    assert "# and this one" in sent


@pytest.mark.parametrize(
    "text",
    [
        "method: grid\nname:\nparameters: {}",
        "{method: grid, parameters: {}}",
        '{"method": "grid", "name": "x"}',
        "---\nmethod: grid\nname: >\n  folded\n  text\nparameters: {}\n...\n",
        "{}",
    ],
)
def test_overrides_of_any_layout(text: str) -> None:
    made = yaml.safe_load(with_values(text, {"name": "new", "project": "p"}))
    assert made == {**yaml.safe_load(text), "name": "new", "project": "p"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("method: [", "sweep.yaml:1"),
        ("just words", "sweep.yaml"),
        ("", "sweep.yaml"),
        (FILE.replace("random", "magic"), "sweep.yaml:3: method"),
        (FILE.replace("parameters:\n  lr: {min: 0.001, max: 0.1}", "parameters: {}"), "parameters"),
        (FILE.replace("program: train.py", "programm: train.py"), "`program`"),
        (FILE.replace("max: 0.1", "max: 0.0001"), "parameters.lr"),
    ],
)
@pytest.mark.parametrize("options", [[], ["--name", "x"]])
def test_a_wrong_file_is_never_sent(
    world: World, tmp_path: Path, text: str, words: str, options: list[str]
) -> None:
    (tmp_path / "sweep.yaml").write_text(text)
    result = sweep("create", "sweep.yaml", *options)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert not world.requests


def test_a_missing_file_names_those_that_are_there(world: World) -> None:
    result = sweep("create", "swep.yaml")
    assert result.exit_code == 2
    assert "there is no file swep.yaml in" in result.stderr
    assert "There is: sweep.yaml." in result.stderr


@pytest.mark.parametrize("file", [".", "binary.yaml"])
def test_what_is_no_text_file(world: World, tmp_path: Path, file: str) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x01")
    result = sweep("create", file)
    assert result.exit_code == 2
    assert file in result.stderr
    assert not world.requests


def test_a_program_that_is_not_there(world: World, tmp_path: Path) -> None:
    (tmp_path / "train.py").unlink()
    for command in ("create", "run"):
        result = sweep(command, "sweep.yaml")
        assert result.exit_code == 2
        what = f"sweep.yaml:2: program: the sweep's program train.py is not in {tmp_path}"
        assert what in result.stderr
    assert "--program-elsewhere" in sweep("create", "sweep.yaml").stderr
    (tmp_path / "trian.py").write_text("")
    assert f"{tmp_path} (did you mean trian.py?): start" in sweep("create", "sweep.yaml").stderr
    assert not world.requests
    assert sweep("create", "sweep.yaml", "--program-elsewhere").exit_code == 0


def test_a_table_of_results_comes_along(world: World, tmp_path: Path) -> None:
    """Its path begins at the sweep file, wherever the command is typed."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    extra = "metric: {name: loss}\nprior: [old.csv, k3j9x2ab]\n"
    (folder / "sweep.yaml").write_text(f"{FILE}{extra}")
    (folder / "old.csv").write_text("loss,lr\n1,0.1\n")
    result = sweep("create", "elsewhere/sweep.yaml", "--program-elsewhere")
    assert result.exit_code == 0
    assert world.created[0]["tables"] == {"old.csv": "loss,lr\n1,0.1\n"}
    (folder / "old.csv").unlink()
    result = sweep("create", "elsewhere/sweep.yaml", "--program-elsewhere")
    assert result.exit_code == 2
    what = f"cannot read {folder / 'old.csv'}: No such file or directory. A path begins where"
    line = (FILE + extra).splitlines().index("prior: [old.csv, k3j9x2ab]") + 1
    assert f"elsewhere/sweep.yaml:{line}: prior[0]: {what}" in result.stderr
    assert len(world.created) == 1
