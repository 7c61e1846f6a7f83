"""Mixtures of factor analysers on pictures of clothes: time of a pass, memory, held-out likelihood.

The pixels of Fashion-MNIST, 784 features, with the noise that rounding to bytes removed, so that the density is that
of a continuous variable. The pass of full covariances is timed on some of the rows, and the time is scaled up to all.

``python -m benchmark.factors N`` prints by how many bytes the peak of a process rises that fits N rows.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import warnings
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from threadpoolctl import threadpool_limits

from benchmark.clock import elapsed, least_times
from benchmark.data import Array
from benchmark.environment import ROOT
from benchmark.memory import peak
from benchmark.settings import Settings, say
from benchmark.table import ITSELF, OURS, Bar, Row, at_least, at_most
from gaussmix import GaussianMixture, Mixture
from gaussmix.covariance import FAMILIES, Dense

_FOLDER: Final = Path("/usr/share/datasets/fashion-mnist")  # Debian's package dataset-fashion-mnist
_FILES: Final = ("train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz")
_HEADER: Final = 16  # bytes before the pixels of an IDX file of images
_K, _Q = 20, 10
_DENSE_ROWS: Final = 1_152  # of the pass of full covariances
_TOL: Final = 1e-2  # nats a row, of log-likelihoods of a thousand
_OTHERS: Final = ("diag", "spherical")
_LEAST_ROWS: Final = 2_000
_LEARNT_ROWS: Final = 8_000  # fewer are too few for twenty components of 784 × 11 covariance parameters


@cache
def pictures(file: str) -> Array:
    """Return pictures as rows of 784 grey values between 0 and 1."""
    with gzip.open(_FOLDER / file) as stream:
        pixels = np.frombuffer(stream.read(), np.uint8, offset=_HEADER).reshape(-1, 28 * 28)
    return np.asarray((pixels + np.random.default_rng(0).random(pixels.shape)) / 256.0)


def measure(settings: Settings) -> Iterator[Row]:
    """Yield three rows if the pictures are there."""
    N = settings.rows(60_000, _LEAST_ROWS)
    shape = f"{N:,} × 784, K={_K}, {_Q} factors"
    one = f"factors: one pass, mfa {shape}, beside full on {_DENSE_ROWS} rows"
    memory = f"factors: memory of a fit over the data, {shape}"
    learnt = settings.rows(60_000, _LEARNT_ROWS)
    held_out = f"factors: held-out gain over diag and spherical, {learnt:,} rows learnt"
    if not any(map(settings.wants, (one, memory, held_out))):
        return
    try:
        X = pictures(_FILES[0])
    except OSError as error:
        say(f"factors is left out: {error}")
        return
    if settings.wants(one):
        say(one)
        yield Row(one, _passes(X[:N], settings), bars=[Bar(ITSELF, 5.0, "≥ 5× full")])
    if settings.wants(memory):
        say(memory)
        yield Row(memory, {OURS: _in_process(N) / 1e6}, unit="MB", bars=[at_most(100, "MB")])
    if settings.wants(held_out):
        say(held_out)
        yield Row(held_out, {OURS: _gain(X[:learnt])}, unit="nats", bars=[at_least(0, "nats")])


def _passes(X: Array, settings: Settings) -> dict[str, float]:
    """Return the milliseconds of one E-step and M-step on all rows, on one thread."""
    mixture = _fit(X[:_LEAST_ROWS], "mfa", max_iter=3).mixture_
    dense = Mixture(
        mixture.weights,
        mixture.means,
        Dense.from_covariances(mixture.covariances.to_dense()),
        FAMILIES["full"],
        mixture.prior,
        mixture.collapsed,
    )
    some = X[:_DENSE_ROWS]

    def full() -> float:
        moments: list[Any] = []
        step = elapsed(lambda: moments.append(dense.e_step(some)))
        return step * len(X) / len(some) + elapsed(lambda: dense.m_step(moments[0]))

    ours = partial(elapsed, lambda: mixture.m_step(mixture.e_step(X)))
    with threadpool_limits(1, "blas"):  # as in the blocks of a fit
        seconds = least_times({OURS: ours, ITSELF: full}, settings.patience)
    return {name: 1e3 * value for name, value in seconds.items()}


def _gain(X: Array) -> float:
    """Return by how much the held-out log-likelihood of a row exceeds that of the better of two other families."""
    test = pictures(_FILES[1])
    scores = {name: _fit(X, name, tol=_TOL).score(test) for name in ("mfa", *_OTHERS)}
    say(", ".join(f"{name} {score:,.1f}" for name, score in scores.items()) + " nats a row")
    return scores["mfa"] - max(scores[name] for name in _OTHERS)


def _fit(X: Array, covariance_type: str, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a few iterations do not converge
        model = GaussianMixture(
            _K,
            covariance_type=covariance_type,
            n_factors=_Q,
            init_params="kmeans",
            random_state=0,
            **options,
        )
        return model.fit(X)


def _in_process(n_rows: int) -> float:
    command = [sys.executable, "-m", "benchmark.factors", str(n_rows)]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def _risen(n_rows: int) -> int:
    """Return the bytes by which the peak rose while a mixture was fitted to normal rows, which are made in place."""
    X = np.random.default_rng(0).standard_normal((n_rows, 784))
    before = peak()
    _fit(X, "mfa", max_iter=3)
    return peak() - before


if __name__ == "__main__":
    print(_risen(int(sys.argv[1])))
