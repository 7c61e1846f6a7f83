"""Parameters of mixtures in other libraries' objects, read from their public attributes alone.

Nothing is imported or unpickled for it: an object is what its attributes say.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.types import Float64Array

_SAME_CHAIN: Final = 1e-9  # a second eigenvalue this near to 1 leaves the stationary distribution open


class Parameters(NamedTuple):
    """What ``Mixture.from_parameters`` takes."""

    weights: Float64Array
    means: Float64Array
    covariances: Float64Array
    covariance_type: str


def of_sklearn(estimator: Any) -> Parameters:
    """Return the parameters of scikit-learn's GaussianMixture or BayesianGaussianMixture."""
    weights, means, covariances = _attributes(
        estimator, "from_sklearn", "a fitted Gaussian mixture", ("weights_", "means_", "covariances_")
    )
    return Parameters(weights, means, covariances, _covariance_type(estimator, "from_sklearn"))


def of_hmmlearn(model: Any, state: int | None) -> Parameters:
    """Return the emission of one state of hmmlearn's GMMHMM or GaussianHMM, or the stationary mixture of all."""
    kind = _covariance_type(model, "from_hmmlearn")
    means, covariances, transitions = _attributes(
        model, "from_hmmlearn", "a fitted GMMHMM or GaussianHMM", ("means_", "covars_", "transmat_")
    )
    S = len(means)
    if state is not None and (state != int(state) or not 0 <= state < S):
        raise ParameterError(f"state should be a whole number from 0 to {S - 1}, got {state!r}")
    if means.ndim == 2:  # one Gaussian a state: as mixtures of one component
        means, weights = means[:, None], np.ones((S, 1))
        covariances, kind = _of_states(covariances, S, kind)
    else:
        weights = np.asarray(model.weights_, dtype=np.float64)
    if state is not None:
        return Parameters(weights[state], means[state], covariances[state], kind)
    if kind == "tied":  # one matrix a state
        covariances, kind = np.repeat(covariances[:, None], means.shape[1], axis=1), "full"
    weights = stationary_distribution(transitions)[:, None] * weights
    return Parameters(
        weights.ravel(),
        means.reshape(-1, means.shape[2]),
        covariances.reshape(-1, *covariances.shape[2:]),
        kind,
    )


def stationary_distribution(transitions: Float64Array) -> Float64Array:
    """Return the π with π = π P of a Markov chain with transition matrix P (S, S), shape (S,).

    Raises
    ------
    ParameterError
        If there are several.
    """
    S = len(transitions)
    change = transitions.T - np.eye(S)
    if S > 1 and np.linalg.svd(change, compute_uv=False)[-2] < _SAME_CHAIN:
        raise ParameterError(
            "from_hmmlearn: transmat_ has no single stationary distribution, as its states fall into groups that "
            "are never left: choose a state"
        )
    system = np.concatenate([change, np.ones((1, S))])
    solution = np.linalg.lstsq(system, np.eye(S + 1)[S], rcond=None)[0]
    share = np.where(solution > S * np.finfo(float).eps, solution, 0.0)
    return np.asarray(share / share.sum())


def _of_states(covariances: Float64Array, S: int, kind: str) -> tuple[Float64Array, str]:
    """Return GaussianHMM's covariances as one array of one component a state, and their type.

    ``covars_`` are full matrices of every type. Fitted spherical ones come D times over (hmmlearn 0.3.3).
    """
    dense = covariances[:: max(1, len(covariances) // S)]
    diagonal = np.einsum("sdd->sd", dense)
    if kind == "spherical":
        return diagonal[:, :1], kind
    if kind == "diag":
        return diagonal[:, None], kind
    return dense[:, None], "full"


def _attributes(thing: Any, method: str, expected: str, names: tuple[str, ...]) -> tuple[Float64Array, ...]:
    missing = [name for name in names if getattr(thing, name, None) is None]
    if missing:
        raise ParameterError(
            f"{method} needs {expected}, but {type(thing).__name__} has no {missing[0]}: fit it first"
        )
    return tuple(np.asarray(getattr(thing, name), dtype=np.float64) for name in names)


def _covariance_type(thing: Any, method: str) -> str:
    kind = getattr(thing, "covariance_type", None)
    if kind not in ("full", "tied", "diag", "spherical"):
        raise ParameterError(
            f"{method} knows covariance_type 'full', 'tied', 'diag' and 'spherical', "
            f"but {type(thing).__name__} has {kind!r}"
        )
    return str(kind)
