"""All modes of a mixture's density: ascents from where modes can be, merged, without the saddles.

Critical points lie on the ridgeline x(α) = (Σ_k α_k Σ_k⁻¹)⁻¹ Σ_k α_k Σ_k⁻¹ μ_k, α in the simplex (Ray & Lindsay
2005, Theorem 1). A mixture can have more modes than components (Carreira-Perpiñán & Williams 2003), so that the
means alone are too few starts. Ascents begin at

- every mean: α is a corner of the simplex;
- every maximum of the density along the ridgeline of two components: an edge. For K = 2 these are all modes;
- the middle of a face, α = ⅓ on three neighbours, and the middle of the simplex.

References
----------
Ray & Lindsay (2005), The topography of multivariate normal mixtures, Annals of Statistics 33.
Carreira-Perpiñán & Williams (2003), On the number of modes of a Gaussian mixture, Scale-Space Methods in Computer
Vision, Lecture Notes in Computer Science 2695.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np

from gaussmix.model.distribution.ascent import climb, log_density, terrain
from gaussmix.model.distribution.components import Components, common_units
from gaussmix.types import Float64Array, IntArray

if TYPE_CHECKING:
    from gaussmix.model.mixture import Mixture

_ON_EDGE: Final = np.linspace(0.0, 1.0, 33)  # where the density along two components' ridgeline is looked at
_NEIGHBOURS: Final = 8  # of a component, among which faces are taken
_WORK: Final = 5e8  # flops for the starts beyond the means, about: all pairs of 100 components of 3 features
_ASCENT_STEPS: Final = 30  # of an ordinary ascent
_NUDGE: Final = 0.1  # standard deviations off a saddle
_SADDLE: Final = -1e-6  # a curvature below this, relative to the precision, is a way up
_SAME: Final = 1e-3  # standard deviations between ends of one mode


@dataclass(frozen=True, slots=True, eq=False)
class Modes:
    """Hold the local maxima of a density, the highest first.

    Attributes
    ----------
    points : ndarray of shape (M, D)
    log_density : ndarray of shape (M,)
        log p at the points, in nats.
    of_component : ndarray of shape (K,)
        The mode that the ascent from each component's mean ends in.
    """

    points: Float64Array
    log_density: Float64Array
    of_component: IntArray

    def __len__(self) -> int:
        return len(self.points)


def find_modes(mixture: Mixture) -> Modes:
    """Return the modes; see ``Mixture.modes``."""
    components = common_units(mixture)[0]
    means = (mixture.means - components.centre) / components.scale  # of components without weight as well
    starts = np.concatenate([means, *_ridgeline_starts(components)])
    ends = _off_saddles(components, climb(components, starts))
    points, mode_of_end = _distinct(components, ends)
    points = components.centre + components.scale * points
    heights = np.asarray(mixture.log_prob(points), dtype=np.float64)
    return Modes(points, heights, mode_of_end[: len(means)])


def _off_saddles(components: Components, ends: Float64Array) -> Float64Array:
    """Return maxima: an end at a saddle is nudged to both sides and climbs on, the other side as one more end."""
    for _ in range(components.means.shape[1] + 1):
        here = terrain(components, ends)
        saddle = here.curvature[:, 0] < _SADDLE
        if not saddle.any():
            break
        way_up = _NUDGE * np.einsum("sab,sb->sa", here.root[saddle], here.directions[saddle, :, 0])
        sides = climb(components, np.concatenate([ends[saddle] + way_up, ends[saddle] - way_up]))
        ends[saddle] = sides[: len(way_up)]
        ends = np.concatenate([ends, sides[len(way_up) :]])
    return ends


def _distinct(components: Components, ends: Float64Array) -> tuple[Float64Array, IntArray]:
    """Return the distinct maxima, the highest first, and the number of the one that each end is."""
    here = terrain(components, ends)
    order = np.argsort(-log_density(components, ends), kind="stable")
    order = order[here.curvature[order, 0] >= _SADDLE]
    chosen: list[int] = []
    number = np.full(len(ends), -1)
    for end in order:
        if number[end] < 0:
            apart = ends - ends[end]
            square = np.einsum("sa,ab,sb->s", apart, here.precision[end], apart)
            number[(number < 0) & (square < _SAME**2)] = len(chosen)
            chosen.append(int(end))
    return ends[chosen], number


def _ridgeline_starts(components: Components) -> list[Float64Array]:
    """Return points of the ridgeline other than the means: of edges, faces and the middle of the simplex."""
    K, D = components.means.shape
    if K == 1:
        return []
    nearness = _nearness(components)
    pairs = np.array(list(combinations(range(K), 2)))
    pairs = pairs[np.argsort(nearness[pairs[:, 0], pairs[:, 1]], kind="stable")]
    pairs = pairs[: max(K, int(_WORK / (len(_ON_EDGE) * D * D * (D + K))))]
    faces = _faces(nearness)[: int(_WORK / (_ASCENT_STEPS * K * D * (D + 10)))]
    middle = _ridgeline(components, np.arange(K)[None], np.full((1, K), 1 / K))
    return [
        _edge_maxima(components, pairs),
        _ridgeline(components, faces, np.full((1, 3), 1 / 3))[:, 0],
        middle[0],
    ]


def _nearness(components: Components) -> Float64Array:
    """Return the squared Mahalanobis distance of two means under the covariance that finds them nearer, (K, K)."""
    K = len(components)
    squares = np.empty((K, K))
    for k in range(K):
        whitened = (components.means - components.means[k]) @ components.whitening[k].T
        squares[k] = np.square(whitened).sum(axis=1)
    return np.minimum(squares, squares.T)


def _faces(nearness: Float64Array) -> IntArray:
    """Return triples of a component and two of its nearest neighbours, the closest first, shape (F, 3)."""
    K = len(nearness)
    others = np.argsort(nearness, axis=1, kind="stable")[:, : _NEIGHBOURS + 1]
    triples = {
        tuple(sorted((k, *pair)))
        for k in range(K)
        for pair in combinations([n for n in others[k] if n != k], 2)
    }
    faces = np.array(sorted(triples), dtype=np.intp).reshape(-1, 3)
    i, j, k = faces.T
    return faces[np.argsort(nearness[i, j] + nearness[j, k] + nearness[i, k], kind="stable")]


def _edge_maxima(components: Components, pairs: IntArray) -> Float64Array:
    """Return the maxima of the density along the ridgelines of pairs of components, without the ends."""
    along = _ridgeline(components, pairs, np.stack([1 - _ON_EDGE, _ON_EDGE], axis=1))  # (F, T, D)
    height = log_density(components, along.reshape(-1, along.shape[2])).reshape(along.shape[:2])
    inner = (height[:, 1:-1] > height[:, :-2]) & (height[:, 1:-1] >= height[:, 2:])
    return along[:, 1:-1][inner]


def _ridgeline(components: Components, members: IntArray, alpha: Float64Array) -> Float64Array:
    """Return x(α) of each set of components in ``members`` (F, m) at each row of ``alpha`` (T, m), (F, T, D)."""
    D = components.means.shape[1]
    precisions = components.dense.precisions()
    points = np.empty((len(members), len(alpha), D))
    for f, face in enumerate(members):
        first = components.means[face[0]]
        pulls = (precisions[face] @ (components.means[face] - first)[:, :, None])[:, :, 0]
        mean_precision = (alpha @ precisions[face].reshape(-1, D * D)).reshape(-1, D, D)
        points[f] = first + np.linalg.solve(mean_precision, (alpha @ pulls)[:, :, None])[:, :, 0]
    return points
