"""docs/reports.md says what panels there are: each kind, each field, and blocks that are right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from controller.reports.blocks import COMMON, KINDS, MOST_METRICS, MOST_RUNS, RUNS, parse_panel
from controller.reports.blocks import panel_blocks as blocks_in

TEXT = (Path(__file__).parents[2] / "docs" / "reports.md").read_text()


def rows(head: str) -> dict[str, str]:
    """The rows of the table whose first line is `head`, by the name in their first cell."""
    lines = TEXT[TEXT.index(head) :].split("\n\n")[0].splitlines()[2:]
    return {re.findall(r"`(\w+)`", line.split("|")[1])[0]: line for line in lines}


def test_every_kind_has_a_row_with_its_own_fields() -> None:
    told = rows("| kind | shows |")
    assert told.keys() == KINDS.keys()
    for kind, fields in KINDS.items():
        own = {name for name in fields if name not in RUNS}
        last = told[kind].split("|")[3]
        assert set(re.findall(r"`(\w+)`", last)) == own, kind


def test_every_field_is_told() -> None:
    assert rows("| field | what it says |").keys() == RUNS.keys()
    own = {name for fields in KINDS.values() for name in fields}
    assert rows("| field | of |").keys() == own - (RUNS.keys() - {"sweep"})
    sentence = TEXT[TEXT.index("Any panel may have") :].split("\n")[0]
    assert all(f"`{name}`" in sentence for name in COMMON)


def test_the_bounds_are_those_of_the_code() -> None:
    assert f"up to {MOST_RUNS}" in rows("| field | what it says |")["limit"]
    assert f"at most {MOST_METRICS}" in rows("| field | of |")["metrics"]


@pytest.mark.parametrize("block", blocks_in(TEXT))
def test_its_panels_are_right(block: str) -> None:
    assert parse_panel(block).kind in KINDS
