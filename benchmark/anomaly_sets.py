"""Data sets with classes, as problems of finding outliers: scikit-learn's own, and those of R's mlbench.

Of each set, the smallest class is what has to be found among the others; of more than two classes, also all others
where the largest is normal. Of classes of equal size it is the last. Features that are categories are left out, as
are sets of nothing else (DNA, HouseVotes84, Soybean, Zoo).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine

from benchmark.data import Array
from benchmark.settings import say

_MLBENCH: Final = Path("/usr/lib/R/site-library/mlbench/data")  # Debian's r-cran-mlbench
_SCIKIT_LEARN: Final[dict[str, Callable[[], Any]]] = {
    "iris": load_iris,
    "wine": load_wine,
    "breast_cancer": load_breast_cancer,
    "digits": load_digits,
}
_CLASS_AND_CATEGORIES: Final = {  # of each set of mlbench: the column of classes, and what else is no feature
    "BreastCancer": ("Class", "Id"),
    "Glass": ("Type",),
    "Ionosphere": ("Class", "V1", "V2"),
    "LetterRecognition": ("lettr",),
    "PimaIndiansDiabetes": ("diabetes",),
    "Satellite": ("classes",),
    "Shuttle": ("Class",),
    "Sonar": ("Class",),
    "Vehicle": ("Class",),
    "Vowel": ("Class", "V1"),
}
NOVELTY, CONTAMINATED, UNTOLD = "normal rows only", "with outliers", "with outliers, share untold"
SHARE: Final = 0.1  # of the rows of a contaminated fit
_MOST_ROWS: Final = 1000


@dataclass(frozen=True)
class AnomalyProblem:
    """Hold normal rows and outliers."""

    title: str
    normal: Array
    outliers: Array

    def split(self, protocol: str, seed: int) -> tuple[Array, Array, Array]:
        """Return rows to fit, other normal rows, and other outliers, in random order."""
        rng = np.random.default_rng(seed)
        normal, outliers = rng.permutation(self.normal), rng.permutation(self.outliers)
        half = min(len(normal) // 2, _MOST_ROWS)
        fitted, test = normal[:half], normal[half : 2 * half]
        if protocol == NOVELTY:
            return fitted, test, outliers[:half]
        n_among = min(max(1, round(SHARE / (1 - SHARE) * half)), len(outliers) // 2)
        fitted = rng.permutation(np.concatenate([fitted, outliers[:n_among]]))
        return fitted, test, outliers[n_among:][:half]


def problems() -> Iterator[AnomalyProblem]:
    """Yield the problems of all data sets that are there."""
    for name, X, y in _sets():
        sizes = np.bincount(y)
        smallest, largest = (
            len(sizes) - 1 - int(order) for order in (sizes[::-1].argmin(), sizes[::-1].argmax())
        )
        yield AnomalyProblem(f"{name}, without its smallest class", X[y != smallest], X[y == smallest])
        if len(sizes) > 2:
            yield AnomalyProblem(f"{name}, its largest class", X[y == largest], X[y != largest])


def _sets() -> Iterator[tuple[str, Array, Any]]:
    for name, load in _SCIKIT_LEARN.items():
        X, y = load(return_X_y=True)
        yield name, np.asarray(X, np.float64), y
    try:
        import rdata
    except ImportError:
        say("anomaly: mlbench's sets are left out: they need rdata (pip install rdata)")
        return
    if not _MLBENCH.is_dir():
        say("anomaly: mlbench's sets are left out: they need Debian's r-cran-mlbench")
        return
    for name, (target, *categories) in _CLASS_AND_CATEGORIES.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of rdata, about text without an encoding
            table = rdata.read_rda(_MLBENCH / f"{name}.rda")[name].dropna()
        classes = np.unique(table[target].astype(str), return_inverse=True)[1]
        yield name, table.drop(columns=[target, *categories]).astype(float).to_numpy(), classes
