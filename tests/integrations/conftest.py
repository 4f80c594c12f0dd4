"""Tests against the real libraries: `make test-frameworks` makes an environment that has them.

In the everyday suite each file is skipped, and says so, where its library is missing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import opensweep
from logging_core import environment


@pytest.fixture(autouse=True)
def clean_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty working directory, no variable that means something to init(), no run left."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("OPENSWEEP_", "WANDB_")) or name in environment.RANK_VARIABLES:
            monkeypatch.delenv(name)
    yield
    opensweep.finish()
