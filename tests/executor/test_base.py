from __future__ import annotations

import pytest

from gaussmix.executor import pairwise_sum
from gaussmix.executor.base import sum_of_branches


class Term:
    """Writes down how it was added."""

    def __init__(self, text):
        self.text = text

    def __add__(self, other):
        return Term(f"({self.text}{other.text})")


@pytest.mark.parametrize(
    ("letters", "tree"),
    [
        ("a", "a"),
        ("ab", "(ab)"),
        ("abc", "((ab)c)"),
        ("abcd", "((ab)(cd))"),
        ("abcde", "(((ab)(cd))e)"),
        ("abcdefg", "(((ab)(cd))((ef)g))"),
        ("abcdefgh", "(((ab)(cd))((ef)(gh)))"),
    ],
)
def test_results_are_added_as_a_binary_tree(letters, tree):
    assert pairwise_sum(map(Term, letters)).text == tree


@pytest.mark.parametrize("sizes", [(4, 4), (1, 1, 2, 4), (2, 1, 1, 1, 1, 2), (4, 2, 1), (4, 4, 4, 1)])
def test_sums_of_branches_are_added_where_they_grow(sizes):
    letters = "abcdefghijklm"[: sum(sizes)]
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    parts = [
        pairwise_sum(map(Term, letters[end - size : end])) for end, size in zip(ends, sizes, strict=True)
    ]
    assert sum_of_branches(zip(sizes, parts, strict=True)).text == pairwise_sum(map(Term, letters)).text


def test_few_partial_sums_are_alive():
    alive, most = 0, 0

    class Counted:
        def __init__(self):
            nonlocal alive, most
            alive += 1
            most = max(most, alive)

        def __add__(self, other):
            return Counted()

        def __del__(self):
            nonlocal alive
            alive -= 1

    pairwise_sum(Counted() for _ in range(1000))
    assert most <= 13  # log2(1000) partial sums, one just made, and the two that it came from


def test_nothing_to_add_is_an_error():
    with pytest.raises(ValueError, match="no partitions"):
        pairwise_sum([])
