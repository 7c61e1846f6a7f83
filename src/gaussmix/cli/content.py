"""What reports say of a model, whatever its kind: names and arrays for JSON, lines for eyes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gaussmix.model.background import BackgroundMixture

_NOUNS = {"gaussian": "", "student": " t distributions"}


def parameters_of(mixture: Any, background: BackgroundMixture | None = None) -> dict[str, Any]:
    """Return the parameters of a mixture: loadings and noise, where there are factors, instead of covariances."""
    parameters = {"weights": mixture.weights, "means": mixture.means}
    stored = mixture.covariances
    if stored.n_factors:
        parameters |= {"loadings": stored.loadings, "noise_variance": stored.noise}
    else:
        parameters["covariances"] = stored.parameters()
    if hasattr(mixture, "degrees_of_freedom"):
        parameters["degrees_of_freedom"] = mixture.degrees_of_freedom
    if background is not None:
        log_volume = getattr(background.background, "log_volume", math.nan)
        parameters["background"] = {"share": background.share, "log_volume": log_volume}
    return parameters


def distribution(mixture: Any) -> str:
    """Return what kind of distributions the components are, as --distribution names them."""
    from gaussmix.persistence.kind import kind_of

    return kind_of(mixture).name


def lines(mixture: Any, background: BackgroundMixture | None = None) -> list[tuple[str, object]]:
    """Return the number and kind of components, and the background if there is one."""
    noun = _NOUNS[distribution(mixture)]
    said: list[tuple[str, object]] = [
        ("components", f"{mixture.n_components}{noun} ({mixture.covariance_type} covariance)")
    ]
    if background is not None:
        log_volume = getattr(background.background, "log_volume", math.nan)
        said.append(("background", f"{background.share:.4f} of the rows, of log-volume {log_volume:.6g}"))
    return said
