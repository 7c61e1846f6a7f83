"""The twelve families of factor analysers: closed forms, steps that never lose, constraints that hold."""

from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import FACTOR_FAMILIES, FACTOR_TYPES, LowRank, resolve_family
from gaussmix.errors import ParameterError

from ..mixtures import random_scatter
from .low_rank_cases import CODES, family, make_factors, make_wide, objective, scatter_of

families = pytest.mark.parametrize("name", CODES)
forms = pytest.mark.parametrize("wide", [False, True])
COUNT = np.array([5.0, 9.0, 7.0])


def matrices(seed=0, K=3, D=6):
    return random_scatter(np.random.default_rng(seed), K, D) / (3 * D)


def member(name, seed=1, n_factors=2, D=6):
    """Return covariances that obey the family's constraints."""
    grouped = family(name, n_factors, D)
    return grouped.estimate(COUNT[:, None, None] * matrices(seed, 3, D), COUNT, D)


@families
@forms
@pytest.mark.parametrize("seed", range(2))
def test_no_step_loses_likelihood_and_the_last_gains_nothing(name, wide, seed, monkeypatch):
    now, S, gains = member(name), matrices(seed + 10), []
    if wide:
        make_wide(monkeypatch)
        now = LowRank.from_factors(now.loadings, now.noise)
    chosen = family(name, 2, 6)
    for _ in range(40):
        moved = chosen.estimate(scatter_of(chosen, S, COUNT, now), COUNT, 6, now)
        gains.append(objective(moved, S, COUNT) - objective(now, S, COUNT))
        now = moved
    assert min(gains) > -1e-10
    assert gains[-1] < 1e-2 * max(gains)


@families
def test_the_estimate_beats_other_members(name):
    S, chosen = matrices(3), family(name, 2, 6)
    found = None
    for _ in range(100):
        found = chosen.estimate(COUNT[:, None, None] * S, COUNT, 6, found)
    best = objective(found, S, COUNT)
    for size in (0.01, 0.1, 0.5):
        other = (1 - size) * S + size * matrices(4)
        found = chosen.estimate(COUNT[:, None, None] * other, COUNT, 6)
        assert objective(found, S, COUNT) <= best + 1e-7


@families
def test_constraints_hold(name):
    found, code = member(name), {"mfa": "UUU", "ppca": "UUC"}.get(name, name)
    shared = np.ptp(found.loadings, axis=0).max() == 0
    assert shared == (code[0] == "C")
    isotropic = np.ptp(found.noise, axis=1).max() < 1e-12
    assert isotropic == (len(code) == 3 and code[2] == "C")
    profile = found.noise / np.exp(np.log(found.noise).mean(axis=1, keepdims=True))
    volume = np.log(found.noise).mean(axis=1)
    if len(code) == 4:
        assert (np.ptp(profile, axis=0).max() < 1e-9) == (code[1] == "C")
        assert (np.ptp(volume) < 1e-9) == (code[2] == "C")
    else:
        assert (np.ptp(found.noise, axis=0).max() == 0) == (code[1] == "C")


def test_ppca_is_the_principal_components_and_the_mean_of_the_rest():
    S, chosen = matrices(5), family("ppca", 2, 6)
    found = chosen.estimate(COUNT[:, None, None] * S, COUNT, 6)
    values = np.linalg.eigvalsh(S)
    np.testing.assert_allclose(found.noise, np.repeat(values[:, :4].mean(axis=1)[:, None], 6, axis=1))
    np.testing.assert_allclose(np.linalg.eigvalsh(found.to_dense())[:, 4:], values[:, 4:], rtol=1e-12)


def test_a_common_noise_leaves_out_factors_that_are_less():
    S = np.stack([np.diag([9.0, 8.0, 1.0, 1.0]), np.diag([0.1, 0.1, 0.1, 0.1])])
    found = family("UCC", 1, 4).estimate(S, np.ones(2), 4)
    np.testing.assert_allclose(found.noise, (8 + 1 + 1 + 0.4) / 7)
    np.testing.assert_array_equal(found.loadings[1], 0.0)


@families
@pytest.mark.parametrize(("K", "D", "q"), [(1, 3, 1), (2, 4, 1), (2, 5, 2), (3, 4, 2), (2, 4, 3), (1, 6, 3)])
def test_free_parameters_are_the_rank_of_the_map(name, K, D, q):
    chosen, rng = family(name, q, D), np.random.default_rng(K * 100 + D * 10 + q)
    covariances = chosen.structure
    loadings = rng.standard_normal((1 if covariances.common_loadings else K, D, q))
    noise_family, base = covariances.noise, rng.uniform(0.5, 2.0, (K, D))

    def matrices_at(point):
        B = point[: loadings.size].reshape(loadings.shape)
        rest = np.exp(point[loadings.size :]).reshape(K, D)
        stats = rest.sum(axis=1) if covariances.isotropic else rest
        noise = noise_family.estimate(stats, np.ones(K), D).parameters()
        noise = np.repeat(noise[:, None], D, axis=1) if covariances.isotropic else noise
        return (B @ B.transpose(0, 2, 1) + noise[:, :, None] * np.eye(D)).ravel()

    point = np.concatenate([loadings.ravel(), np.log(base).ravel()])
    steps = 1e-5 * np.eye(len(point))
    jacobian = (
        np.stack([matrices_at(point + step) - matrices_at(point - step) for step in steps], axis=1) / 2e-5
    )
    assert chosen.n_parameters(K, D) == np.linalg.matrix_rank(jacobian, tol=1e-6)


@families
@forms
def test_a_component_without_rows_changes_nothing_else(name, wide, monkeypatch):
    before = member(name)
    if wide:
        make_wide(monkeypatch)
        before = LowRank.from_factors(before.loadings, before.noise)
    chosen, S, count = family(name, 2, 6), matrices(7), np.array([5.0, 0.0, 7.0])
    live = np.array([0, 2])
    found = chosen.estimate(scatter_of(chosen, S, count, before), count, 6, before)
    part = before.select(live)
    alone = chosen.estimate(scatter_of(chosen, S[live], count[live], part), count[live], 6, part)
    np.testing.assert_allclose(found.to_dense()[live], alone.to_dense(), rtol=1e-9, atol=1e-10)
    assert not found.singular.any()


@families
@pytest.mark.parametrize("scale", [1e-290, 1.0, 1e290])
def test_there_is_never_a_nan(name, scale):
    flat, rank_one = np.zeros((3, 6, 6)), np.ones((3, 6, 6))
    one = matrices()
    one[1] = 0.0
    for S in (flat, rank_one, one):
        found = family(name, 2, 6).estimate(scale * S, COUNT, 6)
        assert np.isfinite(found.packed()).all()
        assert np.isfinite(found.log_det).all()
        raised = found.floored(np.full(6, 1e-3))
        assert (scale != 1.0) or not raised.singular.any()


def test_names_and_numbers_of_factors_are_checked():
    assert resolve_family("UUU", 5, n_factors=2).name == "mfa"
    assert {resolve_family(name, 4).name for name in FACTOR_TYPES} == set(FACTOR_FAMILIES)
    with pytest.raises(ParameterError, match="n_factors=3 needs more than 3 feature"):
        resolve_family("mfa", 3, n_factors=3)
    with pytest.raises(ParameterError, match="n_factors should be at least 1, got 0"):
        resolve_family("ppca", n_factors=0)
    assert resolve_family("mfa", 128).grouped
    assert not resolve_family("mfa", 129).grouped


def test_covariances_are_built_from_matrices_or_from_factors(monkeypatch):
    given = make_factors()
    found = family("mfa", 2, 7).from_parameters(given.to_dense(), 3, 7)
    np.testing.assert_allclose(found.to_dense(), given.to_dense(), rtol=1e-4, atol=1e-4)
    make_wide(monkeypatch)
    found = family("mfa", 2, 7).from_parameters(given.packed(), 3, 7)
    np.testing.assert_array_equal(found.packed(), given.packed())
    with pytest.raises(ParameterError, match="should have shape"):
        family("mfa", 2, 7).from_parameters(given.to_dense(), 3, 7)
    with pytest.raises(ParameterError, match="noise of 'mfa' covariances should be positive"):
        family("mfa", 2, 7).from_parameters(-given.packed(), 3, 7)
