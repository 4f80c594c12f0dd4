"""W&B's MongoDB-style filters and orders, on columns of values of every kind."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from controller.store.run_columns import Column, sorted_rows
from controller.store.run_fields import MISSING, RunField, run_field, value_at
from controller.store.run_filters import as_filter, parse_filters, parse_order
from sweeps.errors import UsageError

# Row by row; what is not named is missing.
RUNS: list[dict[str, Any]] = [
    {"config": {"lr": 0.1, "opt": "adam"}, "summary": {"loss": 0.5}, "tags": ["a", "b"]},
    {"config": {"lr": 1, "opt": "sgd"}, "summary": {"loss": math.nan}, "tags": []},
    {"config": {"lr": "0.1", "opt": None}, "summary": {"loss": -math.inf}, "tags": ["b"]},
    {"config": {"lr": True, "opt": {"name": "adam", "b": [1, 2]}}, "summary": {"loss": 2**60}},
    {"config": {"lr": [0.1, 5], "opt.name": "flat"}, "summary": {}, "tags": "a"},
    {"config": {}, "summary": {"loss": None, "x": {"min": 1}}},
]
CREATED = 1_700_000_000.0  # 2023-11-14T22:13:20 UTC


def columns() -> Any:
    made: dict[RunField, Column] = {}

    def get(field: RunField) -> Column:
        if field not in made:
            made[field] = column = Column(len(RUNS))
            for row, run in enumerate(RUNS):
                if field.source == "run":
                    known = {"local_id": f"r{row}", "state": "finished", "created": CREATED + row}
                    column[row] = known.get(field.name, MISSING)
                elif field.source == "metadata":
                    column[row] = run.get(field.name, MISSING)
                else:
                    column[row] = value_at(run[field.source], field.name)
        return made[field]

    return get


def rows(given: Any) -> list[int]:
    mask = as_filter(given).keep(columns())
    assert mask.dtype == np.bool_
    found: list[int] = np.flatnonzero(mask).tolist()
    return found


ALL = list(range(6))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ALL),
        ({"config.lr": 0.1}, [0, 4]),
        ({"config.lr": 1}, [1]),  # true is not 1
        ({"config.lr": 1.0}, [1]),
        ({"config.lr": True}, [3]),
        ({"config.lr": "0.1"}, [2]),
        ({"config.lr": [0.1, 5]}, [4]),
        ({"config.lr": None}, [5]),
        ({"config.lr.value": 0.1}, [0, 4]),  # as W&B keeps configs
        ({"config.opt": None}, [2, 4, 5]),
        ({"config.opt": {"name": "adam", "b": [1, 2]}}, [3]),
        ({"config.opt.name": "adam"}, [3]),
        ({"config.opt.name": "flat"}, [4]),
        ({"config.opt.value.b": 2}, [3]),
        ({"config.lr": {"$ne": 0.1}}, [1, 2, 3, 5]),
        ({"config.lr": {"$gt": 0.05}}, [0, 1, 4]),  # texts and booleans are no numbers
        ({"config.lr": {"$gte": 0.1, "$lt": 1}}, [0, 4]),
        ({"config.lr": {"$lte": "0.5"}}, [2]),
        ({"config.opt": {"$gt": "b"}}, [1]),
        ({"summary_metrics.loss": {"$lt": 1}}, [0, 2]),  # NaN is to nothing so
        ({"summary.loss": {"$gt": 2**60 - 1000}}, [3]),
        ({"summary.loss": 2**60}, [3]),
        ({"summary.loss": 2**60 + 1}, []),
        ({"summary.loss": {"$exists": True}}, [0, 1, 2, 3, 5]),
        ({"summary.loss": {"$exists": False}}, [4]),
        ({"summary.x.min": 1}, [5]),
        ({"config.lr": {"$in": [1, "0.1", None]}}, [1, 2, 5]),
        ({"config.lr": {"$nin": [1, "0.1", None]}}, [0, 3, 4]),
        ({"config.lr": {"$in": []}}, []),
        ({"tags": "a"}, [0, 4]),
        ({"tags": {"$in": ["b", "c"]}}, [0, 2]),
        ({"tags": {"$nin": ["b"]}}, [1, 3, 4, 5]),
        ({"config.opt": {"$regex": "^a"}}, [0]),
        ({"config.opt": {"$regex": "^A", "$options": "i"}}, [0]),
        ({"tags": {"$regex": "b"}}, [0, 2]),
        ({"config.opt": {"$not": {"$regex": "a"}}}, [1, 2, 3, 4, 5]),
        ({"$not": {"config.opt": "sgd"}}, [0, 2, 3, 4, 5]),
        ({"$or": [{"config.opt": "sgd"}, {"tags": "a"}]}, [0, 1, 4]),
        ({"$and": [{"tags": "b"}, {"config.lr": {"$gt": 0}}]}, [0]),
        ({"$nor": [{"tags": "b"}, {"config.opt": "sgd"}]}, [3, 4, 5]),
        ({"$and": [{"$or": [{"name": "r1"}, {"name": "r2"}]}, {"config.opt": "sgd"}]}, [1]),
        ({"state": "finished", "tags": "b"}, [0, 2]),
        ({"created_at": {"$gte": "2023-11-14T22:13:24"}}, [4, 5]),
        ({"createdAt": {"$lt": "2023-11-15T00:13:22+02:00"}}, [0, 1]),
        ({"created_at": {"$lte": CREATED + 1}}, [0, 1]),
    ],
)
def test_a_filter_keeps_the_runs_that_fit(given: dict[str, Any], expected: list[int]) -> None:
    assert rows(given) == expected


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "no JSON"),
        ("[]", "expected an object"),
        ('"x"', "expected an object"),
        ('{"loss": 1}', "expected config.NAME"),
        ('{"config.": 1}', "runs have no 'config.'"),
        ('{"$where": "1"}', r"\$and, \$or, \$nor, \$not"),
        ('{"$or": {}}', "expected a list"),
        ('{"$or": []}', "expected a list"),
        ('{"config.x": {"$near": 1}}', r"config.x: \$near: no such operator; there are \$eq"),
        ('{"config.x": {"$gt": 1, "y": 2}}', "y: no such operator"),
        ('{"config.x": {"$gt": [1]}}', "expected a number or a text"),
        ('{"config.x": {"$gt": true}}', "expected a number or a text"),
        ('{"config.x": {"$in": 1}}', "expected a list"),
        ('{"config.x": {"$exists": "yes"}}', "expected true or false"),
        ('{"config.x": {"$regex": "("}}', "no regular expression"),
        ('{"config.x": {"$regex": 1}}', "expected a pattern"),
        ('{"config.x": {"$regex": "a", "$options": "q"}}', r"\$options has i, m, s and x"),
        ('{"config.x": {"$not": 1}}', "expected an object of operators"),
        ('{"created_at": {"$gt": "yesterday"}}', "expected a time"),
        ('{"created_at": true}', "expected a time"),
        (json.dumps({"$and": [{}]}).replace("{}", '{"$and": [' * 30 + "{}" + "]}" * 30), "deep"),
    ],
)
def test_a_filter_that_is_none_is_said_so(text: str, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        parse_filters(text)


@pytest.mark.parametrize("text", ["", "  ", "{}"])
def test_no_filter_keeps_everything(text: str) -> None:
    assert parse_filters(text).keep(columns()).all()


def order(text: str) -> list[int]:
    get = columns()
    keys = [
        key
        for each in parse_order(text)
        for key in get(each.field).sort_keys(descending=each.descending)
    ]
    found: list[int] = sorted_rows(np.arange(len(RUNS)), keys).tolist()
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ALL),
        ("+created_at", ALL),
        ("created_at", ALL),
        ("-created_at", ALL[::-1]),
        # Numbers, then texts, then what has no order, then NaN, then nothing, either way.
        ("+summary_metrics.loss", [2, 0, 3, 1, 4, 5]),
        ("-summary_metrics.loss", [3, 0, 2, 1, 4, 5]),
        ("+config.lr", [0, 1, 3, 2, 4, 5]),
        ("-config.opt,-created_at", [1, 0, 3, 5, 4, 2]),
        (" -state , -created_at ", ALL[::-1]),
    ],
)
def test_runs_are_sorted(text: str, expected: list[int]) -> None:
    assert order(text) == expected


def test_an_order_by_what_there_is_not_is_said_so() -> None:
    with pytest.raises(UsageError, match="runs have no 'loss'"):
        parse_order("-loss")


def test_values_come_back_as_json_has_them() -> None:
    given = [1, 1.5, True, None, "x", [1], {"a": 1}, 2**70, -(2**60), math.nan, math.inf, MISSING]
    column = Column()
    for row, value in enumerate(given):
        column.grow(row + 1)
        column[row] = value
    found = column.values(np.arange(len(given)))
    assert found == [*given[:-3], "NaN", "Infinity", None]
    assert [type(value) for value in found[:4]] == [int, float, bool, type(None)]
    assert column.values(np.array([3, 0])) == [None, 1]
    assert repr(column[9]) == "nan"
    assert column[11] is MISSING
    column[7] = 1  # what was there is gone
    assert column[7] == 1
    assert np.flatnonzero(column.equal(2**70)).tolist() == []


def test_names_lead_to_where_the_values_are() -> None:
    assert run_field("name") == RunField("run", "local_id")
    assert run_field("id") == RunField("run", "id")
    assert run_field("display_name") == run_field("displayName") == RunField("run", "name")
    assert run_field("jobType") == RunField("metadata", "job_type")
    assert run_field("summary_metrics.a.b") == RunField("summary", "a.b")
    nested = {"a": {"b.c": {"d": 1}}, "a.b": 2, "v": {"value": 3}, "w": 4}
    assert value_at(nested, "a.b.c.d") == 1
    assert value_at(nested, "a.b") == 2
    assert value_at(nested, "v.value") == 3
    assert value_at(nested, "w.value") == 4
    assert value_at(nested, "a.value.b.c.d") == 1
    assert value_at(nested, "a.x") is MISSING
    assert value_at(nested, "w.x") is MISSING
