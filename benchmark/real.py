"""Whole fits with defaults on real data: scanned digits, patches of photographs, and pictures of clothes."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from sklearn.datasets import load_digits, load_sample_images
from sklearn.decomposition import PCA

from benchmark.data import Array
from benchmark.defaults import THEIRS, Cell, compare
from benchmark.settings import Settings, say
from benchmark.table import Row, seeds

_FASHION: Final = Path("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz")  # Debian's package
_HEADER: Final = 16  # bytes before the pixels of an IDX file of images
_PATCH: Final = 8  # pixels a side
_N_PATCHES: Final = 20_000


@dataclass(frozen=True)
class _DataSet:
    """State where rows come from, how many components they get, and seeds at most."""

    name: str
    rows: Callable[[], Array]
    n_components: int
    most_seeds: int


def digits() -> Array:
    """Return scikit-learn's digits on their first 16 principal components, (1797, 16)."""
    return _principal(load_digits().data, 16)


def patches() -> Array:
    """Return grey patches of scikit-learn's two photographs without their mean brightness, 0 to 255, (20,000, 64)."""
    grey = [image.mean(axis=2) for image in load_sample_images().images]
    windows = [np.lib.stride_tricks.sliding_window_view(image, (_PATCH, _PATCH)) for image in grey]
    patches = np.concatenate([window.reshape(-1, _PATCH**2) for window in windows])
    chosen = patches[np.random.default_rng(0).choice(len(patches), _N_PATCHES, replace=False)]
    noise = (
        np.random.default_rng(1).uniform(-0.5, 0.5, chosen.shape) / 255.0
    )  # what rounding to bytes removed
    return np.asarray(chosen + noise - chosen.mean(axis=1, keepdims=True), np.float64)


def fashion() -> Array:
    """Return the training images of Fashion-MNIST on their first 32 principal components, (60,000, 32)."""
    with gzip.open(_FASHION) as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=_HEADER)
    return _principal(pixels.reshape(-1, 28 * 28) / 255.0, 32)


DATA_SETS: Final = [
    _DataSet("digits, PCA 16", digits, 10, 5),
    _DataSet("image patches", patches, 100, 1),
    _DataSet("fashion-mnist, PCA 32", fashion, 50, 1),
]


def measure(settings: Settings) -> Iterator[Row]:
    """Yield a row for each data set that is there."""
    for data in DATA_SETS:
        title = f"real: {data.name}, full, K={data.n_components}"
        if not settings.wants(title):
            continue
        try:
            X = data.rows()
        except (ImportError, OSError) as error:  # Pillow or Debian's dataset-fashion-mnist is not installed
            say(f"{title} is left out: {error}")
            continue
        X = X[: settings.rows(len(X), 4 * data.n_components * X.shape[1])]
        cell = Cell("full", X.shape[1], data.n_components)
        bars = [seeds(0.95)] if settings.has(THEIRS) else []
        n_seeds = min(settings.n_seeds, data.most_seeds)
        yield compare(title, np.ascontiguousarray(X), cell, settings, bars=bars, n_seeds=n_seeds)


def _principal(X: Array, n_components: int) -> Array:
    return np.asarray(PCA(n_components, random_state=0).fit_transform(X), np.float64)
