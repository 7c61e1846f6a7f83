"""Functions of draws from a mixture, block by block, and the mean of them with its standard error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.types import Float64Array, FloatArray

if TYPE_CHECKING:
    from gaussmix.model.mixture import Mixture

_BLOCK: Final = 65_536  # draws that are held at a time
_LEAST: Final = 100  # a standard error from fewer draws says little


def over_draws(
    mixture: Mixture,
    function: Callable[[FloatArray], FloatArray],
    n_draws: int,
    random_state: np.random.Generator | int | None,
) -> Float64Array:
    """Return ``function`` of ``n_draws`` rows drawn from the mixture, shape (n_draws,), in no order.

    Raises
    ------
    ParameterError
        If ``n_draws`` is not a whole number of at least 100.
    """
    if n_draws != int(n_draws) or n_draws < _LEAST:
        raise ParameterError(f"n_draws should be a whole number of at least {_LEAST}, got {n_draws!r}")
    rng = np.random.default_rng(random_state)
    sizes = [min(_BLOCK, int(n_draws) - start) for start in range(0, int(n_draws), _BLOCK)]
    return np.concatenate([function(mixture.sample(size, rng)[0]) for size in sizes])


def mean_and_error(values: Float64Array) -> tuple[float, float]:
    """Return the mean of independent values and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
