"""How long ``init_params="auto"`` searches, and on how many rows: the best that a budget of work allows.

Work is counted, not timed, so that the same data give the same fit on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from gaussmix.covariance import CovarianceFamily
from gaussmix.fit.search import Plan
from gaussmix.moments import FULL

_SMALL: Final = 5_000  # rows that are searched as a whole if the work allows it
_LEAST_ROWS: Final = 2_000  # of a sample
_MAX_VALUES: Final = 4_000_000  # of a sample: 32 MB
_EXP: Final = 20.0  # flops of one exponential
_FREE: Final = 3e9  # flops that are allowed for any data: a tenth of a second or so
_STARTS_OF_TWO: Final = 1.4  # times as many starts for K = 2, which no move can mend
_MANY: Final = 5  # components from which twice as many moves are tried

_LONG: Final = Plan(40, ((10, 10), (50, 4)), 8)
_USUAL: Final = Plan(20, ((10, 6), (50, 2)), 4)
_SHORT: Final = Plan(12, ((10, 4), (40, 1)), 4)
_SHORTER: Final = Plan(8, ((10, 2),), 0)
_SHORTEST: Final = Plan(3, ((10, 1),), 0)

# Plans with the rows for each parameter of the sample, the best first, and the passes over it that they take
# on average. With fewer than 8 rows a parameter, small components have no rows in the sample.
_CHOICES: Final = (
    (1200, 10, _LONG),
    (650, 10, _USUAL),
    (330, 10, _SHORT),
    (330, 5, _SHORT),
    (120, 10, _SHORTER),
    (120, 5, _SHORTER),
    (50, 5, _SHORTEST),
    (50, 3, _SHORTEST),
)


@dataclass(frozen=True)
class Effort:
    """Say how much a search may cost.

    Attributes
    ----------
    longest : Plan
    passes : float
        Passes over all rows that the search may be worth.
    free : float
        Flops that are allowed however few rows there are.
    """

    longest: Plan
    passes: float
    free: float


EFFORTS: Final = {
    "low": Effort(_SHORT, 4.0, _FREE / 4),
    "default": Effort(_USUAL, 12.0, _FREE),
    "high": Effort(_LONG, 120.0, 20 * _FREE),
}


def plan_search(
    effort: str, n_rows: int, n_features: int, n_components: int, family: CovarianceFamily
) -> tuple[int, Plan]:
    """Return on how many rows to search, and how long.

    Parameters
    ----------
    effort : str
        A key of ``EFFORTS``.
    n_rows, n_features, n_components : int
    family : CovarianceFamily
    """
    allowed = EFFORTS[effort]
    one_row = flops_per_row(n_features, n_components, family)
    budget = max(allowed.free, allowed.passes * one_row * n_rows)
    first = [plan for _, _, plan in _CHOICES].index(allowed.longest)
    n_parameters = family.n_parameters(n_components, n_features) + n_components * (n_features + 1)
    sizes = [_sample_size(rows * n_parameters, n_rows, n_features) for _, rows, _ in _CHOICES]
    affordable = (c for c in range(first, len(_CHOICES)) if _CHOICES[c][0] * one_row * sizes[c] <= budget)
    choice = next(affordable, len(_CHOICES) - 1)
    size, plan = sizes[choice], _CHOICES[choice][2]
    if n_components == 2:
        plan = replace(plan, n_starts=round(_STARTS_OF_TWO * plan.n_starts))
    if n_components > _MANY:
        plan = replace(plan, n_candidates=2 * plan.n_candidates)
    return size, plan


def flops_per_row(n_features: int, n_components: int, family: CovarianceFamily) -> float:
    """Return roughly the floating-point operations of one EM iteration on one row."""
    D = n_features
    return n_components * (2.0 * D * (D + 3) if family.scatter is FULL else 8.0 * D) + n_components * _EXP


def _sample_size(wanted: int, n_rows: int, n_features: int) -> int:
    """Return the size of a sample, or all rows where a sample would spare little."""
    size = max(_LEAST_ROWS, wanted)
    if n_rows <= _SMALL or 2 * size > n_rows:
        size = n_rows
    return min(size, _MAX_VALUES // n_features)
