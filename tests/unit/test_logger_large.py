"""Runs that are large or odd: very many metrics, very many calls, long texts, names of all kinds.

Read back by both readers: record by record, and in bulk as the agent does.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from logger_place import clean_place, folder_of, records_of, rows_of  # noqa: F401

import opensweep
from agent.columnar import Batch, ColumnReader, Part, Rows
from agent.packing import columns_of
from logging_core.records import History, Reader
from logging_core.summary import SummaryFold
from sweeps.protocol.chunks import decode, encode_columns

pytestmark = pytest.mark.usefixtures("clean_place")

MANY = 100_000


def batches_of(run: opensweep.Run) -> list[Batch]:
    reader, at, found = ColumnReader(folder_of(run).records(1)), 0, []
    while batch := reader.batch(at, final=True):
        at = batch.end
        found.append(batch)
    return found


def rows_in(batches: list[Batch]) -> list[tuple[int, dict[str, Any]]]:
    items = (item for batch in batches for item in batch.items)
    rows = (item.rows() if isinstance(item, Rows) else [item] for item in items)
    return [(each.step, each.row) for some in rows for each in some if isinstance(each, History)]


def folded(run: opensweep.Run) -> dict[str, Any]:
    fold = SummaryFold()
    for record in records_of(run):
        fold.apply(record)
    return fold.summary


def assert_whole(run: opensweep.Run, rows: list[dict[str, Any]]) -> None:
    """Both readers give these rows, a chunk takes them, and the file folds to the same summary."""
    found = rows_of(run)
    # repr: NaN is not equal to itself, and -0.0 equals 0.0.
    assert repr([row for _, row in found]) == repr(rows)
    batches = batches_of(run)
    assert repr(rows_in(batches)) == repr(found)
    sent = [step for step, _, _ in decode(encode_columns(columns_of(batches))).rows()]
    assert sent == [step for step, _ in found]
    assert repr(folded(run)) == repr(run._journal.summary())


# -- many --------------------------------------------------------------------------------------


SCRIPT = """
import json, os, sys, time
import opensweep

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

run = opensweep.init(settings={"silent": True, "console": "off"})
names = [f"layer{n}" for n in range(20_000)]
wide = dict.fromkeys(names[:100], 0.5)
for number in range(-10, COUNT):
    if number == 0:
        start = most = resident()
        began = time.perf_counter()
    CALL
    if number > 0 and number % 100 == 0:
        most = max(most, resident())
logged = time.perf_counter()
run.finish()
finished = time.perf_counter()
print(json.dumps([run.dir, max(most, resident()) - start, logged - began, finished - logged]))
"""


class Done(NamedTuple):
    """What came of a script of its own.

    Attributes:
        records: its record file.
        grown: megabytes of memory that it took in the end, beyond those after 10 calls.
        logged, finished: seconds.
        said: on stderr.
    """

    records: Path
    grown: float
    logged: float
    finished: float
    said: str


def in_a_process(count: int, call: str) -> Done:
    """A script that makes 10 calls and then so many; `number` in them rises from -10."""
    script = SCRIPT.replace("COUNT", str(count)).replace("CALL", call)
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    folder, *figures = json.loads(done.stdout.splitlines()[-1])
    return Done(Path(folder).parent / "records.1.bin", *figures, done.stderr.decode())


def test_a_million_tiny_calls() -> None:
    done = in_a_process(1_000_000, "run.log({'loss': number * 0.5})")
    assert done.grown < 15
    assert done.finished < max(done.logged, 2.0)  # a fortieth of it, where nothing is in the way
    assert done.said == ""
    reader, at, count = ColumnReader(done.records), 0, 0
    parts: list[Part] = []
    while batch := reader.batch(at, final=True):
        at, count = batch.end, count + batch.rows
        parts += [part for item in batch.items if isinstance(item, Rows) for part in item.parts]
    assert count == 1_000_010
    last = parts[-1].row(len(parts[-1]) - 1)
    assert (last.step, last.row) == (1_000_009, {"loss": 499_999.5})


def test_each_row_has_names_of_its_own() -> None:
    """What grows is the summary, which holds the last value of every metric, and no more."""
    done = in_a_process(MANY // 10, "run.log({f'metric/{number}/{n}': n * 0.5 for n in range(10)})")
    assert done.grown < 40  # 100,000 names and values of 150 bytes, and a dict that doubles
    assert done.said.count("more than 100,000 different names") == 1
    records = Reader(done.records).read(final=True)
    rows = [(record.step, record.row) for record in records if isinstance(record, History)]
    assert len(rows) == MANY // 10 + 10
    assert rows[87] == (87, {f"metric/77/{n}": n * 0.5 for n in range(10)})
    fold = SummaryFold()
    for record in records:
        fold.apply(record)
    assert len(fold.summary) == MANY + 100
    assert fold.summary["metric/9999/9"] == 4.5


def test_a_row_of_very_many_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    run = opensweep.init()
    rows = [{f"layer{n}": n + step / 4 for n in range(MANY + 1)} for step in range(3)]
    for row in rows:
        run.log(row)
    run.finish()
    assert capsys.readouterr().err.count("more than 100,000 different names") == 1
    assert run._journal.summary() == rows[-1]
    assert [row for _, row in rows_of(run)] == rows
    batches = batches_of(run)
    assert sum(batch.rows for batch in batches) == 3
    columns = columns_of(batches)
    assert len(columns.columns) == MANY + 1
    assert columns.columns["layer77777"].values.tolist() == [77777.0, 77777.25, 77777.5]


def test_wide_rows_do_not_pile_up_in_memory() -> None:
    done = in_a_process(300, "run.log(dict.fromkeys(names, number * 0.5))")
    assert done.grown < 15


def test_many_shapes_of_rows_do_not_pile_up_in_memory() -> None:
    done = in_a_process(20_000, "run.log({**wide, f's{number % 190}': 0.5})")
    assert done.grown < 12


def test_each_shape_of_rows_has_a_curve_of_its_own() -> None:
    run = opensweep.init()
    for step in range(400):
        run.log({"loss": step / 7})
        run.log({f"other{step % 90}": 0.5})
    assert len(run._journal.curves()["loss"]) >= 40


def test_a_step_of_very_many_parts() -> None:
    """What a part costs does not grow with the step: neither to log, nor to read."""
    took = {}
    for way in ("one step", "a step each"):
        run = opensweep.init(reinit="create_new")
        before = time.perf_counter()
        for number in range(60_000):
            run.log({f"k{number}": 1.0}, step=0 if way == "one step" else number)
        logged = time.perf_counter()
        run.finish()
        finished = time.perf_counter()
        rows = rows_of(run)
        took[way] = (logged - before, time.perf_counter() - finished)
        if way == "one step":
            assert rows == [(0, {f"k{number}": 1.0 for number in range(60_000)})]
    for one, each in zip(*took.values(), strict=True):
        assert one < 4 * each


def test_names_that_change_with_each_row() -> None:
    run = opensweep.init()
    rows: list[dict[str, Any]] = []
    for step in range(2000):
        row: dict[str, Any] = {"loss": step / 7}
        if step % 2:
            row["accuracy"] = step
        if step % 3 == 0:
            row = {"first": True, **row}
        if step % 50 == 0:
            row["note"] = f"at {step}"
        if step % 70 == 0:
            row["loss"] = step  # an int this time
        rows.append(row)
        run.log(row)
    run.finish()
    assert_whole(run, rows)


# -- odd ---------------------------------------------------------------------------------------


def test_long_texts() -> None:
    run = opensweep.init()
    rows = [
        {"loss": 0.5, "text": "x" * 1_000_000},
        {"loss": 0.25, "text": "größe 😀\n" * 100_000},
        {"loss": 0.125},
        {"text": "\0" * 1_000_000, "nested": {"deep": "y" * 1_000_000}},
    ]
    for row in rows:
        run.log(row)
    run.finish()
    found = rows_of(run)
    assert [row for _, row in found] == rows
    assert rows_in(batches_of(run)) == found
    assert folded(run) == run._journal.summary()


ODD_NAMES = [
    "",
    " ",
    "\n",
    "\r\n",
    "\0",
    "nul\0inside",
    '"',
    "'",
    "\\",
    "a/b/c",
    "a.b",
    ".",
    "..",
    "../../etc/passwd",
    "\ud800",
    "\udfff\ud800",
    "😀",
    "\u2028",
    "\u202eright to left",
    "k" * 10_000,
    "%s{}$(x)",
    "<script>",
    "\x1b[31m",
]


@pytest.mark.parametrize("together", [False, True])
def test_names_of_every_character(together: bool, capfd: pytest.CaptureFixture[str]) -> None:
    run = opensweep.init()
    if together:
        rows = [{name: n + step / 2 for n, name in enumerate(ODD_NAMES)} for step in range(12)]
    else:
        rows = [{name: step / 2} for name in ODD_NAMES for step in range(3)]
    for row in rows:
        run.log(row)
    run.finish()
    assert_whole(run, rows)
    said = capfd.readouterr().err
    assert "Traceback" not in said
    assert "\x1b" not in said
    assert max(map(len, said.splitlines())) < 200


def test_names_that_are_no_text() -> None:
    run = opensweep.init()
    run.log({1: 1.0, None: 2.0, (1, 2): 3.0, 2.5: 4.0, b"x": 5.0, np.str_("np"): 6.0, Text("t"): 7})
    run.log({"a": {1: {None: 2}}})
    run.finish()
    first = {"1": 1.0, "None": 2.0, "(1, 2)": 3.0, "2.5": 4.0, "b'x'": 5.0, "np": 6.0, "t": 7}
    assert_whole(run, [first, {"a": {"1": {"None": 2}}}])


def test_names_without_a_text_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    run = opensweep.init()
    run.log({Unprintable(): 1.0, "loss": 0.5})
    run.log({"deep": {Unprintable(): {"x": 2}}})
    run.summary.update({Unprintable(): 3})
    run.finish()
    name = "<Unprintable: no text>"
    assert_whole(run, [{name: 1.0, "loss": 0.5}, {"deep": {name: {"x": 2}}}])
    assert run._journal.summary()[name] == 3
    assert "Traceback" not in capsys.readouterr().err


def test_nesting_without_end(capsys: pytest.CaptureFixture[str]) -> None:
    run = opensweep.init()
    dicts: dict[str, Any] = {}
    lists: list[Any] = []
    inner: Any = dicts
    for _ in range(5000):
        inner["d"] = inner = {}
    inner = lists
    for _ in range(5000):
        inner.append(inner := [])
    circle: dict[str, Any] = {"loss": 0.5}
    circle["again"] = circle
    for value in (dicts, lists, circle):
        run.log({"value": value, "loss": 1.5})
    run.log({"loss": 2.5})
    run.finish()
    found = rows_of(run)
    assert [row["loss"] for _, row in found] == [1.5, 1.5, 1.5, 2.5]
    assert rows_in(batches_of(run)) == found
    assert folded(run) == run._journal.summary()
    assert capsys.readouterr().err.count("nested deeper than 24 levels") == 1


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class Odd:
    """Fails however it is looked at."""

    def __init__(self, error: Exception, *, shaped: bool = False) -> None:
        self._error = error
        if shaped:
            self.shape = (3,)

    def __getattr__(self, name: str) -> Any:
        raise self._error

    def __str__(self) -> str:
        return "odd"


class Date:
    def isoformat(self) -> str:
        raise OverflowError("no date")

    def __str__(self) -> str:
        return "late"


@dataclass
class Half:
    """One field was never set."""

    x: int
    y: int = field(init=False)

    def __str__(self) -> str:
        return "half"


class Text(str):
    """As a member of an enum of texts: str() of it is not what it is."""

    def __str__(self) -> str:
        return "Text.A"


ODD_VALUES: list[tuple[Any, Any]] = [
    (math.nan, math.nan),
    (-math.inf, -math.inf),
    (-0.0, -0.0),
    (5e-324, 5e-324),
    (2**63 - 1, 2**63 - 1),
    (2**63, 2**63),
    (-(2**63) - 1, -(2**63) - 1),
    (10**5000, math.inf),
    (None, None),
    (True, True),
    ("", ""),
    ("\ud800", "\ud800"),
    (b"\xff\0", "b'\\xff\\x00'"),
    (1 + 2j, "(1+2j)"),
    (..., "Ellipsis"),
    (int, "<class 'int'>"),
    ({3}, [3]),
    (range(3), [0, 1, 2]),
    (Unprintable(), "<Unprintable: no text>"),
    (Odd(AttributeError("no such thing")), "odd"),
    (Odd(RuntimeError("not now")), "odd"),
    (Odd(ValueError("no"), shaped=True), "odd"),
    (Date(), "late"),
    (Half(1), "half"),
    (Text("a"), "a"),
    (np.float16(0.5), 0.5),
    (np.uint64(2**64 - 1), 2**64 - 1),
    (np.array(2.5), 2.5),
    (np.array([]), []),
    (np.bool_(True), True),
    (np.datetime64("2020-01-01"), "2020-01-01"),
    ({}, {}),
    ([], []),
    ({"_type": 5}, {"_type": 5}),
]


def test_values_of_every_odd_kind() -> None:
    run = opensweep.init()
    for value, _ in ODD_VALUES:
        run.log({"value": value, "loss": 0.5})
    run.log({f"value{n}": value for n, (value, _) in enumerate(ODD_VALUES)})
    run.finish()
    expected = [{"value": plain, "loss": 0.5} for _, plain in ODD_VALUES]
    expected.append({f"value{n}": plain for n, (_, plain) in enumerate(ODD_VALUES)})
    assert_whole(run, expected)
