"""The cells that a search compares, and which of them the rows cannot support."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gaussmix.covariance import CovarianceFamily
from gaussmix.moments import FULL, POOLED
from gaussmix.types import Float64Array


@dataclass(frozen=True, slots=True)
class Cell:
    """Describe one candidate: a number of components, a covariance family, and whether weights are equal.

    Attributes
    ----------
    n_components : int
    family : CovarianceFamily
    equal_weights : bool
    name : str
        What the user calls the family.
    """

    n_components: int
    family: CovarianceFamily
    equal_weights: bool
    name: str

    @property
    def path(self) -> tuple[str, bool]:
        """What a cell shares with those that differ from it by the number of components only."""
        return self.name, self.equal_weights

    def __str__(self) -> str:
        return f"{self.n_components} × {self.name}{' (equal weights)' if self.equal_weights else ''}"


def grid(
    n_components: Iterable[int], families: dict[str, CovarianceFamily], equal_weights: Iterable[bool]
) -> list[Cell]:
    """Return all cells, few components first, so that a search that is cut short has seen the small models."""
    weights = list(equal_weights)
    return [
        Cell(K, family, equal, name)
        for K in sorted(set(n_components))
        for name, family in families.items()
        for equal in weights
    ]


def unsupported(cell: Cell, n_distinct: int, n_features: int) -> str | None:
    """Return why ``n_distinct`` different rows cannot support a cell, or None.

    Without regularisation some covariance would be singular even if the rows were shared out evenly; with it, the
    likelihood tells of the regularisation only.
    """
    K = cell.n_components
    if n_distinct < K:
        return f"{K} components need as many distinct rows, but there are {n_distinct}"
    if n_distinct >= K * (n_features + 1):
        return None
    flat = (
        cell.family.scatter in (FULL, POOLED) and n_distinct < K + n_features
    )  # even their pooled covariance
    if not (flat or _singular(cell.family, K, n_distinct, n_features)):
        return None
    return (
        f"{n_distinct} distinct rows in {n_features} dimensions leave {K} '{cell.name}' components with a singular "
        "covariance: use fewer components or a simpler covariance"
    )


def _singular(family: CovarianceFamily, n_components: int, n_rows: int, n_features: int) -> bool:
    """Return whether the family's estimate is singular for rows in general position, shared out evenly."""
    rows = np.random.default_rng(0).standard_normal((n_rows, n_features))  # any in general position do
    groups = np.array_split(rows, n_components)
    centred = [group - group.mean(axis=0) for group in groups]
    scatter: Float64Array = np.stack([group.T @ group for group in centred])
    count = np.array([float(len(group)) for group in groups])
    return bool(family.estimate(family.scatter.of_dense(scatter), count, n_features).singular.any())
