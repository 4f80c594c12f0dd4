"""A linear model or a small neural network: which settings there are depends on the choice.

Each setting that belongs to one choice alone is None where another was made; nothing is passed for
it then. Logs besides the loss how large the model is. Run by itself:

    python train_models.py --model=network --layers=2 --second=8
"""

from __future__ import annotations

import argparse
import sys
from itertools import pairwise

from bundled_data import load
from small_network import Network

import opensweep


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=["linear", "network"], default="linear")
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
    parser.add_argument("--momentum", type=float, help="of sgd")
    parser.add_argument("--layers", type=int, choices=[1, 2], help="of a network")
    parser.add_argument("--first", type=int, help="units in its first layer")
    parser.add_argument("--second", type=int, help="units in its second layer, where it has one")
    return parser.parse_args()


def main() -> None:
    print(*sys.argv[1:])
    run = opensweep.init(config=parse_args())
    config = run.config

    data = load("breast_cancer")
    hidden = []
    if config.model == "network":
        hidden = [config.first or 16, config.second or 16][: config.layers or 1]
    sizes = (data.x_train.shape[1], *hidden, 2)
    network = Network(
        sizes,
        optimizer=config.optimizer,
        lr=config.lr,
        momentum=0.9 if config.momentum is None else config.momentum,
    )
    parameters = sum((size + 1) * after for size, after in pairwise(sizes))
    for _ in range(6):
        network.train_epoch(data.x_train, data.y_train, batch_size=32)
        run.log(
            {
                "val_loss": network.loss(data.x_val, data.y_val),
                "val_accuracy": network.accuracy(data.x_val, data.y_val),
                "parameters": parameters,
            }
        )


if __name__ == "__main__":
    main()
