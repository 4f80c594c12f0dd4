"""Whatever a script logs becomes a plain value, and no library is imported for it."""

from __future__ import annotations

import enum
import math
import re
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from logging_core.values import dumps, flatten, plain, take_reserved, whole_step


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclass
class Point:
    x: Any
    y: int


Pair = namedtuple("Pair", "a b")


class Tensor:
    """As torch's: item() refuses more than one element, and is tried first."""

    def __init__(self, *values: float) -> None:
        self.values = values
        self.shape = (len(values),)

    def item(self) -> float:
        if len(self.values) != 1:
            raise RuntimeError("a Tensor with 2 elements cannot be converted to Scalar")
        return self.values[0]

    def tolist(self) -> list[float]:
        return list(self.values)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64(0.1), 0.1),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.int64(2**62), 2**62),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.longdouble(0.5), 0.5),
        (np.array(3), 3),
        (np.array([4.0]), 4.0),
        (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
        (np.datetime64("2026-01-02"), "2026-01-02"),
        (Tensor(0.5), 0.5),
        (Tensor(1.0, 2.0), [1.0, 2.0]),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 2), 0.5),
        (date(2026, 1, 2), "2026-01-02"),
        (Point(np.int8(1), 2), {"x": 1, "y": 2}),
        (Pair(1, 2), [1, 2]),
        ({1}, [1]),
        (OrderedDict(a={2: np.float64(1)}), {"a": {"2": 1.0}}),
        (10**3000, math.inf),
        (-(10**3000), -math.inf),
        (10**300, 10**300),
    ],
    # No address of an object: parallel workers must agree on the names.
    ids=lambda value: re.sub(r" object at 0x\w+", "", repr(value)),
)
def test_plain(value: Any, expected: Any) -> None:
    found = plain(value)
    assert found == expected
    assert type(found) is type(expected)


def test_what_has_no_plain_form_is_text_and_told() -> None:
    told: list[str] = []
    assert plain(object, told.append) == "<class 'object'>"
    assert plain(np.zeros(20_000), told.append).startswith("[0. 0.")
    loop: list[Any] = []
    loop.append(loop)
    assert "..." in str(plain(loop, told.append))
    assert len(told) == 3
    assert "builtins.type has no plain form" in told[0]


def test_json_of_anything() -> None:
    assert dumps({"a": math.nan, "b": -math.inf, "é": "\ud800"}) == (
        b'{"a":NaN,"b":-Infinity,"\\u00e9":"\\ud800"}'
    )
    assert dumps({"a": Point(1, 2)}) == b'{"a":{"x":1,"y":2}}'


def test_flatten() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": 2}}, "e.f": 3}) == {"a.b": 1, "a.c.d": 2, "e.f": 3}
    assert flatten({"a": {}}) == {}
    image = {"_type": "image-file", "path": "media/images/a.png"}
    assert flatten({"a": {"b": image}, "c": image}) == {"a.b": image, "c": image}


def test_what_a_row_may_not_say() -> None:
    told: list[str] = []
    row = {"_step": 99, "_runtime": 3, "_timestamp": np.float32(5), "k": 1}
    assert take_reserved(row, told.append) == 5.0
    assert row == {"k": 1}
    assert ["_step" in told[0], "_runtime" in told[1], len(told)] == [True, True, 2]
    assert take_reserved({"_timestamp": "now"}, told.append) is None
    assert "seconds since 1970, not 'now'" in told[2]
    assert take_reserved(row, told.append) is None


def test_a_step_is_a_whole_number() -> None:
    assert [whole_step(3), whole_step(3.0), whole_step(np.int64(3))] == [3, 3, 3]
    for wrong in (30.7, "3", np.float64(0.5)):
        with pytest.raises(ValueError, match=re.escape(str(wrong))):
            whole_step(wrong)
