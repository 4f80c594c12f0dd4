"""The error boundary and the list of the `sweep` command: exit codes, one line, no traceback."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from cli_world import sweep
from click.testing import CliRunner

from opensweep import _command
from opensweep._command import guarded
from sweeps.errors import BrokerError, ConfigurationError, OpensweepError, SpecError

ROOT = Path(_command.__file__).parents[1]


def raising(error: BaseException) -> int:
    def call() -> None:
        raise error

    return guarded(call)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (BrokerError("Redis is away"), 1, "error: Redis is away"),
        (ConfigurationError("wrong address"), 2, "error: wrong address"),
        (
            SpecError("must be a number.", key_path="a.b", path="s.yaml", line=3, hint="Mend it."),
            2,
            "error: s.yaml:3: a.b: must be a number. Mend it.",
        ),
        (OpensweepError("two\nlines"), 1, "error: two lines"),
        (OSError(errno.ENOSPC, "No space", "/x/y"), 1, "error: the disk is full (/x/y): make room"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 1, "Permission denied (/x)"),
        (ZeroDivisionError("oh"), 1, "error: ZeroDivisionError: oh: this is a bug in opensweep"),
        (click.UsageError("no such thing"), 2, "error: no such thing."),
    ],
)
def test_errors_are_one_line(
    capsys: pytest.CaptureFixture[str], error: Exception, code: int, line: str
) -> None:
    assert raising(error) == code
    told = capsys.readouterr()
    assert line in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupt_is_130_and_says_nothing(
    capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    assert raising(error) == 130
    assert capsys.readouterr().err == ""


def test_debug_shows_the_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENSWEEP_DEBUG", "1")
    assert raising(ValueError("oh")) == 1
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert told.splitlines()[-1].startswith("error: ValueError: oh")


def test_codes_that_commands_return() -> None:
    assert guarded(lambda: 1) == 1
    assert guarded(lambda: None) == 0


@pytest.mark.parametrize("args", [(), ("--debug",)])
def test_alone_it_shows_its_help(args: tuple[str, ...]) -> None:
    result = sweep(*args, env={"OPENSWEEP_DEBUG": None})  # put back as it was
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == sweep("--help").stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("agent", "x", "--slots", "x"), "'x' is not a whole number."),
        (("agent", "x", "--slots", "1.5"), "'1.5' is not a whole number."),
        (("agent", "x", "--count", "0"), "0 is too small: 1 is the least."),
        (("trials", "x", "--limit", "-1"), "-1 is too small: 1 is the least."),
        (("server", "start", "--port", "70000"), "70000 is too large: 65535 is the most."),
    ],
)
def test_a_number_that_cannot_be(args: tuple[str, ...], words: str) -> None:
    result = sweep(*args)
    assert result.exit_code == 2
    assert words in result.stderr


def test_wrong_commands_and_options() -> None:
    result = sweep("stauts")
    assert result.exit_code == 2
    assert "Did you mean `sweep status`? See `sweep --help`." in result.stderr
    result = sweep("trials", "x", "--nope")
    assert result.exit_code == 2
    assert "See `sweep trials --help`." in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_unreachable_server_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSWEEP_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("OPENSWEEP_API_KEY", "k")
    result = sweep("ls")
    assert result.exit_code == 1
    assert "the opensweep server at http://127.0.0.1:1 does not answer" in result.stderr


def test_the_reader_may_leave() -> None:
    """`sweep … | head` ends quietly: no traceback, no "exception ignored" from the interpreter."""
    code = (
        "import click\n"
        "from opensweep._command import SweepCommand, cli\n"
        "@click.command()\n"
        "def ls():\n"
        "    for number in range(100000): click.echo(number)\n"
        "SweepCommand.get_command = lambda *_: ls\n"
        "cli.main(['ls'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline() == b"0\n"
        child.stdout.close()
        assert child.wait(timeout=30) == 141
        assert child.stderr.read() == b""


def test_no_color(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    result = CliRunner().invoke(_command.cli, ["nope"], color=True)
    assert "\x1b" not in result.stderr
    monkeypatch.delenv("NO_COLOR")
    result = CliRunner().invoke(_command.cli, ["nope"], color=True)
    assert "\x1b" in result.stderr


def test_help_imports_nothing_heavy() -> None:
    """What makes `sweep --help` quick: the listing needs no sub-command and no big library."""
    heavy = ["numpy", "optuna", "sqlalchemy", "redis", "rq", "rich", "scipy", "yaml", "urllib3"]
    code = (
        "import json, sys\n"
        "from opensweep._command import cli, open_rooms\n"
        "open_rooms()\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    loaded = json.loads(out.splitlines()[-1])
    assert not [name for name in heavy if name in loaded]
    assert not [name for name in loaded if name.startswith("opensweep.commands")]


def test_modules_of_commands_import_nothing_heavy() -> None:
    """Shell completion imports them."""
    heavy = ["numpy", "optuna", "sqlalchemy", "redis", "rq", "rich", "scipy", "yaml", "urllib3"]
    code = (
        "import json, sys\n"
        "from opensweep._command import cli\n"
        "names = cli.list_commands(None)\n"
        "assert all(cli.get_command(None, name) for name in names)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert not [name for name in heavy if name in json.loads(out)]


@pytest.fixture
def path_kept() -> Iterator[None]:
    before = list(sys.path)
    yield
    sys.path[:] = before


def test_our_packages_come_first(path_kept: None, tmp_path: Path) -> None:
    """A user's own `agent.py`, wherever Python would find it, is not ours."""
    sys.path.insert(0, str(tmp_path))
    _command.open_rooms()
    first = Path(sys.path[0])
    assert (first / "sweeps" / "errors.py").is_file()
    assert sys.path.count(str(first)) == 1


def test_version() -> None:
    result = sweep("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("opensweep ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(shell: str) -> None:
    if shell == "bash":
        result = subprocess.run(
            [
                sys.executable,
                "-c",
                "from opensweep._command import main; main()",
                "completion",
                "bash",
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0
        assert "_SWEEP_COMPLETE=bash_complete" in result.stdout
        return
    result = sweep("completion", shell)
    assert f"_SWEEP_COMPLETE={shell}_complete" in result.stdout


def test_completion_of_an_unknown_shell() -> None:
    result = sweep("completion", env={**os.environ, "SHELL": "/bin/tcsh"})
    assert result.exit_code == 2
    assert "name your shell: sweep completion bash|zsh|fish" in result.stderr
