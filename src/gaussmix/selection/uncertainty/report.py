"""How sure the parameters of a fit are: standard errors, intervals, and regions of the means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import chdtri

from gaussmix.errors import ParameterError
from gaussmix.model import Mixture
from gaussmix.selection.uncertainty.layout import Layout
from gaussmix.selection.uncertainty.table import Row, normal_limits, render
from gaussmix.types import Float64Array


@dataclass(frozen=True, slots=True, eq=False)
class MeanEllipse:
    """Bound where the mean of a component lies: {μ : (μ − centre)ᵀ covariance⁻¹ (μ − centre) ≤ radius²}.

    Attributes
    ----------
    component : int
    centre : ndarray of shape (D,)
        The estimate.
    covariance : ndarray of shape (D, D)
        Of the estimate.
    radius : float
        The root of the quantile ``level`` of χ² with D degrees of freedom.
    level : float
    """

    component: int
    centre: Float64Array
    covariance: Float64Array
    radius: float
    level: float

    @property
    def semi_axes(self) -> tuple[Float64Array, Float64Array]:
        """The lengths of the half axes, (D,), the longest first, and their directions as columns, (D, D)."""
        values, vectors = np.linalg.eigh(self.covariance)
        return self.radius * np.sqrt(np.maximum(values[::-1], 0.0)), vectors[:, ::-1]


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Hold how sure the parameters of a fitted mixture are. ``print`` shows a table, ``as_dict()`` holds it as data.

    Attributes
    ----------
    mixture : Mixture
        The fit.
    method : str
        ``"observed information"``, ``"outer product of scores"``, ``"sandwich"`` or
        ``"weighted-likelihood bootstrap"``.
    level : float
        Of the intervals, such as 0.95.
    n_rows : float
        Rows of the fit, or their total weight.
    deviations : ndarray of shape (M, P)
        Of which the covariance matrix of the estimates is the sum of squares and products.
    draws : ndarray of shape (B, P), or None
        The parameters of the refits, of the bootstrap only.
    feature_names : sequence of str, or None
    """

    mixture: Mixture
    method: str
    level: float
    n_rows: float
    deviations: Float64Array
    draws: Float64Array | None = None
    feature_names: Sequence[str] | None = None

    @cached_property
    def layout(self) -> Layout:
        """Where each parameter stands in vectors of P: weights, means, distinct entries of ``covariances_``."""
        return Layout.of(self.mixture)

    @cached_property
    def estimates(self) -> Float64Array:
        """The parameters as a vector, shape (P,)."""
        return self.layout.pack(self.mixture)

    @cached_property
    def standard_errors(self) -> Float64Array:
        """The standard errors in the same order, shape (P,)."""
        return np.asarray(np.sqrt(np.square(self.deviations).sum(axis=0)))

    @property
    def parameter_covariance(self) -> Float64Array:
        """The covariance matrix of the estimates, shape (P, P); singular, as the weights sum to 1."""
        return np.asarray(self.deviations.T @ self.deviations)

    @property
    def weights_error(self) -> Float64Array:
        """Standard errors in the shape of ``weights_``, (K,)."""
        return self.layout.unpack(self.standard_errors)[0]

    @property
    def means_error(self) -> Float64Array:
        """Standard errors in the shape of ``means_``, (K, D)."""
        return self.layout.unpack(self.standard_errors)[1]

    @property
    def covariances_error(self) -> Float64Array:
        """Standard errors in the shape of ``covariances_``."""
        return self.layout.unpack(self.standard_errors)[2]

    @cached_property
    def intervals(self) -> Float64Array:
        """Lower and upper limits, shape (P, 2).

        Of the bootstrap the quantiles of the draws. Else estimate ± z · error: for weights on the scale of the logit,
        for variances on that of the logarithm, so that limits stay within the range of the parameter.
        """
        if self.draws is not None:
            tail = 0.5 * (1 - self.level)
            return np.asarray(np.quantile(self.draws, [tail, 1 - tail], axis=0).T)
        return normal_limits(self.layout.parameters(), self.estimates, self.standard_errors, self.level)

    def table(self) -> list[Row]:
        """Return one row a parameter: its name, component, features, estimate, standard error and limits."""
        names = self.feature_names
        numbers = np.column_stack([self.estimates, self.standard_errors, self.intervals]).tolist()
        return [
            Row(
                one.name,
                one.component,
                tuple(d if names is None else str(names[d]) for d in one.features),
                *values,
            )
            for one, values in zip(self.layout.parameters(), numbers, strict=True)
        ]

    def mean_ellipses(self, level: float | None = None) -> list[MeanEllipse]:
        """Return a confidence ellipse (ellipsoid) of each component's mean.

        Parameters
        ----------
        level : float, optional
            Probability with which each covers its mean; by default that of the intervals.
        """
        level = check_level(self.level if level is None else level)
        D = self.mixture.n_features
        radius = float(np.sqrt(chdtri(D, 1 - level)))
        ellipses = []
        for k, centre in enumerate(self.mixture.means):
            factors = self.deviations[:, self.layout.mean(k)]
            ellipses.append(MeanEllipse(k, centre, factors.T @ factors, radius, level))
        return ellipses

    def as_dict(self) -> dict[str, Any]:
        """Return method, level, number of rows and the table, as JSON takes them."""
        parameters = [row.as_dict() for row in self.table()]
        return {
            "method": self.method,
            "level": self.level,
            "n_rows": self.n_rows,
            "n_resamples": None if self.draws is None else len(self.draws),
            "parameters": parameters,
        }

    def __str__(self) -> str:
        refits = "" if self.draws is None else f", {len(self.draws)} refits"
        title = f"{self.mixture.n_components} components, {self.n_rows:g} rows, {self.method}{refits}"
        return render(title, self.table(), self.level)

    def __repr__(self) -> str:
        return f"<Uncertainty of {self.mixture.n_components} components by {self.method}>"


def check_level(level: float) -> float:
    """Return the level of an interval, or raise ParameterError if it is none."""
    if not 0 < level < 1:
        raise ParameterError(f"level should lie between 0 and 1, such as 0.95, got {level!r}")
    return float(level)
