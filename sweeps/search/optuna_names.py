"""Optuna's samplers and pruners by name, with their arguments, as a sweep file says them.

    {sampler: TPESampler, n_startup_trials: 20}
    {sampler: PartialFixedSampler, fixed_params: {layers: 3}, base_sampler: {sampler: GPSampler}}
    {pruner: PatientPruner, patience: 3, wrapped: {pruner: MedianPruner}}

Which classes there are and what they take is read from the Optuna that is installed, so that a
newer one needs nothing here. What is wrong is a SpecError at its key: an unknown name, an argument
that the class does not have or of another type, one that no sweep file can say (a function, say),
a package that is missing. Importing this module imports optuna: do so late.
"""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import itertools
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy
import optuna
from optuna.samplers import nsgaii

from sweeps.errors import SpecError
from sweeps.section import Section, did_you_mean, kind

optuna.logging.set_verbosity(optuna.logging.ERROR)  # the controller speaks for the sweep

Encode = Callable[[str, Any], Any]
"""(parameter's dotted name, value of it) -> what Optuna is shown; ValueError says what is wrong."""


def _samplers(word: str) -> Kind:
    return Kind(word, optuna.samplers, optuna.samplers.BaseSampler)


@dataclass(frozen=True)
class Kind:
    """A family of Optuna's classes: the key that names one, its module, its base class."""

    key: str
    module: ModuleType
    base: type

    def names(self) -> list[str]:
        """Those that can be made."""
        exported = (getattr(self.module, name) for name in self.module.__all__)
        return sorted(
            each.__name__
            for each in exported
            if inspect.isclass(each)
            and issubclass(each, self.base)
            and not inspect.isabstract(each)
        )

    def find(self, section: Section) -> Any:
        """The class that the section names."""
        name, names = section.text(self.key), self.names()
        if name not in names:
            lower = {each.lower(): each for each in names}
            lower |= {each.lower().removesuffix(self.key): each for each in names}
            near = difflib.get_close_matches(name.lower(), lower, n=1)
            hint = (
                f"Did you mean `{lower[near[0]]}`?" if near else did_you_mean("", names, "It has")
            )
            raise section.error(
                f"Optuna {optuna.__version__} has no {self.key} {name!r}.", self.key, hint=hint
            )
        return getattr(self.module, name)


SAMPLER = _samplers("sampler")
PRUNER = Kind("pruner", optuna.pruners, optuna.pruners.BasePruner)
CROSSOVER = Kind("crossover", nsgaii, nsgaii.BaseCrossover)
_MUTATION = (
    Kind("mutation", nsgaii, nsgaii.BaseMutation) if hasattr(nsgaii, "BaseMutation") else None
)

_NESTED = {
    "BaseSampler": SAMPLER,
    "BasePruner": PRUNER,
    "BaseCrossover": CROSSOVER,
    "BaseMutation": _MUTATION,
}
"""Arguments that are objects of these classes stand as mappings of their own, or as a name."""
_FOLDERS = re.compile(r"(?:[A-Za-z]:)?[\\/](?:[^\s\\/:'\"]+[\\/])+")
_SHORT = {"wrapped": "wrapped_pruner"}
_IN_FILES = {argument: key for key, argument in _SHORT.items()}
_OPENING = ("n_startup_trials", "population_size", "popsize")
"""Arguments that say how many trials go by before a sampler or a pruner begins its own work."""
_UNSAYABLE = ("Callable", "FrozenTrial")
_OF_PARAMETERS = ("x0", "fixed_params")
"""Arguments that are values by the name of their parameter."""
_REFUSED = {
    "GridSampler": "take `method: grid`, which tries every point exactly once.",
}
_PACKAGES = {
    "GPSampler": ("torch", "Install torch, or take `search: {type: gp}`, which needs none."),
    "CmaEsSampler": ("cmaes", "Install it where the server runs: pip install cmaes"),
}


@dataclass(frozen=True)
class Given:
    """What a sweep gives to every object that takes it, unless the file does: such as the seed.

    Attributes:
        arguments: by name; none is an error where the class does not have it.
        encode: for values of parameters.
    """

    arguments: Mapping[str, Any] = field(default_factory=dict)
    encode: Encode = lambda name, value: value  # noqa: ARG005


def quiet() -> None:
    """Optuna's warnings are for programmers: of what is experimental, deprecated or ignored."""
    for module in (r"optuna\.", r"sweeps\.(search|stopping)\."):
        for category in (optuna.exceptions.ExperimentalWarning, FutureWarning, UserWarning):
            warnings.filterwarnings("ignore", category=category, module=module)


def takes(kind_: Kind, section: Section, argument: str) -> bool:
    """Whether the class that the section names has such an argument, or the sampler that does its
    work has."""
    inner = section.data.get("base_sampler")
    if inner is not None:
        section = _section_of(section, "base_sampler", kind_)
    return argument in _parameters(kind_.find(section))


def opening(kind_: Kind, section: Section) -> int:
    """How many trials go by before what the section describes begins its own work: the most that
    it, or one that it leans on, says or has by default."""
    parameters = _parameters(kind_.find(section))
    found = [section.data.get(each, parameters[each].default)
             for each in _OPENING if each in parameters]  # fmt: skip
    for key, value in section.data.items():
        known = parameters.get(_SHORT.get(key, key))
        if known is not None and kind_.base.__name__ in _annotation(known) and value is not None:
            found.append(opening(kind_, _section_of(section, key, kind_)))
    return max((each for each in found if isinstance(each, int)), default=0)


def build(kind_: Kind, section: Section, given: Given | None = None) -> Any:
    """The object that the section describes. Raises SpecError."""
    given = given or Given()
    quiet()
    found = kind_.find(section)
    name = found.__name__
    if name in _REFUSED:
        raise section.error(f"{name} is not run here: {_REFUSED[name]}", kind_.key)
    if name in _PACKAGES:
        package, hint = _PACKAGES[name]
        if importlib.util.find_spec(package) is None:
            raise section.error(
                f"{name} needs the package {package}, which is not installed.",
                kind_.key,
                hint=hint,
            )
    parameters = _parameters(found)
    sayable = [
        _IN_FILES.get(each, each) for each, known in parameters.items() if not _unsayable(known)
    ]
    arguments = {each: value for each, value in given.arguments.items() if each in parameters}
    for key in section.data:
        if key == kind_.key:
            continue
        argument = _SHORT.get(key, key) if _SHORT.get(key) in parameters else key
        known = parameters.get(argument)
        if known is None:
            what = "has no such argument." if sayable else "takes no arguments."
            raise section.error(f"{name} {what}", key, hint=did_you_mean(key, sayable, "It has"))
        if _unsayable(known):
            raise section.error(
                "is a function, or trials, in Optuna: a sweep file cannot say it.",
                key,
                hint="Limits on metrics go under `metrics`." if "constraint" in key else None,
            )
        arguments[argument] = _value(section, key, known, given)
    for each, known in parameters.items():
        if known.default is inspect.Parameter.empty and each not in arguments:
            raise section.error(f"is missing; {name} needs it.", _IN_FILES.get(each, each))
    try:
        return found(**arguments)
    except Exception as error:  # the class's own, and of packages that it imports
        text = sentence(error)
        raise section.error(f"{name} refuses this: {text}", *named(section, text)) from None


def sentence(error: Exception) -> str:
    """What an error of Optuna's says, for people: its first line, no folders, one full stop."""
    lines = str(error).strip().splitlines() or [""]
    text = _FOLDERS.sub("", lines[0]).strip().rstrip(".:") or type(error).__name__
    return f"{text}."


def named(section: Section, text: str) -> tuple[str, ...]:
    """The key of a section that a message is about: () where it names none."""
    words = {_SHORT.get(key, key): key for key in section.data} | {key: key for key in section.data}
    found = (key for word, key in words.items() if re.search(rf"\b{re.escape(word)}\b", text))
    return tuple(itertools.islice(found, 1))


def _parameters(found: Any) -> dict[str, inspect.Parameter]:
    signature = inspect.signature(found.__init__)
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = [each for each in signature.parameters.values() if each.kind not in kinds]
    return {each.name: each for each in named[1:]}  # without self


def _annotation(parameter: inspect.Parameter) -> str:
    annotation = parameter.annotation
    if isinstance(annotation, str):
        return annotation
    return annotation.__name__ if inspect.isclass(annotation) else str(annotation)


def _unsayable(parameter: inspect.Parameter) -> bool:
    return any(word in _annotation(parameter) for word in _UNSAYABLE)


def _value(section: Section, key: str, parameter: inspect.Parameter, given: Given) -> Any:
    value, annotation = section.data[key], _annotation(parameter)
    for base, kind_ in _NESTED.items():
        if base in annotation and kind_ is not None and value is not None:
            return build(kind_, _section_of(section, key, kind_), given)
    if key in _OF_PARAMETERS and isinstance(value, Mapping):
        encoded = {}
        for name in value:
            try:
                encoded[name] = given.encode(name, value[name])
            except ValueError as error:
                raise section.error(str(error), key, name) from None
        return encoded
    if "ndarray" in annotation and isinstance(value, list):
        try:
            return numpy.array(value, dtype=float)
        except (ValueError, TypeError):
            raise section.error("must be lists of numbers, all of one length.", key) from None
    if not _fits(value, annotation):
        raise section.error(f"must be {_words(annotation)}, not {kind(value)}.", key)
    return value


def _section_of(section: Section, key: str, kind_: Kind) -> Section:
    """`{sampler: …}` or, where nothing more is to be said, its name alone."""
    if not isinstance(section.data[key], str):
        return section.section(key)
    return _Alone({kind_.key: section.data[key]}, section.origin, (*section.at, key))


class _Alone(Section):
    """A name that stands for a section with nothing more in it: complaints are about the name."""

    def error(self, problem: str, *below: str | int, hint: str | None = None) -> SpecError:  # noqa: ARG002
        return self.origin.error(problem, self.at, hint)


_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
    "None": (type(None),),
    "dict": (dict,),
    "Mapping": (dict,),
    "Sequence": (list,),
    "list": (list,),
}
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "dict": "a mapping",
    "Mapping": "a mapping",
    "list": "a list",
    "Sequence": "a list",
}


def _tokens(annotation: str) -> list[str]:
    return [part.split("[")[0].strip(" '\"") for part in annotation.split("|")]


def _fits(value: Any, annotation: str) -> bool:
    tokens = _tokens(annotation)
    if not all(token in _TYPES for token in tokens):
        return True  # of a kind that only the class itself can judge
    if isinstance(value, bool):
        return "bool" in tokens
    return any(isinstance(value, _TYPES[token]) for token in tokens)


def _words(annotation: str) -> str:
    return " or ".join(_WORDS[token] for token in _tokens(annotation) if token in _WORDS)
