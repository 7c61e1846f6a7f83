"""
How many components, and which covariance?
==========================================

More components always fit better; a criterion asks whether the gain is worth the parameters. A search fits all
combinations and keeps the best. The data are 272 eruptions of Old Faithful (Azzalini & Bowman 1990).
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from gaussmix import GaussianMixtureSearch

here = Path(__file__).parent if "__file__" in globals() else Path.cwd()
eruptions = np.loadtxt(here / "faithful.csv", delimiter=",", skiprows=1)

families = ["EEI", "VEI", "VVI", "EEE", "VEE", "VVE", "VEV", "VVV"]  # "all" would be six more
search = GaussianMixtureSearch(range(1, 5), covariance_type=families, effort="low", random_state=0)
search.fit(eruptions)
print(f"lowest BIC: {search.best_n_components_} components, {search.best_covariance_type_}")

# %%
# ``results_`` has one entry for each of the 32 combinations; the best by BIC:

table = search.results_
print("   K  covariance      BIC      ICL  parameters")
for cell in np.argsort(table["rank"])[:6]:
    K, family = table["n_components"][cell], table["covariance_type"][cell]
    bic, icl, n_parameters = table["bic"][cell], table["icl"][cell], table["n_parameters"][cell]
    print(f"{K:4d}  {family:10s} {bic:8.1f} {icl:8.1f} {n_parameters:11d}")

# %%
# ICL also asks how sure the labels are. It counts separate groups, where BIC counts the normal distributions that
# describe the density:

best = np.nanargmin(table["icl"])
print(f"lowest ICL: {table['n_components'][best]} components, {table['covariance_type'][best]}")

# %%
# BIC against the number of components, one line a family:

figure, axes = plt.subplots(figsize=(6.5, 4.2))
for n, family in enumerate(families):
    cells = table["covariance_type"] == family
    values = table["n_components"][cells], table["bic"][cells]
    axes.plot(*values, "o-", markersize=3, color=plt.cm.turbo(n / 7), label=family)
axes.set(xlabel="components", ylabel="BIC (lower is better)", xticks=range(1, 5), ylim=(2305, 2365))
axes.legend(ncols=2, fontsize=8)
plt.show()
