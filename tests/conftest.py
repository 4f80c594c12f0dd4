"""For every test: nothing that it does reaches the records of whoever runs it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

# Before NumPy is imported. As many threads as cores in each of as many workers wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def home_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A server of the developer's own, running beside the tests, would be found in the real one."""
    before = os.environ.get("OPENSWEEP_HOME")
    os.environ["OPENSWEEP_HOME"] = str(tmp_path_factory.mktemp("home"))
    yield
    if before is None:
        del os.environ["OPENSWEEP_HOME"]
    else:
        os.environ["OPENSWEEP_HOME"] = before
