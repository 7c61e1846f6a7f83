"""
A mixture is a distribution: conditioning, modes, regions
=========================================================

A fitted mixture answers questions about the density itself. Given that an eruption of Old Faithful lasted three
minutes, how long is the wait? Where are the peaks? Which is the smallest region that holds 90 % of all eruptions?
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from gaussmix import GaussianMixture

here = Path(__file__).parent if "__file__" in globals() else Path.cwd()
eruptions = np.loadtxt(here / "faithful.csv", delimiter=",", skiprows=1)
mixture = GaussianMixture(n_components=3, covariance_type="tied", random_state=0).fit(eruptions).mixture_

# %%
# Conditioning on a duration (feature 0) gives the distribution of the wait, again a mixture, with quantiles of its
# own. After two or four minutes the wait is known to some ten minutes; after three it may be a short or a long one.

for minutes in (2.0, 3.0, 4.0):
    wait = mixture.condition([0], [minutes])
    low, middle, high = wait.quantile([0.05, 0.5, 0.95])
    print(f"after {minutes:.0f} min: {middle:.0f} min, between {low:.0f} and {high:.0f} in nine cases of ten")

# %%
# Peaks are not components: three components, two of them so close together that they share one mode.

modes = mixture.modes()
for point, log_density in zip(modes.points, modes.log_density, strict=True):
    print(f"a peak at {point[0]:.2f} min and {point[1]:.1f} min, log-density {log_density:.2f}")
print(f"the components lie on the slopes of the peaks {modes.of_component}")

# %%
# The smallest region of a given probability is bounded by a contour of the density.

regions = {share: mixture.hdr(share) for share in (0.9, 0.5)}
for share, region in regions.items():
    print(f"the region of {share:.0%} holds {region.contains(eruptions).mean():.0%} of the rows")

# %%
# Ellipses (dashed) describe the components, regions (filled) the whole.

duration, waits = np.meshgrid(np.linspace(1.2, 5.6, 200), np.linspace(38, 101, 200))
height = mixture.log_prob(np.column_stack([duration.ravel(), waits.ravel()])).reshape(duration.shape)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
levels = [region.level for region in regions.values()]
left.contourf(duration, waits, height, levels=[*levels, np.inf], colors=["#d6e4f0", "#9dbfdc"])
left.scatter(*eruptions.T, s=5, color="#555555")
for outline in mixture.ellipses(level=0.9).points():
    left.plot(*outline.T, "--", color="#c44e52", linewidth=1)
left.plot(*modes.points.T, "k+", markersize=12, markeredgewidth=2)
left.set(xlabel="duration (min)", ylabel="wait (min)", title="regions of 50 % and 90 %, modes, components")

grid = np.linspace(38, 101, 300)[:, None]
for minutes in (2.0, 3.0, 4.0):
    right.plot(grid, mixture.condition([0], [minutes]).pdf(grid), label=f"after {minutes:.0f} min")
right.set(xlabel="wait (min)", ylabel="density (1 / min)", title="the wait given the duration")
right.legend()
plt.show()
