"""The normal-inverse-Wishart prior of means and covariances, and its kin for fewer parameters.

==========================  ==============================================  =========================================
covariances                 prior                                           pseudo-count c_k, pseudo-scatter
==========================  ==============================================  =========================================
one matrix a component      Σ_k ~ inverse Wishart(ν, Λ)                     ν + D + 2, Λ
one matrix (EEE)            Σ ~ inverse Wishart(ν, Λ)                       1 + (ν + D + 1) / K, Λ for all together
variances a component       σ²_kd ~ inverse gamma(ν/2, Λ_d/2)               ν + 3, Λ_d
variances (EEI)             σ²_d ~ inverse gamma(ν/2, Λ_d/2)                1 + (ν + 2) / K, Λ_d for all together
one variance a component    σ²_k ~ inverse gamma(ν/2, Λ/2)                  1 + (ν + 2) / D, trace Λ
one variance (EII)          σ² ~ inverse gamma(ν/2, Λ/2)                    1 + (ν + 2) / (K D), trace Λ for all
==========================  ==============================================  =========================================

and μ_k | Σ_k ~ N(m, Σ_k / κ), from which comes the 1 in each count. Families in between, such as VEI or EEV, take the
pseudo-rows of one matrix a component (Fraley & Raftery 2007, Journal of Classification 24, §3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.moments import DIAGONAL, FULL, POOLED, TRACE
from gaussmix.prior.base import Prior
from gaussmix.prior.belief import Belief, Setting, finite_array, positive_number
from gaussmix.prior.conjugate import Conjugate
from gaussmix.prior.shrinkage import oracle_approximating, shrunk
from gaussmix.types import Float64Array

MCLUST: Final = "mclust"


@dataclass(frozen=True, eq=False)
class NormalWishart(Belief):
    """Believe of means and covariances what a few rows would say: a ``prior`` of ``GaussianMixture``.

    Conjugate: normal for the means given the covariances, inverse Wishart for the covariances (inverse gamma
    for variances). Every covariance stays regular, however few rows its component has. ``mean_strength``,
    ``degrees_of_freedom`` and ``scale`` are what scikit-learn's ``BayesianGaussianMixture`` calls
    ``mean_precision_prior``, ``degrees_of_freedom_prior`` and ``covariance_prior``. The prior counts rows:
    ``sample_weight`` of another size changes the fit.

    Parameters
    ----------
    mean : array-like of shape (D,), optional
        m; by default the mean of all rows.
    mean_strength : float, default=0.01
        κ, how many rows the belief in ``mean`` is worth.
    degrees_of_freedom : float, optional
        ν, above D − 1 for matrices and above 0 for variances; by default D + 2. A matrix counts ν + D + 2 rows.
    scale : float, array-like or "mclust", optional
        Λ, in squared units of the features: (D, D), or variances (D,) or one for all; a matrix only for families of
        matrices, and one number for families of one variance. ``"mclust"`` is R mclust's default: the covariance of
        all rows over K^(2/D), for variances the mean of its diagonal. That is the scatter of one row, which pulls
        towards zero where the prior counts more rows than a component has. So by default the scatter there is that of
        as many rows as it counts, such that a component without rows has the covariance of all over K^(2/D); of fewer
        than 2 D rows, that covariance is shrunk (Chen et al. 2010, eq. 23). And each feature has its own variance.

    References
    ----------
    Fraley & Raftery (2007), Bayesian regularization for normal mixture estimation and model-based clustering,
    Journal of Classification 24.

    Examples
    --------
    Five rows of ten features, and no singular covariance:

    >>> import numpy as np
    >>> from gaussmix import GaussianMixture
    >>> from gaussmix.prior import NormalWishart
    >>> X = np.random.default_rng(0).normal(size=(5, 10))
    >>> fitted = GaussianMixture(prior=NormalWishart(), reg_covar=0).fit(X)
    >>> fitted.degenerate_
    []
    """

    mean: Any = None
    mean_strength: float = 0.01
    degrees_of_freedom: float | None = None
    scale: Any = None

    @property
    def about(self) -> frozenset[str]:
        return frozenset({"means", "covariances"})

    def resolve(self, setting: Setting, base: Prior) -> Prior:
        K, D, kind = setting.n_components, setting.n_features, setting.family.scatter
        if kind not in (FULL, POOLED, DIAGONAL, TRACE):
            raise ParameterError(f"NormalWishart is no prior for covariance_type={setting.family.name!r}")
        mean = self._mean(setting)
        strength = positive_number("NormalWishart's mean_strength", self.mean_strength)
        exponent = self._exponent(setting)
        shared = setting.shared
        scale = self._scale(setting, exponent + (K if shared else 1))
        if kind is not POOLED:
            scale = np.broadcast_to(scale / K if shared else scale, kind.shape(K, D))
        count = np.full(K, 1.0 + (exponent / K if shared else exponent))
        means = np.broadcast_to(mean, (K, D))
        return Conjugate(base, means, np.full(K, strength), kind, scale, count, shared)

    def _mean(self, setting: Setting) -> Float64Array:
        if self.mean is None:
            mean: Float64Array = setting.measure(DIAGONAL).about_means()[1][0]
            return mean
        return finite_array("NormalWishart's mean", self.mean, (setting.n_features,))

    def _exponent(self, setting: Setting) -> float:
        """Return e of the factor |Σ|^(−e/2) in the density of one covariance matrix."""
        D, kind = setting.n_features, setting.family.scatter
        matrices = kind in (FULL, POOLED)
        least = D - 1 if matrices else 0
        given = self.degrees_of_freedom
        freedom = D + 2.0 if given is None else positive_number("NormalWishart's degrees_of_freedom", given)
        if freedom <= least:
            raise ParameterError(
                f"NormalWishart's degrees_of_freedom should be above {least}, one less than the number of "
                f"features, got {freedom:g}: the prior would be improper"
            )
        return freedom + D + 1 if matrices else (freedom + 2) / (D if kind is TRACE else 1)

    def _scale(self, setting: Setting, count: float) -> Float64Array:
        """Return Λ of one matrix, which counts so many rows, in the form of the family: (D, D), (D,) or a number."""
        D, kind = setting.n_features, setting.family.scatter
        if self.scale is None:
            rows = setting.measure(DIAGONAL).weight / (1 if setting.shared else setting.n_components)
            counted = count * (D if kind is TRACE else 1) if count > rows else 1.0
            return counted * _covariance_of_all(setting)
        if isinstance(self.scale, str):
            if self.scale != MCLUST:
                raise ParameterError(
                    f"NormalWishart's scale should be numbers or {MCLUST!r}, got {self.scale!r}"
                )
            whole = _covariance_of_all(setting)
            return whole if kind in (FULL, POOLED) else np.full_like(whole, whole.mean())
        rank = np.ndim(self.scale)
        most = 2 if kind in (FULL, POOLED) else 1 if kind is DIAGONAL else 0
        shapes = [(), (D,), (D, D)][: most + 1]
        if rank > most:
            raise ParameterError(
                f"NormalWishart's scale for covariance_type={setting.family.name!r} should have shape "
                f"{' or '.join(map(str, shapes))}, got {np.shape(self.scale)}"
            )
        scale = finite_array("NormalWishart's scale", self.scale, shapes[rank])
        _check_positive(scale)
        return scale if most < 2 or rank == 2 else np.diag(np.broadcast_to(scale, D))


def _covariance_of_all(setting: Setting) -> Float64Array:
    """Return the covariance of all rows over K^(2/D), in the form of the family."""
    D, kind = setting.n_features, setting.family.scatter
    rows = setting.measure(FULL if kind in (FULL, POOLED) else DIAGONAL)
    scatter = rows.about_means()[2][0]
    covariance = scatter / max(rows.weight - 1.0, 0.5 * rows.weight)
    if kind in (FULL, POOLED) and rows.weight < 2 * D:
        covariance = shrunk(covariance[None], setting.unit, np.array([rows.weight]), oracle_approximating)[0]
    elif kind is TRACE:
        covariance = covariance.mean()
    part: Float64Array = covariance / setting.n_components ** (2.0 / D)
    return part


def _check_positive(scale: Float64Array) -> None:
    if scale.ndim < 2:
        if scale.min() <= 0:
            raise ParameterError("NormalWishart's scale should be positive")
        return
    unit = np.sqrt(np.maximum(np.diagonal(scale), np.finfo(float).tiny))
    relative = scale / unit[:, None] / unit
    if not np.allclose(relative, relative.T) or np.linalg.eigvalsh(relative)[0] <= 0:
        raise ParameterError("NormalWishart's scale should be symmetric and positive definite")
