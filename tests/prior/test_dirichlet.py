from __future__ import annotations

import numpy as np
import pytest

from gaussmix import GaussianMixture
from gaussmix.errors import ParameterError
from gaussmix.prior import Dirichlet

from ..mixtures import make_rows
from .beliefs import map_fit, resolved

X, _ = make_rows(n=60)


def test_the_mode_by_hand():
    prior = resolved(Dirichlet([1.0, 2.0, 6.0]), X, "full", 3)
    np.testing.assert_allclose(prior.mixing_weights(np.array([4.0, 0.0, 0.0])), [0.4, 0.1, 0.5])


def test_one_is_no_belief():
    one, _ = map_fit("full", Dirichlet(1.0), n_iter=5)
    prior = resolved(Dirichlet(1.0), X, "full", 3)
    assert prior.log_density(one.model) == 0.0
    assert prior.mixing_weights(np.array([1.0, 0.0, 3.0])).tolist() == [0.25, 0.0, 0.75]


def test_density_is_greatest_at_equal_weights():
    result, _ = map_fit("full", Dirichlet(1e9), n_iter=3)
    np.testing.assert_allclose(result.model.weights, 1 / 3, rtol=1e-6)


def test_components_keep_their_own_concentrations():
    prior = resolved(Dirichlet([1.0, 2.0, 6.0]), X, "full", 3)
    assert prior.select(np.array([2, 0])).n_rows.tolist() == [5.0, 0.0]


@pytest.mark.parametrize(
    ("concentration", "sentence"),
    [
        (0.5, "should be at least 1, got 0.5"),
        ([1.0, 0.0], "should be at least 1, got 0"),
        ([1.0, 1.0, 1.0], r"should have shape \(2,\), got \(3,\)"),
        (np.inf, "should be finite"),
        ("many", "should be an array of numbers"),
    ],
)
def test_bad_concentrations_are_refused(concentration, sentence):
    with pytest.raises(ParameterError, match=sentence):
        GaussianMixture(2, prior=Dirichlet(concentration)).fit(X)
