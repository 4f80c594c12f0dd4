"""A run's summary as scripts read and change it: a dict, with attributes and W&B's update()."""

from __future__ import annotations

from typing import Any, Callable, Iterator, Mapping, MutableMapping

from logging_core.values import plain

Persist = Callable[[Mapping[str, Any], "list[str]"], None]
"""Takes the changed values and the removed names to the server."""


class Summary(MutableMapping[str, Any]):
    """The last (or best, as define_metric says) values of a run.

    Values are read by name, by dotted name or as attributes. What is set or deleted is sent by
    `update()`, or by the run's.
    """

    _values: dict[str, Any]
    _persist: Persist
    _changed: set[str]

    def __init__(self, values: Mapping[str, Any], persist: Persist) -> None:
        object.__setattr__(self, "_values", dict(values))
        object.__setattr__(self, "_persist", persist)
        object.__setattr__(self, "_changed", set())

    def __getitem__(self, name: str) -> Any:
        if name in self._values:
            return _reachable(self._values[name])
        below = {
            key[len(name) + 1 :]: value
            for key, value in self._values.items()
            if key.startswith(name + ".")
        }
        if below:
            return _Nested(below)
        head, dot, rest = name.partition(".")
        inner = self._values.get(head)
        if not dot or not isinstance(inner, Mapping):
            raise KeyError(name)
        for part in rest.split("."):
            if not isinstance(inner, Mapping) or part not in inner:
                raise KeyError(name)
            inner = inner[part]
        return _reachable(inner)

    def __setitem__(self, name: str, value: Any) -> None:
        self._values[name] = plain(value)
        self._changed.add(name)

    def __delitem__(self, name: str) -> None:
        del self._values[name]
        self._changed.add(name)

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
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)

    @property
    def _json_dict(self) -> dict[str, Any]:
        """All of it as a plain dict, under the name that W&B's examples use."""
        return dict(self._values)

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


class _Nested(Mapping[str, Any]):
    """A mapping within a summary; what is in it is changed by setting the whole."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> Any:
        return _reachable(self._values[name])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(name)
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)

    def __eq__(self, other: object) -> bool:
        return self._values == (other._values if isinstance(other, _Nested) else other)

    __hash__ = None  # type: ignore[assignment]


def _reachable(value: Any) -> Any:
    return _Nested(value) if isinstance(value, dict) else value
