"""Which component of a refit is which of the fit: the assignment of least distance (Hungarian algorithm).

The distance of two components is Bhattacharyya's, which takes means and covariances together and is the same for rows
in other units.
"""

from __future__ import annotations

from scipy.optimize import linear_sum_assignment

from gaussmix.model import Mixture
from gaussmix.model.distribution.components import common_units
from gaussmix.model.distribution.pairwise import bhattacharyya_distances


def relabelled(mixture: Mixture, reference: Mixture) -> Mixture:
    """Return the mixture with its components in the order of those of ``reference`` that they are nearest to."""
    fit, refit = common_units(reference, mixture, weighted=False)
    return mixture.select(linear_sum_assignment(bhattacharyya_distances(fit, refit))[1])
