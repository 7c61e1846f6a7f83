from __future__ import annotations

import numpy as np
import pytest

from gaussmix import Mixture
from gaussmix.prior import Flat
from gaussmix.selection.diagnosis import gather
from gaussmix.selection.diagnosis.row_evidence import deal
from gaussmix.source import ArraySource

MIXTURE = Mixture.from_parameters([0.4, 0.6], [[0.0, 0.0], [5.0, 5.0]], [np.eye(2), [[2.0, 1.0], [1.0, 1.0]]])


def rows(n=300, seed=0):
    return np.ascontiguousarray(MIXTURE.sample(n, seed)[0])


def test_every_row_is_dealt_once_and_by_its_responsibilities():
    posterior = np.tile([0.2, 0.5, 0.3], (20_000, 1))
    dealt = deal(posterior, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(np.concatenate(dealt)), np.arange(20_000))
    np.testing.assert_allclose([len(one) / 20_000 for one in dealt], [0.2, 0.5, 0.3], atol=0.02)


def test_certain_rows_go_where_they_belong():
    first, second, third = deal(np.eye(3)[[2, 0, 0]], np.random.default_rng(0))
    assert (first.tolist(), second.tolist(), third.tolist()) == ([1, 2], [], [0])


@pytest.mark.parametrize("thorough", [False, True])
def test_weights_of_a_common_factor_and_rows_without_weight(thorough):
    X, weight = rows(), np.random.default_rng(1).uniform(1, 2, 300)
    padded = ArraySource(np.concatenate([X, [[1e3, 1e3]]]), np.append(1e6 * weight, 0.0))
    one, other = (gather(MIXTURE, source, thorough=thorough) for source in (ArraySource(X, weight), padded))
    assert one.effective_rows == pytest.approx(other.effective_rows)
    assert one.effective_rows < 300
    if thorough:
        assert len(one.splits) == len(other.splits) == 2


def test_a_sample_of_many_rows_and_float32():
    X = rows(30_000).astype(np.float32)
    evidence = gather(MIXTURE, ArraySource(X))
    assert evidence.n_rows == evidence.effective_rows == 30_000
    assert evidence.n_looked_at == 3_000
    assert all(shape.p_value > 1e-3 for shape in evidence.shapes)
    assert evidence.spreads == (None, None)  # full matrices fit any covariance
    assert evidence.splits is evidence.merges is None


def test_the_spread_of_rows_that_the_family_does_not_allow():
    ball = Mixture.from_parameters([1.0], [[0.0, 0.0]], [1.0], "spherical")
    Z = np.random.default_rng(0).standard_normal((500, 2))
    (fits,) = gather(ball, ArraySource(Z)).spreads
    (differs,) = gather(ball, ArraySource(Z * [3.0, 0.5])).spreads
    assert fits.p_value > 1e-3
    assert differs.p_value < 1e-9
    assert differs.largest == pytest.approx(9, rel=0.3)
    assert differs.least == pytest.approx(0.25, rel=0.3)


def test_equal_weights_do_not_tell_the_share_of_rows():
    prior = Flat(None, np.full(2, 1e-8), equal_weights=True)
    even = Mixture.from_parameters([0.5, 0.5], MIXTURE.means, MIXTURE.covariances.to_dense(), prior=prior)
    np.testing.assert_allclose(gather(even, ArraySource(rows())).share, [0.4, 0.6], atol=0.05)


def test_a_component_without_rows_and_more_features_than_rows():
    far = Mixture.from_parameters([0.5, 0.5], [[0.0], [1e6]], [[1.0], [1.0]], "diag")
    evidence = gather(far, ArraySource(np.random.default_rng(0).standard_normal((50, 1))), thorough=True)
    assert np.isnan(evidence.shapes[1].p_value)
    wide = Mixture.from_parameters([1.0], np.zeros((1, 9)), np.ones((1, 9)), "diag")
    assert gather(wide, ArraySource(np.ones((3, 9))), thorough=True).splits == ()
