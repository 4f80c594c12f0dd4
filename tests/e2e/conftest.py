"""What several of these tests need: a PostgreSQL server that may be killed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "contract"))
from postgresql_server import Postgres, find_binaries, running_server


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """Of the test's own; what is committed outlives a kill."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("there is no PostgreSQL on this machine; CI has one")
    with running_server(binaries, durable=True) as server:
        yield server
