"""The bootstrap likelihood-ratio test of one more component (McLachlan 1987).

The statistic 2 (log L(K + 1) − log L(K)) follows no χ² law, because the smaller model lies on the border of the
larger. So its distribution is simulated: rows are drawn from the fitted K components, and both models are fitted to
each draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np

from gaussmix.model import Mixture
from gaussmix.source import ArraySource, Source
from gaussmix.types import Float64Array

_TIED: Final = 1e-9  # of log-likelihood per row: statistics that differ by less are equal


@dataclass(frozen=True, slots=True, eq=False)
class LikelihoodRatioTest:
    """Hold the test of K components against K + 1.

    Attributes
    ----------
    n_components : int
        K.
    statistic : float
        2 (log L(K + 1) − log L(K)).
    p_value : float
        (b + 1) / (B + 1), with b of B simulated statistics at least as large.
    simulated : ndarray of shape (B,)
    """

    n_components: int
    statistic: float
    p_value: float
    simulated: Float64Array


# (rows, K, seed) -> the statistic, and the fit of K components
Statistic = Callable[[Source, int, np.random.SeedSequence], tuple[float, Mixture]]


@dataclass(frozen=True)
class BootstrapTest:
    """Test K against K + 1 components, for growing K.

    Parameters
    ----------
    statistic : callable
        ``(source, n_components, seed) -> (statistic, mixture)``, with the fit of ``n_components`` as mixture.
    n_bootstrap : int
        B, the draws for each K.
    level : float
        The tests end with the first whose p-value is above it.
    n_threads : int
        The p-values do not depend on it.
    """

    statistic: Statistic
    n_bootstrap: int
    level: float
    n_threads: int

    def __call__(
        self, source: Source, n_components: Iterable[int], seed: np.random.SeedSequence
    ) -> list[LikelihoodRatioTest]:
        """Return the tests, up to the first that finds no need of one more component."""
        tests = []
        for K in n_components:
            tests.append(self._test(source, K, seed.spawn(1)[0]))
            if tests[-1].p_value > self.level:
                break
        return tests

    def _test(self, source: Source, n_components: int, seed: np.random.SeedSequence) -> LikelihoodRatioTest:
        observed, mixture = self.statistic(source, n_components, seed)
        weight = source.sample_weight
        n_rows = source.n_rows if weight is None else max(2, round(float(weight.sum())))

        def simulate(seed: np.random.SeedSequence) -> float:
            X, _ = mixture.sample(n_rows, np.random.default_rng(seed))
            return self.statistic(ArraySource(X), n_components, seed)[0]

        with ThreadPoolExecutor(self.n_threads, thread_name_prefix="gaussmix-bootstrap") as pool:
            simulated = np.array(list(pool.map(simulate, seed.spawn(self.n_bootstrap))))
        reached = int((simulated >= observed - _TIED * n_rows).sum())
        return LikelihoodRatioTest(n_components, observed, (reached + 1) / (self.n_bootstrap + 1), simulated)
