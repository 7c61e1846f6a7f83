"""The simulated mixtures of the benchmark are what their names say."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.arrangements import KINDS, Problem, _separations, apart, draw_rows
from benchmark.recovery import CODES, Replicate, random_covariances
from benchmark.recovery import draw_rows as draw_replicate

RNG_SEED = 0


def spread(values):
    """Return the largest value over the least."""
    return values.max() / values.min()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [(2, 3, 200), (5, 4, 300)])
def test_rows_of_each_kind(kind, sizes):
    D, K, N = sizes
    X, labels = draw_rows(Problem(kind, *sizes))
    assert X.shape == (N, D)
    assert np.isfinite(X).all()
    counts = np.bincount(labels)
    assert len(counts) == K
    assert counts.min() >= 3 * (D + 1)


def test_draws_repeat_and_differ():
    X, again, other = (draw_rows(Problem("sep", 2, 3, 100, draw))[0] for draw in (0, 0, 1))
    np.testing.assert_array_equal(X, again)
    assert not np.allclose(X, other)


def test_unequal_components_differ_fortyfold():
    _, labels = draw_rows(Problem("uneq", 2, 3, 4_000))
    assert spread(np.bincount(labels)) == pytest.approx(40, rel=0.02)


@pytest.mark.parametrize("typical", [np.min, np.median])
def test_means_have_the_separation_asked_for(typical):
    covariances = np.array([np.eye(3) * variance for variance in (1.0, 4.0, 9.0, 1.0)])
    means = apart(covariances, 1.7, np.random.default_rng(RNG_SEED), typical)
    separations = _separations(means, covariances)
    assert typical(separations.min(axis=1)) == pytest.approx(1.7)
    between = np.linalg.norm(means[0] - means[1])
    assert separations[0, 1] == pytest.approx(between / (1 + 2))


@pytest.mark.parametrize("code", CODES)
def test_random_covariances_are_of_their_family(code):
    covariances = random_covariances(code, 3, np.random.default_rng(RNG_SEED))
    eigenvalues, axes = np.linalg.eigh(covariances)
    volume, shape, orientation = code
    assert (spread(eigenvalues.prod(axis=1)) > 1.5) == (volume == "V")
    aspects = eigenvalues[:, 1] / eigenvalues[:, 0]
    assert np.allclose(aspects, 1) == (shape == "I")
    assert (spread(aspects) > 1.5) == (shape == "V")
    along = np.abs(axes[:, 0, 1])  # cosine of the long axis with the first feature
    assert (shape == "I") or (spread(along + 0.1) > 1.1) == (orientation == "V")
    assert np.allclose(covariances[:, 0, 1], 0) == (orientation == "I")


def test_replicate_has_a_hundred_rows_for_each_parameter():
    assert draw_replicate(Replicate("VVV", 2, 0, 0)).shape == (1_100, 2)
    assert draw_replicate(Replicate("EII", 2, 0, 0)).shape == (600, 2)
