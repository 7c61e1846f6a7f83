"""A mixture in one ``.safetensors`` file, and back, bit for bit.

Three float64 tensors, ``weights`` (K,), ``means`` (K, D) and ``covariances`` in scikit-learn's shape for the
covariance type, or of factors their loadings and noise side by side (K, D, q + 1), and one JSON text (`metadata`).
Other `kind`s of models add to that. Equal content gives equal bytes. A file is believed only after all of it was
checked: sizes, keys, types, shapes, the SHA-256, finite values, weights that sum to 1, symmetric positive definite
covariances. Nothing is ever unpickled.
"""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.atomic import write_atomically
from gaussmix.covariance import FACTOR_FAMILIES, FAMILIES
from gaussmix.errors import ModelFormatError, ParameterError
from gaussmix.model import Mixture, StudentMixture
from gaussmix.model.background import BackgroundMixture
from gaussmix.persistence import container, history, metadata
from gaussmix.persistence.kind import Kind, Model, kind_named, kind_of
from gaussmix.prior import FLOOR, Flat
from gaussmix.types import Float64Array

WEIGHT_TOLERANCE = 1e-9  # |Σ_k π_k − 1|; the sum of K rounded weights is far closer
_NAMES = (*FAMILIES, *FACTOR_FAMILIES)
_CHECKPOINT = b"gaussmix checkpoint"  # what the metadata of one begin with


@dataclass(frozen=True)
class SavedModel:
    """What a model file holds.

    Attributes
    ----------
    mixture : Mixture or StudentMixture
    feature_names : tuple of str or None
        Names of the D features, in the order of the means' columns.
    fit : dict or None
        How the fit went: ``n_iter``, ``converged``, ``lower_bound``, ``n_rows``, ``reg_covar``, ``tol``,
        ``init_params``, ``degenerate`` and whatever else was saved. A number that was not finite is None.
    background : BackgroundMixture or None
        The mixture before its background, where it has one, as ``background_`` of ``GaussianMixture``.
    """

    mixture: Mixture | StudentMixture
    feature_names: tuple[str, ...] | None = None
    fit: dict[str, Any] | None = None
    background: BackgroundMixture | None = None

    @property
    def model(self) -> Model:
        """The whole density of a row: of the mixture, and of the background where there is one."""
        return self.mixture if self.background is None else self.background


def save(
    model: Any,
    path: str | os.PathLike[str],
    *,
    feature_names: Sequence[str] | None = None,
    fit: metadata.FitHistory | None = None,
) -> None:
    """Write a mixture to a model file, whole or not at all.

    Parameters
    ----------
    model : Mixture, StudentMixture, BackgroundMixture or estimator
        Of a fitted ``GaussianMixture``, ``BayesianGaussianMixture`` or ``StudentTMixture`` it is ``mixture_``, or
        ``background_`` where there is one, and names and history are the estimator's unless they are given. Of a
        search it is the best estimator that is saved.
    path : path-like
        Conventionally ending in ``.safetensors``.
    feature_names : sequence of D str, optional
    fit : mapping, optional
        The fit's history: numbers, text, lists and tables of these.

    Raises
    ------
    ParameterError
        If the model is of no kind that can be saved, is not fitted, or names or history cannot be stored.
    OSError
        If the file cannot be written; what was at ``path`` is unchanged.

    Examples
    --------
    >>> import tempfile
    >>> from gaussmix import GaussianMixture, load, save
    >>> model = GaussianMixture(random_state=0).fit([[0.0, 1.0], [1.0, 3.0], [4.0, 2.0]])
    >>> with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
    ...     save(model, file.name)
    ...     saved = load(file.name)
    >>> bool((saved.mixture.means == model.means_).all()), saved.fit["n_rows"]
    (True, 3)
    """
    write_atomically(path, dumps(model, feature_names=feature_names, fit=fit))


def load(path: str | os.PathLike[str]) -> SavedModel:
    """Return the model in a file.

    Raises
    ------
    ModelFormatError
        If the file is not a sound model file of this version or an earlier one.
    OSError
        If it cannot be read.
    """
    try:
        data = _read(Path(path))
    except ModelFormatError as error:
        raise _named(path, error) from None
    return loads(data, name=str(path))


def dumps(
    model: Any,
    *,
    feature_names: Sequence[str] | None = None,
    fit: metadata.FitHistory | None = None,
) -> bytes:
    """Return the bytes of a mixture's model file; the parameters are those of `save`."""
    from safetensors.numpy import save as serialize  # here: most programs neither save nor load

    if history.is_estimator(model):
        estimator = history.fitted(model)
        model = history.model_of(estimator)
        feature_names = history.names_of(estimator) if feature_names is None else feature_names
        fit = history.history_of(estimator) if fit is None else fit
    kind = kind_of(model)
    mixture = kind.components(model)
    if mixture.covariance_type not in _NAMES:
        raise ParameterError(
            f"the model cannot be saved: its covariance family {mixture.covariance_type!r} is none of "
            f"{', '.join(_NAMES)}, so that nobody could load it"
        )
    stored: Any = mixture.covariances
    tensors = {
        "weights": mixture.weights,
        "means": mixture.means,
        "covariances": stored.packed() if stored.n_factors else stored.parameters(),
        **kind.added(model),
    }
    shape = mixture.n_components, mixture.n_features
    text = metadata.write(mixture.covariance_type, shape, feature_names, fit, model=kind.about(model))
    data = serialize(
        {name: np.ascontiguousarray(tensor, dtype=np.float64) for name, tensor in tensors.items()},
        metadata={container.METADATA_KEY: text},
    )
    return container.seal(data)


def loads(data: bytes, *, name: str = "these bytes") -> SavedModel:
    """Return the model in the bytes of a model file.

    Parameters
    ----------
    data : bytes
    name : str
        What the error's sentence calls them.

    Raises
    ------
    ModelFormatError
        If they are not a sound model file of this version or an earlier one.
    """
    try:
        header_bytes = container.header_length(data[: container.PREFIX], len(data))
        header = _header(data[container.PREFIX : container.PREFIX + header_bytes])
        container.check_extent(header, header_bytes, len(data))
        table = metadata.parse(header.metadata)
        container.check_seal(data, table.get("sha256"))
        about = metadata.read(table)
        kind = kind_named(about.model)
        _check_shapes(about, kind, header.shapes)
        tensors = _deserialize(data)
        _check_values(tensors)
        return _saved(kind, tensors, about)
    except ModelFormatError as error:
        raise _named(name, error) from None


def _saved(kind: Kind, tensors: dict[str, Float64Array], about: metadata.Metadata) -> SavedModel:
    model = kind.made(_mixture(tensors, about.covariance_type), tensors, about.model or {})
    background = model if kind.before_background else None
    return SavedModel(
        model.mixture if kind.before_background else model, about.feature_names, about.fit, background
    )


def _header(data: bytes) -> container.Header:
    """Return the header, whose tensors are checked once the metadata tell of what kind the model is."""
    try:
        return container.read_header(data, tensors=None)
    except ModelFormatError:
        if _CHECKPOINT in data:
            raise ModelFormatError(
                "it is a checkpoint of a fit, not a model; gaussmix info tells of which, and how to go on"
            ) from None
        raise


def _named(name: str | os.PathLike[str], error: ModelFormatError) -> ModelFormatError:
    return ModelFormatError(f"{name} is not a usable gaussmix model file: {error}")


def _read(path: Path) -> bytes:
    """Return a file's bytes, read only once its header and its size agree."""
    if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
        raise ModelFormatError("it is not a regular file")  # opening a pipe could wait for ever
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        prefix = stream.read(container.PREFIX)
        header_bytes = container.header_length(prefix, size)
        header = stream.read(header_bytes)
        container.check_extent(_header(header), header_bytes, size)
        return prefix + header + stream.read(size - len(prefix) - len(header))


def _check_shapes(about: metadata.Metadata, kind: Kind, shapes: container.Shapes) -> None:
    names = (*container.TENSORS, *kind.tensors)
    if set(shapes) != set(names):
        raise ModelFormatError(
            f"its header does not list the tensors {', '.join(names)} and the metadata only"
        )
    if about.covariance_type not in _NAMES:
        raise ModelFormatError(
            f"its covariance_type {about.covariance_type[:40]!r} is none of {', '.join(_NAMES)}"
        )
    K, D = about.n_components, about.n_features
    if about.covariance_type in FACTOR_FAMILIES:
        columns = [1, *shapes["covariances"]][-1]  # loadings and noise; a number has none
        covariances: tuple[int, ...] = (K, D, min(max(columns, 2), D))
    else:
        covariances = FAMILIES[about.covariance_type].scatter.shape(K, D)
    expected = {"weights": (K,), "means": (K, D), "covariances": covariances}
    expected |= dict.fromkeys(kind.tensors, (K,))
    for name, shape in expected.items():
        if shapes[name] != shape:
            raise ModelFormatError(
                f"its {name} have the shape {shapes[name]} where {K} {about.covariance_type} components in "
                f"{D} features need {shape}"
            )


def _deserialize(data: bytes) -> dict[str, Float64Array]:
    from safetensors import SafetensorError
    from safetensors.numpy import load as deserialize

    try:
        return deserialize(data)
    except SafetensorError as error:
        raise ModelFormatError(f"the safetensors parser refuses it ({error})") from None


def _check_values(tensors: dict[str, Float64Array]) -> None:
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise ModelFormatError(f"its {name} are not all finite")
    weights = tensors["weights"]
    if (weights < 0).any():
        raise ModelFormatError(f"the weight of component {int(weights.argmin())} is negative")
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not abs(total - 1) <= WEIGHT_TOLERANCE:
        raise ModelFormatError(f"its weights sum to {total:.12g}, not 1")


def _mixture(tensors: dict[str, Float64Array], covariance_type: str) -> Mixture:
    """Return the mixture; its own check covers symmetry and positive definiteness (Cholesky)."""
    try:
        with np.errstate(all="ignore"):  # what overflows is refused, not warned about
            if covariance_type in FACTOR_FAMILIES:
                mixture = _of_factors(tensors, covariance_type)
            else:
                mixture = Mixture.from_parameters(
                    tensors["weights"], tensors["means"], tensors["covariances"], covariance_type
                )
    except ParameterError as error:
        raise ModelFormatError(str(error)) from None
    # from_parameters divides the weights by their sum, which may move the last bit.
    return dataclasses.replace(mixture, weights=tensors["weights"])


def _of_factors(tensors: dict[str, Float64Array], covariance_type: str) -> Mixture:
    """Return the mixture of loadings and noise."""
    packed, (K, D) = tensors["covariances"], tensors["means"].shape
    family = FACTOR_FAMILIES[covariance_type].with_factors(packed.shape[2] - 1).for_features(D)
    covariances = family.from_packed(packed)
    prior = Flat(None, FLOOR * np.square(covariances.standard_deviations()).mean(axis=0))
    return Mixture(tensors["weights"], tensors["means"], covariances, family, prior, np.zeros(K, bool))
