"""Custom charts under W&B's names: `opensweep.plot.line(table, x="step", y="loss")`.

A chart is a Table and the name of a Vega specification with what goes into its fields; logged, the
table becomes `<key>_table` in history and the rest goes into the run's config, both as W&B stores
them. Standard library only, but for the curves, which need NumPy; none needs scikit-learn.

    chart.py      what a chart is; plot_table, visualize
    simple.py     line, line_series, bar, scatter, histogram
    curves.py     roc_curve, pr_curve
    confusion.py  confusion_matrix
"""

from __future__ import annotations

from logging_core.plot.chart import CustomChart as CustomChart
from logging_core.plot.chart import Visualize as Visualize
from logging_core.plot.chart import plot_table as plot_table
from logging_core.plot.chart import visualize as visualize
from logging_core.plot.confusion import confusion_matrix as confusion_matrix
from logging_core.plot.curves import pr_curve as pr_curve
from logging_core.plot.curves import roc_curve as roc_curve
from logging_core.plot.simple import bar as bar
from logging_core.plot.simple import histogram as histogram
from logging_core.plot.simple import line as line
from logging_core.plot.simple import line_series as line_series
from logging_core.plot.simple import scatter as scatter

__all__ = [
    "CustomChart",
    "Visualize",
    "bar",
    "confusion_matrix",
    "histogram",
    "line",
    "line_series",
    "plot_table",
    "pr_curve",
    "roc_curve",
    "scatter",
    "visualize",
]
