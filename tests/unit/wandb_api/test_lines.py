"""What a post of file_stream says, and the console that comes of numbered lines. No server."""

from __future__ import annotations

import gzip
import json
import math
from typing import Any

import pytest

from controller.store.chunk_records import ChunkKind, NextChunk, StreamPlace
from controller.wandb_api.runs.writers import Recording
from controller.wandb_api.streams.lines import POST_BYTES, Lines, Post, read_post, read_rows
from controller.wandb_api.streams.pieces import Pieces, Sender, pieces_of
from sweeps.console_text import settled, shown
from sweeps.errors import UsageError
from sweeps.protocol.chunks import decode

NOW = 1_750_000_000.0
WHO = Recording("r", 1, "", None, "r")
NOWHERE = dict.fromkeys(ChunkKind, StreamPlace())


def post_of(**files: tuple[int, list[str]]) -> Post:
    names = {
        "history": "wandb-history.jsonl",
        "events": "wandb-events.jsonl",
        "summary": "wandb-summary.json",
        "console": "output.log",
    }
    said = {
        names[name]: {"offset": offset, "content": lines} for name, (offset, lines) in files.items()
    }
    return read_post(json.dumps({"files": said}).encode())


def rows(*lines: str) -> list[tuple[int, float, dict[str, Any]]]:
    found = read_rows(Lines(0, lines), ChunkKind.HISTORY, NOW)
    return [(row.step, row.time, dict(row.values)) for row in found]


# -- rows ------------------------------------------------------------------------------------------


def test_a_row_has_its_step_and_time_and_flat_names() -> None:
    line = '{"_step": 3, "_timestamp": 17.5, "_runtime": 1, "loss": 1, "deep": {"er": {"x": 2.5}}}'
    assert rows(line) == [(3, 17.5, {"loss": 1, "deep.er.x": 2.5})]


def test_media_are_one_value() -> None:
    image = {"_type": "image-file", "path": "media/a.png", "size": 3}
    assert rows(json.dumps({"_step": 0, "_timestamp": 1, "a": {"b": image}})) == [
        (0, 1.0, {"a.b": image})
    ]


def test_numbers_that_json_does_not_have() -> None:
    (row,) = rows('{"_step": 0, "a": NaN, "b": -Infinity, "c": [Infinity, "NaN"], "d": null}')
    assert math.isnan(row[2]["a"])
    assert {**row[2], "a": 0} == {"a": 0, "b": -math.inf, "c": [math.inf, "NaN"], "d": None}


@pytest.mark.parametrize("bad", ['{"a": 1', "", "7", "[]", '{"a": \x00}', "{'a': 1}", "[" * 5000])
def test_a_bad_line_does_not_lose_the_others(bad: str) -> None:
    found = read_rows(Lines(5, ['{"a": 1}', bad, '{"a": 3}']), ChunkKind.HISTORY, NOW)
    assert [(row.number, dict(row.values)) for row in found] == [(5, {"a": 1}), (7, {"a": 3})]


def test_torn_lines_that_read_as_one_are_two_bad_ones() -> None:
    assert rows('{"a": [1', "2]}") == []
    assert rows('{"a": 1}, {"b": 2}', '{"c": 3}') == [(1, NOW, {"c": 3})]


def test_a_row_without_step_or_time_gets_its_lines_number_and_now() -> None:
    assert rows('{"a": 1}', '{"_step": "x", "_timestamp": NaN}', '{"_step": 2.0}') == [
        (0, NOW, {"a": 1}),
        (1, NOW, {}),
        (2, NOW, {}),
    ]
    assert rows('{"_step": 1e300}', '{"_step": 99999999999999999999}') == [
        (0, NOW, {}),
        (1, NOW, {}),
    ]


def test_metrics_of_the_machine_are_numbered() -> None:
    line = '{"_wandb": true, "_timestamp": 5, "_runtime": 2, "system.cpu": 7}'
    (row,) = read_rows(Lines(40, [line]), ChunkKind.SYSTEM, NOW)
    assert (row.step, row.time, dict(row.values)) == (40, 5.0, {"system.cpu": 7})


def test_what_nobody_could_read_again_is_kept_as_text() -> None:
    (row,) = rows('{"a": ' + "[" * 400 + "]" * 400 + "}")
    assert "[[" in json.dumps(row[2]["a"])


# -- posts -----------------------------------------------------------------------------------------


def test_an_empty_post_is_a_heartbeat() -> None:
    assert read_post(b"{}") == read_post(b"") == Post()


def test_the_end() -> None:
    said = read_post(b'{"complete": true, "exitcode": 3, "dropped": 0, "uploaded": [], "x": 1}')
    assert (said.complete, said.exit_code, said.preempting) == (True, 3, False)
    assert read_post(b'{"complete": false, "preempting": true}').preempting


def test_a_summary_is_read_whole() -> None:
    said = post_of(summary=(4, ['{"a": 1}', '{"a": NaN, "_wandb": {"runtime": 3}, "n": {"q": 1}}']))
    assert said.summary is not None
    assert str(json.loads(said.summary)) == "{'a': nan, 'n.q': 1}"
    assert post_of(summary=(0, ["{"])).summary is None


def test_half_a_surrogate_pair_is_no_reason_to_refuse() -> None:
    body = rb'{"files": {"output.log": {"offset": 0, "content": ["a\ud800"]}}}'
    assert read_post(body).files[ChunkKind.CONSOLE] == [Lines(0, ["a\ud800"])]


def test_old_clients_send_several_blocks() -> None:
    blocks = [{"offset": 0, "content": ["a"]}, {"offset": 5, "content": ["b"]}]
    said = read_post(json.dumps({"files": {"output.log": blocks}}).encode())
    assert said.files == {ChunkKind.CONSOLE: [Lines(0, ["a"]), Lines(5, ["b"])]}


def test_gzip() -> None:
    assert read_post(gzip.compress(b'{"complete": true}'), "gzip").complete
    for body in (b"no gzip", gzip.compress(b"{}")[:-3], gzip.compress(b" " * (POST_BYTES + 1))):
        with pytest.raises(UsageError):
            read_post(body, "gzip")


@pytest.mark.parametrize(
    "body",
    [
        "no JSON",
        "[]",
        '{"files": 1}',
        '{"files": {"output.log": 1}}',
        '{"files": {"output.log": {"offset": -1, "content": ["x"]}}}',
        '{"files": {"output.log": {"offset": 0, "content": "x"}}}',
        '{"files": {"output.log": {"offset": 0, "content": [1]}}}',
        '{"files": {"wandb-history.jsonl": {"offset": 2147483647, "content": ["{}"]}}}',
    ],
)
def test_what_is_no_post(body: str) -> None:
    with pytest.raises(UsageError):
        read_post(body.encode())


# -- chunks ----------------------------------------------------------------------------------------


def steps(*numbers: int) -> list[str]:
    return [f'{{"_step": {n}, "_timestamp": {n}, "a": {n}}}' for n in numbers]


def made_of(post: Post, places: dict[ChunkKind, StreamPlace] = NOWHERE, **given: Any) -> Pieces:
    return pieces_of(post, Sender(WHO, **given), places, NOW)


def logged(chunk: NextChunk) -> list[int]:
    return [step for step, _, _ in decode(chunk.data).rows()]


def test_a_chunk_has_the_number_of_its_last_line() -> None:
    made = made_of(post_of(history=(20, steps(7, 8, 9))))
    (chunk,) = made.chunks
    assert (chunk.seq, chunk.after, chunk.first, chunk.last, chunk.rows) == (22, -1, 7, 9, 3)
    assert made.places[ChunkKind.HISTORY] == StreamPlace(22, 7, 9, 10)
    assert made.odd == []


def test_a_repeat_an_overlap_and_a_gap_are_told_apart() -> None:
    there = {**NOWHERE, ChunkKind.HISTORY: StreamPlace(4, 0, 4, 5)}
    assert made_of(post_of(history=(0, steps(0, 1, 2, 3, 4))), there).chunks == []
    (overlap,) = made_of(post_of(history=(3, steps(3, 4, 5, 6))), there).chunks
    assert (logged(overlap), overlap.seq, overlap.after) == ([5, 6], 6, 4)
    gap = made_of(post_of(history=(8, steps(8))), there)
    assert [chunk.seq for chunk in gap.chunks] == [8]
    assert gap.odd == ["lines 5 to 7 of its history never came"]


def test_a_bad_last_line_is_not_asked_for_again() -> None:
    made = made_of(post_of(history=(0, [*steps(0), "{"])))
    assert [chunk.seq for chunk in made.chunks] == [1]
    assert made.odd == ["1 of 2 lines of its history are no JSON objects; line 1 is '{'"]


def test_the_objective_comes_along() -> None:
    post = post_of(history=(0, ['{"_step": 1, "v": {"l": 0.5}}', '{"_step": 2, "v": {"l": NaN}}']))
    (chunk,) = made_of(post, metric="v.l").chunks
    assert chunk.objective is not None
    assert len(chunk.objective) == 16


def test_rows_with_names_of_their_own_go_apart() -> None:
    lines = [json.dumps({"_step": n, **{f"{n}/{m}": m for m in range(20)}}) for n in range(900)]
    made = made_of(post_of(history=(0, lines)))
    assert len(made.chunks) > 1
    assert [step for chunk in made.chunks for step in logged(chunk)] == list(range(900))
    assert [chunk.after for chunk in made.chunks] == [-1, *(c.seq for c in made.chunks[:-1])]


def test_a_row_that_no_chunk_holds_does_not_lose_the_others() -> None:
    lines = [*steps(0), json.dumps({"_step": 1, "text": "é" * 3_000_000}), *steps(2)]
    made = made_of(post_of(history=(0, lines)))
    assert [step for chunk in made.chunks for step in logged(chunk)] == [0, 2]
    assert made.odd[0].startswith("line 1 of its history cannot be kept: ")


def test_a_process_that_shares_a_run_goes_on_at_the_runs_step() -> None:
    there = {**NOWHERE, ChunkKind.HISTORY: StreamPlace(1, 0, 90, 100)}
    (chunk,) = made_of(post_of(history=(2, steps(2, 3))), there, shared=True).chunks
    assert (logged(chunk), chunk.steps) == ([100, 101], 100)


# -- the console -----------------------------------------------------------------------------------


class Console:
    """What readers see of the posts so far."""

    def __init__(self) -> None:
        self.places = dict(NOWHERE)
        self.chunks: list[NextChunk] = []

    def post(self, offset: int, *lines: str) -> None:
        made = made_of(post_of(console=(offset, list(lines))), self.places)
        self.chunks += made.chunks
        self.places = made.places

    @property
    def text(self) -> str:
        parts = [chunk.data.decode() for chunk in self.chunks]
        text = shown("".join(parts))
        assert "".join(settled(parts)) == text  # in pieces, as `sweep logs` reads it
        assert sum(chunk.rows for chunk in self.chunks) == self.places[ChunkKind.CONSOLE].last
        return text


AT = "2026-11-21T06:46:02.032923 "


def test_lines_are_shown_without_their_heads() -> None:
    console = Console()
    console.post(0, f"{AT}a", f"ERROR {AT}  b", f"{AT}", "2026-11-21T06:46:02.5 c\n", "no head")
    assert console.text == "a\n  b\n\nc\nno head\n"


def test_a_progress_bar_is_drawn_over() -> None:
    console = Console()
    console.post(0, f"{AT}start", f"ERROR {AT}10 % of it")
    console.post(1, f"ERROR {AT}50 %")
    console.post(1, f"ERROR {AT}90 %", f"{AT}after")
    console.post(0, f"{AT}START")
    console.post(3, f"{AT}end")
    assert console.text == "START\n90 %\nafter\nend\n"


def test_a_repeat_changes_nothing() -> None:
    console = Console()
    for _ in range(2):
        console.post(0, *(f"{AT}{n}" for n in range(300)))
    console.post(300, f"{AT}300")
    assert console.text == "".join(f"{n}\n" for n in range(301))


def test_what_no_cursor_reaches_stays() -> None:
    console = Console()
    console.post(0, *(f"{AT}{n}" for n in range(1000)))
    console.post(3, f"{AT}new")
    console.post(900, f"{AT}new")
    assert console.text == "".join(f"{'new' if n == 900 else n}\n" for n in range(1000))


def test_lines_that_come_late_find_their_place() -> None:
    console = Console()
    console.post(0, f"{AT}0")
    console.post(3, f"{AT}3")
    console.post(1, f"{AT}1", f"{AT}2")
    assert console.text == "0\n1\n2\n3\n"


def test_a_resumed_process_goes_on_behind() -> None:
    before, after = Console(), Console()
    before.post(0, f"{AT}a", f"{AT}b")
    after.places = dict(NOWHERE)
    made = made_of(post_of(console=(2, [f"{AT}c"])))
    again = made_of(post_of(console=(0, [f"{AT}x", f"{AT}x", f"{AT}C"])), made.places)
    parts = [*before.chunks, *made.chunks, *again.chunks]
    assert shown("".join(chunk.data.decode() for chunk in parts)) == "a\nb\nC\n"


def test_long_output_is_cut_into_pieces() -> None:
    console = Console()
    console.post(0, *(f"{AT}{'x' * 1000}" for _ in range(1000)))
    assert len(console.chunks) > 3
    assert console.text.count("\n") == 1000
