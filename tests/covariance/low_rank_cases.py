"""Covariances by factors that the tests of their files share, in both forms in which they are applied."""

from __future__ import annotations

import numpy as np

from gaussmix.covariance import FACTOR_FAMILIES, LowRank, low_rank, low_rank_family

CODES = tuple(FACTOR_FAMILIES)


def make_wide(monkeypatch, most_dense=1):
    """Make covariances of more than ``most_dense`` features be applied without D × D matrices."""
    for module in (low_rank, low_rank_family):
        monkeypatch.setattr(module, "MOST_DENSE", most_dense)


def make_factors(K=3, D=7, q=2, seed=0):
    """Return random covariances."""
    rng = np.random.default_rng(seed)
    return LowRank.from_factors(rng.standard_normal((K, D, q)), rng.uniform(0.2, 1.5, (K, D)))


def make_rows(n=60, D=7, seed=1):
    return 3.0 * np.random.default_rng(seed).standard_normal((n, D))


def family(name, n_factors, D):
    return FACTOR_FAMILIES[name].with_factors(n_factors).for_features(D)


def scatter_of(family, matrices, count, covariances):
    """Return the statistics that the family's M-step needs, for matrices S_k (K, D, D)."""
    W = count[:, None, None] * matrices
    if family.grouped:
        return W
    variances = np.einsum("kdd->kd", W)[..., None]
    return np.concatenate(
        [W @ covariances.probe, count[:, None, None] * covariances.probe, variances], axis=2
    )


def objective(covariances, matrices, count):
    """Return −½ Σ_k n_k [log|Σ_k| + tr(Σ_k⁻¹ S_k)]."""
    dense = covariances.to_dense()
    trace = np.einsum("kde,ked->k", np.linalg.inv(dense), matrices)
    return -0.5 * count @ (np.linalg.slogdet(dense)[1] + trace)
