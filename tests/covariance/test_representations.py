from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES, Dense, Diagonal, Shared
from gaussmix.covariance.representations import Spherical

from ..mixtures import make_mixture

NAMES = list(FAMILIES)


@pytest.fixture(params=NAMES)
def covariances(request):
    return make_mixture(request.param, K=3, D=4).covariances


def test_precisions_are_the_inverses(covariances):
    restored = type(covariances).precisions(covariances)
    representation = {1: np.diag, 0: lambda s: s * np.eye(4), 2: lambda m: m}
    dense = covariances.to_dense()
    per_component = np.broadcast_to(restored, (3, *restored.shape)) if restored.shape == (4, 4) else restored
    for matrix, precision in zip(dense, per_component, strict=True):
        np.testing.assert_allclose(representation[precision.ndim](precision) @ matrix, np.eye(4), atol=1e-12)


def test_precisions_cholesky_are_upper_factors(covariances):
    factors, precisions = covariances.precisions_cholesky(), covariances.precisions()
    if factors.shape[-2:] == (4, 4):
        np.testing.assert_array_equal(factors, np.triu(factors))
        np.testing.assert_allclose(factors @ np.swapaxes(factors, -1, -2), precisions, rtol=1e-12)
    else:
        np.testing.assert_allclose(factors**2, precisions, rtol=1e-12)


def test_log_determinants_and_standard_deviations(covariances):
    dense = covariances.to_dense()
    np.testing.assert_allclose(covariances.log_det, np.linalg.slogdet(dense)[1], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        covariances.standard_deviations(), np.sqrt(np.einsum("kdd->kd", dense)), rtol=1e-15
    )


def test_colorized_unit_vectors_span_the_covariance(covariances):
    for k, matrix in enumerate(covariances.to_dense()):
        root = covariances.colorize(np.eye(4), k)  # rows are the images of the axes
        np.testing.assert_allclose(root.T @ root, matrix, rtol=1e-12, atol=1e-13)


def test_select_takes_the_listed_components(covariances):
    picked = covariances.select(np.array([2, 0]))
    assert (picked.n_components, picked.n_features) == (2, 4)
    np.testing.assert_array_equal(picked.to_dense(), covariances.to_dense()[[2, 0]])
    np.testing.assert_array_equal(picked.log_det, covariances.log_det[[2, 0]])


def test_nothing_moved_since_itself(covariances):
    assert covariances.movement(covariances) == 0.0


@pytest.mark.parametrize("scale", [1e-100, 1.0, 1e100])
@pytest.mark.parametrize(
    ("build", "expected"),  # every variance halves: a relative change of 1 in each
    [
        (lambda s: Dense.from_covariances(s * np.stack([np.eye(2), 3 * np.eye(2)])), 4),
        (lambda s: Shared.from_covariance(s * np.eye(2), 3), 2),
        (lambda s: Diagonal.from_variances(s * np.array([[2.0, 3.0]])), 2),
        (lambda s: Spherical.from_variances(s * np.array([2.0, 3.0]), 2), 4),
    ],
    ids=["dense", "shared", "diagonal", "spherical"],
)
def test_movement_is_in_units_of_the_variances_now(build, expected, scale):
    assert build(scale).movement(build(2 * scale)) == pytest.approx(expected)


def test_movement_counts_each_entry_relative_to_the_deviations():
    now = Dense.from_covariances(np.array([[[4.0, 0.0], [0.0, 1.0]]]))
    before = Dense.from_covariances(np.array([[[2.0, 1.0], [1.0, 1.0]]]))
    assert now.movement(before) == pytest.approx((2 / 4) ** 2 + 2 * (1 / 2) ** 2)


SINGULAR = [
    (Dense.from_covariances(np.array([[[1.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]])), [True, False]),
    (Dense.from_covariances(np.array([[[1.0, 0.0], [0.0, 0.0]], [[2.0, 1.0], [1.0, 2.0]]])), [True, False]),
    (Dense.from_covariances(np.array([[[-1.0, 0.0], [0.0, 1.0]], np.eye(2)])), [True, False]),
    (Dense.from_covariances(np.array([[[np.nan, 0.0], [0.0, 1.0]], np.eye(2)])), [True, False]),
    (Shared.from_covariance(np.array([[1.0, 1.0], [1.0, 1.0]]), 2), [True, True]),
    (Diagonal.from_variances(np.array([[1.0, 0.0], [1.0, 1.0]])), [True, False]),
    (Spherical.from_variances(np.array([0.0, 1.0]), 2), [True, False]),
]


@pytest.mark.parametrize(("covariances", "expected"), SINGULAR)
def test_singular_matrices_are_marked(covariances, expected):
    assert covariances.singular.tolist() == expected
    assert np.isfinite(covariances.precision).all()
    assert np.isfinite(covariances.log_det).all()


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1.0, 1e30, 1e200])
def test_whether_a_matrix_is_singular_does_not_depend_on_units(scale):
    units = np.array([1.0, 1e-6, 1e6]) * np.sqrt(scale)
    correlation = np.full((3, 3), 0.999) + 0.001 * np.eye(3)
    good = correlation * units[:, None] * units
    bad = np.ones((3, 3)) * units[:, None] * units
    assert Dense.from_covariances(np.array([good, bad])).singular.tolist() == [False, True]


@pytest.mark.parametrize(
    ("covariances", "expected"), [case for case in SINGULAR if np.isfinite(case[0].covariances).all()]
)
def test_a_floor_mends_singular_matrices_and_leaves_the_others(covariances, expected):
    mended = covariances.floored(np.array([1e-6, 1e-6]))
    assert not mended.singular.any()
    untouched = ~np.array(expected)
    np.testing.assert_array_equal(mended.to_dense()[untouched], covariances.to_dense()[untouched])


@pytest.mark.parametrize("D", [1, 2, 5, 63, 64, 70])
def test_factors_of_few_and_of_many_features(D):
    matrix = np.eye(D) + 0.5
    dense = Dense.from_covariances(matrix[None])
    np.testing.assert_allclose(dense.precision[0] @ matrix @ dense.precision[0].T, np.eye(D), atol=1e-12)
    np.testing.assert_array_equal(dense.precision[0], np.tril(dense.precision[0]))
    assert dense.log_det[0] == pytest.approx(np.log1p(D / 2))
