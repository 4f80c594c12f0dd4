"""Rows on their way into a file: CSV, JSON or Parquet, however many there are.

Which columns there are, and what is in them, is known only when the last row has come. So rows
are spooled first, compressed, in a file that has no name; then they are written. What is in memory
is a batch of rows, never all of them; the target appears whole or not at all.

Knows nothing of sweeps, runs or servers. Neighbour: commands/export.py.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, Any, NamedTuple, Self

from sweeps.errors import ConfigurationError

Row = Mapping[str, Any]
_INT64 = 1 << 63
_CELLS = 400_000
"""Cells that are in memory at once when Parquet is written: a row group."""
_SPELT_OUT = ("NaN", "Infinity", "-Infinity")


class Layout(NamedTuple):
    """Which column comes where; those that are not named come in between, as they appear."""

    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()  # columns with such a prefix stand together, in this order
    times: tuple[str, ...] = ()  # seconds since 1970, to be written as dates


class Spool:
    """Takes rows, and gives them back in batches as often as one likes."""

    def __init__(self, layout: Layout, folder: str | None = None) -> None:
        """`folder`: where to keep them meanwhile; None: the system's folder for such files."""
        from zstandard import ZstdCompressor

        self.count = 0
        self._layout = layout
        self._kinds: dict[str, set[str]] = {name: set() for name in layout.first}
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        self._into = ZstdCompressor(level=1).stream_writer(self._file, closefd=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, rows: Sequence[Row]) -> None:
        """Rows of plain values: numbers, texts, booleans, lists, dicts, None."""
        for row in rows:
            for name, value in row.items():
                self._kinds.setdefault(name, set()).add(_kind(value))
        self.count += len(rows)
        self._into.write(json.dumps(rows).encode() + b"\n")

    def batches(self) -> Iterator[list[dict[str, Any]]]:
        """All rows, as they came."""
        from zstandard import FLUSH_FRAME, ZstdDecompressor

        self._into.flush(FLUSH_FRAME)
        self._file.seek(0)
        reader = ZstdDecompressor().stream_reader(
            self._file, read_across_frames=True, closefd=False
        )
        for line in io.BufferedReader(reader, 1 << 20):
            yield json.loads(line)

    @property
    def columns(self) -> dict[str, set[str]]:
        """Each column with the kinds of its values, in the order in which they are written."""
        layout = self._layout
        named = {*layout.first, *layout.last}

        def group(name: str) -> int:
            places = (n for n, prefix in enumerate(layout.groups) if name.startswith(prefix))
            return next(places, len(layout.groups))

        between = sorted((name for name in self._kinds if name not in named), key=group)
        order = (*layout.first, *between, *layout.last)
        return {name: self._kinds.get(name, set()) for name in order}

    def write_json(self, file: IO[bytes]) -> None:
        """A list of objects, one a line."""
        before = b"[\n"
        for batch in self.batches():
            for row in batch:
                file.write(before + json.dumps(row, ensure_ascii=False).encode())
                before = b",\n"
        file.write(b"[]\n" if before == b"[\n" else b"\n]\n")

    def write_csv(self, file: IO[bytes]) -> None:
        """One line a row; lists, dicts and booleans as JSON, times in ISO 8601, nothing as ""."""
        import csv

        times = frozenset(self._layout.times)
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        writer = csv.writer(text, lineterminator="\n")
        names = list(self.columns)
        writer.writerow(names)
        for batch in self.batches():
            writer.writerows(
                [_cell(row.get(name), name in times) for name in names] for row in batch
            )
        text.detach()

    def write_parquet(self, file: IO[bytes]) -> None:
        """The same table; a column whose values are of several kinds becomes text (JSON).

        Raises ConfigurationError where pyarrow is not installed.
        """
        check_pyarrow()
        import pyarrow
        import pyarrow.parquet

        times = self._layout.times
        made = {name: _column(kinds, name in times) for name, kinds in self.columns.items()}
        schema = pyarrow.schema([(name, column.type) for name, column in made.items()])
        with pyarrow.parquet.ParquetWriter(file, schema) as writer:
            for rows in _regrouped(self.batches(), max(1, _CELLS // max(1, len(made)))):
                arrays = [
                    pyarrow.array([column.value(row.get(name)) for row in rows], column.type)
                    for name, column in made.items()
                ]
                writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))


def check_pyarrow() -> None:
    """Raises ConfigurationError where pyarrow is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise ConfigurationError(
            "Parquet needs pyarrow, which is not installed here: "
            f"`{sys.executable} -m pip install pyarrow`, or choose --format csv."
        ) from None


def _regrouped(batches: Iterable[list[dict[str, Any]]], size: int) -> Iterator[list[Row]]:
    rows: list[Row] = []
    for batch in batches:
        rows += batch
        if len(rows) >= size:
            yield rows
            rows = []
    if rows:
        yield rows


def _kind(value: Any) -> str:
    """none, float, int, bool, text, or other: what a column must be able to hold."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -_INT64 <= value < _INT64 else "other"
    if isinstance(value, float):
        return "float"
    if isinstance(value, str):
        return "spelt" if value in _SPELT_OUT else "text"
    return "other"


class _Column(NamedTuple):
    type: Any
    """Of pyarrow."""
    value: Callable[[Any], Any]


def _column(kinds: set[str], is_time: bool) -> _Column:
    import pyarrow

    held = kinds - {"none"}
    if is_time:
        return _Column(pyarrow.timestamp("us", tz="UTC"), _date)
    if held == {"int"}:
        return _Column(pyarrow.int64(), lambda value: value)
    if held and held <= {"int", "float", "spelt"}:
        return _Column(pyarrow.float64(), lambda value: None if value is None else float(value))
    if held == {"bool"}:
        return _Column(pyarrow.bool_(), lambda value: value)
    return _Column(
        pyarrow.string(),
        lambda value: value if value is None or isinstance(value, str) else _as_json(value),
    )


def _cell(value: Any, is_time: bool) -> Any:
    if value is None:
        return ""
    if is_time:
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds")
    if isinstance(value, float | int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        return float(value) if value in _SPELT_OUT else value
    return _as_json(value)


def _date(value: float | None) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(value, UTC)


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


# -- where to -----------------------------------------------------------------------------------


@contextmanager
def target(path: str) -> Iterator[IO[bytes]]:
    """A file that takes the place of `path`, or goes to standard output (`-`), once it is whole.

    Without that, `path` stays as it was, and nothing was printed. Raises ConfigurationError.
    """
    if path == "-":
        with tempfile.TemporaryFile() as file:
            yield file
            file.seek(0)
            out = sys.stdout.buffer
            shutil.copyfileobj(file, out)
            out.flush()
        return
    folder = os.path.dirname(path) or "."
    try:
        handle, name = tempfile.mkstemp(dir=folder, prefix=".sweep-export-")
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}.") from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
