"""What a user writes as ``prior``, before it is known of which data: a belief becomes a prior when a fit begins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.moments import Moments, Scatter
from gaussmix.prior.base import Parameters, Prior
from gaussmix.types import Float64Array


class Family(Protocol):
    """What a belief asks of a covariance family."""

    @property
    def name(self) -> str:
        """What the user writes."""

    @property
    def scatter(self) -> Scatter:
        """The part of the second moments that covariances are estimated from."""

    @property
    def unconstrained(self) -> bool:
        """Whether covariances are scatter / count."""

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Return the number of free parameters of the covariances."""


@dataclass(frozen=True, eq=False)
class Setting:
    """Hold what a belief may ask of the fit that it is for.

    Attributes
    ----------
    n_components : int
    family : CovarianceFamily
    unit : ndarray of shape (D,)
        Variance of each feature; for families that do not tell features apart, their mean for all.
    measure : callable
        ``scatter -> Moments`` of all rows as one component.
    """

    n_components: int
    family: Family
    unit: Float64Array
    measure: Callable[[Scatter], Moments]

    @property
    def n_features(self) -> int:
        """D."""
        return len(self.unit)

    @property
    def shared(self) -> bool:
        """Whether all components have one covariance matrix: more of them take no more parameters."""
        D = self.n_features
        return self.family.n_parameters(2, D) == self.family.n_parameters(1, D)


class Belief(ABC):
    """A prior in the user's terms. Implementations are frozen, and are checked when a fit begins.

    Attributes
    ----------
    about : frozenset of str
        Which of "weights", "means" and "covariances" it rules; two beliefs about the same do not go together.
    start : mixture or None
        Where EM starts, if the belief says so.
    """

    @property
    @abstractmethod
    def about(self) -> frozenset[str]:
        """The parameters that it rules."""

    @property
    def start(self) -> Parameters | None:
        """The mixture that EM starts from; None leaves it to the estimator."""
        return None

    @abstractmethod
    def resolve(self, setting: Setting, base: Prior) -> Prior:
        """Return the prior for these data, on top of one that rules the rest.

        Raises
        ------
        ParameterError
            If it is improper, or does not fit data or covariance family.
        """


def finite_array(name: str, values: object, shape: tuple[int, ...]) -> Float64Array:
    """Return an argument as an array of this shape.

    Raises
    ------
    ParameterError
        If it is none, or has another shape.
    """
    try:
        array = np.array(values, np.float64)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{name} should be an array of numbers: {error}") from None
    if array.shape != shape:
        raise ParameterError(f"{name} should have shape {shape}, got {array.shape}")
    if not np.isfinite(array).all():
        raise ParameterError(f"{name} should be finite numbers")
    return array


def positive_number(name: str, value: object) -> float:
    """Return an argument as a positive number.

    Raises
    ------
    ParameterError
        If it is none.
    """
    try:
        number = float(value)  # type: ignore[arg-type]  # what is no number is refused here
    except (TypeError, ValueError):
        number = float("nan")
    if isinstance(value, bool) or not 0.0 < number < float("inf"):
        raise ParameterError(f"{name} should be a positive number, got {value!r}")
    return number
