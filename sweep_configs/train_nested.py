"""A small neural network whose configuration comes in groups, straight from the run.

Run by itself it uses DEFAULTS; in a sweep, the sweep's values take their place:

    python train_nested.py
"""

from __future__ import annotations

from bundled_data import load
from small_network import Network

import opensweep

DEFAULTS = {
    "dataset": "breast_cancer",
    "network": {"hidden": 16, "activation": "relu"},
    "optimizer": {"name": "sgd", "lr": 0.01, "schedule": {"decay": 1.0}},
}


def main() -> None:
    run = opensweep.init(config=DEFAULTS)
    shape, optimizer = run.config["network"], run.config["optimizer"]

    data = load(run.config.dataset)
    network = Network(
        (data.x_train.shape[1], shape["hidden"], int(data.y_train.max()) + 1),
        activation=shape["activation"],
        optimizer=optimizer["name"],
        lr=optimizer["lr"],
    )
    for _ in range(8):
        network.train_epoch(data.x_train, data.y_train, batch_size=32)
        run.log({"val_loss": network.loss(data.x_val, data.y_val), "lr": network.lr})
        network.lr *= optimizer["schedule"]["decay"]


if __name__ == "__main__":
    main()
