"""docs/logging.md does what it says: its blocks are run, as one session, on their own server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_documents import BLOCKS, ROOT, Block, commands_of

import logging_core
from opensweep.local import Settings, ensure_server, stop_server

DOCUMENT = "docs/logging.md"
PAGE = (ROOT / DOCUMENT).read_text("utf-8")
SWEEP = Path(sys.executable).with_name("sweep")
# Lines stay those of the document, so that a traceback leads there.
SESSION = """
import json, sys
names = {}
for line, text in json.load(sys.stdin):
    exec(compile("\\n" * line + text, "docs/logging.md", "exec"), names)
"""


def blocks(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.document == DOCUMENT and block.language == language]


class Session:
    """A folder, and an environment that knows the server."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENSWEEP_", "WANDB_"))}
        self._env = {**kept, "OPENSWEEP_HOME": str(home), "PYTHONPATH": str(ROOT)}

    def run(self, *command: str, text: str = "") -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._env,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """After the Python blocks."""
    folder = tmp_path_factory.mktemp("document")
    settings = Settings(home=folder / "home")
    try:
        with ensure_server(settings, say=lambda line: None):
            (folder / "work").mkdir()
            made = Session(folder / "work", settings.home)
            python = [(block.line, block.text) for block in blocks("python")]
            made.run(sys.executable, "-c", SESSION, text=json.dumps(python))
            yield made
    finally:
        stop_server(settings)


def test_the_session_left_what_the_page_says(session: Session) -> None:
    there = {path.name for path in (session.folder / "opensweep" / "first").iterdir()}
    (layout,) = blocks("text")
    for line in layout.text.splitlines()[1:]:
        for name in re.split(r", ", line[: line.index("  ", 4)].strip()):
            # The machine is looked at after a second or two.
            assert name.strip("/") in there or name == "system.1.bin", name
    listed = json.loads(session.run(str(SWEEP), "runs", "digits", "--json"))
    assert {run["id"] for run in listed} == {"first", "second", "team"}


def test_the_commands_of_the_page_work(session: Session) -> None:
    (shell,) = blocks("sh")
    said = {
        " ".join(words[:2]): session.run(str(SWEEP), *words[1:])
        for words in commands_of(shell.text)
    }
    assert "first" in said["sweep runs"]
    assert "loss is odd" in said["sweep alerts"]
    assert (session.folder / "first-history.parquet").exists()
    assert "first,0," in (session.folder / "curves.csv").read_text("utf-8")


def test_each_variable_of_the_logger_is_on_the_page_and_is_one() -> None:
    folder = Path(logging_core.__file__).parent
    read = (folder / "environment.py").read_text("utf-8")
    by_the_agent = {"RUN_DIR", "RUN_URL", "WRITER", "RESUMED", "METRIC", "SWEEP_ID", "DETOUR"}
    wanted = set(re.findall(r"OPENSWEEP_([A-Z_]+)", read)) - by_the_agent
    told = set(re.findall(r"OPENSWEEP_([A-Z_]+)", PAGE))
    assert wanted <= told
    sources = "".join(path.read_text("utf-8") for path in folder.rglob("*.py"))
    sources += (ROOT / "opensweep" / "settings.py").read_text("utf-8")
    assert not {name for name in told if f"OPENSWEEP_{name}" not in sources}


def test_each_callback_is_where_the_page_says() -> None:
    table = PAGE.partition("## Frameworks")[2].partition("\n\n")[2].partition("\n\n")[0]
    named = re.findall(r"`(\w+)\.(\w+)`", table.partition("|---|")[2])
    assert len(named) >= 10
    for module, name in named:
        source = (ROOT / "opensweep" / "integration" / f"{module}.py").read_text("utf-8")
        assert re.search(rf"^(class|def) {name}\b", source, re.MULTILINE), f"{module}.{name}"
