"""Densities and posteriors of rows: complete, with missing values, measured with noise, or sparse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gaussmix.covariance.deconvolution import noise_matrices
from gaussmix.covariance.sparse_rows import evaluated
from gaussmix.errors import DataError, DataTypeError
from gaussmix.linalg import is_sparse
from gaussmix.model.incomplete import evaluate_by_pattern, evaluate_noisy
from gaussmix.source import ArraySource, as_source, check_values
from gaussmix.types import FloatArray, IntArray

if TYPE_CHECKING:
    from gaussmix.model.mixture import Mixture


class Evaluation:
    """Add what is asked of a mixture for each row."""

    def log_prob(self: Mixture, X: object, *, noise: object = None) -> FloatArray:
        """Return log p(x), shape (n,), in nats, for rows ``X`` of shape (n, D).

        Here and in the three methods below NaN is a missing value, and the density that of the observed features;
        ``noise`` holds variances (n, D) or covariances (n, D, D) of the noise with which each row was measured, and
        the density is that of the measured rows. Of families by variances or factors ``X`` may be sparse, without
        NaN and noise.
        """
        return self._evaluated("log_prob", X, noise)  # type: ignore[no-any-return]

    def log_joint(self: Mixture, X: object, *, noise: object = None) -> FloatArray:
        """Return log π_k + log N(x | μ_k, Σ_k), shape (n, K), in nats."""
        return self._evaluated("log_joint", X, noise)  # type: ignore[no-any-return]

    def posterior(self: Mixture, X: object, *, noise: object = None) -> FloatArray:
        """Return P(k | x), shape (n, K)."""
        return self._evaluated("posterior", X, noise)  # type: ignore[no-any-return]

    def predict(self: Mixture, X: object, *, noise: object = None) -> IntArray:
        """Return the most probable component of each row, shape (n,)."""
        return self._evaluated("labels", X, noise)  # type: ignore[no-any-return]

    def _evaluated(self: Mixture, method: str, X: object, noise: object = None) -> Any:
        """Return what a method of the covariances gives for rows of which values may be missing, noisy, or sparse."""
        if is_sparse(X):
            return self._evaluated_sparse(method, X, noise)
        if noise is not None:
            rows = self._rows(X)
            return evaluate_noisy(self, rows, noise_matrices(noise, *rows.shape), method)
        rows, incomplete = self.incomplete_rows(X)
        if incomplete:
            return evaluate_by_pattern(self, rows, method)
        return getattr(self.precise_covariances, method)(rows, self.log_weights, self.means)

    def _evaluated_sparse(self: Mixture, method: str, X: Any, noise: object) -> Any:
        if noise is not None:
            raise DataTypeError("X is sparse, and noise needs dense rows: pass X.toarray()")
        if X.ndim != 2 or X.shape[1] != self.n_features:
            raise DataError(f"X should have shape (n, {self.n_features}), got {X.shape}")
        source = as_source(X)
        rows = source.partitions(source.n_rows)[0].load()[0]
        values = evaluated(self._sparse_view.log_joint(rows), method)
        return values if method == "labels" else values.astype(rows.dtype, copy=False)

    def incomplete_rows(self: Mixture, X: object) -> tuple[FloatArray, bool]:
        """Return ``X`` as the kernels take it but for NaN, and whether there is any."""
        source = self._source(X)
        if source is None:
            return np.empty((0, self.n_features)), False
        return source.partitions(source.n_rows)[0].load()[0], check_values(source, missing=True)

    def _rows(self: Mixture, X: object) -> FloatArray:
        """Return ``X`` as the kernels take it: two-dimensional, contiguous, finite float32 or float64."""
        source = self._source(X)
        if source is None:
            return np.empty((0, self.n_features))
        check_values(source, missing=False)
        return source.partitions(source.n_rows)[0].load()[0]

    def _source(self: Mixture, X: object) -> ArraySource | None:
        """Return rows of D features; None where there are none."""
        shape = np.shape(X)  # type: ignore[call-overload]  # what is no array is refused below
        if len(shape) == 2 and shape[1] != self.n_features:
            raise DataError(f"X should have shape (n, {self.n_features}), got {shape}")
        return None if shape == (0, self.n_features) else ArraySource(X)  # type: ignore[arg-type]
