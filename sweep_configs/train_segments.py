"""One segment of a network's training: goes on from the checkpoint that it finds, and leaves one.

Under `search: {type: pbt}` the checkpoint folder of a trial starts as a copy of its parent's; all
that a script does for it is to look into `run.checkpoint_dir`.

    python train_segments.py --lr=0.01
"""

from __future__ import annotations

import argparse
import os
import pickle

from bundled_data import load
from small_network import Network

import opensweep


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=2)
    return parser.parse_args()


def main() -> None:
    run = opensweep.init(config=parse_args())
    config = run.config
    checkpoint = os.path.join(run.checkpoint_dir, "network.pkl")

    data = load("wine")
    network, done = Network((13, 16, 3), lr=config.lr), 0
    if os.path.exists(checkpoint):
        with open(checkpoint, "rb") as file:
            network, done = pickle.load(file)
        network.lr = config.lr  # the settings are this trial's, the weights its parent's
        print(f"goes on after {done} epochs")
    for epoch in range(done, done + config.epochs):
        network.train_epoch(data.x_train, data.y_train, batch_size=config.batch_size)
        run.log({"val_loss": network.loss(data.x_val, data.y_val), "epoch": epoch + 1})
        with open(f"{checkpoint}.new", "wb") as file:
            pickle.dump((network, epoch + 1), file)
        os.replace(f"{checkpoint}.new", checkpoint)  # whole, or not there


if __name__ == "__main__":
    main()
