"""A search space that every peer can be told of: parameters as plain values, JSON both ways.

Standard library only: it is imported in the environment of each peer, too. Neighbours: the tasks
have one each; peers/ translates it into each tool's own words.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Config = dict[str, Any]
"""Values by the parameters' names; what is inactive is not in it."""


@dataclass(frozen=True)
class Parameter:
    """One axis.

    Attributes:
        name: without dots.
        kind: "real", "integer" or "choice".
        low, high: the bounds of a number, both included.
        log: a number is searched by its logarithm.
        choices: of a choice; strings.
        when: (name of a choice before this one, the choices with which this one is active);
            all of them must hold. Empty: always active.
    """

    name: str
    kind: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    choices: tuple[str, ...] = ()
    when: tuple[tuple[str, tuple[str, ...]], ...] = ()


Space = tuple[Parameter, ...]


def real(name: str, low: float, high: float, *, log: bool = False, **when: str) -> Parameter:
    """`when`: parent="one two": the choices of the parent with which this one is active."""
    return Parameter(name, "real", low, high, log, when=_when(when))


def integer(name: str, low: int, high: int, *, log: bool = False, **when: str) -> Parameter:
    """See `real`."""
    return Parameter(name, "integer", low, high, log, when=_when(when))


def choice(name: str, choices: str, **when: str) -> Parameter:
    """`choices`, separated by blanks; see `real` for `when`."""
    return Parameter(name, "choice", choices=tuple(choices.split()), when=_when(when))


def _when(given: Mapping[str, str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((parent, tuple(values.split())) for parent, values in given.items())


def is_active(parameter: Parameter, config: Mapping[str, Any]) -> bool:
    """Whether it is, given the values of all that stand before it."""
    return all(config.get(parent) in values for parent, values in parameter.when)


def pruned(space: Space, config: Mapping[str, Any]) -> Config:
    """`config` without what is inactive, its numbers inside their bounds: for tools that know no
    conditions, or round over the edge."""
    kept: Config = {}
    for parameter in space:
        if is_active(parameter, kept):
            kept[parameter.name] = _inside(parameter, config[parameter.name])
    return kept


def _inside(parameter: Parameter, value: Any) -> Any:
    if parameter.kind == "choice":
        return str(value)
    inside = min(max(float(value), parameter.low), parameter.high)
    return round(inside) if parameter.kind == "integer" else inside


def sample(space: Space, rng: random.Random) -> Config:
    """A config, each active parameter drawn on its own; an integer by rounding where `log`."""
    config: Config = {}
    for parameter in space:
        if is_active(parameter, config):
            config[parameter.name] = at(parameter, rng.random())
    return config


def at(parameter: Parameter, share: float) -> Any:
    """The value that lies `share` in [0, 1) of the way from one end to the other."""
    if parameter.kind == "choice":
        return parameter.choices[int(share * len(parameter.choices))]
    low, high = parameter.low, parameter.high
    if parameter.kind == "integer" and not parameter.log:
        return int(low) + int(share * (int(high) - int(low) + 1))
    if parameter.log:
        value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    else:
        value = low + share * (high - low)
    return _inside(parameter, value)


def as_json(space: Space) -> list[dict[str, Any]]:
    return [asdict(parameter) for parameter in space]


def from_json(parameters: Sequence[Mapping[str, Any]]) -> Space:
    return tuple(
        Parameter(
            **{
                **parameter,
                "choices": tuple(parameter["choices"]),
                "when": tuple((parent, tuple(values)) for parent, values in parameter["when"]),
            }
        )
        for parameter in parameters
    )
