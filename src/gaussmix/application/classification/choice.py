"""Which of several candidates is best: by a criterion on all rows, or by its predictions for rows held out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Final

import numpy as np
from sklearn.model_selection import StratifiedKFold, check_cv

from gaussmix.application.classification.candidate import Candidate, ClassFit, Settings
from gaussmix.application.classification.complaints import told_of_class
from gaussmix.application.classification.fits import fit_classes, of_mixtures
from gaussmix.application.classification.grid import Grid
from gaussmix.application.classification.labelled import Labelled
from gaussmix.errors import DataError, GaussmixError, ParameterError
from gaussmix.estimator import GaussianMixtureSearch
from gaussmix.selection import CRITERIA
from gaussmix.types import IntArray

LIKELIHOOD: Final = ("bic", "aic", "aicc")
HELD_OUT: Final = ("log_loss", "error")
_REASONS: Final = 5  # that an error lists
_FOLDS: Final = 2**16  # key of the folds' seed, apart from those of classes


@dataclass(frozen=True)
class Chosen:
    """Hold the best fit, and what was compared.

    Attributes
    ----------
    fit : ClassFit
    results : list of dict
        One entry a candidate.
    """

    fit: ClassFit
    results: list[dict[str, Any]]


def choose(rows: Labelled, grid: Grid, settings: Settings, criterion: str, cv: Any) -> Chosen:
    """Return the fit of the best candidate; lower values of every criterion are better.

    Raises
    ------
    DataError
        If no candidate could be fitted.
    """
    if not grid.free:
        return Chosen(fit_classes(rows, next(iter(grid))[1], settings), [])
    if criterion in HELD_OUT:
        splits = _splits(rows, cv, settings.seed)
        best, results = _ranked(grid, lambda one: _held_out(rows, one, settings, splits, criterion))
        return Chosen(fit_classes(rows, best.candidate, settings), results)
    together = grid if grid.shared else grid.single() if grid.shared is None else None
    chosen = []
    if together is not None:
        best, results = _ranked(together, lambda one: _by_likelihood(rows, one, settings, criterion))
        assert best.fit is not None
        chosen.append(Chosen(best.fit, results))
    if not grid.shared and grid != together:
        chosen.append(_class_by_class(rows, grid, settings, criterion))
    best_fit = min((one.fit for one in chosen), key=lambda fit: _key(fit, criterion))
    return Chosen(best_fit, [entry for one in chosen for entry in one.results])


@dataclass(frozen=True)
class _Judged:
    """Hold a candidate's place in the order, the numbers that led to it, and its fit to all rows if there is one."""

    candidate: Candidate
    key: tuple[float, ...]
    values: dict[str, Any]
    fit: ClassFit | None = None


def _ranked(grid: Grid, judge: Callable[[Candidate], _Judged]) -> tuple[_Judged, list[dict[str, Any]]]:
    """Return the best candidate, the first of equals, and the table."""
    judged, results, reasons = [], [], []
    for name, candidate in grid:
        about = {"class": None, "covariance_type": name, "n_components": candidate.n_components}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the table tells; of the best one the caller does
                one = judge(candidate)
        except GaussmixError as error:  # a candidate that the rows cannot support must not cost the others
            results.append(about | {"message": str(error)})
            reasons.append(f"{candidate}: {error}")
            continue
        judged.append(one)
        results.append(about | one.values)
    if not judged:
        more = f"; and {len(reasons) - _REASONS} more" if len(reasons) > _REASONS else ""
        raise DataError(f"none of the candidates could be fitted: {'; '.join(reasons[:_REASONS])}{more}")
    return min(judged, key=lambda one: one.key), results


def _by_likelihood(rows: Labelled, candidate: Candidate, settings: Settings, criterion: str) -> _Judged:
    """Judge by a criterion on all rows."""
    fit = fit_classes(rows, candidate, settings)
    key = _key(fit, criterion)
    values = {
        criterion: key[1],
        "log_likelihood": fit.log_likelihood,
        "n_parameters": fit.n_parameters,
        "singular": bool(fit.singular),
    }
    return _Judged(candidate, key, values, fit)


def _key(fit: ClassFit, criterion: str) -> tuple[float, float]:
    """Return what fits are ordered by: what owes its likelihood to ``reg_covar`` comes behind all else."""
    return float(bool(fit.singular)), CRITERIA[criterion](fit.evidence)


def _class_by_class(rows: Labelled, grid: Grid, settings: Settings, criterion: str) -> Chosen:
    """Let each class have the best mixture for its rows."""
    fitted, results = [], []
    for code, numbers in enumerate(grid.n_components):
        search = GaussianMixtureSearch(
            numbers, covariance_type=list(grid.families), criterion=criterion, **settings.for_class(code)
        )
        with told_of_class(rows.name(code)):
            search.fit(rows.of_class(code))
        fitted.append(search.best_estimator_)
        names = (
            "covariance_type",
            "n_components",
            criterion,
            "log_likelihood",
            "n_parameters",
            "status",
            "message",
        )
        columns = [search.results_[name].tolist() for name in names]
        label = rows.classes[code]
        results += [
            {"class": label} | dict(zip(names, one, strict=True)) for one in zip(*columns, strict=True)
        ]
    return Chosen(of_mixtures(rows, fitted, settings), results)


def _held_out(
    rows: Labelled, candidate: Candidate, settings: Settings, splits: Sequence[Any], criterion: str
) -> _Judged:
    """Judge by rows that were held out; equal errors are told apart by the log-loss."""
    losses = np.zeros(3)
    for kept, held in splits:
        fit = fit_classes(rows.take(kept), candidate, settings)
        X, codes, weight = rows.source.take(held), rows.codes[held], rows.weight[held]
        log_posterior = fit.densities.log_posterior(X)
        of_rows = [
            -log_posterior[np.arange(len(held)), codes],
            log_posterior.argmax(axis=1) != codes,
            np.ones(len(held)),
        ]
        losses += np.asarray(of_rows) @ weight
    log_loss, error = (losses[:2] / losses[2]).tolist()
    key = (error, log_loss) if criterion == "error" else (log_loss, error)
    return _Judged(candidate, key, {"log_loss": log_loss, "error": error})


def _splits(rows: Labelled, cv: Any, seed: Any) -> list[tuple[IntArray, IntArray]]:
    """Return rows to fit and rows held out, for each fold; rows without a class are always fitted."""
    known = np.flatnonzero(rows.known)
    codes = rows.codes[known]
    if isinstance(cv, Integral):
        least = int(np.bincount(codes).argmin())
        size = int((codes == least).sum())
        if size < int(cv):
            raise ParameterError(
                f"cv={cv} folds need {cv} rows of each class, but class {rows.name(least)} has {size}: "
                "use fewer folds"
            )
        state = int(np.random.SeedSequence(seed, spawn_key=(_FOLDS,)).generate_state(1)[0])
        cv = StratifiedKFold(int(cv), shuffle=True, random_state=state)
    splits = check_cv(cv, codes, classifier=True).split(np.empty((len(known), 0)), codes)
    others = np.flatnonzero(~rows.known)
    return [(np.sort(np.concatenate([known[kept], others])), known[held]) for kept, held in splits]
