"""A run's configuration: dict and attribute access, at any depth; a sweep's values locked.

A locked value is a leaf of what the sweep handed in: the script may read it, what it writes there
is ignored with a warning. All else the script may set. Knows no file of the run folder (run.py
records what changes); reads the files that a script names as its config.
"""

from __future__ import annotations

import json
import os
from typing import Any, Callable, Iterable, Mapping

from logging_core.errors import UsageError
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

    def take(self, values: Mapping[str, Any]) -> list[str]:
        """The script's own values: those that the sweep set give way without a word. Returns the
        keys that have a new value."""
        return self._merge(values, warn=_nothing)

    def _lock(self, leaves: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_locked", leaves)
        for key, below in leaves.items():
            if isinstance(below, dict):
                self[key]._lock(below)

    def _merge(self, values: Mapping[str, Any], *, warn: Warn | None = None) -> list[str]:
        """Take values in, locked leaves apart; returns the keys that have a new value."""
        warn = warn or self._warn
        taken = []
        for given, value in values.items():
            key = str(given).strip("-")
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

    def _adopt(self, key: str, value: Any) -> Any:
        """`value` as it is kept: mappings as nodes that report to this one, tuples as lists,
        arrays and NumPy scalars as plain values, any other object as itself."""
        if isinstance(value, Mapping):
            node = Config(value)
            object.__setattr__(node, "_changed", lambda _below: self._changed(key))
            object.__setattr__(node, "_warn", self._warn_from_below)
            object.__setattr__(node, "_path", f"{self._path}{key}.")
            return node
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        if callable(getattr(value, "item", None)) or callable(getattr(value, "tolist", None)):
            return plain(value)
        return value

    def _warn_from_below(self, text: str) -> None:
        self._warn(text)

    def update(self, *given: Any, allow_val_change: bool | None = None, **more: Any) -> None:
        """Set several values: from a mapping, an argparse.Namespace, a dataclass or a file.

        `allow_val_change` is taken for W&B's sake: here a value that is not locked may change.
        """
        del allow_val_change
        values: dict[str, Any] = {}
        for one in given:
            values.update(as_mapping(one))
        values.update(more)
        for key in self._merge(values):
            self._changed(key)

    def setdefaults(self, values: Any) -> None:
        """Set those of `values` that have no value yet."""
        self.update({k: v for k, v in as_mapping(values).items() if k not in self})

    def setdefault(self, key: str, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def as_dict(self) -> dict[str, Any]:
        """A plain copy, nested dicts too."""
        return {k: v.as_dict() if isinstance(v, Config) else v for k, v in self.items()}

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


def as_mapping(config: Any) -> dict[str, Any]:
    """What a script gives as its config: None, a mapping, an argparse.Namespace (or any object
    with attributes), a dataclass, or the path of a JSON or YAML file.

    Raises UsageError for anything else, and for a file that cannot be read.
    """
    if config is None:
        return {}
    if isinstance(config, Mapping):
        return dict(config)
    if isinstance(config, (str, os.PathLike)):
        return read_file(os.fspath(config))
    fields: Iterable[str] | None = getattr(config, "__dataclass_fields__", None)
    if fields is not None and not isinstance(config, type):
        return {name: getattr(config, name) for name in fields}
    if hasattr(config, "__dict__") and not isinstance(config, type):
        return {k: v for k, v in vars(config).items() if not k.startswith("_")}
    raise UsageError(
        f"config must be a dict, an argparse.Namespace or the path of a file, not {config!r}"
    )


def read_file(path: str) -> dict[str, Any]:
    """A JSON or YAML file of config values, in W&B's form (`lr: {value: 0.1}`) or plain.

    Raises UsageError: not there, malformed, or YAML where PyYAML is not installed.
    """
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        raise UsageError(f"the config file {path} cannot be read: {error.strerror}") from None
    try:
        values = json.loads(text)
    except ValueError:
        values = _yaml(path, text)
    if not isinstance(values, dict):
        raise UsageError(f"the config file {path} holds no mapping of names to values")
    values.pop("wandb_version", None)
    values.pop("_wandb", None)
    wrapped = values and all(isinstance(v, dict) and "value" in v for v in values.values())
    return {str(k): v["value"] for k, v in values.items()} if wrapped else values


def _yaml(path: str, text: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise UsageError(
            f"the config file {path} is YAML, and PyYAML is not installed in this environment: "
            "pip install pyyaml, or write it as JSON"
        ) from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"the config file {path} is malformed: {error}") from None
