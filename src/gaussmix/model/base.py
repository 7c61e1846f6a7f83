"""The model's contract: what the EM loop needs to know of it."""

from __future__ import annotations

from typing import Any, Protocol, Self, runtime_checkable

from gaussmix.source import Known
from gaussmix.types import Float64Array, FloatArray


@runtime_checkable
class Model(Protocol):
    """Frozen parameters. ``e_step`` summarises rows, ``m_step`` returns the next model."""

    def e_step(
        self, X: FloatArray, weight: Float64Array | None, *, hard: bool = False, known: Known | None = None
    ) -> Any:
        """Return the additive moments of one block of rows; those expected, where not all is ``known`` of them."""
        ...

    def m_step(self, moments: Any) -> Self:
        """Return a new model of at least the same lower bound for the rows behind ``moments``."""
        ...

    def em_steps(
        self, X: FloatArray, weight: Float64Array | None, n_steps: int
    ) -> tuple[Self, list[float], list[float]]:
        """Return the model after up to ``n_steps`` iterations on one block, with bound and movement of each."""
        ...

    def lower_bound(self, moments: Any) -> float:
        """Return the objective per unit of weight, from moments that this model's E-step made."""
        ...

    def movement(self, previous: Self) -> float:
        """Return how far the parameters moved since ``previous``, in units of the components' spread."""
        ...
