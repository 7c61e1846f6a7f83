from __future__ import annotations

import contextlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gaussmix import BayesianGaussianMixture, GaussianMixture, GaussianMixtureSearch, StudentTMixture
from gaussmix.errors import CheckpointError, ModelFormatError, ParameterError
from gaussmix.estimator.journal import CheckpointJournal
from gaussmix.fit.incremental import Sweep
from gaussmix.fit.truncated import TruncatedState
from gaussmix.model.truncated import TruncatedMixture
from gaussmix.prior import Dirichlet, NormalWishart, Relevance, Shrinkage

X = np.concatenate([np.random.default_rng(k).normal(2 * k, 1, (300, 3)) for k in range(3)])
HOLED = np.where(np.random.default_rng(9).random(X.shape) < [0.1, 0.1, 0.0], np.nan, X)


def settings(**others: Any) -> dict[str, Any]:
    return {"n_components": 3, "random_state": 3, "tol": 1e-7, "max_iter": 40} | others


def fitted(rows: Any, parameters: dict[str, Any], resume: bool = False, **given: Any) -> GaussianMixture:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fits that max_iter ends
        return GaussianMixture(**parameters).fit(rows, resume=resume, **given)


def interrupt(monkeypatch: pytest.MonkeyPatch, after: int, error: type[BaseException]) -> list[type]:
    """Let ``error`` come after some notes of the journal; return the classes of what is noted."""
    note, notes = CheckpointJournal.note, []

    def noting(self: CheckpointJournal, state: Any) -> None:
        note(self, state)
        notes.append(type(state))
        if len(notes) == after:
            raise error

    monkeypatch.setattr(CheckpointJournal, "note", noting)
    return notes


def same_bits(one: GaussianMixture, two: GaussianMixture) -> bool:
    attributes = ("weights_", "means_", "covariances_", "lower_bounds_", "n_passes_", "n_iter_", "converged_")
    return all(np.array_equal(getattr(one, name), getattr(two, name)) for name in attributes)


CASES = {
    "auto": settings(),
    "kmeans": settings(init_params="kmeans"),
    "starts": settings(init_params="random", n_init=3),
    "plain": settings(init_params="random", acceleration=None),
    "hard": settings(init_params="random", assignment="hard"),
    "tied": settings(covariance_type="tied", init_params="random"),
    "VVE": settings(covariance_type="VVE", init_params="random"),
    "mfa": settings(covariance_type="mfa", init_params="random"),
    "drop": settings(n_components=20, init_params="random", reg_covar=0, on_degenerate="drop"),
    "restart": settings(n_components=20, init_params="random", reg_covar=0, on_degenerate="restart"),
    "priors": settings(init_params="random", prior=[NormalWishart(), Dirichlet(2)]),
    "wishart": settings(prior=NormalWishart()),
    "shrinkage": settings(prior=Shrinkage()),
    "shrunk": settings(prior=Shrinkage(0.1), init_params="random"),
}


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("after", [1, 5])
@pytest.mark.parametrize("name", CASES)
def test_a_resumed_fit_ends_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, after: int, error: type[BaseException]
) -> None:
    parameters = CASES[name]
    kept = parameters | {"checkpoint": tmp_path / "fit.checkpoint"}
    with monkeypatch.context() as patch:
        interrupt(patch, after, error)
        with contextlib.suppress(error):  # some are done before
            fitted(X, kept)
    assert same_bits(fitted(X, kept, resume=True), fitted(X, parameters))


@pytest.mark.parametrize("after", [1, 6, 20])
def test_resuming_with_missing_values_and_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    weight = np.random.default_rng(1).random(len(X))
    parameters = settings(covariance_type="diag")
    kept = parameters | {"checkpoint": tmp_path / "fit.checkpoint", "checkpoint_every": 0.0}
    with monkeypatch.context() as patch:
        interrupt(patch, after, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            fitted(HOLED, kept, sample_weight=weight)
    resumed = fitted(HOLED, kept, resume=True, sample_weight=weight)
    assert same_bits(resumed, fitted(HOLED, parameters, sample_weight=weight))


@pytest.mark.parametrize(("covariance_type", "after"), [("full", 1), ("full", 6), ("tied", 3), ("diag", 6)])
def test_a_fit_that_was_cut_short_in_its_sweeps_ends_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, covariance_type: str, after: int
) -> None:
    monkeypatch.setattr("gaussmix.estimator.problem.block_rows", lambda *_: 48)  # as of many rows
    monkeypatch.setattr("gaussmix.fit.incremental._FINE", -np.inf)  # until max_iter
    parameters = settings(covariance_type=covariance_type, prior=NormalWishart(), effort="low", max_iter=12)
    kept = parameters | {"checkpoint": tmp_path / "fit.checkpoint"}
    with monkeypatch.context() as patch:
        notes = interrupt(patch, after, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            fitted(X, kept)
    assert set(notes) == {Sweep}
    assert same_bits(fitted(X, kept, resume=True), fitted(X, parameters))


@pytest.mark.parametrize(
    ("covariance_type", "after"), [("full", 4), ("tied", 1), ("diag", 4), ("spherical", 2)]
)
def test_a_truncated_fit_that_was_cut_short_ends_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, covariance_type: str, after: int
) -> None:
    rows = np.random.default_rng(0).uniform(-10, 10, (2001, 2))
    parameters = settings(n_components=256, truncation=16, covariance_type=covariance_type, max_iter=6)
    kept = parameters | {"checkpoint": tmp_path / "fit.checkpoint"}
    with monkeypatch.context() as patch:
        notes = interrupt(patch, after, RuntimeError)
        with pytest.raises(RuntimeError):
            fitted(rows, kept)
    assert set(notes) == {TruncatedState}
    assert same_bits(fitted(rows, kept, resume=True), fitted(rows, parameters))


def test_a_truncated_fit_that_was_cut_short_in_an_iteration_ends_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.random.default_rng(0).uniform(-10, 10, (2001, 2))
    parameters = settings(n_components=256, truncation=16, init_params="random_from_data", max_iter=6)
    kept = parameters | {"checkpoint": tmp_path / "fit.checkpoint"}
    m_step, steps = TruncatedMixture.m_step, []

    def breaking(self: TruncatedMixture, moments: Any) -> TruncatedMixture:
        steps.append(1)
        if len(steps) == 8:  # five are the start's; the rows' best components have changed by now
            raise KeyboardInterrupt
        return m_step(self, moments)

    with monkeypatch.context() as patch:
        patch.setattr(TruncatedMixture, "m_step", breaking)
        with pytest.raises(KeyboardInterrupt):
            fitted(rows, kept)
    assert same_bits(fitted(rows, kept, resume=True), fitted(rows, parameters))


def density(rows: Any) -> Any:
    return np.full(len(rows), -8.0)


@pytest.mark.parametrize(
    ("background", "after"), [("uniform", 2), ("uniform", 20), ("hull", 50), (density, 80)]
)
def test_a_fit_with_a_background_that_was_cut_short_ends_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, background: Any, after: int
) -> None:
    noisy = np.concatenate([X, np.random.default_rng(0).uniform(-5, 10, (90, 3))])
    parameters = settings(background=background, effort="low", init_params="kmeans")
    kept = parameters | {"checkpoint": tmp_path / "fit.checkpoint"}
    with monkeypatch.context() as patch:
        interrupt(patch, after, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            fitted(noisy, kept)
    resumed, whole = fitted(noisy, kept, resume=True), fitted(noisy, parameters)
    assert same_bits(resumed, whole)
    assert resumed.background_.share == whole.background_.share
    assert fitted(noisy, kept, resume=True).background_.share == whole.background_.share  # it has ended


def test_a_finished_fit_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = settings(checkpoint=tmp_path / "fit.checkpoint")
    first = fitted(X, kept)
    interrupt(monkeypatch, 1, AssertionError)
    assert same_bits(fitted(X, kept, resume=True), first)


def test_a_fit_of_another_kind_of_source_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "rows.npy", X)
    kept = settings(checkpoint=tmp_path / "fit.checkpoint", init_params="random")
    with monkeypatch.context() as patch:
        interrupt(patch, 4, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            fitted(X, kept | {"n_jobs": 1})
    resumed = fitted(tmp_path / "rows.npy", kept | {"n_jobs": 2}, resume=True)
    assert same_bits(resumed, fitted(X, settings(init_params="random")))


def test_other_rows_parameters_and_weights_are_refused(tmp_path: Path) -> None:
    kept = settings(checkpoint=tmp_path / "fit.checkpoint")
    fitted(X, kept)
    changed = X.copy()
    changed[450, 1] += 1e-9  # in the middle
    with pytest.raises(CheckpointError, match=r"data variances: '\w+' in the checkpoint, '\w+' here"):
        fitted(changed, kept, resume=True)
    with pytest.raises(CheckpointError, match=r"data weights: None in the checkpoint"):
        fitted(X, kept, resume=True, sample_weight=np.arange(1.0, 901.0))
    with pytest.raises(CheckpointError, match=r"parameter n_init: 1 in the checkpoint, 2 here"):
        fitted(X, kept | {"n_init": 2}, resume=True)
    assert fitted(X, kept | {"verbose": 0, "n_jobs": 1}, resume=True).converged_ is not None


@pytest.mark.parametrize("all_values", [X.size, 0])
def test_rows_of_the_same_variances_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, all_values: int
) -> None:
    monkeypatch.setattr("gaussmix.estimator.checkpoints._ALL", all_values)
    monkeypatch.setattr("gaussmix.estimator.checkpoints._LOOKED_AT", 100)
    kept = settings(checkpoint=tmp_path / "fit.checkpoint")
    fitted(X, kept)
    changed = X.copy()
    changed[200:700, 0] = X[200:700, 0][::-1]
    with pytest.raises(CheckpointError, match=r"data (values|rows between): "):
        fitted(changed, kept, resume=True)
    assert fitted(X, kept, resume=True).n_iter_ > 0


def test_rows_taken_in_parts_are_the_same_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gaussmix.estimator.checkpoints._AT_ONCE", 1000)
    kept = settings(checkpoint=tmp_path / "fit.checkpoint")
    fitted(X, kept)
    np.save(tmp_path / "rows.npy", X)
    limited = kept | {"memory_limit": "10 kB"}
    assert fitted(tmp_path / "rows.npy", limited, resume=True).n_iter_ > 0


def test_names_are_compared_where_both_have_some(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    kept = settings(checkpoint=tmp_path / "fit.checkpoint")
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    first = fitted(frame, kept)
    with pytest.raises(CheckpointError, match="data names: "):
        fitted(frame.rename(columns={"c": "d"}), kept, resume=True)
    assert same_bits(fitted(X, kept, resume=True), first)
    assert same_bits(fitted(frame, kept, resume=True), first)


def test_without_a_checkpoint_the_fit_begins_anew_and_says_so(tmp_path: Path) -> None:
    model = GaussianMixture(3, random_state=0, checkpoint=tmp_path / "none")
    with pytest.warns(UserWarning, match="there is no checkpoint at .*none: the fit begins anew"):
        model.fit(X, resume=True)
    assert same_bits(model, GaussianMixture(3, random_state=0).fit(X))


def test_what_does_not_go_with_a_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fit.checkpoint"
    with pytest.raises(ParameterError, match="set checkpoint to its path"):
        GaussianMixture().fit(X, resume=True)
    with pytest.raises(ParameterError, match="checkpoint and warm_start"):
        GaussianMixture(warm_start=True).fit(X).set_params(checkpoint=path).fit(X)
    with pytest.raises(IsADirectoryError, match="is a folder"):
        GaussianMixture(checkpoint=tmp_path).fit(X)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        GaussianMixture(checkpoint=tmp_path / "none" / "fit").fit(X)


@pytest.mark.parametrize(
    "kind", [GaussianMixture, StudentTMixture, BayesianGaussianMixture, GaussianMixtureSearch]
)
def test_it_is_refused_before_rows_are_read(tmp_path: Path, kind: Any) -> None:
    nowhere = tmp_path / "rows.npy"
    with pytest.raises(ParameterError, match="set checkpoint to its path"):
        kind().fit(nowhere, resume=True)
    with pytest.raises(IsADirectoryError, match="is a folder"):
        kind(checkpoint=tmp_path).fit(nowhere)
    if kind is GaussianMixture:
        model = kind(warm_start=True).fit(X).set_params(checkpoint=tmp_path / "fit")
        with pytest.raises(ParameterError, match="checkpoint and warm_start"):
            model.fit(nowhere)


def test_a_checkpoint_changes_nothing(tmp_path: Path) -> None:
    plain = fitted(X, settings())
    assert same_bits(fitted(X, settings(checkpoint=tmp_path / "fit", checkpoint_every=0.0)), plain)


def test_mixtures_that_are_adapted_are_told_apart(tmp_path: Path) -> None:
    one, other = (fitted(X + shift, settings()).mixture_ for shift in (0.0, 0.5))
    kept = settings(checkpoint=tmp_path / "fit.checkpoint")
    fitted(X, kept | {"prior": Relevance(one)})
    with pytest.raises(CheckpointError, match="parameter prior"):
        fitted(X, kept | {"prior": Relevance(other)}, resume=True)


def test_functions_are_told_apart_by_what_they_do(tmp_path: Path) -> None:
    def start(shift: int) -> Any:
        return lambda rows, K, rng: (np.arange(len(rows)) + shift) % K

    kept = settings(checkpoint=tmp_path / "fit.checkpoint")
    fitted(X, kept | {"init_params": start(0)})
    assert fitted(X, kept | {"init_params": start(0)}, resume=True).n_iter_ > 0
    with pytest.raises(CheckpointError, match="parameter init_params"):
        fitted(X, kept | {"init_params": start(1)}, resume=True)


def test_the_checkpoint_of_a_fit_that_has_not_ended_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = settings(checkpoint=tmp_path / "fit.checkpoint", init_params="random")
    with monkeypatch.context() as patch:
        interrupt(patch, 3, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            fitted(X, kept)
    with pytest.raises(CheckpointError, match="has not ended: go on with"):
        fitted(X, kept)
    for every in (60.0, 0.0):
        fitted(X, kept | {"checkpoint_every": every}, resume=True)
        fitted(X, kept | {"checkpoint_every": every})  # one that has ended may be written over


def test_no_other_file_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ModelFormatError, match="not a usable checkpoint"):
        fitted(X, settings(checkpoint=path))
    assert path.read_text() == "a,b\n1,2\n"


def test_an_interruption_stays_one_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    note = CheckpointJournal.note

    def gone(self: CheckpointJournal, state: Any) -> None:
        note(self, state)
        folder.rmdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(CheckpointJournal, "note", gone)
    with pytest.raises(KeyboardInterrupt) as caught:
        fitted(X, settings(checkpoint=folder / "fit"))
    assert "could not be written" in caught.value.__notes__[0]


def test_checkpoint_every_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    write = CheckpointJournal.write
    monkeypatch.setattr(
        CheckpointJournal, "write", lambda self, **given: (written.append(given), write(self, **given))
    )
    fitted(X, settings(checkpoint=tmp_path / "fit", n_init=5, init_params="random"))
    assert written == [{"finished": True}]


STUDENTS = {
    "auto": {"n_components": 3},
    "starts": {"n_components": 2, "init_params": "random", "n_init": 3, "covariance_type": "tied"},
    "shared": {"n_components": 3, "degrees_of_freedom": "shared", "covariance_type": "VVI"},
    "fixed": {"n_components": 3, "degrees_of_freedom": 5.0, "covariance_type": "spherical"},
}


@pytest.mark.parametrize("name", STUDENTS)
@pytest.mark.parametrize("after", [1, 5])
def test_a_resumed_fit_of_t_distributions_ends_with_the_same_bits(tmp_path, monkeypatch, name, after):
    parameters = {"random_state": 3, "tol": 1e-9} | STUDENTS[name]
    expected = StudentTMixture(**parameters).fit(X)
    parameters |= {"checkpoint": tmp_path / "fit.ckpt", "checkpoint_every": 0}
    with monkeypatch.context() as patch:
        interrupt(patch, after, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            StudentTMixture(**parameters).fit(X)
    with pytest.raises(CheckpointError, match="has not ended"):
        StudentTMixture(**parameters).fit(X)
    resumed = StudentTMixture(**parameters).fit(X, resume=True)
    assert resumed.lower_bounds_ == expected.lower_bounds_
    for attribute in ("weights_", "means_", "covariances_", "degrees_of_freedom_"):
        np.testing.assert_array_equal(getattr(resumed, attribute), getattr(expected, attribute))


BAYESIANS = {
    "auto": {},
    "starts": {"init_params": "random", "n_init": 3, "covariance_type": "tied"},
    "dirichlet": {"weight_concentration_prior_type": "dirichlet_distribution", "covariance_type": "diag"},
    "learnt": {
        "weight_concentration_hyper_prior": (1.0, 1.0),
        "covariance_type": "spherical",
        "init_params": "random",
    },
}


@pytest.mark.parametrize("name", BAYESIANS)
@pytest.mark.parametrize("after", [1, 5])
def test_a_resumed_bayesian_fit_ends_with_the_same_bits(tmp_path, monkeypatch, name, after):
    parameters = {"n_components": 4, "random_state": 3, "tol": 1e-9} | BAYESIANS[name]
    expected = BayesianGaussianMixture(**parameters).fit(X)
    parameters |= {"checkpoint": tmp_path / "fit.ckpt", "checkpoint_every": 0}
    with monkeypatch.context() as patch:
        interrupt(patch, after, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            BayesianGaussianMixture(**parameters).fit(X)
    with pytest.raises(CheckpointError, match="has not ended"):
        BayesianGaussianMixture(**parameters).fit(X)
    assert same_bits(BayesianGaussianMixture(**parameters).fit(X, resume=True), expected)
