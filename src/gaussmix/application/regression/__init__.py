"""Gaussian mixture regression: a mixture of inputs and targets together, conditioned on the inputs."""

from __future__ import annotations

from gaussmix.application.regression.mixture_regressor import MixtureRegressor

__all__ = ["MixtureRegressor"]
