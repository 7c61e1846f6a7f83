"""
Outliers: t distributions and a background
==========================================

A Gaussian has no room for outliers: its tails are so thin that a few rows far out pull mean and covariance towards
them. Two remedies: components with heavier tails, or a background for rows that belong to no component. The eruptions
of Old Faithful (Azzalini & Bowman 1990), and thirty rows from anywhere among them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gaussmix import GaussianMixture, StudentTMixture

here = Path("examples") if Path("examples").is_dir() else Path()
eruptions = np.loadtxt(here / "faithful.csv", delimiter=",", skiprows=1)
rng = np.random.default_rng(0)
noise = rng.uniform([0, 0], [10, 150], (30, 2))
X = np.concatenate([eruptions, noise])
clean = GaussianMixture(2, random_state=0).fit(eruptions)

# %%
# How far do the outliers move the means, in standard deviations of the features?

fits = {
    "Gaussian": GaussianMixture(2, random_state=0),
    "t": StudentTMixture(2, random_state=0),
    "Gaussian before a background": GaussianMixture(2, background="uniform", random_state=0),
}
for name, model in fits.items():
    model.fit(X)
    means = model.means_[np.argsort(model.means_[:, 0])]
    moved = np.abs(means - clean.means_) / eruptions.std(axis=0)
    print(f"{name}: means moved by {moved.max():.2f}, BIC {model.bic(X):.0f}")
