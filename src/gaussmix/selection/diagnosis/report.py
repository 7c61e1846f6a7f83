"""The report of a fit: what is doubtful about it, as numbers and as plain sentences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from gaussmix.fit.spurious import least_eigenvalue_ratios
from gaussmix.model import Mixture
from gaussmix.model.distribution.overlap import n_draws, overlap
from gaussmix.selection.diagnosis import model_rules, row_rules, run_rules
from gaussmix.selection.diagnosis.conditioning import Conditioning, conditioning, flattest_features
from gaussmix.selection.diagnosis.finding import Finding
from gaussmix.selection.diagnosis.normality import holm
from gaussmix.selection.diagnosis.row_evidence import RowEvidence, effective_rows_of
from gaussmix.types import Float64Array

CLEAN = "Nothing stood out."
CLEAN_BUT_FOR_NOTES = "Nothing else stood out."

# To add a finding: one function ``(diagnosis) -> iterable of Finding``, and one line here.
RULES: tuple[Callable[[Diagnosis], Iterable[Finding]], ...] = (
    run_rules.convergence,
    run_rules.degenerate,
    model_rules.narrow,
    model_rules.few_rows,
    model_rules.ill_conditioned,
    model_rules.overfitting,
    model_rules.high_dimension,
    row_rules.not_normal,
    row_rules.covariance_structure,
    row_rules.split,
    row_rules.merge,
    model_rules.overlap,
    run_rules.optima,
)


class OptimaSeen(Protocol):
    """What the search for the best optimum saw.

    Attributes
    ----------
    n_starts : int
        Starts that were tried.
    n_optima : int
        Different optima that were seen, the best included.
    n_best : int
        Starts that reached the best.
    """

    @property
    def n_starts(self) -> int: ...
    @property
    def n_optima(self) -> int: ...
    @property
    def n_best(self) -> int: ...


@dataclass(frozen=True, slots=True)
class FitRecord:
    """Tell how the run of EM went that a mixture comes from; None where it is not known.

    Attributes
    ----------
    converged : bool or None
    n_iter : int or None
    n_rows : float or None
        Rows of the fit, for a diagnosis without rows.
    degenerate : sequence of mapping
        What was done to collapsed components, as in the estimator's ``degenerate_``.
    optima : OptimaSeen or None
    feature_names : sequence of str or None
    """

    converged: bool | None = None
    n_iter: int | None = None
    n_rows: float | None = None
    degenerate: Sequence[Mapping[str, Any]] = ()
    optima: OptimaSeen | None = None
    feature_names: Sequence[str] | None = None

    def feature(self, d: int) -> str:
        """Return the name of a feature as it is written in a sentence."""
        return repr(str(self.feature_names[d])) if self.feature_names is not None else str(d)


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """Report what is doubtful about a fit. ``str`` gives the sentences, ``as_dict`` everything as JSON takes it.

    Attributes
    ----------
    findings : tuple of Finding
        Warnings first. Empty if nothing is to be said.
    n_parameters : int
        Free parameters of the mixture.
    effective_rows : float
        Rows of the fit; with sample weights (Σw)² / Σw². NaN if not known.
    rows_per_parameter : float
        ``effective_rows / n_parameters``.
    component_rows : ndarray of shape (K,)
        Effective rows of each component.
    least_eigenvalue_ratio : ndarray of shape (K,)
        Least eigenvalue of Σ_k in the metric of Σ_j π_j Σ_j: a small one is the sign of a spurious maximum.
    condition_number : ndarray of shape (K,)
        Of the correlation matrices.
    share_added : ndarray of shape (K,)
        Part of the correlation matrix's least eigenvalue that ``reg_covar`` added.
    overlap : ndarray of shape (K, K)
        In row i and column j, the probability ω_{j|i} that a row of component i is more probable in j.
    overlap_error : float
        The largest standard error of an entry.
    normality_p_value : ndarray of shape (K,)
        Of Mardia's skewness and kurtosis, corrected for K tests. NaN where rows do not suffice.
    covariance_p_value : ndarray of shape (K,)
        That the rows have the model's covariance, corrected for K tests. NaN where rows do not suffice, or the family
        allows every covariance.
    evidence : RowEvidence or None
        What the rows said, None if none were looked at.
    run : FitRecord
    """

    mixture: Mixture
    n_parameters: int
    effective_rows: float
    rows_per_parameter: float
    component_rows: Float64Array
    least_eigenvalue_ratio: Float64Array
    condition_number: Float64Array
    share_added: Float64Array
    overlap: Float64Array
    overlap_error: float
    normality_p_value: Float64Array
    covariance_p_value: Float64Array
    evidence: RowEvidence | None
    run: FitRecord = FitRecord()
    findings: tuple[Finding, ...] = ()

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that ask for a decision; the others are notes."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    def flattest_features(self, component: int) -> list[str]:
        """Return the names of the features in the flattest direction of a component."""
        return [self.run.feature(d) for d in flattest_features(self.mixture, component)]

    def as_dict(self) -> dict[str, Any]:
        """Return everything as lists, numbers and text; None for a number that is not finite."""
        names = (
            "n_parameters", "effective_rows", "rows_per_parameter", "component_rows", "least_eigenvalue_ratio",
            "condition_number", "share_added", "overlap", "overlap_error", "normality_p_value",
            "covariance_p_value",
        )  # fmt: skip
        optima = self.run.optima
        seen = optima and {name: getattr(optima, name) for name in ("n_starts", "n_optima", "n_best")}
        rows: dict[str, Any] = {}
        if (evidence := self.evidence) is not None:
            rows = {
                "n_rows_looked_at": evidence.n_looked_at,
                "shapes": [_fields(shape) for shape in evidence.shapes],
                "spreads": [spread and _fields(spread) for spread in evidence.spreads],
                "splits": None if evidence.splits is None else [_fields(one) for one in evidence.splits],
                "merges": None if evidence.merges is None else [_fields(one) for one in evidence.merges],
            }
        run = {"converged": self.run.converged, "n_iter": self.run.n_iter, "optima": seen}
        numbers = {name: getattr(self, name) for name in names}
        findings = [finding.as_dict() for finding in self.findings]
        result: dict[str, Any] = _plain({"findings": findings, **numbers, **rows, **run})
        return result

    def __str__(self) -> str:
        sentences = [finding.sentence for finding in self.findings]
        if not self.warnings:
            sentences.append(CLEAN_BUT_FOR_NOTES if sentences else CLEAN)
        return "\n".join(sentences)

    def __repr__(self) -> str:
        notes = len(self.findings) - len(self.warnings)
        return f"<Diagnosis of {self.mixture.n_components} components: {len(self.warnings)} warnings, {notes} notes>"


def diagnose(
    mixture: Mixture, evidence: RowEvidence | None = None, run: FitRecord | None = None
) -> Diagnosis:
    """Return the report of a fit.

    Parameters
    ----------
    mixture : Mixture
        What was fitted.
    evidence : RowEvidence, optional
        From ``gather``; without it the report is on what needs no rows.
    run : FitRecord, optional
        How the fit went.
    """
    run = run or FitRecord()
    K, D = mixture.n_components, mixture.n_features
    if evidence is not None:
        effective, share = evidence.effective_rows, evidence.share
    else:
        effective, share = math.nan if run.n_rows is None else float(run.n_rows), mixture.weights
    matrices: Conditioning = conditioning(mixture)
    omega = overlap(mixture)
    diagnosis = Diagnosis(
        mixture=mixture,
        n_parameters=mixture.n_parameters,
        effective_rows=effective,
        rows_per_parameter=effective / mixture.n_parameters,
        component_rows=effective_rows_of(share, effective),
        least_eigenvalue_ratio=least_eigenvalue_ratios(mixture) if K > 1 else np.ones(1),
        condition_number=matrices.condition_number,
        share_added=matrices.share_added,
        overlap=omega,
        overlap_error=float(np.sqrt(omega * (1 - omega)).max() / math.sqrt(n_draws(K, D))),
        normality_p_value=_corrected([shape.p_value for shape in evidence.shapes] if evidence else None, K),
        covariance_p_value=_corrected(
            [one.p_value if one else math.nan for one in evidence.spreads] if evidence else None, K
        ),
        evidence=evidence,
        run=run,
    )
    found = [finding for rule in RULES for finding in rule(diagnosis)]
    found.sort(key=lambda finding: finding.severity != "warning")  # stable: the rules' order within
    return replace(diagnosis, findings=tuple(found))


def _plain(value: Any) -> Any:
    """Return arrays and tuples as lists, and None for a number that is not finite."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _corrected(p_values: Sequence[float] | None, n_components: int) -> Float64Array:
    return np.full(n_components, math.nan) if p_values is None else holm(np.array(p_values, dtype=np.float64))


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}
