"""
How many components? Bayesian inference
=======================================

``BayesianGaussianMixture`` is given more components than there can be. It leaves those without rows that the data do
not need, so that one fit takes the place of a search over numbers of components. Here are five groups of different
size and shape, and thirty components.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import adjusted_rand_score

from gaussmix import BayesianGaussianMixture, Mixture

rng = np.random.default_rng(0)
roots = rng.standard_normal((5, 2, 2)) + np.eye(2)
truth = Mixture.from_parameters(
    weights=[0.3, 0.25, 0.2, 0.15, 0.1],
    means=[[0, 0], [9, 0], [0, 9], [9, 9], [4.5, 4.5]],
    covariances=roots @ roots.transpose(0, 2, 1) + 0.2 * np.eye(2),
)
X, groups = truth.sample(1000, rng)

# %%
# The prior of the weights is a stick that is broken again and again (a Dirichlet process), with the heaviest
# component first. Components without rows keep the prior, and their weights fall one after the other.

model = BayesianGaussianMixture(n_components=30, random_state=0).fit(X)
K = model.n_components_effective_
print(f"{K} of {model.n_components} components are used, with weights {model.weights_[:K].round(2)}")
print(f"agreement of labels and groups: {adjusted_rand_score(groups, model.predict(X)):.2f}")

# %%
# Parameters have distributions, not values. Three densities of a new row come of them: ``predictive=True`` averages
# over all parameters, which makes the components t distributions; ``mixture_`` is the mixture of their means; and
# ``score_samples`` gives scikit-learn's, which lies below the predictive one.

new, _ = truth.sample(10_000, rng)
print(f"unseen rows, predictive density: {model.score_samples(new, predictive=True).mean():.3f} nats a row")
print(f"the mixture of the expected parameters: {model.mixture_.log_prob(new).mean():.3f}")
print(f"scikit-learn's: {model.score(new):.3f}; the truth: {truth.log_prob(new).mean():.3f}")

# %%
# ``lower_bound_`` is a bound of the log-evidence, and so it compares models, such as families. Those that cannot
# describe a group by one component use several.

for name in ("full", "tied", "diag", "spherical"):
    other = BayesianGaussianMixture(30, covariance_type=name, random_state=0).fit(X)
    used = other.n_components_effective_
    print(f"{name}: lower bound {other.lower_bound_:.3f} nats a row, with {used} components")

# %%
# The concentration says how many components are expected before the data. A prior of its own lets the rows tell it.

learnt = BayesianGaussianMixture(30, weight_concentration_hyper_prior=(1, 1), random_state=0).fit(X)
print(
    f"learnt concentration {learnt.weight_concentration_prior_:.2f}, {learnt.n_components_effective_} components"
)

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
left.scatter(*X.T, s=4, c=model.predict(X), cmap="tab10", vmax=9)
used = model.mixture_.select(np.arange(K))
for outline in used.ellipses(level=0.9).points():
    left.plot(*outline.T, color="black", linewidth=1)
left.set(title=f"{K} components have rows", aspect="equal")
right.bar(np.arange(1, 31), model.posterior_.count, color="#4c72b0")
right.set(title="what each one holds", xlabel="component", ylabel="expected rows")
plt.show()
