from __future__ import annotations

import numpy as np
import pytest

from gaussmix import GaussianMixture
from gaussmix.errors import ParameterError
from gaussmix.prior import Shrinkage
from gaussmix.prior.shrinkage import ledoit_wolf, oracle_approximating, shrunk

from ..mixtures import fit, make_rows, random_scatter, start
from .beliefs import resolved


def by_paper(S, n, rule):
    """Return Chen et al. (2010), eqs. 17 and 23, for the target (tr S / D) I."""
    D, square, trace = len(S), np.trace(S @ S), np.trace(S) ** 2
    if rule == "oas":
        part = ((1 - 2 / D) * square + trace) / ((n + 1 - 2 / D) * (square - trace / D))
    else:
        part = ((n - 2) / n * square + trace) / ((n + 2) * (square - trace / D))
    part = min(part, 1.0)
    return (1 - part) * S + part * np.trace(S) / D * np.eye(D)


@pytest.mark.parametrize(("name", "rule"), [("oas", oracle_approximating), ("ledoit-wolf", ledoit_wolf)])
@pytest.mark.parametrize("n", [3.0, 10.0, 1000.0])
def test_amounts_are_those_of_the_paper(name, rule, n):
    matrices = random_scatter(np.random.default_rng(0), 2, 4)
    found = shrunk(matrices, np.ones(4), np.array([n, 10.0]), rule)
    np.testing.assert_allclose(found[0], by_paper(matrices[0], n, name), rtol=1e-12)
    np.testing.assert_allclose(found[1], by_paper(matrices[1], 10.0, name), rtol=1e-12)


def test_the_second_rule_is_what_ledoit_and_wolf_expect_of_normal_rows():
    """Their numerator is Σ_i |x_i x_iᵀ − S|² / n²; its mean given S enters the rule (Chen et al. 2010, eq. 17)."""
    rng, n, D = np.random.default_rng(0), 8, 3
    theirs, ours = [], []
    for _ in range(4000):
        Z = rng.standard_normal((n, D)) * [1.0, 2.0, 0.5]
        S = Z.T @ Z / n
        theirs.append(np.square(Z[:, :, None] * Z[:, None, :] - S).sum() / n**2)
        square, trace = np.array([np.sum(S * S)]), np.array([np.trace(S) ** 2])
        ours.append(ledoit_wolf(square, trace, np.array([float(n)]), D)[0])
    difference = np.array(theirs) - ours
    assert abs(difference.mean()) < 3 * difference.std() / np.sqrt(len(difference))


@pytest.mark.parametrize("target", ["diagonal", "sphere"])
@pytest.mark.parametrize("amount", ["oas", "ledoit-wolf", 0.3])
@pytest.mark.parametrize("name", ["full", "tied", "VEV"])
def test_rescaled_features_give_the_rescaled_fit(name, amount, target):
    X, labels = make_rows(n=60, D=3)
    scale = np.full(3, 1e50) if name == "VEV" else np.array([1e-50, 1.0, 1e50])
    one, other = (
        start(rows, labels, name, prior=resolved(Shrinkage(amount, target), rows, name, 3)).covariances
        for rows in (X, scale * X)
    )
    np.testing.assert_allclose(other.to_dense() / np.outer(scale, scale), one.to_dense(), rtol=1e-9)


def test_nothing_and_everything():
    X, labels = make_rows(n=60)
    none, full = (
        start(X, labels, "full", prior=resolved(Shrinkage(amount), X, "full", 3)).covariances.to_dense()
        for amount in (0.0, 1.0)
    )
    np.testing.assert_allclose(none, start(X, labels, "full").covariances.to_dense(), rtol=1e-12)
    np.testing.assert_allclose(full, none * np.eye(2), rtol=1e-12)


def test_a_component_of_fewer_rows_than_features_is_regular():
    labels = np.repeat([0, 1, 2], 8)
    X = np.random.default_rng(0).standard_normal((24, 20)) + 9 * labels[:, None]
    for amount in ("oas", "ledoit-wolf", 0.1):
        result = fit(start(X, labels, "full", prior=resolved(Shrinkage(amount), X, "full", 3)), X, n_iter=5)
        assert not result.collapses


@pytest.mark.parametrize(
    ("prior", "name", "sentence"),
    [
        (Shrinkage(1.5), "full", "amount should be a number from 0 to 1"),
        (Shrinkage(True), "full", "amount should be a number from 0 to 1"),
        (Shrinkage("lw"), "full", "or one of oas, ledoit-wolf, got 'lw'"),
        (Shrinkage(target="zero"), "full", "target should be one of diagonal, sphere, got 'zero'"),
        (Shrinkage(), "diag", "no correlations to shrink"),
    ],
)
def test_bad_shrinkage_is_refused(prior, name, sentence):
    X, _ = make_rows(n=60)
    with pytest.raises(ParameterError, match=sentence):
        GaussianMixture(2, covariance_type=name, prior=prior).fit(X)
