"""
Density and clusters of Old Faithful
====================================

One fitted mixture is two things at once: a smooth density of the data, and a soft clustering of its rows. The
data are 272 eruptions of a geyser in Yellowstone: how long each lasted, and the wait until the next, both in
minutes (Azzalini & Bowman 1990, Applied Statistics 39, 357-365).
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from gaussmix import GaussianMixture

here = Path(__file__).parent if "__file__" in globals() else Path.cwd()
eruptions = np.loadtxt(here / "faithful.csv", delimiter=",", skiprows=1)
gm = GaussianMixture(n_components=2, random_state=0).fit(eruptions)

# %%
# The parameters: short eruptions with short waits, long ones with long waits.

for weight, mean in zip(gm.weights_, gm.means_, strict=True):
    print(f"{weight:.0%} of the eruptions: {mean[0]:.2f} min long, {mean[1]:.1f} min to the next")

# %%
# ``predict`` names the most probable component of each row; ``predict_proba`` says how sure that is.

labels = gm.predict(eruptions)
unsure = gm.predict_proba(eruptions).max(axis=1) < 0.9
print(f"{np.bincount(labels)} rows a component; {unsure.sum()} of them less than 90 % sure")

# %%
# ``score_samples`` is the log-density, in nats. Its contours:

duration, wait = np.meshgrid(np.linspace(1.2, 5.6, 150), np.linspace(38, 101, 150))
log_density = gm.score_samples(np.column_stack([duration.ravel(), wait.ravel()])).reshape(duration.shape)

figure, axes = plt.subplots(figsize=(6, 4.5))
axes.contour(duration, wait, np.exp(log_density), levels=12, cmap="Greys")
axes.scatter(*eruptions.T, c=labels, cmap="coolwarm", s=12)
axes.set(xlabel="duration (min)", ylabel="wait until the next (min)", title="Old Faithful")
plt.show()
