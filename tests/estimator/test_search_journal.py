"""A search that was cut short goes on with the cells that are left, and gives the same table."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import KFold

from gaussmix import GaussianMixture, GaussianMixtureSearch
from gaussmix.errors import CheckpointError, ParameterError, UnfinishedWarning
from gaussmix.estimator.cells import CellFitter

IRIS = load_iris().data
CASES = {
    "kmeans": {"covariance_type": ["VVI", "VVV"], "init_params": "kmeans"},
    "auto": {"covariance_type": ["spherical", "diag", "tied", "full", "VEV"], "effort": "low"},
    "cv": {
        "covariance_type": ["VVI", "EEE"],
        "init_params": "kmeans",
        "criterion": ["cv", "stability"],
        "cv": 2,
        "n_resamples": 2,
    },
    "mfa": {"covariance_type": ["VVI", "mfa"], "init_params": "kmeans", "tol": 1e-3},
}


def search(name, path=None, **options):
    settings = {"random_state": 0, "n_jobs": 1, "checkpoint": path, "checkpoint_every": 0} | CASES[name]
    return GaussianMixtureSearch((1, 2, 3), **settings | options)


def table(model):
    return {name: values.tolist() for name, values in model.results_.items() if name != "seconds"}


def interrupted_after(n_fits, monkeypatch, error=KeyboardInterrupt):
    """Let ``error`` come after some cells; return the list of those that are fitted."""
    fitted, fit = [], CellFitter.fit

    def counting(self, cell):
        if len(fitted) == n_fits:
            raise error
        fitted.append(cell)
        return fit(self, cell)

    monkeypatch.setattr(CellFitter, "fit", counting)
    return fitted


@pytest.mark.parametrize("n_fits", [1, 4])
@pytest.mark.parametrize("name", CASES)
def test_a_resumed_search_fits_the_cells_that_are_left(name, n_fits, tmp_path, monkeypatch):
    path = tmp_path / "search.ckpt"
    with monkeypatch.context() as patch:
        interrupted_after(n_fits, patch)
        with pytest.warns(UnfinishedWarning, match="interrupted"):
            begun = search(name, path).fit(IRIS)
    with pytest.raises(CheckpointError, match="has not ended"):
        search(name, path).fit(IRIS)
    fitted = interrupted_after(-1, monkeypatch)
    model = search(name, path).fit(IRIS, resume=True)
    assert len(fitted) == len(model.results_["status"]) - n_fits
    whole = search(name).fit(IRIS)
    assert repr(table(model)) == repr(table(whole))
    np.testing.assert_array_equal(model.best_estimator_.means_, whole.best_estimator_.means_)
    assert set(begun.results_["seconds"][:1]) <= set(model.results_["seconds"])


@pytest.mark.filterwarnings("ignore::gaussmix.errors.UnfinishedWarning")
@pytest.mark.parametrize(("name", "n_cells"), [("kmeans", 6), ("auto", 15)])
def test_the_budget_begins_anew_until_all_is_fitted(name, n_cells, tmp_path):
    path, n_left = tmp_path / "search.ckpt", []
    while not n_left or n_left[-1]:
        n_left.append(search(name, path, time_budget=1e-9).fit(IRIS, resume=bool(n_left)).n_skipped_)
    assert n_left == [*range(n_cells - 1, -1, -1)]


def test_random_numbers_that_nobody_seeded_go_on(tmp_path, monkeypatch):
    path = tmp_path / "search.ckpt"
    whole = search("kmeans", path, random_state=None).fit(IRIS)
    monkeypatch.setattr(CellFitter, "fit", None)  # nothing is left to fit
    again = search("kmeans", path, random_state=None).fit(IRIS, resume=True)
    assert again.best_estimator_.random_state == whole.best_estimator_.random_state
    assert repr(table(again)) == repr(table(whole))


def test_a_lost_process_keeps_the_cells_that_were_done(tmp_path, monkeypatch):
    path = tmp_path / "search.ckpt"
    with monkeypatch.context() as patch:
        interrupted_after(2, patch, SystemExit(143))
        with pytest.raises(SystemExit):
            search("kmeans", path, checkpoint_every=1e6).fit(IRIS)
    fitted = interrupted_after(-1, monkeypatch)
    search("kmeans", path).fit(IRIS, resume=True)
    assert len(fitted) == 4


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"random_state": 1}, "parameter random_state: 0 in the checkpoint, 1 here"),
        ({"tol": 1e-3}, "parameter tol: '1e-06' in the checkpoint, '0.001' here"),
        ({"covariance_type": ["VVI"]}, r"cells 1 × VVV: .* in the checkpoint, nothing here"),
    ],
)
def test_a_checkpoint_of_another_search_is_refused(options, difference, tmp_path):
    path = tmp_path / "search.ckpt"
    search("kmeans", path).fit(IRIS)
    with pytest.raises(CheckpointError, match=difference):
        search("kmeans", path, **options).fit(IRIS, resume=True)


def test_a_splitter_goes_with_a_checkpoint(tmp_path):
    path = tmp_path / "search.ckpt"
    options = {"criterion": "cv", "covariance_type": ["EII"]}
    search("kmeans", path, **options, cv=KFold(2)).fit(IRIS)
    search("kmeans", path, **options, cv=KFold(2)).fit(IRIS, resume=True)
    with pytest.raises(CheckpointError, match=r"parameter cv: .*KFold"):
        search("kmeans", path, **options, cv=KFold(3)).fit(IRIS, resume=True)


def test_a_splitter_of_other_folds_each_time_takes_no_checkpoint(tmp_path):
    options = {"criterion": "cv", "covariance_type": ["EII"]}
    with pytest.raises(ParameterError, match=r"cv=KFold\(.*\) gives other folds each time.*random_state"):
        search("kmeans", tmp_path / "search.ckpt", **options, cv=KFold(2, shuffle=True)).fit(IRIS)
    search("kmeans", **options, cv=KFold(2, shuffle=True)).fit(IRIS)
    seeded = KFold(2, shuffle=True, random_state=0)
    search("kmeans", tmp_path / "search.ckpt", **options, cv=seeded).fit(IRIS)


def test_a_checkpoint_of_a_fit_is_refused(tmp_path):
    path = tmp_path / "fit.ckpt"
    GaussianMixture(2, checkpoint=path).fit(IRIS)
    with pytest.raises(CheckpointError, match="fit estimator: 'GaussianMixture' in the checkpoint"):
        search("kmeans", path).fit(IRIS, resume=True)


def test_resuming_needs_a_checkpoint(tmp_path):
    with pytest.raises(ParameterError, match="set checkpoint to its path"):
        search("kmeans").fit(IRIS, resume=True)
    with pytest.warns(UserWarning, match="the fit begins anew"):
        search("kmeans", tmp_path / "search.ckpt").fit(IRIS, resume=True)
