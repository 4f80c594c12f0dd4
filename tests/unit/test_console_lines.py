"""Lines of a console by number: the same, however much is asked for and however it came."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.server.console_lines import LONGEST, ConsoleLines, style_after
from controller.store import Chunk, ChunkKind, NewRun, Store, open_store
from sweeps.console_text import shown


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"sqlite:///{tmp_path / 'opensweep.db'}")


def printed(store: Store, run_id: str, text: str, *cuts: int, writer: int = 1) -> None:
    store.register_run(NewRun(run_id, f"uid-{run_id}", writer=writer, project="p"))
    data = text.encode()
    for seq, (a, b) in enumerate(pairwise([0, *cuts, len(data)])):
        piece = data[a:b]
        kind = ChunkKind.CONSOLE
        store.add_chunk(Chunk(run_id, writer, kind, seq, a, b, piece.count(b"\n"), piece))


def test_any_lines_of_a_long_console(store: Store) -> None:
    text = "".join(f"line {i}\n" for i in range(5321))
    printed(store, "r", text, 100, 20_000, 20_003)
    lines = ConsoleLines(store)
    page = lines.page("r", "", 4990, 20)
    assert page.lines == [f"line {i}" for i in range(4990, 5010)]
    assert (page.total, page.settled) == (5321, 5121)
    last = lines.page("r", "", None, 3)
    assert (last.first, last.lines) == (5318, ["line 5318", "line 5319", "line 5320"])
    assert lines.page("r", "", 5321, 10).lines == []
    assert "".join(lines.text("r", "")) == text


def test_bars_are_one_line_and_colours_go_on(store: Store) -> None:
    bars = "".join(f"\r{i}%" for i in range(101))
    printed(store, "r", "\x1b[31mred\n" + 1500 * "more\n" + bars + "\nend\x1b[0m\nplain", 9, 8000)
    lines = ConsoleLines(store)
    page = lines.page("r", "", 1500, 10)
    assert (page.style, page.lines) == ("\x1b[31m", ["more", "100%", "end\x1b[0m", "plain"])
    assert lines.page("r", "", 1504, 1).style == ""
    assert lines.search("r", "", "MORE").count == 1500
    assert lines.search("r", "", "[31m").count == 0
    assert lines.search("r", "", "100%").lines == [1501]


def test_what_comes_later_is_seen_and_attempts_are_told_apart(store: Store) -> None:
    lines = ConsoleLines(store)
    printed(store, "r", "one\n")
    assert lines.page("r", "", None, 9).lines == ["one"]
    printed(store, "r", "two\n", writer=2)
    page = lines.page("r", "", None, 9)
    assert (page.lines, page.starts) == (["one", "two"], {1: 2})
    printed(store, "long", "x" * (LONGEST + 5))
    assert lines.page("long", "", None, 1).lines[0].endswith("x … (5 more characters)")


@given(
    st.lists(st.sampled_from(["a", "bc", "\n", "\r", "\x1b[2A", "\x1b[K", "\x1b[32m", "é"])),
    st.lists(st.integers(0, 60), max_size=4),
)
def test_as_a_terminal_shows_it(parts: list[str], cuts: list[int]) -> None:
    from controller.server.console_lines import _Lane

    text = "".join(parts)
    lane = _Lane()
    ends = sorted({min(cut, len(text)) for cut in cuts})
    for a, b in pairwise([0, *ends, len(text)]):
        lane.add(text[a:b])
    assert "\n".join(lane.tail()) == shown(text).removesuffix("\n")


@pytest.mark.parametrize(
    ("style", "text", "after"),
    [
        ("", "a\x1b[1mb", "\x1b[1m"),
        ("\x1b[1m", "\x1b[0m", ""),
        ("\x1b[1m", "\x1b[0;32mx", "\x1b[0;32m"),
        ("\x1b[1m", "\x1b[mx\x1b[4m", "\x1b[4m"),
        ("\x1b[1m", "plain", "\x1b[1m"),
    ],
)
def test_styles_that_stay(style: str, text: str, after: str) -> None:
    assert style_after(style, text) == after
