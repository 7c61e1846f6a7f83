from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.cluster.hierarchy import is_valid_linkage
from scipy.special import entr
from sklearn.metrics import adjusted_rand_score

from gaussmix import GaussianMixture, GaussianMixtureSearch, Mixture
from gaussmix.errors import DataError, ParameterError
from gaussmix.selection import MergedMixture, merge_components
from gaussmix.selection.merge_criteria import elbow, entropy_removed

from ..mixtures import make_mixture

METHODS = ("entropy", "overlap")


def crosses(seed, n=600):
    """Return rows and clusters as in Baudry et al. (2010), sect. 4.1.

    Weights and shapes are the paper's: two crosses of two axis-aligned components, of weights 1/5 and 1/10 each, and
    two oblique components of weight 1/5 each. It does not print their parameters; these are ours.
    """
    flat, upright = np.diag([2.0, 0.05]), np.diag([0.05, 2.0])
    oblique = np.array([[0.6, 0.5], [0.5, 0.6]])
    weights = [0.2, 0.2, 0.1, 0.1, 0.2, 0.2]
    means = [[0, 5], [0, 5], [8, 0], [8, 0], [1, 0], [8, 5]]
    covariances = [flat, upright, flat, upright, oblique, oblique * [[1, -1], [-1, 1]]]
    X, components = Mixture.from_parameters(weights, means, covariances).sample(n, seed)
    return X, np.array([0, 0, 1, 1, 2, 3])[components]


def entropy_of(posterior, groups, weight=1.0):
    sums = np.stack([posterior[:, list(group)].sum(axis=1) for group in groups], axis=1)
    return (weight * entr(sums).sum(axis=1)).sum()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("method", METHODS)
def test_finds_the_four_clusters_of_baudrys_example(seed, method):
    X, clusters = crosses(seed)
    estimator = GaussianMixture(6, effort="low", random_state=0, n_jobs=1).fit(X)
    merged = merge_components(estimator, X, method).cut()
    assert merged.n_clusters == 4
    assert adjusted_rand_score(clusters, merged.predict(X)) > 0.98


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_bic_and_elbow_find_the_four_clusters_of_baudrys_example(seed):
    X, clusters = crosses(seed)
    search = GaussianMixtureSearch(range(1, 10), covariance_type="full", random_state=0).fit(X)
    tree = merge_components(search, X)
    assert (search.best_n_components_, tree.elbow(), tree.n_clusters) == (6, 4, 4)
    assert adjusted_rand_score(clusters, tree.cut().predict(X)) > 0.98


def test_each_merge_removes_most_entropy():
    mixture = make_mixture(K=5, spread=1.5)
    X, _ = mixture.sample(300, 0)
    tree, P = merge_components(mixture, X), mixture.posterior(X)
    for K in range(5, 1, -1):
        groups = tree.cut(K).groups
        least = min(
            entropy_of(P, [a + b, *(g for g in groups if g not in (a, b))])
            for a, b in combinations(groups, 2)
        )
        assert tree.entropies[5 - K] == pytest.approx(entropy_of(P, groups), rel=1e-12)
        assert tree.entropies[6 - K] == pytest.approx(least, rel=1e-12, abs=1e-12)
        assert tree.gains[5 - K] == pytest.approx(tree.entropies[5 - K] - tree.entropies[6 - K], rel=1e-10)


def test_overlap_is_the_misclassification_probability():
    mixture = make_mixture(K=4, spread=1.5)
    X, _ = mixture.sample(500, 1)
    tree, P = merge_components(mixture, X, "overlap"), mixture.posterior(X)
    lost = P.T @ np.eye(4)[P.argmax(axis=1)] / P.sum(axis=0)[:, None]
    np.fill_diagonal(lost, 0.0)
    i, j = np.unravel_index(lost.argmax(), lost.shape)
    assert tree.gains[0] == pytest.approx(lost.max(), rel=1e-12)
    assert sorted(tree.pairs[0]) == sorted((i, j))


def test_entropy_removed_keeps_its_digits():
    tiny = 1e-30
    posterior = np.array([[1.0 - tiny, tiny, 0.0], [0.0, tiny, 1.0], [0.0, 0.0, 1.0]]).T
    removed = entropy_removed(posterior, posterior.argmax(axis=0), np.ones(3), 0, 1)
    assert removed == pytest.approx(tiny * (1 - np.log(tiny)), rel=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_blocks_and_weights_do_not_matter(method, monkeypatch):
    mixture = make_mixture(K=4, spread=1.5)
    X, _ = mixture.sample(300, 0)
    weight = np.random.default_rng(0).integers(0, 4, 300)
    repeated = merge_components(mixture, np.repeat(X, weight, axis=0), method)
    monkeypatch.setattr("gaussmix.selection.merging.block_rows", lambda *shape: 37)
    weighted = merge_components(mixture, X, method, sample_weight=weight)
    np.testing.assert_array_equal(repeated.pairs, weighted.pairs)
    for name in ("gains", "entropies", "counts"):
        np.testing.assert_allclose(getattr(repeated, name), getattr(weighted, name), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_linkage_is_one_for_scipy(method):
    mixture = make_mixture(K=6, spread=1.0)
    tree = merge_components(mixture, mixture.sample(300, 0)[0], method)
    assert is_valid_linkage(tree.linkage)
    assert (np.diff(tree.linkage[:, 2]) >= 0).all()
    assert tree.linkage[-1, 3] == 6
    np.testing.assert_array_equal(tree.sizes, [6, 5, 4, 3, 2, 1])


@pytest.mark.parametrize("method", METHODS)
def test_components_far_apart_stay_clusters(method):
    mixture = Mixture.from_parameters(np.full(4, 0.25), 9.0 * np.arange(4)[:, None], np.ones((4, 1, 1)))
    assert merge_components(mixture, mixture.sample(400, 0)[0], method).cut().groups == (
        (0,),
        (1,),
        (2,),
        (3,),
    )


def test_elbow_is_where_two_lines_meet():
    x = np.array([0.0, 1.0, 3.0, 4.0, 6.0])
    assert elbow(x, np.array([10.0, 8.0, 4.0, 3.9, 3.7])) == 2
    assert elbow(x, np.array([10.0, 9.9, 9.7, 7.7, 3.7])) == 0  # it gets steeper
    assert elbow(x[:2], np.array([1.0, 0.0])) == 0


def test_merged_mixture_adds_up_its_components():
    mixture = make_mixture(K=4)
    X, _ = mixture.sample(50, 0)
    merged = MergedMixture(mixture, ((0, 3), (1,), (2,)))
    P = mixture.posterior(X)
    np.testing.assert_allclose(merged.posterior(X), np.c_[P[:, 0] + P[:, 3], P[:, 1:3]], rtol=1e-14)
    np.testing.assert_array_equal(merged.predict(X), merged.posterior(X).argmax(axis=1))
    np.testing.assert_array_equal(merged.log_prob(X), mixture.log_prob(X))
    np.testing.assert_array_equal(merged.labels, [0, 1, 2, 0])
    parts = [np.log(w) + merged.cluster(g).log_prob(X) for g, w in enumerate(merged.weights)]
    np.testing.assert_allclose(np.logaddexp.reduce(parts), mixture.log_prob(X), rtol=1e-12)


def test_cuts_are_nested_and_one_component_is_one_cluster():
    mixture = make_mixture(K=5)
    tree = merge_components(mixture, mixture.sample(100, 0)[0], n_clusters=2)
    assert tree.cut().n_clusters == 2
    assert tree.cut(5).groups == ((0,), (1,), (2,), (3,), (4,))
    assert tree.cut(1).groups == ((0, 1, 2, 3, 4),)
    assert all(any(set(a) <= set(b) for b in tree.cut(2).groups) for a in tree.cut(3).groups)
    alone = make_mixture(K=1)
    assert merge_components(alone, alone.sample(9, 0)[0]).cut().groups == ((0,),)


def test_a_row_far_from_everything_counts_for_one_cluster():
    mixture = make_mixture(K=3)
    X = np.r_[mixture.sample(50, 0)[0], [[1e6, -1e6]]]
    tree = merge_components(mixture, X)
    assert np.isfinite(tree.entropies).all()
    assert np.isfinite(tree.gains).all()


def test_missing_values_are_left_out():
    mixture = make_mixture(K=4, D=3, spread=2.0)
    X, _ = mixture.sample(200, 0)
    X[::3, 1] = np.nan
    tree = merge_components(mixture, X)
    merged = tree.cut(2)
    assert tree.entropies[0] == pytest.approx(entr(mixture.posterior(X)).sum(), rel=1e-10)
    known = mixture.marginal([0, 2]).posterior(X[::3, [0, 2]])
    expected = np.stack([known[:, list(group)].sum(axis=1) for group in merged.groups], axis=1)
    np.testing.assert_allclose(merged.posterior(X)[::3], expected, rtol=1e-9)


def test_bad_arguments_are_named():
    mixture = make_mixture(K=3)
    X, _ = mixture.sample(20, 0)
    with pytest.raises(ParameterError, match="n_clusters should be a whole number from 1 to 3"):
        merge_components(mixture, X, n_clusters=4)
    with pytest.raises(ParameterError, match="n_clusters"):
        merge_components(mixture, X).cut(0)
    with pytest.raises(ParameterError, match="'entropy', 'overlap'"):
        merge_components(mixture, X, "distance")
    with pytest.raises(ParameterError, match="call fit first"):
        merge_components(GaussianMixture(2), X)
    with pytest.raises(DataError, match="X has 1 features, but the mixture has 2"):
        merge_components(mixture, X[:, :1])
