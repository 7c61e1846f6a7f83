"""Incremental EM (Neal & Hinton 1998): an M-step after each chunk of the rows, from the moments of all chunks.

Each chunk c keeps the moments that its rows had under the model θ_c of its last visit, with posteriors q_c. A visit
puts the chunk's new moments in the place of its old ones in the total, and an M-step follows at once: a sweep over
all chunks reads each row once and moves the parameters about as far as two iterations of EM do (2C / (C + 1) of C
chunks where EM is slow). What grows is the bound of Neal & Hinton (1998, eq. 7)

    F(q, θ) = Σ_c Σ_i∈c w_i [ E_q log p(x_i, z_i | θ) + H(q_i) ] + log p(θ)  ≤  Σ_i w_i log p(x_i | θ) + log p(θ),

of which a visit raises the part of one chunk to its log-likelihood, and the M-step the rest: it never falls, and
neither does it from the last sweep to the exact pass after it. As E_q log p is linear in the moments, F needs no more
of a chunk than these and one number, the entropy Σ w_i H(q_i) = log-likelihood − E_q log p(·| θ_c).

Few chunks give most of what there is to be gained (Thiesson, Meek & Heckerman 2001 measure block sizes), and leave
each as many blocks as keep the threads of an executor busy.

In the first pass no chunk has moments to be replaced. Where the start comes from a sample of the rows, an M-step
follows each chunk from the moments of those read so far, once they are more than the sample held and if they lead
near the start, as rows in random order do. That gains as much as another sweep. F is a bound only when all chunks
have been visited: it is told from then on.

References
----------
Neal & Hinton (1998), A view of the EM algorithm that justifies incremental, sparse, and other variants, in: Learning
in Graphical Models.

Thiesson, Meek & Heckerman (2001), Accelerating EM for large databases, Machine Learning 45.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from gaussmix.executor import Executor, pairwise_sum
from gaussmix.fit.em import EStep
from gaussmix.model import Mixture
from gaussmix.moments import Moments, buffer_size
from gaussmix.source import Partition

_MOST_CHUNKS: Final = 8  # 1.8 EM iterations a sweep; 64 chunks give 1.97, and leave threads without work
_LEAST_CHUNKS: Final = 4
_BLOCKS: Final = 4  # of a chunk, at least
# By what a part of the rows may change weights and standard deviations, and in units of these means, if it is to be
# like the rest: in random order these are a few percent. In the order of a feature, seven eighths of a component have
# 0.8 of its standard deviation, and a mean 0.24 away.
_FACTOR: Final = 1.25
_SHIFT: Final = 0.2
_MOST_BYTES: Final = 16_000_000  # that the moments of all chunks may take
SETTLED: Final = 20  # iterations of EM that the sweeps stand for: acceleration need not wait
_FINE: Final = 5e-6  # nats a row that another sweep gains, under which accelerated exact passes are faster


@dataclass(frozen=True, eq=False)
class Sweep:
    """Hold where incremental EM stands between two sweeps: all that the next one depends on.

    Attributes
    ----------
    model : Mixture
        After the last M-step.
    history : list of float
        The bound per unit of weight at the end of each pass, in nats.
    gain : float
        What another sweep is expected to add to it: what the last visit added, times the number of chunks. It is more
        than what comes, as gains fall. Infinite before the first sweep.
    moments : list of Moments
        Of each chunk, about the means of the model that it was last visited with, as the rows' precision rounds them.
    entropies : list of float
        Of each chunk's posteriors then, Σ w_i H(q_i) in nats.
    """

    model: Mixture
    history: list[float]
    gain: float
    moments: list[Moments]
    entropies: list[float]


def chunks_of(partitions: Sequence[Partition], model: Mixture) -> list[Sequence[Partition]]:
    """Return the chunks that incremental EM visits, runs of consecutive partitions; none where it is of no use.

    That is where there are few partitions, where not all is known of their rows, or where the moments are about
    projections that change with the model, so that those of two visits do not add.
    """
    kind = model.covariances.scatter
    if kind.n_factors or any(partition.known is not None for partition in partitions):
        return []
    room = _MOST_BYTES // (8 * buffer_size(kind, model.n_components, model.n_features))
    n_chunks = min(_MOST_CHUNKS, len(partitions) // _BLOCKS, room)
    if n_chunks < _LEAST_CHUNKS:
        return []
    edges = [len(partitions) * c // n_chunks for c in range(n_chunks + 1)]
    return [partitions[begin:end] for begin, end in pairwise(edges)]


def fit_incremental(
    model: Mixture,
    partitions: Sequence[Partition],
    executor: Executor,
    *,
    max_iter: int,
    share: float = 1.0,
    resumed: Sweep | None = None,
    on_state: Callable[[Sweep], None] | None = None,
) -> tuple[Mixture, list[float]]:
    """Return the model after sweeps of incremental EM, as long as they gain much, and the bound of each pass.

    Parameters
    ----------
    model : Mixture
        The start, of a prior that maximises.
    partitions : sequence of Partition
    executor : Executor
    max_iter : int
        Passes over the rows, at most; one is left for the iteration that follows.
    share : float
        Part of all rows in the sample that the start was found on; 1 for all, or where the start is no optimum.
    resumed : Sweep, optional
        Where interrupted sweeps from the same start over the same rows stood: the rest of them is what follows.
    on_state : callable, optional
        Called with where they stand, after the first pass and after each sweep.

    Returns
    -------
    Mixture
        The start itself where incremental EM is of no use, or a component would have collapsed in the first pass;
        after a later collapse, the model at the end of the sweep before.
    list of float
        The bound at the end of each pass, never falling, at most that of the model then.
    """
    chunks = chunks_of(partitions, model)
    if not chunks or max_iter < 3:
        return model, []
    state = after = resumed or first_pass(model, chunks, executor, share)
    while after is not None:
        state = after
        if on_state:
            on_state(state)
        settled = state.gain <= _FINE or len(state.history) >= max_iter - 1
        after = None if settled else sweep(state, chunks, executor)
    return (model, []) if state is None else (state.model, state.history)


def first_pass(
    model: Mixture, chunks: Sequence[Sequence[Partition]], executor: Executor, share: float = 1.0
) -> Sweep | None:
    """Return the state after the first visit of each chunk; None if a component collapsed.

    One iteration of EM where ``share`` is 1. Where it is less, M-steps come between.
    """
    kind, moments, entropies = model.covariances.scatter, list[Moments](), list[float]()
    start, total = model, Moments(np.zeros(buffer_size(kind, *model.means.shape)), model.means, kind)
    n_partitions, n_read = sum(map(len, chunks)), 0
    for chunk in chunks:
        visited = executor.map_reduce(EStep(model), chunk)
        moments.append(visited)
        entropies.append(_entropy(model, visited))
        total = total.about(visited.reference) + visited
        n_read += len(chunk)
        if share * n_partitions <= n_read < n_partitions:
            moved = model.m_step(total)
            model = moved if _alike(moved, start) else model
    model = model.m_step(total)
    if model.collapsed.any():
        return None
    return Sweep(model, [_bound(model, total, entropies)], math.inf, moments, entropies)


def sweep(state: Sweep, chunks: Sequence[Sequence[Partition]], executor: Executor) -> Sweep | None:
    """Return the state after a visit of each chunk in turn; None if a component collapsed.

    The total is added up anew at the beginning, so that errors of the subtractions last for one sweep only.
    """
    model, moments, entropies = state.model, list(state.moments), list(state.entropies)
    total = pairwise_sum(part.about(model.means) for part in moments)
    for c, chunk in enumerate(chunks):
        before = total, model, list(entropies)
        visited = executor.map_reduce(EStep(model), chunk)
        rest = total.about(visited.reference) + moments[c].about(visited.reference) * -1.0
        total = rest + visited
        moments[c], entropies[c] = visited, _entropy(model, visited)
        model = model.m_step(total)
        if model.collapsed.any():
            return None
    bound = _bound(model, total, entropies)
    gain = len(chunks) * (bound - _bound(before[1], before[0], before[2]))
    return Sweep(model, [*state.history, bound], gain, moments, entropies)


def _alike(part: Mixture, whole: Mixture) -> bool:
    """Return whether a model of some rows looks as if they were like all rows, of which ``whole`` is a model."""
    sd = whole.covariances.standard_deviations()
    ratios = [part.weights / whole.weights, part.covariances.standard_deviations() / sd]
    near = all(bool(((ratio > 1 / _FACTOR) & (ratio < _FACTOR)).all()) for ratio in ratios)
    return near and bool((np.abs(part.means - whole.means) < _SHIFT * sd).all()) and not part.collapsed.any()


def _entropy(model: Mixture, moments: Moments) -> float:
    """Return Σ w_i H(q_i) of the posteriors that moments were just taken with, in nats."""
    return moments.log_likelihood - expected_log_joint(model, moments)


def _bound(model: Mixture, total: Moments, entropies: Sequence[float]) -> float:
    """Return F per unit of weight, in nats, from the moments and entropies of all rows."""
    bound = expected_log_joint(model, total) + math.fsum(entropies) + model.prior.log_density(model)
    return bound / total.weight


def expected_log_joint(model: Mixture, moments: Moments) -> float:
    """Return Σ_i w_i Σ_k r_ik log[π_k N(x_i | μ_k, Σ_k)], a total in nats, from the moments of the rows alone.

    It is Σ_k count_k [log π_k − ½ (D log 2π + log|Σ_k|)] − ½ Σ_k tr(Σ_k⁻¹ S_k), S_k about μ_k.
    """
    about = moments.about(model.means)
    count, rows = about.count, about.count > 0
    constant = model.n_features * math.log(2 * math.pi)
    each = model.log_weights[rows] - 0.5 * (constant + model.covariances.log_det[rows])
    return float(count[rows] @ each - 0.5 * np.vdot(model.covariances.precisions(), about.second))
