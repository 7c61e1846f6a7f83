"""
k-means and mixtures
====================

The same three data sets by k-means, by its twin among the mixtures (classification EM with equal balls), and by a
full mixture. Where clusters are round and alike all agree; where they are stretched, or of very different size,
k-means cuts them in the wrong place. :doc:`/k-means-and-mixtures` says why.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Ellipse
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from gaussmix import GaussianMixture

K, N = 3, 1500
rng = np.random.default_rng(0)


def draw(centres, shares, sds):
    """Return rows of three groups along the axes, and the group of each."""
    labels = rng.choice(K, size=N, p=shares)
    return np.asarray(centres)[labels] + rng.standard_normal((N, 2)) * np.asarray(sds)[labels], labels


triangle = [(0.0, 0.0), (6.0, 0.0), (3.0, 5.0)]
sheared = np.array([[0.6, -0.6], [-0.4, 0.8]])
thirds = [1 / 3] * 3
balls = draw(triangle, thirds, [(1.0, 1.0)] * 3)
stretched = draw(triangle, thirds, [(1.0, 1.0)] * 3)
DATA = {
    "alike and round": balls,
    "stretched": (stretched[0] @ sheared, stretched[1]),
    "of unequal size": draw(
        [(0.0, 0.0), (5.0, 0.0), (5.0, 3.0)], [0.8, 0.1, 0.1], [(2.0,) * 2, (0.4,) * 2, (0.4,) * 2]
    ),
}

# %%
# Three ways to three groups. The adjusted Rand index compares a clustering with the groups that the rows were
# drawn from: 1 is agreement, 0 is chance.

equal_balls = {"covariance_type": "EII", "equal_weights": True, "assignment": "hard"}
METHODS = {
    "k-means": KMeans(K, n_init=10, random_state=0),
    "hard mixture of equal balls": GaussianMixture(K, **equal_balls, random_state=0),
    "full mixture": GaussianMixture(K, random_state=0),
}
found = {
    (data, method): clusterer.fit_predict(X)
    for data, (X, _) in DATA.items()
    for method, clusterer in METHODS.items()
}
print(f"{'adjusted Rand index':30s}" + "".join(f"{data:>18s}" for data in DATA))
for method in METHODS:
    scores = [adjusted_rand_score(labels, found[data, method]) for data, (_, labels) in DATA.items()]
    print(f"{method:30s}" + "".join(f"{score:18.2f}" for score in scores))

# %%
# The clusters of k-means above, those of the full mixture below with an ellipse of two standard deviations each.

figure, axes = plt.subplots(2, 3, figsize=(10, 6.4), layout="constrained")
for column, (data, (X, labels)) in enumerate(DATA.items()):
    for row, method in enumerate(("k-means", "full mixture")):
        clusters, axis = found[data, method], axes[row, column]
        axis.scatter(*X.T, c=clusters, cmap="Dark2", vmax=7, s=4)
        score = adjusted_rand_score(labels, clusters)
        axis.set(title=f"{data}: {method}, {score:.2f}", aspect="equal", xticks=[], yticks=[])
    gm = GaussianMixture(K, random_state=0).fit(X)
    for mean, covariance in zip(gm.means_, gm.covariances_, strict=True):
        (small, large), turn = np.linalg.eigh(covariance)
        angle = np.degrees(np.arctan2(turn[1, 1], turn[0, 1]))
        axis.add_patch(Ellipse(mean, 4 * large**0.5, 4 * small**0.5, angle=angle, fill=False))
plt.show()
