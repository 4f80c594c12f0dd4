"""Custom charts: the table, the specification in the config, curves as scikit-learn has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from media_place import Shelf
from media_place import shelf as shelf
from sklearn import metrics

import opensweep
from logging_core.errors import UsageError
from opensweep import plot

RNG = np.random.default_rng(3)


def rows(chart: Any) -> list[list[Any]]:
    found: list[list[Any]] = chart.table.data
    return found


def test_a_chart_is_a_table_and_a_specification(shelf: Shelf) -> None:
    table = opensweep.Table(columns=["x", "y"], data=[[1, 2]])
    told = shelf.log({"a": {"chart": plot.line(table, "x", "y", title="T")}, "n": 1}, step=2)
    assert set(told) == {"a", "n", "a.chart_table"}
    assert told["a"] == {}
    assert told["a.chart_table"]["_type"] == "table-file"
    assert shelf.json(told["a.chart_table"])["data"] == [[1, 2]]
    panel = shelf.config[0]["_wandb"]["visualize"]["a.chart"]
    assert panel["panel_type"] == "Vega2"
    settings = panel["panel_config"]
    assert settings["panelDefId"] == "wandb/line/v0"
    assert settings["fieldSettings"] == {"x": "x", "y": "y", "stroke": None}
    assert settings["stringSettings"] == {"title": "T"}
    (field,) = settings["userQuery"]["queryFields"]
    assert field["fields"][3]["args"] == [{"name": "tableKey", "value": "a.chart_table"}]


def test_where_the_table_goes(shelf: Shelf) -> None:
    table = opensweep.Table(columns=["x", "y"], data=[[1, 2]])
    row = {
        "own": opensweep.plot_table("me/spec", table, {"x": "x"}, split_table=True),
        "seen": opensweep.visualize("me/other", table),
    }
    assert set(shelf.log(row)) == {"Custom Chart Tables/own_table", "seen"}
    assert shelf.config[1]["_wandb"]["viz"]["seen"]["id"] == "me/other"


@pytest.mark.parametrize(
    ("chart", "specification", "fields"),
    [
        (lambda t: plot.scatter(t, "x", "y"), "wandb/scatter/v0", {"x": "x", "y": "y"}),
        (lambda t: plot.bar(t, "x", "y"), "wandb/bar/v0", {"label": "x", "value": "y"}),
        (lambda t: plot.histogram(t, "x"), "wandb/histogram/v0", {"value": "x"}),
    ],
)
def test_simple_charts(chart: Any, specification: str, fields: dict[str, str]) -> None:
    made = chart(opensweep.Table(columns=["x", "y"]))
    assert (made.spec_name, made.fields) == (specification, fields)
    with pytest.raises(UsageError, match="Table"):
        chart([[1, 2]])


def test_line_series() -> None:
    chart = plot.line_series([1, 2], [[10, 20], (30, 40)], keys=["a", "b"], title="t", xname="e")
    assert rows(chart) == [[1, "a", 10], [2, "a", 20], [1, "b", 30], [2, "b", 40]]
    assert chart.string_fields == {"title": "t", "xname": "e"}
    own = plot.line_series(np.array([[1, 2], [3, 4]]), np.array([[5, 6], [7, 8]]))
    assert rows(own) == [[1, "line_0", 5], [2, "line_0", 6], [3, "line_1", 7], [4, "line_1", 8]]
    for wrong in ({"xs": [[1], [2]], "ys": [[1]]}, {"xs": [1], "ys": [[1]], "keys": ["a", "b"]}):
        with pytest.raises(UsageError):
            plot.line_series(**wrong)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("digits", [1, 9])  # many equal scores; hardly any
def test_curves_are_scikit_learns(classes: int, digits: int) -> None:
    truth = np.concatenate([np.arange(classes), RNG.integers(0, classes, 300)])
    scores = RNG.random((len(truth), classes)).round(digits)
    roc = rows(plot.roc_curve(truth, scores))
    pr = rows(plot.pr_curve(truth, scores, interp_size=11))
    for each in range(classes):
        fpr, tpr, _ = metrics.roc_curve(truth == each, scores[:, each])
        found = [[x, y] for label, x, y in roc if label == each]
        assert np.array_equal(found, np.stack([fpr, tpr], 1).round(3))
        precision, recall, _ = metrics.precision_recall_curve(truth == each, scores[:, each])
        found = [[p, r] for label, p, r in pr if label == each]
        expected = [[precision[recall >= at].max(), at] for at in np.linspace(0, 1, 11)[::-1]]
        assert np.array_equal(found, np.round(expected, 3))


def test_labels_and_choice_of_curves() -> None:
    truth, scores = [0, 1, 2, 1], np.eye(3)[[0, 1, 2, 0]]
    named = plot.roc_curve(truth, scores.tolist(), labels=["a", "b", "c"], classes_to_plot=[0, 2])
    assert {row[0] for row in rows(named)} == {"a", "c"}
    texts = plot.pr_curve(["x", "y"], [0.2, 0.9])
    assert {row[0] for row in rows(texts)} == {"x", "y"}
    assert [row[1] for row in rows(texts)] == [1.0] * 42


def test_curves_of_many_samples_are_thinned() -> None:
    truth = RNG.integers(0, 2, 50_000)
    found = rows(plot.roc_curve(truth, RNG.random((50_000, 2))))
    assert len(found) <= 10_002
    one = [row for row in found if row[0] == 1]
    assert (one[0][1:], one[-1][1:]) == ([0, 0], [1, 1])


@pytest.mark.parametrize(
    ("truth", "scores"),
    [
        ([0, 1], None),
        ([0, 1], [[0.1, 0.9]]),
        ([0, 1, 2], np.zeros((3, 2))),
        ([[0, 1]], np.zeros((1, 2))),
        ([0, 1], [[np.nan, 1], [0, 1]]),
        ([], np.zeros((0, 2))),
    ],
)
def test_wrong_curves_say_so(truth: Any, scores: Any) -> None:
    for curve in (plot.roc_curve, plot.pr_curve):
        with pytest.raises(UsageError, match=curve.__name__):
            curve(truth, scores)


def test_the_confusion_matrix_is_scikit_learns() -> None:
    truth, predicted = RNG.integers(0, 4, 200), RNG.integers(0, 4, 200)
    names = ["a", "b", "c", "d"]
    found = rows(plot.confusion_matrix(y_true=truth, preds=predicted, class_names=names))
    assert [count for _, _, count in found] == metrics.confusion_matrix(
        truth, predicted
    ).ravel().tolist()
    assert [row[:2] for row in found[:5]] == [*(["a", name] for name in names), ["b", "a"]]
    scores = np.eye(4)[predicted]
    assert rows(plot.confusion_matrix(probs=scores, y_true=truth, class_names=names)) == found
    unnamed = rows(plot.confusion_matrix(y_true=[5, 7], preds=[7, 7]))
    assert unnamed[1] == ["Class_1", "Class_2", 1]
    for wrong in (
        {"y_true": [0]},
        {"y_true": [0], "preds": [0], "probs": [[1]]},
        {"y_true": [0, 1], "preds": [0]},
        {"y_true": [0], "preds": [2], "class_names": ["a", "b"]},
        {"preds": [0]},
    ):
        with pytest.raises(UsageError):
            plot.confusion_matrix(**wrong)
