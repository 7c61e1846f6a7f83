from __future__ import annotations

import mpmath
import numpy as np
import pytest

from gaussmix.covariance import Dense, Shared

EPS = np.finfo(float).eps


def ill_conditioned(D, condition, seed=0):
    """Return a covariance whose eigenvalues span ``condition``."""
    axes = np.linalg.qr(np.random.default_rng(seed).standard_normal((D, D)))[0]
    matrix = axes * np.geomspace(1.0, 1.0 / condition, D) @ axes.T
    return (matrix + matrix.T) / 2


def exact(S):
    """Return L with S⁻¹ = LᵀL and log|S|, computed with 60 digits."""
    with mpmath.workdps(60):
        C = mpmath.cholesky(mpmath.matrix(S.tolist()))
        log_det = 2 * sum(mpmath.log(C[i, i]) for i in range(len(S)))
        return np.array(mpmath.inverse(C).tolist(), float), float(log_det)


@pytest.mark.parametrize("condition", [1e4, 1e6, 1e8, 1e10])
@pytest.mark.parametrize("D", [2, 3, 8])
def test_the_factor_costs_the_root_of_the_condition(D, condition):
    dense = Dense.from_covariances(ill_conditioned(D, condition)[None])
    L, log_det = exact(dense.covariances[0])
    fine = dense.refined()
    tolerance = 16 * D * np.sqrt(condition) * EPS
    np.testing.assert_allclose(fine.precision[0], L, rtol=0, atol=tolerance * np.abs(L).max())
    assert fine.log_det[0] == pytest.approx(log_det, abs=16 * D * EPS * abs(log_det))


def test_well_conditioned_matrices_stay_as_they_are():
    S = np.stack([ill_conditioned(3, 10.0), ill_conditioned(3, 1e6)])
    dense = Dense.from_covariances(S)
    fine = dense.refined()
    np.testing.assert_array_equal(fine.precision[0], dense.precision[0])
    assert (fine.precision[1] != dense.precision[1]).any()


def test_one_shared_matrix_is_refined_like_one_of_many():
    S = ill_conditioned(3, 1e6)
    shared, dense = Shared.from_covariance(S, 2).refined(), Dense.from_covariances(S[None]).refined()
    np.testing.assert_array_equal(shared.precision, dense.precision[0])
    np.testing.assert_array_equal(shared.log_det, dense.log_det.repeat(2))


def test_units_do_not_matter():
    S, units = ill_conditioned(3, 1e6), 2.0 ** np.array([-400, 0, 400])
    scaled = Dense.from_covariances((S * np.outer(units, units))[None]).refined()
    np.testing.assert_array_equal(
        scaled.precision[0] * units, Dense.from_covariances(S[None]).refined().precision[0]
    )


def test_a_singular_matrix_stays_singular():
    singular = Dense.from_covariances(np.ones((1, 2, 2)))
    assert (singular.refined().precision == 0).all()
    assert singular.refined().singular.all()
