"""Missing values, replaced by what the observed ones tell of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gaussmix.model.incomplete import conditional_draws, conditional_means
from gaussmix.types import FloatArray

if TYPE_CHECKING:
    from gaussmix.model.mixture import Mixture


class Completion:
    """Add imputation."""

    def impute(
        self,
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
        mixture: Mixture = self  # type: ignore[assignment]  # a part of it
        rows, incomplete = mixture.incomplete_rows(X)
        if not incomplete:
            return rows.copy()
        if draw:
            return conditional_draws(mixture, rows, np.random.default_rng(random_state))
        return conditional_means(mixture, rows)
