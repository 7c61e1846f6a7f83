"""A covariance family of its own for the components of each class, as one family of all components."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gaussmix.covariance import CovarianceFamily, Covariances, Dense
from gaussmix.covariance.represented import DenseFamily
from gaussmix.moments import FULL, POOLED
from gaussmix.types import Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class Separate(DenseFamily):
    """What the letters of a code say equal is so within each class only.

    Parameters
    ----------
    families : sequence of CovarianceFamily
        Of each class.
    sizes : sequence of int
        Components of each class, which follow one another.
    """

    families: Sequence[CovarianceFamily]
    sizes: Sequence[int]

    name = "separate"
    invariance = "diagonal"

    def parts(self) -> Iterator[tuple[CovarianceFamily, IntArray]]:
        """Yield each class's family and the places of its components."""
        start = 0
        for family, size in zip(self.families, self.sizes, strict=True):
            yield family, np.arange(start, start + size)
            start += size

    def estimate(
        self,
        scatter: Float64Array,
        count: Float64Array,
        n_features: int,
        previous: Covariances | None = None,
    ) -> Covariances:
        dense = []
        for family, own in self.parts():
            before = None if previous is None else _carried(previous.select(own), family, count[own])
            part = family.estimate(family.scatter.of_dense(scatter[own]), count[own], n_features, before)
            dense.append(part.to_dense())
        return Dense.from_covariances(np.concatenate(dense))

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return sum(family.n_parameters(len(own), n_features) for family, own in self.parts())


def family_of_all(families: Sequence[CovarianceFamily], sizes: Sequence[int]) -> CovarianceFamily:
    """Return the family of all classes' components; a plain one where none of them has anything in common."""
    first = families[0]
    free = first.unconstrained and first.scatter is not POOLED
    return first if free and all(family is first for family in families) else Separate(families, sizes)


def _carried(covariances: Covariances, family: CovarianceFamily, count: Float64Array) -> Covariances:
    """Return dense covariances in the form that the family keeps."""
    return covariances if family.scatter is FULL else family.embed(covariances, np.maximum(count, 1.0))
