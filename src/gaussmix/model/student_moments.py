"""Additive sufficient statistics of a mixture of t distributions: they contain those of a Gaussian mixture."""

from __future__ import annotations

from dataclasses import dataclass

from gaussmix.moments import Moments
from gaussmix.types import Float64Array


@dataclass(frozen=True, slots=True, eq=False)
class StudentMoments:
    """Hold the moments of some rows, where a row counts with w r u, and three more sums for each component.

    Attributes
    ----------
    scaled : Moments
        Its ``count`` is Σ w r u, and first and second moments are weighted so too.
    count : ndarray of shape (K,)
        Σ w r.
    log_scale : ndarray of shape (K,)
        Σ w r log u.
    square_scale : ndarray of shape (K,)
        Σ w r u².
    """

    scaled: Moments
    count: Float64Array
    log_scale: Float64Array
    square_scale: Float64Array

    @property
    def log_likelihood(self) -> float:
        """Σ_i w_i log p(x_i), a total in nats."""
        return self.scaled.log_likelihood

    @property
    def weight(self) -> float:
        """Σ_i w_i."""
        return self.scaled.weight

    def __add__(self, other: StudentMoments) -> StudentMoments:
        """Add the moments of two disjoint sets of rows, of one reference."""
        return StudentMoments(
            self.scaled + other.scaled,
            self.count + other.count,
            self.log_scale + other.log_scale,
            self.square_scale + other.square_scale,
        )
