"""Whether another number of components would describe rows better: one split in two, or two merged into one.

Both look at one change at a time, without fitting the whole mixture again, and weigh its gain in log-likelihood
against the parameters by BIC (Schwarz 1978).

A split fits two normal distributions of one covariance matrix to the rows of a component, by EM from three
directions: those of extreme fourth moments, among which Fisher's discriminant of two such groups is (Tyler,
Critchley, Dümbgen & Oja 2009, Invariant co-ordinate selection, theorem 4), and that of the third moments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from gaussmix.covariance import FAMILIES
from gaussmix.executor import Serial
from gaussmix.fit import fit_em, start_from_labels
from gaussmix.model import Mixture
from gaussmix.moments import DIAGONAL, FULL, TRACE
from gaussmix.prior import FLOOR, Flat
from gaussmix.selection.diagnosis.normality import covariance, whiten
from gaussmix.source import ArraySource
from gaussmix.source.blocks import block_rows
from gaussmix.types import Float64Array, IntArray

_LOG_2PI: Final = math.log(2 * math.pi)
_MAX_ITERATIONS: Final = 60
_NATS_LEFT: Final = 0.05  # of the total log-likelihood: less does not change a verdict
_MOST_PAIRS: Final = 50
_LEAST_SHARE: Final = 0.02  # of the lighter component's rows, that a pair worth merging has in common


@dataclass(frozen=True, slots=True)
class Split:
    """Describe what is gained if one component becomes two.

    Attributes
    ----------
    component : int
    log_likelihood : float
        Gain, in nats, over the component's rows.
    bic : float
        Change of BIC; negative if two describe the rows better.
    share : float
        Part of the rows in the lighter half.
    distance : float
        Mahalanobis distance of the halves' means, in standard deviations within them.
    """

    component: int
    log_likelihood: float
    bic: float
    share: float
    distance: float


@dataclass(frozen=True, slots=True)
class Merge:
    """Describe what is lost if two components become one.

    Attributes
    ----------
    components : tuple of int
    log_likelihood : float
        Loss, in nats, over all rows.
    bic : float
        Change of BIC; negative if one describes the rows better. A new fit could only lower it.
    """

    components: tuple[int, int]
    log_likelihood: float
    bic: float


def split(component: int, whitened: Float64Array, weight: Float64Array | None, n_rows: float) -> Split | None:
    """Return what splitting a component gains; None if EM finds no two halves.

    Parameters
    ----------
    component : int
    whitened : ndarray of shape (n, d)
        Its rows, or some of them, from ``normality.whiten``.
    weight : ndarray of shape (n,), optional
    n_rows : float
        Effective number of rows of the whole mixture, for BIC.
    """
    whitened = whiten(*covariance(whitened, weight))  # some of the rows are not quite white
    n, d = whitened.shape
    effective = np.ones(n) if weight is None else weight / weight.max()
    effective = effective * (effective.sum() / (effective @ effective))  # of sum n_eff (Kish)
    total = float(effective.sum())
    source = ArraySource(whitened, effective)
    blocks = source.partitions(block_rows(n, d, 2))
    prior = Flat(None, np.full(d, FLOOR))
    best: Mixture | None = None
    bound = -math.inf
    for labels in _halves(whitened, effective):
        start = start_from_labels(blocks, labels, 2, FAMILIES["tied"], prior)
        result = fit_em(start, blocks, Serial(), tol=_NATS_LEFT / total, max_iter=_MAX_ITERATIONS)
        if not result.collapses and result.history[-1] > bound:
            best, bound = result.model, result.history[-1]
    if best is None:
        return None
    gain = total * (bound + 0.5 * d * (1.0 + _LOG_2PI))  # over one normal distribution, of covariance I
    difference = np.linalg.solve(best.covariances.parameters(), best.means[1] - best.means[0])
    distance = math.sqrt(float(difference @ (best.means[1] - best.means[0])))
    return Split(component, gain, (d + 1) * math.log(n_rows) - 2 * gain, float(best.weights.min()), distance)


def _halves(whitened: Float64Array, weight: Float64Array) -> list[IntArray]:
    """Return labels of two halves for each direction."""
    n, d = whitened.shape
    if d == 1:
        projected = [whitened[:, 0]]
    else:
        square = weight * np.einsum("nd,nd->n", whitened, whitened)
        axes = np.linalg.eigh((whitened.T * square) @ whitened)[1]
        projected = [whitened @ axes[:, 0], whitened @ axes[:, -1], whitened @ (square @ whitened)]
    labels = [(line > 0).astype(np.int64) for line in projected]
    return [label for label in labels if 0 < label.sum() < n]


def merges(
    mixture: Mixture, X: Float64Array, weight: Float64Array | None, n_rows: float
) -> tuple[Merge, ...]:
    """Return what merging costs, for the pairs of components that have most rows in common, best first.

    The merged component has the pair's common mean and, where each component's covariance is free, its common
    covariance; the other components stay as they are.

    Parameters
    ----------
    mixture : Mixture
    X : ndarray of shape (n, D)
    weight : ndarray of shape (n,), optional
    n_rows : float
        Effective number of rows of the fit.
    """
    K = mixture.n_components
    if K == 1:
        return ()
    share = np.full(len(X), 1.0 / len(X)) if weight is None else weight / weight.sum()
    before = mixture.log_prob(X).astype(np.float64)
    posterior = mixture.posterior(X).astype(np.float64)
    saved = (mixture.n_parameters - _n_parameters(mixture, K - 1)) * math.log(n_rows)
    found = []
    for i, j in _close_pairs(posterior, share):
        log_weight = math.log(mixture.weights[i] + mixture.weights[j])
        one = _merged(mixture, i, j).log_prob(X).astype(np.float64) + log_weight
        with np.errstate(divide="ignore"):  # rows of the pair alone
            rest = np.log(np.maximum(1.0 - posterior[:, i] - posterior[:, j], 0.0))
        loss = -n_rows * float(share @ np.logaddexp(rest, one - before))
        found.append(Merge((i, j), loss, 2 * loss - saved))
    return tuple(sorted(found, key=lambda merge: merge.bic))


def _n_parameters(mixture: Mixture, n_components: int) -> int:
    D = mixture.n_features
    weights = mixture.prior.n_weight_parameters(n_components)
    return mixture.family.n_parameters(n_components, D) + n_components * D + weights


def _close_pairs(posterior: Float64Array, share: Float64Array) -> list[tuple[int, int]]:
    """Return the pairs that have most rows in common, as a part of the lighter one's."""
    common = (posterior.T * share) @ posterior
    count = np.maximum(share @ posterior, np.finfo(np.float64).tiny)
    relative = np.triu(common / np.minimum(count[:, None], count), 1)
    order = np.argsort(-relative, axis=None, kind="stable")[:_MOST_PAIRS]
    pairs = [divmod(int(place), len(count)) for place in order]
    return [(i, j) for i, j in pairs if i < j and relative[i, j] > _LEAST_SHARE]


def _merged(mixture: Mixture, i: int, j: int) -> Mixture:
    """Return the one component that takes the place of two."""
    pair = mixture.select(np.array([i, j]))
    part = pair.weights
    mean = part @ pair.means
    about = pair.means - mean
    between = part @ np.square(about)
    free = mixture.family.unconstrained and mixture.covariances.scatter in (FULL, DIAGONAL, TRACE)
    if mixture.covariances.scatter in (DIAGONAL, TRACE):
        variance = part @ np.square(pair.covariances.standard_deviations())
        if free:
            variance = variance + (
                between if mixture.covariances.scatter is DIAGONAL else np.full_like(between, between.mean())
            )
        return Mixture.from_parameters([1.0], mean[None], variance[None], "diag")
    covariance = np.tensordot(part, pair.covariances.to_dense(), 1)
    if free:
        covariance = covariance + (about.T * part) @ about
    return Mixture.from_parameters([1.0], mean[None], covariance[None], "full")
