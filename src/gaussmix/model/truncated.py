"""Truncated variational EM: each row is explained by a few components, those near its best one.

With K_n the candidates of row n, the E-step maximises the bound over responsibilities that vanish elsewhere::

    r_nk ∝ π_k N(x_n | μ_k, Σ_k) for k in K_n,    F = Σ_n w_n log Σ_{k in K_n} π_k N(x_n | μ_k, Σ_k) ≤ log-likelihood

(Forster & Lücke 2018). A pass costs what the candidates cost, not the K components. The M-step of ``Mixture`` never
lowers F for given candidates. These follow the rows (``truncated_candidates``), which raises F but for those that are
given up: it is not monotone.

Of thousands of overlapping components EM makes small steps. So those of the M-step are prolonged (``relaxation``); a
bound that has fallen, or hardly risen, asks for a plain M-step (as in Salakhutdinov & Roweis 2003).

References
----------
Forster & Lücke (2018), Can clustering scale sublinearly with its clusters? A variational EM acceleration of GMMs and
k-means, AISTATS.

Salakhutdinov & Roweis (2003), Adaptive overrelaxed bound optimization methods, ICML.

Hirschberger, Forster & Lücke (2022), A variational EM acceleration for efficient clustering at very large scales,
IEEE TPAMI 44.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from gaussmix import kernel
from gaussmix.model.mixture import Mixture
from gaussmix.model.relaxation import relaxed
from gaussmix.model.truncated_candidates import Candidates, Cells, nearest_candidates, shared_candidates
from gaussmix.moments import POOLED, Moments, buffer_size
from gaussmix.types import BoolArray, Float64Array, FloatArray, IntArray

_LOG_2PI: Final = float(np.log(2 * np.pi))
_MORE_AT_FIRST: Final = 4  # times as many candidates at the first E-step, 2 at the second, 1 from the third
_SETTLED: Final = 4  # M-steps
_AT_REST: Final = 9
_LEAST_TAIL: Final = 1e-4  # of a component's rows: candidates that together take less are then left out
_RELAXATION: Final = 1.8  # of M-steps
_MOST_RELAXED: Final = 0.5  # by which a component moves further: large steps belong to EM
_WORTH: Final = 1e-5  # nats a row that a step gains: with less, EM's own steps fade faster, and a fit ends
_COMPARED: Final = 8_192  # rows at a time, so that what lies between stays small


@dataclass(frozen=True, slots=True, eq=False)
class TruncatedMoments:
    """Hold the moments of some rows under their candidates, of which the log-likelihood is a lower bound.

    Attributes
    ----------
    moments : Moments
    share : ndarray, one value a candidate
        Sum of responsibilities over the rows of the candidate's group.
    """

    moments: Moments
    share: Float64Array

    def __add__(self, other: TruncatedMoments) -> TruncatedMoments:
        """Add the moments of two disjoint sets of rows."""
        return TruncatedMoments(self.moments + other.moments, self.share + other.share)


@dataclass(frozen=True, eq=False)
class TruncatedMixture:
    """Describe a mixture of which few components are considered for each row.

    Attributes
    ----------
    mixture : Mixture
        With one of the four representations that the kernels serve.
    n_candidates : int
        Components that are considered for each row.
    candidates : Candidates
    cells : Cells or None
        Where the best components are looked for after this E-step; None: it goes on from those known.
    n_steps : int
        M-steps so far, which seed the draws of candidates.
    bound : float
        What the last E-step told of the model before.
    """

    mixture: Mixture
    n_candidates: int
    candidates: Candidates
    cells: Cells | None = None
    n_steps: int = 0
    bound: float = -np.inf

    @classmethod
    def of(cls, mixture: Mixture, n_candidates: int) -> TruncatedMixture:
        """Return the start of a truncated fit from a mixture."""
        n_first = _at_step(n_candidates, 0)
        wide = _cells(mixture, n_first, 0).candidates
        parameters = (mixture.covariances, mixture.log_weights, mixture.means)
        candidates = nearest_candidates(wide, *parameters, n_first)
        return cls(mixture, n_candidates, candidates, _cells(mixture, n_candidates, 0))

    def acquainted(self, moments: TruncatedMoments) -> TruncatedMixture:
        """Return the same mixture with the candidates that some rows ask for, of which these are the moments."""
        n_first = _at_step(self.n_candidates, self.n_steps)
        rng = np.random.default_rng(self.n_steps)
        return replace(self, candidates=shared_candidates(self.candidates, moments.share, n_first, rng))

    @property
    def n_components(self) -> int:
        """K."""
        return self.mixture.n_components

    @property
    def weights(self) -> Float64Array:
        """Mixing weights, shape (K,)."""
        return self.mixture.weights

    @property
    def collapsed(self) -> BoolArray:
        """Components that were left without rows or with a singular covariance."""
        return self.mixture.collapsed

    def e_step(
        self,
        X: FloatArray,
        weight: Float64Array | None = None,
        *,
        hard: bool = False,
        known: Any = None,
    ) -> TruncatedMoments:
        """Return the moments of one part of a block of rows, and bring ``known.best`` up to date.

        Parameters
        ----------
        X, weight
            As in ``Mixture.e_step``.
        hard : bool
            Always False.
        known : Assigned
            The moments are those of the rows of its part of the block.
        """
        assert not hard
        candidates, before = self.candidates, known.best[self.n_steps % 2]
        found = known.best[(self.n_steps + 1) % 2]
        out = np.empty(buffer_size(self.mixture.covariances.scatter, self.n_components, X.shape[1]))
        share = np.empty(len(candidates.components))
        first, last = self._run(X, weight, candidates, (known.part, known.n_parts), before, found, share, out)
        if self.cells is not None:
            group = candidates.group_of[before]
            rows = np.flatnonzero((group >= first) & (group < last))
            of_part = found[rows]
            self._search(X[rows], of_part)
            found[rows] = of_part
        reference = self.mixture.means.astype(X.dtype).astype(np.float64)
        return TruncatedMoments(Moments(out, reference, self.mixture.covariances.scatter), share)

    def nearest(self, X: FloatArray) -> IntArray:
        """Return the best component in and around the nearest cell of each row, shape (n,) of int32."""
        assert self.cells is not None
        start, candidates = self.cells.nearest(X), self.cells.candidates
        found = np.empty_like(start)
        self._run(X, None, candidates, (0, 1), start, found)
        return found

    def _run(
        self,
        X: FloatArray,
        weight: Float64Array | None,
        candidates: Candidates,
        part: tuple[int, int],
        best: IntArray,
        found: IntArray,
        share: Float64Array | None = None,
        out: Float64Array | None = None,
    ) -> tuple[int, int]:
        covariances: Any = self.mixture.covariances  # one of those that are stored for the kernels
        groups: tuple[int, int] = kernel.truncated_moments(
            covariances.kernel_number,
            X,
            weight,
            self._log_constant(),
            self.mixture.means,
            covariances.precision,
            candidates.group_of,
            candidates.starts,
            candidates.components,
            *part,
            best,
            found,
            share,
            out,
        )
        return groups

    def _search(self, X: FloatArray, best: IntArray) -> None:
        """Bring ``best`` up to date where a component in and around the nearest cell of a row is better."""
        found = self.nearest(X)
        other = np.flatnonzero(found != best)
        for start in range(0, len(other), _COMPARED):
            rows = other[start : start + _COMPARED]
            better = self._log_joint_of(X[rows], found[rows]) > self._log_joint_of(X[rows], best[rows])
            best[rows[better]] = found[rows[better]]

    def _log_joint_of(self, X: FloatArray, k: IntArray) -> Float64Array:
        """Return the log-joint of each row with one component each, shape (n,)."""
        # Each of the four representations of the kernels stores it; other Covariances may not.
        precision: Float64Array = self.mixture.covariances.precision  # type: ignore[attr-defined]
        difference = X - self.mixture.means[k]
        if precision.ndim == 3:
            white = np.einsum("nab,nb->na", precision[k], difference)
        elif self.mixture.covariances.scatter is POOLED:
            white = difference @ precision.T
        else:
            white = difference * precision[k].reshape(len(X), -1)
        distance: Float64Array = np.square(white).sum(axis=1)
        return self._log_constant()[k] - 0.5 * distance

    def _log_constant(self) -> Float64Array:
        """Return log π_k − ½ log|Σ_k| − D/2 log 2π, shape (K,)."""
        constant = self.mixture.covariances.log_det + self.mixture.n_features * _LOG_2PI
        return self.mixture.log_weights - 0.5 * constant

    def m_step(self, moments: TruncatedMoments) -> TruncatedMixture:
        """Return the model behind that of the highest bound, with candidates for the next E-step.

        Its steps are prolonged as long as the bound rises much.
        """
        moved, n, step = self.mixture.m_step(moments.moments), self.n_candidates, self.n_steps + 1
        bound = self.lower_bound(moments)
        if step >= _SETTLED and bound - self.bound > _WORTH:
            moved = relaxed(self.mixture, moved, _RELAXATION, _MOST_RELAXED)
        candidates = self.candidates
        if _chooses(step):
            rng = np.random.default_rng(step)
            least = _LEAST_TAIL if step >= _SETTLED else 0.0
            candidates = shared_candidates(candidates, moments.share, _at_step(n, step), rng, least)
        cells = _cells(moved, n, step) if _searches(step) else None
        return TruncatedMixture(moved, n, candidates, cells, step, bound)

    def em_steps(
        self, X: FloatArray, weight: Float64Array | None, n_steps: int
    ) -> tuple[TruncatedMixture, list[float], list[float]]:
        """Return this model: the kernel has no iterations of this kind in one go."""
        return self, [], []

    def lower_bound(self, moments: TruncatedMoments) -> float:
        """Return F, and the log prior density where there is one, per unit of weight, in nats."""
        return self.mixture.lower_bound(moments.moments)

    def movement(self, previous: TruncatedMixture) -> float:
        """Return the relative distance of the parameters from ``previous``; see ``Mixture.movement``."""
        return self.mixture.movement(previous.mixture)


def _at_step(n_candidates: int, step: int) -> int:
    """Return how many candidates there are after ``step`` M-steps: more, while the rows have told little."""
    return n_candidates * max(_MORE_AT_FIRST >> step, 1)


def _chooses(step: int) -> bool:
    """Return whether candidates change after ``step`` M-steps: later they change little."""
    return step < _SETTLED or step % (2 if step < _AT_REST else 4) == 0


def _searches(step: int) -> bool:
    """Return whether rows look for their best components anew: after 1, 2, 3, 4, 6, 8, 12, 16, 24 ... M-steps."""
    power = 1 << step.bit_length() - 1
    return step in (power, 3 * power // 2)


def _cells(mixture: Mixture, n_candidates: int, seed: int) -> Cells:
    spread = np.sqrt(mixture.weights @ np.square(mixture.covariances.standard_deviations()))
    return Cells.of(mixture.means, spread, n_candidates, np.random.default_rng(seed))
