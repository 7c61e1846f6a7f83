"""Missing values and values measured with noise, replaced by what the observed ones tell of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gaussmix.covariance.deconvolution import noise_matrices
from gaussmix.model.incomplete import conditional_draws, conditional_means, denoised_rows
from gaussmix.types import Float64Array, FloatArray

if TYPE_CHECKING:
    from gaussmix.model.mixture import Mixture


class Completion:
    """Add imputation, and the removal of noise."""

    def impute(
        self: Mixture,
        X: object,
        *,
        draw: bool = False,
        random_state: np.random.Generator | int | None = None,
    ) -> FloatArray:
        """Return the rows with missing values filled in, given the observed values of the same row.

        Parameters
        ----------
        X : array-like of shape (n, D)
            NaN is a missing value. Other values are returned as they are.
        draw : bool, default=False
            Draw each missing value from its conditional distribution, as multiple imputation asks for (Rubin 1987):
            rows filled in by draws have the spread of complete rows. Otherwise the conditional mean, which is the
            best guess of each value.
        random_state : numpy.random.Generator or seed, optional
            Of the draws.

        Returns
        -------
        ndarray of shape (n, D)

        Raises
        ------
        DataError
            If a value is infinite or all values of a row are missing.

        References
        ----------
        Rubin (1987), Multiple Imputation for Nonresponse in Surveys.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> mixture = Mixture.from_parameters([1.0], [[0.0, 0.0]], [[[1.0, 0.5], [0.5, 1.0]]])
        >>> mixture.impute([[2.0, float("nan")]])
        array([[2., 1.]])
        """
        rows, incomplete = self.incomplete_rows(X)
        if not incomplete:
            return rows.copy()
        if draw:
            return conditional_draws(self, rows, np.random.default_rng(random_state))
        return conditional_means(self, rows)

    def denoise(
        self: Mixture,
        X: object,
        noise: object,
        *,
        draw: bool = False,
        random_state: np.random.Generator | int | None = None,
    ) -> Float64Array:
        """Return the rows as they were before noise of known covariance was added to them.

        Parameters
        ----------
        X : array-like of shape (n, D)
            Measured rows.
        noise : array-like of shape (n, D) or (n, D, D)
            Variances, or covariances, of the noise of each row.
        draw : bool, default=False
            Draw each row from its distribution given what was measured; otherwise its mean.
        random_state : numpy.random.Generator or seed, optional
            Of the draws.

        Returns
        -------
        ndarray of shape (n, D)

        Raises
        ------
        DataError
            If a row or its noise cannot be used.

        References
        ----------
        Bovy, Hogg & Roweis (2011), Extreme deconvolution, Annals of Applied Statistics 5, eqs. 16 and 17.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> mixture = Mixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
        >>> mixture.denoise([[2.0], [2.0]], [[1.0], [0.0]])
        array([[1.],
               [2.]])
        """
        rows = self._rows(X)
        rng = np.random.default_rng(random_state) if draw else None
        return denoised_rows(self, rows, noise_matrices(noise, *rows.shape), rng)
