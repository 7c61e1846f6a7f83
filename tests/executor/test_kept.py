from __future__ import annotations

import pytest

from gaussmix.executor import pairwise_sum
from gaussmix.executor.base import sum_of_branches
from gaussmix.executor.kept import Kept, Piece, branches, pieces

from .test_base import Term

LETTERS = [Term(chr(97 + i)) for i in range(26)]


@pytest.mark.parametrize("size", [1, 2, 4, 8, 32])
@pytest.mark.parametrize("span", [2, 4, 16])
def test_pieces_of_groups_add_up_as_one_after_the_other(size, span):
    for begin in range(26):
        for end in range(begin + 1, 27):
            taken = pieces(begin, end, size)
            sums = [(piece.size, pairwise_sum(LETTERS[piece.begin : piece.end])) for piece in taken]
            runs = branches(taken, span * size)
            upper = ((span * size, sum_of_branches(sums[first:last])) for first, last in runs)
            assert sum_of_branches(upper).text == pairwise_sum(LETTERS[begin:end]).text


def test_a_piece_lies_in_one_group_and_none_is_larger_than_it_has_to_be():
    assert pieces(0, 10, 4) == [Piece(0, 4, 4), Piece(4, 8, 4), Piece(8, 10, 4)]
    assert pieces(2, 10, 4) == [Piece(2, 4, 2), Piece(4, 6, 2), Piece(6, 8, 2), Piece(8, 10, 2)]


def test_items_are_found_by_what_they_are():
    items = [object() for _ in range(6)]
    kept = Kept(items, items, {id(item): i for i, item in enumerate(items)}, 2, [])
    assert kept.where(items) == kept.where(items[:]) == range(6)
    assert kept.where(items[2:5]) == range(2, 5)
    assert kept.where([*items[2:5], object()]) is kept.where(items[::2]) is kept.where([object()]) is None
    assert kept.overlaps([object(), items[3]])
    assert not kept.overlaps([object()])
