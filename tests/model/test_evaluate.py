from __future__ import annotations

import numpy as np
import pytest

from gaussmix.executor import Serial, Threads
from gaussmix.model import evaluate
from gaussmix.source import ArraySource

from ..mixtures import REPRESENTATIVES, make_mixture, make_rows

EXECUTORS = [Serial(), Threads(2)]


@pytest.fixture
def in_small_blocks(monkeypatch):
    monkeypatch.setattr(evaluate, "block_rows", lambda *_: 70)


@pytest.mark.usefixtures("in_small_blocks")
@pytest.mark.parametrize("executor", EXECUTORS, ids=["serial", "threads"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_rows_of_all_blocks_are_in_their_place(name, dtype, executor):
    mixture, (X, _) = make_mixture(name), make_rows(dtype=dtype)
    for function in ("log_prob", "posterior", "predict"):
        values = getattr(evaluate, function)(mixture, ArraySource(X), executor)
        direct = getattr(mixture, function)(X)
        assert (values.dtype, values.shape) == (direct.dtype, direct.shape)
        np.testing.assert_allclose(values, direct, rtol=1e-5 if dtype == np.float32 else 1e-12, atol=1e-30)


@pytest.mark.usefixtures("in_small_blocks")
@pytest.mark.parametrize("executor", EXECUTORS, ids=["serial", "threads"])
def test_the_score_is_the_weighted_mean_log_density(executor):
    mixture, (X, _) = make_mixture(), make_rows()
    weight = np.random.default_rng(0).uniform(0.0, 2.0, len(X))
    values = mixture.log_prob(X)
    assert evaluate.score(mixture, ArraySource(X), executor) == pytest.approx(values.mean(), rel=1e-13)
    weighted = evaluate.score(mixture, ArraySource(X, weight), executor)
    assert weighted == pytest.approx(np.average(values, weights=weight), rel=1e-13)


@pytest.mark.usefixtures("in_small_blocks")
def test_blocks_know_their_first_row():
    source = ArraySource(np.zeros((150, 1)))
    assert [start for start, _ in evaluate.blocks(source, 3)] == [0, 70, 140]


def test_a_row_of_weight_zero_does_not_count_however_far_it_is():
    mixture, X = make_mixture(), np.array([[0.0, 0.0], [1e200, 0.0]])
    score = evaluate.score(mixture, ArraySource(X, np.array([1.0, 0.0])), Serial())
    assert score == pytest.approx(mixture.log_prob(X[:1])[0])
