"""A summary's flat dotted names, as the nested dicts that W&B shows of them.

A summary is kept flat: {"best.k.z": 1}. Scripts read and write it nested, at any depth:
summary["best"]["k"]["z"]. A value may itself be a dict: {"min": 1}, as define_metric makes it, or
{"_type": "image-file", …}. Where "a" is a value and there are names below it ("a.b"), "a" stays
what it is, and "a.b" is reached by its dotted name alone; if "a" is a dict, its own keys go first.

Pure. A live run's summary may grow in another thread meanwhile: what is gone through is a copy,
which is made at once. Neighbours: summary.py (a live run's), api/documents.py (a server's).
"""

from __future__ import annotations

from logging_core.hints import Any, Callable, Iterator, Mapping, MutableMapping, Sequence
from logging_core.values import flatten


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """All of it: {"a.b": 1, "c": 2} -> {"a": {"b": 1}, "c": 2}."""
    found: dict[str, Any] = {}
    values = dict(values)
    for name, value in values.items():
        place, key = found, name
        if not any(head in values and not _is_open(values[head]) for head, _ in _splits(name)):
            *above, key = name.split(".")
            for part in above:
                place = place.setdefault(part, {})
        if _is_open(value):
            place[key] = {**place.get(key, {}), **value}
        elif key not in place:
            place[key] = value
    return found


def find(values: Mapping[str, Any], name: str) -> Any:
    """The value of this name, or what is below it. Raises KeyError."""
    value = values.get(name)
    if name in values and not _is_open(value):
        return value
    values = dict(values)
    found = nested(
        {each[len(name) + 1 :]: values[each] for each in values if each.startswith(name + ".")}
    )
    found.update(value or {})
    if found or name in values:
        return found
    for head, rest in _splits(name):
        inner = values.get(head)
        for part in rest.split("."):
            if not isinstance(inner, dict) or part not in inner:
                break
            inner = inner[part]
        else:
            return inner
    raise KeyError(name)


def setting(
    values: Mapping[str, Any], name: str, value: Any
) -> tuple[dict[str, Any], Sequence[str]]:
    """What to write, and which names to remove, for `name` to be `value` and nothing else."""
    for head, rest in _splits(name):
        if isinstance(values.get(head), dict):
            return setting(values, head, _with(values[head], rest.split("."), value))
    new = flatten({name: value})
    if name in values and not _is_open(values[name]):
        return new, [] if name in new else [name]
    return new, [each for each in _at_or_below(values, name) if each not in new]


def removal(values: Mapping[str, Any], name: str) -> tuple[dict[str, Any], Sequence[str]]:
    """What to write, and which names to remove, for `name` to be gone. Raises KeyError."""
    gone = _at_or_below(values, name)
    if gone:
        return {}, gone
    for head, rest in _splits(name):
        inner = values.get(head)
        *above, last = rest.split(".")
        for part in above:
            inner = inner.get(part) if isinstance(inner, dict) else None
        if isinstance(inner, dict) and last in inner:
            left = {key: each for key, each in inner.items() if key != last}
            if not above:
                return setting(values, head, left)
            return setting(values, ".".join([head, *above]), left)
    raise KeyError(name)


def _is_open(value: Any) -> bool:
    """Whether it is a dict that others may be merged into: an image's is one value."""
    return isinstance(value, dict) and "_type" not in value


def _splits(name: str) -> Iterator[tuple[str, str]]:
    """("a", "b.c"), ("a.b", "c") of "a.b.c"."""
    at = name.find(".")
    while at >= 0:
        yield name[:at], name[at + 1 :]
        at = name.find(".", at + 1)


def _at_or_below(values: Mapping[str, Any], name: str) -> list[str]:
    return [each for each in dict(values) if each == name or each.startswith(name + ".")]


def _with(values: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """A copy that has `value` at `path`."""
    if len(path) > 1:
        inner = values.get(path[0])
        value = _with(inner if isinstance(inner, dict) else {}, path[1:], value)
    return {**values, path[0]: value}


class Nested(dict):  # type: ignore[type-arg]
    """A dict within a summary, as it was when it was asked for; what is set in it is set in the
    summary too. Also read by attributes, and by dotted names below it."""

    _name: str
    _summary: MutableMapping[str, Any]

    def __init__(
        self, values: Mapping[str, Any], name: str, summary: MutableMapping[str, Any]
    ) -> None:
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_summary", summary)
        super().__init__((key, self._adopted(key, value)) for key, value in values.items())

    def _adopted(self, key: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return Nested(value, f"{self._name}.{key}", self._summary)
        return value

    def __missing__(self, key: str) -> Any:
        inner: Any = self
        for part in str(key).split("."):
            if not isinstance(inner, dict) or part not in inner:
                raise KeyError(key)
            inner = inner[part]
        return inner

    def __getattr__(self, key: str) -> Any:
        if key in self:
            return self[key]
        raise AttributeError(f"{self._name} in the summary has no {key!r}")

    def __setitem__(self, key: str, value: Any) -> None:
        name = f"{self._name}.{key}"
        self._summary[name] = value
        super().__setitem__(key, self._summary[name])

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        del self._summary[f"{self._name}.{key}"]
        super().__delitem__(key)

    __setattr__ = __setitem__
    __delattr__ = __delitem__
    pop = MutableMapping.pop
    popitem = MutableMapping.popitem
    clear = MutableMapping.clear
    setdefault = MutableMapping.setdefault
    update = MutableMapping.update

    def __ior__(self, other: Any) -> Nested:  # type: ignore[misc]
        self.update(other)
        return self

    def __reduce__(self) -> tuple[Callable[..., dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, ({key: _plain(value) for key, value in self.items()},)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return value
