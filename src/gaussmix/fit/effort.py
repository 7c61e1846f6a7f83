"""How long ``init_params="auto"`` searches, and on how many rows: the best that a budget of work allows.

Work is counted, not timed, so that the same data give the same fit on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from gaussmix.covariance import CovarianceFamily
from gaussmix.fit.search import Plan
from gaussmix.moments import FULL, POOLED

_SMALL: Final = 5_000  # rows that are searched as a whole if the work allows it
_LEAST_ROWS: Final = 2_000  # of a sample
MAX_VALUES: Final = 4_000_000  # of a sample: 32 MB
_EXP: Final = 20.0  # flops of one exponential
_FREE: Final = 6e9  # flops that are allowed for any data: a quarter of a second or so
_FREE_SMALL: Final = 6e10  # where there are few rows
_FACTOR: Final = (
    10.0  # times D³: flops in whose time a matrix is factorised, its factor inverted and compared
)
_M_STEP: Final = 6e7  # flops in whose time an M-step runs that iterates in Python
_FREE_SERIES: Final = 3e8  # flops for which further series of starts may follow
_STARTS_OF_TWO: Final = 2  # times as many starts for K = 2, which no move can mend
_MANY: Final = 5  # components from which twice as many moves are tried

_LONG: Final = Plan(30, ((10, 10), (50, 5)), 8, n_series=4)
_USUAL: Final = Plan(12, ((10, 5), (30, 3)), 4, n_series=3)
_SHORT: Final = Plan(8, ((10, 4), (30, 1)), 4)
_SHORTER: Final = Plan(8, ((10, 2),), 0)
_SHORTEST: Final = Plan(3, ((10, 1),), 0)

# Plans with the rows for each parameter of the sample, the best first, and the passes over it that a series takes
# on average. With fewer than 8 rows a parameter, small components have no rows in the sample.
_CHOICES: Final = (
    (2000, 10, _LONG),
    (700, 10, _USUAL),
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
        What it may cost however few rows there are, in units of ``_FREE``.
    """

    longest: Plan
    passes: float
    free: float


EFFORTS: Final = {
    "low": Effort(_SHORT, 4.0, 0.25),
    "default": Effort(_USUAL, 12.0, 1.0),
    "high": Effort(_LONG, 120.0, 20.0),
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
    free = allowed.free * (_FREE_SMALL if n_rows <= _SMALL else _FREE)
    cost = partial(_cost_of_pass, n_features=n_features, n_components=n_components, family=family)
    budget = max(free, allowed.passes * cost(n_rows))
    first = [plan for _, _, plan in _CHOICES].index(allowed.longest)
    n_parameters = family.n_parameters(n_components, n_features) + n_components * (n_features + 1)
    sizes = [_sample_size(rows * n_parameters, n_rows, n_features) for _, rows, _ in _CHOICES]
    affordable = (c for c in range(first, len(_CHOICES)) if _CHOICES[c][0] * cost(sizes[c]) <= budget)
    choice = next(affordable, len(_CHOICES) - 1)
    (passes, _, plan), size = _CHOICES[choice], sizes[choice]
    if plan.n_series * passes * cost(size) > allowed.free * _FREE_SERIES:
        plan = replace(plan, n_series=1)
    plan = replace(plan, max_passes=budget / cost(size))
    if n_components == 2:
        plan = replace(plan, n_starts=_STARTS_OF_TWO * plan.n_starts)
    if n_components > _MANY:
        plan = replace(plan, n_candidates=2 * plan.n_candidates)
    return size, plan


def _cost_of_pass(n_rows: int, *, n_features: int, n_components: int, family: CovarianceFamily) -> float:
    """Return roughly the floating-point operations of one EM iteration."""
    D = n_features
    one_row = n_components * (_EXP + (2.0 * D * (D + 3) if family.scatter is FULL else 8.0 * D))
    factors = {FULL.name: n_components, POOLED.name: 1}.get(family.scatter.name, 0) * _FACTOR * D**3
    return one_row * n_rows + factors + (0.0 if family.unconstrained else _M_STEP)


def _sample_size(wanted: int, n_rows: int, n_features: int) -> int:
    """Return the size of a sample, or all rows where a sample would spare little."""
    size = max(_LEAST_ROWS, wanted)
    if n_rows <= _SMALL or 2 * size > n_rows:
        size = n_rows
    return min(size, MAX_VALUES // n_features)
