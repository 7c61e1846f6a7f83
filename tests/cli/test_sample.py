from __future__ import annotations

import io

import numpy as np
import pytest

from gaussmix.persistence import save


def values(text: str) -> np.ndarray:
    return np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1, ndmin=2)


def test_columns_are_the_features(call, model, mixture, tmp_path):
    assert call("sample", model, "-n", 2).out.startswith("height,weight\n")
    save(mixture, tmp_path / "unnamed.safetensors")
    assert call("sample", tmp_path / "unnamed.safetensors", "-n", 2).out.startswith("x0,x1\n")


def test_the_seed_decides(call, model):
    first, same, other = (call("sample", model, "-n", 50, "--seed", seed).out for seed in (1, 1, 2))
    assert first == same != other


def test_rows_follow_the_mixture_in_random_order(call, model, mixture):
    X = values(call("sample", model, "-n", 20_000).out)
    assert X.shape == (20_000, 2)
    mean, sd = mixture.weights @ mixture.means, 4.2
    np.testing.assert_allclose(X.mean(axis=0), mean, atol=5 * sd / np.sqrt(20_000))
    np.testing.assert_allclose(X[:2000].mean(axis=0), mean, atol=5 * sd / np.sqrt(2000))


def test_blocks_of_any_number_of_rows(call, model, monkeypatch, tmp_path):
    monkeypatch.setattr("gaussmix.cli.rows.BLOCK_ROWS", 7)
    assert call("sample", model, "-n", 15, "-o", tmp_path / "new.npy").code == 0
    assert np.load(tmp_path / "new.npy").shape == (15, 2)


@pytest.mark.parametrize("n", ["0", "-1", "1.5", "many"])
def test_wrong_numbers(call, model, n):
    assert call("sample", model, "-n", n).code == 2
