"""How much a mixture tells, how far two mixtures lie apart, and how much components overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gaussmix.types import Float64Array

if TYPE_CHECKING:
    from gaussmix.model.distribution.entropy import Estimate
    from gaussmix.model.distribution.transport import Transport
    from gaussmix.model.mixture import Mixture


class Divergence:
    """Add entropies, divergences and overlaps."""

    def entropy(
        self: Mixture, *, n_draws: int = 100_000, random_state: np.random.Generator | int | None = 0
    ) -> Estimate:
        """Return the differential entropy −∫ p log p in nats: exact for one component, else from draws.

        Parameters
        ----------
        n_draws : int
            The standard error falls with its root.
        random_state : Generator or seed, optional
            By default the draws are always the same.

        Returns
        -------
        Estimate
            With ``value``, ``standard_error`` and the bounds ``lower`` and ``upper``, which hold whatever the draws.

        References
        ----------
        Huber, Bailey, Durrant-Whyte & Hanebeck (2008), On entropy approximation for Gaussian mixture random vectors,
        IEEE International Conference on Multisensor Fusion and Integration.
        Kolchinsky & Tracey (2017), Estimating mixture entropy with pairwise distances, Entropy 19.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> Mixture.from_parameters([1.0], [[0.0]], [1.0], "spherical").entropy().value  # ½ log 2πe
        1.4189385332046727
        """
        from gaussmix.model.distribution.entropy import entropy

        return entropy(self, n_draws, random_state)

    def kl_divergence(
        self: Mixture,
        other: Mixture,
        *,
        n_draws: int = 100_000,
        random_state: np.random.Generator | int | None = 0,
    ) -> Estimate:
        """Return the Kullback-Leibler divergence ∫ p log(p / q) of ``other``, q, from this mixture, p, in nats.

        Exact for two Gaussians, else the mean over draws from p.

        Parameters
        ----------
        other : Mixture
            Of the same features.
        n_draws : int
            The standard error falls with its root.
        random_state : Generator or seed, optional
            By default the draws are always the same.

        Returns
        -------
        Estimate
            With ``value``, ``standard_error`` and the bounds ``lower`` and ``upper``, which hold whatever the draws.

        Raises
        ------
        ParameterError
            If the mixtures have different numbers of features.

        References
        ----------
        Hershey & Olsen (2007), Approximating the Kullback Leibler divergence between Gaussian mixture models, IEEE
        International Conference on Acoustics, Speech and Signal Processing.
        Durrieu, Thiran & Kelly (2012), Lower and upper bounds for approximation of the Kullback-Leibler divergence
        between Gaussian mixture models, IEEE International Conference on Acoustics, Speech and Signal Processing.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> narrow = Mixture.from_parameters([1.0], [[0.0]], [1.0], "spherical")
        >>> shifted = Mixture.from_parameters([1.0], [[2.0]], [1.0], "spherical")
        >>> narrow.kl_divergence(shifted).value
        2.0
        """
        from gaussmix.model.distribution.kullback_leibler import kl_divergence

        return kl_divergence(self, other, n_draws, random_state)

    def wasserstein(self: Mixture, other: Mixture) -> Transport:
        """Return the mixture Wasserstein-2 distance to ``other``, and the plan behind it.

        It is the root of min Σ_ij w_ij W₂²(N_i, N_j) over plans w whose margins are the two mixtures' weights
        (Delon & Desolneux 2020): a distance, at least as large as the Wasserstein-2 distance of the two densities,
        and equal to it for two Gaussians.

        Parameters
        ----------
        other : Mixture
            Of the same features.

        Returns
        -------
        Transport
            With ``distance`` in the unit of the data and ``plan`` (K, K').

        Raises
        ------
        ParameterError
            If the mixtures have different numbers of features.

        References
        ----------
        Delon & Desolneux (2020), A Wasserstein-type distance in the space of Gaussian mixture models, SIAM Journal
        on Imaging Sciences 13.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> one = Mixture.from_parameters([0.5, 0.5], [[0.0], [4.0]], [1.0, 2.0], "spherical")
        >>> two = Mixture.from_parameters([0.5, 0.5], [[7.0], [3.0]], [2.0, 1.0], "spherical")
        >>> moved = one.wasserstein(two)
        >>> round(moved.distance, 6)
        3.0
        >>> moved.plan
        array([[0. , 0.5],
               [0.5, 0. ]])
        """
        from gaussmix.model.distribution.transport import wasserstein

        return wasserstein(self, other)

    def bhattacharyya(self: Mixture, other: Mixture | None = None) -> Float64Array:
        """Return the Bhattacharyya distances −log ∫ √(N_i N_j) between components, in nats.

        Parameters
        ----------
        other : Mixture, optional
            Whose components to compare with; this mixture's own without it.

        Returns
        -------
        ndarray of shape (K, K')
            0 for equal Gaussians; exp(−distance) is their affinity.

        Raises
        ------
        ParameterError
            If the mixtures have different numbers of features.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> mixture = Mixture.from_parameters([0.5, 0.5], [[0.0], [4.0]], [1.0, 1.0], "spherical")
        >>> mixture.bhattacharyya()
        array([[0., 2.],
               [2., 0.]])
        """
        from gaussmix.model.distribution.components import common_units
        from gaussmix.model.distribution.pairwise import bhattacharyya_distances

        one, two = common_units(self, self if other is None else other, weighted=False)
        return bhattacharyya_distances(one, two)

    def hellinger(self: Mixture, other: Mixture | None = None) -> Float64Array:
        """Return the Hellinger distances √(1 − ∫ √(N_i N_j)) between components: 0 for equal ones, at most 1.

        Parameters
        ----------
        other : Mixture, optional
            Whose components to compare with; this mixture's own without it.

        Returns
        -------
        ndarray of shape (K, K')

        Raises
        ------
        ParameterError
            If the mixtures have different numbers of features.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> mixture = Mixture.from_parameters([0.5, 0.5], [[0.0], [4.0]], [1.0, 1.0], "spherical")
        >>> mixture.hellinger().round(4)
        array([[0.    , 0.9299],
               [0.9299, 0.    ]])
        """
        return np.sqrt(-np.expm1(-self.bhattacharyya(other)))

    def overlap(self: Mixture) -> Float64Array:
        """Return the misclassification matrix: how often a row of component i is more probable in component j.

        ω_{j|i} = P(π_j N_j(x) > π_i N_i(x)) for x from component i (Maitra & Melnykov 2010), by at most 4,000 draws
        of each component, always the same ones; the standard error is √(ω (1 − ω) / n), at most 0.008.

        Returns
        -------
        ndarray of shape (K, K)
            ω_{j|i} in row i and column j, zero on the diagonal.

        References
        ----------
        Maitra & Melnykov (2010), Simulating data to study performance of finite mixture modeling and clustering
        algorithms, Journal of Computational and Graphical Statistics 19.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> mixture = Mixture.from_parameters([0.5, 0.5], [[0.0], [4.0]], [1.0, 1.0], "spherical")
        >>> mixture.overlap().round(2)
        array([[0.  , 0.02],
               [0.02, 0.  ]])
        """
        from gaussmix.model.distribution import overlap

        return overlap.overlap(self)
