"""docs/wandb.md: every row of its tables names the tests that show it, in a comment at its end."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "wandb.md").read_text(encoding="utf-8")
_NAMES = re.compile(r"<!-- ((?:\S+::\w+ ?)+)-->")


def rows() -> list[object]:
    """Each row of each table, without the heads."""
    lines = PAGE.splitlines()
    found: list[object] = []
    for at, line in enumerate(lines):
        is_head = at + 1 < len(lines) and lines[at + 1].startswith("|---")
        if line.startswith("|") and not line.startswith("|---") and not is_head:
            found.append(pytest.param(line, id=line.split("|")[1].strip()[:40]))
    return found


@cache
def functions_of(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_rows_are_found() -> None:
    assert len(rows()) > 20


@pytest.mark.parametrize("row", rows())
def test_each_row_is_tested(row: str) -> None:
    named = _NAMES.search(row)
    assert named, "this row names no test: end it with <!-- file::test -->"
    for name in named[1].split():
        path, _, function = name.partition("::")
        assert function.startswith("test_")
        assert function in functions_of(path), f"{path} has no {function}"
