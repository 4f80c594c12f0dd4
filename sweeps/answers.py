"""What analyses of a sweep's trials answer before there is anything to say, and from when on there
is.

Light on purpose: the server begins its answers with these and must not load what works them out
(sweeps/analysis runs in a process of its own, on NumPy and SciPy). Neighbours:
controller/analysis.py, sweeps/analysis.
"""

from __future__ import annotations

from typing import Any

LEAST_FOR_IMPORTANCE = 16
"""Trials with a value that importance takes at least; with many parameters it takes more."""
LEAST_FOR_ADVICE = 5
"""Advice likewise."""


def no_importance() -> dict[str, Any]:
    """The answer of /api/sweeps/{id}/importance, with nothing in it."""
    return {
        "needs": LEAST_FOR_IMPORTANCE,
        "problem": None,
        "explained": None,
        "parameters": [],
        "pairs": [],
        "correlations": [],
    }


def no_advice() -> dict[str, Any]:
    """The answer of /api/sweeps/{id}/advice, with nothing in it."""
    return {
        "needs": 0,
        "problem": None,
        "best": [],
        "rivals": None,
        "luckiest": None,
        "noise": None,
        "noisy": None,
        "region": None,
        "gain": None,
    }
