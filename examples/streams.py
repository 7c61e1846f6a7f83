"""
Streams: rows that are seen once
================================

``partial_fit`` moves a mixture on by a batch of rows, which are then forgotten: stepwise EM (Cappé & Moulines 2009).
Without ``half_life`` all rows count alike, and the mixture converges to that of all of them. Where the world changes,
old rows mislead: with a half-life the mixture follows. Here are two groups; one stays, the other wanders.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from gaussmix import GaussianMixture

N_BATCHES, ROWS = 150, 400
rng = np.random.default_rng(0)
place = 4 * np.sin(np.linspace(0, 2 * np.pi, N_BATCHES))  # of the group that wanders


def batch(time: int) -> np.ndarray:
    """Return the rows that come at a time, two thirds of them of the group that stays."""
    wanders = rng.random(ROWS) < 1 / 3
    centres = np.where(wanders[:, None], [place[time], 5.0], [0.0, 0.0])
    return centres + rng.standard_normal((ROWS, 2))


# %%
# A half-life of 1,000 rows means that what was seen two and a half batches ago counts half. How well a mixture
# describes the next batch, before it learns it, is the fair judge of a half-life.

models = {
    "all rows alike": GaussianMixture(2, random_state=0),
    "half-life of 1,000 rows": GaussianMixture(2, half_life=1_000, random_state=0),
}
tracks = {name: np.empty(N_BATCHES) for name in models}
scores = {name: np.empty(N_BATCHES - 1) for name in models}
for time in range(N_BATCHES):
    X = batch(time)
    for name, model in models.items():
        if time > 0:
            scores[name][time - 1] = model.score(X)
        model.partial_fit(X)
        tracks[name][time] = model.means_[model.means_[:, 1].argmax(), 0]
for name, model in models.items():
    off = np.abs(tracks[name] - place).mean()
    print(
        f"{name}: {model.n_samples_seen_} rows seen, mean off by {off:.2f}, the next batch has"
        f" {scores[name].mean():.2f} nats a row"
    )

# %%
# How fast to forget is a compromise: the mean lags behind by about as many rows as are remembered, and the fewer
# these are, the more it trembles.

figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
axes.plot(place, color="black", linestyle=":", label="truth")
for (name, track), colour in zip(tracks.items(), ["#999999", "#c44e52"], strict=True):
    axes.plot(track, color=colour, label=name)
axes.set(xlabel="batch", ylabel="mean of the group that wanders")
axes.legend()
plt.show()
