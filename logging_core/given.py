"""What a script gives as its configuration, opened: whatever its library, dicts come out.

dicts, argparse and other namespaces, dataclasses, attrs classes, pydantic models (1 and 2),
OmegaConf, absl flags, ml_collections, and JSON or YAML files. Each is known by its marks: none of
these libraries is ever imported here. Neighbour: config.py, which keeps what is found.
"""

from __future__ import annotations

import json
import os
import sys
from types import ModuleType, SimpleNamespace

from logging_core.errors import UsageError
from logging_core.hints import Any, Mapping


def as_mapping(config: Any) -> dict[str, Any]:
    """The names and values that a script gives as its config; None is none of them.

    Raises UsageError for what holds no names and values, and for a file that cannot be read.
    """
    if config is None:
        return {}
    if isinstance(config, (str, os.PathLike)):
        return read_file(os.fspath(config))
    opened = _opened(config)
    if opened is None and not isinstance(config, (type, ModuleType)):
        if callable(getattr(config, "keys", None)) and hasattr(config, "__getitem__"):
            opened = {key: config[key] for key in config.keys()}  # noqa: SIM118 - as dict() does
        elif callable(getattr(config, "_asdict", None)):
            opened = config._asdict()
        elif hasattr(config, "__dict__"):
            opened = _attributes(config)
    if isinstance(opened, dict):
        return opened
    raise UsageError(
        "config must be a dict, a namespace, a dataclass or the like, or the path of a file, "
        f"not {config!r}"
    )


def tidy(value: Any) -> Any:
    """`value` with all that `as_mapping` knows opened, at any depth; anything else as it is."""
    if isinstance(value, (str, bytes, int, float, type(None))):
        return value
    opened = _opened(value)
    if opened is not None:
        value = opened
    if isinstance(value, Mapping):
        return {key: tidy(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [tidy(item) for item in value]
    return value


def _opened(value: Any) -> dict[str, Any] | list[Any] | None:
    """The top level of a value that has names (OmegaConf: all of it); None: it has none."""
    kind = type(value)
    library = kind.__module__.partition(".")[0]
    if library == "omegaconf":
        return _omegaconf(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, ModuleType):
        return _opened(value.FLAGS) if value.__name__ == "absl.flags" else None
    if isinstance(value, type):
        return None
    if kind.__module__ == "absl.flags._flagvalues":
        return {name: value[name].value for name in value}
    for marks in ("__dataclass_fields__", "__attrs_attrs__"):
        fields = getattr(kind, marks, None)
        if fields is not None:
            names = [getattr(field, "name", field) for field in fields]
            return {name: getattr(value, name) for name in names if hasattr(value, name)}
    if hasattr(kind, "__pydantic_fields__") or hasattr(kind, "__fields__"):
        extra = getattr(value, "__pydantic_extra__", None) or {}
        return {**vars(value), **extra}
    if library == "ml_collections" and callable(getattr(value, "keys", None)):
        return {key: value[key] for key in value.keys()}  # noqa: SIM118
    if isinstance(value, SimpleNamespace) or (library == "argparse" and hasattr(value, "__dict__")):
        return _attributes(value)
    return None


def _attributes(value: Any) -> dict[str, Any]:
    return {name: item for name, item in vars(value).items() if not name.startswith("_")}


def _omegaconf(value: Any) -> dict[str, Any] | list[Any] | None:
    """A DictConfig or ListConfig with its interpolations resolved, where they can be."""
    omegaconf = sys.modules["omegaconf"]
    if not omegaconf.OmegaConf.is_config(value):
        return None
    for resolve in (True, False):
        try:
            opened: dict[str, Any] | list[Any] = omegaconf.OmegaConf.to_container(
                value, resolve=resolve
            )
            return opened
        except Exception:  # an interpolation that leads nowhere, a resolver of the script's own
            continue
    return None


def read_file(path: str) -> dict[str, Any]:
    """A JSON or YAML file of config values, in W&B's form (`lr: {value: 0.1}`) or plain.

    Raises UsageError: not there, malformed, or YAML where PyYAML is not installed.
    """
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"the config file {path} cannot be read: {why}") from None
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
