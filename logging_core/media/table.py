"""Table: rows of any values, media among them.

Stored as one JSON file, {"columns": […], "data": [[…], …]}; a cell that is media is W&B's JSON of
it, and its file lies beside. Neighbour: rows.py makes cells of figures, frames and pictures.
"""

from __future__ import annotations

from typing import Any, Callable, Iterator, Sequence

from logging_core import terminal
from logging_core.errors import UsageError
from logging_core.media.base import Media, as_json, write
from logging_core.media.libraries import comes_from, library
from logging_core.media.place import Place
from logging_core.media.tensors import as_array, is_array

MODES = ("IMMUTABLE", "MUTABLE", "INCREMENTAL")


class Table(Media):
    """A table.

    Args:
        columns: names; ["Input", "Output", "Expected"] if there are none.
        data: rows, an array of two axes, or a data frame (whose columns it takes).
        rows: the same as `data`.
        dataframe: a data frame of pandas or Polars; `columns` and `data` then say nothing.
        dtype, optional, allow_mixed_types: W&B's; a column here takes any values.
        log_mode: what logging it again does. "IMMUTABLE": nothing, whatever was added since;
            "MUTABLE": stores it anew; "INCREMENTAL": stores the rows that were added.

    Raises UsageError.
    """

    MAX_ROWS = 10_000
    MAX_ARTIFACT_ROWS = 200_000  # more are not stored; a script may set it
    _log_type = "table-file"
    _folder = "media/table"

    def __init__(
        self,
        columns: Sequence[Any] | None = None,
        data: Any = None,
        rows: Any = None,
        dataframe: Any = None,
        dtype: Any = None,
        optional: bool | Sequence[bool] = True,
        allow_mixed_types: bool = False,
        log_mode: str | None = "IMMUTABLE",
    ) -> None:
        super().__init__()
        del dtype, optional, allow_mixed_types
        if log_mode not in MODES:
            raise UsageError(f"log_mode is {log_mode!r}: a Table takes {', '.join(MODES)}")
        self.log_mode = log_mode
        self._increments: list[str] = []  # INCREMENTAL: the files stored so far
        self._logged_rows = 0
        self._changed = False
        self.columns: list[Any] = ["Input", "Output", "Expected"]
        self.data: list[list[Any]] = []
        data = rows if data is None else data
        if dataframe is None and is_frame(data):
            dataframe = data
        if dataframe is not None:
            if not hasattr(dataframe, "columns"):
                raise UsageError(
                    f"Table(dataframe=…) takes a data frame of pandas or Polars, not "
                    f"{type(dataframe).__name__}; lists of rows go into data="
                )
            self.columns, found = _of_frame(dataframe)
            data = found
        elif columns is not None:
            self.columns = _names(columns)
        if data is not None:
            # Row by row, so that what an array's cells are is left to each cell.
            for row in data if dataframe is not None or not is_array(data) else _rows(data):
                self.add_data(*row)

    def __len__(self) -> int:
        return len(self.data)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Table):
            return False
        return self.columns == other.columns and bool(as_json(self.data) == as_json(other.data))

    __hash__ = None  # type: ignore[assignment]

    def add_data(self, *data: Any) -> None:
        """One more row, a value for each column. Raises UsageError."""
        if len(data) != len(self.columns):
            raise UsageError(
                f"the table has {len(self.columns)} columns, {self.columns}; the row has "
                f"{len(data)} values"
            )
        self.data.append(list(data))
        self._changed = True

    def add_row(self, *row: Any) -> None:
        """add_data; the older name."""
        self.add_data(*row)

    def add_column(self, name: str, data: Any, optional: bool = False) -> None:
        """One more column: a list or an array with a value for each row. Raises UsageError."""
        del optional
        self._not_incremental("add_column")
        if name in self.columns:
            raise UsageError(f"the table has a column {name!r} already")
        values = list(data)
        if not self.columns:
            self.data = [[] for _ in values]
        if len(values) != len(self.data):
            raise UsageError(
                f"column {name!r} has {len(values)} values, the table {len(self.data)} rows"
            )
        self.columns.append(name)
        for row, value in zip(self.data, values):
            row.append(value)
        self._changed = True

    def add_computed_columns(self, fn: Callable[[int, dict[Any, Any]], dict[str, Any]]) -> None:
        """Columns computed of each row: `fn(index, {column: value})` gives {new column: value}."""
        self._not_incremental("add_computed_columns")
        added: dict[str, list[Any]] = {}
        for index, row in self.iterrows():
            for name, value in fn(index, dict(zip(self.columns, row))).items():
                added.setdefault(name, []).append(value)
        for name, values in added.items():
            self.add_column(name, values)

    def iterrows(self) -> Iterator[tuple[int, list[Any]]]:
        """(index, values) of each row."""
        yield from enumerate(self.data)

    def get_index(self) -> list[int]:
        """The index of each row."""
        return list(range(len(self.data)))

    def index_ref(self, index: int) -> int:
        """The index itself: tables are not linked to each other here."""
        return index

    def get_column(self, name: Any, convert_to: str | None = None) -> Any:
        """The values of a column; `convert_to="numpy"`: as an array. Raises UsageError."""
        if name not in self.columns:
            raise UsageError(f"the table has no column {name!r}: it has {self.columns}")
        if convert_to not in (None, "numpy"):
            raise UsageError(f"convert_to is {convert_to!r}: it may be 'numpy'")
        at = self.columns.index(name)
        values = [row[at] for row in self.data]
        if convert_to is None:
            return values
        return library("numpy", "get_column(convert_to='numpy')").array(values)

    def get_dataframe(self) -> Any:
        """As a data frame of pandas. Raises UsageError without pandas."""
        pandas = library("pandas", "get_dataframe()")
        return pandas.DataFrame.from_records(self.data, columns=self.columns)

    def cast(self, col_name: Any, dtype: Any, optional: bool = False) -> Any:
        """W&B's; a column here takes any values."""
        del optional
        self.get_column(col_name)
        return dtype

    def set_pk(self, col_name: Any) -> None:
        """W&B's; checks the name, and changes nothing."""
        self.get_column(col_name)

    def set_fk(self, col_name: Any, table: Any, table_col: Any) -> None:
        """W&B's; checks the names, and changes nothing."""
        self.get_column(col_name)
        table.get_column(table_col)

    def _not_incremental(self, method: str) -> None:
        if self.log_mode == "INCREMENTAL":
            raise UsageError(f"{method}() on a table of log_mode INCREMENTAL: it only takes rows")

    def cells(self, place: Place, rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """Rows with their media stored at `place`, as W&B's JSON of it."""
        from logging_core.media.rows import settle_value

        return [[settle_value(cell, place) for cell in row] for row in rows]

    def _opensweep_log_(self, place: Place) -> dict[str, Any]:
        again = self._stored is not None and self._stored.files == place.files
        if not again or self.log_mode != "IMMUTABLE":
            first = self._logged_rows if self.log_mode == "INCREMENTAL" and again else 0
            limit = self.MAX_ARTIFACT_ROWS
            rows = self.data[first : first + limit]
            if len(self.data) - first > limit:
                terminal.warn(
                    f"the table {place.key!r} has {len(self.data) - first:,} new rows: the first "
                    f"{limit:,} are kept (set Table.MAX_ARTIFACT_ROWS for more)"
                )
            content = as_json({"columns": self.columns, "data": self.cells(place, rows)})
            if self.log_mode == "INCREMENTAL" and again:
                assert self._stored is not None
                self._increments.append(self._stored.path)
            self._stored = write(place, self._folder, content, ".table.json")
            self._logged_rows, self._changed = len(self.data), False
        elif self._changed:
            self._changed = False
            terminal.warn(
                f"the table {place.key!r} was logged before: rows added since are not stored "
                "(make it with log_mode='MUTABLE' or 'INCREMENTAL')"
            )
        assert self._stored is not None
        told: dict[str, Any] = {
            "_type": self._log_type,
            "sha256": self._stored.sha256,
            "size": self._stored.size,
            "path": self._stored.path,
        }
        if self.log_mode == "INCREMENTAL":
            told["_type"] = "incremental-table-file"
            told["increment_num"] = len(self._increments)
            told["previous_increments_paths"] = list(self._increments)
        told.update(ncols=len(self.columns), nrows=len(self.data), log_mode=self.log_mode)
        return told


def _names(columns: Sequence[Any]) -> list[Any]:
    names = list(columns)
    if isinstance(columns, str) or not all(type(name) in (str, int) for name in names):
        raise UsageError(f"columns are a list of names, not {columns!r}")
    return names


def _rows(data: Any) -> Any:
    array = as_array(data, "a Table of an array")
    if array.ndim != 2:
        raise UsageError(f"a Table takes an array of two axes, not {array.shape}")
    return array.tolist()


def is_frame(value: Any) -> bool:
    """Whether it is a data frame of pandas or Polars."""
    return hasattr(value, "columns") and comes_from(value, "pandas", "polars", "modin", "cudf")


def _of_frame(frame: Any) -> tuple[list[Any], list[list[Any]]]:
    columns = list(frame.columns)
    if hasattr(frame, "to_pandas") and not hasattr(frame, "rows"):
        frame = frame.to_pandas()
    if hasattr(frame, "rows"):  # Polars
        return columns, [list(row) for row in frame.rows()]
    series = [frame.iloc[:, at].tolist() for at in range(len(columns))]
    rows = [list(row) for row in zip(*series)]
    return [name if type(name) in (str, int) else str(name) for name in columns], rows
