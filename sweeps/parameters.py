"""The `parameters` of a sweep file, read into a Space.

Follows W&B's schema: which keys belong to which distribution, what they default to, what a
parameter without `distribution` is, and what is refused. All that is wrong is a SpecError here,
so that a Space that exists can be drawn from. `when:` is ours (`sweeps.conditions`).
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sweeps.conditions import When, in_order, read_when, refuse_impossible
from sweeps.distributions import (
    Beta,
    Categorical,
    Constant,
    Continuous,
    Distribution,
    IntUniform,
    LogNormal,
    LogUniform,
    Normal,
    Uniform,
    is_number,
)
from sweeps.section import Section, did_you_mean, kind
from sweeps.space import Parameter, Path, Space

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_LARGEST_INT = 2**63 - 1


@dataclass(frozen=True)
class _Kind:
    """What one `distribution:` takes: its keys, the defaults of some, and how to build it."""

    keys: tuple[str, ...]
    build: Callable[[Section], Distribution]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    instead: str | None = None  # of a deprecated one


def _constant(section: Section) -> Distribution:
    if "value" not in section:
        raise section.error("is missing.", "value")
    return Constant(section.data["value"])  # may be null


def _categorical(section: Section) -> Distribution:
    values = section.entries("values")
    if not values:
        raise section.error("is empty.", "values", hint="List at least one value.")
    return Categorical(tuple(values))


def _weighted(section: Section) -> Distribution:
    values = section.entries("values")
    weights = section.entries("probabilities")
    if len(weights) != len(values) or not values:
        raise section.error(
            f"there are {len(values)} values and {len(weights)} probabilities.",
            "probabilities",
            hint="Give each value one probability.",
        )
    for i, weight in enumerate(weights):
        if not is_number(weight) or weight < 0:
            raise section.error(
                f"must be a number of at least 0, not {kind(weight)}.", "probabilities", i
            )
    total = math.fsum(weights)
    if abs(total - 1.0) > 1e-5 + 1e-8:  # numpy.isclose, which W&B uses
        raise section.error(f"must sum to 1, but sum to {total:g}.", "probabilities")
    return Categorical(tuple(values), tuple(float(weight) for weight in weights))


def _int_uniform(section: Section) -> Distribution:
    low, high = _bounds(section)
    for key, bound in (("min", low), ("max", high)):
        if not isinstance(bound, int):
            raise section.error(
                f"int_uniform needs whole numbers, not {bound!r}.",
                key,
                hint="Write it without a point, or take `distribution: uniform`.",
            )
        if abs(bound) > _LARGEST_INT:
            raise section.error("does not fit in 64 bits.", key)
    return IntUniform(int(low), int(high))


def _bounds(section: Section) -> tuple[int | float, int | float]:
    low, high = section.number("min"), section.number("max")
    if low >= high:
        raise section.error(f"min {low!r} must be less than max {high!r}.", "min")
    return low, high


def _step(section: Section) -> int | float | None:
    return section.number("q", above=0) if "q" in section else None


def _uniform(section: Section) -> Distribution:
    low, high = _bounds(section)
    q = _step(section)
    if q is not None and (low + q == low or high - q == high):
        raise section.error(f"{q!r} is lost beside bounds as large as {high!r}.", "q")
    return Uniform(low, high, q)


def _log_uniform_values(section: Section) -> Distribution:
    section.number("min", above=0)
    low, high = _bounds(section)
    return LogUniform(low, high, _step(section))


def _log_uniform(section: Section) -> Distribution:
    low, high = _bounds(section)
    return LogUniform(*_exponents(section, low, high), _step(section))


def _inv_log_uniform(section: Section) -> Distribution:
    low, high = _bounds(section)
    return LogUniform(*_exponents(section, -high, -low))


def _exponents(section: Section, low: float, high: float) -> tuple[float, float]:
    """The bounds that are e to the power of these."""
    if not -700 <= low < high <= 700:
        raise section.error(
            "min and max are exponents of e here, and e to that power is no number.",
            "min",
            hint="Take `distribution: log_uniform_values` to write the bounds themselves.",
        )
    return math.exp(low), math.exp(high)


def _normal(section: Section) -> Distribution:
    return Normal(section.number("mu"), section.number("sigma", at_least=0), _step(section))


def _log_normal(section: Section) -> Distribution:
    return LogNormal(section.number("mu"), section.number("sigma", at_least=0), _step(section))


def _beta(section: Section) -> Distribution:
    # W&B lets 0 pass, and then draws NaN.
    return Beta(section.number("a", above=0), section.number("b", above=0), _step(section))


_RANGE = ("min", "max")
_Q = {"q": 1.0}
_BELL = {"mu": 0.0, "sigma": 1.0}
_SHAPES = {"a": 1.0, "b": 1.0}

_KINDS: Mapping[str, _Kind] = {
    "constant": _Kind(("value",), _constant),
    "categorical": _Kind(("values",), _categorical),
    "categorical_w_probabilities": _Kind(("values", "probabilities"), _weighted),
    "int_uniform": _Kind(_RANGE, _int_uniform),
    "uniform": _Kind(_RANGE, _uniform),
    "q_uniform": _Kind(_RANGE, _uniform, _Q),
    "log_uniform": _Kind(_RANGE, _log_uniform, instead="log_uniform_values"),
    "q_log_uniform": _Kind(_RANGE, _log_uniform, _Q, instead="q_log_uniform_values"),
    "inv_log_uniform": _Kind(_RANGE, _inv_log_uniform, instead="inv_log_uniform_values"),
    "log_uniform_values": _Kind(_RANGE, _log_uniform_values),
    "q_log_uniform_values": _Kind(_RANGE, _log_uniform_values, _Q),
    "inv_log_uniform_values": _Kind(_RANGE, _log_uniform_values),
    "normal": _Kind((), _normal, _BELL),
    "q_normal": _Kind((), _normal, {**_BELL, **_Q}),
    "log_normal": _Kind((), _log_normal, _BELL),
    "q_log_normal": _Kind((), _log_normal, {**_BELL, **_Q}),
    "beta": _Kind((), _beta, _SHAPES),
    "q_beta": _Kind((), _beta, {**_SHAPES, **_Q}),
}

_ELSEWHERE = {
    "beta": ("betavariate",),
    "categorical": ("choice", "choices", "enum", "oneof", "discrete"),
    "constant": ("const", "fixed"),
    "int_uniform": ("int", "integer", "randint", "randrange", "intrange", "uniformint", "qrandint"),
    "log_normal": ("lognorm", "loggaussian"),
    "log_uniform_values": (
        "log", "logint", "loguniform", "loguniformint", "logrange", "logscale", "lograndint",
        "reciprocal", "uniformlog",
    ),
    "inv_log_uniform_values": ("invloguniform",),
    "normal": ("gauss", "gaussian", "norm", "randn", "randomnormal"),
    "q_log_normal": ("qloggaussian",),
    "q_log_uniform_values": ("qloguniform", "qlograndint", "qreciprocal"),
    "q_normal": ("qgaussian", "qrandn"),
    "uniform": ("double", "float", "linear", "range", "real", "uniformfloat"),
}  # fmt: skip
"""What other libraries call them, in small letters alone. W&B's log_uniform takes exponents of e,
which nobody means who has another name for it."""

DISTRIBUTIONS = tuple(_KINDS)
"""The names that `distribution:` may have."""


def place_in_file(path: Path) -> tuple[str, ...]:
    """The key path of a parameter in the file: ("a", "b") -> parameters.a.parameters.b."""
    return tuple(key for name in path for key in ("parameters", name))


def read_space(section: Section) -> tuple[Space, list[str]]:
    """The space of a `parameters` section, and warnings. Raises SpecError."""
    warnings: list[str] = []
    leaves = _read_level(section, (), (), warnings)
    known: dict[str, tuple[Path, Distribution]] = {}
    for parameter, _ in leaves:
        if parameter.name in known:
            raise section.error(
                f"a nested parameter and one with a dot in its name are both {parameter.name!r}.",
                hint="Rename one of them.",
            )
        known[parameter.name] = (parameter.path, parameter.distribution)
    whens = {
        leaf.path: [(each, when) for each in under for when in read_when(each, known)]
        for leaf, under in leaves
    }
    parameters = [
        replace(leaf, when=tuple(when for _, when in whens[leaf.path])) for leaf, _ in leaves
    ]
    _refuse_circles(section, {p.path: p.when for p in parameters})
    refuse_impossible(whens, dict(known.values()))
    return Space(tuple(parameters)), warnings


def _refuse_circles(section: Section, whens: Mapping[Path, tuple[When, ...]]) -> None:
    try:
        in_order(list(whens), lambda path: [when.parent for when in whens[path]])
    except ValueError as circle:
        way = " needs ".join(".".join(path) for path in circle.args)
        raise section.error(
            f"these are there only if they are: {way}.", *place_in_file(circle.args[0])[1:], "when"
        ) from None
    except RecursionError:
        raise section.error("the conditions lean on each other too deeply.") from None


def _read_level(
    section: Section, above: Path, under: tuple[Section, ...], warnings: list[str]
) -> list[tuple[Parameter, tuple[Section, ...]]]:
    """The leaves, each with the `when` sections that it is under, its own among them."""
    if not section.data:
        raise section.error("is empty.", hint="Name at least one parameter.")
    found: list[tuple[Parameter, tuple[Section, ...]]] = []
    for name in section.data:
        if not _NAME.fullmatch(name):
            raise section.error(
                f"{name!r} is no name for a parameter.",
                name,
                hint="A name begins with a letter or _, and goes on with letters, digits, _, - "
                "and dots.",
            )
        path = (*above, name)
        parameter = _parameter_section(section, name)
        whens = (*under, parameter.section("when")) if "when" in parameter else under
        if "parameters" in parameter:
            parameter.only(["parameters", "when"], "a nested parameter")
            found += _read_level(parameter.section("parameters"), path, whens, warnings)
        else:
            distribution = _read_distribution(parameter, warnings)
            found.append((Parameter(path, distribution), whens))
    return found


def _parameter_section(section: Section, name: str) -> Section:
    value = section.data[name]
    if isinstance(value, list):
        raise section.error("must be a mapping.", name, hint=f"Write {name}: {{values: {value}}}.")
    if not isinstance(value, Mapping) and value is not None:
        raise section.error("must be a mapping.", name, hint=f"Write {name}: {{value: {value}}}.")
    return section.section(name)


def _read_distribution(section: Section, warnings: list[str]) -> Distribution:
    named = section.text("distribution") if "distribution" in section else _infer(section)
    if named not in _KINDS:
        raise section.error(f"{named!r} is not known.", "distribution", hint=_meant(named))
    known = _KINDS[named]
    section.only(
        (*known.keys, *known.defaults, "distribution", "when"),
        f"a parameter with distribution {named}",
    )
    distribution = known.build(section.with_defaults(known.defaults))
    if isinstance(distribution, Continuous) and not _finite(distribution):
        raise section.error("its values do not fit in a floating-point number.")
    if known.instead and isinstance(distribution, Continuous):
        low, high = distribution.support
        text = (
            f"{named} is deprecated, and its min and max are exponents of e: here values from "
            f"{low:g} to {high:g} (e^{math.log(low):g} to e^{math.log(high):g})."
        )
        hint = f"Use {known.instead}, which takes the bounds themselves."
        warnings.append(section.warning(text, "distribution", hint=hint))
    if isinstance(distribution, Continuous) and distribution.q is not None:
        first, last = (distribution.quantise(distribution.ppf(u)) for u in (0.0, 1.0))
        if first == last:
            text = f"in steps of {distribution.q!r} there is one value alone, {first!r}."
            warnings.append(section.warning(text, "q", hint="Take a smaller step."))
    return distribution


def _meant(word: str) -> str:
    """A hint for a name that no distribution has."""
    known = {name.replace("_", ""): kind.instead or name for name, kind in _KINDS.items()}
    known |= {other: name for name, words in _ELSEWHERE.items() for other in words}
    near = difflib.get_close_matches(re.sub(r"[^a-z]", "", word.lower()), known, n=1)
    meant = known[near[0]] if near else ""
    return did_you_mean(meant, dict.fromkeys(known.values()), "It is one of")


def _infer(section: Section) -> str:
    """What a parameter without `distribution` is, as W&B decides it."""
    if "value" in section:
        return "constant"
    if "values" in section:
        return "categorical_w_probabilities" if "probabilities" in section else "categorical"
    if "q" in section:
        raise section.error(
            "needs `distribution`.", "q", hint="Add `distribution: q_uniform`, say."
        )
    if "min" in section or "max" in section:
        bounds = (section.number("min"), section.number("max"))
        return "int_uniform" if all(isinstance(bound, int) for bound in bounds) else "uniform"
    keys = ("value", "values", "min", "max", "distribution", "parameters", "when")
    for key in section.data:
        if key not in ("mu", "sigma", "a", "b", "q", "probabilities"):
            section.only(keys, "a parameter")
    raise section.error(
        "has nothing to draw from.",
        hint="Give `value`, `values`, `min` and `max`, or `distribution`.",
    )


def _finite(distribution: Continuous) -> bool:
    try:
        ends = [distribution.quantise(distribution.ppf(u)) for u in (0.0, 1.0)]
    except (OverflowError, ZeroDivisionError):
        return False
    return all(is_number(end) for end in ends)
