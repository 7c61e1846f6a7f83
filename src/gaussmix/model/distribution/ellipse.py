"""The ellipses of a mixture's components in two features, as a plot needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.types import Float64Array

if TYPE_CHECKING:
    from gaussmix.model.mixture import Mixture


@dataclass(frozen=True, slots=True, eq=False)
class Ellipses:
    """Hold one ellipse a component: the border of the smallest region that holds probability ``level`` of it.

    ``matplotlib.patches.Ellipse(centers[k], *2 * half_lengths[k], angle=angles[k])`` draws the k-th.

    Attributes
    ----------
    level : float
    centers : ndarray of shape (K, 2)
    half_lengths : ndarray of shape (K, 2)
        Of the longer and the shorter axis, in the units of the features.
    axes : ndarray of shape (K, 2, 2)
        Unit vectors: ``axes[k, 0]`` along the longer axis, ``axes[k, 1]`` a quarter turn to the left of it.
    angles : ndarray of shape (K,)
        From the first feature's axis to the longer axis, counter-clockwise, in degrees from −90 to 90.
    """

    level: float
    centers: Float64Array
    half_lengths: Float64Array
    axes: Float64Array
    angles: Float64Array

    def __len__(self) -> int:
        return len(self.centers)

    def points(self, n: int = 100) -> Float64Array:
        """Return closed outlines of ``n`` points, the last equal to the first, shape (K, n, 2)."""
        turn = np.linspace(0.0, 2 * np.pi, n)
        circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        circle[-1] = circle[0]
        return self.centers[:, None] + (circle * self.half_lengths[:, None]) @ self.axes


def ellipses(mixture: Mixture, level: float, features: Sequence[int]) -> Ellipses:
    """Return the ellipses; see ``Mixture.ellipses``. The chi-square quantile of 2 degrees is −2 log(1 − level)."""
    if not 0 < level < 1:
        raise ParameterError(f"level, the probability inside, should lie between 0 and 1, got {level!r}")
    D = mixture.n_features
    if len(features) != 2 or features[0] == features[1] or not all(f in range(D) for f in features):
        raise ParameterError(f"features should be two different numbers from 0 to {D - 1}, got {features!r}")
    pair = np.asarray(features)
    covariances = mixture.covariances.to_dense()[:, pair[:, None], pair]
    variances, vectors = np.linalg.eigh(covariances)
    longer = vectors[:, :, 1]
    longer = np.where((longer[:, :1] < 0) | ((longer[:, :1] == 0) & (longer[:, 1:] < 0)), -longer, longer)
    shorter = np.stack([-longer[:, 1], longer[:, 0]], axis=1)
    return Ellipses(
        level,
        mixture.means[:, pair],
        np.sqrt(-2 * np.log1p(-level) * np.maximum(variances[:, ::-1], 0.0)),
        np.stack([longer, shorter], axis=1),
        np.degrees(np.arctan2(longer[:, 1], longer[:, 0])),
    )
