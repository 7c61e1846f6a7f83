from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
from functools import partial
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.neighbors import KernelDensity

from gaussmix.errors import ParameterError
from gaussmix.estimator.identity import described


class Cut:
    def __init__(self, at: float) -> None:
        self.at = at

    def labels(self, rows: Any) -> Any:
        return rows[:, 0] > self.at

    def __call__(self, rows: Any) -> Any:
        return self.labels(rows)


class Slotted:
    __slots__ = ("at",)

    def __init__(self, at: float) -> None:
        self.at = at


def nested(constant: float) -> Any:
    inner = "lambda x: [x + 1 for x in x]" if constant else "lambda x: [x + 2 for x in x]"
    return eval(inner)  # the same name, and another code within


def closing_over(value: Any) -> Any:
    return lambda rows: (rows, value)


def with_default(value: Any) -> Any:
    return lambda rows, at=value: rows


def with_keyword(value: Any) -> Any:
    return lambda rows, *, at=value: rows


def density(bandwidth: float) -> Any:
    return KernelDensity(bandwidth=bandwidth).fit(np.eye(3)).score_samples


PAIRS = {
    "names looked up": (eval("lambda x: np.sin(x)"), eval("lambda x: np.cos(x)")),
    "codes within": (nested(0), nested(1)),
    **{make.__name__: (make(1.0), make(2.0)) for make in (closing_over, with_default, with_keyword, Slotted)},
    "methods": (Cut(1.0).labels, Cut(2.0).labels),
    "objects": (Cut(1.0), Cut(2.0)),
    "methods of fits": (density(1.0), density(2.0)),
    "partial": (partial(math.pow, 2), partial(math.pow, 3)),
    "of C": (np.sin, np.cos),
    "splitters": (KFold(2), KFold(3)),
    "seeds": (ShuffleSplit(2, random_state=1), ShuffleSplit(2, random_state=2)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_what_does_something_else_is_told_apart(name: str) -> None:
    one, other = (described(value) for value in PAIRS[name])
    assert one != other
    assert json.loads(json.dumps(one)) == one


@pytest.mark.parametrize("make", [Cut, Slotted, closing_over, with_default, with_keyword, density, KFold])
def test_what_is_made_alike_is_the_same(make: Any) -> None:
    assert described(make(2)) == described(make(2))


def test_what_leads_back_to_itself_has_an_end() -> None:
    def calls(n: int) -> int:
        return calls(n - 1) if n else 0

    cut = Cut(1.0)
    cut.again = cut.labels  # type: ignore[attr-defined]
    assert described(calls) == described(calls)
    assert described(cut) == described(cut)


def test_it_is_the_same_in_all_processes() -> None:
    code = (
        "from gaussmix.estimator.identity import described\n"
        "print(described(eval(\"lambda x: x in {'one', 'two', 'three', 'four'}\")))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in "12"
    }
    assert len(outputs) == 1


@pytest.mark.parametrize("value", [threading.Lock(), (n for n in range(2)), closing_over(threading.Lock())])
def test_what_nothing_is_known_of_is_refused(value: Any) -> None:
    with pytest.raises(ParameterError, match="cannot be told from others: set checkpoint=None"):
        described(value)


def test_use_changes_nothing() -> None:
    score = density(1.0)
    before = described(score)
    score(np.eye(3))
    assert described(score) == before


def test_random_numbers_within_are_refused() -> None:
    splitter = ShuffleSplit(2, random_state=np.random.RandomState(0))
    with pytest.raises(ParameterError, match="give that a seed, or set checkpoint=None"):
        described(splitter)
