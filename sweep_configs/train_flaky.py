"""A small neural network that breaks in the middle of some trials, and goes on where it was.

A stand-in for a full disk, a lost file server, a bad batch: with a learning rate of 0.03 or more
the first attempt fails in epoch `fails_at`. The checkpoint folder outlives an attempt.

    python train_flaky.py --lr=0.01
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
    parser.add_argument("--fails_at", type=int, default=99)
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
        print(f"goes on after {done} epochs")
    for epoch in range(done, 8):
        if epoch == config.fails_at and config.lr >= 0.03 and not run.resumed:
            raise OSError("the file server is gone")
        network.train_epoch(data.x_train, data.y_train, batch_size=32)
        run.log({"val_loss": network.loss(data.x_val, data.y_val)}, step=epoch)
        with open(f"{checkpoint}.new", "wb") as file:
            pickle.dump((network, epoch + 1), file)
        os.replace(f"{checkpoint}.new", checkpoint)  # whole, or not there


if __name__ == "__main__":
    main()
