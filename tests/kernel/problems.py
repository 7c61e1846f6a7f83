"""Problems that the kernel's tests share: rows, parameters and buffers for each representation."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import numpy as np

from gaussmix import kernel
from gaussmix.kernel import reference

KINDS = ("dense", "shared", "diagonal", "spherical")
DTYPES = (np.float64, np.float32)
NATIVE = tuple(kernel.implementation(name) for name in kernel.available()[1:])


@dataclass(frozen=True)
class Problem:
    """Rows and parameters of a mixture; `precision` as the representation `kind` has it."""

    kind: str
    X: np.ndarray
    log_constant: np.ndarray
    means: np.ndarray
    precision: np.ndarray

    @property
    def second_shape(self) -> tuple[int, ...]:
        K, D = self.means.shape
        return {"dense": (K, D, D), "shared": (D, D), "diagonal": (K, D), "spherical": (K,)}[self.kind]

    def moments(self, implementation: ModuleType, weight=None, hard: bool = False) -> np.ndarray:
        out = np.full(2 + len(self.means) + self.means.size + np.prod(self.second_shape), np.nan)
        run = getattr(implementation, f"{self.kind}_moments")
        run(self.X, weight, self.log_constant, self.means, self.precision, out, hard)
        return out

    def split(self, out: np.ndarray) -> dict[str, np.ndarray]:
        K, D = self.means.shape
        ends = np.cumsum([1, 1, K, K * D])
        names = ("log_likelihood", "weight", "count", "first", "second")
        return dict(zip(names, np.split(out, ends), strict=True))

    def evaluate(self, implementation: ModuleType, what: int) -> np.ndarray:
        shape = (len(self.X), len(self.means))[: 2 if what < 2 else 1]
        out = np.empty(shape, np.int64 if what == 3 else self.X.dtype)
        run = getattr(implementation, f"{self.kind}_evaluate")
        run(self.X, self.log_constant, self.means, self.precision, what, out)
        return out


def make_problem(
    kind="dense", n=100, D=3, K=3, dtype=np.float64, offset=0.0, separation=3.0, seed=0
) -> Problem:
    rng = np.random.default_rng([seed, n, D, K])
    means = offset + separation * rng.normal(size=(K, D))
    X = (means[rng.integers(0, K, n)] + rng.normal(size=(n, D))).astype(dtype)
    factors = np.tril(0.3 * rng.normal(size=(K, D, D)) / np.sqrt(D)) + np.eye(D)
    roots = np.exp(0.2 * rng.normal(size=(K, D)))
    precision = {"dense": factors, "shared": factors[0], "diagonal": roots, "spherical": roots[:, 0]}[kind]
    log_constant = np.log(rng.dirichlet(np.full(K, 5.0)))
    means = means + 0.1 * rng.normal(size=(K, D))
    return Problem(kind, X, log_constant, means, np.ascontiguousarray(precision))


def assert_same_moments(problem: Problem, out: np.ndarray, expected: np.ndarray) -> None:
    """Compare each part of the moments relative to its largest value."""
    parts = problem.split(expected)
    for name, values in problem.split(out).items():
        scale = np.abs(parts[name]).max(initial=1e-300)
        tolerance = 1e-12 if problem.X.dtype == np.float64 else 4e-5
        np.testing.assert_allclose(values / scale, parts[name] / scale, rtol=0, atol=tolerance, err_msg=name)


def check_moments(problem: Problem, weight=None, hard: bool = False) -> None:
    """Compare every compiled kernel of this machine with the reference."""
    expected = problem.moments(reference, weight, hard)
    for native in NATIVE:
        assert_same_moments(problem, problem.moments(native, weight, hard), expected)


def with_fields(problem: Problem, **fields: np.ndarray) -> Problem:
    return Problem(**{**vars(problem), **fields})
