"""Labels that are known of some rows: the component to which each belongs."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.fit.k_means import nearest
from gaussmix.model import Mixture
from gaussmix.source import Source
from gaussmix.types import Float64Array, IntArray

_ROWS: Final = 20_000  # labelled rows that decide which component is which


def partial_labels(y: Any, n_rows: int, n_components: int) -> IntArray | None:
    """Return the labels of a fit in which some rows are labelled; None where ``y`` is not of that kind.

    As in scikit-learn, ``y`` is ignored by a mixture, unless it holds whole numbers of which some, but not all, are
    −1.
    A target of two classes, −1 and 1, is ignored too, and so is any with one component.

    Raises
    ------
    ParameterError
        If a label is no component, or there is not one for each row.
    """
    if y is None or n_components == 1:
        return None
    labels = np.asarray(y)
    if labels.dtype.kind == "f" and np.isfinite(labels).all() and (labels == np.floor(labels)).all():
        labels = labels.astype(np.int64)  # as of a column that had gaps
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        return None
    unknown = labels == -1
    if not unknown.any() or unknown.all() or (labels[~unknown] == 1).all():
        return None
    if labels.shape != (n_rows,):
        raise ParameterError(
            f"y has {len(labels)} labels for {n_rows} rows: give one for each, -1 where it is unknown"
        )
    wrong = (labels < -1) | (labels >= n_components)
    if wrong.any():
        row = int(wrong.argmax())
        raise ParameterError(
            f"y of row {row} is {labels[row]}: with {n_components} components a label is one of 0 to "
            f"{n_components - 1}, or -1 where it is unknown"
        )
    return labels.astype(np.int64)


def all_labels(labels: IntArray, source: Source, unit: Float64Array, n_components: int) -> IntArray | None:
    """Return labels of all rows, where unknown that of the nearest mean of labelled rows; None if a label has none.

    Parameters
    ----------
    labels : ndarray of shape (N,)
        −1 where unknown.
    source : Source
    unit : ndarray of shape (D,)
        Standard deviations of the features.
    n_components : int
    """
    known = np.flatnonzero(labels >= 0)
    count = np.bincount(labels[known], minlength=n_components)
    if not count.all():
        return None
    Z = source.take(np.arange(source.n_rows))
    centre = Z[known].mean(axis=0, dtype=np.float64)
    standardized = (Z - centre) / unit
    means = np.zeros((n_components, len(unit)))
    np.add.at(means, labels[known], standardized[known])
    return np.where(labels >= 0, labels, nearest(standardized, means / count[:, None]))


def in_order_of(labels: IntArray, model: Mixture, source: Source) -> Mixture:
    """Return the mixture with its components ordered so that they agree best with the labels of labelled rows."""
    from scipy.optimize import linear_sum_assignment  # takes a fifth of a second, which few need

    rows = np.flatnonzero(labels >= 0)
    rows = rows[:: -(-len(rows) // _ROWS)]
    posterior = model.posterior(source.take(rows))
    K = model.n_components
    agreement = np.zeros((K, K))
    np.add.at(agreement, labels[rows], posterior)
    return model.select(linear_sum_assignment(agreement, maximize=True)[1])
