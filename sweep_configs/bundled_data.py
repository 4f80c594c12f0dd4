"""The small real data sets that come with scikit-learn, read with NumPy alone.

Importing scikit-learn takes a second, reading one of its files a few milliseconds; the trials of
these examples are that short. What the training scripts in this folder share: no script itself.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Split(NamedTuple):
    """Inputs (rows x features, standardised) and targets, for training and for validation."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray


def load(name: str) -> Split:
    """`wine` (178 x 13, 3 classes), `breast_cancer` (569 x 30, 2 classes), `digits` (1,797 images
    of 8 x 8 pixels, 10 classes; the training images also moved by a pixel each way) or `diabetes`
    (442 x 10; the target is a number).

    Always the same 30 % of the rows are kept for validation.
    """
    if name == "diabetes":
        x, y = _read("diabetes_data_raw.csv.gz"), _read("diabetes_target.csv.gz")[:, 0]
    else:
        files = {"wine": "wine_data.csv", "breast_cancer": "breast_cancer.csv"}
        header = name in files
        table = _read(files.get(name, f"{name}.csv.gz"), "," if header or name else None, header)
        x, y = table[:, :-1], table[:, -1].astype(int)
    order = np.random.default_rng(0).permutation(len(x))
    val, train = np.split(order, [3 * len(x) // 10])
    mean, spread = x[train].mean(axis=0), x[train].std(axis=0) + 1e-9
    if name == "digits":
        mean, spread = 8.0, 8.0  # every pixel is 0 to 16
    x = (x - mean) / spread
    if name == "digits":
        return Split(_shifted(x[train]), np.tile(y[train], 5), x[val], y[val])
    return Split(x[train], y[train], x[val], y[val])


def _read(file: str, delimiter: str | None = None, header: bool = False) -> np.ndarray:
    found = find_spec("sklearn")
    if found is None or found.origin is None:
        raise SystemExit("these examples train on scikit-learn's data: pip install scikit-learn")
    path = Path(found.origin).parent / "datasets" / "data" / file
    return np.loadtxt(path, delimiter=delimiter, skiprows=int(header), ndmin=2)


def _shifted(images: np.ndarray) -> np.ndarray:
    """The images, and each of them moved by one pixel left, right, up and down."""
    square = images.reshape(-1, 8, 8)
    moved = [np.roll(square, by, axis) for axis in (1, 2) for by in (-1, 1)]
    return np.concatenate([square, *moved]).reshape(-1, 64)
