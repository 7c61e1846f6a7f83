from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES
from gaussmix.executor import Serial
from gaussmix.selection import consistent, measure
from gaussmix.selection.nesting import embedded, split
from gaussmix.selection.outcome import OK, Fitted, Outcome
from gaussmix.source import ArraySource

from ..mixtures import fit, make_mixture, make_rows
from .cells import make_cells

X, _ = make_rows(200)


class Fitter:
    """EM on X, or the start as it is."""

    def go_on(self, cell, start, *, iterate):
        result = fit(start, X, n_iter=30 if iterate else 1)
        model = result.model if iterate else start
        return Fitted(result, measure(model, ArraySource(X).partitions(200), Serial()), False)


def outcome(cell, seed):
    """Return a cell's fit after one iteration from somewhere."""
    result = fit(make_mixture(cell.family.name, cell.n_components, seed=seed), X, n_iter=1)
    return Outcome(
        cell, OK, Fitted(result, measure(result.model, ArraySource(X).partitions(200), Serial()), False)
    )


def likelihoods(outcomes):
    return {str(o.cell): o.fitted.evidence.log_likelihood for o in outcomes}


@pytest.mark.parametrize("apart", [0.0, 0.5])
def test_split_halves_the_heaviest(apart):
    mixture = make_mixture(K=2)
    larger = split(mixture, 4, apart)
    assert larger.n_components == 4
    np.testing.assert_allclose(larger.weights @ larger.means, mixture.weights @ mixture.means)
    assert np.allclose(larger.log_prob(X), mixture.log_prob(X)) == (apart == 0.0)


@pytest.mark.parametrize(("poorer", "richer"), [("spherical", "diag"), ("tied", "full"), ("diag", "full")])
def test_embedded_is_the_same_density(poorer, richer):
    mixture = make_mixture(poorer)
    np.testing.assert_allclose(
        embedded(mixture, FAMILIES[richer]).log_prob(X), mixture.log_prob(X), rtol=1e-9
    )


def test_a_richer_cell_is_never_below_a_poorer_one():
    cells = make_cells((1, 2, 3, 4), ("full", "spherical", "diag"))
    before = [outcome(cell, seed) for seed, cell in enumerate(cells)]
    after = likelihoods(consistent(before, Fitter()))
    slack = 1e-6
    for K in (1, 2, 3, 4):
        assert after[f"{K} × full"] >= after[f"{K} × diag"] - slack >= after[f"{K} × spherical"] - 2 * slack
        if K > 1:
            assert all(
                after[f"{K} × {name}"] >= after[f"{K - 1} × {name}"] - slack for name in ("full", "diag")
            )
    assert all(after[name] >= value - slack for name, value in likelihoods(before).items())


def test_equal_weights_are_poorer_than_free_ones():
    cells = make_cells((2,), ("diag",), (True, False))
    equal, free = outcome(cells[0], 0), outcome(cells[1], 5)
    better = Outcome(cells[0], OK, max(equal.fitted, free.fitted, key=lambda f: f.evidence.log_likelihood))
    worse = Outcome(cells[1], OK, min(equal.fitted, free.fitted, key=lambda f: f.evidence.log_likelihood))
    after = consistent([better, worse], Fitter())
    assert after[1].fitted.evidence.log_likelihood >= after[0].fitted.evidence.log_likelihood
    assert "2 × diag (equal weights)" in after[1].message
    assert after[0] is better


def test_spurious_fits_are_not_the_ones_to_beat():
    cells = make_cells((2,), ("diag", "full"))
    diag, full = outcome(cells[0], 0), outcome(cells[1], 1)
    result, evidence = diag.fitted.result, diag.fitted.evidence
    spurious = Outcome(cells[0], OK, Fitted(result, evidence, True))
    assert consistent([spurious, full], Fitter()) == [spurious, full]


def test_without_time_the_neighbours_solution_is_taken_as_it_is():
    cells = make_cells((1, 2), ("full",))
    two = outcome(cells[1], 3)
    one = Outcome(cells[0], OK, Fitter().go_on(cells[0], make_mixture(K=1), iterate=True))
    after = consistent([one, two], Fitter(), deadline=-np.inf)
    expected = max(two.fitted.evidence.log_likelihood, one.fitted.evidence.log_likelihood)
    assert after[1].fitted.evidence.log_likelihood == pytest.approx(expected)
