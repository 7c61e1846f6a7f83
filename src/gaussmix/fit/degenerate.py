"""What happens to a component that collapses: no rows are left for it, or its covariance is singular.

To add a policy: one function here, and one line in ``POLICIES``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from gaussmix.errors import DegenerateError
from gaussmix.model import Mixture

_SPLIT: Final = 0.5  # standard deviations between the halves of a split component and its centre


@dataclass(frozen=True, slots=True)
class Collapse:
    """Tell what happened to one component.

    Attributes
    ----------
    component : int
        Its index when it happened.
    iteration : int
    weight : float
        Its mixing weight then.
    reason : str
    action : str
        The policy that was applied.
    """

    component: int
    iteration: int
    weight: float
    reason: str
    action: str

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary."""
        return asdict(self)


def _floor(model: Mixture) -> Mixture:
    """Keep the component: the M-step has already raised its covariance or kept its parameters."""
    return model


def _drop(model: Mixture) -> Mixture:
    """Remove the component."""
    return model.select(np.flatnonzero(~model.collapsed))


def _restart(model: Mixture) -> Mixture:
    """Replace the component by one half of the heaviest other one, split along its longest axis."""
    for k in np.flatnonzero(model.collapsed):
        weights = np.where(model.collapsed, -1.0, model.weights)
        donor = int(weights.argmax())
        model = _split(model, donor, int(k))
    return model


def _split(model: Mixture, donor: int, k: int) -> Mixture:
    offset = _SPLIT * model.covariances.longest_axis(donor)
    components = np.arange(model.n_components)
    components[k] = donor
    weights, means, collapsed = model.weights.copy(), model.means.copy(), model.collapsed.copy()
    weights[[donor, k]] = model.weights[donor] / 2
    means[k], means[donor] = means[donor] + offset, means[donor] - offset
    collapsed[k] = False
    covariances = model.covariances.select(components)
    return Mixture(weights / weights.sum(), means, covariances, model.family, model.prior, collapsed)


def _raise(model: Mixture) -> Mixture:
    """Raise DegenerateError naming the first collapsed component."""
    k = int(np.flatnonzero(model.collapsed)[0])
    raise DegenerateError(
        f"Fitting the mixture model failed because component {k} collapsed ({_reason(model, k)}, weight "
        f"{model.weights[k]:.3g}). Try to decrease the number of components, increase reg_covar, or scale the "
        "input data; on_degenerate='floor', 'drop' or 'restart' would go on."
    )


POLICIES: dict[str, Callable[[Mixture], Mixture]] = {
    "floor": _floor,
    "drop": _drop,
    "restart": _restart,
    "raise": _raise,
}


class DegeneratePolicy:
    """Apply a policy during one run of EM and keep the report.

    Parameters
    ----------
    name : str
        A key of ``POLICIES``.
    max_restarts : int
        After so many restarts the components that still collapse are floored.
    """

    def __init__(self, name: str, max_restarts: int = 10) -> None:
        self.name = name
        self.report: list[Collapse] = []
        self._restarts_left = max_restarts
        self._floored: frozenset[int] = (
            frozenset()
        )  # replaced and not changed, as the report: a copy keeps its own

    def __call__(self, model: Mixture, iteration: int) -> Mixture:
        """Return the model to go on with, after noting each newly collapsed component."""
        action = self.name
        self._restarts_left -= action == "restart"
        if action != "raise" and (model.collapsed.all() or self._restarts_left < 0):
            action = "floor"  # nothing is left to keep or to split
        for k in np.flatnonzero(model.collapsed).tolist():
            if action != "floor" or k not in self._floored:
                weight = float(model.weights[k])
                event = Collapse(k, iteration, weight, _reason(model, k), action)
                self.report = [*self.report, event]
            if action == "floor":
                self._floored |= {k}
        return POLICIES[action](model)


def _reason(model: Mixture, k: int) -> str:
    return "no rows" if model.weights[k] == 0 else "singular covariance"
