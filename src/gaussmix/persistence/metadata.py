"""The JSON text in a model file: what the tensors mean, and how they were fitted."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from gaussmix.errors import ModelFormatError, ParameterError
from gaussmix.persistence import strict_json
from gaussmix.persistence.container import DIGEST_PLACE, METADATA_LIMIT

FORMAT = "gaussmix"
GAUSSIAN_VERSION = 1  # of files of Gaussian mixtures, which every version of gaussmix reads
FORMAT_VERSION = 2  # of all other kinds of models, and the newest that is read
ALGORITHM_VERSION = 1  # raised when the same data and seed no longer give the same parameters
NAME_LIMIT = 10_000  # characters of one feature's name

FitHistory: TypeAlias = Mapping[str, object]

_KEYS = (
    "sha256",  # first, so that its place is the first run of 64 zeros in the file
    "format",
    "format_version",
    "algorithm_version",
    "covariance_type",
    "n_components",
    "n_features",
    "feature_names",
    "fit",
)
_MODEL = "model"  # the entry that other kinds than Gaussian mixtures have

# The entries of a fit's history whose type a reader may rely on; others are free. None means "not known".
_FIT_TYPES: dict[str, type] = {
    "n_iter": int,
    "n_rows": int,
    "converged": bool,
    "lower_bound": float,
    "reg_covar": float,
    "tol": float,
    "init_params": str,
    "degenerate": list,
}


@dataclass(frozen=True)
class Metadata:
    """The checked content of the JSON text; ``model`` is None for a Gaussian mixture."""

    sha256: str
    algorithm_version: int
    covariance_type: str
    n_components: int
    n_features: int
    feature_names: tuple[str, ...] | None
    fit: dict[str, Any] | None
    model: dict[str, Any] | None


def write(
    covariance_type: str,
    shape: tuple[int, int],
    feature_names: Sequence[str] | None,
    fit: FitHistory | None,
    *,
    model: dict[str, Any] | None = None,
) -> str:
    """Return the JSON text for a model of ``shape`` (K, D), with zeros in the place of its digest.

    ``model`` tells of what kind it is, see ``kind``; None is a Gaussian mixture.

    Raises
    ------
    ParameterError
        If the feature names or the fit's history cannot be stored.
    """
    n_components, n_features = shape
    names = None if feature_names is None else [str(name) for name in feature_names]
    history = None if fit is None else plain(dict(fit))
    version = GAUSSIAN_VERSION if model is None else FORMAT_VERSION
    values = (
        DIGEST_PLACE, FORMAT, version, ALGORITHM_VERSION, covariance_type, n_components, n_features, names, history,
    )  # fmt: skip
    table = dict(zip(_KEYS, values, strict=True)) | ({} if model is None else {_MODEL: model})
    text = json.dumps(table, separators=(",", ":"), allow_nan=False)
    if len(text) > METADATA_LIMIT:
        raise ParameterError(
            f"the model cannot be saved: feature names and fit history take {len(text)} characters, "
            f"more than {METADATA_LIMIT}; give shorter names or feature_names=None"
        )
    try:
        read(parse(text))  # what we write, we can read
    except ModelFormatError as error:
        raise ParameterError(f"the model cannot be saved: {error}") from None
    return text


def check_version(table: object) -> dict[str, Any]:
    """Return the parsed JSON as a table if this version of gaussmix can read it.

    Raises
    ------
    ModelFormatError
        If it belongs to another program, or to a later version of this one.
    """
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        raise ModelFormatError(f"its metadata does not say format {FORMAT!r}")
    version = table.get("format_version")
    if type(version) is not int or version < 1:
        raise ModelFormatError("its format_version is not a positive integer")
    if version > FORMAT_VERSION:
        raise ModelFormatError(
            f"it was written by a newer gaussmix (model format {version}; this one reads up to "
            f"{FORMAT_VERSION}): upgrade gaussmix to open it"
        )
    return table


def parse(text: str) -> dict[str, Any]:
    """Return the metadata's table, its version checked and no more.

    Raises
    ------
    ModelFormatError
        If it is not JSON, repeats a key, or belongs to another program or a later version.
    """
    return check_version(strict_json.parse(text, what="its metadata", max_length=METADATA_LIMIT))


def read(table: dict[str, Any]) -> Metadata:
    """Return the checked metadata.

    Raises
    ------
    ModelFormatError
        If a key is missing, unknown or holds what it should not.
    """
    keys = {*_KEYS} if table["format_version"] == GAUSSIAN_VERSION else {*_KEYS, _MODEL}
    if set(table) != keys:
        wrong = ", ".join(sorted(set(table) ^ keys))
        raise ModelFormatError(f"its metadata has missing or unknown entries: {wrong[:200]}")
    for key in ("algorithm_version", "n_components", "n_features"):
        if type(table[key]) is not int or table[key] < 1:
            raise ModelFormatError(f"its {key} is not a positive integer")
    if type(table["covariance_type"]) is not str:
        raise ModelFormatError("its covariance_type is not a string")
    names = table["feature_names"]
    _check_names(names, table["n_features"])
    _check_fit(table["fit"])
    model = table.get(_MODEL)
    if _MODEL in table and not isinstance(model, dict):
        raise ModelFormatError(f"the entry {_MODEL!r} of its metadata is not a table")
    return Metadata(
        sha256=table["sha256"],
        algorithm_version=table["algorithm_version"],
        covariance_type=table["covariance_type"],
        n_components=table["n_components"],
        n_features=table["n_features"],
        feature_names=None if names is None else tuple(names),
        fit=table["fit"],
        model=model,
    )


def plain(value: object) -> Any:
    """Return a value in the types of JSON: arrays as lists, and None for a number that is not finite.

    Raises
    ------
    ParameterError
        If there is something in it that JSON has no type for.
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ParameterError(
        f"a fit history of {type(value).__name__} cannot be saved: give numbers, text or lists"
    )


def _check_names(names: object, n_features: int) -> None:
    if names is None:
        return
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ModelFormatError("its feature_names are not a list of strings")
    if len(names) != n_features:
        raise ModelFormatError(f"it has {len(names)} feature names for {n_features} features")
    if len(set(names)) < len(names):
        raise ModelFormatError("its feature names are not unique")
    for name in names:
        if len(name) > NAME_LIMIT:
            raise ModelFormatError(
                f"the feature name {name[:40]!r}... is longer than {NAME_LIMIT} characters"
            )
        if any("\ud800" <= character <= "\udfff" for character in name):
            raise ModelFormatError(f"the feature name {name[:40]!r} is not valid Unicode")


def _check_fit(fit: object) -> None:
    if fit is None:
        return
    if not isinstance(fit, dict):
        raise ModelFormatError("its fit history is not a table")
    for key, kind in _FIT_TYPES.items():
        value = fit.get(key)
        accepted = (int, float) if kind is float else (kind,)
        if value is not None and type(value) not in accepted:
            raise ModelFormatError(f"{key} in its fit history is not of type {kind.__name__}")
