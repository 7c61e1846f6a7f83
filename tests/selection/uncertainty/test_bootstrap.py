from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES
from gaussmix.errors import DegenerateError, DegenerateWarning, ParameterError
from gaussmix.executor import Serial
from gaussmix.fit import Collapse, fit_em
from gaussmix.model import Mixture
from gaussmix.selection import WeightedBootstrap, by_bootstrap, by_information
from gaussmix.selection.uncertainty.relabelling import relabelled
from gaussmix.source import ArraySource

from ...mixtures import assert_same_mixture, make_mixture
from .curvature import overlapping


def bootstrap(mixture, X, weight=None, n_resamples=20, n_threads=1, level=0.95):
    def refit(source):
        return fit_em(mixture, source.partitions(500), Serial(), tol=1e-7, max_iter=200)

    draws = WeightedBootstrap(refit, n_resamples, n_threads)
    return by_bootstrap(mixture, ArraySource(X, weight), draws, np.random.SeedSequence(5), level=level)


@pytest.mark.parametrize("name", ["full", "spherical"])
def test_errors_are_near_those_of_the_information(name):
    X, weight, mixture = overlapping(name, n=600, spread=4.0)
    found = bootstrap(mixture, X, weight, n_resamples=150)
    expected = by_information(mixture, ArraySource(X, weight), Serial())
    np.testing.assert_allclose(found.standard_errors, expected.standard_errors, rtol=0.3)
    assert np.median(np.abs(found.standard_errors / expected.standard_errors - 1)) < 0.1


def test_threads_do_not_change_the_draws():
    X, weight, mixture = overlapping("diag")
    assert np.array_equal(
        bootstrap(mixture, X, weight).draws, bootstrap(mixture, X, weight, n_threads=3).draws
    )


def test_limits_are_quantiles_of_the_draws():
    X, _, mixture = overlapping("full")
    found = bootstrap(mixture, X, n_resamples=21, level=0.9)
    np.testing.assert_allclose(found.intervals[:, 0], np.sort(found.draws, axis=0)[1])
    np.testing.assert_allclose(found.standard_errors, found.draws.std(axis=0, ddof=1))


@pytest.mark.parametrize("factor", [1.0, 100.0])
def test_a_weight_counts_rows(factor):
    X, weight, mixture = overlapping("diag", spread=4.0)
    one = bootstrap(mixture, X, factor * weight, n_resamples=100).means_error
    expected = by_information(mixture, ArraySource(X, weight), Serial()).means_error / np.sqrt(factor)
    np.testing.assert_allclose(one, expected, rtol=0.4)


@pytest.mark.parametrize("name", FAMILIES)
def test_relabelling_undoes_a_permutation(name):
    mixture = make_mixture(name, K=5, D=3)
    order = np.random.default_rng(0).permutation(5)
    assert_same_mixture(relabelled(mixture.select(order), mixture), mixture, rtol=1e-12)


def test_relabelling_tells_components_of_the_same_mean_apart():
    wide = Mixture.from_parameters([0.5, 0.5], np.zeros((2, 2)), [1.0, 25.0], "spherical")
    narrow_first = Mixture.from_parameters([0.4, 0.6], 0.1 * np.ones((2, 2)), [20.0, 2.0], "spherical")
    assert relabelled(narrow_first, wide).weights.tolist() == [0.6, 0.4]


def test_refits_that_collapsed_are_left_out_and_told():
    X, _, mixture = overlapping("diag")

    def refits(every):
        calls = iter(range(100))

        def refit(source):
            result = fit_em(mixture, source.partitions(500), Serial(), tol=1e-3, max_iter=5)
            collapses = [] if next(calls) % every else [Collapse(1, 0, 0.0, "", "")]
            return replace(result, collapses=collapses)

        seed = np.random.SeedSequence(5)
        return by_bootstrap(mixture, ArraySource(X), WeightedBootstrap(refit, 10, 1), seed)

    with pytest.warns(DegenerateWarning, match="collapsed in 2 of 10 refits"):
        assert len(refits(5).draws) == 8
    with pytest.raises(DegenerateError, match="10 of 10"):
        refits(1)


@pytest.mark.parametrize("n_resamples", [1, 2.5, -3])
def test_a_wrong_number_of_refits_is_refused(n_resamples):
    X, _, mixture = overlapping("diag")
    with pytest.raises(ParameterError, match="n_resamples"):
        bootstrap(mixture, X, n_resamples=n_resamples)
