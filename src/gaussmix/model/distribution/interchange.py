"""Mixtures from and for other libraries: scikit-learn, hmmlearn, PyTorch, ONNX."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from gaussmix.atomic import write_atomically
from gaussmix.errors import MissingDependencyError, ParameterError

if TYPE_CHECKING:
    from gaussmix.model.mixture import Mixture

# scikit-learn's name for each form in which covariances are stored.
_SKLEARN_TYPES: Final = {
    "full": "full",
    "pooled": "tied",
    "diagonal": "diag",
    "trace": "spherical",
    "factors": "full",
}


class Interchange:
    """Add the conversions from and to other libraries."""

    @classmethod
    def from_sklearn(cls, estimator: Any) -> Mixture:
        """Return the mixture that a fitted scikit-learn estimator holds.

        Parameters
        ----------
        estimator : GaussianMixture or BayesianGaussianMixture
            scikit-learn's, of any covariance type, or this package's. Of the Bayesian one the mixture takes
            ``weights_``, ``means_`` and ``covariances_``; its own ``score_samples`` averages over their posterior
            and differs a little.

        Returns
        -------
        Mixture

        Raises
        ------
        ParameterError
            If the estimator is not fitted or is no Gaussian mixture.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> from sklearn.mixture import GaussianMixture
        >>> theirs = GaussianMixture(2, random_state=0).fit([[0.0], [0.1], [0.3], [5.0], [5.1], [5.3]])
        >>> Mixture.from_sklearn(theirs).n_components
        2
        """
        from gaussmix.model.distribution.foreign import of_sklearn
        from gaussmix.model.mixture import Mixture

        ours: object = getattr(estimator, "mixture_", None)
        if isinstance(ours, Mixture):
            return ours
        if ours is not None:
            raise ParameterError(
                f"{type(estimator).__name__} holds no Gaussian mixture but a {type(ours).__name__}"
            )
        return Mixture.from_parameters(*of_sklearn(estimator))

    @classmethod
    def from_hmmlearn(cls, model: Any, state: int | None = None) -> Mixture:
        """Return the mixture that a hidden Markov model of hmmlearn emits.

        Parameters
        ----------
        model : GMMHMM or GaussianHMM
            Fitted, of any covariance type.
        state : int, optional
            The state whose emission is asked for. Without it, the mixture of all states weighted by the stationary
            distribution of the chain: how rows are distributed in the long run.

        Returns
        -------
        Mixture

        Raises
        ------
        ParameterError
            If the model is not fitted, has no such state, or, without a state, no single stationary distribution.

        Examples
        --------
        >>> from types import SimpleNamespace
        >>> from gaussmix import Mixture
        >>> chain = SimpleNamespace(  # in place of a fitted GaussianHMM
        ...     covariance_type="diag", means_=[[0.0], [4.0]], covars_=[[[1.0]], [[2.0]]],
        ...     transmat_=[[0.9, 0.1], [0.3, 0.7]],
        ... )
        >>> Mixture.from_hmmlearn(chain).weights
        array([0.75, 0.25])
        """
        from gaussmix.model.distribution.foreign import of_hmmlearn
        from gaussmix.model.mixture import Mixture

        return Mixture.from_parameters(*of_hmmlearn(model, state))

    def to_sklearn(self: Mixture) -> Any:
        """Return a fitted ``sklearn.mixture.GaussianMixture`` with the same density, posteriors and labels.

        Its covariance type is the one that stores covariances as this mixture does; families that scikit-learn
        does not have become ``"full"``, ``"diag"`` or ``"spherical"`` without loss. ``lower_bound_`` is NaN, as no
        rows were seen. scikit-learn's own arithmetic loses digits far from the origin: at 10⁶ standard deviations its
        log-densities are off by 1e-9 (``"full"``) or 1e-3 (``"diag"``).

        Returns
        -------
        sklearn.mixture.GaussianMixture

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> mixture = Mixture.from_parameters([0.5, 0.5], [[0.0], [4.0]], [1.0, 1.0], "spherical")
        >>> mixture.to_sklearn().predict([[1.0], [3.0]])
        array([0, 1])
        """
        from sklearn.mixture import GaussianMixture

        kind = _SKLEARN_TYPES[self.covariances.scatter.name]
        theirs = GaussianMixture(self.n_components, covariance_type=kind)
        theirs.weights_, theirs.means_ = self.weights.copy(), self.means.copy()
        factors = self.covariances.n_factors  # of which scikit-learn has none
        theirs.covariances_ = self.covariances.to_dense() if factors else self.covariances.parameters().copy()
        theirs.precisions_ = self.covariances.precisions()
        theirs.precisions_cholesky_ = self.covariances.precisions_cholesky().copy()
        theirs.n_features_in_ = self.n_features
        theirs.converged_, theirs.n_iter_ = True, 0
        theirs.lower_bound_, theirs.lower_bounds_ = np.nan, []
        return theirs

    def to_torch(self: Mixture, dtype: Any = "float64") -> Any:
        """Return the mixture as a ``torch.distributions.MixtureSameFamily`` of multivariate normals.

        Parameters
        ----------
        dtype : torch.dtype or str
            ``"float64"`` or ``"float32"``.

        Returns
        -------
        torch.distributions.MixtureSameFamily
            On the CPU, without gradients; its ``log_prob`` takes rows of shape (n, D).

        Raises
        ------
        MissingDependencyError
            If torch is not installed.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> mixture = Mixture.from_parameters([0.5, 0.5], [[0.0], [4.0]], [1.0, 1.0], "spherical")
        >>> mixture.to_torch().sample((3,)).shape  # doctest: +SKIP
        torch.Size([3, 1])
        """
        try:
            import torch
        except ImportError as error:
            raise MissingDependencyError("to_torch needs torch: pip install 'gaussmix[torch]'") from error
        kinds = {"float64": torch.float64, "float32": torch.float32}
        kind = kinds.get(str(dtype).removeprefix("torch."))
        if kind is None:
            raise ParameterError(f"dtype should be 'float64' or 'float32', got {dtype!r}")
        roots = np.linalg.cholesky(self.covariances.to_dense())
        return torch.distributions.MixtureSameFamily(
            torch.distributions.Categorical(logits=torch.tensor(self.log_weights, dtype=kind)),
            torch.distributions.MultivariateNormal(
                torch.tensor(self.means, dtype=kind), scale_tril=torch.tensor(roots, dtype=kind)
            ),
        )

    def to_onnx(self: Mixture, path: str | os.PathLike[str]) -> None:
        """Write the mixture as an ONNX graph in float64, whole or not at all.

        Input ``X`` (n, D); outputs ``log_prob`` (n,) in nats, ``posterior`` (n, K) and ``label`` (n,). Rows are
        centred about each mean, so that the graph is as exact far from the origin as near it. It holds K·n·D
        numbers while it runs: feed it rows in batches.

        Parameters
        ----------
        path : path-like
            The file to write; its folder must exist.

        Raises
        ------
        MissingDependencyError
            If onnx is not installed.
        ResourceLimitError
            If the precisions do not fit into one ONNX file.
        OSError
            If the file cannot be written; what was there before is unchanged.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> mixture = Mixture.from_parameters([0.5, 0.5], [[0.0], [4.0]], [1.0, 1.0], "spherical")
        >>> mixture.to_onnx("mixture.onnx")  # doctest: +SKIP
        """
        from gaussmix.model.distribution.onnx_graph import onnx_bytes

        write_atomically(path, onnx_bytes(self))
