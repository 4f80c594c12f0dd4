"""What the ended trials of a sweep say about its parameters.

    table        configs as bins of their parameters, each with its share of the space
    forest       regression trees over such bins
    importance   functional ANOVA of a forest: who is responsible for how much of the variance
    correlation  rank correlation of each parameter with the objective

and, by the Gaussian process of the searchers:

    advice       what now: the best under noise, where to look next, what more trials would bring
    units        the objective as a process likes it, and back
    ensemble     hyperparameters as they may be
    belief       the posterior of true values, of several processes
    unfinished   what stopped trials would have come to
    candidates   places where the best may be
    region       where it probably is, as the `parameters` of a sweep file
    gain         the search played on in worlds that may be the true one

Pure functions of values. They take seconds where there are thousands of trials:
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
