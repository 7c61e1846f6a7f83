from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hmmlearn.hmm import GMMHMM, GaussianHMM
from sklearn.mixture import BayesianGaussianMixture
from sklearn.mixture import GaussianMixture as SklearnMixture

from gaussmix import GaussianMixture, Mixture
from gaussmix.covariance import FAMILIES
from gaussmix.errors import MissingDependencyError, ParameterError
from tests.mixtures import make_mixture, make_rows

SKLEARN_TYPES = ["full", "tied", "diag", "spherical"]


def shifted(mixture, shift):
    """Return the mixture elsewhere."""
    return Mixture.from_parameters(
        mixture.weights, mixture.means + shift, mixture.covariances.parameters(), mixture.family
    )


def run_onnx(path, X):
    """Return what onnxruntime makes of an exported graph."""
    from onnxruntime import InferenceSession

    return InferenceSession(path, providers=["CPUExecutionProvider"]).run(
        ["log_prob", "posterior", "label"], {"X": X}
    )


@pytest.mark.parametrize("estimator", [SklearnMixture, BayesianGaussianMixture])
@pytest.mark.parametrize("kind", SKLEARN_TYPES)
def test_from_sklearn(kind, estimator):
    X, _ = make_rows()
    theirs = estimator(n_components=2, covariance_type=kind, random_state=0, tol=0.1).fit(X)
    mixture = Mixture.from_sklearn(theirs)
    assert mixture.covariance_type == kind
    np.testing.assert_allclose(mixture.means, theirs.means_)
    np.testing.assert_allclose(mixture.covariances.parameters(), theirs.covariances_)
    if estimator is SklearnMixture:
        np.testing.assert_allclose(mixture.log_prob(X), theirs.score_samples(X), rtol=1e-12, atol=1e-12)


def test_from_our_own_estimator():
    ours = GaussianMixture(2, covariance_type="VEI", random_state=0).fit(make_rows()[0])
    assert Mixture.from_sklearn(ours) is ours.mixture_


@pytest.mark.parametrize("name", FAMILIES)
def test_to_sklearn_and_back(name):
    mixture = make_mixture(name, 3, 4)
    X = mixture.sample(200, 0)[0]
    theirs = mixture.to_sklearn()
    np.testing.assert_allclose(theirs.score_samples(X), mixture.log_prob(X), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(theirs.predict_proba(X), mixture.posterior(X), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(theirs.predict(X), mixture.predict(X))
    np.testing.assert_allclose(Mixture.from_sklearn(theirs).log_prob(X), mixture.log_prob(X), rtol=1e-12)


@pytest.mark.parametrize("method", [Mixture.from_sklearn, Mixture.from_hmmlearn])
def test_what_is_not_fitted_or_no_mixture(method):
    with pytest.raises(ParameterError, match="fit it first"):
        method(SimpleNamespace(covariance_type="full", means_=[[0.0]], covars_=[[[1.0]]]))
    with pytest.raises(ParameterError, match="SimpleNamespace has 'odd'"):
        method(
            SimpleNamespace(
                covariance_type="odd",
                weights_=[1.0],
                means_=[[0.0]],
                covars_=[1],
                covariances_=[1],
                transmat_=[[1]],
            )
        )


def hidden_markov_model(kind, n_mixed, rng):
    """Return a model of hmmlearn with 3 states, 2 features and random parameters."""
    mixtures = [make_mixture(kind, n_mixed or 3, seed=seed) for seed in rng.integers(0, 1000, 3)]
    if n_mixed:
        model = GMMHMM(3, n_mix=n_mixed, covariance_type=kind)
        model.weights_ = np.stack([mixture.weights for mixture in mixtures])
        model.means_ = np.stack([mixture.means for mixture in mixtures])
        model.covars_ = np.stack([mixture.covariances.parameters() for mixture in mixtures])
    else:
        model = GaussianHMM(3, covariance_type=kind)
        model.n_features, model.means_ = 2, mixtures[0].means
        model.covars_ = mixtures[0].covariances.parameters()
    model.transmat_ = rng.dirichlet([2, 2, 2], 3)
    return model


@pytest.mark.parametrize("n_mixed", [0, 2])
@pytest.mark.parametrize("kind", SKLEARN_TYPES)
def test_from_hmmlearn(kind, n_mixed):
    """A sequence of one row has the density of the states' emissions weighted by the first state's distribution."""
    rng = np.random.default_rng(n_mixed)
    model = hidden_markov_model(kind, n_mixed, rng)
    X = 3 * rng.standard_normal((20, 2))
    stationary = np.linalg.matrix_power(model.transmat_, 1000)[0]
    starts = [(None, stationary), *enumerate(np.eye(3))]
    for state, model.startprob_ in starts:
        expected = [model.score(x[None]) for x in X]
        np.testing.assert_allclose(Mixture.from_hmmlearn(model, state).log_prob(X), expected, rtol=1e-12)


def test_from_a_fitted_spherical_chain():
    """Fitted, hmmlearn repeats the matrices of spherical covariances D times."""
    X = np.concatenate([make_rows(100)[0], make_rows(100)[0] + 9])
    model = GaussianHMM(2, covariance_type="spherical", n_iter=2, random_state=0).fit(X)
    mixture = Mixture.from_hmmlearn(model, 1)
    model.startprob_ = np.array([0.0, 1.0])
    np.testing.assert_allclose(mixture.log_prob(X[:5]), [model.score(x[None]) for x in X[:5]], rtol=1e-12)


def test_states_that_do_not_exist_and_chains_that_fall_apart():
    model = hidden_markov_model("full", 2, np.random.default_rng(0))
    for state in (-1, 3, 0.5):
        with pytest.raises(ParameterError, match="state should be a whole number from 0 to 2"):
            Mixture.from_hmmlearn(model, state)
    model.transmat_ = np.eye(3)
    with pytest.raises(ParameterError, match="no single stationary distribution"):
        Mixture.from_hmmlearn(model)
    model.transmat_ = np.array([[0.5, 0.5, 0], [0, 0.5, 0.5], [0, 0, 1.0]])  # left to right
    np.testing.assert_allclose(Mixture.from_hmmlearn(model).weights[:4], 0)


@pytest.mark.parametrize("shift", [0.0, 1e6])
@pytest.mark.parametrize("name", FAMILIES)
def test_onnx(name, shift, tmp_path):
    mixture = shifted(make_mixture(name, 3, 4), shift)
    X = mixture.sample(200, 0)[0]
    mixture.to_onnx(tmp_path / "mixture.onnx")
    log_prob, posterior, label = run_onnx(tmp_path / "mixture.onnx", X)
    np.testing.assert_allclose(log_prob, mixture.log_prob(X), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(posterior, mixture.posterior(X), rtol=0, atol=1e-10)
    np.testing.assert_array_equal(label, mixture.predict(X))


def test_onnx_far_from_everything_and_without_rows(tmp_path):
    mixture = Mixture.from_parameters([0.0, 0.5, 0.5], [[0.0], [1.0], [2.0]], [1.0, 1.0, 1.0], "spherical")
    mixture.to_onnx(tmp_path / "mixture.onnx")
    X = np.array([[-1e8], [50.0], [1e150]])
    log_prob, posterior, label = run_onnx(tmp_path / "mixture.onnx", X)
    np.testing.assert_allclose(log_prob, mixture.log_prob(X), rtol=1e-12)
    np.testing.assert_allclose(posterior.sum(axis=1), 1)
    assert posterior[:, 0].tolist() == [0, 0, 0]
    assert label[:2].tolist() == [1, 2]
    assert [out.shape for out in run_onnx(tmp_path / "mixture.onnx", X[:0])] == [(0,), (0, 3), (0,)]


def test_a_failed_export_leaves_what_was_there(tmp_path, monkeypatch):
    target = tmp_path / "mixture.onnx"
    target.write_bytes(b"old")
    mixture = make_mixture()
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'gaussmix\[onnx\]'"):
        mixture.to_onnx(target)
    monkeypatch.undo()
    with pytest.raises(FileNotFoundError):
        mixture.to_onnx(tmp_path / "nowhere" / "mixture.onnx")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_torch_is_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'gaussmix\[torch\]'"):
        make_mixture().to_torch()


@pytest.mark.parametrize("shift", [0.0, 1e6])
@pytest.mark.parametrize("name", SKLEARN_TYPES)
def test_torch(name, shift):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    mixture = shifted(make_mixture(name, 3, 4), shift)
    X = mixture.sample(200, 0)[0]
    log_prob = mixture.to_torch().log_prob(torch.tensor(X)).numpy()
    np.testing.assert_allclose(log_prob, mixture.log_prob(X), rtol=1e-10, atol=1e-10)


def test_torch_of_less_precision_and_without_weight():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    mixture = Mixture.from_parameters([0.0, 1.0], [[0.0], [9.0]], [1.0, 1.0], "spherical")
    for dtype in ("float32", torch.float32):
        log_prob = mixture.to_torch(dtype).log_prob(torch.tensor([[0.0]]))
        assert log_prob.dtype == torch.float32
        np.testing.assert_allclose(log_prob.numpy(), mixture.log_prob([[0.0]]), rtol=1e-6)
    with pytest.raises(ParameterError, match="dtype should be 'float64' or 'float32'"):
        mixture.to_torch("int8")


def test_a_mixture_of_t_distributions_is_no_gaussian_mixture():
    from gaussmix import StudentTMixture

    X = np.random.default_rng(0).normal(size=(40, 2))
    with pytest.raises(ParameterError, match="holds no Gaussian mixture"):
        Mixture.from_sklearn(StudentTMixture(1, random_state=0).fit(X))
