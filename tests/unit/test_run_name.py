"""By which name a script of W&B's client records an attempt."""

from __future__ import annotations

import pytest

from sweeps.run_name import attempt_of, run_name


@pytest.mark.parametrize(
    ("attempt", "name"),
    [(("abcd1234-7", 1), "abcd1234-7"), (("abcd1234-12", 3), "abcd1234-12_3")],
)
def test_a_name_says_which_attempt_it_is(attempt: tuple[str, int], name: str) -> None:
    assert run_name(*attempt) == name
    assert attempt_of(name) == attempt


@pytest.mark.parametrize(
    "name", ["abcd1234", "abcd1234-", "abcd1234-0", "Abc-1", "abc-1_0", "abc-1_x", "a b-1", "-1"]
)
def test_other_runs_are_called_otherwise(name: str) -> None:
    assert attempt_of(name) is None
