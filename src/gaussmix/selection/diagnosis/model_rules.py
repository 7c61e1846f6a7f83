"""What the parameters have to say, against the number of rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from gaussmix.fit.spurious import LEAST_RATIO
from gaussmix.moments import DIAGONAL, TRACE
from gaussmix.selection.diagnosis.finding import Finding, also, count, listed, lowest, note, warning

if TYPE_CHECKING:
    from gaussmix.selection.diagnosis.report import Diagnosis

_ILL_CONDITIONED: Final = 1e5  # features that correlate by 0.99998
_MOSTLY_ADDED: Final = 0.5  # part of a variance that is reg_covar's
_ROWS_PER_PARAMETER: Final = (2.0, 5.0)  # fewer are worth a warning, a note
_HIGH_DIMENSION: Final = 8
_FEATURES_PER_ROW: Final = 0.25
_OVERLAP: Final = (0.5, 0.1)  # more is worth a warning, a note


def narrow(diagnosis: Diagnosis) -> Iterator[Finding]:
    """Warn of components that are far thinner than the others, as those of spurious maxima are."""
    ratios = diagnosis.least_eigenvalue_ratio
    worst = lowest(ratios, LEAST_RATIO)
    if worst:
        k = worst[0]
        yield warning(
            "narrow",
            worst,
            f"Component {k} is {1 / math.sqrt(max(ratios[k], 1e-300)):.3g} times narrower than the average component "
            f"in one direction, the sign of a spurious maximum{also(worst)}: use fewer components, another start or "
            "a larger reg_covar.",
            least_eigenvalue_ratio=ratios[list(worst)].tolist(),
        )


def few_rows(diagnosis: Diagnosis) -> Iterator[Finding]:
    """Warn of components of fewer rows than twice what makes their covariance matrix regular: 2 (D + 1) if full."""
    mixture, rows = diagnosis.mixture, diagnosis.component_rows
    K, D = mixture.n_components, mixture.n_features
    needed = max(4.0, 4.0 * mixture.family.n_parameters(K, D) / (K * D))  # full: 2 (D + 1)
    worst = lowest(rows, needed)
    if worst:
        k = worst[0]
        parameters = diagnosis.n_parameters / K
        yield warning(
            "few_rows",
            worst,
            f"Component {k} rests on {rows[k]:.3g} effective rows, fewer than the {needed:.3g} that its "
            f"{parameters:.3g} parameters ask for{also(worst)}: use fewer components or a covariance_type of fewer "
            "parameters.",
            effective_rows=rows[list(worst)].tolist(),
            needed=needed,
        )


def ill_conditioned(diagnosis: Diagnosis) -> Iterator[Finding]:
    """Warn of covariance matrices that are almost singular, or would be without ``reg_covar``."""
    numbers, added = diagnosis.condition_number, diagnosis.share_added
    bad = (numbers > _ILL_CONDITIONED) | (added > _MOSTLY_ADDED)
    worst = tuple(int(k) for k in np.argsort(-numbers, kind="stable") if bad[k])
    if not worst:
        return
    k = worst[0]
    features = diagnosis.flattest_features(k)
    plural = "" if len(features) == 1 else "s"
    held = f"; {added[k]:.0%} of its variance there is reg_covar's" if added[k] > _MOSTLY_ADDED else ""
    digits = math.log10(numbers[k])
    lost = f" (condition number {numbers[k]:.2g}: {digits:.1f} of 16 digits are lost)" if digits >= 1 else ""
    simple = diagnosis.mixture.covariances.scatter in (DIAGONAL, TRACE)
    simpler = "increase reg_covar" if simple else "use covariance_type='diag'"
    yield warning(
        "ill_conditioned",
        worst,
        f"Component {k} is flat in a direction of the feature{plural} {listed(features)}{lost}{held}{also(worst)}: "
        f"leave a feature out, reduce them by PCA or {simpler}.",
        condition_number=numbers[list(worst)].tolist(),
        share_added=added[list(worst)].tolist(),
    )


def overfitting(diagnosis: Diagnosis) -> Iterator[Finding]:
    """Report few rows for each parameter. In expectation the log-likelihood loses p / n a row (Akaike 1974)."""
    rows, n, p = diagnosis.rows_per_parameter, diagnosis.effective_rows, diagnosis.n_parameters
    if rows < _ROWS_PER_PARAMETER[1]:
        make = warning if rows < _ROWS_PER_PARAMETER[0] else note
        yield make(
            "overfitting",
            (),
            f"There are {n:.4g} effective rows for {p} free parameters, {rows:.2g} for each: on new rows expect a "
            f"log-likelihood about {p / n:.2g} a row lower than on these. Fewer components or a covariance_type of "
            "fewer parameters overfit less.",
            effective_rows=n,
            n_parameters=p,
            rows_per_parameter=rows,
        )


def high_dimension(diagnosis: Diagnosis) -> Iterator[Finding]:
    """Compare D with the rows behind one matrix: eigenvalues spread by (1 ± √(D/n))² (Marchenko & Pastur 1967)."""
    mixture = diagnosis.mixture
    K, D = mixture.n_components, mixture.n_features
    if (
        D < _HIGH_DIMENSION
        or mixture.covariances.scatter in (DIAGONAL, TRACE)
        or mixture.covariances.n_factors
    ):
        return
    free = mixture.family.n_parameters(K, D)
    matrices = max(1.0, free / (D * (D + 1) / 2))
    rows = diagnosis.effective_rows / matrices
    if rows * _FEATURES_PER_ROW < D:
        gamma = D / rows
        low, high = max(0.0, 1 - math.sqrt(gamma)) ** 2, (1 + math.sqrt(gamma)) ** 2
        yield warning(
            "high_dimension",
            (),
            f"{D} features are many for {rows:.3g} rows a covariance matrix: variances along some directions come "
            f"out {low:.2g} to {high:.2g} times what they are. covariance_type='diag' needs {K * D} parameters "
            f"for the covariances, 'mfa' {2 * K * D} with one factor and 'tied' {D * (D + 1) // 2}, against {free}; "
            f"or reduce the features to about {max(1, int(rows / 10))} by PCA, or use fewer components.",
            n_features=D,
            rows_per_matrix=rows,
            least_ratio=low,
            largest_ratio=high,
        )


def overlap(diagnosis: Diagnosis) -> Iterator[Finding]:
    """Report the pairs of components that share rows: ω_{j|i} + ω_{i|j}, 0 to 1 (Maitra & Melnykov 2010)."""
    omega = diagnosis.overlap
    common = np.triu(omega + omega.T, 1)
    order = np.argsort(-common, axis=None, kind="stable")
    pairs = [divmod(int(place), len(omega)) for place in order if common.flat[place] > _OVERLAP[1]]
    if not pairs:
        return
    (i, j), others = pairs[0], len(pairs) - 1
    heavy = common[i, j] > _OVERLAP[0]
    more = f"; {count(others, 'other pair', 'other pairs')} by more than {_OVERLAP[1]:.0%}" if others else ""
    remedy = " They may describe one group: try fewer components." if heavy else ""
    yield (warning if heavy else note)(
        "overlap",
        (i, j),
        f"Components {i} and {j} overlap by {common[i, j]:.0%}: {omega[i, j]:.0%} of the rows of {i} look like "
        f"{j}'s, {omega[j, i]:.0%} of those of {j} like {i}'s{more}.{remedy}",
        pairs=pairs,
        overlap=[float(common[pair]) for pair in pairs],
    )
