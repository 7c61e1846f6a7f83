"""
Missing values: fit, predict and impute
=======================================

Three in ten measurements of the iris data (Anderson 1935) are removed at random. Only a quarter of the flowers keep
all four, but a mixture is fitted to all 150: each counts with what was observed of it.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris
from sklearn.metrics import adjusted_rand_score

from gaussmix import GaussianMixture

complete, species = load_iris(return_X_y=True)
rng = np.random.default_rng(0)
missing = rng.random(complete.shape) < 0.3
missing[missing.all(axis=1), 0] = False  # a flower of which nothing is known says nothing
X = np.where(missing, np.nan, complete)
usable = ~missing.any(axis=1)
print(f"{missing.sum()} of {missing.size} values are missing; {usable.sum()} of {len(X)} rows are complete")

# %%
# NaN is a missing value wherever rows go in. Dropping the incomplete rows instead loses most of what is known.

settings = {"n_components": 3, "covariance_type": "tied", "random_state": 0}
gm = GaussianMixture(**settings).fit(X)
of_all = GaussianMixture(**settings).fit(complete)
of_complete_rows = GaussianMixture(**settings).fit(X[usable])

for name, fit in {"without what is missing": gm, "complete rows only": of_complete_rows}.items():
    off = np.abs(fit.mixture_.mean - of_all.mixture_.mean).mean()
    agreement = adjusted_rand_score(fit.predict(complete), of_all.predict(complete))
    print(
        f"{name}: overall means off by {off:.3f} cm, labels agree with those of complete data: {agreement:.2f}"
    )

# %%
# A missing value is filled in by its mean given what is known of the same flower, or by a draw. Means are nearest to
# the truth; draws keep the spread, and several of them show how much the gaps matter to any result.

means = gm.mixture_.impute(X)
draws = [gm.mixture_.impute(X, draw=True, random_state=seed) for seed in range(20)]
of_column = np.where(missing, np.nanmean(X, axis=0), X)
pictures = {"column means": of_column, "conditional means": means, "a draw": draws[0]}
for name, filled in pictures.items():
    error = np.sqrt(np.square(filled - complete)[missing].mean())
    print(f"{name}: off by {error:.2f} cm, standard deviation of petal lengths {filled[:, 2].std():.2f} cm")
spread = np.std([draw[:, 2].mean() for draw in draws])
print(f"the mean petal length is uncertain by {spread:.3f} cm because of the gaps")

# %%
# Petals: imputed flowers (red) lie where their observed values place them.

figure, panels = plt.subplots(1, 3, figsize=(10, 3.4), sharex=True, sharey=True, layout="constrained")
imputed = missing[:, 2:].any(axis=1)
for axes, (title, filled) in zip(panels, pictures.items(), strict=True):
    axes.scatter(*filled[~imputed, 2:].T, s=8, color="#999999")
    axes.scatter(*filled[imputed, 2:].T, s=12, color="#c44e52")
    axes.set(title=title, xlabel="petal length (cm)")
panels[0].set(ylabel="petal width (cm)")
plt.show()
