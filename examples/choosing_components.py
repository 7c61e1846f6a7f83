"""
How many components, and which covariance?
==========================================

More components always fit better; BIC asks whether the gain is worth the parameters (Schwarz 1978). Lower is
better, as in scikit-learn. A table of all combinations costs little when a fit does.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from gaussmix import GaussianMixture
from gaussmix.errors import DegenerateWarning

here = Path(__file__).parent if "__file__" in globals() else Path.cwd()
eruptions = np.loadtxt(here / "faithful.csv", delimiter=",", skiprows=1)
families = ["full", "tied", "diag", "spherical"]
sizes = range(1, 7)


def bic(covariance_type: str, n_components: int) -> float:
    gm = GaussianMixture(n_components, covariance_type=covariance_type, n_init=5, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateWarning)  # too many components may collapse; BIC tells
        return gm.fit(eruptions).bic(eruptions)


table = {(family, K): bic(family, K) for family in families for K in sizes}

# %%
# One row a family, one column a number of components:

print("BIC".ljust(10) + "".join(f"{f'K={K}':>9}" for K in sizes))
for family in families:
    print(family.ljust(10) + "".join(f"{table[family, K]:9.1f}" for K in sizes))

# %%
# The best of them:

family, K = min(table, key=table.__getitem__)
print(f"\nlowest: {K} components, {family!r}")
