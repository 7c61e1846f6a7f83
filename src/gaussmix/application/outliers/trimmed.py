"""Fit a mixture of chosen size to rows of which a share may be left out: those that it thinks least probable.

Trimmed maximum likelihood (Neykov, Filzmoser, Dimova & Neytchev 2007) maximises the likelihood of the 1 − α of the
rows that are most probable under the fit itself. Without trimming, outliers that lie together get a component of
their own and count as normal. The rows to keep are found by concentration steps (Rousseeuw & Van Driessen 1999: fit,
keep the most probable rows, repeat; the trimmed likelihood never falls) of one Gaussian without correlations, which
few rows suffice for, from medians and interquartile ranges. The mixture is then chosen and fitted on these rows, and
fitted once more on those that are most probable under itself, which brings normal rows far from the centre back.

References
----------
Neykov, Filzmoser, Dimova & Neytchev (2007), Robust fitting of mixtures using the trimmed likelihood estimator,
Computational Statistics & Data Analysis 52.

Rousseeuw & Van Driessen (1999), A fast algorithm for the minimum covariance determinant estimator, Technometrics 41.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from gaussmix.covariance import CovarianceFamily
from gaussmix.estimator import GaussianMixture
from gaussmix.estimator.threads import executor_for, single_threaded_blas
from gaussmix.model import Mixture, evaluate
from gaussmix.source import Source
from gaussmix.types import Effort, Float64Array, FloatArray

N_COMPONENTS: Final = (1, 2, 3, 5, 8, 13)  # that are tried where none is given
FAMILIES: Final = ("full", "diag")
_ROWS_PER_COMPONENT: Final = 5  # at least
_RISES: Final = 2  # of BIC in a row, after which larger mixtures of a family are not tried
_TOL: Final = 1e-4  # nats a row: a density need not be known better to rank rows by it
_CONCENTRATIONS: Final = 20  # steps; they end by themselves after a few
_START_ROWS: Final = 20_000
_NORMAL_RANGE: Final = 1.3489795  # the interquartile range of a normal variable, in standard deviations


@dataclass(frozen=True)
class Choice:
    """Say which mixtures come into question, and how they are fitted.

    Attributes
    ----------
    n_components : int or None
        None tries ``N_COMPONENTS``; the lowest BIC wins.
    covariance_type : str, CovarianceFamily or None
        None tries ``FAMILIES``.
    reg_covar, effort, n_jobs
        As in ``GaussianMixture``.
    """

    n_components: int | None
    covariance_type: str | CovarianceFamily | None
    reg_covar: float
    effort: Effort
    n_jobs: int | None

    def fit(self, source: Source, seed: int) -> Mixture:
        """Return the fitted mixture of lowest BIC; a family ends where it keeps rising."""
        found: list[tuple[float, Mixture, list[warnings.WarningMessage]]] = []
        for family in self._families():
            path: list[float] = []
            for n_components in self._sizes(source):
                fitted, said = self.fit_one(source, n_components, family, seed)
                mixture: Mixture = fitted.mixture_
                path.append(_bic(mixture, fitted.lower_bound_, _total_weight(source)))
                found.append((path[-1], mixture, said))
                if len(path) > _RISES and path[-_RISES - 1 :] == sorted(path[-_RISES - 1 :]):
                    break
        _, best, complaints = min(found, key=lambda candidate: candidate[0])
        for warning in complaints:  # those of the other candidates do not concern the user
            warnings.warn(warning.message, stacklevel=2)
        return best

    def fit_one(
        self, source: Source, n_components: int, family: str | CovarianceFamily, seed: int
    ) -> tuple[GaussianMixture, list[warnings.WarningMessage]]:
        """Return one fitted mixture, and the warnings of its fit."""
        fitted = GaussianMixture(
            n_components,
            covariance_type=family,
            tol=_TOL,
            reg_covar=self.reg_covar,
            effort=self.effort,
            random_state=seed,
            n_jobs=self.n_jobs,
        )
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            fitted.fit(source)
        return fitted, said

    def _sizes(self, source: Source) -> Sequence[int]:
        if self.n_components is not None:
            return [self.n_components]
        return [K for K in N_COMPONENTS if K == 1 or _total_weight(source) >= K * _ROWS_PER_COMPONENT]

    def _families(self) -> Sequence[str | CovarianceFamily]:
        return FAMILIES if self.covariance_type is None else [self.covariance_type]


def fit_trimmed(source: Source, choice: Choice, share: float, seed: int) -> Mixture:
    """Return the mixture of ``choice`` fitted without the ``share`` of the rows that it thinks least probable."""
    if share == 0:
        return choice.fit(source, seed)
    kept = _concentrated(source, share, choice)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of steps on the way: the last fit says what the user should know
        first = choice.fit(source.with_weight(kept), seed)
    last = replace(choice, n_components=first.n_components, covariance_type=first.family)
    kept = keep(source, log_densities(first, source, choice.n_jobs), share)
    return last.fit(source.with_weight(kept), seed)


def keep(source: Source, scores: FloatArray, share: float) -> Float64Array:
    """Return the weights of the rows, shape (N,), without the ``share`` of lowest score.

    A row on the border keeps a part of its weight, so that a row of weight 2 is treated as two rows.
    """
    weight = np.ones(source.n_rows) if source.sample_weight is None else source.sample_weight
    order = np.argsort(scores, kind="stable")
    left = np.cumsum(weight[order]) - share * weight.sum()
    kept = np.empty_like(weight)
    kept[order] = np.clip(left, 0.0, weight[order])
    return kept


def share_threshold(source: Source, scores: FloatArray, share: float) -> float:
    """Return the score below which lies the ``share`` of the rows' weight, or the next less."""
    weight = np.ones(source.n_rows) if source.sample_weight is None else source.sample_weight
    order = np.argsort(scores, kind="stable")
    cumulated = np.cumsum(weight[order])
    return float(scores[order[int(np.argmax(cumulated / cumulated[-1] > share))]])


def _concentrated(source: Source, share: float, choice: Choice) -> Float64Array:
    """Return the weights that are left by concentration steps of one Gaussian without correlations."""
    mixture = _robust_start(source)
    kept = keep(source, log_densities(mixture, source, choice.n_jobs), share)
    for _ in range(_CONCENTRATIONS):
        mixture = choice.fit_one(source.with_weight(kept), 1, "diag", 0)[0].mixture_
        before, kept = kept, keep(source, log_densities(mixture, source, choice.n_jobs), share)
        if np.array_equal(before, kept):
            break
    return kept


def _robust_start(source: Source) -> Mixture:
    """Return one Gaussian with the medians of (some) rows as mean, and their interquartile ranges as scale."""
    rows = np.arange(source.n_rows)
    if source.sample_weight is not None:
        rows = rows[source.sample_weight > 0]
    rows = rows[:: 1 + len(rows) // _START_ROWS]
    X, weight = np.asarray(source.take(rows), np.float64), source.weight_of(rows)
    low, median, high = np.quantile(X, [0.25, 0.5, 0.75], axis=0, weights=weight, method="inverted_cdf")
    deviation = np.sqrt(np.average(np.square(X - median), axis=0, weights=weight))
    scale = np.where(high > low, (high - low) / _NORMAL_RANGE, deviation)
    scale = np.where(scale > 0, scale, 1.0)  # of a constant feature: any will do
    return Mixture.from_parameters([1.0], median[None], np.square(scale)[None], "diag")


def log_densities(mixture: Mixture, source: Source, n_jobs: int | None) -> FloatArray:
    """Return log p(x) of each row, shape (N,), in nats."""
    with single_threaded_blas(source.n_features):
        scores: FloatArray = evaluate.log_prob(mixture, source, executor_for(n_jobs))
    return scores


def _bic(mixture: Mixture, mean_log_likelihood: float, total_weight: float) -> float:
    """Return the Bayesian information criterion, in which a row of weight w is w rows."""
    return -2 * mean_log_likelihood * total_weight + mixture.n_parameters * math.log(total_weight)


def _total_weight(source: Source) -> float:
    return source.n_rows if source.sample_weight is None else float(source.sample_weight.sum())
