"""`early_terminate` in a sweep file: the settings of each rule, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from sweeps.errors import SpecError
from sweeps.spec import load_spec

FILE = """\
program: t.py
method: random
parameters: {a: {value: 1}}
metric: {name: loss}
early_terminate: """


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "{type: hyperband, min_iter: 3}",
            {"min_iter": 3, "max_iter": None, "s": None, "eta": 3, "strict": True},
        ),
        (
            "{type: hyperband, max_iter: 27.0, s: 2, eta: 2.5, strict: false}",
            {"min_iter": None, "max_iter": 27, "s": 2, "eta": 2.5, "strict": False},
        ),
        ("{type: asha}", {"min_iter": 2, "max_iter": None, "eta": 3, "brackets": 1}),
        (
            "{type: asha, max_iter: 270, brackets: 2}",
            {"min_iter": 10, "max_iter": 270, "eta": 3, "brackets": 2},
        ),
        (
            "{type: asha, min_iter: 1, eta: 4}",
            {"min_iter": 1, "max_iter": None, "eta": 4, "brackets": 1},
        ),
        ("{type: plateau, patience: 7}", {"patience": 7, "min_delta": 0, "min_iter": 1}),
        (
            "{type: plateau, patience: 7, min_delta: 1e-3, min_iter: 5}",
            {"patience": 7, "min_delta": 1e-3, "min_iter": 5},
        ),
        (
            "{type: curve}",
            {"threshold": 0.01, "min_iter": 2, "max_iter": None, "min_trials": 5, "eta": 3},
        ),
        (
            "{type: curve, threshold: 0.1, max_iter: 81, min_trials: 4, eta: null}",
            {"threshold": 0.1, "min_iter": 3, "max_iter": 81, "min_trials": 4, "eta": None},
        ),
        ("{type: median}", {"min_iter": 3, "min_trials": 5}),
        (
            "{type: percentile, percentile: 25, min_trials: 2}",
            {"percentile": 25, "min_iter": 3, "min_trials": 2},
        ),
    ],
)
def test_the_settings_of_each_stopping_rule(text: str, expected: dict[str, Any]) -> None:
    found = load_spec(FILE + text).early_terminate
    assert found is not None
    assert found.type in text
    assert found.settings == expected


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("{type: hyperbnd}", ".type", "Did you mean `hyperband`?"),
        ("{min_iter: 3}", ".type", "is missing"),
        ("{type: hyperband}", "", "needs `min_iter`, or `max_iter` and `s`"),
        ("{type: hyperband, max_iter: 9}", ".max_iter", "needs `s`"),
        ("{type: hyperband, max_iter: 2, s: 1}", ".max_iter", "there is no band"),
        ("{type: hyperband, min_iter: 0}", ".min_iter", "at least 1"),
        ("{type: hyperband, min_iter: 3, eta: 1}", ".eta", "greater than 1"),
        ("{type: hyperband, min_iter: 3, strict: 1}", ".strict", "must be true or false"),
        ("{type: hyperband, min_iter: 3, max_itr: 9}", ".max_itr", "Did you mean `max_iter`?"),
        ("{type: asha, max_iter: 2}", ".max_iter", "greater than min_iter, 2"),
        ("{type: asha, s: 2}", ".s", "It has `brackets`, `eta`, `max_iter`, `min_iter`, `type`."),
        ("{type: median, min_trials: 1.5}", ".min_trials", "must be a whole number"),
        ("{type: asha, brackets: 0}", ".brackets", "at least 1"),
        ("{type: plateau}", ".patience", "is missing"),
        ("{type: plateau, patience: 3, min_delta: -1}", ".min_delta", "at least 0"),
        ("{type: curve, threshold: 1}", ".threshold", "less than 1"),
        ("{type: curve, eta: 1}", ".eta", "greater than 1"),
        ("{type: curve, min_trials: 2}", ".min_trials", "at least 3"),
        ("{type: curve, max_iter: 2}", ".max_iter", "greater than min_iter, 2"),
        ("{type: percentile}", ".percentile", "is missing"),
        ("{type: percentile, percentile: 100}", ".percentile", "less than 100"),
        ("hyperband", "", "must be a mapping"),
    ],
)
def test_a_stopping_rule_that_is_refused(text: str, where: str, what: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_spec(FILE + text, path="s.yaml")
    message = str(caught.value)
    assert message.startswith(f"s.yaml:5: early_terminate{where}: ")
    assert what in message
