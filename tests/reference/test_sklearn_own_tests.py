"""Run scikit-learn's own tests of its GaussianMixture, from the installed scikit-learn, on ours.

The modules are executed with ``sklearn.mixture.GaussianMixture`` replaced; ``pytest -rs`` on this file lists the
tests that are left out and why. As in scikit-learn's default run, ``global_dtype`` is float64: with float32 its
tests want float32 parameters, while ours are float64 for data of either precision.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from unittest import mock

import numpy as np
import pytest

import gaussmix

MODULES = ("sklearn.mixture.tests.test_gaussian_mixture", "sklearn.mixture.tests.test_mixture")

# scikit-learn runs its tests with warnings shown; ours are told apart so that NumPy's stay errors.
pytestmark = pytest.mark.filterwarnings(
    "ignore::gaussmix.errors.DegenerateWarning", "ignore::sklearn.exceptions.ConvergenceWarning"
)

_PRIVATE = "tests scikit-learn's private function {}, which has no counterpart here"
LEFT_OUT: dict[str, str] = {
    "test_suffstat_sk_full": _PRIVATE.format("_estimate_gaussian_covariances_full"),
    "test_suffstat_sk_tied": _PRIVATE.format("_estimate_gaussian_covariances_tied"),
    "test_suffstat_sk_diag": _PRIVATE.format("_estimate_gaussian_covariances_diag"),
    "test_gaussian_suffstat_sk_spherical": _PRIVATE.format("_estimate_gaussian_covariances_spherical"),
    "test_compute_log_det_cholesky": _PRIVATE.format("_compute_log_det_cholesky"),
    "test_gaussian_mixture_log_probabilities": _PRIVATE.format("_estimate_log_gaussian_prob"),
    "test_gaussian_mixture_precisions_init": _PRIVATE.format("GaussianMixture._initialize"),
    "test_gaussian_mixture_array_api_compliance": "array API inputs are converted, not computed with in place",
    "test_gaussian_mixture_raises_where_array_api_not_implemented": "array API, as above",
    "test_gaussian_mixture_all_init_does_not_estimate_gaussian_parameters": (
        "counts calls of scikit-learn's private _estimate_gaussian_parameters"
    ),
    "test_regularisation": (
        "collapsed components raise only with on_degenerate='raise', and the message then names the component: "
        "tests/faults/test_degenerate.py tests the same data"
    ),
}


# These compare fits of different lengths or many starts, from scikit-learn's default; ours is at the optimum at once.
FROM_K_MEANS = ("test_score", "test_gaussian_mixture_precisions_init_diag", "test_warm_start", "test_init")


def swapped(name: str, ours: Callable[..., object] = gaussmix.GaussianMixture) -> ModuleType:
    """Return scikit-learn's test module, executed anew with our class in place of theirs."""
    spec = find_spec(name)
    module = module_from_spec(spec)
    with mock.patch("sklearn.mixture.GaussianMixture", ours):
        spec.loader.exec_module(module)
    return module


def own_tests(module: ModuleType) -> dict[str, object]:
    return {name: value for name, value in vars(module).items() if name.startswith("test_")}


@pytest.fixture
def global_dtype() -> type:
    return np.float64


@pytest.fixture
def global_random_seed() -> int:
    return 42


def left_out(reason: str) -> Callable[[], None]:
    @pytest.mark.skip(reason=reason)
    def test() -> None: ...

    return test


for _module in MODULES:
    for _name, _test in own_tests(swapped(_module)).items():
        globals()[_name] = left_out(LEFT_OUT[_name]) if _name in LEFT_OUT else _test
    for _name, _test in own_tests(
        swapped(_module, partial(gaussmix.GaussianMixture, init_params="kmeans"))
    ).items():
        if _name in FROM_K_MEANS:
            globals()[_name] = _test


def test_the_list_of_tests_left_out_is_current() -> None:
    known = {name for module in MODULES for name in own_tests(sys.modules.get(module) or swapped(module))}
    assert set(LEFT_OUT) <= known
