"""One mapping of a sweep file, read key by key: every complaint names the key path and the line.

`sweeps.spec` and `sweeps.parameters` say what the keys mean; this module only knows how to ask for
a text, a number, a choice, and how to complain. It never changes the data that it reads.
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from sweeps.distributions import is_number
from sweeps.errors import SpecError
from sweeps.yaml_lines import MAX_DEPTH, KeyPath, show_path

Choice = TypeVar("Choice", bound=StrEnum)
_ELSEWHERE = {
    key: f"It is one of `metric`: {{name: …, {key}: …}}."
    for key in ("impute", "impute_while_running")
}
"""Where keys belong that are readily put elsewhere."""


@dataclass(frozen=True)
class Origin:
    """Where data came from: the file's name, and the lines of its keys, as far as known."""

    path: str | None = None
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    def error(self, problem: str, at: KeyPath, hint: str | None = None) -> SpecError:
        """A complaint about the value at `at`, or about its absence."""
        known = (at[:length] for length in range(len(at), 0, -1))
        line = next((self.lines[near] for near in known if near in self.lines), None)
        return SpecError(problem, key_path=show_path(at), path=self.path, line=line, hint=hint)


class Section:
    """A mapping at `at`. Methods raise SpecError when a key is missing or not what it must be."""

    def __init__(self, data: Mapping[str, Any], origin: Origin, at: KeyPath = ()) -> None:
        self.data = data
        self.origin = origin
        self.at = at

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def error(self, problem: str, *below: str | int, hint: str | None = None) -> SpecError:
        """A complaint about what stands `below` this section, to be raised."""
        return self.origin.error(problem, (*self.at, *below), hint)

    def warning(self, problem: str, *below: str | int, hint: str | None = None) -> str:
        """The same, to be read and no more; by the file's own name, in whatever folder it is."""
        path = self.origin.path and os.path.basename(self.origin.path)
        return str(Origin(path, self.origin.lines).error(problem, (*self.at, *below), hint))

    def with_defaults(self, defaults: Mapping[str, Any]) -> Section:
        """This section, with `defaults` for the keys that it lacks."""
        return Section({**defaults, **self.data}, self.origin, self.at)

    def only(self, known: Iterable[str], where: str) -> None:
        """Refuses a key that is not `known`; `where` says what it is that has no such key."""
        known = sorted(known)
        for key in self.data:
            if key not in known:
                hint = _ELSEWHERE.get(key) or did_you_mean(key, known, "It has")
                raise self.error(f"{where} has no such key.", key, hint=hint)

    def value(self, key: str) -> Any:
        """What stands at `key`; refused when it is missing or empty."""
        if key not in self.data:
            raise self.error("is missing.", key)
        if self.data[key] is None:
            raise self.error("is empty.", key, hint="Give it a value, or remove the key.")
        return self.data[key]

    def text(self, key: str, *, blank: bool = False) -> str:
        """A text; `blank` allows one without letters."""
        value = self.value(key)
        if not isinstance(value, str):
            hint = f'Put it in quotes: {key}: "{value}".' if is_number(value) else None
            raise self.error(f"must be a text, not {kind(value)}.", key, hint=hint)
        if not (blank or value.strip()):
            raise self.error("is empty.", key, hint="Give it a value, or remove the key.")
        return value

    def optional_text(self, key: str) -> str | None:
        """A text, or None when it is missing or has no letters."""
        value = self.text(key, blank=True) if key in self.data else ""
        return value if value.strip() else None

    def number(
        self, key: str, *, above: float = -math.inf, at_least: float = -math.inf
    ) -> int | float:
        """A finite number, an int or a float as it was written."""
        value = self.value(key)
        if not is_number(value):
            hint = "Write it without quotes." if _reads_as_number(value) else None
            raise self.error(f"must be a finite number, not {kind(value)}.", key, hint=hint)
        number: int | float = value
        if not number > above:
            raise self.error(f"must be greater than {above:g}, not {number!r}.", key)
        if number < at_least:
            raise self.error(f"must be at least {at_least:g}, not {number!r}.", key)
        return number

    def whole(self, key: str, *, at_least: int) -> int:
        """A whole number; 3.0 is one, as in W&B."""
        value = self.number(key)
        if value != int(value):
            raise self.error(f"must be a whole number, not {value!r}.", key)
        if value < at_least:
            raise self.error(f"must be at least {at_least}, not {int(value)}.", key)
        return int(value)

    def flag(self, key: str) -> bool:
        value = self.value(key)
        if not isinstance(value, bool):
            raise self.error(f"must be true or false, not {kind(value)}.", key)
        return value

    def choice(self, key: str, choices: type[Choice]) -> Choice:
        """One of the words of an enumeration."""
        return self._choice(self.text(key), choices, key)

    def choices(self, key: str, choices: type[Choice]) -> frozenset[Choice]:
        """A list of words of an enumeration."""
        words = self.entries(key)
        return frozenset(self._choice(word, choices, key, i) for i, word in enumerate(words))

    def _choice(self, word: Any, choices: type[Choice], *below: str | int) -> Choice:
        names = [choice.value for choice in choices]
        if word not in names:
            hint = did_you_mean(str(word), names, "It is one of")
            raise self.error(f"{word!r} is not known.", *below, hint=hint)
        return choices(word)

    def entries(self, key: str) -> list[Any]:
        value = self.value(key)
        if not isinstance(value, list):
            raise self.error(f"must be a list, not {kind(value)}.", key)
        return value

    def section(self, *below: str | int) -> Section:
        """The mapping that stands `below`."""
        inner: Any = self.data
        for key in below:
            inner = inner[key]
        if inner is None:
            raise self.error("is empty.", *below, hint="Give it a value, or remove the key.")
        if not isinstance(inner, Mapping):
            raise self.error(f"must be a mapping of keys to values, not {kind(inner)}.", *below)
        return Section(inner, self.origin, (*self.at, *below))


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """A hint: the nearest known word, or all of them; nothing where there is none."""
    known = list(known)
    if not known:
        return ""
    word = word.lower()
    begun = [name for name in known if word and name.startswith(word)]
    close = begun if len(begun) == 1 else difflib.get_close_matches(word, known, n=1)
    if close:
        return f"Did you mean `{close[0]}`?"
    return f"{otherwise} {', '.join(f'`{name}`' for name in known)}."


def kind(value: Any) -> str:
    """What a value is, for a message, and the value itself when it is short."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    shown = repr(value)
    shown = shown if len(shown) <= 40 else f"{shown[:40]}…"
    return f"the text {shown}" if isinstance(value, str) else shown


def _reads_as_number(value: Any) -> bool:
    try:
        return isinstance(value, str) and math.isfinite(float(value))
    except ValueError:
        return False


def plain(value: Any, origin: Origin, at: KeyPath = ()) -> Any:
    """A copy of `value` as plain JSON (dict, list, str, int, float, bool, None).

    Raises SpecError where it holds anything else, a key that is no text, or itself.
    """
    if len(at) > MAX_DEPTH:
        raise origin.error("nested too deeply.", at)
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise origin.error(f"the key {key!r} is no text.", at)
        return {key: plain(inner, origin, (*at, key)) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner, origin, (*at, i)) for i, inner in enumerate(value)]
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise origin.error(f"{type(value).__name__} is no JSON value.", at)
