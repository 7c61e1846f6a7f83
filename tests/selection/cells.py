"""Cells, fits that cost nothing, and a fitter that returns them."""

from __future__ import annotations

from gaussmix.covariance import FAMILIES, resolve_family
from gaussmix.fit import Convergence, FitResult
from gaussmix.model import Mixture
from gaussmix.selection import Cell, Evidence, Fitted, grid

from ..mixtures import make_mixture


def make_cells(n_components=(1, 2, 3), names=("spherical", "full"), equal_weights=(False,)) -> list[Cell]:
    return grid(n_components, {name: resolve_family(name) for name in names}, equal_weights)


def fitted(
    cell: Cell, log_likelihood: float, *, spurious: bool = False, model: Mixture | None = None
) -> Fitted:
    """Return a fit of 100 rows in one dimension, whose parameters are not of this likelihood."""
    model = model or make_mixture(cell.family.name, K=cell.n_components, D=1)
    evidence = Evidence(log_likelihood, model.n_parameters, 100.0, cell.n_components)
    return Fitted(FitResult(model, [log_likelihood / 100], True, [], Convergence(1e-6)), evidence, spurious)


__all__ = ["FAMILIES", "fitted", "make_cells"]
