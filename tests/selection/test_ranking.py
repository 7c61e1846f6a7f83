from __future__ import annotations

import math
from dataclasses import replace

from gaussmix.selection import against_one, ranks
from gaussmix.selection.outcome import FAILED, OK, Outcome

from .cells import fitted, make_cells

CELLS = make_cells((1, 2), ("spherical", "full"))


def outcomes(*log_likelihoods, **options):
    pairs = zip(CELLS, log_likelihoods, strict=True)
    return [Outcome(c, FAILED) if ll is None else Outcome(c, OK, fitted(c, ll, **options)) for c, ll in pairs]


def test_the_lowest_criterion_is_first_and_failures_share_the_last_rank():
    assert ranks(outcomes(-40.0, None, -10.0, None), "aic").tolist() == [2, 3, 1, 3]


def test_spurious_fits_come_last():
    table = outcomes(-40.0, -40.0, -10.0, -40.0)
    table[2] = Outcome(CELLS[2], OK, fitted(CELLS[2], -10.0, spurious=True))
    assert ranks(table, "aic")[2] == 4


def test_fewer_parameters_decide_a_tie_and_what_is_not_finite_loses():
    assert ranks(outcomes(-40.0, -40.0, -40.0, -40.0), "stability").tolist() == [1, 2, 3, 4]
    assert ranks(outcomes(math.nan, -40.0, -30.0, -20.0), "aic").tolist() == [4, 3, 2, 1]


def test_nec_compares_with_one_component_of_the_family():
    table = against_one(outcomes(-40.0, -30.0, -20.0, -10.0), None)
    assert [o.fitted.evidence.single for o in table] == [-40.0, -30.0, -40.0, -30.0]


def test_a_missing_single_component_is_fitted():
    class Fitter:
        def fit(self, cell):
            assert cell == replace(CELLS[2], n_components=1)
            return fitted(cell, -50.0)

    table = outcomes(-40.0, -30.0, -20.0, -10.0)[2:3]
    assert against_one(table, Fitter())[0].fitted.evidence.single == -50.0
    assert math.isnan(against_one(table, None)[0].fitted.evidence.single)
