"""Write the best log-likelihoods that a long multi-start search finds: ``python -m benchmark.best_known FILE``.

scikit-learn, 36 starts a fit, negligible regularisation. Optima that are spurious by the rule of ``outcome`` are
left out. It takes about ten minutes; the keys are data set / mclust's name of the family / components.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
import sklearn.mixture

from benchmark.data import Array
from benchmark.outcome import ONE_SCALE, scales
from benchmark.reference import ReferenceFit, canonical, floor_of, mclust, rows
from benchmark.tally import NEAR

_STARTS: Final = list(product(("kmeans", "random_from_data", "k-means++"), range(12)))
_OPTIONS: Final = {"tol": 1e-7, "max_iter": 3000, "reg_covar": 1e-9}
_SEARCHED: Final = ("full", "tied", "diag", "spherical")


def main() -> None:
    warnings.simplefilter("ignore")  # some starts collapse or do not converge
    best = {}
    for fit in mclust():
        if canonical(fit.model) in _SEARCHED and fit.n_components > 1:
            found = list(_optima(fit))
            hits = sum(value > max(found) - NEAR for value in found)
            best[fit.title] = {
                "loglik": max(found),
                "hits": hits,
                "starts": len(found),
                "mclust": fit.log_likelihood,
            }
            print(fit.title, best[fit.title])
    Path(sys.argv[1]).write_text(json.dumps(best, indent=1) + "\n")


def _optima(fit: ReferenceFit) -> Iterator[float]:
    """Yield the log-likelihood of each start's optimum that is not spurious, in nats."""
    X, kind = rows(fit.problem), canonical(fit.model)
    scale = scales(X, kind)
    floor = floor_of(fit.problem, fit.n_components, one_scale=kind in ONE_SCALE)
    for init, seed in _STARTS:
        model = sklearn.mixture.GaussianMixture(
            fit.n_components, covariance_type=kind, init_params=init, random_state=seed, **_OPTIONS
        )
        try:
            model.fit(X / scale)
        except ValueError:  # a component collapsed
            continue
        if np.linalg.eigvalsh(_dense(model, X.shape[1])).min() >= floor:
            yield len(X) * (model.score(X / scale) - float(np.log(scale).sum()))


def _dense(model: Any, n_features: int) -> Array:
    """Return the covariance matrices of a fit of scikit-learn, (K or 1, D, D)."""
    covariances, kind = model.covariances_, model.covariance_type
    if kind in ("full", "tied"):
        return np.asarray(covariances, np.float64).reshape(-1, n_features, n_features)
    variances = np.asarray(covariances, np.float64).reshape(len(covariances), -1)
    return np.asarray(variances[:, :, None] * np.eye(n_features), np.float64)


if __name__ == "__main__":
    main()
