"""The kinds of models that a file can hold: what each adds to weights, means and covariances.

The registry is ``KINDS``: a kind costs one class and one line. A Gaussian mixture adds nothing, and its files are of
the first version of the format. All others are of the second, and the table ``model`` of their metadata says of which
kind they are: a reader that knows only Gaussian mixtures refuses them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from gaussmix.errors import ModelFormatError, ParameterError
from gaussmix.model import Mixture, StudentMixture
from gaussmix.model.background import BackgroundMixture, Uniform
from gaussmix.model.student_density import SCATTERS
from gaussmix.types import Float64Array

Model = Mixture | StudentMixture | BackgroundMixture
Tensors = Mapping[str, Float64Array]


class Kind(Protocol):
    """What the file needs to know of a kind of models.

    Attributes
    ----------
    name : str
        As the metadata give it.
    tensors : tuple of str
        Those beside weights, means and covariances, each of shape (K,).
    before_background : bool
        Whether such a model is a mixture before a background.
    """

    @property
    def name(self) -> str: ...
    @property
    def tensors(self) -> tuple[str, ...]: ...
    @property
    def before_background(self) -> bool: ...

    def components(self, model: Any) -> Mixture:
        """Return the Gaussian mixture of the model's weights, means and covariances."""

    def added(self, model: Any) -> Tensors:
        """Return the tensors beside those of the components."""

    def about(self, model: Any) -> dict[str, Any] | None:
        """Return the table ``model`` of the metadata; None where there is none.

        Raises
        ------
        ParameterError
            If the model cannot be saved.
        """

    def made(self, components: Mixture, tensors: Tensors, about: dict[str, Any]) -> Any:
        """Return the model.

        Raises
        ------
        ModelFormatError, ParameterError
            If there is none with such tensors and such a table.
        """


@dataclass(frozen=True)
class Gaussian:
    """A Gaussian mixture."""

    name: str = "gaussian"
    tensors: tuple[str, ...] = ()
    before_background: bool = False

    def components(self, model: Mixture) -> Mixture:
        return model

    def added(self, model: Mixture) -> Tensors:
        return {}

    def about(self, model: Mixture) -> None:
        return None

    def made(self, components: Mixture, tensors: Tensors, about: dict[str, Any]) -> Mixture:
        return components


@dataclass(frozen=True)
class Student:
    """A mixture of t distributions: its degrees of freedom (K,), and the rule by which a fit estimates them."""

    name: str = "student"
    tensors: tuple[str, ...] = ("degrees_of_freedom",)
    before_background: bool = False
    rules: tuple[str, ...] = ("component", "shared", "fixed")

    def components(self, model: StudentMixture) -> Mixture:
        return model.as_gaussian()

    def added(self, model: StudentMixture) -> Tensors:
        return {"degrees_of_freedom": model.degrees_of_freedom}

    def about(self, model: StudentMixture) -> dict[str, Any]:
        return {"kind": self.name, "rule": model.rule}

    def made(self, components: Mixture, tensors: Tensors, about: dict[str, Any]) -> StudentMixture:
        _require_keys(about, "kind", "rule")
        if about["rule"] not in self.rules:
            raise ModelFormatError(f"its rule of the degrees of freedom is none of {', '.join(self.rules)}")
        if components.family.scatter.name not in SCATTERS:
            raise ModelFormatError(
                f"there are no t distributions of covariance_type {components.covariance_type!r} in "
                f"{components.n_features} features"
            )
        degrees = tensors["degrees_of_freedom"]
        if not (degrees > 0).all():
            raise ModelFormatError("its degrees_of_freedom are not all positive")
        if about["rule"] == "shared" and (degrees != degrees[0]).any():
            raise ModelFormatError("its degrees_of_freedom differ where the components share them")
        # The mean that from_mixture takes of shared ones may move the last bit.
        rule = "component" if about["rule"] == "shared" else about["rule"]
        return replace(StudentMixture.from_mixture(components, degrees, rule), rule=about["rule"])


@dataclass(frozen=True)
class Background:
    """A Gaussian mixture before a uniform background: the weight of that, and the logarithm of its volume."""

    name: str = "background"
    tensors: tuple[str, ...] = ()
    before_background: bool = True

    def components(self, model: BackgroundMixture) -> Mixture:
        return model.mixture

    def added(self, model: BackgroundMixture) -> Tensors:
        return {}

    def about(self, model: BackgroundMixture) -> dict[str, Any]:
        log_volume = getattr(model.background, "log_volume", None)
        if log_volume is None:
            raise ParameterError(
                "the model cannot be saved: its background is a function of yours, which a file cannot hold; fit "
                "with background='uniform' or 'hull', or save mixture_ alone"
            )
        return {
            "kind": self.name,
            "density": "uniform",
            "share": float(model.share),
            "log_volume": float(log_volume),
        }

    def made(self, components: Mixture, tensors: Tensors, about: dict[str, Any]) -> BackgroundMixture:
        _require_keys(about, "kind", "density", "share", "log_volume")
        if about["density"] != "uniform":
            raise ModelFormatError("the density of its background is not 'uniform'")
        share, log_volume = (_number(about, name) for name in ("share", "log_volume"))
        if not 0 <= share < 1:
            raise ModelFormatError(f"the share of its background is {share:g}, not between 0 and 1")
        return BackgroundMixture(components, share, Uniform(log_volume))


GAUSSIAN: Final = Gaussian()
KINDS: Final[dict[type, Kind]] = {
    Mixture: GAUSSIAN,
    StudentMixture: Student(),
    BackgroundMixture: Background(),
}
"""The kind of each class of models."""


def kind_of(model: object) -> Kind:
    """Return the kind of a model.

    Raises
    ------
    ParameterError
        If it is of none.
    """
    kind = KINDS.get(type(model))
    if kind is None:
        raise ParameterError(
            f"save takes a mixture or a fitted estimator of one, not a {type(model).__name__}: pass mixture_ of a "
            "GaussianMixture, BayesianGaussianMixture or StudentTMixture"
        )
    return kind


def kind_named(about: dict[str, Any] | None) -> Kind:
    """Return the kind that the table ``model`` of the metadata names.

    Raises
    ------
    ModelFormatError
        If there is none of that name.
    """
    if about is None:
        return GAUSSIAN
    known = {kind.name: kind for kind in KINDS.values() if kind is not GAUSSIAN}
    name = about.get("kind")
    if not isinstance(name, str) or name not in known:
        raise ModelFormatError(f"its kind of model is none of {', '.join(known)}")
    return known[name]


def _require_keys(about: dict[str, Any], *keys: str) -> None:
    if set(about) != set(keys):
        wrong = ", ".join(sorted(set(about) ^ set(keys)))
        raise ModelFormatError(
            f"the table 'model' of its metadata has missing or unknown entries: {wrong[:200]}"
        )


def _number(about: dict[str, Any], name: str) -> float:
    value = about[name]
    if type(value) is not float:  # which is finite: the parser lets nothing else pass
        raise ModelFormatError(f"{name} of its background is not a floating-point number")
    return value
