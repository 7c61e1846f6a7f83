from __future__ import annotations

import threading
import time

import pytest

from gaussmix.errors import DataError
from gaussmix.selection import Limits, Search
from gaussmix.selection.outcome import ABANDONED, FAILED, INTERRUPTED, OK, OUT_OF_TIME
from gaussmix.selection.search import hopeless

from .cells import fitted, make_cells


def statuses(outcomes):
    return [outcome.status for outcome in outcomes]


@pytest.mark.parametrize("n_threads", [1, 3])
def test_every_cell_has_an_outcome_in_its_place(n_threads):
    cells, seen = make_cells(), []
    search = Search(cells, lambda cell: fitted(cell, -cell.n_components), Limits(), seen.append)
    outcomes = search.run(n_threads)
    assert [outcome.cell for outcome in outcomes] == cells
    assert statuses(outcomes) == [OK] * 6
    assert sorted(map(id, seen)) == sorted(map(id, outcomes))


def test_a_failing_cell_costs_no_other():
    def fit(cell):
        if cell.n_components == 2:
            raise DataError("too few rows") if cell.name == "full" else ZeroDivisionError("by zero")
        return fitted(cell, 0.0)

    outcomes = Search(make_cells(), fit, Limits()).run(1)
    assert statuses(outcomes) == [OK, OK, FAILED, FAILED, OK, OK]
    assert [outcomes[3].message, outcomes[2].message] == ["too few rows", "ZeroDivisionError: by zero"]


def test_a_budget_that_is_over_lets_the_first_cell_end():
    outcomes = Search(make_cells(), lambda cell: fitted(cell, 0.0), Limits(seconds=-1.0)).run(1)
    assert statuses(outcomes) == [OK] + [OUT_OF_TIME] * 5
    outcomes = Search(make_cells(), lambda cell: fitted(cell, 0.0), Limits(seconds=-1.0, first=False)).run(1)
    assert statuses(outcomes) == [OUT_OF_TIME] * 6


def test_a_budget_that_is_over_goes_on_until_a_cell_is_fitted():
    def fit(cell):
        if cell.name == "spherical":
            raise DataError("no")
        return fitted(cell, 0.0)

    assert statuses(Search(make_cells(), fit, Limits(seconds=-1.0)).run(1))[:3] == [FAILED, OK, OUT_OF_TIME]


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_interrupt_keeps_what_was_fitted(n_threads):
    reached = threading.Event()

    def fit(cell):
        if cell.n_components == 2 and cell.name == "full":
            reached.wait(0.1)
            raise KeyboardInterrupt
        return fitted(cell, 0.0)

    outcomes = Search(make_cells(), fit, Limits()).run(n_threads)
    assert statuses(outcomes)[:4] == [OK, OK, OK, INTERRUPTED]
    if n_threads == 1:
        assert statuses(outcomes)[4:] == [INTERRUPTED] * 2


def test_hopeless():
    assert not hopeless([0.0, 100.0, 200.0], 100)  # too short
    assert hopeless([0.0, 100.0, 200.0, 300.0], 100)
    assert not hopeless([0.0, 100.0, 300.0, 200.0], 100)  # falls
    assert not hopeless([0.0, 10.0, 20.0, 30.0], 100)  # near: 10 log n is 46
    assert not hopeless([500.0, 100.0, 200.0, 300.0], 100)


@pytest.mark.parametrize("n_threads", [1, 4])
def test_hopeless_paths_are_abandoned_whoever_is_first(n_threads):
    def fit(cell):
        time.sleep(0.002 if cell.n_components % 2 else 0.0)  # later cells are done before earlier ones
        return fitted(cell, cell.n_components * (-100.0 if cell.name == "full" else 100.0))

    outcomes = Search(make_cells(range(1, 9)), fit, Limits(guide="bic")).run(n_threads)
    full = [outcome for outcome in outcomes if outcome.cell.name == "full"]
    assert statuses(full) == [OK] * 4 + [ABANDONED] * 4
    assert all(outcome.status == OK for outcome in outcomes if outcome.cell.name == "spherical")
    assert "BIC rose 3 times in a row" in full[-1].message


def test_nothing_is_abandoned_without_a_guide():
    outcomes = Search(
        make_cells(range(1, 9)), lambda cell: fitted(cell, -100.0 * cell.n_components), Limits()
    ).run(1)
    assert set(statuses(outcomes)) == {OK}
