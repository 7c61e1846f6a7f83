"""
Outliers: t distributions and a background
==========================================

A Gaussian has no room for outliers: its tails are so thin that a few rows far out pull mean and covariance towards
them. Two remedies: components with heavier tails, or a background for rows that belong to no component. The eruptions
of Old Faithful (Azzalini & Bowman 1990), and thirty rows from anywhere among them.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
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

# %%
# Which rows are outliers? A background has a weight, the label -1 and the last column of ``predict_proba``. A mixture
# of t distributions says how far a row lies out, the inverse of its weight in the means. The degrees of freedom are
# low where tails are heavy; 1000, the highest that are fitted, is as good as a Gaussian.

student, before = fits["t"], fits["Gaussian before a background"]
is_noise = before.predict(X) == -1
print(f"background: weight {before.background_.share:.3f}, true share {len(noise) / len(X):.3f}")
is_outlier = np.arange(len(X)) >= len(eruptions)
for name, rows in {"outliers": is_outlier, "eruptions": ~is_outlier}.items():
    print(f"labelled -1: {is_noise[rows].sum()} of {rows.sum()} {name}")
far = student.outlyingness(X)
print(f"median outlyingness: {np.median(far[~is_outlier]):.1f}, of outliers {np.median(far[is_outlier]):.0f}")
print(f"degrees of freedom: {student.degrees_of_freedom_.round(1)}")

# %%
# Ellipses of 90 % for a Gaussian with each component's mean and scatter matrix. Circles are as large as a row's
# outlyingness, crosses are rows of the background.

mixtures = [fits["Gaussian"].mixture_, student.mixture_.as_gaussian(), before.mixture_]
sizes = [np.full(len(X), 6.0), 6.0 * np.minimum(far, 20.0), np.where(is_noise, 30.0, 6.0)]
figure, panels = plt.subplots(1, 3, figsize=(10, 3.6), sharex=True, sharey=True, layout="constrained")
for axes, name, mixture, size in zip(panels, fits, mixtures, sizes, strict=True):
    noisy = is_noise & (name == "Gaussian before a background")
    axes.scatter(*X[~noisy].T, s=size[~noisy], facecolors="none", edgecolors="#999999")
    axes.scatter(*X[noisy].T, s=size[noisy], color="#c44e52", marker="x")
    for outline in mixture.ellipses(level=0.9).points():
        axes.plot(*outline.T, color="#4c72b0")
    axes.set(title=name, xlabel="duration (minutes)", xlim=(-1, 11), ylim=(-10, 160))
panels[0].set(ylabel="wait until the next (minutes)")
plt.show()
