"""A small neural network on a small real data set, in less than a second.

The plainest script that a sweep can run: its arguments are the configuration, and each epoch logs
what the sweep looks at. Run by itself it uses the defaults below:

    python train_network.py --lr=0.03 --hidden=32
"""

from __future__ import annotations

import argparse

from bundled_data import load
from small_network import Network

import opensweep


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", choices=["wine", "breast_cancer", "digits"], default="wine")
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
    parser.add_argument("--hidden", type=int, default=16)
    parser.add_argument("--activation", choices=["relu", "tanh"], default="relu")
    parser.add_argument("--weight_decay", type=float, default=0.0)
    parser.add_argument("--epochs", type=int, default=10)
    return parser.parse_args()


def main() -> None:
    run = opensweep.init(config=parse_args())
    config = run.config

    data = load(config.dataset)
    network = Network(
        (data.x_train.shape[1], config.hidden, int(data.y_train.max()) + 1),
        activation=config.activation,
        optimizer=config.optimizer,
        lr=config.lr,
        weight_decay=config.weight_decay,
    )
    for epoch in range(1, config.epochs + 1):
        train_loss = network.train_epoch(data.x_train, data.y_train, config.batch_size)
        run.log(
            {
                "epoch": epoch,
                "train_loss": train_loss,
                "val_loss": network.loss(data.x_val, data.y_val),
                "val_accuracy": network.accuracy(data.x_val, data.y_val),
            }
        )


if __name__ == "__main__":
    main()
