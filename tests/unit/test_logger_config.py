"""The config object: dict and attribute access, locks, and everything that a script may give."""

from __future__ import annotations

import argparse
import copy
import json
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from logging_core.config import Config
from logging_core.errors import UsageError
from logging_core.given import as_mapping


class Listener:
    def __init__(self, config: Config) -> None:
        self.changed: list[str] = []
        self.warned: list[str] = []
        config.attach(self.changed.append, self.warned.append)


def test_access_at_any_depth() -> None:
    config = Config({"lr": 0.1, "model": {"layers": 2, "opt": {"name": "sgd"}}, "sizes": (1, 2)})
    assert config.model.opt.name == config["model"]["opt"]["name"] == "sgd"
    assert config.sizes == [1, 2]
    assert dict(**config)["lr"] == 0.1
    assert json.loads(json.dumps(config))["model"]["layers"] == 2
    assert config.get("none") is None
    with pytest.raises(AttributeError, match="config has no learning; it has: lr, model, sizes"):
        _ = config.learning
    with pytest.raises(AttributeError, match=r"no model\.depth"):
        _ = config.model.depth
    with pytest.raises(KeyError):
        config["learning"]


def test_changes_are_told_by_their_top_level_key() -> None:
    config = Config({"model": {"layers": 2}})
    listener = Listener(config)
    config.lr = 1
    config["model"]["layers"] = 3
    config.model.update(width=4)
    config |= {"a": 1}
    config.update(argparse.Namespace(b=2), c=3)
    config.setdefault("a", 9)
    config.setdefaults({"a": 9, "d": 4})
    assert listener.changed == ["lr", "model", "model", "a", "b", "c", "d"]
    assert config == {
        "model": {"layers": 3, "width": 4},
        "lr": 1,
        **{"a": 1, "b": 2, "c": 3, "d": 4},
    }


def test_locked_leaves_stay_and_the_rest_is_free() -> None:
    config = Config({"lr": 0.1, "model": {"layers": 2}, "none": {}}, locked=True)
    listener = Listener(config)
    config.lr = 0.1  # no change, no warning
    config.lr = 0.2
    config.model = {"layers": 5, "width": 8}
    config.model.layers = 6
    config.model = 3
    config.update({"lr": 1}, allow_val_change=True)
    assert config == {"lr": 0.1, "model": {"layers": 2, "width": 8}, "none": {}}
    assert len(listener.warned) == 5
    assert listener.warned[1].startswith("config.model.layers is set by the sweep: 2 stays, 5 is")
    assert listener.changed == ["model"]


def test_nothing_is_taken_away() -> None:
    config = Config({"a": 1})
    with pytest.raises(TypeError, match="not removed"):
        del config["a"]
    with pytest.raises(TypeError, match="not removed"):
        config.pop("a")
    with pytest.raises(TypeError, match="not removed"):
        del config.a


def test_copies_are_no_part_of_the_run() -> None:
    config = Config({"a": {"b": 1}}, locked=True)
    listener = Listener(config)
    for other in (pickle.loads(pickle.dumps(config)), copy.deepcopy(config)):
        assert other == config
        other.a.b = 2
        other.c = 3
        assert other.a.b == 2
    assert listener.changed == []
    assert config.as_dict() == {"a": {"b": 1}}
    assert type(config.as_dict()["a"]) is dict


@dataclass
class Options:
    lr: float = 0.5
    name: str = "x"


@pytest.mark.parametrize(
    ("given", "values"),
    [
        (None, {}),
        ({"a": 1}, {"a": 1}),
        (argparse.Namespace(lr=0.1, _private=1), {"lr": 0.1}),
        (Options(), {"lr": 0.5, "name": "x"}),
    ],
)
def test_what_a_script_gives_as_its_config(given: Any, values: dict[str, Any]) -> None:
    assert as_mapping(given) == values


@pytest.mark.parametrize("given", [3, [("a", 1)], Options])
def test_what_is_no_config(given: Any) -> None:
    with pytest.raises(UsageError, match="must be a dict"):
        as_mapping(given)


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = tmp_path / "plain.json"
    plain.write_text('{"lr": 0.1, "model": {"layers": 2}}')
    assert as_mapping(plain) == {"lr": 0.1, "model": {"layers": 2}}
    wandbs = tmp_path / "config.yaml"
    wandbs.write_text("wandb_version: 1\nlr:\n  desc: rate\n  value: 0.1\nn: {value: [1]}\n")
    assert as_mapping(str(wandbs)) == {"lr": 0.1, "n": [1]}
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(UsageError, match=r"config\.yaml is YAML, and PyYAML is not installed"):
        as_mapping(wandbs)
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        as_mapping("nowhere.json")


def test_malformed_files(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("a: [1\n")
    with pytest.raises(UsageError, match="is malformed"):
        as_mapping(file)
    file.write_text("- 1\n")
    with pytest.raises(UsageError, match="holds no mapping"):
        as_mapping(file)


def test_a_value_that_may_not_change() -> None:
    config = Config({"lr": 1, "model": {"layers": 2}})
    with pytest.raises(UsageError, match=r"config\.lr is 1 and may not become 2"):
        config.update({"new": 3, "lr": 2}, allow_val_change=False)
    assert "new" not in config
    config.update({"lr": 2}, True)  # by position, as W&B has it
    config.fix(nested=True)
    config.update({"lr": 2, "new": 3})
    with pytest.raises(UsageError, match=r"config\.model\.layers is 2"):
        config.model.layers = 3
    config.update({"lr": 5}, allow_val_change=True)
    assert config == {"lr": 5, "model": {"layers": 2}, "new": 3}


def test_persist_records_what_was_changed_in_place() -> None:
    config = Config({"sizes": [1], "lr": 1})
    listener = Listener(config)
    config.sizes.append(2)
    config.persist()
    assert listener.changed == ["sizes", "lr"]


# -- other libraries' configurations, each by the library itself ---------------------------------

WHOLE = {"lr": 0.1, "model": {"layers": 2, "name": "net"}, "sizes": [1, 2]}


def by_omegaconf() -> Any:
    omegaconf = pytest.importorskip("omegaconf")
    return omegaconf.OmegaConf.create(
        {"lr": 0.1, "model": {"layers": "${sizes.1}", "name": "net"}, "sizes": [1, 2]}
    )


def by_pydantic() -> Any:
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Model", layers=(int, 2), name=(str, "net"))
    whole = pydantic.create_model(
        "Whole", __config__=pydantic.ConfigDict(extra="allow"), lr=(float, 0.1), model=(model, ...)
    )
    return whole(model=model(), sizes=[1, 2])


def by_pydantic_1() -> Any:
    pydantic = pytest.importorskip("pydantic.v1")
    model = pydantic.create_model("Model", layers=(int, 2), name=(str, "net"))
    whole = pydantic.create_model("Whole", lr=(float, 0.1), model=(model, ...), sizes=([1, 2]))
    return whole(model=model())


def by_attrs() -> Any:
    attrs = pytest.importorskip("attrs")
    model = attrs.make_class("Model", {"layers": attrs.field(), "name": attrs.field()}, slots=True)
    whole = attrs.make_class("Whole", ["lr", "model", "sizes"], slots=False)
    return whole(0.1, model(2, "net"), (1, 2))


def by_dataclasses() -> Any:
    @dataclass
    class Model:
        layers: int = 2
        name: str = "net"

    @dataclass
    class Whole:
        model: Model
        sizes: tuple[int, ...] = (1, 2)
        lr: float = 0.1

    return Whole(Model())


def by_namespaces() -> Any:
    model = SimpleNamespace(layers=2, name="net")
    return argparse.Namespace(lr=0.1, model=model, sizes=[1, 2])


@pytest.mark.parametrize(
    "make",
    [by_omegaconf, by_pydantic, by_pydantic_1, by_attrs, by_dataclasses, by_namespaces],
)
def test_configurations_of_other_libraries(make: Callable[[], Any]) -> None:
    given = make()
    config = Config()
    config.update(given)
    assert config == WHOLE
    assert config.model.layers == 2
    config = Config({"all": given, "many": [given]})
    assert config == {"all": WHOLE, "many": [WHOLE]}
    assert json.loads(json.dumps(config)) == {"all": WHOLE, "many": [WHOLE]}


def test_flags_of_absl() -> None:
    flags = pytest.importorskip("absl.flags")
    values = flags.FlagValues()
    flags.DEFINE_float("lr", 0.1, "", flag_values=values)
    flags.DEFINE_list("sizes", ["1", "2"], "", flag_values=values)
    flags.DEFINE_enum("kind", "a", ["a", "b"], "", flag_values=values)
    assert as_mapping(values) == {"lr": 0.1, "sizes": ["1", "2"], "kind": "a"}  # not parsed yet
    values(["program", "--lr=0.5", "--kind=b"])
    assert as_mapping(values)["lr"] == 0.5
    assert as_mapping(values)["kind"] == "b"
    assert "verbosity" not in as_mapping(values)
    assert isinstance(as_mapping(flags), dict)  # the module stands for its own FLAGS


def test_an_omegaconf_that_cannot_be_resolved() -> None:
    omegaconf = pytest.importorskip("omegaconf")
    config = omegaconf.OmegaConf.create({"a": "${nowhere}", "b": "???", "c": 1})
    assert as_mapping(config) == {"a": "${nowhere}", "b": "???", "c": 1}
    with pytest.raises(UsageError, match="must be a dict"):
        as_mapping(omegaconf.OmegaConf.create([1, 2]))
