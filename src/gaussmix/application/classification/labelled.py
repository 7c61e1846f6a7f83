"""Rows with a class each, or with none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from gaussmix.errors import DataError, ParameterError
from gaussmix.source import ArraySource, Source, checked
from gaussmix.types import BoolArray, Float64Array, IntArray

_SUM_TOLERANCE = 1e-6  # how far from 1 the sum of given priors may be


@dataclass(frozen=True, eq=False)
class Labelled:
    """Hold rows, and the class of each.

    Attributes
    ----------
    source : Source
    classes : ndarray of shape (G,)
        As the user calls them.
    codes : ndarray of shape (N,)
        Places in ``classes``, −1 for a row without a class.
    """

    source: Source
    classes: Any
    codes: IntArray

    @classmethod
    def of(cls, source: Source, y: Any, unlabelled: Any) -> Labelled:
        """Return the rows of a source with the classes that ``y`` tells.

        Parameters
        ----------
        source : Source
        y : array-like of shape (N,)
        unlabelled : object
            The value in ``y`` that stands for no class; None if all rows have one.

        Raises
        ------
        DataError
            If ``y`` does not fit the rows, or there is a class without weight, or none.
        """
        if y is None:
            raise DataError("MixtureClassifier requires y to be passed, but the target y is None")
        y = column_or_1d(y, warn=True)
        if len(y) != source.n_rows:
            raise DataError(
                f"Found input variables with inconsistent numbers of samples: X has {source.n_rows} rows, y {len(y)}"
            )
        known = ~_equal(y, unlabelled)
        if not known.any():
            raise DataError(f"all rows are unlabelled ({unlabelled!r}): give each class at least one row")
        if y.dtype.kind == "f":
            assert_all_finite(y[known], input_name="y")
        check_classification_targets(y[known])
        classes, codes = np.unique(y[known], return_inverse=True)
        every = np.full(len(y), -1)
        every[known] = codes
        rows = cls(source, classes, every)
        empty = np.flatnonzero(rows.count == 0)
        if len(empty):
            raise DataError(
                f"all rows of class {_name(classes[empty[0]])} have weight 0: leave them out of X and y"
            )
        return rows

    @property
    def n_classes(self) -> int:
        """G."""
        return len(self.classes)

    @cached_property
    def weight(self) -> Float64Array:
        """Weights of the rows, shape (N,)."""
        weight = self.source.sample_weight
        return np.ones(self.source.n_rows) if weight is None else weight

    @cached_property
    def count(self) -> Float64Array:
        """The weight of each class, shape (G,)."""
        known = self.known
        return np.asarray(np.bincount(self.codes[known], self.weight[known], self.n_classes), np.float64)

    @property
    def known(self) -> BoolArray:
        """Which rows have a class, shape (N,)."""
        return self.codes >= 0

    def name(self, code: int) -> str:
        """Return a class as messages call it."""
        return _name(self.classes[code])

    def take(self, rows: IntArray) -> Labelled:
        """Return some of the rows, copied; the classes stay the same."""
        return Labelled(taken(self.source, rows), self.classes, self.codes[rows])

    def of_class(self, code: int) -> Source:
        """Return the rows of one class, copied."""
        return self.take(np.flatnonzero(self.codes == code)).source

    def check_priors(self, priors: Any) -> Float64Array | None:
        """Return the given probabilities of the classes, shape (G,), or None.

        Raises
        ------
        ParameterError
            If they are no distribution over the classes.
        """
        if priors is None:
            return None
        given = np.asarray(priors, dtype=np.float64)
        if given.shape != (self.n_classes,):
            raise ParameterError(
                f"priors should have one value for each of {self.n_classes} classes, got shape {given.shape}"
            )
        total = given.sum()
        if not ((given > 0).all() and abs(total - 1) <= _SUM_TOLERANCE):
            raise ParameterError(f"priors should be positive and sum to 1, but are {given.tolist()}")
        return np.asarray(given / total, np.float64)


def taken(source: Source, rows: IntArray) -> Source:
    """Return some rows of a source, copied."""
    part = ArraySource(source.take(rows), source.weight_of(rows), source.feature_names)
    return checked(part, missing=True) if source.incomplete else part


def _equal(y: Any, value: Any) -> BoolArray:
    """Return which entries are ``value``; NaN is equal to NaN here, and None to nothing."""
    if value is None:
        return np.zeros(len(y), bool)
    if value != value:  # the one test for NaN that takes any object
        return np.asarray(y != y, bool)
    same = np.asarray(y == value)
    return same if same.shape == np.shape(y) else np.zeros(len(y), bool)  # of types that never compare


def _name(label: Any) -> str:
    return repr(label.item() if hasattr(label, "item") else label)
