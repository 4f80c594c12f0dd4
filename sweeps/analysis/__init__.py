"""What the ended trials of a sweep say about its parameters.

    table        configs as bins of their parameters, each with its share of the space
    forest       regression trees over such bins
    importance   functional ANOVA of a forest: who is responsible for how much of the variance
    correlation  rank correlation of each parameter with the objective

Pure functions of values, on NumPy alone. They take seconds where there are thousands of trials:
`python -m sweeps.analysis` works in a process of its own (`__main__`), which
`controller/analysis.py` starts.
"""

from __future__ import annotations

from sweeps.analysis.correlation import Correlation, correlations
from sweeps.analysis.importance import Importance, importance, least_trials
from sweeps.analysis.table import Column, columns

__all__ = [
    "Column",
    "Correlation",
    "Importance",
    "columns",
    "correlations",
    "importance",
    "least_trials",
]
