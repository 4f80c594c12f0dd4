"""A small neural network with a hyperparameter for each distribution.

Run by itself it uses DEFAULTS:

    python train_distributions.py
"""

from __future__ import annotations

import numpy as np
from bundled_data import load
from small_network import Network

import opensweep

DEFAULTS = {
    "epochs": 12,
    "layers": 1,
    "hidden": 16,
    "activation": "relu",
    "init_scale": 1.0,
    "bias_init": 0.0,
    "optimizer": "sgd",
    "lr": 0.01,
    "lr_decay": 0.1,
    "warmup_epochs": 1,
    "momentum": 0.9,
    "clip": 5.0,
    "weight_decay": 0.0,
    "batch_size": 32,
    "input_dropout": 0.0,
    "input_noise": 0.0,
    "rows_left_out": 0.0,
    "average_over": 1,
}


def main() -> None:
    run = opensweep.init(config=DEFAULTS)
    config = run.config
    rng = np.random.default_rng(0)

    x, y, x_val, y_val = load("wine")
    network = Network(
        (x.shape[1], *[config.hidden] * config.layers, 3),
        activation=config.activation,
        optimizer=config.optimizer,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        clip=config.clip,
    )
    for weight in network.weights:
        weight *= config.init_scale
        weight[-1] += config.bias_init

    kept: list[list[np.ndarray]] = []
    for epoch in range(1, config.epochs + 1):
        warm = min(1.0, epoch / max(1, config.warmup_epochs))
        network.lr = config.lr * warm / (1.0 + config.lr_decay * epoch)
        rows = rng.random(len(x)) >= config.rows_left_out
        seen = x[rows] + config.input_noise * rng.normal(size=x[rows].shape)
        seen *= rng.random(seen.shape) >= config.input_dropout
        train_loss = network.train_epoch(seen, y[rows], int(config.batch_size))

        kept = [*kept, [weight.copy() for weight in network.weights]]
        kept = kept[-max(1, int(config.average_over)) :]
        own = network.weights
        network.weights = [np.mean(same, axis=0) for same in zip(*kept, strict=True)]
        run.log({"train_loss": train_loss, "val_loss": network.loss(x_val, y_val)})
        network.weights = own


if __name__ == "__main__":
    main()
