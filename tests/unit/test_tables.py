"""Tables for people: what a sort, a filter, a search and a look at a column give."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.tables import OPERATORS, Condition, Table, choose, describe, read_csv, read_json
from sweeps.errors import UsageError

CELL = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(allow_nan=True),
    st.sampled_from(["a", "B", "NaN", ""]),
    st.lists(st.integers(0, 3), max_size=2),
)


def table(*cells: Any, name: str = "x") -> Table:
    return Table([name], [[cell] for cell in cells])


def sorted_cells(of: Table, *, descending: bool = False) -> list[Any]:
    return [of.rows[row][0] for row in choose(of, sort="x", descending=descending)]


def test_numbers_come_before_texts_and_what_is_missing_last() -> None:
    mixed = table("b", None, 3, "NaN", "A", 1.5, True)
    assert sorted_cells(mixed)[:2] == [1.5, 3]
    assert sorted_cells(mixed)[-2:] == [None, "NaN"]
    down = sorted_cells(mixed, descending=True)
    assert down[-2:] == [None, "NaN"]
    assert [cell for cell in down if isinstance(cell, str)][:2] == ["b", "A"]


@given(st.lists(CELL), st.booleans())
def test_any_cells_can_be_sorted(cells: list[Any], descending: bool) -> None:
    order = choose(table(*cells), sort="x", descending=descending)
    assert sorted(order) == list(range(len(cells)))


@given(st.lists(CELL), st.sampled_from(sorted(OPERATORS)), st.sampled_from(["1", "a", "", "NaN"]))
def test_any_condition_parts_the_rows(cells: list[Any], operator: str, value: str) -> None:
    found = choose(table(*cells), conditions=[Condition("x", operator, value)])
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("operator", "value", "found"),
    [
        ("=", "2", [1]),
        ("=", "cat", [2]),
        ("!=", "2", [0, 2, 3, 4]),
        (">", "1.5", [1]),
        ("<=", "1", [0]),
        ("contains", "A", [2]),
        ("without", "a", [0, 1, 3, 4]),
        (">=", "cas", [2]),
    ],
)
def test_conditions(operator: str, value: str, found: list[int]) -> None:
    assert choose(table(1, 2, "Cat", None, [3]), conditions=[Condition("x", operator, value)]) == (
        found
    )


def test_a_search_looks_into_every_cell() -> None:
    of = Table(["a", "b"], [[1, "One"], [2, {"k": "ONE"}], [31, None]])
    assert choose(of, search="one") == [0, 1]
    assert choose(of, search="1") == [0, 2]


def test_a_column_as_a_whole() -> None:
    told = describe(table(1, 2, 2, "NaN", None), range(5), "x")
    assert (told["numbers"], told["missing"], told["mean"]) == (3, 1, 5 / 3)
    assert sum(each[2] for each in told["bins"]) == 3
    words = describe(table("a", "b", "a", 1), range(4), "x")
    assert (words["values"][0], words["distinct"]) == (["a", 2], 3)
    with pytest.raises(UsageError, match="no column 'y'"):
        describe(table(1), [0], "y")


def test_parts_of_a_table_and_odd_rows() -> None:
    parts = [
        json.dumps({"columns": ["a", "b"], "data": data}).encode() for data in ([[1, 2]], [[3]])
    ]
    assert read_json(parts) == Table(["a", "b"], [[1, 2], [3, None]])
    for odd in (b"[]", b"{", b'{"columns": ["a"], "data": [1]}'):
        with pytest.raises(UsageError):
            read_json([odd])


def test_a_csv_file() -> None:
    of = read_csv(b'\xef\xbb\xbfn,word\n1,"a,b"\n-2.5,\n,x,more\n')
    assert of.columns == ["n", "word", "column 3"]
    assert of.rows == [[1, "a,b", None], [-2.5, "", None], ["", "x", "more"]]
    assert read_csv(b"a\tb\n1\t2\n", tabs=True).rows == [[1, 2]]
    assert read_csv(b"") == Table([], [])
