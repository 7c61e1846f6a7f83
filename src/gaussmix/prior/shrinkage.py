"""Covariances pulled towards a simple target, the more the fewer rows they come from.

Σ_k = (1 − ρ_k) S_k + ρ_k T_k with S_k = W_k / N_k. The target and ρ_k are found in units in which T_k is a multiple
of the identity, R_k below: the feature's standard deviations over all rows, or those of the component.

====================  =========================================================================================
ρ                     formula
====================  =========================================================================================
``"oas"``             [(1 − 2/D) tr R² + tr² R] / [(n + 1 − 2/D) (tr R² − tr² R / D)]  (Chen et al. 2010, eq. 23)
``"ledoit-wolf"``     [(n − 2)/n tr R² + tr² R] / [(n + 2) (tr R² − tr² R / D)]  (Chen et al. 2010, eq. 17)
a number              itself
====================  =========================================================================================

both cut to [0, 1]. The second is the expectation of the estimate of Ledoit & Wolf (2004) for normal rows given their
covariance, which is never worse than that estimate and needs no fourth moments.

References
----------
Chen, Wiesel, Eldar & Hero (2010), Shrinkage algorithms for MMSE covariance estimation, IEEE Transactions on Signal
Processing 58. Ledoit & Wolf (2004), A well-conditioned estimator for large-dimensional covariance matrices, Journal
of Multivariate Analysis 88.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from gaussmix import linalg
from gaussmix.errors import ParameterError
from gaussmix.moments import FULL, POOLED, Moments
from gaussmix.prior.base import Posterior, Prior, rows_about_means
from gaussmix.prior.belief import Belief, Setting
from gaussmix.prior.layered import Layered
from gaussmix.types import Float64Array, IntArray

# (tr R², tr² R, n, D) -> ρ, not yet cut to [0, 1]; arrays of shape (K,), and D.
Rule = Callable[[Float64Array, Float64Array, Float64Array, int], Float64Array]

_ROUNDING: Final = 1e-14  # of tr R²: a spread of eigenvalues below it is none


def oracle_approximating(
    square: Float64Array, trace_squared: Float64Array, n_rows: Float64Array, n_features: int
) -> Float64Array:
    """Return ρ of the oracle approximating estimate times the spread tr R² − tr² R / D."""
    part = 2.0 / n_features
    return ((1 - part) * square + trace_squared) / (n_rows + 1 - part)


def ledoit_wolf(
    square: Float64Array, trace_squared: Float64Array, n_rows: Float64Array, n_features: int
) -> Float64Array:
    """Return ρ of the Rao–Blackwell form of Ledoit & Wolf's estimate times the spread tr R² − tr² R / D."""
    rows = np.maximum(n_rows, 2.0)  # of fewer rows than two the formula says nothing
    return ((rows - 2) / rows * square + trace_squared) / (n_rows + 2)


def constant(
    value: float,
    square: Float64Array,
    trace_squared: Float64Array,
    n_rows: Float64Array,
    n_features: int,
) -> Float64Array:
    """Return a given ρ times the spread."""
    return value * (square - trace_squared / n_features)


RULES: Final[dict[str, Rule]] = {"oas": oracle_approximating, "ledoit-wolf": ledoit_wolf}
TARGETS: Final = ("diagonal", "sphere")


@dataclass(frozen=True, eq=False)
class Shrinkage(Belief):
    """Shrink each covariance towards a simple one, by how little its rows tell: a ``prior`` of ``GaussianMixture``.

    For families with correlations: Σ_k = (1 − ρ_k) S_k + ρ_k T_k. What is shrunk does not maximise a likelihood, so
    that the lower bound, which is the likelihood's, may fall, and the fit is not accelerated. A component of a single
    row has nothing to shrink and collapses; ``NormalWishart`` keeps it.

    Parameters
    ----------
    amount : {"oas", "ledoit-wolf"} or float, default="oas"
        ρ from 0 to 1, or the rule that finds it for each component from its covariance and its number of rows
        Σ_i w_i r_ik: the oracle approximating estimate of Chen et al. (2010, eq. 23), or the form of Ledoit & Wolf's
        (2004) estimate that normal rows have (Chen et al. 2010, eq. 17).
    target : {"diagonal", "sphere"}, default="diagonal"
        T: the variances of the component without correlations, or one variance for all features, in units of each
        feature's variance.

    References
    ----------
    Chen, Wiesel, Eldar & Hero (2010), Shrinkage algorithms for MMSE covariance estimation, IEEE Transactions on
    Signal Processing 58.

    Examples
    --------
    >>> import numpy as np
    >>> from gaussmix import GaussianMixture
    >>> from gaussmix.prior import Shrinkage
    >>> X = np.array([[0.0, 0.0], [2.0, 2.0], [0.0, 2.0], [2.0, 0.0], [4.0, 4.0], [-2.0, -2.0]])
    >>> fitted = GaussianMixture(prior=Shrinkage(0.5), reg_covar=0).fit(X)
    >>> fitted.covariances_[0].round(3)  # correlations are halved
    array([[3.667, 1.5  ],
           [1.5  , 3.667]])
    """

    amount: str | float = "oas"
    target: str = "diagonal"

    @property
    def about(self) -> frozenset[str]:
        return frozenset({"covariances"})

    def resolve(self, setting: Setting, base: Prior) -> Prior:
        if setting.family.scatter not in (FULL, POOLED):
            raise ParameterError(
                f"Shrinkage has no correlations to shrink for covariance_type={setting.family.name!r}: use 'full', "
                "'tied' or another family of matrices, or NormalWishart"
            )
        if self.target not in TARGETS:
            raise ParameterError(
                f"Shrinkage's target should be one of {', '.join(TARGETS)}, got {self.target!r}"
            )
        return Shrunk(base, self._rule(), setting.unit if self.target == "sphere" else None)

    def _rule(self) -> Rule:
        if isinstance(self.amount, str):
            if self.amount in RULES:
                return RULES[self.amount]
        elif not isinstance(self.amount, bool) and 0.0 <= self.amount <= 1.0:
            return partial(constant, float(self.amount))
        raise ParameterError(
            f"Shrinkage's amount should be a number from 0 to 1 or one of {', '.join(RULES)}, got {self.amount!r}"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Shrunk(Layered):
    """Shrink the scatter, in the proportion in which its covariance is to be shrunk.

    Parameters
    ----------
    base : Prior
        Of the weights.
    rule : callable
        See ``Rule``.
    unit : ndarray of shape (D,), or None
        Variances of which the target is a multiple; None for those of each component.
    """

    base: Prior
    rule: Rule
    unit: Float64Array | None

    @property
    def maximises(self) -> bool:
        return False

    def update(self, moments: Moments) -> Posterior:
        count, means, scatter = rows_about_means(moments)
        pooled = moments.scatter is POOLED
        matrices = scatter[None] if pooled else scatter
        unit = linalg.diagonals(matrices) if self.unit is None else self.unit
        rows = np.array([count.sum()]) if pooled else count
        matrices = shrunk(matrices, unit, rows, self.rule)
        scatter = matrices[0] if pooled else matrices
        if self.added_variance is not None:
            scatter = moments.scatter.add_diagonal(scatter, count, self.added_variance)
        return Posterior(self.base.mixing_weights(count), means, scatter, count)

    def select(self, components: IntArray) -> Shrunk:
        return Shrunk(self.base.select(components), self.rule, self.unit)


def shrunk(matrices: Float64Array, unit: Float64Array, n_rows: Float64Array, rule: Rule) -> Float64Array:
    """Return matrices shrunk towards diagonal ones.

    Parameters
    ----------
    matrices : ndarray of shape (K, D, D)
        Covariances or scatter, which differ by a factor that does not matter here.
    unit : ndarray of shape (D,) or (K, D)
        To a multiple of these the diagonals are shrunk.
    n_rows : ndarray of shape (K,)
        Rows that each matrix comes from.
    rule : callable
    """
    D = matrices.shape[-1]
    root = np.broadcast_to(np.sqrt(unit), matrices.shape[:2])
    safe = np.where(root > 0, root, 1.0)
    relative = matrices / safe[:, :, None] / safe[:, None, :]
    trace = linalg.diagonals(relative).sum(axis=1)
    known = trace > 0
    relative[known] /= trace[known, None, None]  # so that squares stay in range
    square = np.einsum("kij,kij->k", relative, relative)
    spread = square - known / D
    apart = spread > _ROUNDING * square
    part = rule(square, known.astype(np.float64), n_rows, D) / np.where(apart, spread, 1.0)
    part = np.where(apart & (n_rows > 0), np.clip(part, 0.0, 1.0), 1.0)
    result: Float64Array = (1.0 - part)[:, None, None] * matrices
    linalg.diagonals(result)[...] += (part * trace / D)[:, None] * np.square(root)
    return result
