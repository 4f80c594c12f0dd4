"""The confusion matrix: how often each class was taken for which."""

from __future__ import annotations

from collections import Counter
from typing import Any, Sequence

from logging_core.errors import UsageError
from logging_core.media.table import Table
from logging_core.plot.chart import CustomChart, plot_table


def confusion_matrix(
    probs: Any = None,
    y_true: Any = None,
    preds: Any = None,
    class_names: Sequence[str] | None = None,
    title: str = "Confusion Matrix Curve",
    split_table: bool = False,
) -> CustomChart:
    """A table of (actual, predicted, how often).

    Args:
        probs: scores (samples, classes): the class of the largest is predicted; or
        preds: the predicted classes.
        y_true: the true classes.
        class_names: of the classes 0, 1, …; without it the classes found are named Class_1, ….

    Raises UsageError.
    """
    if (probs is None) == (preds is None):
        raise UsageError("confusion_matrix takes probs or preds, and not both")
    if y_true is None:
        raise UsageError("confusion_matrix needs y_true: the true classes")
    predicted = _plain(preds) if probs is None else [_largest(row) for row in _plain(probs)]
    actual = _plain(y_true)
    if len(predicted) != len(actual):
        raise UsageError(f"there are {len(predicted)} predictions for {len(actual)} true classes")
    found = sorted({*predicted, *actual})
    if class_names is None:
        classes, names = found, [f"Class_{number + 1}" for number in range(len(found))]
    else:
        classes, names = list(range(len(class_names))), list(class_names)
        strange = [each for each in found if each not in set(classes)]
        if strange:
            raise UsageError(
                f"class {strange[0]!r} has no name: class_names names 0 to {len(names) - 1}"
            )
    counts = Counter(zip(actual, predicted))
    rows = [
        [names[i], names[j], counts[one, other]]
        for i, one in enumerate(classes)
        for j, other in enumerate(classes)
    ]
    columns = ["Actual", "Predicted", "nPredictions"]
    fields = {name: name for name in columns}
    table = Table(columns=columns, data=rows)
    return plot_table("wandb/confusion_matrix/v1", table, fields, {"title": title}, split_table)


def _plain(values: Any) -> list[Any]:
    tolist = getattr(values, "tolist", None)
    values = tolist() if callable(tolist) else values
    return [value.item() if hasattr(value, "item") else value for value in values]


def _largest(row: Any) -> int:
    row = list(row)
    return max(range(len(row)), key=row.__getitem__)
