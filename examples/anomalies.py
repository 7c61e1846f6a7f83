"""
Anomalies by low likelihood
===========================

Describe what is normal by a density, and call strange what the density finds improbable. Here "normal" is 200
benign tumours of the Wisconsin breast cancer data (Street, Wolberg & Mangasarian 1993), described by the
logarithms of their size and shape; the model never sees a malignant one.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score

from gaussmix import GaussianMixture

data = load_breast_cancer()
mean_values = np.log1p(data.data[:, :10])  # ten measurements, each averaged over the cells of an image
benign = data.target == 1
train, held_out = mean_values[benign][:200], mean_values[benign][200:]
malignant = mean_values[~benign]

gm = GaussianMixture(n_components=2, random_state=0).fit(train)

# %%
# The threshold is a quantile of the training rows' own log-density: one in fifty may be called strange.

threshold = np.quantile(gm.score_samples(train), 0.02)
strange_benign = gm.score_samples(held_out) < threshold
strange_malignant = gm.score_samples(malignant) < threshold
print(f"called strange: {strange_benign.mean():.1%} of the benign rows that it has not seen")
print(f"                {strange_malignant.mean():.1%} of the malignant rows")

# %%
# Without any threshold: how often is a malignant row less probable than a benign one?

scores = -gm.score_samples(np.concatenate([held_out, malignant]))
truth = np.repeat([0, 1], [len(held_out), len(malignant)])
print(f"area under the ROC curve: {roc_auc_score(truth, scores):.3f}")

figure, axes = plt.subplots(figsize=(6, 3.5))
bins = np.linspace(-20, 40, 60)
axes.hist(gm.score_samples(held_out).clip(-20), bins, alpha=0.6, label="benign, unseen")
axes.hist(gm.score_samples(malignant).clip(-20), bins, alpha=0.6, label="malignant")
axes.axvline(threshold, color="black", label="threshold")
axes.set(xlabel="log-density (nats; lower ones are drawn at -20)", ylabel="rows")
axes.legend()
plt.show()
