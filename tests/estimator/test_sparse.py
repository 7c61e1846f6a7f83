"""Fits of sparse rows: those of the same dense rows, in the memory of the values that are not zero."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gaussmix import (
    BayesianGaussianMixture,
    GaussianMixture,
    GaussianMixtureSearch,
    StudentTMixture,
    load,
    merge_components,
    save,
)
from gaussmix.errors import DataError, DataTypeError
from gaussmix.prior import NormalWishart
from gaussmix.source.sparse import SparseSource

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

K = 3
VARIANCES = ("diag", "VVI", "spherical", "VII", "EII", "EEI", "VEI", "EVI")
FACTORS = ("mfa", "ppca", "CUU", "CCUU")


def counts(D: int = 30, n: int = 300, seed: int = 0) -> tuple[Any, Any]:
    """Return rows of three groups, a fifth of whose values is not zero, and their groups."""
    rng = np.random.default_rng(seed)
    z = rng.integers(K, size=n)
    z[:K] = np.arange(K)
    often, high = rng.uniform(0.05, 0.4, (K, D)), rng.uniform(1.0, 3.0, (K, D))
    return (rng.random((n, D)) < often[z]) * (high[z] + 0.3 * rng.standard_normal((n, D))), z


def fitted(X: Any, start: Any, kind: str = "diag", weight: Any = None, **options: Any) -> GaussianMixture:
    settings = {"acceleration": None, "max_iter": 12, "tol": 0.0, "n_factors": 2} | options
    model = GaussianMixture(K, covariance_type=kind, init_params=start, random_state=0, **settings)
    return model.fit(X, sample_weight=weight)


def assert_alike(ours: GaussianMixture, theirs: GaussianMixture, rtol: float = 1e-8) -> None:
    np.testing.assert_allclose(ours.weights_, theirs.weights_, rtol=rtol)
    np.testing.assert_allclose(ours.means_, theirs.means_, rtol=rtol, atol=rtol)
    mine, other = (model.mixture_.covariances.to_dense() for model in (ours, theirs))
    np.testing.assert_allclose(mine, other, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(ours.lower_bounds_, theirs.lower_bounds_, rtol=rtol)


@pytest.mark.parametrize(
    ("kind", "D"),
    [*((kind, 30) for kind in (*VARIANCES, *FACTORS)), ("mfa", 150), ("ppca", 150), ("CUC", 150)],
)
def test_the_fit_is_that_of_dense_rows(kind: str, D: int) -> None:
    X, start = counts(D)
    assert_alike(fitted(sp.csr_array(X), start, kind), fitted(X, start, kind))


@pytest.mark.parametrize("kind", ["diag", "spherical", "mfa"])
def test_weights_count_rows(kind: str) -> None:
    X, start = counts()
    weight = np.random.default_rng(1).integers(0, 3, len(X)).astype(float)
    assert_alike(fitted(sp.csr_array(X), start, kind, weight), fitted(X, start, kind, weight))


@pytest.mark.parametrize("init", ["auto", "kmeans", "k-means++", "random", "random_from_data"])
def test_every_start_is_that_of_dense_rows(init: str) -> None:
    X, _ = counts()
    options = {"max_iter": 200, "tol": 1e-9, "effort": "low"}
    ours, theirs = (fitted(rows, init, "EEI", **options) for rows in (sp.csr_array(X), X))
    assert_alike(ours, theirs, 1e-5)


def test_given_means_and_responsibilities_start_it() -> None:
    X, z = counts()
    means = np.stack([X[z == k].mean(axis=0) for k in range(K)])
    shares = np.eye(K)[z] * 0.8 + 0.2 / K
    for start, options in (("auto", {"means_init": means}), (shares, {})):
        assert_alike(fitted(sp.csr_array(X), start, **options), fitted(X, start, **options))


@pytest.mark.parametrize("kind", ["diag", "spherical", "mfa"])
def test_predictions_are_those_of_dense_rows(kind: str) -> None:
    X, start = counts(150)
    S, model = sp.csr_array(X), fitted(X, start, kind)
    np.testing.assert_array_equal(model.predict(S), model.predict(X))
    np.testing.assert_allclose(model.predict_proba(S), model.predict_proba(X), atol=1e-9)
    np.testing.assert_allclose(model.score_samples(S), model.score_samples(X), rtol=1e-10)
    np.testing.assert_allclose([model.score(S), model.bic(S)], [model.score(X), model.bic(X)])
    np.testing.assert_array_equal(model.fit_predict(S), model.predict(X))
    assert model.sample(2)[0].shape == (2, 150)


@pytest.mark.parametrize("container", [sp.csr_matrix, sp.csc_array, sp.coo_array])
def test_the_format_does_not_matter(container: Any) -> None:
    X, start = counts()
    ours, theirs = fitted(container(X), start), fitted(sp.csr_array(X), start)
    np.testing.assert_array_equal(ours.means_, theirs.means_)


def test_float32_stays_float32() -> None:
    X, start = counts()
    single = fitted(sp.csr_array(X, dtype=np.float32), start)
    assert single.score_samples(sp.csr_array(X, dtype=np.float32)).dtype == np.float32
    assert_alike(single, fitted(X.astype(np.float32).astype(float), start))


def test_integers_stored_zeros_and_empty_rows_are_values() -> None:
    X, start = counts()
    X = np.round(X)
    X[5] = 0.0
    S = sp.csr_array(X.astype(np.int16))
    S.data[:4] = 0
    assert_alike(fitted(S, start), fitted(S.toarray(), start))


def test_the_threads_do_not_matter() -> None:
    X, start = counts(40, 4_000)
    S = sp.csr_array(X)
    for kind in ("diag", "spherical", "mfa"):
        one, two = (fitted(S, start, kind, n_jobs=n, max_iter=3) for n in (1, 2))
        np.testing.assert_array_equal(
            one.mixture_.covariances.to_dense(), two.mixture_.covariances.to_dense()
        )
        assert one.lower_bounds_ == two.lower_bounds_


def test_features_without_values_are_constant() -> None:
    X, start = counts()
    X[:, 3] = 0.0
    with pytest.warns(UserWarning, match="column 3 is constant"):
        model = fitted(sp.csr_array(X), start)
    assert np.isfinite(model.covariances_).all()


@pytest.mark.parametrize("scale", [1e-100, 1e100])
def test_the_fit_follows_the_units(scale: float) -> None:
    X, start = counts()
    ours, theirs = fitted(sp.csr_array(X * scale), start), fitted(sp.csr_array(X), start)
    np.testing.assert_allclose(ours.means_ / scale, theirs.means_, rtol=1e-7, atol=1e-9)


def test_a_missing_value_is_named_and_refused() -> None:
    X, start = counts()
    X[7, 2] = np.nan
    with pytest.raises(DataError, match="row 7, column 2 is NaN"):
        fitted(sp.csr_array(X), start)


@pytest.mark.parametrize(
    "model",
    [
        GaussianMixture(K),
        GaussianMixture(K, covariance_type="tied"),
        GaussianMixture(K, covariance_type="VVE"),
        GaussianMixture(K, covariance_type="diag", background="uniform"),
        GaussianMixture(K, covariance_type="diag", prior=NormalWishart()),
        GaussianMixtureSearch(K, covariance_type="diag"),
        StudentTMixture(K, covariance_type="diag"),
        BayesianGaussianMixture(n_components=K, covariance_type="diag"),
    ],
)
def test_what_needs_dense_rows_says_who_does_not(model: Any) -> None:
    with pytest.raises(DataTypeError, match=r"X is sparse.* 'diag', 'spherical', .* or pass X\.toarray"):
        model.fit(sp.csr_array(counts()[0]))


def test_noise_and_partial_labels_need_dense_rows() -> None:
    X, z = counts()
    model, S = GaussianMixture(K, covariance_type="diag"), sp.csr_array(X)
    with pytest.raises(DataTypeError, match="noise and partial labels"):
        model.fit(S, np.where(np.arange(len(z)) % 2, z, -1))
    with pytest.raises(DataTypeError, match="noise and partial labels"):
        model.fit(S, noise=np.ones(X.shape))


@pytest.mark.parametrize(
    ("kind", "taken"), [("diag", True), ("mfa", True), ("full", False), ("EEE", False), ("?", False)]
)
def test_the_tag_says_whether_sparse_rows_are_taken(kind: str, taken: bool) -> None:
    assert GaussianMixture(covariance_type=kind).__sklearn_tags__().input_tags.sparse is taken


def test_a_fit_of_matrices_takes_no_sparse_rows_to_predict() -> None:
    X, start = counts(5)
    with pytest.raises(DataTypeError, match="X is sparse"):
        fitted(X, start, "full").predict(sp.csr_array(X))


def test_a_saved_model_takes_sparse_rows(tmp_path: Path) -> None:
    X, start = counts()
    model = fitted(sp.csr_array(X), start)
    save(model.mixture_, tmp_path / "model.safetensors")
    loaded = load(tmp_path / "model.safetensors").mixture
    np.testing.assert_array_equal(loaded.log_prob(sp.csr_array(X)), model.score_samples(sp.csr_array(X)))


def test_a_source_of_sparse_rows_is_taken_where_sparse_rows_are() -> None:
    X, start = counts()
    source = SparseSource(sp.csr_array(X))
    np.testing.assert_array_equal(fitted(source, start).means_, fitted(source.X, start).means_)
    with pytest.raises(DataTypeError, match="X is sparse"):
        fitted(source, start, "full")


def test_components_are_merged_by_sparse_rows() -> None:
    X, start = counts()
    S, model = sp.csr_array(X), fitted(X, start)
    ours, theirs = (merge_components(model, rows).cut(2).predict(rows) for rows in (S, X))
    np.testing.assert_array_equal(ours, theirs)


def test_the_diagnosis_looks_at_some_of_the_rows() -> None:
    X, start = counts()
    S = sp.csr_array(X)
    assert fitted(S, start).diagnose(S).as_dict()


WIDE = """
import resource, warnings
import numpy as np, scipy.sparse as sp
from gaussmix import GaussianMixture
rng = np.random.default_rng(0)
N, D = 50_000, 10_000
columns = np.sort(rng.integers(D, size=(N, D // 100)), axis=1).ravel().astype(np.int32)
X = sp.csr_array((rng.random(columns.size), columns, np.arange(N + 1) * (D // 100)), shape=(N, D))
X.sum_duplicates()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    GaussianMixture(5, covariance_type="diag", init_params="kmeans", random_state=0, max_iter=2).fit(X)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_four_gigabytes_of_zeros_take_no_memory() -> None:
    done = subprocess.run([sys.executable, "-c", WIDE], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 400_000  # KiB; the dense rows would be 3.7 GiB
