"""Run scikit-learn's own tests of its BayesianGaussianMixture, from the installed scikit-learn, on ours.

As in ``test_sklearn_own_tests``; ``pytest -rs`` lists the tests that are left out and why.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from unittest import mock

import pytest

import gaussmix

MODULE = "sklearn.mixture.tests.test_bayesian_mixture"

# scikit-learn runs its tests with warnings shown; ours are told apart so that NumPy's stay errors.
pytestmark = pytest.mark.filterwarnings(
    "ignore::gaussmix.errors.DegenerateWarning", "ignore::sklearn.exceptions.ConvergenceWarning"
)

_PRIVATE = "tests scikit-learn's private {}, which has no counterpart here"
LEFT_OUT: dict[str, str] = {
    "test_log_dirichlet_norm": _PRIVATE.format("_log_dirichlet_norm"),
    "test_log_wishart_norm": _PRIVATE.format("_log_wishart_norm"),
    "test_compare_covar_type": _PRIVATE.format("BayesianGaussianMixture._initialize_parameters"),
}


def swapped(ours: Callable[..., object]) -> ModuleType:
    """Return scikit-learn's test module, executed anew with our class in place of theirs."""
    spec = find_spec(MODULE)
    module = module_from_spec(spec)
    with mock.patch("sklearn.mixture.BayesianGaussianMixture", ours):
        spec.loader.exec_module(module)
    return module


def own_tests(ours: Callable[..., object]) -> dict[str, object]:
    return {name: value for name, value in vars(swapped(ours)).items() if name.startswith("test_")}


FROM_K_MEANS = partial(
    gaussmix.BayesianGaussianMixture, init_params="kmeans"
)  # as scikit-learn's default does

for _name, _test in own_tests(FROM_K_MEANS).items():
    if _name not in LEFT_OUT:
        globals()[_name] = _test

for _name, _test in own_tests(gaussmix.BayesianGaussianMixture).items():
    if _name not in LEFT_OUT:
        globals()[f"{_name}_with_moves"] = pytest.mark.slow(_test)


@pytest.mark.parametrize("name", LEFT_OUT)
def test_left_out(name: str) -> None:
    assert name in own_tests(FROM_K_MEANS)
    pytest.skip(LEFT_OUT[name])
