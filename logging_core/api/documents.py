"""A run's summary as scripts read and change it: a dict, with attributes and W&B's update()."""

from __future__ import annotations

from typing import Any, Callable, Iterator, Mapping, MutableMapping, Sequence

from logging_core import nesting
from logging_core.values import plain

Persist = Callable[[Mapping[str, Any], "list[str]"], None]
"""Takes the changed values and the removed names to the server."""


class Summary(MutableMapping[str, Any]):
    """The last (or best, as define_metric says) values of a run.

    Values are read by name, at any depth, by dotted name or as attributes (nesting.py). What is
    set or deleted is sent by `update()`, or by the run's.
    """

    _values: dict[str, Any]
    _persist: Persist
    _changed: set[str]

    def __init__(self, values: Mapping[str, Any], persist: Persist) -> None:
        object.__setattr__(self, "_values", dict(values))
        object.__setattr__(self, "_persist", persist)
        object.__setattr__(self, "_changed", set())

    def __getitem__(self, name: str) -> Any:
        found = nesting.find(self._values, name)
        return nesting.Nested(found, name, self) if isinstance(found, dict) else found

    def __setitem__(self, name: str, value: Any) -> None:
        self._change(*nesting.setting(self._values, name, plain(value)))

    def __delitem__(self, name: str) -> None:
        self._change(*nesting.removal(self._values, name))

    def _change(self, new: Mapping[str, Any], removed: Sequence[str]) -> None:
        for name in removed:
            del self._values[name]
        self._values.update(new)
        self._changed.update(new, removed)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the summary has no {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __iter__(self) -> Iterator[str]:
        return iter(nesting.nested(self._values))

    def __len__(self) -> int:
        return len(nesting.nested(self._values))

    def __repr__(self) -> str:
        return repr(self._json_dict)

    @property
    def _json_dict(self) -> dict[str, Any]:
        """All of it as a plain dict, nested, under the name that W&B's examples use."""
        return nesting.nested(self._values)

    def update(  # type: ignore[override]
        self, values: Any = None, **named: Any
    ) -> None:
        """Sets what is given, and sends all that was changed."""
        for name, value in {**dict(values or {}), **named}.items():
            self[name] = value
        if self._changed:
            there = {name: self._values[name] for name in self._changed if name in self._values}
            self._persist(there, [name for name in self._changed if name not in self._values])
            self._changed.clear()
