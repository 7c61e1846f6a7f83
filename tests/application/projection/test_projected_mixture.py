from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import multivariate_normal
from sklearn import mixture
from sklearn.decomposition import NMF, PCA, FactorAnalysis, IncrementalPCA, KernelPCA, TruncatedSVD
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection
from sklearn.utils.estimator_checks import parametrize_with_checks

from gaussmix import (
    BayesianGaussianMixture,
    GaussianMixture,
    GaussianMixtureSearch,
    ProjectedMixture,
    StudentTMixture,
)
from gaussmix.errors import DataError, ParameterError
from gaussmix.source import as_source

RNG = np.random.default_rng(0)
X = RNG.normal(3.0, 1.0, (400, 3)) @ RNG.normal(size=(3, 12)) + 0.3 * RNG.normal(size=(400, 12)) + 5.0
LINEAR = [
    PCA(3),
    PCA(3, whiten=True),
    PCA(12),
    IncrementalPCA(3),
    TruncatedSVD(3),
    GaussianRandomProjection(3, random_state=0),
    SparseRandomProjection(3, random_state=0, dense_output=True),
]

pytestmark = pytest.mark.filterwarnings(
    "ignore::gaussmix.errors.DegenerateWarning", "ignore::sklearn.exceptions.ConvergenceWarning"
)


@parametrize_with_checks([ProjectedMixture()])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("projection", LINEAR, ids=lambda projection: repr(projection)[:30])
def test_the_density_is_that_of_one_normal_distribution_of_the_original_space(projection) -> None:
    model = ProjectedMixture(projection, GaussianMixture(1, reg_covar=0), reg_covar=0).fit(X)
    Q = model._subspace.basis
    outside = np.eye(12) - Q.T @ Q
    covariance = Q.T @ Q @ np.cov(X.T, ddof=0) @ Q.T @ Q + model.residual_variance_ * outside
    expected = multivariate_normal(X.mean(axis=0), covariance).logpdf(X)
    np.testing.assert_allclose(model.score_samples(X), expected, rtol=1e-8)
    assert model.score(X) == pytest.approx(expected.mean())


def test_pca_and_one_component_are_probabilistic_pca() -> None:
    model = ProjectedMixture(PCA(3), GaussianMixture(1, reg_covar=0), reg_covar=0).fit(X)
    assert model.score(X) == pytest.approx(PCA(3).fit(X).score(X), abs=0.02)  # theirs divides by N − 1
    ppca = GaussianMixture(1, covariance_type="ppca", n_factors=3, reg_covar=0).fit(X)
    assert model.score(X) == pytest.approx(ppca.score(X), rel=1e-6)
    assert model._n_parameters() >= ppca._n_parameters()


def test_projections_can_be_compared_by_bic() -> None:
    def bic(q: int) -> float:
        return ProjectedMixture(PCA(q), GaussianMixture(1)).fit(X).bic(X)

    assert min(range(1, 7), key=bic) == 3


@pytest.mark.parametrize("projection", LINEAR[:2] + LINEAR[4:], ids=lambda projection: repr(projection)[:30])
def test_draws_have_the_moments_of_the_density(projection) -> None:
    model = ProjectedMixture(projection, GaussianMixture(1), random_state=0).fit(X)
    rows, labels = model.sample(20_000)
    assert rows.shape == (20_000, 12)
    assert labels.shape == (20_000,)
    np.testing.assert_allclose(rows.mean(axis=0), X.mean(axis=0), atol=0.15)
    assert model.score(rows) == pytest.approx(model.score(X), rel=0.03)


def test_sparse_rows_behind_a_truncated_svd() -> None:
    thin = np.where(RNG.random(X.shape) < 0.3, X, 0.0)
    models = [ProjectedMixture(TruncatedSVD(3), GaussianMixture(2, random_state=0)) for _ in range(2)]
    dense, sparse = (model.fit(rows) for model, rows in zip(models, (thin, csr_array(thin)), strict=True))
    np.testing.assert_allclose(sparse.score_samples(csr_array(thin)), dense.score_samples(thin), rtol=1e-6)
    assert (sparse.predict(csr_array(thin)) == dense.predict(thin)).all()


@pytest.mark.parametrize("mixture", [BayesianGaussianMixture(3), StudentTMixture(2), GaussianMixture(2)])
def test_any_mixture_goes_behind_a_projection(mixture) -> None:
    model = ProjectedMixture(PCA(2), mixture.set_params(random_state=0)).fit(X)
    assert model.predict_proba(X[:5]).shape[0] == 5
    assert np.isfinite(model.score(X))
    assert model.project(X).shape == (400, 2)


def test_weights_repeat_rows() -> None:
    weight = RNG.integers(1, 4, len(X))
    one = ProjectedMixture(PCA(12), GaussianMixture(1)).fit(X, sample_weight=weight)
    np.testing.assert_allclose(one._subspace.centre, np.repeat(X, weight, axis=0).mean(axis=0))


def test_a_projection_that_is_not_linear_has_no_density() -> None:
    model = ProjectedMixture(KernelPCA(2, kernel="rbf"), GaussianMixture(2, random_state=0)).fit(X)
    assert model.predict(X).shape == (400,)
    assert model.residual_variance_ is None
    with pytest.raises(ParameterError, match="KernelPCA is no linear projection"):
        model.score_samples(X)


def test_a_projection_without_independent_directions_is_refused() -> None:
    class Twice(PCA):
        def fit(self, X, y=None):
            super().fit(X)
            self.components_ = np.repeat(self.components_[:1], 2, axis=0)
            return self

    with pytest.raises(DataError, match="fewer independent directions"):
        ProjectedMixture(Twice(2), GaussianMixture(1, reg_covar=1e-3)).fit(X)


def test_sparse_projections_of_sparse_rows() -> None:
    thin = csr_array(np.where(RNG.random(X.shape) < 0.3, X, 0.0))
    model = ProjectedMixture(SparseRandomProjection(3, random_state=0)).fit(thin)
    assert isinstance(model.project(thin), np.ndarray)
    assert model.score(thin) == pytest.approx(
        ProjectedMixture(SparseRandomProjection(3, random_state=0)).fit(thin.toarray()).score(thin.toarray())
    )


@pytest.mark.parametrize(
    "projection", [NMF(3, init="nndsvd", max_iter=500), FactorAnalysis(3)], ids=["NMF", "FA"]
)
@pytest.mark.parametrize("offset", [0.0, 1e7])
def test_rows_that_tell_nothing_do_not_make_a_projection_linear(projection, offset) -> None:
    rows = np.concatenate([np.zeros((8, 12)), np.abs(X)]) + offset
    assert ProjectedMixture(projection).fit(rows).residual_variance_ is None


@pytest.mark.parametrize("offset", [0.0, 1e7])
def test_a_projection_is_linear_wherever_the_rows_are(offset) -> None:
    assert ProjectedMixture(PCA(3)).fit(X + offset).residual_variance_ == pytest.approx(0.09, rel=0.1)


def test_the_best_mixture_of_a_search_counts_and_draws() -> None:
    search = GaussianMixtureSearch([1, 2], covariance_type="diag", random_state=0, n_jobs=1)
    model = ProjectedMixture(PCA(2), search).fit(X)
    best = model.estimator_.best_estimator_
    again = ProjectedMixture(PCA(2), GaussianMixture(**best.get_params())).fit(X)
    assert model.bic(X) == pytest.approx(again.bic(X))
    assert model.sample(3)[0].shape == (3, 12)


def test_mixtures_of_scikit_learn_count_and_draw() -> None:
    theirs, ours = (ProjectedMixture(PCA(2), one) for one in (mixture.GaussianMixture(1), GaussianMixture(1)))
    assert theirs.fit(X).bic(X) == pytest.approx(ours.fit(X).bic(X), rel=1e-5)
    assert theirs.sample(3)[0].shape == (3, 12)


def test_mixtures_that_count_no_parameters_say_so() -> None:
    model = ProjectedMixture(PCA(2), mixture.BayesianGaussianMixture(n_components=2, random_state=0)).fit(X)
    for criterion in (model.bic, model.aic):
        with pytest.raises(
            ParameterError, match="which BayesianGaussianMixture does not tell: compare score"
        ):
            criterion(X)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_rows_within_the_subspace_have_a_residual_of_their_own_scale(scale) -> None:
    flat = np.zeros((50, 4))
    flat[:, :2] = RNG.integers(0, 9, (50, 2))
    variance = ProjectedMixture(PCA(2), reg_covar=0.0).fit(flat * scale).residual_variance_
    assert variance == pytest.approx(1e-8 * flat.var(axis=0).mean() * scale**2)


def test_rows_that_are_all_the_same_are_refused() -> None:
    with pytest.raises(DataError, match="all rows are the same"):
        ProjectedMixture(GaussianRandomProjection(1, random_state=0)).fit(np.ones((10, 3)))


def test_files_and_sources_are_rows(tmp_path):
    weight = np.arange(400.0)
    np.save(tmp_path / "rows.npy", X)
    of_array = ProjectedMixture(PCA(3)).fit(X, sample_weight=weight)
    weighted = as_source(X, sample_weight=weight)
    for rows, given in ((tmp_path / "rows.npy", weight), (weighted, None)):
        model = ProjectedMixture(PCA(3)).fit(rows, sample_weight=given)
        assert model.residual_variance_ == of_array.residual_variance_
        np.testing.assert_array_equal(model.score_samples(rows), of_array.score_samples(X))


def test_rows_beyond_the_memory_limit_are_refused_by_a_sentence(tmp_path):
    np.save(tmp_path / "rows.npy", X)
    rows = as_source(tmp_path / "rows.npy", memory_limit=1000)
    with pytest.raises(DataError, match="rows to be projected must fit into memory"):
        ProjectedMixture(PCA(3)).fit(rows)
