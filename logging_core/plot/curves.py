"""ROC and precision-recall curves, one for each class against all others.

The same points as scikit-learn's functions give (the tests compare), rounded to three digits as
W&B stores them. Needs NumPy.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

from logging_core.errors import UsageError
from logging_core.media.libraries import library
from logging_core.media.table import Table
from logging_core.media.tensors import as_array, is_tensor
from logging_core.plot.chart import CustomChart, plot_table

MAX_POINTS = 10_000  # of all curves of a chart together


class _Task(NamedTuple):
    numpy: Any
    truth: Any  # (samples,)
    scores: Any  # (samples, classes)
    classes: list[Any]  # every class there is, in order
    chosen: list[int]  # the columns to plot

    def label(self, column: int, labels: Sequence[str] | None) -> Any:
        found = self.classes[column]
        return labels[found] if labels is not None and isinstance(found, int) else found


def roc_curve(
    y_true: Any,
    y_probas: Any = None,
    labels: Sequence[str] | None = None,
    classes_to_plot: Sequence[Any] | None = None,
    title: str = "ROC Curve",
    split_table: bool = False,
) -> CustomChart:
    """True over false positive rate.

    Args:
        y_true: the true classes, (samples,).
        y_probas: a score for each class, (samples, classes); (samples,) of the second class of two.
        labels: names of the classes 0, 1, ….
        classes_to_plot: all, unless some are given.

    Raises UsageError.
    """
    task = _task("roc_curve", y_true, y_probas, classes_to_plot)
    curves = []
    for column in task.chosen:
        hits, misses = _counts(task, column)
        # A point in the middle of a straight line says nothing.
        if len(hits) > 2:
            bends = task.numpy.logical_or(task.numpy.diff(misses, 2), task.numpy.diff(hits, 2))
            kept = task.numpy.concatenate([[True], bends, [True]])
            hits, misses = hits[kept], misses[kept]
        hits = task.numpy.concatenate([[0], hits])
        misses = task.numpy.concatenate([[0], misses])
        rates = _rate(task, misses), _rate(task, hits)
        curves.append((task.label(column, labels), *rates))
    texts = ("False positive rate", "True positive rate")
    return _chart(curves, ("fpr", "tpr"), ("fpr", "tpr"), texts, title, split_table)


def pr_curve(
    y_true: Any = None,
    y_probas: Any = None,
    labels: Sequence[str] | None = None,
    classes_to_plot: Sequence[Any] | None = None,
    interp_size: int = 21,
    title: str = "Precision-Recall Curve",
    split_table: bool = False,
) -> CustomChart:
    """Precision over recall, at `interp_size` recalls between 0 and 1; a precision is the best
    that this or a larger recall has. The other arguments are those of roc_curve."""
    task = _task("pr_curve", y_true, y_probas, classes_to_plot)
    numpy = task.numpy
    at = numpy.linspace(0, 1, interp_size)[::-1]
    curves = []
    for column in task.chosen:
        hits, misses = _counts(task, column)
        recall = hits / hits[-1]
        precision = hits / numpy.maximum(hits + misses, 1)
        # By rising recall, from (0, 1); then the best of what comes after each.
        recall = numpy.concatenate([[0.0], recall])
        precision = numpy.concatenate([[1.0], precision])
        best = numpy.maximum.accumulate(precision[::-1])[::-1]
        found = best[numpy.searchsorted(recall, at, side="left")]
        curves.append((task.label(column, labels), found, at))
    names = ("precision", "recall")
    return _chart(
        curves, names, ("recall", "precision"), ("Recall", "Precision"), title, split_table
    )


def _task(
    function: str, y_true: Any, y_probas: Any, classes_to_plot: Sequence[Any] | None
) -> _Task:
    numpy = library("numpy", function)
    if y_true is None or y_probas is None:
        raise UsageError(f"{function} needs y_true and y_probas")
    truth = as_array(y_true, function) if is_tensor(y_true) else numpy.asarray(y_true)
    scores = as_array(y_probas, function) if is_tensor(y_probas) else numpy.asarray(y_probas)
    if truth.ndim != 1:
        raise UsageError(f"y_true of {function} has shape {truth.shape}, not (samples,)")
    classes = numpy.unique(truth).tolist()
    if scores.ndim == 1 and len(classes) <= 2:
        scores = numpy.stack([1 - scores, scores], 1)
    if scores.ndim != 2 or len(scores) != len(truth) or not len(truth):
        raise UsageError(
            f"y_probas of {function} has shape {scores.shape}, not ({len(truth)}, classes)"
        )
    if not numpy.isfinite(scores).all():
        raise UsageError(f"y_probas of {function} has values that are not finite")
    if len(classes) > scores.shape[1]:
        raise UsageError(
            f"{function}: y_true has {len(classes)} classes, y_probas {scores.shape[1]} columns"
        )
    wanted = None if classes_to_plot is None else set(as_list(classes_to_plot))
    chosen = [at for at, each in enumerate(classes) if wanted is None or each in wanted]
    if not chosen:
        raise UsageError(f"{function}: y_true has none of the classes_to_plot, but {classes}")
    return _Task(numpy, truth, scores, classes, chosen)


def as_list(values: Any) -> list[Any]:
    tolist = getattr(values, "tolist", None)
    return list(tolist() if callable(tolist) else values)


def _counts(task: _Task, column: int) -> tuple[Any, Any]:
    """True and false positives when all samples from some score on are taken, by falling score."""
    numpy = task.numpy
    positive = task.truth == task.classes[column]
    score = task.scores[:, column]
    order = numpy.argsort(-score, kind="stable")
    positive, score = positive[order], score[order]
    last = numpy.concatenate([numpy.nonzero(numpy.diff(score))[0], [len(score) - 1]])
    hits = numpy.cumsum(positive)[last]
    return hits, last + 1 - hits


def _rate(task: _Task, counts: Any) -> Any:
    whole = counts[-1]
    return counts / whole if whole else task.numpy.full(len(counts), task.numpy.nan)


def _chart(
    curves: Sequence[tuple[Any, Any, Any]],
    columns: tuple[str, str],
    axes: tuple[str, str],
    texts: tuple[str, str],
    title: str,
    split_table: bool,
) -> CustomChart:
    most = max(2, MAX_POINTS // len(curves))
    rows = []
    for label, first, second in curves:
        step = -(-len(first) // most)
        kept = [*range(0, len(first) - 1, step), len(first) - 1]  # both ends stay
        rows += [[label, round(float(first[i]), 3), round(float(second[i]), 3)] for i in kept]
    fields = {"x": axes[0], "y": axes[1], "class": "class"}
    strings = {"title": title, "x-axis-title": texts[0], "y-axis-title": texts[1]}
    table = Table(columns=["class", *columns], data=rows)
    return plot_table("wandb/area-under-curve/v0", table, fields, strings, split_table)
