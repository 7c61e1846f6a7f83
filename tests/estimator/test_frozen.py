from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from gaussmix import GaussianMixture
from gaussmix.errors import ParameterError

from ..incompleteness import with_holes
from ..mixtures import REPRESENTATIVES, make_mixture, make_rows

representatives = pytest.mark.parametrize("name", REPRESENTATIVES)
PARTS = ("weights", "means", "covariances")
SOME = ["weights", "means", "covariances", ("weights", "means"), ["means", "covariances"], PARTS]


def initial(name="full", seed=0, **parameters):
    """Return an estimator that starts from the mixture that made the rows, a little moved."""
    mixture = make_mixture(name, 3, 2, seed)
    return GaussianMixture(
        3,
        covariance_type=name,
        weights_init=mixture.weights,
        means_init=mixture.means + 0.1,
        precisions_init=mixture.covariances.precisions(),
        **parameters,
    )


def start_of(estimator, X):
    """Return the mixture that the estimator starts from."""
    return clone(estimator).set_params(max_iter=0, frozen=None).fit(X)


@representatives
@pytest.mark.parametrize("frozen", SOME, ids=str)
@pytest.mark.parametrize("acceleration", ["auto", None])
def test_what_is_frozen_stays_to_the_bit_and_the_rest_moves(name, frozen, acceleration):
    X, _ = make_rows(name=name)
    estimator = initial(name, frozen=frozen, acceleration=acceleration)
    before, after = start_of(estimator, X), estimator.fit(X)
    for part in PARTS:
        same = np.array_equal(getattr(before, f"{part}_"), getattr(after, f"{part}_"))
        assert same == (part in ([frozen] if isinstance(frozen, str) else frozen)), part


@pytest.mark.parametrize("name", ["full", "diag", "spherical"])
def test_components_are_frozen_one_by_one(name):
    X, _ = make_rows(name=name)
    estimator = initial(name, frozen={"means": [0, 2], "covariances": [1], "weights": 2})
    before, after = start_of(estimator, X), estimator.fit(X)
    assert (before.means_ == after.means_).all(axis=1).tolist() == [True, False, True]
    moved = before.covariances_ != after.covariances_
    assert moved.reshape(3, -1).any(axis=1).tolist() == [True, False, True]
    assert (before.weights_ == after.weights_).tolist() == [False, False, True]
    assert after.weights_.sum() == pytest.approx(1.0, rel=1e-14)


@representatives
@pytest.mark.parametrize("frozen", SOME, ids=str)
@pytest.mark.parametrize("holes", [False, True])
def test_the_bound_never_falls(name, frozen, holes):
    X, _ = make_rows(name=name)
    X = with_holes(X) if holes else X
    model = initial(name, frozen=frozen, acceleration=None, reg_covar=0).fit(X)
    assert np.diff(model.lower_bounds_).min(initial=0.0) >= -1e-10
    assert model.converged_


@pytest.mark.parametrize(
    ("frozen", "expected"),
    [(None, 17), ("weights", 15), ("means", 11), ("covariances", 8), (PARTS, 0), ({"means": [1]}, 15)],
    ids=str,
)
def test_what_is_frozen_is_not_counted_as_a_parameter(frozen, expected):
    X, _ = make_rows()
    model = initial(frozen=frozen).fit(X)
    assert model.mixture_.n_parameters == expected
    bic = expected * np.log(len(X)) - 2 * model.score(X) * len(X)
    assert model.bic(X) == pytest.approx(bic, rel=1e-12)


def test_free_parameters_have_their_best_values():
    """With means and covariances frozen, the weights of the optimum are the mean posteriors."""
    X, _ = make_rows()
    model = initial(frozen=("means", "covariances"), tol=1e-12).fit(X)
    np.testing.assert_allclose(model.weights_, model.predict_proba(X).mean(axis=0), atol=1e-6)


def test_covariances_are_about_frozen_means():
    X, _ = make_rows()
    model = GaussianMixture(1, means_init=[[5.0, 5.0]], frozen="means", reg_covar=0).fit(X)
    np.testing.assert_allclose(model.covariances_[0], (X - 5.0).T @ (X - 5.0) / len(X), rtol=1e-10)


def test_nothing_frozen_is_the_fit_as_ever():
    X, _ = make_rows()
    for frozen in ([], {}, {"means": False}, {"means": []}):
        np.testing.assert_array_equal(initial(frozen=frozen).fit(X).means_, initial().fit(X).means_)


def test_a_warm_start_keeps_what_is_frozen():
    X, _ = make_rows()
    model = initial(frozen="means", warm_start=True)
    means = model.fit(X).means_.copy()
    np.testing.assert_array_equal(model.fit(X[:200]).means_, means)


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        (
            {"frozen": "mean"},
            "frozen names 'mean': it can be one or more of 'weights', 'means', 'covariances'",
        ),
        ({"frozen": {"means": [3]}}, r"frozen\['means'\] should list components from 0 to 2, got \[3\]"),
        ({"frozen": {"means": [-1]}}, "components from 0 to 2"),
        ({"frozen": {"means": [0.5]}}, "components from 0 to 2"),
        ({"frozen": {"means": "a"}}, "components from 0 to 2"),
        ({"frozen": [["means"]]}, "frozen names"),
        ({"frozen": "means", "means_init": None}, "frozen='means' needs the values to keep: give means_init"),
        ({"frozen": ["covariances"], "precisions_init": None}, "give precisions_init"),
        ({"frozen": "weights", "weights_init": None}, "give weights_init"),
        ({"frozen": 3}, "frozen"),
    ],
)
def test_what_cannot_be_frozen_is_named(parameters, match):
    with pytest.raises((ParameterError, ValueError), match=match):
        initial().set_params(**parameters).fit(make_rows()[0])


@pytest.mark.parametrize("name", ["VEE", "EEI", "EII", "VEV"])
def test_families_whose_components_depend_on_each_other_cannot_freeze_covariances(name):
    with pytest.raises(ParameterError, match=f"is not possible for covariance_type='{name}'"):
        initial(name, frozen="covariances").fit(make_rows()[0])
    assert initial(name, frozen="means").fit(make_rows()[0]).converged_


def test_a_tied_covariance_is_frozen_for_all_or_none():
    with pytest.raises(ParameterError, match="freeze it for all of them or for none"):
        initial("tied", frozen={"covariances": [0]}).fit(make_rows()[0])
