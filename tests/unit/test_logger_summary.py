"""run.summary as scripts read and write it: nested at any depth, kept flat."""

from __future__ import annotations

import json
import pickle

import pytest
from logger_place import clean_place, records_of  # noqa: F401

import opensweep
from logging_core.nesting import nested
from logging_core.summary import SummaryFold

pytestmark = pytest.mark.usefixtures("clean_place")


def test_the_summary_is_nested_at_any_depth() -> None:
    run = opensweep.init()
    run.summary["best"] = {"k": {"z": 1}, "n": 0}
    run.log({"train": {"d": {"e": 3}}, "x": 1})
    assert run.summary["best"]["k"]["z"] == run.summary["best.k.z"] == run.summary.best.k.z == 1
    assert run.summary["best"]["k.z"] == run.summary["best.k"]["z"] == 1
    assert run.summary["train"]["d"]["e"] == 3
    whole = {"best": {"k": {"z": 1}, "n": 0}, "train": {"d": {"e": 3}}, "x": 1}
    assert dict(run.summary) == whole == json.loads(json.dumps(dict(run.summary)))
    assert len(run.summary) == 3
    assert "best.k" in run.summary
    with pytest.raises(KeyError):
        run.summary["best"]["q"]
    with pytest.raises(KeyError):
        run.summary["best.k.z.q"]
    copied = pickle.loads(pickle.dumps(run.summary["best"]))
    assert type(copied) is dict
    assert type(copied["k"]) is dict


def test_what_is_set_deep_in_the_summary_is_recorded() -> None:
    run = opensweep.init()
    run.define_metric("loss", summary="min,max")
    run.log({"loss": 5, "deep": {"a": 1}})
    run.summary["best"] = {"k": {"z": 1, "y": 1}, "gone": 1}
    best = run.summary["best"]
    best["k"]["z"] = 2
    best.k.update({"w": {"v": 3}})
    del best["gone"]
    run.summary["loss"]["min"] = 4  # within a value that is a dict itself
    run.summary["deep"]["a"] = {"b": 2}
    expected = {
        "loss": {"min": 4, "max": 5},
        "deep": {"a": {"b": 2}},
        "best": {"k": {"z": 2, "y": 1, "w": {"v": 3}}},
    }
    assert best == expected["best"]
    assert dict(run.summary) == expected
    del run.summary["loss"]["max"]
    run.summary.update({"best": {"new": 1}, "deep": 7})  # each in place of all that was below
    assert dict(run.summary) == {"loss": {"min": 4}, "best": {"new": 1}, "deep": 7}
    run.log({"loss": 3})
    assert run.summary["loss"] == {"min": 3, "max": 5}
    run.finish()
    fold = SummaryFold()
    for record in records_of(run):
        fold.apply(record)
    assert nested(fold.summary) == dict(run.summary)


def test_a_value_and_names_below_it_are_both_kept() -> None:
    run = opensweep.init()
    run.log({"a.b": 1, "a": 2, "a.c": 3})
    assert (run.summary["a"], run.summary["a.b"]) == (2, 1)
    assert dict(run.summary) == {"a": 2, "a.b": 1, "a.c": 3}
    run.summary["a.b"] = 5
    assert dict(run.summary) == {"a": 2, "a.b": 5, "a.c": 3}
    del run.summary["a"]
    assert "a.c" not in run.summary
