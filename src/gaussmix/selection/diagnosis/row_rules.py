"""What the rows of each component have to say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from gaussmix.selection.diagnosis.finding import Finding, also, count, lowest, note, probability, warning

if TYPE_CHECKING:
    from gaussmix.selection.diagnosis.report import Diagnosis

SIGNIFICANCE: Final = 0.01  # of each kind of test, all components together
_SKEWNESS: Final = 0.1  # what is significant and less than this changes little
_EXCESS: Final = 0.3
_STRONG_EVIDENCE: Final = (
    10.0  # difference of BIC (Kass & Raftery 1995); chance alone splits small components by less
)
_SPREAD: Final = 1.5  # ratio of variances, of the same kind


def not_normal(diagnosis: Diagnosis) -> Iterator[Finding]:
    """Report the components whose rows fail the test of normality."""
    evidence, p_values = diagnosis.evidence, diagnosis.normality_p_value
    worst = lowest(p_values, SIGNIFICANCE)
    if evidence is None or not worst:
        return
    strong = tuple(k for k in worst if _is_strong(evidence.shapes[k].skewness, evidence.shapes[k].excess))
    make, named = (warning, strong) if strong else (note, worst)
    shape = evidence.shapes[named[0]]
    d = shape.n_directions
    remedy = (
        "its rows may be several groups, or their tails heavier or lighter: try more components."
        if strong
        else "significant, but slight."
    )
    yield make(
        "not_normal",
        named,
        f"The rows of component {named[0]} are not normally distributed (skewness {shape.skewness:.3g} where 0 is "
        f"normal, kurtosis {shape.kurtosis:.4g} where {d * (d + 2)} is, {probability(p_values[named[0]])})"
        f"{also(named)}: {remedy}",
        p_value=p_values[list(named)].tolist(),
        skewness=[evidence.shapes[k].skewness for k in named],
        excess_kurtosis=[evidence.shapes[k].excess for k in named],
    )


def _is_strong(skewness: float, excess: float) -> bool:
    return skewness > _SKEWNESS or abs(excess) > _EXCESS


def covariance_structure(diagnosis: Diagnosis) -> Iterator[Finding]:
    """Report the components whose rows have a covariance that the family does not allow."""
    evidence, p_values = diagnosis.evidence, diagnosis.covariance_p_value
    if evidence is None:
        return
    worst = lowest(p_values, SIGNIFICANCE)
    spreads = {k: spread for k in worst if (spread := evidence.spreads[k]) is not None}
    strong = tuple(k for k in worst if max(spreads[k].largest, 1 / spreads[k].least) > _SPREAD)
    if not worst:
        return
    make, named = (warning, strong) if strong else (note, worst)
    spread = spreads[named[0]]
    yield make(
        "covariance_structure",
        named,
        f"The rows of component {named[0]} vary {_ratio(spread.least)} to {spread.largest:.2g} times as much as "
        f"covariance_type={diagnosis.mixture.family.name!r} says, depending on the direction "
        f"({probability(p_values[named[0]])}){also(named)}: a covariance_type of more parameters may fit better.",
        p_value=p_values[list(named)].tolist(),
        least_ratio=[spreads[k].least for k in named],
        largest_ratio=[spreads[k].largest for k in named],
    )


def _ratio(ratio: float) -> str:
    return f"{ratio:.2g}" if ratio > 1e-3 else "nearly 0"


def split(diagnosis: Diagnosis) -> Iterator[Finding]:
    """Warn of components that are better described by two."""
    splits = diagnosis.evidence.splits if diagnosis.evidence else None
    gains = sorted(
        (split for split in splits or () if split.bic < -_STRONG_EVIDENCE), key=lambda split: split.bic
    )
    if gains:
        best, named = gains[0], tuple(split.component for split in gains)
        yield warning(
            "split",
            named,
            f"Component {best.component} looks like two: splitting it ({best.share:.0%} and {1 - best.share:.0%} of "
            f"its rows, {best.distance:.2g} standard deviations apart) lowers BIC by {-best.bic:.3g}{also(named)}: "
            f"try n_components={diagnosis.mixture.n_components + len(named)}.",
            bic=[split.bic for split in gains],
            share=[split.share for split in gains],
            distance=[split.distance for split in gains],
        )


def merge(diagnosis: Diagnosis) -> Iterator[Finding]:
    """Warn of pairs of components that one describes as well."""
    merges = diagnosis.evidence.merges if diagnosis.evidence else None
    gains = [merge for merge in merges or () if merge.bic < 0]
    if gains:
        (i, j), others = gains[0].components, len(gains) - 1
        more = f"; {count(others, 'other pair', 'other pairs')} as well" if others else ""
        make = warning if gains[0].bic < -_STRONG_EVIDENCE else note
        yield make(
            "merge",
            gains[0].components,
            f"Components {i} and {j} describe rows that one component describes as well: merging them lowers BIC by "
            f"{-gains[0].bic:.3g} or more{more}. Try n_components={diagnosis.mixture.n_components - 1}.",
            pairs=[merge.components for merge in gains],
            bic=[merge.bic for merge in gains],
        )
