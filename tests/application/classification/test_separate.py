"""Families and weights of the components of all classes."""

from __future__ import annotations

import numpy as np

from gaussmix.application.classification.separate import Separate, family_of_all
from gaussmix.application.classification.weights import GivenClassWeights
from gaussmix.covariance import FAMILIES

from ...mixtures import flat, random_scatter


def test_each_class_has_what_its_family_estimates_for_it_alone():
    W, count = random_scatter(np.random.default_rng(0), 5, 3), np.arange(10.0, 15.0)
    families = [FAMILIES["tied"], FAMILIES["EVE"], FAMILIES["spherical"]]
    family = Separate(families, (2, 2, 1))
    first = family.estimate(W, count, 3)
    again = family.estimate(W, count, 3, previous=first)
    for one, own in family.parts():
        alone = one.estimate(one.scatter.of_dense(W[own]), count[own], 3).to_dense()
        np.testing.assert_allclose(first.to_dense()[own], alone, rtol=1e-12)
        np.testing.assert_allclose(again.to_dense()[own], alone, rtol=1e-5)
    assert family.n_parameters(5, 3) == 6 + (1 + 2 * 2 + 3) + 1


def test_families_without_anything_in_common_stay_what_they_are():
    diagonal, tied = FAMILIES["diag"], FAMILIES["tied"]
    assert family_of_all([diagonal, diagonal], (1, 2)) is diagonal
    assert isinstance(family_of_all([tied, tied], (1, 2)), Separate)
    assert isinstance(family_of_all([diagonal, tied], (1, 2)), Separate)


def test_given_class_weights_are_shared_out_within_the_class():
    prior = GivenClassWeights(flat(2), np.array([0.3, 0.7]), np.array([0, 0, 1]))
    np.testing.assert_allclose(prior.mixing_weights(np.array([1.0, 2.0, 9.0])), [0.1, 0.2, 0.7])
    np.testing.assert_allclose(prior.mixing_weights(np.array([0.0, 0.0, 9.0])), [0.15, 0.15, 0.7])
    assert prior.n_weight_parameters(3) == 1
