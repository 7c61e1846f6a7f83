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
from scipy.stats import false_discovery_control
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score

from gaussmix import MixtureOutlierDetector

data = load_breast_cancer()
mean_values = np.log1p(data.data[:, :10])  # ten measurements, each averaged over the cells of an image
names = [name.removeprefix("mean ") for name in data.feature_names[:10]]
benign = data.target == 1
train, held_out = mean_values[benign][:200], mean_values[benign][200:]
malignant = mean_values[~benign]

# %%
# How often is a malignant row less probable than a benign one? This needs no threshold.

detector = MixtureOutlierDetector(random_state=0).fit(train)
scores = -detector.score_samples(np.concatenate([held_out, malignant]))
truth = np.repeat([0, 1], [len(held_out), len(malignant)])
print(f"area under the ROC curve: {roc_auc_score(truth, scores):.3f}")

# %%
# A threshold taken from the rows of the fit is too low for new ones: the fit has adapted to its own rows.

naive = np.quantile(detector.score_samples(train), 0.05)
false_alarms = (detector.score_samples(held_out) < naive).mean()
print(f"below the 5 % quantile of the fitted rows: {false_alarms:.1%} of the unseen benign rows")

# %%
# ``false_alarm_rate`` holds a quarter of the rows out of the fit and ranks new ones among them. A normal row is then
# called strange with at most this probability, whatever the true distribution is.

careful = MixtureOutlierDetector(false_alarm_rate=0.05, random_state=0).fit(train)
for name, rows in {"unseen benign": held_out, "malignant": malignant}.items():
    print(f"called strange: {(careful.predict(rows) == -1).mean():.1%} of the {name} rows")

# %%
# p-values are valid in the same sense. With many rows at once, the procedure of Benjamini and Hochberg bounds the
# share of false alarms among the alarms; more rows for calibration make smaller p-values possible.

finer = MixtureOutlierDetector(calibration=0.5, random_state=0).fit(train)
p_values = finer.p_values(np.concatenate([held_out, malignant]))
alarm = false_discovery_control(p_values) <= 0.1
print(f"of {alarm.sum()} alarms {(alarm & (truth == 0)).sum()} are false")

# %%
# Why is a row strange? Each feature's share of the log-density:

row = malignant[[0]]
shares = detector.contributions(row)[0]
for feature in np.argsort(shares)[:3]:
    print(f"{names[feature]}: {shares[feature]:.1f} nats")

figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
bins = np.linspace(-20, 40, 60)
axes.hist(careful.score_samples(held_out).clip(-20), bins, alpha=0.6, label="benign, unseen")
axes.hist(careful.score_samples(malignant).clip(-20), bins, alpha=0.6, label="malignant")
axes.axvline(careful.offset_, color="black", label="5 % false alarms at most")
axes.set(xlabel="log-density (nats; lower ones are drawn at -20)", ylabel="rows")
axes.legend()
plt.show()
