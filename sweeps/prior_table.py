"""`prior: old.csv`: results of before, one row each, read as configurations of a sweep's space.

Columns are named as the parameters (dotted; `config.lr`, as `sweep export` writes it, does as
well) and as the metric; the other names of `metrics`, `seconds` (or `duration_s`) and `state` are
read where they are there, anything else is passed over. A cell becomes what its parameter's
values are: a number, or that of the listed values which it spells. A row without a value of the
metric is one that failed, unless its state says that it did not.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sweeps.distributions import Categorical, Constant, Distribution, IntUniform
from sweeps.errors import SpecError
from sweeps.section import did_you_mean
from sweeps.space import Parameter, Path, Space

_OPEN = frozenset(("pending", "preempted", "queued", "running"))
_CONFIG = "config."
_TOLD = 3  # problems of a file
_SLIP = 0.8  # names so much alike are one, misspelt
_FAILED = frozenset(("canceled", "crashed", "failed", "killed"))


@dataclass(frozen=True)
class PriorRun:
    """One result of before: a nested config, and what came of it in the user's own direction.

    Attributes:
        name: by which it is known.
        config: nested; of the space, but perhaps outside its bounds.
        objective: None when it failed.
        metrics, seconds: as in `sweeps.search.Ended`.
        unusable: why it is no result, to stand behind a number; None: it is one.
        foreign: values of parameters that the space has not, by dotted name.
    """

    name: str
    config: Mapping[str, Any]
    objective: float | None
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float | None = None
    unusable: str | None = None
    foreign: Mapping[str, Any] = field(default_factory=dict)


def read_table(
    text: str, name: str, space: Space, metric: str, others: Sequence[str] = ()
) -> list[PriorRun]:
    """The rows of a CSV file.

    Args:
        text: the file's.
        name: as the sweep's file names it.
        space: whose configurations they are to be.
        metric: the objective's name.
        others: names of further metrics.

    Raises:
        SpecError: with the file's line and column, when a column is missing or a cell is no value;
            of several such cells the first three.
    """
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        header = [cell.strip() for cell in next(rows, [])]
        if len(header) == 1:
            _refuse_other_separators(name, header[0])
        table = _Table(name, header, space, metric, others)
        found = [table.run(rows.line_num, row) for row in rows if any(map(str.strip, row))]
    except csv.Error as error:
        raise _error(f"{name}, line {rows.line_num}: it is no CSV: {error}.") from None
    if table.problems:
        more = len(table.problems) - _TOLD
        told = "; ".join(table.problems[:_TOLD]) + (f"; and {more:,} more" if more > 0 else "")
        raise _error(f"{name}, {told}.")
    return found


def _refuse_other_separators(name: str, line: str) -> None:
    for sign, word in ((";", "`;`"), ("\t", "tabs"), ("|", "`|`")):
        if sign in line:
            raise _error(
                f"{name} has {word} between its cells, and a CSV file has commas.",
                "Save it again with commas (and points in its numbers).",
            )


class _Table:
    def __init__(
        self, name: str, header: Sequence[str], space: Space, metric: str, others: Sequence[str]
    ) -> None:
        self._name, self._header, self._space = name, header, space
        objective = self._column(metric, f"summary.{metric}", "objective")
        if objective is None:
            raise self._lacks(metric)
        self._objective = objective
        self.problems: list[str] = []
        self._parameters: list[tuple[Parameter, int]] = []
        lacking: list[Parameter] = []
        for parameter in self._space.parameters:
            place = self._column(parameter.name, f"config.{parameter.name}")
            if place is not None:
                self._parameters.append((parameter, place))
            elif not isinstance(parameter.distribution, Constant):
                lacking.append(parameter)
        self._refuse(lacking)
        places = {each: self._column(each, f"summary.{each}") for each in others}
        self._others = {each: place for each, place in places.items() if place is not None}
        self._seconds = self._column("seconds", "duration_s")
        self._state = self._column("state", "State")
        self._metric = metric
        known = {parameter.name for parameter in space.parameters}
        names = [(n, cell.removeprefix(_CONFIG)) for n, cell in enumerate(self._header)
                 if cell.startswith(_CONFIG)]  # fmt: skip
        self._foreign = {name: n for n, name in names if name not in known}

    def _column(self, *names: str) -> int | None:
        return next((self._header.index(name) for name in names if name in self._header), None)

    def _lacks(self, name: str, *others: str, among: Sequence[str] | None = None) -> SpecError:
        columns = [each for each in self._header if each]
        near = among if among and _near(name, among) else columns
        names = ", ".join(f"`{each}`" for each in (name, *others))
        return _error(
            f"{self._name} has no column{'s' if others else ''} {names}.",
            did_you_mean(name, near, "It has"),
        )

    def _refuse(self, lacking: Sequence[Parameter]) -> None:
        """Raises SpecError where parameters have no column: those that are always there, and those
        for whose name another column's is a slip. The rest a row may not need."""
        taken = {place for _, place in self._parameters} | {self._objective}
        free = [
            each.removeprefix(_CONFIG)
            for n, each in enumerate(self._header)
            if each and n not in taken
        ]
        slips = [each.name for each in lacking if _near(each.name, free)]
        needed = [each.name for each in lacking if not each.when and each.name not in slips]
        if slips or needed:
            raise self._lacks(*slips, *needed, among=free)

    def run(self, line: int, row: Sequence[str]) -> PriorRun:
        if len(row) > len(self._header):
            self.problems.append(f"line {line}: {len(row)} cells under {len(self._header)} columns")
            row = row[: len(self._header)]
        cells = [cell.strip() for cell in row] + [""] * (len(self._header) - len(row))
        state = "" if self._state is None else cells[self._state].lower()
        name = f"{self._name}:{line}"
        if state in _OPEN:
            return PriorRun(name, {}, None, unusable="not over yet")
        flat: dict[Path, Any] = {
            p.path: p.distribution.value
            for p in self._space.parameters
            if isinstance(p.distribution, Constant)
        }
        told = []
        for parameter, place in self._parameters:
            if cells[place]:
                told.append(parameter.path)
            if cells[place] or _takes_nothing(parameter.distribution):
                flat[parameter.path] = self._value(line, parameter, cells[place])
        others = {other: self._number(line, at, cells) for other, at in self._others.items()}
        seconds = None if self._seconds is None else self._number(line, self._seconds, cells)
        objective = self._number(line, self._objective, cells)
        there = self._space.prune(self._space.sort(flat))
        flat = {path: value for path, value in flat.items() if path in there or path in told}
        return PriorRun(
            name,
            self._space.nest(self._space.sort(flat)),
            None if state in _FAILED else objective,
            {other: value for other, value in others.items() if value is not None},
            seconds,
            unusable=f"without a value of {self._metric}"
            if objective is None and state and state not in _FAILED
            else None,
            foreign={name: cells[place] for name, place in self._foreign.items()},
        )

    def _value(self, line: int, parameter: Parameter, cell: str) -> Any:
        found = read_cell(cell, parameter.distribution)
        if found is None and not isinstance(parameter.distribution, (Categorical, Constant)):
            self.problems.append(
                f"line {line}, column {parameter.name}: must be "
                f"{parameter.distribution.describe()}, not {cell!r}"
            )
        return found

    def _number(self, line: int, place: int, cells: Sequence[str]) -> float | None:
        """A finite number; None for an empty cell, NaN and infinities."""
        try:
            value = float(cells[place]) if cells[place] else math.nan
        except ValueError:
            self.problems.append(
                f"line {line}, column {self._header[place]}: must be a number, not {cells[place]!r}"
            )
            return None
        return value if math.isfinite(value) else None


def _near(name: str, among: Sequence[str]) -> bool:
    """Whether one of them is the name, misspelt. (beta1 is no slip for beta2.)"""
    alike = [each for each in among if _digits(each) == _digits(name)]
    return bool(difflib.get_close_matches(name, alike, n=1, cutoff=_SLIP))


def _digits(name: str) -> str:
    return "".join(filter(str.isdigit, name))


def read_cell(cell: str, distribution: Distribution) -> Any:
    """A cell as a value of a parameter; None when it is no number where one is wanted (or the
    value null). A number may lie outside the parameter's bounds, and a cell that spells none of
    the listed values stays the text that it is."""
    if isinstance(distribution, (Categorical, Constant)):
        values = (
            distribution.values if isinstance(distribution, Categorical) else (distribution.value,)
        )
        return next((value for value in values if _spells(cell, value)), cell)
    try:
        number = float(cell)
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    whole = number.is_integer() and abs(number) < 2**53
    if isinstance(distribution, IntUniform):
        return int(number) if whole else None
    quantum = getattr(distribution, "q", None)
    return int(number) if isinstance(quantum, int) and whole else number


def _takes_nothing(distribution: Distribution) -> bool:
    """Whether null or the empty text is one of its values, so that an empty cell is a value."""
    return distribution.contains(None) or distribution.contains("")


def _spells(cell: str, value: Any) -> bool:
    if isinstance(value, str):
        return cell == value.strip()
    if value is None:
        return cell.lower() in ("", "null", "none")
    if isinstance(value, bool):
        return cell.lower() == str(value).lower()
    if isinstance(value, (int, float)):
        try:
            return math.isclose(float(cell), value, rel_tol=1e-9)
        except ValueError:
            return False
    try:
        return bool(json.loads(cell) == value)
    except ValueError:
        return False


def fewest(runs: Sequence[PriorRun], most: int, *, maximize: bool) -> list[PriorRun]:
    """At most `most` of them, in their order: the best half of that number, and of the others as
    many more, evenly."""
    if len(runs) <= most:
        return list(runs)
    worst = math.inf
    sign = -1 if maximize else 1
    ranked = sorted(
        range(len(runs)),
        key=lambda n: worst if (value := runs[n].objective) is None else sign * value,
    )
    best, rest = ranked[: most // 2], ranked[most // 2 :]
    count = most - len(best)
    kept = {*best, *(rest[n * len(rest) // count] for n in range(count))}
    return [run for n, run in enumerate(runs) if n in kept]


def _error(problem: str, hint: str | None = None) -> SpecError:
    return SpecError(problem, key_path="prior", hint=hint)
