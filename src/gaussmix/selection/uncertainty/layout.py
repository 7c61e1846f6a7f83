"""The parameters of a mixture as one vector: weights, means, and the distinct entries of the covariances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaussmix.model import Mixture
from gaussmix.types import Float64Array


@dataclass(frozen=True, slots=True)
class Parameter:
    """Name one entry of the vector.

    Attributes
    ----------
    name : {"weight", "mean", "variance", "covariance"}
    component : int or None
        None where all components share it.
    features : tuple of int
        None, one, or two; empty also for a variance that all features share.
    """

    name: str
    component: int | None
    features: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Put K weights, K·D means and the distinct entries of ``covariances_`` into one vector of P values, and back.

    Attributes
    ----------
    n_components, n_features : int
    form : {"full", "pooled", "diagonal", "trace"}
        Of the covariances: K matrices, one matrix, K rows of variances, K variances.
    """

    n_components: int
    n_features: int
    form: str

    @classmethod
    def of(cls, mixture: Mixture) -> Layout:
        """Return the layout of a mixture's parameters."""
        return cls(mixture.n_components, mixture.n_features, mixture.family.scatter.name)

    @property
    def n_matrices(self) -> int:
        """How many covariances are reported: K, or 1 that is shared."""
        return 1 if self.form == "pooled" else self.n_components

    @property
    def n_entries(self) -> int:
        """Distinct entries of one covariance."""
        D = self.n_features
        return {"diagonal": D, "trace": 1}.get(self.form, D * (D + 1) // 2)

    @property
    def n_parameters(self) -> int:
        """P, the length of the vector."""
        return self.n_components * (1 + self.n_features) + self.n_matrices * self.n_entries

    def mean(self, component: int) -> slice:
        """Return where the mean of a component stands."""
        start = self.n_components + component * self.n_features
        return slice(start, start + self.n_features)

    def covariance(self, matrix: int) -> slice:
        """Return where the entries of one covariance stand."""
        start = self.n_components * (1 + self.n_features) + matrix * self.n_entries
        return slice(start, start + self.n_entries)

    def pack(self, mixture: Mixture) -> Float64Array:
        """Return the parameters of a mixture as a vector, shape (P,)."""
        stored = mixture.covariances.parameters()
        if self.form in ("full", "pooled"):
            stored = stored[..., *np.tril_indices(self.n_features)]
        return np.concatenate([mixture.weights, mixture.means.ravel(), stored.ravel()])

    def unpack(self, vector: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
        """Return a vector (P,) in the shapes of ``weights_``, ``means_`` and ``covariances_``."""
        K, D = self.n_components, self.n_features
        weights, means, entries = np.split(vector, [K, K + K * D])
        if self.form in ("diagonal", "trace"):
            return weights, means.reshape(K, D), entries.reshape((K, D) if self.form == "diagonal" else (K,))
        matrices = np.empty((self.n_matrices, D, D))
        rows, columns = np.tril_indices(D)
        matrices[:, rows, columns] = matrices[:, columns, rows] = entries.reshape(self.n_matrices, -1)
        return weights, means.reshape(K, D), matrices[0] if self.form == "pooled" else matrices

    def parameters(self) -> list[Parameter]:
        """Return the names of the P entries."""
        components, features = range(self.n_components), range(self.n_features)
        weights = [Parameter("weight", k, ()) for k in components]
        means = [Parameter("mean", k, (d,)) for k in components for d in features]
        return weights + means + [one for k in range(self.n_matrices) for one in self._covariance(k)]

    def _covariance(self, matrix: int) -> list[Parameter]:
        component = None if self.form == "pooled" else matrix
        if self.form == "trace":
            return [Parameter("variance", component, ())]
        if self.form == "diagonal":
            return [Parameter("variance", component, (d,)) for d in range(self.n_features)]
        pairs = zip(*np.tril_indices(self.n_features), strict=True)
        return [
            Parameter("variance", component, (int(a),))
            if a == b
            else Parameter("covariance", component, (int(b), int(a)))
            for a, b in pairs
        ]
