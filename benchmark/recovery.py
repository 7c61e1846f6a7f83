"""Whether BIC finds the model that made the data: two or three components in the plane, of every family.

A covariance is volume × orientation × shape × orientation' (Celeux & Govaert 1995, Pattern Recognition 28); a
family says which of the three are equal in all components. What may differ here differs clearly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmark.arrangements import apart
from benchmark.data import Array
from benchmark.outcome import in_processes
from benchmark.reference import canonical
from benchmark.searches import missing, search
from benchmark.settings import Settings, say
from benchmark.table import OURS, Row, at_least
from benchmark.tally import percentage
from gaussmix.covariance import resolve_family

CODES: Final = (
    "EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV",
)  # fmt: skip
_NAME: Final = "recovery"
_ROWS_A_PARAMETER: Final = 100
_SEPARATION: Final = 1.5  # distance over the sum of standard deviations: one row in fifteen is misplaced
_LARGEST: Final = 4  # components searched for
_MOST_SEEDS: Final = 4
_VOLUMES: Final = (0.5, 2.0)  # determinant^(1/D) from the smallest component to the largest
_ASPECTS: Final = (
    3.0,
    10.0,
)  # long variance over short; if they differ, from the roundest to the most slender
_JITTER: Final = 0.1  # of logarithms, and radians


@dataclass(frozen=True)
class Replicate:
    """State a simulated data set and its true model."""

    code: str
    n_components: int
    seed: int
    draw: int
    scale: int = 1

    @property
    def title(self) -> str:
        """The family, the components and the seed."""
        return f"{self.code} K={self.n_components}, seed {self.seed}"


def measure(settings: Settings) -> Iterator[Row]:
    """Yield the share of replicates whose model is found, for each family and over all."""
    codes = [code for code in CODES if settings.wants(f"{_NAME}: {code}")]
    if codes and missing():
        say(f"{_NAME} is left out: {missing()}")
        return
    replicates = [
        Replicate(code, 2 + seed % 2, seed, settings.draw, settings.scale)
        for code in codes
        for seed in range(min(settings.n_seeds, _MOST_SEEDS))
    ]
    hits: dict[str, list[bool]] = defaultdict(list)
    for replicate, found in zip(
        replicates, in_processes(_found, replicates, settings.n_processes), strict=True
    ):
        hits[replicate.code].append(found == (replicate.code, replicate.n_components))
        if not hits[replicate.code][-1]:
            say(f"{_NAME}: {replicate.title}: found {found[0]} K={found[1]}")
    for code, one in hits.items():
        yield Row(f"{_NAME}: {code}, {len(one)} replicates", {OURS: percentage(one)}, "%")
    if hits:
        every = [hit for one in hits.values() for hit in one]
        title = f"{_NAME}: K and family, {len(every)} replicates"
        yield Row(title, {OURS: percentage(every)}, "%", [at_least(90, "%")])


def draw_rows(replicate: Replicate) -> Array:
    """Return rows of a random mixture of the family, (N, 2)."""
    K = replicate.n_components
    rng = np.random.default_rng([replicate.draw, CODES.index(replicate.code), K, replicate.seed])
    covariances = random_covariances(replicate.code, K, rng)
    means = apart(covariances, _SEPARATION, rng)
    n_parameters = resolve_family(canonical(replicate.code)).n_parameters(K, 2) + K * (2 + 1) - 1
    share = rng.uniform(1.0, 2.0, K)
    n_rows = max(_ROWS_A_PARAMETER * n_parameters // replicate.scale, 10 * K)
    labels = rng.choice(K, n_rows, p=share / share.sum())
    noise = rng.standard_normal((n_rows, 2))
    return means[labels] + np.einsum("nde,ne->nd", np.linalg.cholesky(covariances)[labels], noise)


def random_covariances(code: str, n_components: int, rng: np.random.Generator) -> Array:
    """Return random covariances of a family in the plane, (K, 2, 2)."""
    K = n_components
    volume, shape, orientation = code
    volumes = _levels(_VOLUMES, K, rng, differ=volume == "V")
    aspects = np.ones(K) if shape == "I" else _levels(_ASPECTS, K, rng, differ=shape == "V")
    # Never a right angle apart: then two components have the same axes.
    turns = np.arange(K) / max(K, 3) if orientation == "V" else np.zeros(K)
    first = rng.uniform(np.pi / 8, 3 * np.pi / 8)  # oblique: not one of the families along the axes
    angles = (
        np.zeros(K)
        if orientation == "I"
        else first + np.pi * turns + _JITTER * turns * rng.standard_normal(K)
    )
    axes = np.array([[np.cos(angles), -np.sin(angles)], [np.sin(angles), np.cos(angles)]]).transpose(2, 0, 1)
    eigenvalues = volumes[:, None] * np.sqrt(np.column_stack([aspects, 1 / aspects]))
    return np.asarray(axes * eigenvalues[:, None] @ axes.transpose(0, 2, 1), np.float64)


def _levels(ends: tuple[float, float], K: int, rng: np.random.Generator, *, differ: bool) -> Array:
    """Return a value for each component, (K,), between the ends on a logarithmic scale: different ones, or one."""
    low, high = np.log(ends)
    if not differ:
        return np.full(K, np.exp(rng.uniform(low, high)))
    levels = rng.permutation(np.linspace(low, high, K)) + _JITTER * rng.standard_normal(K)
    return np.asarray(np.exp(levels), np.float64)


def _found(replicate: Replicate) -> tuple[str, int]:
    """Return the family and the number of components that BIC chooses."""
    best, _ = search(draw_rows(replicate), _LARGEST, replicate.seed)
    chosen = canonical(best.covariance_type)
    return next((code for code in CODES if canonical(code) == chosen), chosen), best.n_components
