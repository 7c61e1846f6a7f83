"""p-values of scores: how rare a score is among rows that were not fitted, or among rows drawn from the model.

Conformal p-values (Vovk, Gammerman & Shafer 2005, ch. 2; Bates et al. 2023, §2). Let s_1, ..., s_n be the scores of
calibration rows, which the fit has not seen, and s that of a new row. If the new row is exchangeable with the
calibration rows, the rank of s among the n + 1 scores is uniform, whatever the model and the data are, so that

    p = (1 + #{i : s_i ≤ s}) / (n + 1)   obeys   P(p ≤ a) ≤ a   for every a,

with equality at a = k / (n + 1) if no scores are tied. The probability is over new row and calibration rows: given
the calibration rows, the rate of false alarms at a = k / (n + 1) is itself Beta(k, n + 1 − k).

Over F folds (cross-conformal, Vovk 2015) each row is ranked among the rows of each fold by the mixture that has not
seen that fold. All rows serve for fit and calibration. The p-value of each fold alone is valid, and twice a mean of
p-values is one (Vovk & Wang 2020), so that what is sure is P(p ≤ a) ≤ 2a + 2 (1 − a) (F − 1) / (n + F) for folds of
equal size; what is seen is nearly a.

References
----------
Vovk, Gammerman & Shafer (2005), Algorithmic Learning in a Random World, Springer.

Vovk (2015), Cross-conformal predictors, Annals of Mathematics and Artificial Intelligence 74.

Vovk & Wang (2020), Combining p-values via averaging, Biometrika 107.

Bates, Candès, Lei, Romano & Sesia (2023), Testing for outliers with conformal p-values, Annals of Statistics 51.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from scipy.stats import chi2

from gaussmix.errors import DataError, ParameterError
from gaussmix.model import Mixture
from gaussmix.types import Float64Array, FloatArray

N_DRAWS: Final = 100_000
_DRAWN_VALUES: Final = 1_000_000  # 8 MB of rows at a time


@dataclass(frozen=True, eq=False)
class Calibration:
    """Hold scores of rows under a model that was not fitted to them.

    Attributes
    ----------
    scores : sequence of ndarray
        Log-densities, ascending; one array, or one a fold, under the model that has not seen the fold.
    """

    scores: Sequence[Float64Array]

    @classmethod
    def of(cls, scores: Sequence[FloatArray]) -> Calibration:
        """Return the calibration by these scores, in any order of rows."""
        if not sum(map(len, scores)):
            raise DataError("there are no calibration rows: give at least one")
        return cls([np.sort(np.asarray(part, np.float64)) for part in scores])

    @property
    def n_rows(self) -> int:
        """The number of calibration rows."""
        return sum(map(len, self.scores))

    def p_values(self, *scores: FloatArray) -> Float64Array:
        """Return (1 + #{calibration scores ≤ score}) / (n + 1), shape (rows,); ties count as ≤.

        Parameters
        ----------
        *scores : ndarray of shape (rows,)
            Log-densities of the rows in question, under each fold's model.
        """
        lower = [
            np.searchsorted(ranked, np.asarray(part, np.float64), side="right")
            for ranked, part in zip(self.scores, scores, strict=True)
        ]
        return np.asarray((1.0 + np.sum(lower, axis=0)) / (self.n_rows + 1), np.float64)

    def threshold(self, level: float) -> float:
        """Return the score below which, and only below which, p ≤ level (of all folds together, about so).

        Raises
        ------
        ParameterError
            If there are fewer calibration rows than p-values as small as ``level`` need.
        """
        return float(np.sort(np.concatenate(self.scores))[self.rank(level) - 1])

    def rank(self, level: float) -> int:
        """Return the largest k with k / (n + 1) ≤ level, or say how many rows it takes for k = 1."""
        if not 0 < level < 1:
            raise ParameterError(f"a level should be between 0 and 1, got {level!r}")
        n = self.n_rows
        k = math.floor(level * (n + 1))
        k += (k + 1) / (
            n + 1
        ) <= level  # as floating-point numbers compare, a p-value of exactly the level counts
        if k < 1:
            raise ParameterError(
                f"a level of {level:g} needs at least {math.ceil(1 / level - 1)} calibration rows, but there are "
                f"{n}, with which no p-value is below 1 / {n + 1}: hold out more rows or choose a larger level"
            )
        return k


def model_ranking(
    mixture: Mixture, rng: np.random.Generator, n_draws: int = N_DRAWS
) -> Callable[[FloatArray], Float64Array]:
    """Return the function from scores to P(log p(Z) ≤ score) for Z from the mixture itself.

    For one component it is exact, as the squared Mahalanobis distance is χ² with D degrees of freedom. Otherwise rows
    are drawn from the mixture: p = (1 + #{drawn ≤ score}) / (n_draws + 1), of standard error √(p (1 − p) / n_draws).
    """
    if n_draws != int(n_draws) or n_draws < 1:
        raise ParameterError(f"n_draws should be a positive whole number, got {n_draws!r}")
    if mixture.n_components == 1:
        return partial(_chi_square, _peak(mixture), mixture.n_features)
    return Calibration.of([_drawn_scores(mixture, int(n_draws), rng)]).p_values


def model_threshold(mixture: Mixture, level: float, rng: np.random.Generator) -> float:
    """Return the log-density that a share ``level`` of the mixture's own rows lies below.

    It bounds the mixture's region of highest density of probability 1 − level.
    """
    if mixture.n_components == 1:
        return float(_peak(mixture) - chi2.isf(level, mixture.n_features) / 2)
    return float(np.quantile(_drawn_scores(mixture, N_DRAWS, rng), level))


def _chi_square(peak: float, n_features: int, scores: FloatArray) -> Float64Array:
    distance = 2 * np.maximum(peak - np.asarray(scores, np.float64), 0.0)
    return np.asarray(chi2.sf(distance, n_features), np.float64)


def _peak(mixture: Mixture) -> float:
    """Return the log-density of a single component at its mean."""
    return float(mixture.log_prob(mixture.means)[0])


def _drawn_scores(mixture: Mixture, n_draws: int, rng: np.random.Generator) -> Float64Array:
    block = max(1, _DRAWN_VALUES // mixture.n_features)
    sizes = [min(block, n_draws - start) for start in range(0, n_draws, block)]
    return np.concatenate([np.asarray(mixture.log_prob(mixture.sample(n, rng)[0])) for n in sizes])
