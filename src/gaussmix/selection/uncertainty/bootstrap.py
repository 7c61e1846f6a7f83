"""The weighted-likelihood bootstrap: refits to rows with random weights (Newton & Raftery 1994).

Each row's weight is drawn from the exponential distribution, so that their shares are uniform on the simplex; a row
of weight w, which counts as w rows, draws from the gamma distribution of shape w. No row is ever lost, unlike in a
bootstrap of rows, so that few refits collapse (O'Hagan et al. 2019). Each refit starts at the fit, and its
components are put into the order of the fit's.

References
----------
Newton & Raftery (1994), Approximate Bayesian inference with the weighted likelihood bootstrap, JRSS B 56.

O'Hagan, Murphy, Scrucca & Gormley (2019), Investigation of parameter uncertainty in clustering using a Gaussian
mixture model via jackknife, bootstrap and weighted likelihood bootstrap, Computational Statistics 34.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np

from gaussmix.errors import DegenerateError, DegenerateWarning
from gaussmix.fit import FitResult
from gaussmix.model import Mixture
from gaussmix.selection.uncertainty.layout import Layout
from gaussmix.selection.uncertainty.relabelling import relabelled
from gaussmix.source import Source
from gaussmix.types import Float64Array

_LEAST_SHARE: Final = 0.5  # of the refits that must not have collapsed


@dataclass(frozen=True)
class WeightedBootstrap:
    """Draw the parameters that a fit might have had.

    Parameters
    ----------
    refit : callable
        ``(source) -> FitResult``, started at the fit.
    n_resamples : int
        B.
    n_threads : int
        The draws do not depend on it.
    """

    refit: Callable[[Source], FitResult[Mixture]]
    n_resamples: int
    n_threads: int

    def __call__(self, mixture: Mixture, source: Source, seed: np.random.SeedSequence) -> Float64Array:
        """Return the parameters of the refits as rows in the order of ``Layout``, shape (B, P).

        Refits in which a component collapsed are left out.

        Raises
        ------
        DegenerateError
            If that is every other refit.
        """
        layout = Layout.of(mixture)
        shape = np.ones(source.n_rows) if source.sample_weight is None else source.sample_weight

        def draw(seed: np.random.SeedSequence) -> Float64Array | None:
            rng = np.random.default_rng(seed)
            result = self.refit(source.with_weight(rng.standard_gamma(shape)))
            if result.collapses or result.model.n_components != mixture.n_components:
                return None
            return layout.pack(relabelled(result.model, mixture))

        with ThreadPoolExecutor(self.n_threads, thread_name_prefix="gaussmix-bootstrap") as pool:
            drawn = list(pool.map(draw, seed.spawn(self.n_resamples)))
        draws = [vector for vector in drawn if vector is not None]
        self._tell(self.n_resamples - len(draws))
        return np.array(draws)

    def _tell(self, n_collapsed: int) -> None:
        if n_collapsed > _LEAST_SHARE * self.n_resamples:
            raise DegenerateError(
                f"a component collapsed in {n_collapsed} of {self.n_resamples} refits to reweighted rows: the rows "
                "do not support so many components"
            )
        if n_collapsed:
            warnings.warn(
                f"a component collapsed in {n_collapsed} of {self.n_resamples} refits to reweighted rows; these are "
                "left out, so that the errors are rather too small",
                DegenerateWarning,
                stacklevel=5,
            )
