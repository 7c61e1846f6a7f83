"""The mixture Wasserstein distance: the cheapest plan that moves the components of one mixture onto another's.

References
----------
Delon & Desolneux (2020), A Wasserstein-type distance in the space of Gaussian mixture models, SIAM Journal on
Imaging Sciences 13, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gaussmix.model.distribution.components import common_units
from gaussmix.model.distribution.pairwise import squared_wasserstein
from gaussmix.types import Float64Array

if TYPE_CHECKING:
    from gaussmix.model.mixture import Mixture


@dataclass(frozen=True, slots=True, eq=False)
class Transport:
    """Hold the mixture Wasserstein-2 distance of two mixtures, and the plan behind it.

    Attributes
    ----------
    distance : float
        In the unit of the data.
    plan : ndarray of shape (K, K')
        The weight that moves from component i of the one to component j of the other.
    """

    distance: float
    plan: Float64Array


def wasserstein(mixture: Mixture, other: Mixture) -> Transport:
    """Return the distance and its plan; see ``Mixture.wasserstein``."""
    one, two = common_units(mixture, other, isotropic=True, weighted=False)
    costs = squared_wasserstein(one, two)
    plan = _cheapest_plan(costs, mixture.weights, other.weights)
    return Transport(float(one.scale[0] * np.sqrt((plan * costs).sum())), plan)


def _cheapest_plan(costs: Float64Array, weights: Float64Array, other: Float64Array) -> Float64Array:
    """Return the plan of least cost with these margins, by the simplex method: at most K + K' − 1 entries move.

    Costs that differ by less than 1e-10 of the largest count as equal.
    """
    from scipy.optimize import linprog  # takes a fifth of a second, which few need
    from scipy.sparse import csr_array, eye_array, kron, vstack

    K, L = costs.shape
    rows = kron(eye_array(K), np.ones((1, L)))
    columns = kron(np.ones((1, K)), eye_array(L))
    # One margin follows from the others; given too, rounding in the weights could make it contradict them.
    margins = csr_array(vstack([rows, columns]))[:-1]
    totals = np.concatenate([weights, other])[:-1]
    scale = float(costs.max()) or 1.0
    solution = linprog(  # type: ignore[call-overload]  # the stubs know no sparse constraints
        costs.ravel() / scale,
        A_eq=margins,
        b_eq=totals,
        bounds=(0, None),
        method="highs-ds",
        options={"dual_feasibility_tolerance": 1e-10, "primal_feasibility_tolerance": 1e-10},
    )
    plan: Float64Array = np.maximum(solution.x, 0.0).reshape(K, L)
    return plan
