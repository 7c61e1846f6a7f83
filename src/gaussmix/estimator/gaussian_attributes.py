"""The fitted attributes of ``GaussianMixture``, in scikit-learn's names and shapes."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from gaussmix.estimator.training import Trained
from gaussmix.model import Mixture, StudentMixture

COVARIANCE_ATTRIBUTES: Final = (
    "covariances_",
    "precisions_",
    "precisions_cholesky_",
    "loadings_",
    "noise_variance_",
)


def fitted_attributes(mixture: Mixture | StudentMixture) -> dict[str, Any]:
    """Return scikit-learn's fitted attributes of a mixture, and loadings and noise where it has factors."""
    attributes: dict[str, Any] = {
        "mixture_": mixture,
        "background_": None,  # there is one where the parameter of this name is given
        "_noisy": False,
        "weights_": mixture.weights,
        "means_": mixture.means,
    }
    stored: Any = mixture.covariances
    if not stored.scatter.n_factors:
        values = stored.parameters(), stored.precisions(), stored.precisions_cholesky()
        attributes |= dict(zip(COVARIANCE_ATTRIBUTES, values, strict=False))
    if stored.n_factors:
        attributes |= {"loadings_": stored.loadings, "noise_variance_": stored.noise}
    for value in attributes.values():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)  # they are the mixture's own, which is frozen
    return attributes


def set_fitted(estimator: Any, trained: Trained) -> None:
    """Give an estimator the attributes that a run of its own would have left.

    Parameters
    ----------
    estimator : GaussianMixture
    trained : Trained
    """
    result = trained.result
    for name in COVARIANCE_ATTRIBUTES:  # which of them there are depends on family and features
        if name in vars(estimator):
            delattr(estimator, name)
    for name, value in fitted_attributes(result.model).items():
        setattr(estimator, name, value)
    estimator._set_history(result)
    estimator.n_passes_ = trained.n_passes
    estimator.degenerate_ = [collapse.as_dict() for collapse in result.collapses]
