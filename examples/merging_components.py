"""
Clusters of several components
==============================

BIC chooses as many components as describe the density, which may be more than there are groups: a cross needs two.
Merging components by entropy (Baudry, Raftery, Celeux, Lo & Gottardo 2010, Journal of Computational and Graphical
Statistics 19) turns them into clusters, and leaves the density as it is. The data are simulated like their first
example: six Gaussians that look like four clusters.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from gaussmix import GaussianMixtureSearch, Mixture, merge_components

turned = [[0.6, 0.45], [0.45, 0.6]]
truth = Mixture.from_parameters(
    [0.2, 0.2, 0.2, 0.2, 0.1, 0.1],
    [[0, 0], [7, 0], [0, 6], [0, 6], [7, 6], [7, 6]],
    [turned, turned, [[3, 0], [0, 0.1]], [[0.1, 0], [0, 3]], [[3, 0], [0, 0.1]], [[0.1, 0], [0, 3]]],
)
X, _ = truth.sample(600, random_state=0)

search = GaussianMixtureSearch(n_components=range(4, 9), covariance_type="full", effort="low", random_state=0)
search.fit(X)
print(f"BIC chooses {search.best_n_components_} components")

# %%
# The tree merges, each time, the two clusters that are hardest to tell apart. The entropy of the soft labels falls
# steeply as long as merges join halves of one group; the elbow is where it no longer does.

tree = merge_components(search, X)
for n, entropy in zip(tree.sizes, tree.entropies, strict=True):
    print(f"{n} clusters: entropy {entropy:6.1f} nats")
merged = tree.cut()
print(f"suggested: {merged.n_clusters} clusters, of the components {merged.groups}")

# %%
# Before, after, and the entropies.

figure, panels = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
for axes, labels, title in [
    (panels[0], search.predict(X), f"{search.best_n_components_} components"),
    (panels[1], merged.predict(X), f"{merged.n_clusters} clusters"),
]:
    axes.scatter(*X.T, c=labels, cmap="tab10", vmin=0, vmax=9, s=8)
    axes.set(title=title, xticks=[], yticks=[])
for outline in search.best_estimator_.mixture_.ellipses().points():
    panels[0].plot(*outline.T, color="black", linewidth=0.8)
panels[2].plot(tree.sizes, tree.entropies, "o-", color="black")
panels[2].axvline(merged.n_clusters, color="#c44e52", linestyle="--")
panels[2].set(xlabel="clusters", ylabel="entropy of the labels (nats)", xticks=np.sort(tree.sizes))
plt.show()
