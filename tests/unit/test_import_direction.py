"""Who may import whom: the directions that keep each room small enough to be known.

Read from the source, so that an import inside a function counts as well.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("opensweep", "sweeps", "logging_core", "agent", "controller")

MAY_IMPORT = {
    "opensweep": {"opensweep", "sweeps", "logging_core", "agent", "controller"},
    "controller": {"controller", "sweeps", "logging_core"},
    "agent": {"agent", "sweeps", "logging_core"},
    "sweeps": {"sweeps"},
    "logging_core": {"logging_core"},
}

# A library of which we use little, behind few doors: where it may be imported.
DOORS = {
    "rq": {"agent/worker.py", "controller/queue.py"},
    "redis": {
        "sweeps/protocol/",
        "controller/",
        "agent/",
    },
    "optuna": {"sweeps/search/", "sweeps/stopping/optuna_pruner.py"},
    # (Optuna's storages raise its errors.)
    "sqlalchemy": {"controller/store/", "sweeps/search/optuna_export.py"},
    "alembic": {"controller/store/"},
    "graphql": {"controller/wandb_api/"},
    "starlette": {"controller/dashboard/", "controller/server/", "controller/wandb_api/"},
    "uvicorn": {"controller/server/"},
    "click": {"opensweep/"},
    "rich": {"opensweep/"},
    # (The doctor reads the server's clock off its answer's headers.)
    "urllib3": {
        "sweeps/protocol/",
        "opensweep/commands/doctor.py",
        "opensweep/importing/wandb_server.py",
    },
}


def sources() -> Iterator[tuple[str, str]]:
    """(path, module) for each import in the five rooms."""
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            path = file.relative_to(ROOT).as_posix()
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import):
                    for alias in node.names:
                        yield path, alias.name
                elif isinstance(node, ast.ImportFrom):
                    assert node.level == 0, f"{path}:{node.lineno}: imports are absolute here"
                    yield path, node.module or ""


IMPORTS = list(sources())


def test_the_reading_finds_imports_at_all() -> None:
    assert ("agent/worker.py", "rq") in {(path, module.split(".")[0]) for path, module in IMPORTS}
    assert {path.split("/")[0] for path, _ in IMPORTS} == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    wrong = [
        (path, module)
        for path, module in IMPORTS
        if path.startswith(f"{room}/")
        and module.split(".")[0] in ROOMS
        and module.split(".")[0] not in MAY_IMPORT[room]
    ]
    assert wrong == []


def test_the_agent_knows_nothing_of_search() -> None:
    wrong = [
        (path, module)
        for path, module in IMPORTS
        if path.startswith("agent/") and module.startswith(("sweeps.search", "sweeps.stopping"))
    ]
    assert wrong == []


@pytest.mark.parametrize("library", sorted(DOORS))
def test_a_library_stays_behind_its_doors(library: str) -> None:
    wrong = [
        path
        for path, module in IMPORTS
        if module.split(".")[0] == library
        and not any(path == door or path.startswith(door) for door in DOORS[library] if door)
    ]
    assert wrong == []


def test_the_logger_needs_the_standard_library_only() -> None:
    wrong = {
        (path, module)
        for path, module in IMPORTS
        if (path.startswith("logging_core/") or path == "opensweep/__init__.py")
        and module.split(".")[0] not in sys.stdlib_module_names | {"logging_core", "opensweep"}
    }
    # Used where the environment happens to have them (config-defaults.yaml, frames), never needed.
    assert {module for _, module in wrong} <= {"yaml", "pandas", "polars"}


def test_a_server_starts_without_what_only_some_sweeps_need() -> None:
    """Each of these takes a tenth of a second or more to import."""
    start = "import controller.loop, controller.server.app, controller.store.store, sys\n"
    listing = "print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", start + listing], cwd=ROOT, capture_output=True, check=True
    )
    loaded = set(done.stdout.decode().split())
    assert "numpy" in loaded
    assert not loaded & {"scipy", "optuna", "cmaes", "pandas", "rich", "alembic", "apprise"}
