"""gaussmix: Gaussian mixtures and their kin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gaussmix.lazy import lazy

if TYPE_CHECKING:
    from gaussmix.application import (
        MixtureClassifier,
        MixtureOutlierDetector,
        MixtureRegressor,
        ProjectedMixture,
    )
    from gaussmix.estimator import (
        BayesianGaussianMixture,
        GaussianMixture,
        GaussianMixtureSearch,
        StudentTMixture,
    )
    from gaussmix.estimator.spark import spark_udf
    from gaussmix.model import Mixture
    from gaussmix.persistence import load, save
    from gaussmix.selection import MergedMixture, MergeTree, merge_components

    __version__: str

_HOMES = {
    "BayesianGaussianMixture": "gaussmix.estimator",
    "GaussianMixture": "gaussmix.estimator",
    "GaussianMixtureSearch": "gaussmix.estimator",
    "MergeTree": "gaussmix.selection",
    "MergedMixture": "gaussmix.selection",
    "Mixture": "gaussmix.model",
    "MixtureClassifier": "gaussmix.application",
    "MixtureOutlierDetector": "gaussmix.application",
    "MixtureRegressor": "gaussmix.application",
    "ProjectedMixture": "gaussmix.application",
    "StudentTMixture": "gaussmix.estimator",
    "load": "gaussmix.persistence",
    "merge_components": "gaussmix.selection",
    "save": "gaussmix.persistence",
    "spark_udf": "gaussmix.estimator.spark",
}

__all__ = [
    "BayesianGaussianMixture",
    "GaussianMixture",
    "GaussianMixtureSearch",
    "MergeTree",
    "MergedMixture",
    "Mixture",
    "MixtureClassifier",
    "MixtureOutlierDetector",
    "MixtureRegressor",
    "ProjectedMixture",
    "StudentTMixture",
    "__version__",
    "load",
    "merge_components",
    "save",
    "spark_udf",
]

_of_home = lazy(__name__, _HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that the command starts quickly."""
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("gaussmix")
        globals()[name] = value
        return value
    value = _of_home(name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
