"""What is to be fitted, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussmix.application.classification.densities import Densities
from gaussmix.covariance import CovarianceFamily
from gaussmix.selection.criteria import Evidence
from gaussmix.types import Effort, Float64Array, IntArray


@dataclass(frozen=True)
class Candidate:
    """Say what is to be fitted.

    Attributes
    ----------
    n_components : tuple of int
        Of each class.
    families : tuple of CovarianceFamily
        Of each class; all the same where the classes are fitted together.
    together : bool
        Whether the covariances of all classes share what their family says is equal.
    """

    n_components: tuple[int, ...]
    families: tuple[CovarianceFamily, ...]
    together: bool

    @property
    def owner(self) -> IntArray:
        """The class of each component, shape (K,)."""
        return np.repeat(np.arange(len(self.n_components)), self.n_components)

    def __str__(self) -> str:
        """Return families and numbers of components, those that all classes have in common once."""
        names = dict.fromkeys(family.name for family in self.families)
        sizes = self.n_components[:1] if len(set(self.n_components)) == 1 else self.n_components
        return f"{', '.join(map(str, sizes))} × {', '.join(names)}"


@dataclass(frozen=True)
class Settings:
    """Hold the parameters that all fits share: those of ``MixtureClassifier``, ``priors`` checked."""

    priors: Float64Array | None
    tol: float
    reg_covar: float
    max_iter: int
    effort: Effort
    seed: Any
    n_jobs: int | None

    def for_class(self, code: int) -> dict[str, Any]:
        """Return the parameters of the ``GaussianMixture`` of one class."""
        seed = int(np.random.SeedSequence(self.seed, spawn_key=(code,)).generate_state(1)[0])
        names = ("tol", "reg_covar", "max_iter", "effort", "n_jobs")
        return {name: getattr(self, name) for name in names} | {"random_state": seed}


@dataclass(frozen=True, eq=False)
class ClassFit:
    """Hold what a fit found.

    Attributes
    ----------
    densities : Densities
    n_parameters : int
        Means, covariances, mixing weights, and the probabilities of the classes unless they were given.
    log_likelihood : float
        Σ log p(x, class), in nats; of a row without a class log p(x).
    marginal_log_likelihood : float
        Σ log p(x).
    n_rows : float
        Or the sum of their weights.
    converged : bool
    n_iter : int
        The most that any part of the fit took.
    singular : tuple of int
        The classes with a covariance that is singular but for ``reg_covar``.
    """

    densities: Densities
    n_parameters: int
    log_likelihood: float
    marginal_log_likelihood: float
    n_rows: float
    converged: bool
    n_iter: int
    singular: tuple[int, ...] = ()

    @property
    def evidence(self) -> Evidence:
        """What criteria look at."""
        return Evidence(self.log_likelihood, self.n_parameters, self.n_rows)
