from __future__ import annotations

import pytest

from gaussmix.covariance import CELEUX_GOVAERT, FAMILIES, resolve_family
from gaussmix.selection import grid, unsupported
from gaussmix.selection.grid import Cell

from .cells import make_cells


def test_small_models_come_first():
    cells = make_cells((3, 1), ("full", "diag"), (False, True))
    assert [cell.n_components for cell in cells] == [1] * 4 + [3] * 4
    assert str(cells[1]) == "1 × full (equal weights)"
    assert len({cell.path for cell in cells}) == 4


def test_a_repeated_number_counts_once():
    assert len(grid([2, 2, 2], {"full": FAMILIES["full"]}, [False])) == 1


def cell(name, K):
    return Cell(K, resolve_family(name), False, name)


@pytest.mark.parametrize("name", CELEUX_GOVAERT)
def test_enough_rows_support_every_family(name):
    assert unsupported(cell(name, 2), n_distinct=8, n_features=3) is None


@pytest.mark.parametrize(
    ("name", "K", "n_distinct"),
    [("VVV", 2, 7), ("EVV", 2, 7), ("EEE", 2, 4), ("VVI", 2, 3), ("VII", 2, 3), ("EII", 2, 2), ("EEV", 2, 6)],
)
def test_too_few_rows_are_told(name, K, n_distinct):
    assert "singular" in unsupported(cell(name, K), n_distinct, n_features=3)


@pytest.mark.parametrize(
    ("name", "K", "n_distinct"), [("EEE", 2, 5), ("VVI", 2, 4), ("EEI", 2, 3), ("EII", 2, 3)]
)
def test_just_enough_rows(name, K, n_distinct):
    assert unsupported(cell(name, K), n_distinct, n_features=3) is None


def test_more_components_than_distinct_rows():
    assert "3 components need as many distinct rows, but there are 2" in unsupported(cell("EII", 3), 2, 3)
