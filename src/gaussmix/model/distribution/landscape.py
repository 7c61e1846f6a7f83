"""The shape of a density: its modes, its highest-density regions, the ellipses of its components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gaussmix.model.distribution.ellipse import Ellipses
    from gaussmix.model.distribution.modes import Modes
    from gaussmix.model.distribution.region import HighestDensityRegion
    from gaussmix.model.mixture import Mixture


class Landscape:
    """Add modes, highest-density regions and ellipses."""

    def modes(self: Mixture) -> Modes:
        """Return the local maxima of the density, the highest first.

        Ascents by the fixed point of Carreira-Perpiñán (2000), finished by Newton's method, start at every mean and
        at points of the ridgelines between neighbouring components, on which all critical points lie (Ray &
        Lindsay 2005). Ends nearer than a thousandth of a standard deviation are one mode; saddles are left.

        With one or two components these are all modes. With more, a mixture can have modes that no start leads to;
        in 300 random mixtures of up to 12 components of 2 to 5 features none was found that this misses.

        Returns
        -------
        Modes
            With ``points`` (M, D), ``log_density`` (M,) in nats and ``of_component`` (K,), the mode that the ascent
            from each component's mean ends in.

        References
        ----------
        Carreira-Perpiñán (2000), Mode-finding for mixtures of Gaussian distributions, IEEE Transactions on Pattern
        Analysis and Machine Intelligence 22.
        Ray & Lindsay (2005), The topography of multivariate normal mixtures, Annals of Statistics 33.

        Examples
        --------
        Two crossed components make three modes:

        >>> from gaussmix import Mixture
        >>> crossed = Mixture.from_parameters([0.6, 0.4], [[4, 0], [0, 4]], [[9, 0.1], [0.1, 9]], "diag")
        >>> crossed.modes().points.round(2)
        array([[4.  , 0.  ],
               [0.07, 0.03],
               [0.  , 4.  ]])
        """
        from gaussmix.model.distribution.modes import find_modes

        return find_modes(self)

    def hdr(
        self: Mixture,
        alpha: float,
        *,
        n_draws: int = 100_000,
        random_state: np.random.Generator | int | None = 0,
    ) -> HighestDensityRegion:
        """Return the highest-density region: the smallest set that holds probability ``alpha``.

        It is {x : log p(x) ≥ level}. The level is exact for one component and for one feature; otherwise it is a
        quantile of log p over draws (Hyndman 1996), with its standard error.

        Parameters
        ----------
        alpha : float
            The probability inside, between 0 and 1.
        n_draws : int
            At least 10 / min(alpha, 1 − alpha).
        random_state : Generator or seed, optional
            By default the draws, and so the region, are always the same.

        Returns
        -------
        HighestDensityRegion
            With ``level`` in nats, ``standard_error``, ``contains(X)`` and, for one feature, ``intervals()``.

        Raises
        ------
        ParameterError
            If ``alpha`` is out of range or ``n_draws`` too few for it.

        References
        ----------
        Hyndman (1996), Computing and graphing highest density regions, The American Statistician 50.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> mixture = Mixture.from_parameters([0.5, 0.5], [[-3.0], [3.0]], [1.0, 1.0], "spherical")
        >>> region = mixture.hdr(0.9)
        >>> region.intervals().round(3)
        array([[-4.645, -1.355],
               [ 1.355,  4.645]])
        >>> region.contains([[0.0], [2.0]])
        array([False,  True])
        """
        from gaussmix.model.distribution.region import highest_density_region

        return highest_density_region(self, alpha, n_draws, random_state)

    def ellipses(self: Mixture, level: float = 0.95, features: Sequence[int] = (0, 1)) -> Ellipses:
        """Return one ellipse a component, which holds probability ``level`` of it in two of the features.

        Parameters
        ----------
        level : float
            The probability inside, between 0 and 1; the radius is the root of the chi-square quantile.
        features : sequence of two int
            The features along the horizontal and the vertical axis.

        Returns
        -------
        Ellipses
            With ``centers`` (K, 2), ``half_lengths`` (K, 2), ``axes`` (K, 2, 2), ``angles`` (K,) in degrees as
            matplotlib's ``Ellipse`` takes them, and ``points(n)``, outlines of shape (K, n, 2).

        Raises
        ------
        ParameterError
            If ``level`` is out of range or ``features`` are not two different features.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> one = Mixture.from_parameters([1.0], [[0.0, 0.0]], [[[1.0, 0.0], [0.0, 4.0]]])
        >>> found = one.ellipses(level=0.5)
        >>> found.half_lengths.round(3), found.angles
        (array([[2.355, 1.177]]), array([90.]))
        """
        from gaussmix.model.distribution.ellipse import ellipses

        return ellipses(self, level, features)
