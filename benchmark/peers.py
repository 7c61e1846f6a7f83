"""The packages that are measured, each behind the same verbs: start here, iterate this often, say where you are.

To add a peer: one class with the verbs of ``Peer``, and its place in ``PEERS``.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Protocol

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as ScikitLearnMixture

from benchmark import armadillo
from benchmark.clock import elapsed
from benchmark.data import Parameters
from gaussmix import GaussianMixture


@dataclass(frozen=True)
class Run:
    """Hold what some iterations from the start took and gave."""

    seconds: float
    n_iterations: int  # those really done
    parameters: Parameters


Iterate = Callable[[int], Run]  # runs EM from the start, always the same, so many iterations


class Peer(Protocol):
    """A package as the benchmark sees it."""

    @property
    def name(self) -> str:
        """The package's name."""

    @property
    def families(self) -> tuple[str, ...]:
        """The covariance types it has."""

    def why_not(self) -> str | None:
        """Return why the package cannot be measured here, or None if it can."""

    def version(self) -> str:
        """Return the version that runs."""

    def begin(self, X: Any, start: Parameters) -> AbstractContextManager[Iterate]:
        """Return the package's EM on these rows, from this start, and what ends it."""


class ScikitLearn:
    """scikit-learn's GaussianMixture."""

    name = "scikit-learn"
    families = ("full", "tied", "diag", "spherical")

    def why_not(self) -> str | None:
        return None

    def version(self) -> str:
        return metadata.version("scikit-learn")

    def begin(self, X: Any, start: Parameters) -> AbstractContextManager[Iterate]:
        return nullcontext(_estimator(ScikitLearnMixture, X, start, {}))


class OneDal:
    """Intel's oneDAL, by the ``daal4py`` of scikit-learn-intelex."""

    name = "oneDAL"
    families = ("full", "diag")

    def why_not(self) -> str | None:
        return None if importlib.util.find_spec("daal4py") else "scikit-learn-intelex is not installed"

    def version(self) -> str:
        return metadata.version("scikit-learn-intelex")

    def begin(self, X: Any, start: Parameters) -> AbstractContextManager[Iterate]:
        daal4py = importlib.import_module("daal4py")  # has no types, and is optional

        K, D = start.means.shape
        storage = {"full": "full", "diag": "diagonal"}[start.covariance_type]
        weights = start.weights[None]  # it wants rows
        covariances = [start.covariances[k].reshape(-1, D).copy() for k in range(K)]

        def iterate(n_iterations: int) -> Run:
            algorithm = daal4py.em_gmm(
                nComponents=K, covarianceStorage=storage, maxIterations=n_iterations, accuracyThreshold=0.0
            )
            results: list[Any] = []
            seconds = elapsed(lambda: results.append(algorithm.compute(X, weights, start.means, covariances)))
            result = results[0]
            found = np.array([np.asarray(c) for c in result.covariances]).reshape(start.covariances.shape)
            parameters = Parameters(start.covariance_type, result.weights.ravel(), result.means, found)
            return Run(seconds, int(result.nIterations[0, 0]), parameters)

        return nullcontext(iterate)


class Armadillo:
    """Armadillo's gmm_full and gmm_diag, compiled for this very processor."""

    name = "Armadillo"
    families = ("full", "diag")

    def why_not(self) -> str | None:
        program = armadillo.compiled()
        return program if isinstance(program, str) else None

    def version(self) -> str:
        return armadillo.version()

    @contextmanager
    def begin(self, X: Any, start: Parameters) -> Iterator[Iterate]:
        program = armadillo.Program(X, start)

        def iterate(n_iterations: int) -> Run:
            seconds, parameters = program.run(n_iterations)
            return Run(seconds, n_iterations, parameters)

        try:
            yield iterate
        finally:
            program.close()


PEERS: list[Peer] = [ScikitLearn(), OneDal(), Armadillo()]


def available(wanted: Callable[[str], bool], say: Callable[[str], None]) -> list[Peer]:
    """Return the peers that are wanted and can run; the reasons of the others are said."""
    found = []
    for peer in PEERS:
        reason = peer.why_not() if wanted(peer.name) else None
        if reason is not None:
            say(f"{peer.name} is left out: {reason}")
        elif wanted(peer.name):
            found.append(peer)
    return found


def ours(X: Any, start: Parameters, n_jobs: int | None = None) -> Iterate:
    """Return gaussmix's EM on these rows, from this start."""
    return _estimator(GaussianMixture, X, start, {"n_jobs": n_jobs})


def _estimator(kind: Any, X: Any, start: Parameters, options: dict[str, Any]) -> Iterate:
    """Return the EM of scikit-learn's estimator, or of one with the same surface."""

    def iterate(n_iterations: int) -> Run:
        model = kind(
            len(start.weights),
            covariance_type=start.covariance_type,
            weights_init=start.weights,
            means_init=start.means,
            precisions_init=start.precisions,
            max_iter=n_iterations,
            tol=0.0,
            reg_covar=0.0,
            **options,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it is stopped on purpose
            seconds = elapsed(lambda: model.fit(X))
        parameters = Parameters(start.covariance_type, model.weights_, model.means_, model.covariances_)
        return Run(seconds, model.n_iter_, parameters)

    return iterate
