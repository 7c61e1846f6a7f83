"""Criteria that compare fitted mixtures: each a number of which lower is better, whatever sign the papers use.

To add a criterion: one function ``(evidence) -> float`` here, and one line in ``CRITERIA``. A value that is not
finite ranks behind all others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Evidence:
    """Hold what criteria look at. Logarithms are natural.

    Attributes
    ----------
    log_likelihood : float
        Of all rows, Σ_i w_i log p(x_i).
    n_parameters : int
        Free parameters of the mixture.
    n_rows : float
        Number of rows, or the sum of their weights.
    n_components : int
    entropy : float
        Of the posteriors, −Σ_i w_i Σ_k z_ik log z_ik.
    hard_entropy : float
        −Σ_i w_i log max_k z_ik.
    single : float
        Log-likelihood of one component of the same family.
    held_out : float
        Cross-validated mean log-likelihood of a row, NaN if not computed.
    agreement : float
        Mean adjusted Rand index of refits on resamples, NaN if not computed.
    """

    log_likelihood: float
    n_parameters: int
    n_rows: float
    n_components: int = 1
    entropy: float = 0.0
    hard_entropy: float = 0.0
    single: float = math.nan
    held_out: float = math.nan
    agreement: float = math.nan


def bic(evidence: Evidence) -> float:
    """Return −2 log L + p log n, the Bayesian information criterion (Schwarz 1978); mclust's with the other sign."""
    return -2.0 * evidence.log_likelihood + evidence.n_parameters * math.log(evidence.n_rows)


def aic(evidence: Evidence) -> float:
    """Return −2 log L + 2 p (Akaike 1974)."""
    return 2.0 * (evidence.n_parameters - evidence.log_likelihood)


def aicc(evidence: Evidence) -> float:
    """Return AIC + 2 p (p + 1) / (n − p − 1), for few rows (Hurvich & Tsai 1989); infinite from n = p + 1 down."""
    p, left = evidence.n_parameters, evidence.n_rows - evidence.n_parameters - 1
    return aic(evidence) + 2.0 * p * (p + 1) / left if left > 0 else math.inf


def icl(evidence: Evidence) -> float:
    """Return BIC − 2 Σ_i log max_k z_ik, the integrated completed likelihood (Biernacki, Celeux & Govaert 2000).

    The labels are the most probable ones, as in mclust, whose sign is the other one.
    """
    return bic(evidence) + 2.0 * evidence.hard_entropy


def nec(evidence: Evidence) -> float:
    """Return E(K) / (log L(K) − log L(1)), the normalised entropy (Celeux & Soromenho 1996); 1 for one component.

    The value at K = 1 is that of Biernacki, Celeux & Govaert (1999). Infinite if nothing is gained over K = 1.
    """
    if evidence.n_components == 1:
        return 1.0
    gained = evidence.log_likelihood - evidence.single
    return evidence.entropy / gained if gained > 0 else math.inf


def cv(evidence: Evidence) -> float:
    """Return minus the mean log-likelihood of a row that was held out (Smyth 2000)."""
    return -evidence.held_out


def stability(evidence: Evidence) -> float:
    """Return 1 − the mean adjusted Rand index of refits on resamples; undefined for one component."""
    return 1.0 - evidence.agreement if evidence.n_components > 1 else math.nan


Criterion = Callable[[Evidence], float]

CRITERIA: Final[dict[str, Criterion]] = {
    "bic": bic,
    "aic": aic,
    "aicc": aicc,
    "icl": icl,
    "nec": nec,
    "cv": cv,
    "stability": stability,
}
REFITTING: Final = ("cv", "stability")  # these need more fits than the one; the others come with it
