"""What one file_stream post says: numbered lines of a run's files, read with suspicion.

Lines of history and of system metrics are JSON objects, in the dialect of Python and Go: NaN and
Infinity are numbers, the order of names changes from row to row. One that is none is left out and
never loses the others. Names come out flat, as our own logger has them. Pure. Neighbours:
pieces.py (makes chunks of them), console.py (console lines), file_stream.py (the route).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from controller.store.chunk_records import ChunkKind
from controller.wandb_api.runs.summaries import nested_names, plain_summary
from logging_core.values import flatten, plain
from sweeps.errors import UsageError

POST_BYTES = 64 << 20
"""A post may be no longer, compressed or not. Clients send 10 MB of lines at most, and JSON within
JSON may double that, or in odd texts make it six times as much."""

_MOST_LINES = 2**31 - 1  # a line's number is a chunk's
_FILES = {
    "wandb-history.jsonl": ChunkKind.HISTORY,
    "wandb-events.jsonl": ChunkKind.SYSTEM,
    "output.log": ChunkKind.CONSOLE,
}
_SUMMARY = "wandb-summary.json"
_INT64 = 2**63


class Lines(NamedTuple):
    """Consecutive lines of a file; `begin` is the number of the first, from 0."""

    begin: int
    lines: Sequence[str]

    @property
    def end(self) -> int:
        return self.begin + len(self.lines)


class NumberedRow(NamedTuple):
    """A row and the number of its line; `step` and `time` (seconds since 1970) are its own."""

    number: int
    step: int
    time: float
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Post:
    """Attributes:
    files: what is new in the files of a run, each block as it came.
    summary: the whole of it as JSON text, in the form in which it is kept; None: nothing new.
    nested: its names that are dicts on the wire.
    complete: the script has ended.
    exit_code: with what; None: not said.
    preempting: its machine is being taken away.
    """

    files: Mapping[ChunkKind, Sequence[Lines]] = field(default_factory=dict)
    summary: str | None = None
    nested: frozenset[str] = frozenset()
    complete: bool = False
    exit_code: int | None = None
    preempting: bool = False


def read_post(body: bytes, encoding: str = "") -> Post:
    """A post's body; `encoding` is its Content-Encoding.

    Raises UsageError for one that is none. A summary that cannot be read is left out.
    """
    said = _json_of(_unpacked(body, encoding)) if body.strip() else {}
    if not isinstance(said, dict):
        raise UsageError("the post must be a JSON object")
    files = said.get("files") or {}
    if not isinstance(files, dict):
        raise UsageError("files: expected an object")
    code = said.get("exitcode")
    summary, nested = _summary(_blocks(_SUMMARY, files[_SUMMARY]) if _SUMMARY in files else ())
    return Post(
        files={
            kind: blocks
            for name, kind in _FILES.items()
            if name in files and (blocks := _blocks(name, files[name]))
        },
        summary=summary,
        nested=nested,
        complete=said.get("complete") is True,
        exit_code=code if type(code) is int and abs(code) < 1 << 31 else None,
        preempting=said.get("preempting") is True,
    )


def _unpacked(body: bytes, encoding: str) -> bytes:
    """Raises UsageError for what cannot be unpacked, or not to POST_BYTES."""
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise UsageError(f"Content-Encoding: expected gzip or none, not {encoding!r}")
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        found = unpacking.decompress(body, POST_BYTES)
    except zlib.error as error:
        raise UsageError(f"the post is no gzip: {error}") from None
    if unpacking.unconsumed_tail:
        raise UsageError(f"the post is longer than {POST_BYTES:,} bytes")
    if not unpacking.eof:
        raise UsageError("the post is torn: its gzip has no end")
    return found


def _json_of(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:  # half a surrogate pair, NaN
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the post is no JSON: {error}") from None


def _blocks(name: str, value: Any) -> list[Lines]:
    """The new lines of one file; clients up to 0.16 may send several blocks of it."""
    found = []
    for block in value if isinstance(value, list) else [value]:
        begin, lines = (
            (block.get("offset"), block.get("content")) if isinstance(block, dict) else (None, None)
        )
        if type(begin) is not int or not isinstance(lines, list):
            raise UsageError(f"files.{name}: expected {{offset, content: [line, …]}}")
        if not 0 <= begin <= _MOST_LINES - len(lines):
            raise UsageError(f"files.{name}.offset: {begin} is no number of a line")
        if not all(type(line) is str for line in lines):
            raise UsageError(f"files.{name}.content: expected texts")
        if lines:
            found.append(Lines(begin, lines))
    return found


def _summary(blocks: Sequence[Lines]) -> tuple[str | None, frozenset[str]]:
    """(the summary, its names that are dicts on the wire); the last line counts."""
    document = _read(blocks[-1].lines[-1]) if blocks else None
    if document is None:
        return None, frozenset()
    try:
        return json.dumps(plain_summary(document)), frozenset(nested_names(document))
    except (ValueError, RecursionError):
        return None, frozenset()


# -- rows ------------------------------------------------------------------------------------------


def read_rows(block: Lines, kind: ChunkKind, now: float) -> list[NumberedRow]:
    """The rows among these lines, in order; fewer than lines where some are no JSON object.

    A row without a step has its line's number; one without a time has `now`. System metrics have
    no steps.
    """
    found = []
    system = kind is ChunkKind.SYSTEM
    for number, row in enumerate(_documents(block.lines), block.begin):
        if row is None:
            continue
        step, time = row.pop("_step", None), row.pop("_timestamp", None)
        row.pop("_runtime", None)  # made up from the time where somebody asks
        if system:
            row.pop("_wandb", None)
            step = None
        if type(step) is not int:
            step = int(step) if type(step) is float and step.is_integer() else number
        if not -_INT64 <= step < _INT64:
            step = number
        if type(time) not in (int, float) or not -1e18 < time < 1e18:
            time = now
        found.append(NumberedRow(number, step, float(time), _flat(row)))
    return found


def _documents(lines: Sequence[str]) -> list[dict[str, Any] | None]:
    """Each line as an object; None for one that is none."""
    whole = f"[{','.join(lines)}]"
    for read in (orjson.loads, json.loads):  # the second knows NaN
        try:
            found = read(whole)
        except (ValueError, RecursionError):
            continue
        # A torn line and its neighbour may read as one.
        if len(found) == len(lines) and all(type(row) is dict for row in found):
            return list(found)
        break
    return [_read(line) for line in lines]


def _read(line: str) -> dict[str, Any] | None:
    for read in (orjson.loads, json.loads):  # the second knows NaN
        try:
            found = read(line)
        except (ValueError, RecursionError):
            continue
        return found if type(found) is dict else None
    return None


def _flat(row: dict[str, Any]) -> Mapping[str, Any]:
    for value in row.values():
        if type(value) is dict or type(value) is list:
            # Nested at no more depth than our own logger takes: everything can be read again.
            return flatten(
                {
                    name: plain(each) if type(each) is dict or type(each) is list else each
                    for name, each in row.items()
                }
            )
    return row
