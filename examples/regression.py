"""
Regression with several answers
===============================

Bishop's inverse problem (1994, Mixture density networks): x = y + 0.3 sin(2πy) + noise. From y to x there is one
answer, but from x to y there are up to three. A mean then answers between them, where no data are; the conditional
mixture has them all.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from gaussmix import MixtureRegressor

rng = np.random.default_rng(0)
y = rng.uniform(0, 1, 1000)
x = y + 0.3 * np.sin(2 * np.pi * y) + rng.normal(0, 0.05, y.size)

model = MixtureRegressor(n_components=4, random_state=0).fit(x[:, None], y)

# %%
# At x = 0.5 the conditional density of y has three peaks, and the smallest region that holds 80 % is three intervals.

given = model.predict_mixtures([[0.5]]).mixture(0)
print(f"mean {model.predict([[0.5]])[0]:.2f}")
print(f"peaks {np.sort(given.modes().points[:, 0]).round(2)}")
print(f"80 % in {given.hdr(0.8).intervals().round(2).tolist()}")

# %%
# R² looks at the mean alone; the log-density of y given x judges the whole distribution. A single component is
# linear regression.

line = MixtureRegressor(n_components=1).fit(x[:, None], y)
for name, fit in {"one component": line, "four components": model}.items():
    print(
        f"{name}: R² {fit.score(x[:, None], y):.2f}, log-density {fit.log_score(x[:, None], y):+.2f} nats a row"
    )

# %%
# Left the mean and the quantiles that enclose 90 %, right the density of y for each x.

grid = np.linspace(0, 1, 200)
low, high = model.predict_quantiles(grid[:, None], [0.05, 0.95])
ys = np.linspace(-0.1, 1.1, 200)
conditionals = model.predict_mixtures(grid[:, None])
density = np.column_stack([conditionals.mixture(i).pdf(ys[:, None]) for i in range(len(conditionals))])

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), sharex=True, sharey=True, layout="constrained")
left.scatter(x, y, s=4, color="#999999")
left.plot(grid, model.predict(grid[:, None]), color="#c44e52", label="mean")
left.fill_between(grid, low, high, color="#c44e52", alpha=0.2, label="90 %")
left.legend(loc="upper left")
left.set(xlabel="x", ylabel="y", title="mean and quantiles")
right.pcolormesh(grid, ys, density, cmap="Blues")
right.set(xlabel="x", title="density of y given x")
plt.show()
