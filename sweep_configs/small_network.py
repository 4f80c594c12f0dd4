"""A small neural network for classes, in NumPy alone: starts in a tenth of a second.

What the training scripts in this folder share; no script itself.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

# name -> (the function, its derivative as a function of what it gave)
ACTIVATIONS: dict[str, tuple[Callable[..., np.ndarray], Callable[..., np.ndarray]]] = {
    "relu": (lambda x: np.maximum(x, 0.0), lambda y: (y > 0).astype(float)),
    "tanh": (np.tanh, lambda y: 1.0 - y * y),
}


class Network:
    """Fully connected layers with softmax at the end, trained on mini-batches.

    Args:
        sizes: of the layers: inputs, hidden ones, classes.
        activation: of the hidden layers, a key of ACTIVATIONS.
        optimizer: "sgd" or "adam".
        lr: the learning rate.
        momentum: of sgd; adam's first beta.
        weight_decay: how much of each weight a step of rate 1 takes away.
        clip: gradients longer than this are shortened to it.
        seed: of the first weights and the order of the rows.
    """

    def __init__(
        self,
        sizes: tuple[int, ...],
        *,
        activation: str = "relu",
        optimizer: str = "sgd",
        lr: float = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        clip: float = 10.0,
        seed: int = 0,
    ) -> None:
        self._rng = np.random.default_rng(seed)
        self._activation = activation  # its name: a network can be pickled
        self._adam = {"sgd": False, "adam": True}[optimizer]
        self.lr, self._momentum, self._decay, self._clip = lr, momentum, weight_decay, clip
        self.weights = [
            self._rng.normal(0.0, np.sqrt(2.0 / fan_in), (fan_in + 1, fan_out))  # last row: biases
            for fan_in, fan_out in pairwise(sizes)
        ]
        self._mean = [np.zeros_like(w) for w in self.weights]
        self._square = [np.zeros_like(w) for w in self.weights]
        self._steps = 0

    def train_epoch(self, x: np.ndarray, y: np.ndarray, batch_size: int) -> float:
        """One pass over the rows in a new order; the mean loss on the way."""
        order, losses = self._rng.permutation(len(x)), []
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            losses.append(self._step(x[rows], y[rows]))
        return float(np.mean(losses))

    def loss(self, x: np.ndarray, y: np.ndarray) -> float:
        """The mean cross-entropy."""
        return float(-np.log(self._layers(x)[-1][np.arange(len(y)), y] + 1e-12).mean())

    def accuracy(self, x: np.ndarray, y: np.ndarray) -> float:
        return float((self._layers(x)[-1].argmax(axis=1) == y).mean())

    def _layers(self, x: np.ndarray) -> list[np.ndarray]:
        """What goes into each layer, and the probabilities of the classes last."""
        activate, _ = ACTIVATIONS[self._activation]
        layers = [x]
        for weight in self.weights[:-1]:
            layers.append(activate(layers[-1] @ weight[:-1] + weight[-1]))
        scores = layers[-1] @ self.weights[-1][:-1] + self.weights[-1][-1]
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        return [*layers, odds / odds.sum(axis=1, keepdims=True)]

    def _step(self, x: np.ndarray, y: np.ndarray) -> float:
        *layers, delta = self._layers(x)
        hit = np.arange(len(y)), y
        loss = float(-np.log(delta[hit] + 1e-12).mean())
        delta[hit] -= 1.0
        delta /= len(y)
        _, slope = ACTIVATIONS[self._activation]
        gradients = []
        for layer, weight in zip(reversed(layers), reversed(self.weights), strict=True):
            gradients.append(np.vstack([layer.T @ delta, delta.sum(axis=0)]))
            delta = (delta @ weight[:-1].T) * slope(layer)
        self._descend(gradients[::-1])
        return loss

    def _descend(self, gradients: list[np.ndarray]) -> None:
        length = np.sqrt(sum(float((g * g).sum()) for g in gradients))
        shorter = min(1.0, self._clip / (length + 1e-12))
        self._steps += 1
        for w, g, mean, square in zip(
            self.weights, gradients, self._mean, self._square, strict=True
        ):
            g = g * shorter
            mean *= self._momentum
            if self._adam:
                mean += (1.0 - self._momentum) * g
                square *= 0.999
                square += 0.001 * g * g
                scale = np.sqrt(1.0 - 0.999**self._steps) / (1.0 - self._momentum**self._steps)
                w -= self.lr * scale * mean / (np.sqrt(square) + 1e-8)
            else:
                mean += g
                w -= self.lr * mean
            w[:-1] *= 1.0 - self.lr * self._decay
