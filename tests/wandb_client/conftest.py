"""A real server, and the real `wandb` client that talks to it.

The folder is not called `wandb`: pytest puts tests/ on the path, and every other test would then
find a package of that name.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from wandb_clients import (
    KEY,
    NEWEST,
    Finished,
    Script,
    WandbServer,
    client_python,
    run_to_end,
)

import opensweep
from logging_core import environment
from opensweep.local import Settings, start_server, stop_server

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test with a version makes its environment, or waits for another that does."""
    for item in items:
        if HERE in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def wandb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WandbServer]:
    """One server for all tests of a process; each test has a project of its own."""
    home = tmp_path_factory.mktemp("wandb-server") / "home"
    settings = Settings(home=home, key=KEY)
    url = start_server(settings, port=0)
    try:
        yield WandbServer(url, KEY, home)
    finally:
        stop_server(settings)


@pytest.fixture
def api(wandb_server: WandbServer, monkeypatch: pytest.MonkeyPatch) -> opensweep.Api:
    """Our own API, to look at what was recorded as a user of ours does."""
    monkeypatch.setenv("OPENSWEEP_URL", wandb_server.url)
    monkeypatch.setenv("OPENSWEEP_API_KEY", wandb_server.key)
    return opensweep.Api()


@pytest.fixture
def project() -> str:
    return f"p-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def wandb_environment(wandb_server: WandbServer, project: str, tmp_path: Path) -> dict[str, str]:
    """What a person sets, and nothing of whoever runs the tests."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OPENSWEEP_", "WANDB_", "PYTEST_"))
        and name not in environment.RANK_VARIABLES
    }
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    return {
        **kept,
        "HOME": str(home),
        "NO_PROXY": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",
        "WANDB_BASE_URL": wandb_server.url,
        "WANDB_API_KEY": wandb_server.key,
        "WANDB_PROJECT": project,
        "WANDB_ERROR_REPORTING": "false",  # else it looks for its maker's server on the internet
        "WANDB_CONFIG_DIR": str(home / "config"),
        "WANDB_CACHE_DIR": str(home / "cache"),
        "WANDB_DATA_DIR": str(home / "data"),
    }


@pytest.fixture
def wandb_script(wandb_environment: dict[str, str], tmp_path: Path) -> Script:
    """Runs a script with the client of a version, in the test's own folder."""

    def run(
        text: str, version: str | None = None, *, timeout_s: float = 90, **env: str
    ) -> Finished:
        path = tmp_path / f"script-{uuid.uuid4().hex[:6]}.py"
        path.write_text(text)
        python = str(client_python(version or NEWEST))
        return run_to_end([python, str(path)], wandb_environment | env, tmp_path, timeout_s)

    return run


@pytest.fixture
def wandb_cli(wandb_environment: dict[str, str], tmp_path: Path) -> Script:
    """Runs the `wandb` command of a version, in the test's own folder."""

    def run(
        *arguments: str, version: str | None = None, timeout_s: float = 90, **env: str
    ) -> Finished:
        python = client_python(version or NEWEST)
        command = [str(python), "-m", "wandb", *arguments]
        environment = wandb_environment | env
        environment["PATH"] = f"{python.parent}{os.pathsep}{environment['PATH']}"
        return run_to_end(command, environment, tmp_path, timeout_s)

    return run
