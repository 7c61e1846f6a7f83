from __future__ import annotations

import warnings

import numpy as np
import pytest

from gaussmix import GaussianMixture, Mixture
from gaussmix.errors import ParameterError
from gaussmix.prior import Relevance

from ..mixtures import REPRESENTATIVES, make_mixture, make_rows

UBM = make_mixture("diag", 3, 2, seed=3)
X, _ = make_rows(n=50, seed=9)


def adapted(prior, name="diag", rows=X, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one iteration does not converge
        return GaussianMixture(3, covariance_type=name, prior=prior, reg_covar=0, **options).fit(rows)


def by_paper(model, rows, factor):
    """Return Reynolds, Quatieri & Dunn (2000), eqs. 11 to 14."""
    posterior = model.posterior(rows)
    n = posterior.sum(axis=0)
    first = posterior.T @ rows / n[:, None]
    second = posterior.T @ rows**2 / n[:, None]
    alpha = n / (n + factor)
    weights = alpha * n / len(rows) + (1 - alpha) * model.weights
    means = alpha[:, None] * first + (1 - alpha[:, None]) * model.means
    own = model.covariances.parameters() + model.means**2
    return weights / weights.sum(), means, alpha[:, None] * second + (1 - alpha[:, None]) * own - means**2


@pytest.mark.parametrize("factor", [0.1, 16.0, 1e4])
def test_one_iteration_is_the_paper(factor):
    fitted = adapted(Relevance(UBM, factor), max_iter=1)
    weights, means, variances = by_paper(UBM, X, factor)
    np.testing.assert_allclose(fitted.weights_, weights, rtol=1e-12)
    np.testing.assert_allclose(fitted.means_, means, rtol=1e-12)
    np.testing.assert_allclose(fitted.covariances_, variances, rtol=1e-10)


@pytest.mark.parametrize("name", REPRESENTATIVES)
@pytest.mark.parametrize("adapt", ["means", "variances", "weights"])
def test_what_is_not_adapted_is_kept_to_the_bit(name, adapt):
    ubm = make_mixture(name, 3, 2, seed=3)
    fitted = adapted(Relevance(ubm, adapt=adapt), name).mixture_
    kept = {
        "means": np.array_equal(fitted.means, ubm.means),
        "variances": np.array_equal(fitted.covariances.parameters(), ubm.covariances.parameters()),
        "weights": np.array_equal(fitted.weights, ubm.weights),
    }
    assert [part for part, same in kept.items() if not same] == [adapt]


def test_variances_are_about_means_that_are_kept():
    fitted = adapted(Relevance(UBM, adapt="variances"), max_iter=1)
    posterior = UBM.posterior(X)
    square = np.einsum("nk,nkd->kd", posterior, np.square(X[:, None] - UBM.means))
    expected = (square + 16 * UBM.covariances.parameters()) / (posterior.sum(axis=0)[:, None] + 16)
    np.testing.assert_allclose(fitted.covariances_, expected, rtol=1e-10)


def test_where_there_are_no_rows_nothing_moves():
    far = Mixture.from_parameters(
        [0.5, 0.5], [[0.0, 0.0], [1e3, 1e3]], np.repeat(np.eye(2)[None], 2, 0), "full"
    )
    fitted = GaussianMixture(2, prior=Relevance(far), reg_covar=0).fit(X)
    np.testing.assert_allclose(fitted.means_[1], [1e3, 1e3], rtol=1e-12)
    np.testing.assert_allclose(fitted.covariances_[1], np.eye(2), rtol=1e-12)


def test_a_background_of_another_family_is_embedded():
    fitted = adapted(Relevance(UBM, 1e12, ["means", "variances"]), "VEV", max_iter=1)
    expected = fitted.mixture_.family.embed(UBM.covariances, UBM.posterior(X).sum(axis=0) + 1e12)
    np.testing.assert_allclose(
        fitted.mixture_.covariances.to_dense(), expected.to_dense(), rtol=1e-6, atol=1e-8
    )


@pytest.mark.parametrize(
    ("prior", "name", "sentence"),
    [
        (Relevance(UBM, 0.0), "diag", "factor should be a positive number"),
        (Relevance(UBM, adapt=["means", "shapes"]), "diag", "one or more of means, variances, weights"),
        (Relevance(UBM, adapt=[]), "diag", "one or more of means, variances, weights"),
        (Relevance(UBM.select(np.array([0, 1]))), "diag", "adapts a mixture of 2 components of 2 features"),
        (Relevance(GaussianMixture()), "diag", "adapts a Mixture, not a GaussianMixture"),
        (Relevance(UBM, adapt="means"), "VEI", "cannot keep the covariances of covariance_type='VEI'"),
    ],
)
def test_bad_adaptation_is_refused(prior, name, sentence):
    with pytest.raises(ParameterError, match=sentence):
        adapted(prior, name)
