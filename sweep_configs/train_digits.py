"""A small neural network on scikit-learn's digits: 1,797 images of 8 x 8 pixels, ten classes.

Real training on real data, in a few seconds a trial: one hidden layer; learning rate, batch size
and optimiser as the sweep says. Run by itself it uses the defaults below:

    python train_digits.py --lr=0.01 --batch_size=64
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import opensweep


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--optimizer", choices=["sgd", "adam"], default="adam")
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=27)
    return parser.parse_args()


def shifted(images: np.ndarray) -> np.ndarray:
    """The images, and each of them moved by one pixel left, right, up and down."""
    square = images.reshape(-1, 8, 8)
    moved = [np.roll(square, by, axis) for axis in (1, 2) for by in (-1, 1)]
    return np.concatenate([square, *moved]).reshape(-1, 64)


def main() -> None:
    # A network that has not converged yet says so at each epoch; that is what we are watching.
    warnings.filterwarnings("ignore")
    run = opensweep.init(project="digits", config=parse_args())
    config = run.config

    images, labels = load_digits(return_X_y=True)
    x_train, x_val, y_train, y_val = train_test_split(
        images / 16.0, labels, test_size=0.3, random_state=0, stratify=labels
    )
    x_train, y_train = shifted(x_train), np.tile(y_train, 5)

    model = MLPClassifier(
        hidden_layer_sizes=(config.hidden,),
        solver=config.optimizer,
        learning_rate_init=config.lr,
        batch_size=config.batch_size,
        random_state=0,
    )
    for epoch in range(1, config.epochs + 1):
        model.partial_fit(x_train, y_train, classes=range(10))
        run.log(
            {
                "epoch": epoch,
                "train_loss": model.loss_,
                "val_loss": log_loss(y_val, model.predict_proba(x_val)),
                "val_accuracy": model.score(x_val, y_val),
            }
        )
    run.finish()


if __name__ == "__main__":
    main()
