"""Stepwise EM (Cappé & Moulines 2009): each batch is seen once, and moves running moments a step towards its own.

With s the moments per row and s̄(B | θ) those of a batch under the current model,

    s ← (1 − η) s + η s̄(B | θ),   θ = the M-step of s        (Cappé & Moulines 2009, eq. 15; mini-batches: Nguyen,
                                                                Forbes & McLachlan 2020)

The step is η = 1 − exp(−n / m) for n rows: what was seen m rows ago counts 1/e. This memory grows with all rows N
seen as m = m₀^(1 − α) N^α, α = 0.6, so that the steps shrink as t^−α of t batches, whatever the size of a batch:
early rows, whose posteriors were poor, are forgotten, and noise fades. The shortest memory m₀ holds five rows for
each parameter, and enough of the smallest component. Steps that are so large move fast and end noisy; the model that
is reported is the M-step of moments averaged over the steps, later ones counting more (Polyak & Juditsky 1992; the
weights of Shamir & Zhang 2013): over 200 batches of 500 rows it ends 3e-4 nats a row below the fit of all rows,
without averaging 3e-3.

With a half-life there is neither growth nor averaging: rows count 2^(−age / half-life), and the model follows a
drift.

Moments have the reference points of their model, and move with it, so that no digits are lost on the way.

References
----------
Cappé & Moulines (2009), On-line expectation-maximization algorithm for latent data models, JRSS B 71.

Nguyen, Forbes & McLachlan (2020), Mini-batch learning of exponential family finite mixture models, Statistics and
Computing 30.

Polyak & Juditsky (1992), Acceleration of stochastic approximation by averaging, SIAM Journal on Control and
Optimization 30.

Shamir & Zhang (2013), Stochastic gradient descent for non-smooth optimization, ICML.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from gaussmix.model import Mixture
from gaussmix.moments import DIAGONAL, FULL, POOLED, Moments
from gaussmix.prior import Prior
from gaussmix.types import Float64Array

_EXPONENT: Final = 0.6  # α; from 0.5 to 1 all converge
_ROWS_PER_PARAMETER: Final = 5  # of the shortest memory
_ROWS_PER_FEATURE: Final = 10  # of the smallest component in it, so that its covariance stays regular
_RECENT: Final = 2.0  # the average's weight of the latest step, over an equal part of all steps
_STEPS_PER_MEMORY: Final = 2  # at least, where a batch is longer than the memory


@dataclass(frozen=True, eq=False)
class Stream:
    """Hold what stepwise EM knows of the rows seen so far.

    Attributes
    ----------
    model : Mixture
        Under which the posteriors of the next rows are taken.
    moments : Moments
        Per unit of weight, of recent rows.
    average : Moments
        The average of ``moments`` over the steps; the same with a half-life.
    weight, n_rows : float
        Of the rows seen; with a half-life, what is left of it.
    half_life : float or None
        Units of weight after which rows count half.
    """

    model: Mixture
    moments: Moments
    average: Moments
    weight: float
    n_rows: float
    half_life: float | None = None

    @classmethod
    def after(cls, model: Mixture, moments: Moments, n_rows: float, half_life: float | None) -> Stream:
        """Return the stream that goes on from a fit, with the moments of all its rows under its model."""
        mean = moments * (1.0 / moments.weight)
        return cls(model, mean, mean, moments.weight, n_rows).forgetting(half_life)

    @property
    def mixture(self) -> Mixture:
        """The model to report."""
        if self.average is self.moments:
            return self.model
        return self.model.m_step(self.average * self.weight)

    @property
    def memory(self) -> float:
        """Rows after which a row counts 1/e in ``moments``."""
        if self.half_life is not None:
            return self.half_life / math.log(2) * self.n_rows / self.weight
        few = float(self.model.weights.min())
        least: float = _ROWS_PER_PARAMETER * self.model.n_parameters
        least = max(least, _ROWS_PER_FEATURE * (self.model.n_features + 1) / few) if few > 0 else math.inf
        least = min(least, self.n_rows)
        return float(least ** (1 - _EXPONENT) * self.n_rows**_EXPONENT)

    @property
    def most_rows(self) -> int:
        """Rows of one step, at most."""
        return max(1, int(self.memory / _STEPS_PER_MEMORY))

    def step(self, moments: Moments, n_rows: int) -> Stream:
        """Return the stream after a batch of so many rows, given its moments under ``model``."""
        kept, forgotten = self._shares(moments.weight)
        weight = kept * self.weight + moments.weight
        mean = moments * (forgotten / moments.weight)
        recent = self.moments.about(mean.reference) * (1 - forgotten) + mean
        average = recent
        if self.half_life is None:
            share = min(1.0, _RECENT * moments.weight / weight)
            average = self.average.about(mean.reference) * (1 - share) + recent * share
        model = self.model.m_step(recent * weight)
        rows = kept * self.n_rows + n_rows
        return replace(self, model=model, moments=recent, average=average, weight=weight, n_rows=rows)

    def _shares(self, weight: float) -> tuple[float, float]:
        """Return what is left of the weight seen after a batch of this weight, and the step η that it makes."""
        if self.half_life is not None:
            kept = 0.5 ** (weight / self.half_life)
            return kept, weight / (kept * self.weight + weight)
        mean_weight = self.weight / self.n_rows  # so that weights of a common factor change nothing
        return 1.0, -math.expm1(-weight / (mean_weight * self.memory))

    def forgetting(self, half_life: float | None) -> Stream:
        """Return the stream with another half-life; no more weight is left than an endless stream of it has."""
        if half_life is None:
            return replace(self, half_life=None)
        share = min(1.0, half_life / math.log(2) / self.weight)
        return replace(
            self,
            average=self.moments,
            weight=share * self.weight,
            n_rows=share * self.n_rows,
            half_life=half_life,
        )

    def believing(self, prior: Prior) -> Stream:
        """Return the stream with another prior of its model."""
        return replace(self, model=replace(self.model, prior=prior))

    def restarted(self, model: Mixture) -> Stream:
        """Return the stream with another model, of perhaps fewer components, and the moments that it describes."""
        moments = moments_of(model, 1.0, self.moments.log_likelihood)
        return replace(self, model=model, moments=moments, average=moments)


def moments_of(model: Mixture, weight: float, bound: float) -> Moments:
    """Return moments of which the M-step is ``model`` again, without a prior but for ``added_variance``.

    Parameters
    ----------
    model : Mixture
    weight : float
        Of the rows that it stands for.
    bound : float
        Log-likelihood per unit of weight, in nats.
    """
    count, kind = weight * model.weights, model.covariances.scatter
    covariances = model.covariances.parameters()
    if kind is FULL:
        second = count[:, None, None] * model.covariances.to_dense()
    elif kind is POOLED:
        second = weight * covariances
    elif kind is DIAGONAL:
        second = count[:, None] * covariances
    else:
        second = count * model.n_features * covariances
    if model.prior.added_variance is not None:
        second = kind.add_diagonal(second, count, -model.prior.added_variance)
    head = np.array([bound * weight, weight])
    buffer = np.concatenate([head, count, np.zeros(model.means.size), second.ravel()])
    return Moments(buffer, model.means, kind)


def marginal(moments: Moments) -> tuple[Float64Array, Float64Array]:
    """Return mean and variance of each feature, (D,), over the rows of all components.

    Posteriors sum to 1, so that these are those of the rows whatever the posteriors were. Where only traces are
    known, all features have the mean of their variances.
    """
    count, means, scatter = moments.about_means()
    total = count.sum()
    mean = count @ means / total
    between = count @ np.square(means - mean)
    if moments.scatter is FULL:
        within = np.einsum("kdd->d", scatter)
    elif moments.scatter is POOLED:
        within = np.diag(scatter)
    elif moments.scatter is DIAGONAL:
        within = scatter.sum(axis=0)
    else:  # traces
        within, between = np.full_like(mean, scatter.sum() / len(mean)), np.full_like(mean, between.mean())
    return mean, np.maximum(within + between, 0.0) / total
