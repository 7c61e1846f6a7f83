"""The default start: a search for the best optimum."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from gaussmix import GaussianMixture
from gaussmix.errors import DegenerateWarning

FAITHFUL: Final = Path(__file__).parent.parent / "reference" / "data" / "faithful.csv"
BEST: Final = -1114.45  # total log-likelihood of three full components on faithful; k-means leads to -1119
PARAMETERS: Final = ("weights_", "means_", "covariances_", "lower_bounds_")


@pytest.fixture(scope="module")
def faithful() -> Any:
    return np.loadtxt(FAITHFUL, delimiter=",", skiprows=1)


def same_bits(one: GaussianMixture, other: GaussianMixture) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in PARAMETERS)


def in_order(model: GaussianMixture) -> Any:
    return model.means_[np.argsort(model.means_[:, 0])]


@pytest.mark.parametrize("random_state", range(4))
def test_faithful_ends_at_its_best_optimum(faithful: Any, random_state: int) -> None:
    model = GaussianMixture(3, random_state=random_state).fit(faithful)
    assert model.score(faithful) * len(faithful) >= BEST
    assert model.converged_
    assert not model.degenerate_


def test_threads_and_places_do_not_change_bits(faithful: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", faithful)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    one = GaussianMixture(3, random_state=5, n_jobs=1).fit(faithful)
    for n_jobs, X in ((2, faithful), (1, mapped), (2, tmp_path / "rows.npy")):
        assert same_bits(one, GaussianMixture(3, random_state=5, n_jobs=n_jobs).fit(X))


def test_threads_do_not_change_bits_where_a_sample_is_searched() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30_000, 2)) + 3.0 * rng.integers(4, size=(30_000, 1))
    one, other = (GaussianMixture(4, random_state=0, effort="low", n_jobs=n_jobs).fit(X) for n_jobs in (1, 2))
    assert same_bits(one, other)
    assert one.n_passes_ == other.n_passes_


def test_a_weight_is_a_repeated_row(faithful: Any) -> None:
    X = faithful[:150]
    weight = np.arange(150) % 3
    weighted = GaussianMixture(3, random_state=0).fit(X, sample_weight=weight)
    repeated = GaussianMixture(3, random_state=0).fit(np.repeat(X, weight, axis=0))
    assert weighted.lower_bound_ == pytest.approx(repeated.lower_bound_, abs=1e-5)
    np.testing.assert_allclose(in_order(weighted), in_order(repeated), rtol=0.01)


def test_weights_of_a_common_factor_give_the_same_fit(faithful: Any) -> None:
    fits = [
        GaussianMixture(3, random_state=0).fit(faithful, sample_weight=np.full(len(faithful), w))
        for w in (1.0, 1e-8)
    ]
    np.testing.assert_allclose(fits[1].means_, fits[0].means_, rtol=1e-6)


def test_more_effort_takes_more_passes(X: Any) -> None:
    efforts = [
        GaussianMixture(4, effort=effort, random_state=0).fit(X) for effort in ("low", "default", "high")
    ]
    passes = [model.n_passes_ for model in efforts]
    assert passes[0] < passes[1] < passes[2]
    assert efforts[2].lower_bound_ >= efforts[0].lower_bound_ - 1e-6


def test_passes_count_the_search_and_the_fit(X: Any) -> None:
    searched = GaussianMixture(3, random_state=0).fit(X)
    started = GaussianMixture(3, random_state=0, init_params="kmeans").fit(X)
    assert started.n_passes_ == started.n_iter_
    assert searched.n_passes_ > searched.n_iter_


def test_an_unknown_effort_is_an_error(X: Any) -> None:
    with pytest.raises(ValueError, match="effort"):
        GaussianMixture(3, effort="endless").fit(X)


@pytest.mark.filterwarnings("ignore:component 2 collapsed:gaussmix.errors.DegenerateWarning")
def test_fewer_distinct_rows_than_components_are_warned_of() -> None:
    X = np.repeat([[0.0, 0.0], [1.0, 5.0]], 20, axis=0)
    with pytest.warns(DegenerateWarning, match="fewer than 3 distinct rows"):
        model = GaussianMixture(3, random_state=0).fit(X)
    assert np.isfinite(model.means_).all()
    assert len(set(model.predict(X[[0, -1]]).tolist())) == 2


def test_given_means_are_used_instead(X: Any) -> None:
    given = [
        GaussianMixture(3, init_params=init, means_init=X[:3], max_iter=2, tol=0.0)
        for init in ("auto", "kmeans")
    ]
    with pytest.warns(UserWarning, match="did not converge"):
        fits = [model.fit(X) for model in given]
    assert same_bits(*fits)
    assert fits[0].n_passes_ == 2


def test_one_component_needs_no_search(X: Any) -> None:
    model = GaussianMixture(1).fit(X)
    assert model.n_passes_ == model.n_iter_


def test_the_diagnosis_tells_of_the_starts(X: Any) -> None:
    searched = GaussianMixture(3, random_state=0).fit(X)
    optima = searched.diagnosis_.as_dict()["optima"]
    assert 1 <= optima["n_best"] <= optima["n_starts"]
    assert optima["n_optima"] >= 1
    assert "starts" in str(searched.diagnosis_)
    started = GaussianMixture(3, random_state=0, init_params="kmeans").fit(X)
    assert started.diagnosis_.as_dict()["optima"] is None


def test_a_pickled_model_is_the_same(X: Any) -> None:
    model = GaussianMixture(3, random_state=0).fit(X)
    again = pickle.loads(pickle.dumps(model))
    assert same_bits(model, again)
    assert again.n_passes_ == model.n_passes_
    assert str(again.diagnosis_) == str(model.diagnosis_)


def test_hard_assignment_starts_from_a_search(X: Any) -> None:
    model = GaussianMixture(3, assignment="hard", random_state=0).fit(X)
    assert np.bincount(model.predict(X)).min() > 190
    assert model.n_passes_ > model.n_iter_


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_units_do_not_change_the_optimum(faithful: Any, factor: float) -> None:
    scaled = faithful * [1.0, factor]
    model = GaussianMixture(3, random_state=0).fit(scaled)
    assert (model.score(scaled) + np.log(factor)) * len(scaled) >= BEST


def test_a_component_is_not_spent_on_a_few_equal_rows() -> None:
    """Four equal rows have a likelihood without bound; the clusters are what is sought."""
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(100, 2)) + centre for centre in ([0, 0], [9, 0], [0, 9])])
    X = np.concatenate([X, np.full((4, 2), 1.0)])
    model = GaussianMixture(3, reg_covar=0.0, random_state=0).fit(X)
    assert sorted(np.bincount(model.predict(X)).tolist()) == [100, 100, 104]
