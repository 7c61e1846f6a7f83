"""``prior=`` of GaussianMixture: with every start, weights, missing values, and what does not go together."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from gaussmix import GaussianMixture, Mixture, load, save
from gaussmix.errors import DegenerateWarning, ParameterError
from gaussmix.prior import Dirichlet, Flat, NormalWishart, Relevance, Shrinkage

from ..mixtures import make_mixture, make_rows

X, LABELS = make_rows(n=150)
BOTH = [NormalWishart(), Dirichlet(3.0)]


def few_rows(seed, n=20, D=100):
    """Return few and many rows of two components in many dimensions, with correlated features."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((D, 3))
    centre = 1.5 * rng.standard_normal((2, D))
    labels = np.concatenate([np.arange(n) % 2, rng.integers(0, 2, 2000)])
    noise = rng.standard_normal((len(labels), 3)) @ factor.T + rng.standard_normal((len(labels), D))
    rows = (centre[labels] + noise) * np.exp(rng.standard_normal(D))
    return rows[:n], rows[n:]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("K", [1, 2])
@pytest.mark.parametrize("name", ["full", "tied"])
def test_twenty_rows_of_a_hundred_features(seed, K, name):
    few, many = few_rows(seed)
    options = {"covariance_type": name, "random_state": seed, "init_params": "kmeans"}
    believed = GaussianMixture(K, prior=NormalWishart(), reg_covar=0.0, **options).fit(few)
    assert believed.degenerate_ == []
    for reg_covar in (1e-6, 1e-3, 1e-1):
        regularised = GaussianMixture(K, reg_covar=reg_covar, **options).fit(few)
        assert believed.score(many) > regularised.score(many) + 1.0


@pytest.mark.parametrize("prior", [NormalWishart(), Shrinkage(), BOTH, (Shrinkage(), Dirichlet(2))])
def test_priors_go_with_every_start(prior):
    for init in ("kmeans", "random_from_data"):
        assert GaussianMixture(3, prior=prior, init_params=init, random_state=0).fit(X).converged_


@pytest.mark.parametrize("prior", [BOTH, Shrinkage()])
def test_the_search_finds_the_most_probable_of_the_starts(prior):
    found = GaussianMixture(3, prior=prior, random_state=0).fit(X)
    other = GaussianMixture(3, prior=prior, init_params="kmeans", random_state=0).fit(X)
    assert found.lower_bound_ > other.lower_bound_ - 1e-6
    again = GaussianMixture(3, prior=prior, random_state=0, n_jobs=1).fit(X)
    assert np.array_equal(found.means_, again.means_)


def test_the_bound_holds_the_prior_and_the_score_does_not():
    fitted = GaussianMixture(3, prior=BOTH, reg_covar=0, means_init=X[:3]).fit(X)
    mixture = fitted.mixture_
    believed = mixture.prior.log_density(mixture) / len(X)
    assert fitted.lower_bound_ == pytest.approx(fitted.score(X) + believed, abs=1e-6)
    assert np.diff(fitted.lower_bounds_).min() > -1e-12
    bare = Mixture.from_parameters(fitted.weights_, fitted.means_, fitted.covariances_)
    assert fitted.score(X) == pytest.approx(bare.log_prob(X).mean(), rel=1e-12)
    assert mixture.n_parameters == bare.n_parameters


def test_a_weight_is_a_number_of_rows():
    weight = np.random.default_rng(0).integers(0, 4, len(X)).astype(float)
    options = {"prior": BOTH, "means_init": X[:3], "reg_covar": 0}
    weighted = GaussianMixture(3, **options).fit(X, sample_weight=weight)
    repeated = GaussianMixture(3, **options).fit(np.repeat(X, weight.astype(int), axis=0))
    np.testing.assert_allclose(weighted.means_, repeated.means_, rtol=1e-6)
    np.testing.assert_allclose(weighted.covariances_, repeated.covariances_, rtol=1e-6)


def test_missing_values_and_partial_labels():
    holes = X.copy()
    holes[::7, 0] = np.nan
    y = np.where(np.arange(len(X)) % 10 == 0, LABELS, -1)
    fitted = GaussianMixture(3, prior=BOTH, init_params="kmeans", random_state=0, reg_covar=0).fit(holes, y)
    assert np.diff(fitted.lower_bounds_).min() > -1e-9


def test_frozen_parts_stay_and_equal_weights_hold():
    options = {"means_init": X[:3], "frozen": {"means": [0]}, "reg_covar": 0}
    fitted = GaussianMixture(3, prior=NormalWishart(), equal_weights=True, **options).fit(X)
    assert np.array_equal(fitted.means_[0], X[0])
    assert fitted.weights_.tolist() == [1 / 3] * 3
    assert np.diff(fitted.lower_bounds_).min() > -1e-12


def test_hard_assignment_and_plain_em():
    for options in ({"assignment": "hard"}, {"acceleration": None}):
        fitted = GaussianMixture(3, prior=BOTH, means_init=X[:3], reg_covar=0, **options).fit(X)
        assert np.diff(fitted.lower_bounds_).min() > -1e-12


def test_acceleration_finds_the_same_mode():
    options = {"prior": BOTH, "means_init": X[:3], "reg_covar": 0, "tol": 1e-9, "max_iter": 20_000}
    leaping, plain = (GaussianMixture(3, acceleration=pace, **options).fit(X) for pace in ("auto", None))
    assert leaping.lower_bound_ == pytest.approx(plain.lower_bound_, abs=1e-8)


def test_relevance_starts_from_its_mixture_unless_another_start_is_given():
    ubm = make_mixture("full")
    start = GaussianMixture(3, prior=Relevance(ubm), max_iter=0).fit(X)
    assert np.array_equal(start.means_, ubm.means)
    other = GaussianMixture(3, prior=Relevance(ubm), means_init=X[:3], max_iter=0).fit(X)
    assert not np.array_equal(other.means_, ubm.means)
    wider = GaussianMixture(3, covariance_type="VEV", prior=Relevance(ubm), max_iter=0).fit(X)
    assert np.array_equal(wider.means_, ubm.means)


def test_warm_start_after_components_were_dropped():
    model = GaussianMixture(3, prior=NormalWishart(), random_state=0, warm_start=True).fit(X)
    model.mixture_ = model.mixture_.select(np.array([0, 1]))
    assert model.fit(X).mixture_.n_components == 2


@pytest.mark.parametrize("prior", [BOTH, [Shrinkage(target="sphere"), Dirichlet(2)]])
def test_units_and_origin_do_not_matter(prior):
    scale, origin = np.array([1e-60, 1e70]), np.array([1e-54, -1e76])
    options = {"prior": prior, "init_params": "kmeans", "random_state": 0}
    one = GaussianMixture(3, **options).fit(X)
    other = GaussianMixture(3, **options).fit(scale * X + origin)
    np.testing.assert_allclose((other.means_ - origin) / scale, one.means_, atol=1e-6)
    np.testing.assert_allclose(
        other.covariances_ / scale / scale[:, None], one.covariances_, rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("policy", ["drop", "restart", "floor"])
def test_a_component_that_starts_far_from_all_rows_is_treated(policy):
    start = {"means_init": [[0.0, 0.0], [1.0, 1.0], [1e3, 1e3]], "weights_init": [0.5, 0.5, 0.0]}
    start["precisions_init"] = np.repeat(np.eye(2)[None], 3, axis=0)
    fitted = GaussianMixture(3, prior=NormalWishart(), on_degenerate=policy, **start)
    with pytest.warns(DegenerateWarning, match=r"component 2 collapsed \(no rows\)"):
        fitted.fit(X)
    assert fitted.mixture_.n_components == (2 if policy == "drop" else 3)


def test_clones_pickles_and_files(tmp_path):
    model = GaussianMixture(3, prior=BOTH, random_state=0)
    fitted = clone(model).fit(X)
    assert pickle.loads(pickle.dumps(fitted)).score(X) == fitted.score(X)
    save(fitted.mixture_, tmp_path / "model.safetensors")
    assert np.array_equal(load(tmp_path / "model.safetensors").mixture.means, fitted.means_)


def test_a_prior_of_ones_own():
    own = Flat(None, np.full(2, 1e-8))
    fitted = GaussianMixture(3, prior=own, reg_covar=0, random_state=0).fit(X)
    assert fitted.mixture_.prior is own


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"prior": [NormalWishart(), NormalWishart()]},
            "NormalWishart and NormalWishart are both about the cov",
        ),
        (
            {"prior": [NormalWishart(), Shrinkage()]},
            "NormalWishart and Shrinkage are both about the covariances",
        ),
        (
            {"prior": [Relevance(make_mixture()), Dirichlet(2)]},
            "Relevance and Dirichlet are both about the w",
        ),
        ({"prior": Dirichlet(2), "equal_weights": True}, "equal_weights=True leaves nothing to Dirichlet"),
        ({"prior": [NormalWishart]}, "prior should be NormalWishart, Dirichlet, Shrinkage or Relevance"),
        ({"prior": NormalWishart(), "background": "uniform"}, "prior and background do not go together"),
        (
            {"prior": Relevance(make_mixture(), adapt="means"), "frozen": "weights"},
            "frozen and Relevance's adapt both say what does not move",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(options, sentence):
    with pytest.raises(ParameterError, match=sentence):
        GaussianMixture(3, **options).fit(X)
