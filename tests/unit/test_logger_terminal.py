"""Sparklines, the sample they are drawn from, and the report at the end."""

from __future__ import annotations

import io
import itertools
import math
import sys

import pytest

from logging_core import terminal
from logging_core.terminal import Samples, curves, end_report, sparkline, thin


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], ""),
        ([math.nan, math.inf], ""),
        ([3.0], "▁"),
        ([2, 2, 2], "▁▁▁"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([1, math.nan, 0], "█▁"),
        ([-1e308, 0, 1e308], "▁▅█"),  # a range beyond floats
    ],
)
def test_sparklines(values: list[float], line: str) -> None:
    assert sparkline(values) == line


def test_thinning_keeps_both_ends() -> None:
    assert thin([1.0, 2.0]) == [1.0, 2.0]
    some = thin([float(i) for i in range(1000)])
    assert (len(some), some[0], some[-1]) == (terminal.WIDTH, 0.0, 999.0)
    assert some == sorted(some)


def test_a_sample_is_bounded_and_spread_evenly() -> None:
    samples = Samples()
    for step in range(100_000):
        samples.left -= 1
        if not samples.left:
            samples.keep(step, {"loss": step, "note": "x", "flag": True, "huge": 10**400})
    (loss,) = curves([samples]).values()
    assert terminal.WIDTH <= len(loss) <= 2 * terminal.WIDTH
    gaps = {b - a for a, b in itertools.pairwise(loss)}
    assert max(gaps) <= 2 * min(gaps)
    assert loss[-1] > 95_000


def test_curves_of_several_shapes_are_joined_by_step() -> None:
    one, two = Samples(), Samples()
    one.keep(0, {"a": 1})
    two.keep(1, {"a": 2, "b": 5})
    one.keep(2, {"a": 3})
    assert curves([one, two]) == {"a": [1.0, 2.0, 3.0], "b": [5.0]}


def test_of_wide_rows_only_what_is_shown_is_kept() -> None:
    """A run's memory must not grow with the width of its rows, or with the texts in them."""
    samples = Samples()
    row = {"_hidden": 1, "text": "x" * 1_000_000, **{f"m{n:05}": n for n in range(50_000)}}
    for step in range(3):
        samples.keep(step, row)
    kept = curves([samples])
    assert len(kept) == terminal.MAX_ROWS + 1
    assert kept["m00000"] == [0.0] * 3
    report = end_report(kept, {}).split("\n")
    assert report[1] == "m00000 ▁▁▁"
    assert report[-2:] == ["m00029 ▁▁▁", "… and more"]


def test_odd_names_do_not_break_the_report() -> None:
    names = ["two\nlines", "\x1b[31mred", "nul\0", "k" * 10_000, "\ud800", "größe 😀"]
    report = end_report({}, dict.fromkeys(names, "a\r\nb")).split("\n")
    assert len(report) == 1 + len(names)
    assert {line.strip() for line in report[1:]} == {
        name + r" a\r\nb"
        for name in (
            r"two\nlines",
            r"\x1b[31mred",
            r"nul\x00",
            "k" * terminal.MAX_NAME + "...",
            r"\ud800",
            "größe 😀",
        )
    }


def test_the_report() -> None:
    report = end_report(
        {"loss": [3, 2, 1]},
        {
            "_hidden": 1,
            "loss": {"min": 0.123456789},
            "tiny": 1.5e-7,
            "text": "x" * 30,
            "flag": True,
            "list": [1, 2],
            "none": None,
        },
    )
    assert report.split("\n") == [
        "Run history:",
        "loss █▅▁" if report.split("\n")[1].endswith("▅▁") else "loss █▄▁",
        "",
        "Run summary:",
        "flag True",
        "loss min 0.12346",
        "text xxxxxxxxxxxxxxxxxxxx...",
        "tiny 1.5e-07",
    ]
    assert end_report({}, {}) == ""
    many = end_report({}, {f"m{i:03}": i for i in range(100)})
    assert many.split("\n")[-1] == "… and 70 more"


def test_a_terminal_without_the_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw, encoding="ascii"))
    terminal.say("▁▂\nplain")
    sys.stderr.flush()
    assert raw.getvalue() == b"opensweep: ??\nopensweep: plain\n"


class Refusing:
    """As stderr where a handler comes into the middle of a write; and it has no `flush`."""

    def write(self, _text: str) -> None:
        raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stderr>'>")


def test_a_terminal_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Refusing())
    terminal.warn("anything")


def test_no_terminal_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    terminal.say("x")
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    terminal.say("x")
