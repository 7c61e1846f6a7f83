"""Nested consistency: a richer cell never reports a lower likelihood than a poorer one that it contains.

A cell contains the cells of a poorer family with as many components, that of the same family with equal weights, and
that of the same family with fewer components (a component that is there twice, with half the weight each, changes
nothing). Where such a neighbour's likelihood is higher, EM goes on from the neighbour's solution, written in the
richer family. One sweep suffices, poorer cells first. Spurious solutions are not the ones to beat.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Final

import numpy as np

from gaussmix.covariance import CovarianceFamily, is_nested
from gaussmix.model import Mixture
from gaussmix.selection.grid import Cell
from gaussmix.selection.outcome import Fitted, Fitter, Outcome
from gaussmix.types import Float64Array, IntArray

_TOLERANCE: Final = 1e-9  # log-likelihood per row (nats) that counts as equal
_APART: Final = 0.5  # standard deviations between the halves of a split component and its centre


def consistent(outcomes: Sequence[Outcome], fitter: Fitter, deadline: float = math.inf) -> list[Outcome]:
    """Return the outcomes with every fit raised at least to the likelihood of its poorer neighbours.

    Parameters
    ----------
    outcomes : sequence of Outcome
    fitter : Fitter
    deadline : float
        On the clock of ``time.perf_counter``. After it the neighbour's solution is taken as it is, without EM.
    """
    swept = list(outcomes)
    try:
        for index in sorted(range(len(swept)), key=lambda index: _richness(swept[index])):
            neighbours = [other for other in swept if _contains(swept[index].cell, other)]
            swept[index] = _raised(swept[index], neighbours, fitter, deadline)
    except KeyboardInterrupt:  # what was raised so far stays
        pass
    return swept


def embedded(mixture: Mixture, family: CovarianceFamily) -> Mixture:
    """Return the same density as a mixture of a richer family."""
    covariances = family.embed(mixture.covariances, mixture.weights)
    return Mixture(
        mixture.weights, mixture.means, covariances, family, mixture.prior, np.zeros_like(mixture.collapsed)
    )


def split(mixture: Mixture, n_components: int, apart: float) -> Mixture:
    """Return the mixture with its heaviest components halved until there are ``n_components``.

    Parameters
    ----------
    mixture : Mixture
    n_components : int
    apart : float
        Standard deviations, along the longest axis, between each half and the centre; 0 changes no density.
    """
    weights, components = mixture.weights, np.arange(mixture.n_components)
    offsets = np.zeros(mixture.n_components)
    while len(weights) < n_components:
        heaviest = int(weights.argmax())
        halved = weights.copy()
        halved[heaviest] /= 2
        weights = np.append(halved, halved[heaviest])
        components = np.append(components, components[heaviest])
        offsets = np.append(offsets, offsets[heaviest] - apart)
        offsets[heaviest] += apart
    return Mixture(
        weights,
        mixture.means[components] + offsets[:, None] * _longest_axes(mixture, components),
        mixture.covariances.select(components),
        mixture.family,
        mixture.prior,
        mixture.collapsed[components],
    )


def _longest_axes(mixture: Mixture, components: IntArray) -> Float64Array:
    """Return the longest half-axis of each listed component, (K, D), of one standard deviation."""
    variances, axes = np.linalg.eigh(mixture.covariances.to_dense()[components])
    return np.asarray(np.sqrt(np.maximum(variances[:, -1:], 0.0)) * axes[:, :, -1])


def _richness(outcome: Outcome) -> tuple[int, int, int, bool]:
    """Order the cells so that each comes after those that it contains."""
    cell = outcome.cell
    D = 1 if outcome.fitted is None else outcome.fitted.model.n_features
    own = cell.family.n_parameters(cell.n_components, D)
    return cell.n_components, own, cell.family.n_parameters(2, D), not cell.equal_weights


def _contains(cell: Cell, other: Outcome) -> bool:
    """Return whether every mixture of the other cell, which has a sound fit, belongs to this cell, too."""
    poorer, fitted = other.cell, other.fitted
    if (
        fitted is None
        or fitted.spurious
        or poorer == cell
        or (cell.equal_weights and not poorer.equal_weights)
    ):
        return False
    same_family = poorer.name == cell.name
    if poorer.n_components == cell.n_components:
        return same_family or is_nested(poorer.family, cell.family)
    return same_family and poorer.n_components < cell.n_components and not cell.equal_weights


def _raised(outcome: Outcome, neighbours: Sequence[Outcome], fitter: Fitter, deadline: float) -> Outcome:
    """Return the outcome with a fit that is not below any of the neighbours."""
    own = outcome.fitted
    if own is None or not neighbours:
        return outcome
    best = max(neighbours, key=_log_likelihood)
    target = _log_likelihood(best)
    if not own.spurious and own.evidence.log_likelihood >= target - _TOLERANCE * own.evidence.n_rows:
        return outcome
    began = perf_counter()
    fitted = _from_neighbour(outcome.cell, best, fitter, iterate=began < deadline)
    evidence = replace(fitted.evidence, held_out=own.evidence.held_out, agreement=own.evidence.agreement)
    raised = replace(fitted, evidence=evidence, held_out_error=own.held_out_error, optima=own.optima)
    note = f"went on from the fit of {best.cell}, whose likelihood was higher"
    seconds = outcome.seconds + perf_counter() - began
    return replace(outcome, fitted=raised, seconds=seconds, notes=(*outcome.notes, note))


def _from_neighbour(cell: Cell, neighbour: Outcome, fitter: Fitter, *, iterate: bool) -> Fitted:
    """Return the best fit from the neighbour's solution in the family of the cell: never below it."""
    assert neighbour.fitted is not None
    solution, target = neighbour.fitted.model, _log_likelihood(neighbour)
    halves = (_APART, 0.0) if solution.n_components < cell.n_components else (0.0,)
    starts = [embedded(split(solution, cell.n_components, apart), cell.family) for apart in halves]
    tries = [fitter.go_on(cell, start, iterate=True) for start in starts if iterate]
    sound = [fitted for fitted in tries if not fitted.spurious and fitted.evidence.log_likelihood >= target]
    if sound:
        return max(sound, key=lambda fitted: fitted.evidence.log_likelihood)
    return fitter.go_on(cell, starts[-1], iterate=False)


def _log_likelihood(outcome: Outcome) -> float:
    assert outcome.fitted is not None
    return outcome.fitted.evidence.log_likelihood
