"""The model's contract: what the EM loop needs to know of it."""

from __future__ import annotations

from typing import Any, Protocol, Self, TypeVar, runtime_checkable

from gaussmix.source import Known
from gaussmix.types import BoolArray, Float64Array, FloatArray

Statistics = TypeVar("Statistics")
"""The additive moments that a model's E-step makes and its M-step takes."""


@runtime_checkable
class Model(Protocol[Statistics]):
    """Frozen parameters. ``e_step`` summarises rows, ``m_step`` returns the next model."""

    @property
    def n_components(self) -> int:
        """K."""
        ...

    @property
    def weights(self) -> Float64Array:
        """Mixing weights, shape (K,)."""
        ...

    @property
    def collapsed(self) -> BoolArray:
        """Components that were left without rows or with a singular covariance, shape (K,)."""
        ...

    def e_step(
        self, X: FloatArray, weight: Float64Array | None, *, hard: bool = False, known: Known | None = None
    ) -> Statistics:
        """Return the additive moments of one block of rows; those expected, where not all is ``known`` of them."""
        ...

    def m_step(self, moments: Statistics) -> Self:
        """Return a new model of at least the same lower bound for the rows behind ``moments``."""
        ...

    def em_steps(
        self, X: FloatArray, weight: Float64Array | None, n_steps: int
    ) -> tuple[Self, list[float], list[float]]:
        """Return the model after up to ``n_steps`` iterations on one block, with bound and movement of each."""
        ...

    def lower_bound(self, moments: Statistics) -> float:
        """Return the objective per unit of weight, from moments that this model's E-step made."""
        ...

    def movement(self, previous: Self) -> float:
        """Return how far the parameters moved since ``previous``, in units of the components' spread."""
        ...


AnyModel = TypeVar("AnyModel", bound=Model[Any])
"""A model of one kind, whichever it is."""
