"""One search for the best optimum, and how it is judged: its likelihood, and whether its maximum is spurious."""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import numpy as np
import sklearn.mixture
from sklearn.exceptions import ConvergenceWarning

from benchmark.clock import elapsed
from benchmark.data import Array, Parameters, mean_log_likelihood
from gaussmix import GaussianMixture
from gaussmix.errors import DegenerateWarning

SPURIOUS: Final = 1e-3  # least eigenvalue of a component, as a share of the pooled one's
ONE_SCALE: Final = ("EII", "VII", "spherical")  # families that change when one feature is rescaled

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Task:
    """State one fit, with the defaults except for ``options``.

    Attributes
    ----------
    title : str
    X : ndarray of shape (N, D)
    n_components : int
    covariance_type : str
    seed : int
    floor : float
        Least eigenvalue, in the metric of ``scales``, under which a component is spurious.
    options : dict
        Other parameters of GaussianMixture.
    """

    title: str
    X: Array
    n_components: int
    covariance_type: str
    seed: int
    floor: float = 0.0
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """Hold what a fit found.

    Attributes
    ----------
    title : str
    seed : int
    log_likelihood : float
        Of all rows, in nats, by plain NumPy.
    seconds : float
    n_passes : float, optional
        Times that all rows were read, searching included, if the package tells.
    spurious : bool
        Whether the smallest component owes its likelihood to a nearly singular covariance.
    """

    title: str
    seed: int
    log_likelihood: float
    seconds: float
    n_passes: float | None
    spurious: bool


def outcome(task: Task) -> Outcome:
    """Fit, and return what was found."""
    model = GaussianMixture(
        task.n_components, covariance_type=task.covariance_type, random_state=task.seed, **task.options
    )
    with warnings.catch_warnings():
        for kind in (ConvergenceWarning, DegenerateWarning):
            warnings.simplefilter("ignore", kind)
        seconds = elapsed(lambda: model.fit(task.X), settle=0.0)
    n_passes = getattr(model, "n_passes_", None)
    spurious = least_eigenvalue(model, scales(task.X, task.covariance_type)) < task.floor
    return Outcome(task.title, task.seed, log_likelihood(task.X, model), seconds, n_passes, spurious)


def log_likelihood(X: Array, model: GaussianMixture) -> float:
    """Return the log-likelihood of all rows, in nats, whatever the family."""
    dense = model.mixture_.covariances.to_dense()
    return len(X) * mean_log_likelihood(X, Parameters("full", model.weights_, model.means_, dense))


def scales(X: Array, covariance_type: str) -> Array:
    """Return by what each feature is divided before eigenvalues are compared, (D,)."""
    sd = X.std(axis=0)
    return np.full_like(sd, sd.mean()) if covariance_type in ONE_SCALE else sd


def least_eigenvalue(model: GaussianMixture, scale: Array) -> float:
    """Return the least eigenvalue of any component's covariance on rows divided by ``scale``."""
    dense = model.mixture_.covariances.to_dense()  # (K, D, D)
    return float(np.linalg.eigvalsh(dense / np.outer(scale, scale)).min())


def spurious_floor(X: Array, n_components: int, covariance_type: str) -> float:
    """Return the least eigenvalue under which an optimum is spurious.

    It is a thousandth of the least eigenvalue of the covariance that scikit-learn's tied fit gives all components.
    """
    tied = sklearn.mixture.GaussianMixture(n_components, covariance_type="tied", random_state=0)
    covariance = tied.fit(X / scales(X, covariance_type)).covariances_
    return SPURIOUS * float(np.linalg.eigvalsh(covariance).min())


def in_processes(function: Callable[[T], R], tasks: Iterable[T], n_processes: int) -> Iterator[R]:
    """Yield the function's results in the order of the tasks, computed in so many processes."""
    if n_processes == 1:
        yield from map(function, tasks)
        return
    context = multiprocessing.get_context("spawn")  # this process may have threads
    with ProcessPoolExecutor(n_processes, context) as pool:
        yield from pool.map(function, tasks)
