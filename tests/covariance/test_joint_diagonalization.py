from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import joint_diagonalization as jd

from ..mixtures import random_scatter

K, D = 3, 4
OBJECTIVES = {
    "own volumes": jd.OwnVolumes(np.array([0.2, 0.3, 0.5])),
    "one volume": jd.OneVolume(np.array([0.5, 0.0, -1.0])),
}
objectives = pytest.mark.parametrize("name", OBJECTIVES)


def matrices(n_matrices=K, n_features=D, seed=0):
    W = random_scatter(np.random.default_rng(seed), n_matrices, n_features)
    return W / np.einsum("kdd->k", W)[:, None, None]


def value(axes, name):
    """Return the objective, written out."""
    variances = np.einsum("dj,kde,ej->kj", axes, matrices(), axes)
    u = np.log(variances).mean(axis=1)
    scaled = u + np.array([0.5, 0.0, -1.0])
    return u @ [0.2, 0.3, 0.5] if name == "own volumes" else np.log(np.exp(scaled).sum())


@objectives
def test_gradient_and_curvature_are_those_of_the_objective(name):
    place = jd._Place.at(np.eye(D), matrices(), OBJECTIVES[name])
    hessian = jd._Hessian.of(place, OBJECTIVES[name])
    for X in jd._skew_basis(D)[0]:
        steps = 1e-3 * np.arange(-2, 3)
        turns = [np.linalg.solve(np.eye(D) - s * X / 2, np.eye(D) + s * X / 2) for s in steps]
        slope, curvature = np.polyfit(steps, [value(turn, name) for turn in turns], 4)[[3, 2]] * [1, 2]
        assert jd._inner(hessian.gradient, X) == pytest.approx(slope, abs=1e-9)
        assert jd._inner(hessian @ X, X) == pytest.approx(curvature, abs=1e-6)


@objectives
@pytest.mark.parametrize("solve", [jd._solve_directly, jd._solve_by_conjugate_gradients])
def test_both_solutions_of_newtons_equations_are_exact_near_the_end(name, solve):
    best = jd.common_axes(matrices(), OBJECTIVES[name], None)
    turn = np.linalg.qr(np.eye(D) + 1e-4 * np.triu(np.ones((D, D))))[0]
    hessian = jd._Hessian.of(jd._Place.at(best @ turn, matrices(), OBJECTIVES[name]), OBJECTIVES[name])
    step = solve(hessian, hessian.preconditioner())
    np.testing.assert_allclose(hessian @ step, -hessian.gradient, atol=1e-9)


@objectives
@pytest.mark.parametrize("n_features", [3, 8])
def test_the_objective_never_rises(name, n_features, monkeypatch):
    seen, at = [], jd._descend
    monkeypatch.setattr(jd, "_descend", lambda place, *rest: seen.append(place.value) or at(place, *rest))
    start = np.linalg.qr(np.random.default_rng(1).standard_normal((n_features, n_features)))[0]
    axes = jd.common_axes(matrices(K, n_features), OBJECTIVES[name], start)
    np.testing.assert_allclose(axes.T @ axes, np.eye(n_features), atol=1e-13)
    assert len(seen) > 2
    assert max(np.diff(seen)) <= 1e-13
