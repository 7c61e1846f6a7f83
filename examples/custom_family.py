"""
A covariance family of your own
===============================

A family says which covariance matrices are allowed, and which of them is best for given statistics. This one
has a single variance for all components and directions (EII in mclust's code): the mixture behind k-means. It
asks for the traces of the scatter matrices only, and borrows a representation that exists.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gaussmix import GaussianMixture
from gaussmix.covariance import CovarianceFamily, Covariances
from gaussmix.covariance.representations import Spherical
from gaussmix.moments import TRACE


class OneVariance(CovarianceFamily):
    """Σ_k = σ² I for every k, with σ² = Σ_k tr(W_k) / (D Σ_k n_k)."""

    name = "one_variance"
    scatter = TRACE
    invariance = "orthogonal"

    def estimate(self, scatter, count, n_features, previous: Covariances | None = None) -> Covariances:
        variance = scatter.sum() / (n_features * count.sum())
        return Spherical.from_variances(np.full(len(count), variance), n_features)

    def from_parameters(self, covariances, n_components: int, n_features: int) -> Covariances:
        return Spherical.from_variances(covariances, n_features)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return 1


# %%
# An instance goes where a name would. Kernels, threads, sources and seeding need not know of it.

here = Path(__file__).parent if "__file__" in globals() else Path.cwd()
eruptions = np.loadtxt(here / "faithful.csv", delimiter=",", skiprows=1)
standardized = (eruptions - eruptions.mean(axis=0)) / eruptions.std(axis=0)

gm = GaussianMixture(n_components=2, covariance_type=OneVariance(), random_state=0).fit(standardized)
print("means:", gm.means_.round(3).tolist())
print("variance:", gm.covariances_.round(4).tolist())
print("free parameters:", gm.mixture_.n_parameters, "= 1 variance + 4 means + 1 weight")
