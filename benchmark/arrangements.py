"""Simulated mixtures whose optima are hard to find, each kind for a reason of its own.

Components are drawn one after the other, each mean the remotest of several candidates, and then all means are
moved apart or together until the pairs have the wanted separation: distance over the sum of the two standard
deviations in its direction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from benchmark.data import Array

KINDS: Final = ("sep", "over", "uneq", "nest", "cigar", "pcigar")
_CANDIDATES: Final = 10  # for each mean
_SEPARATION: Final = {"sep": 2.5, "uneq": 1.5, "nest": 2.5, "pcigar": 2.0}
_OVERLAP: Final = 1.0  # separation of half of the components of "over" from their nearest
_UNEQUAL: Final = 40.0  # rows of the largest component for one of the smallest
_NESTED: Final = 0.2  # standard deviation of a component inside another, in those of the other
_NESTED_ROWS: Final = 0.4  # its share of the rows, in those of the other
_SLENDER: Final = 10.0  # a cigar's length over its width


@dataclass(frozen=True)
class Problem:
    """State a simulated data set; what distinguishes ``kind`` is said at ``_components``.

    Attributes
    ----------
    kind : str
    n_features, n_components, n_rows : int
    draw : int
        Other draws are other data of the same kind.
    """

    kind: str
    n_features: int
    n_components: int
    n_rows: int
    draw: int = 0

    @property
    def title(self) -> str:
        """The kind and the sizes."""
        return f"{self.kind} d{self.n_features} K{self.n_components} n{self.n_rows}"

    @property
    def large(self) -> bool:
        """Whether it has more than a thousand rows."""
        return self.n_rows > 1000


def draw_rows(problem: Problem, attempt: int = 0) -> tuple[Array, Array]:
    """Return the rows (N, D), and the component of each (N,); another ``attempt`` draws all anew."""
    sizes = (problem.n_features, problem.n_components, problem.n_rows)
    rng = np.random.default_rng([problem.draw, KINDS.index(problem.kind), *sizes, attempt])
    means, covariances = _components(problem, rng)
    labels = rng.permutation(np.repeat(np.arange(problem.n_components), _counts(problem, rng)))
    factors = np.linalg.cholesky(covariances)
    noise = rng.standard_normal((problem.n_rows, problem.n_features))
    return means[labels] + np.einsum("nde,ne->nd", factors[labels], noise), labels


def _counts(problem: Problem, rng: np.random.Generator) -> Array:
    """Return the rows of each component, (K,): up to threefold different, except where the kind says otherwise."""
    K, N = problem.n_components, problem.n_rows
    share = rng.uniform(1.0, 3.0, K)
    if problem.kind == "uneq":
        share = np.geomspace(1.0, 1.0 / _UNEQUAL, K)
    if problem.kind == "nest":
        share[1::2] = _NESTED_ROWS * share[: K // 2 * 2 : 2]
    least = 3 * (problem.n_features + 1)  # below, a component has no covariance to speak of
    counts = np.maximum(np.floor(share / share.sum() * N), least).astype(int)
    counts[counts.argmax()] += N - counts.sum()
    return counts


def _components(problem: Problem, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return means (K, D) and covariances (K, D, D).

    ``sep``: well apart. ``over``: half of the components overlap their neighbour heavily. ``uneq``: few rows in
    some components. ``nest``: every second component lies inside the one before it. ``cigar``: one long axis each,
    in random directions, crossing. ``pcigar``: one long axis, the same for all, oblique to the features.
    """
    D, K = problem.n_features, problem.n_components
    if problem.kind == "cigar":
        return _crossing(K, D, rng)
    if problem.kind == "pcigar":
        return _parallel(K, D, rng)
    if problem.kind == "nest":
        return _nested(K, D, rng)
    covariances = _random_covariances(K, D, rng)
    if problem.kind == "over":
        return apart(covariances, _OVERLAP, rng, typical=np.median), covariances
    return apart(covariances, _SEPARATION[problem.kind], rng), covariances


def _crossing(K: int, D: int, rng: np.random.Generator) -> tuple[Array, Array]:
    axes = rng.standard_normal((K, D))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    width = _SLENDER**-2
    covariances = width * np.eye(D) + (1 - width) * axes[:, :, None] * axes[:, None, :]
    return 0.5 * np.sqrt(K) * rng.standard_normal((K, D)), covariances


def _parallel(K: int, D: int, rng: np.random.Generator) -> tuple[Array, Array]:
    across = rng.uniform(0.7, 1.4, (K, 1, 1)) ** 2 * np.eye(D - 1)
    covariances = np.zeros((K, D, D))
    covariances[:, 0, 0] = _SLENDER**2
    covariances[:, 1:, 1:] = across
    means = np.column_stack([rng.uniform(-0.5, 0.5, K) * _SLENDER, apart(across, _SEPARATION["pcigar"], rng)])
    rotation = _rotations(1, D, rng)[0]
    return means @ rotation.T, rotation @ covariances @ rotation.T


def _nested(K: int, D: int, rng: np.random.Generator) -> tuple[Array, Array]:
    outer = _random_covariances((K + 1) // 2, D, rng)
    centres = apart(outer, _SEPARATION["nest"], rng)
    covariances, means = np.repeat(outer, 2, axis=0)[:K], np.repeat(centres, 2, axis=0)[:K]
    inside = slice(1, K, 2)
    offsets = rng.standard_normal((K // 2, D)) / np.sqrt(D)  # one standard deviation, or so
    means[inside] += np.einsum("kde,ke->kd", np.linalg.cholesky(covariances[inside]), offsets)
    covariances[inside] = _NESTED**2 * _random_covariances(K // 2, D, rng)
    return means, covariances


def _random_covariances(K: int, D: int, rng: np.random.Generator) -> Array:
    """Return covariances with eigenvalues of 0.1 to 1 in random directions, (K, D, D)."""
    axes = _rotations(K, D, rng)
    eigenvalues = np.exp(rng.uniform(np.log(0.1), 0.0, (K, 1, D)))
    return np.asarray(axes * eigenvalues @ axes.transpose(0, 2, 1), np.float64)


def _rotations(K: int, D: int, rng: np.random.Generator) -> Array:
    return np.asarray(np.linalg.qr(rng.standard_normal((K, D, D)))[0], np.float64)


def apart(
    covariances: Array,
    separation: float,
    rng: np.random.Generator,
    typical: Callable[[Array], Any] = np.min,
) -> Array:
    """Return means, (K, D), such that the ``typical`` separation of a component from its nearest is as given."""
    K, D = covariances.shape[:2]
    means = rng.standard_normal((1, D))
    while len(means) < K:
        candidates = rng.standard_normal((_CANDIDATES, D))
        distances = np.linalg.norm(candidates[:, None] - means, axis=2).min(axis=1)
        means = np.vstack([means, candidates[distances.argmax()]])
    if K == 1:
        return means
    return means * (separation / typical(_separations(means, covariances).min(axis=1)))


def _separations(means: Array, covariances: Array) -> Array:
    """Return the separation of each pair, (K, K), infinite on the diagonal."""
    K = len(means)
    separations = np.full((K, K), np.inf)
    for i in range(K):
        for j in range(i):
            way = means[i] - means[j]
            sd = np.sqrt([way @ covariances[k] @ way for k in (i, j)])  # times the distance
            separations[i, j] = separations[j, i] = way @ way / sd.sum()
    return separations
