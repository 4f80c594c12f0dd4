"""A small neural network, configured by overrides: `lr=0.01`, or `++optimizer.lr=0.01`.

Stands in for a script of Hydra's, with its ways of writing a setting and none of the rest.

    python train_overrides.py lr=0.01 ++model.hidden=32
"""

from __future__ import annotations

import sys
from typing import Any

from bundled_data import load
from small_network import Network

import opensweep


def overrides(arguments: list[str]) -> dict[str, Any]:
    """The defaults, with what `arguments` say instead; a value is of its default's type."""
    config: dict[str, Any] = {"model.hidden": 16, "optimizer.lr": 0.01, "epochs": 8, "label": ""}
    full = {name.rpartition(".")[2]: name for name in config}
    for argument in arguments:
        name, equals, value = argument.lstrip("+").partition("=")
        name = full.get(name, name)
        if not equals or name not in config:
            sys.exit(f"{argument}: expected one of {', '.join(config)}, then = and a value")
        config[name] = type(config[name])(value)
    return config


def main() -> None:
    settings = overrides(sys.argv[1:])
    run = opensweep.init(config=settings)
    print("settings:", settings)

    data = load("wine")
    network = Network((13, settings["model.hidden"], 3), lr=settings["optimizer.lr"])
    for _ in range(settings["epochs"]):
        network.train_epoch(data.x_train, data.y_train, batch_size=32)
        run.log({"val_loss": network.loss(data.x_val, data.y_val)})


if __name__ == "__main__":
    main()
