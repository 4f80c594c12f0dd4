"""A run's configuration: dict and attribute access, at any depth; a sweep's values locked.

A locked value is a leaf of what the sweep handed in: the script may read it, what it writes there
is ignored with a warning. All else the script may set. Knows no file (given.py opens what a script
gives, run.py records what changes).
"""

from __future__ import annotations

from logging_core.errors import ConfigError
from logging_core.given import as_mapping, tidy
from logging_core.hints import Any, Callable, Mapping
from logging_core.values import plain

Changed = Callable[[str], None]  # told the top-level key that has a new value
Warn = Callable[[str], None]


def _nothing(_text: str) -> None:
    return


class Config(dict):  # type: ignore[type-arg]
    """`config.lr`, `config["lr"]`, `config.model.layers`, `dict(config)`, `json.dumps(config)`.

    A real dict, so that it goes wherever a dict goes; copies and pickles of it are no longer
    recorded. Keys cannot be removed: what a run was given is part of its record. A key that is
    also the name of a dict method (`items`) needs the brackets.
    """

    _locked: Mapping[str, Any]
    _fixed: bool
    _fixed_below: bool
    _changed: Changed
    _warn: Warn
    _path: str

    def __init__(
        self,
        values: Mapping[str, Any] | None = None,
        *,
        locked: bool = False,
    ) -> None:
        super().__init__()
        set_attribute = object.__setattr__
        set_attribute(self, "_locked", {})
        set_attribute(self, "_fixed", False)
        set_attribute(self, "_fixed_below", False)
        set_attribute(self, "_changed", _nothing)
        set_attribute(self, "_warn", _nothing)
        set_attribute(self, "_path", "")
        self._merge(values or {})
        if locked:
            self._lock(_leaves(values or {}))

    def attach(self, changed: Changed, warn: Warn) -> None:
        """From now on `changed` hears of every key that is set, and `warn` of refused writes."""
        object.__setattr__(self, "_changed", changed)
        object.__setattr__(self, "_warn", warn)

    def fix(self, *, nested: bool) -> None:
        """From now on a value that is there may not change (in nested mappings too, if `nested`),
        as with W&B: what a run was given is not lost by a slip."""
        object.__setattr__(self, "_fixed", True)
        object.__setattr__(self, "_fixed_below", nested)
        for value in self.values():
            if nested and isinstance(value, Config):
                value.fix(nested=True)

    def take(self, values: Mapping[str, Any]) -> list[str]:
        """The script's own values: those that the sweep set give way without a word. Returns the
        keys that have a new value."""
        return self._merge(values, warn=_nothing)

    def _lock(self, leaves: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_locked", leaves)
        for key, below in leaves.items():
            if isinstance(below, dict):
                self[key]._lock(below)

    def _merge(
        self, values: Mapping[str, Any], *, warn: Warn | None = None, fixed: bool = False
    ) -> list[str]:
        """Take values in, locked leaves apart; returns the keys that have a new value. `fixed`:
        raises ConfigError, before any is taken, where one that is there would change."""
        warn = warn or self._warn
        taken = []
        named = {str(key).strip("-"): tidy(value) for key, value in values.items()}
        if fixed:
            self._refuse_change(named)
        for key, value in named.items():
            lock = self._locked.get(key)
            if isinstance(lock, dict) and isinstance(value, Mapping):
                if self[key]._merge(value, warn=warn):
                    taken.append(key)
            elif lock:
                if plain(value) != plain(self[key]):
                    warn(
                        f"config.{self._path}{key} is set by the sweep: {plain(self[key])!r} "
                        f"stays, {plain(value)!r} is ignored"
                    )
            else:
                super().__setitem__(key, self._adopt(key, value))
                taken.append(key)
        return taken

    def _refuse_change(self, values: Mapping[str, Any]) -> None:
        for key, value in values.items():
            if key in self and key not in self._locked and plain(self[key]) != plain(value):
                raise ConfigError(
                    f"config.{self._path}{key} is {plain(self[key])!r} and may not become "
                    f"{plain(value)!r}: pass allow_val_change=True to init() or config.update()"
                )

    def _adopt(self, key: str, value: Any) -> Any:
        """`value` as it is kept: mappings as nodes that report to this one, tuples as lists,
        arrays and NumPy scalars as plain values, any other object as itself."""
        if isinstance(value, Mapping):
            node = Config(value)
            object.__setattr__(node, "_changed", lambda _below: self._changed(key))
            object.__setattr__(node, "_warn", self._warn_from_below)
            object.__setattr__(node, "_path", f"{self._path}{key}.")
            if self._fixed_below:
                node.fix(nested=True)
            return node
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        if callable(getattr(value, "item", None)) or callable(getattr(value, "tolist", None)):
            return plain(value)
        return value

    def _warn_from_below(self, text: str) -> None:
        self._warn(text)

    def update(self, *given: Any, allow_val_change: bool | None = None, **more: Any) -> None:
        """Set several values: from a mapping, a namespace, a dataclass, a file, … (given.py).

        A value that is there changes with `allow_val_change=True` alone, here or in init(), or in
        a notebook; else ConfigError is raised. What the sweep has set stays in any case.
        """
        values: dict[str, Any] = {}
        for one in given:
            if isinstance(one, bool):  # W&B's scripts may pass allow_val_change without its name
                allow_val_change = one
            else:
                values.update(as_mapping(one))
        values.update(more)
        fixed = self._fixed if allow_val_change is None else not allow_val_change
        for key in self._merge(values, fixed=fixed):
            self._changed(key)

    def setdefaults(self, values: Any) -> None:
        """Set those of `values` that have no value yet."""
        self.update({k: v for k, v in as_mapping(values).items() if k not in self})

    def setdefault(self, key: str, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def persist(self) -> None:
        """Record all values anew: for scripts that changed a list in place."""
        for key in list(self):
            self._changed(key)

    def as_dict(self) -> dict[str, Any]:
        """A plain copy, nested dicts too."""
        items = list(self.items())  # another thread may set values
        return {k: v.as_dict() if isinstance(v, Config) else v for k, v in items}

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            known = ", ".join(map(str, self)) or "nothing"
            raise AttributeError(f"config has no {self._path}{name}; it has: {known}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __ior__(self, other: Any) -> Config:  # type: ignore[misc]
        self.update(other)
        return self

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise TypeError("values of a run's config can be changed but not removed")

    __delitem__ = __delattr__ = pop = popitem = clear = _refuse

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        return Config, (self.as_dict(),)


def _leaves(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: _leaves(v) if isinstance(v, Mapping) and v else True for k, v in values.items()}
