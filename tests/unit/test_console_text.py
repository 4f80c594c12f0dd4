"""Progress bars fold to their last state, whole or in pieces; everything else stays as it is."""

from __future__ import annotations

import io
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tqdm import tqdm

from sweeps.console_text import fold, settled, shown


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"plain\nlines\n",
        b"no end",
        b"caf\xc3\xa9 \xff\xfe\n",
        b"\x1b[31mred\x1b[0m\n",
        b"\0\n",
    ],
)
def test_output_without_bars_passes_byte_for_byte(text: bytes) -> None:
    assert fold(text) == text


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("10%\r20%\r30%\n", "30%\n"),
        ("abcdef\rxy\n", "xycdef\n"),  # a terminal does not erase what is not drawn over
        ("abcdef\r\x1b[Kxy\n", "xy\n"),
        ("windows\r\nlines\r\n", "windows\nlines\n"),
        ("left\r", "left"),
        ("\x1b[31m1/3\x1b[0m\r\x1b[32m2/3\x1b[0m\n", "\x1b[32m2/3\x1b[0m\n"),
        ("a\nb\nc\x1b[2A\rA\n\n\n", "A\nb\nc\n"),
        ("█████ 50%\r██ 9%    \n", "██ 9%    \n"),
        ("\x1b[999999A\rtop", "top" + "\n" * 200),
    ],
)
def test_what_is_drawn_over_is_gone(text: str, seen: str) -> None:
    assert shown(text) == seen


def test_a_bar_of_a_hundred_thousand_updates_is_one_line() -> None:
    out = io.StringIO()
    for _ in tqdm(range(100_000), file=out, mininterval=0, miniters=1, ascii=False):
        pass
    drawn = out.getvalue()
    assert drawn.count("\r") > 50_000
    folded = fold(drawn.encode())
    assert len(folded) < 200
    assert "100000/100000" in shown(folded.decode())


def nested_bars() -> bytes:
    out = io.StringIO()
    print("begin", file=out)
    options = {"file": out, "mininterval": 0, "miniters": 1}
    for _ in tqdm(range(4), desc="outer", **options):  # type: ignore[call-overload]
        for _ in tqdm(range(30), desc="inner", leave=False, position=1, **options):  # type: ignore[call-overload]
            pass
    print("end", file=out)
    return out.getvalue().encode()


def test_bars_within_bars_fold_also_when_they_come_in_pieces() -> None:
    drawn = nested_bars()
    seen = [line.rstrip() for line in shown(drawn.decode()).splitlines()]
    assert seen[0] == "begin"
    assert seen[1].startswith("outer: 100%")
    assert seen[2] == "end"
    chance = random.Random(5)
    for _ in range(100):
        cuts = sorted(chance.randrange(len(drawn)) for _ in range(6))
        pieces = [drawn[a:b] for a, b in zip([0, *cuts], [*cuts, len(drawn)], strict=True)]
        sent = b"".join(fold(piece) for piece in pieces)
        assert [line.rstrip() for line in shown(sent.decode()).splitlines()] == seen


@given(st.lists(st.lists(st.sampled_from(["\r", "\n", "ab", "xyz", "\x1b[K", "é"])), min_size=1))
@example([["ab", "\r"], ["x"], ["\r", "\x1b[K"]])
def test_pieces_come_to_what_the_whole_comes_to(pieces: list[list[str]]) -> None:
    texts = ["".join(piece) for piece in pieces]
    sent = b"".join(fold(text.encode()) for text in texts)
    assert shown(sent.decode()) == shown("".join(texts))
    assert shown(fold(sent).decode()) == shown("".join(texts))


def test_a_long_output_is_read_in_parts() -> None:
    text = "".join(
        f"epoch {i}\n" + "".join(f"\r{j}/9" for j in range(10)) + "\n" for i in range(300)
    )
    parts = [text[at : at + 500] for at in range(0, len(text), 500)]
    given_out = list(settled(parts))
    assert "".join(given_out) == shown(text)
    assert sum(map(bool, given_out)) > 5  # not all of it at the end


@given(st.binary())
def test_no_bytes_upset_it(data: bytes) -> None:
    fold(data)
