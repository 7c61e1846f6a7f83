"""What happens to a component that collapses: no rows are left for it, or its covariance is singular.

To add a policy: one function here, and one line in ``POLICIES``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import numpy as np

from gaussmix.errors import DegenerateError
from gaussmix.model import Mixture, Model
from gaussmix.model.base import AnyModel

if TYPE_CHECKING:
    from gaussmix.model.background import BackgroundMixture

Parted = TypeVar("Parted", Mixture, "BackgroundMixture")  # models whose components can be taken out and split


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


def _floor(model: AnyModel) -> AnyModel:
    """Keep the component: the M-step has already raised its covariance or kept its parameters."""
    return model


def _drop(model: Parted) -> Parted:
    """Remove the component."""
    return model.select(np.flatnonzero(~model.collapsed))


def _restart(model: Parted) -> Parted:
    """Replace the component by one half of the heaviest other one, split along its longest axis."""
    for k in np.flatnonzero(model.collapsed):
        weights = np.where(model.collapsed, -1.0, model.weights)
        donor = int(weights.argmax())
        model = model.split(donor, int(k))
    return model


def _raise(model: Model[Any]) -> NoReturn:
    """Raise DegenerateError naming the first collapsed component."""
    k = int(np.flatnonzero(model.collapsed)[0])
    raise DegenerateError(
        f"Fitting the mixture model failed because component {k} collapsed ({_reason(model, k)}, weight "
        f"{model.weights[k]:.3g}). Try to decrease the number of components, increase reg_covar, or scale the "
        "input data; on_degenerate='floor', 'drop' or 'restart' would go on."
    )


POLICIES: dict[str, Callable[[Any], Any]] = {
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

    def __call__(self, model: AnyModel, iteration: int) -> AnyModel:
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
        treated: AnyModel = POLICIES[action](model)
        return treated


def _reason(model: Model[Any], k: int) -> str:
    return "no rows" if model.weights[k] == 0 else "singular covariance"
