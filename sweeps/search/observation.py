"""What a model is told of a trial: where it was, and what came of it, smaller being better.

The one shape between the searchers, which keep the books, and the models (`gp`, `tpe`), which
propose points. A model works on coordinates (`axes`), never on configs, and knows no direction:
whoever makes an Observation turns what is to grow upside down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy

from sweeps.search.axes import Coordinate


class Standing(StrEnum):
    """pending: queued or running. finished: ran to its end. stopped: ended early by a rule or a
    user, values kept. failed: ended with no value that counts."""

    PENDING = "pending"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True)
class Observation:
    """One trial as a model sees it.

    Attributes:
        number: from 1; runs of before the sweep have numbers below 1.
        point: the coordinates of the parameters that it has, by name.
        standing: how far it is.
        cost: its objective, smaller is better, finite; None while it has none.
        curve: the costs that it reported, iteration 1 first; () where none are known.
        others: the costs of the further objectives, in the file's order; None where missing.
        excess: of each limit on a metric, by how much it is broken (above 0) or kept (at most 0);
            None where unknown.
        seconds: that it took, times the accelerators it held; None where unknown.
    """

    number: int
    point: Mapping[str, Coordinate]
    standing: Standing
    cost: float | None
    curve: tuple[float, ...] = ()
    others: tuple[float | None, ...] = ()
    excess: tuple[float | None, ...] = ()
    seconds: float | None = None


class Model(Protocol):
    """Proposes points. Deterministic: the same observations, in the same order, and the same
    random numbers give the same point."""

    def propose(
        self, seen: Sequence[Observation], *, rng: numpy.random.Generator
    ) -> dict[str, Coordinate] | None:
        """A promising point that no observation has, unless a finite space has no other left;
        None: it knows no better than a random draw."""
        ...
