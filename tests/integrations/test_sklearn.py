"""scikit-learn: the charts of real fitted models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from run_records import rows_of

np = pytest.importorskip("numpy")
sklearn = pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn import ensemble, linear_model, metrics

import opensweep
from opensweep.integration import sklearn as charts

RNG = np.random.default_rng(0)
X = RNG.random((120, 4))
Y = (X[:, 0] * 3).astype(int)
TRAIN, TEST = slice(90), slice(90, None)


@pytest.fixture
def run() -> opensweep.Run:
    return opensweep.init(project="fitted")


def tables(run: opensweep.Run) -> dict[str, dict[str, Any]]:
    """Key -> the stored table."""
    told = {name: value for row in rows_of(run) for name, value in row.items()}
    return {
        name: json.loads((Path(run.dir) / value["path"]).read_text())
        for name, value in told.items()
    }


def test_a_classifier(run: opensweep.Run) -> None:
    model = ensemble.RandomForestClassifier(n_estimators=10, random_state=0).fit(X[TRAIN], Y[TRAIN])
    taken, scores = model.predict(X[TEST]), model.predict_proba(X[TEST])
    names = ["low", "middle", "high"]
    charts.plot_classifier(
        model, X[TRAIN], X[TEST], Y[TRAIN], Y[TEST], taken, scores, names,
        feature_names=list("abcd"), log_learning_curve=True,
    )  # fmt: skip
    run.finish()
    found = tables(run)
    assert set(found) == {
        "feature_importances",
        "learning_curve",
        "confusion_matrix_table",
        "summary_metrics",
        "class_proportions",
        "roc_table",
        "precision_recall_table",
    }
    assert found["feature_importances"]["data"][0][0] == "a"
    counts = [count for _, _, count in found["confusion_matrix_table"]["data"]]
    assert counts == metrics.confusion_matrix(Y[TEST], taken).ravel().tolist()
    assert found["confusion_matrix_table"]["data"][1][:2] == ["low", "middle"]
    scores_found = {name: value for name, value, _ in found["summary_metrics"]["data"]}
    assert scores_found["accuracy_score"] == round(metrics.accuracy_score(Y[TEST], taken), 2)
    assert ["low", "train", int((Y[TRAIN] == 0).sum())] in found["class_proportions"]["data"]
    assert {row[0] for row in found["roc_table"]["data"]} == set(names)
    assert len(found["learning_curve"]["data"]) == 10


def test_a_regressor(run: opensweep.Run) -> None:
    model = linear_model.Ridge().fit(X[TRAIN], X[TRAIN, 0])
    before = model.coef_.copy()
    charts.plot_regressor(model, X[TRAIN], X[TEST], X[TRAIN, 0], X[TEST, 0])
    run.finish()
    found = tables(run)
    assert set(found) == {"summary_metrics", "learning_curve", "residuals"}
    assert len(found["residuals"]["data"]) == 90
    assert np.array_equal(model.coef_, before)


def test_what_cannot_be_drawn(run: opensweep.Run) -> None:
    charts.plot_feature_importances(object())
    charts.plot_feature_importances(linear_model.LogisticRegression().fit(X, Y))
    charts.plot_confusion_matrix(["x", "y"], ["y", "y"])
    run.finish()
    found = tables(run)
    assert found["confusion_matrix_table"]["data"][1] == ["x", "y", 1]
    assert "feature_importances" not in found
    with pytest.raises(opensweep.UsageError, match="init"):
        charts.plot_confusion_matrix([1], [1])
