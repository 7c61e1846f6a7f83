"""Whether rows could come from one normal distribution: Mardia's multivariate skewness and kurtosis.

With z_i the rows in whitened coordinates, d of them::

    b₁ = 1/n² Σ_ij (z_i · z_j)³        0 for a normal distribution; its null distribution is χ² of d(d+1)(d+2)/6
    b₂ = 1/n Σ_i |z_i|⁴                d(d+2) for a normal distribution

Rows of a mixture are dealt to its components at random, by their responsibilities. Under the model the rows dealt
to component k are then independent draws from N(μ_k, Σ_k), however much the components overlap.

References
----------
Mardia (1970), Measures of multivariate skewness and kurtosis with applications, Biometrika 57.
Mardia (1974), Applications of some measures of multivariate skewness and kurtosis ..., Sankhyā B 36.
Anscombe & Glynn (1983), Distribution of the kurtosis statistic b2 for normal samples, Biometrika 70.
Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import chdtrc, ndtr

from gaussmix.types import Float64Array

_FLAT: Final = 1e-10  # eigenvalue of a correlation matrix below which a direction is no direction
_LEAST_ROWS: Final = 10  # with fewer, the approximations to the null distributions are poor
_LEAST_ROWS_PER_DIRECTION: Final = 3.0


@dataclass(frozen=True, slots=True)
class Shape:
    """Describe how a cloud of rows departs from normality; NaN where there are too few rows to tell.

    Attributes
    ----------
    n_rows : float
        Effective number of rows (Kish): (Σw)² / Σw².
    n_directions : int
        Linearly independent features, d.
    skewness, kurtosis : float
        Mardia's b₁ and b₂.
    """

    n_rows: float
    n_directions: int
    skewness: float
    kurtosis: float

    @property
    def excess(self) -> float:
        """The kurtosis minus d(d+2), that of a normal distribution."""
        return self.kurtosis - self.n_directions * (self.n_directions + 2)

    @property
    def p_value(self) -> float:
        """Probability of a skewness or kurtosis at least as unusual under normality (twice the lesser of two)."""
        n, d = self.n_rows, self.n_directions
        if math.isnan(self.skewness):
            return math.nan
        skewness = skewness_p_value(self.skewness, n, d)
        kurtosis = kurtosis_p_value(self.kurtosis, n, d)
        return min(1.0, 2.0 * min(skewness, kurtosis))


def kish(weight: Float64Array) -> float:
    """Return the effective number of rows with these weights, (Σw)² / Σw² (Kish 1965), a number without units."""
    relative = weight / weight.max()
    return float(relative.sum() ** 2 / (relative @ relative))


def covariance(X: Float64Array, weight: Float64Array | None) -> tuple[Float64Array, Float64Array]:
    """Return rows about their mean (n, D), and their covariance (D, D) with divisor Σw."""
    if weight is None:
        centred = X - X.mean(axis=0)
        return centred, centred.T @ centred / len(X)
    share = weight / weight.sum()
    centred = X - share @ X
    return centred, (centred.T * share) @ centred


def whiten(centred: Float64Array, scatter: Float64Array) -> Float64Array:
    """Return rows in coordinates in which their covariance ``scatter`` is the identity, (n, d).

    Directions in which the rows do not extend are left out.
    """
    sd = np.sqrt(np.diagonal(scatter))
    extended = sd > 0
    if not extended.all():
        centred, sd, scatter = centred[:, extended], sd[extended], scatter[np.ix_(extended, extended)]
    eigenvalues, axes = np.linalg.eigh(scatter / sd[:, None] / sd)
    if len(sd) and eigenvalues[0] <= _FLAT:
        kept = eigenvalues > _FLAT
        eigenvalues, axes = eigenvalues[kept], axes[:, kept]
    whitened: Float64Array = centred @ (axes / sd[:, None] / np.sqrt(eigenvalues))
    return whitened


def enough_rows(n_rows: float, n_directions: int) -> bool:
    """Return whether so many rows can be tested."""
    return n_directions > 0 and n_rows >= max(_LEAST_ROWS, _LEAST_ROWS_PER_DIRECTION * (n_directions + 1))


def shape(whitened: Float64Array, weight: Float64Array | None) -> Shape:
    """Return skewness and kurtosis of rows from ``whiten``.

    Parameters
    ----------
    whitened : ndarray of shape (n, d)
    weight : ndarray of shape (n,), optional
    """
    n, d = whitened.shape
    n_rows = float(n) if weight is None or n == 0 else kish(weight)
    if not enough_rows(n_rows, d):
        return Shape(n_rows, d, math.nan, math.nan)
    share = np.full(n, 1.0 / n) if weight is None else weight / weight.sum()
    square = np.einsum("nd,nd->n", whitened, whitened)
    return Shape(n_rows, d, _skewness(whitened, share), float(share @ (square * square)))


def _skewness(whitened: Float64Array, share: Float64Array) -> float:
    """Return Σ_ij s_i s_j (z_i · z_j)³, by way of the d³ third moments or of the n² products, whichever are fewer."""
    n, d = whitened.shape
    if d == 1:
        line = whitened[:, 0]
        return float((share @ (line * line * line)) ** 2)
    if d * d <= n:
        products = (whitened[:, :, None] * whitened[:, None, :]).reshape(n, d * d)
        third = (whitened * share[:, None]).T @ products
        return float(np.vdot(third, third))
    products = whitened @ whitened.T
    return float(share @ (products * products * products) @ share)


def skewness_p_value(skewness: float, n_rows: float, n_directions: int) -> float:
    """Return P(b₁ ≥ skewness) under normality, with the correction of Mardia (1974) for few rows."""
    n, d = n_rows, n_directions
    corrected = (d + 1) * (n + 1) * (n + 3) / (n * ((n + 1) * (d + 1) - 6))
    return float(chdtrc(d * (d + 1) * (d + 2) / 6, n * corrected * skewness / 6))


def kurtosis_p_value(kurtosis: float, n_rows: float, n_directions: int) -> float:
    """Return the two-sided probability of a kurtosis at least as far out under normality.

    Mean and variance are exact (Mardia 1974). The third moment is that of the statistic's linear part, whose third
    cumulant is 64 d (d+2) (d+8) against a variance of 8 d (d+2), times the exact factor for n at d = 1; all three
    go into the cube-root transformation of Anscombe & Glynn (1983).
    """
    n, d = n_rows, n_directions
    mean = d * (d + 2) * (n - 1) / (n + 1)
    variance = (
        8 * d * (d + 2) * (n - 3) * (n - d - 1) * (n - d + 1) / ((n + 1) ** 2 * (n + 3) * (n + 5))
    )  # of b₂ about its mean
    limit = (d + 8) / math.sqrt(d * (d + 2) / 8)
    factor = (n * n - 5 * n + 2) / ((n + 7) * (n + 9)) * math.sqrt((n + 3) * (n + 5) / ((n - 2) * (n - 3)))
    skewness = max(limit * factor / math.sqrt(n), 1e-6)
    z = _normal_score((kurtosis - mean) / math.sqrt(variance), skewness)
    return float(2 * ndtr(-abs(z)))


def _normal_score(x: float, skewness: float) -> float:
    """Return the normal score of a standardised variable of this skewness (Anscombe & Glynn 1983)."""
    a = 6 + 8 / skewness * (2 / skewness + math.sqrt(1 + 4 / skewness**2))
    b = 2 / (9 * a)
    ratio = (1 - 2 / a) / max(1 + x * math.sqrt(2 / (a - 4)), 1e-300)
    return (1 - b - math.cbrt(ratio)) / math.sqrt(b)


def holm(p_values: Float64Array) -> Float64Array:
    """Return p-values corrected for their number (Holm 1979); NaN stays and does not count."""
    corrected = np.full(len(p_values), math.nan)
    tested = np.flatnonzero(~np.isnan(p_values))
    order = tested[np.argsort(p_values[tested], kind="stable")]
    steps = p_values[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected
