"""Law 5: fitting commutes with the maps of the data that a family declares, and with the order of things."""

from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES
from gaussmix.model import Mixture
from gaussmix.prior import Flat

from ..mixtures import REPRESENTATIVES, assert_same_mixture, fit, make_rows, start

families = pytest.mark.parametrize("name", FAMILIES)
representatives = pytest.mark.parametrize("name", REPRESENTATIVES)
D = 3


def rotation(rng):
    return np.linalg.qr(rng.standard_normal((D, D)))[0]


# Maps x -> A x. An orthogonal family also commutes with one common scale.
MAPS = {
    "orthogonal": lambda rng: 10.0 ** rng.uniform(-3, 3) * rotation(rng),
    "diagonal": lambda rng: np.diag(10.0 ** rng.uniform(-3, 3, D)),
    "permutation": lambda rng: np.eye(D)[rng.permutation(D)],
    "linear": lambda rng: rotation(rng) * np.geomspace(1.0, 100.0, D) @ rotation(rng),
}
COVERED = {
    "linear": ["linear", "diagonal", "orthogonal", "permutation"],
    "diagonal": ["diagonal", "permutation"],
    "orthogonal": ["orthogonal", "permutation"],
}
# Two random maps each for one family a representation, one for the others.
CASES = [
    (name, kind, seed)
    for name, family in FAMILIES.items()
    for kind in COVERED[family.invariance]
    for seed in range(2 if name in REPRESENTATIVES else 1)
]


def both_fits(name, A, seed=0):
    """Return the fit of X and the fit of X Aᵀ, from the same groups."""
    X, labels = make_rows(n=300, D=D, seed=seed)
    mapped = np.ascontiguousarray(X @ A.T)
    return [fit(start(rows, labels, name), rows, n_iter=15) for rows in (X, mapped)]


@pytest.mark.parametrize(("name", "kind", "seed"), CASES)
def test_a_declared_map_of_the_data_maps_the_fit(name, kind, seed):
    A = MAPS[kind](np.random.default_rng(seed))
    one, mapped = both_fits(name, A, seed)
    np.testing.assert_allclose(mapped.model.weights, one.model.weights, rtol=1e-8)
    inverse = np.linalg.inv(A)
    np.testing.assert_allclose(mapped.model.means @ inverse.T, one.model.means, rtol=1e-8, atol=1e-8)
    back = inverse @ mapped.model.covariances.to_dense() @ inverse.T
    np.testing.assert_allclose(back, one.model.covariances.to_dense(), rtol=1e-8, atol=1e-8)
    shifted = np.array(mapped.history) + np.linalg.slogdet(A)[1]
    np.testing.assert_allclose(shifted, one.history, rtol=1e-9, atol=1e-9)


def test_diag_does_not_commute_with_rotations():
    A = rotation(np.random.default_rng(0))
    one, turned = both_fits("diag", A)
    assert abs(turned.history[-1] - one.history[-1]) > 1e-3


def test_spherical_does_not_commute_with_features_units():
    A = np.diag([1.0, 3.0, 9.0])
    one, stretched = both_fits("spherical", A)
    assert abs(stretched.history[-1] + np.log(27.0) - one.history[-1]) > 1e-3


@representatives
@pytest.mark.parametrize(
    ("dtype", "offset", "tolerance"),
    [
        (np.float64, 1e2, 1e-11),
        (np.float64, 1e4, 1e-9),
        (np.float64, 1e6, 1e-7),
        (np.float64, 1e8, 1e-5),
        (np.float32, 1e2, 1e-3),
        (np.float32, 1e4, 1e-2),
    ],
)
def test_the_fit_follows_the_origin(name, dtype, offset, tolerance):
    X, labels = make_rows(dtype=np.float64)
    step = 2.0**-9 if dtype == np.float32 else 2.0**-20
    X = np.round(X / step) * step  # the shift is then exact
    shift = 2.0 ** np.round(np.log2(offset))
    near, far = X.astype(dtype), (X + shift).astype(dtype)
    np.testing.assert_array_equal(far.astype(float) - shift, near)
    one, other = (fit(start(rows, labels, name), rows, n_iter=15).model for rows in (near, far))
    moved = Mixture(
        other.weights, other.means - shift, other.covariances, other.family, other.prior, other.collapsed
    )
    assert_same_mixture(moved, one, rtol=tolerance)


FAR_SCALES = [(1e-150, 0.0), (1e150, 1e-6)]
SCALES = [*FAR_SCALES, (1e-150, 1e-6), (1e-30, 0.0), (1e8, 1e-6), (1e150, 0.0)]


@pytest.mark.parametrize(
    ("name", "scale", "added"),
    [(name, *case) for name in FAMILIES for case in (SCALES if name in REPRESENTATIVES else FAR_SCALES)],
)
def test_the_fit_follows_one_scale(name, scale, added):
    X, labels = make_rows()
    scale = 2.0 ** np.round(np.log2(scale))  # exact
    variance = X.var(axis=0).mean(keepdims=True).repeat(2)
    one, other = (
        fit(
            start(s * X, labels, name, prior=Flat(added * s**2 * variance, s**2 * variance)), s * X, n_iter=15
        )
        for s in (1.0, scale)
    )
    np.testing.assert_allclose(other.model.means / scale, one.model.means, rtol=1e-12)
    np.testing.assert_allclose(other.model.weights, one.model.weights, rtol=1e-12)
    dense = other.model.covariances.to_dense() / scale / scale
    np.testing.assert_allclose(dense, one.model.covariances.to_dense(), rtol=1e-11, atol=1e-13)
    np.testing.assert_array_equal(other.model.predict(scale * X), one.model.predict(X))
    np.testing.assert_allclose(np.array(other.history) + 2 * np.log(scale), one.history, rtol=0, atol=1e-9)


@representatives
@pytest.mark.parametrize("scale", [1e-15, 1e-8, 1e8, 1e15])
def test_float32_rows_follow_one_scale(name, scale):
    X, labels = make_rows(dtype=np.float32)
    scale = 2.0 ** np.round(np.log2(scale))
    scaled = (X * np.float32(scale)).astype(np.float32)
    one, other = (fit(start(rows, labels, name), rows, n_iter=10) for rows in (X, scaled))
    np.testing.assert_allclose(other.model.means / scale, one.model.means, rtol=1e-4)
    np.testing.assert_allclose(np.array(other.history) + 2 * np.log(scale), one.history, rtol=0, atol=1e-3)


@families
def test_the_order_of_the_rows_does_not_matter(name):
    X, labels = make_rows()
    order = np.random.default_rng(1).permutation(len(X))
    one = fit(start(X, labels, name), X).model
    other = fit(start(X[order], labels[order], name), X[order]).model
    assert_same_mixture(other, one, rtol=1e-10)


@families
def test_the_order_of_the_components_does_not_matter(name):
    X, labels = make_rows()
    order = np.array([2, 0, 1])
    one = fit(start(X, labels, name), X).model
    other = fit(start(X, labels, name).select(order), X).model
    assert_same_mixture(other, one.select(order), rtol=1e-10)
