"""scikit-learn: charts of fitted models, under W&B's names and keys.

    plot_classifier(model, X_train, X_test, y_train, y_test, y_pred, y_probas, labels)

Of W&B's functions these are missing: plot_clusterer, plot_elbow_curve, plot_silhouette,
plot_calibration_curve, plot_outlier_candidates.
"""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np
from sklearn import base, metrics, model_selection

import opensweep
from opensweep.integration import active_run

MAX_POINTS = 1000  # of a chart


def _log(key: str, chart: Any) -> None:
    active_run(f"plot_{key}()").log({key: chart})


def _shown(name: str, columns: Sequence[str], rows: Any) -> Any:
    table = opensweep.Table(columns=columns, data=list(rows)[:MAX_POINTS])
    return opensweep.visualize(f"wandb/{name}/v1", table)


def plot_roc(
    y_true: Any = None,
    y_probas: Any = None,
    labels: Sequence[str] | None = None,
    plot_micro: bool = True,
    plot_macro: bool = True,
    classes_to_plot: Sequence[Any] | None = None,
) -> None:
    """opensweep.plot.roc_curve, logged as "roc"."""
    del plot_micro, plot_macro
    _log("roc", opensweep.plot.roc_curve(y_true, y_probas, labels, classes_to_plot))


def plot_precision_recall(
    y_true: Any = None,
    y_probas: Any = None,
    labels: Sequence[str] | None = None,
    plot_micro: bool = True,
    classes_to_plot: Sequence[Any] | None = None,
) -> None:
    """opensweep.plot.pr_curve, logged as "precision_recall"."""
    del plot_micro
    _log("precision_recall", opensweep.plot.pr_curve(y_true, y_probas, labels, classes_to_plot))


def plot_confusion_matrix(
    y_true: Any = None, y_pred: Any = None, labels: Sequence[str] | None = None
) -> None:
    """How often each class was taken for which, logged as "confusion_matrix"."""
    found = sorted({*np.asarray(y_true).tolist(), *np.asarray(y_pred).tolist()})
    place = {each: at for at, each in enumerate(found)}
    numbers = labels is not None and all(isinstance(each, int) for each in found)
    names = [labels[each] if numbers and labels else str(each) for each in found]
    truth, taken = ([place[each] for each in np.asarray(y).tolist()] for y in (y_true, y_pred))
    _log(
        "confusion_matrix",
        opensweep.plot.confusion_matrix(y_true=truth, preds=taken, class_names=names),
    )


def plot_feature_importances(
    model: Any = None, feature_names: Sequence[str] | None = None, max_num_features: int = 50
) -> None:
    """A fitted model's importances or coefficients, largest first; nothing if it has none."""
    for attribute in ("feature_importances_", "feature_log_prob_", "coef_"):
        if hasattr(model, attribute):
            found = np.squeeze(getattr(model, attribute))
            break
    else:
        return
    if found.ndim != 1:
        return  # a row for each class: no one importance
    order = np.argsort(found)[::-1][:max_num_features]
    rows = [[at if feature_names is None else feature_names[at], found[at]] for at in order]
    chart = _shown("feature_importances", ["feature_names", "importances"], rows)
    _log("feature_importances", chart)


def plot_class_proportions(
    y_train: Any = None, y_test: Any = None, labels: Sequence[str] | None = None
) -> None:
    """How many samples each class has, for training and for test."""
    parts = {"train": np.asarray(y_train), "test": np.asarray([] if y_test is None else y_test)}
    rows = []
    for each in np.unique(np.concatenate([part for part in parts.values() if len(part)])).tolist():
        name = labels[each] if labels is not None and isinstance(each, int) else each
        rows += [[name, part, int((values == each).sum())] for part, values in parts.items()]
    _log("class_proportions", _shown("class_proportions", ["class", "dataset", "count"], rows))


def plot_summary_metrics(
    model: Any = None, X: Any = None, y: Any = None, X_test: Any = None, y_test: Any = None
) -> None:
    """A fitted model's scores on the test data, logged as "summary_metrics"."""
    del X, y
    taken = model.predict(X_test)
    if base.is_classifier(model):
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            y_test, taken, average="weighted", zero_division=0
        )
        found = {"accuracy_score": metrics.accuracy_score(y_test, taken), "precision": precision}
        found.update(recall=recall, f1_score=f1)
    else:
        found = {
            "mae": metrics.mean_absolute_error(y_test, taken),
            "mse": metrics.mean_squared_error(y_test, taken),
            "r2_score": metrics.r2_score(y_test, taken),
        }
    rows = [[name, round(float(value), 2), type(model).__name__] for name, value in found.items()]
    columns = ["metric_name", "metric_value", "model_name"]
    _log("summary_metrics", _shown("metrics", columns, rows))


def plot_learning_curve(
    model: Any = None,
    X: Any = None,
    y: Any = None,
    cv: Any = None,
    shuffle: bool = False,
    random_state: Any = None,
    train_sizes: Any = None,
    n_jobs: int = 1,
    scoring: Any = None,
) -> None:
    """Scores over the size of the training set; the model is fitted again for each size."""
    sizes = np.linspace(0.1, 1.0, 5) if train_sizes is None else train_sizes
    sizes, train, test = model_selection.learning_curve(
        model,
        X,
        y,
        cv=cv,
        train_sizes=sizes,
        shuffle=shuffle,
        random_state=random_state,
        n_jobs=n_jobs,
        scoring=scoring,
    )[:3]
    rows = []
    for size, *scores in zip(sizes, train.mean(1), test.mean(1)):
        for part, score in zip(("train", "test"), scores):
            rows.append([part, round(float(score), 2), int(size)])
    columns = ["dataset", "score", "train_size"]
    _log("learning_curve", _shown("learning_curve", columns, rows))


def plot_residuals(regressor: Any = None, X: Any = None, y: Any = None) -> None:
    """Prediction minus truth over the prediction, of a copy that is fitted to 80 % of the data."""
    fitted = base.clone(regressor)
    x_train, x_test, y_train, y_test = model_selection.train_test_split(X, y, test_size=0.2)
    fitted.fit(x_train, y_train)
    scores = [fitted.score(x_train, y_train), fitted.score(x_test, y_test)]
    rows = []
    for part, x, truth in (("train", x_train, y_train), ("test", x_test, y_test)):
        taken = fitted.predict(x)[: MAX_POINTS // 2]
        rest = taken - np.asarray(truth)[: MAX_POINTS // 2]
        rows += [[part, one, other, *scores] for one, other in zip(taken.tolist(), rest.tolist())]
    columns = ["dataset", "y_pred", "residuals", "train_score", "test_score"]
    _log("residuals", _shown("residuals_plot", columns, rows))


def plot_classifier(
    model: Any,
    X_train: Any,
    X_test: Any,
    y_train: Any,
    y_test: Any,
    y_pred: Any,
    y_probas: Any,
    labels: Sequence[str] | None,
    is_binary: bool = False,
    model_name: str = "Classifier",
    feature_names: Sequence[str] | None = None,
    log_learning_curve: bool = False,
) -> None:
    """All charts of a fitted classifier. The model is fitted again only for the learning curve."""
    del is_binary, model_name
    plot_feature_importances(model, feature_names)
    if log_learning_curve:
        plot_learning_curve(model, X_train, y_train)
    plot_confusion_matrix(y_test, y_pred, labels)
    plot_summary_metrics(model, X_train, y_train, X_test, y_test)
    plot_class_proportions(y_train, y_test, labels)
    plot_roc(y_test, y_probas, labels)
    plot_precision_recall(y_test, y_probas, labels)


def plot_regressor(
    model: Any,
    X_train: Any,
    X_test: Any,
    y_train: Any,
    y_test: Any,
    model_name: str = "Regressor",
) -> None:
    """All charts of a fitted regressor; copies of it are fitted for two of them."""
    del model_name
    plot_summary_metrics(model, X_train, y_train, X_test, y_test)
    plot_learning_curve(model, X_train, y_train)
    plot_residuals(model, X_train, y_train)
