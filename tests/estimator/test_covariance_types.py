"""Families by code: their other names, their start parameters, and the two for one feature."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gaussmix import GaussianMixture
from gaussmix.covariance import CELEUX_GOVAERT


@pytest.mark.parametrize(
    ("code", "name"), [("VVV", "full"), ("EEE", "tied"), ("VVI", "diag"), ("VII", "spherical")]
)
def test_a_code_is_another_name(X: Any, code: str, name: str) -> None:
    one, other = (GaussianMixture(3, covariance_type=given, random_state=0).fit(X) for given in (code, name))
    np.testing.assert_array_equal(one.covariances_, other.covariances_)
    assert one.mixture_.covariance_type == name


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # of one iteration
@pytest.mark.parametrize("code", CELEUX_GOVAERT)
def test_the_precisions_of_a_fit_are_a_start(X: Any, code: str) -> None:
    fitted = GaussianMixture(3, covariance_type=code, init_params="kmeans", random_state=0).fit(X)
    start = {"weights": fitted.weights_, "means": fitted.means_, "precisions": fitted.precisions_}
    options = {f"{name}_init": value for name, value in start.items()}
    again = GaussianMixture(3, covariance_type=code, max_iter=1, tol=0.1, **options).fit(X)
    assert again.score(X) == pytest.approx(fitted.score(X), abs=1e-6)


def test_names_for_one_feature(X: Any) -> None:
    column = X[:, :1]
    one, other = (GaussianMixture(2, covariance_type=code, random_state=0).fit(column) for code in "EV")
    assert (one.mixture_.n_parameters, other.mixture_.n_parameters) == (4, 5)
    assert other.score(column) >= one.score(column)
    with pytest.raises(ValueError, match=r"covariance_type='E' is for data of one feature, but there are 3"):
        GaussianMixture(2, covariance_type="E").fit(X)
