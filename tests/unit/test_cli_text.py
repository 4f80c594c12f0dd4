"""How numbers, times, tables and sparklines read."""

from __future__ import annotations

import math
import re

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opensweep import _text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.98123456, "0.9812"),
        (0.981, "0.981"),
        (25, "25"),
        (1234567, "1234567"),
        (25.0, "25"),
        (1234567.8, "1.235e+06"),
        (3.2e-5, "3.2e-05"),
        (-0.0, "0"),
        (math.nan, "nan"),
        ("NaN", "NaN"),
        (True, "True"),
    ],
)
def test_number(value: object, text: str) -> None:
    assert _text.number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.04, "0.0s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (59.6, "1m 00s"),
        (184, "3m 04s"),
        (7800, "2h 10m"),
        (90000, "1d 01h"),
        (-3, "0.0s"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert _text.duration(seconds) == text


@given(st.floats(min_value=0, max_value=1e9))
def test_a_duration_never_shows_sixty_of_anything(seconds: float) -> None:
    assert not re.search(r"\b(60s|60m|24h)\b", _text.duration(seconds))


@pytest.mark.parametrize(
    ("then", "text"),
    [(None, "-"), (99, "just now"), (60, "40s ago"), (-100, "3m ago"), (-9999, "2h ago")],
)
def test_ago(then: float | None, text: str) -> None:
    assert _text.ago(then, 100.0) == text


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], ""),
        ([1.0, 2.0, 3.0], "▁▅█"),
        ([5.0, 5.0], "▅▅"),
        ([math.nan, None, 1.0, math.inf, 2.0], "▁█"),
        ([-1.7e308, 1.7e308], "▅▅"),
    ],
)
def test_sparkline(values: list[float | None], line: str) -> None:
    assert _text.sparkline(values) == line


def test_sparkline_keeps_the_newest() -> None:
    assert len(_text.sparkline(range(100), 20)) == 20


def test_config_line() -> None:
    config = {"lr": 0.00123456, "net": {"depth": 2, "empty": {}}, "dims": [1, 2], "on": True}
    text = "lr=0.001235 net.depth=2 net.empty={} dims=[1, 2] on=true"
    assert _text.config_line(config) == text
    assert _text.config_line(config, 12) == "lr=0.001235…"


def test_table_aligns_what_is_coloured() -> None:
    rows = [["a", "running", "1"], ["bbb", "failed (error)", "22"]]
    plain = click.unstyle(_text.table(["ID", "STATE", "N"], rows, right={"N"}, states={"STATE"}))
    assert plain.splitlines() == [
        "ID   STATE            N",
        "a    running          1",
        "bbb  failed (error)  22",
    ]


def test_table_cuts_the_last_column_at_the_terminal() -> None:
    rows = [["a", "x" * 100]]
    lines = click.unstyle(_text.table(["ID", "CONFIG"], rows, width=30)).splitlines()
    assert max(map(len, lines)) == 30
    assert lines[1].endswith("x…")
