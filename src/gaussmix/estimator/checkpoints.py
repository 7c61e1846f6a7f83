"""What a checkpoint of an estimator belongs to, and the journal that writes it."""

from __future__ import annotations

import hashlib
import platform
import warnings
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np

from gaussmix import kernel
from gaussmix.covariance import CovarianceFamily
from gaussmix.errors import ParameterError
from gaussmix.estimator.journal import CheckpointJournal, Journal
from gaussmix.estimator.problem import Problem
from gaussmix.linalg import is_sparse

_TO_OTHERS: Final = ("verbose", "verbose_interval", "n_jobs", "executor", "memory_limit", "half_life")
_OF_ITS_OWN: Final = ("checkpoint", "checkpoint_every", "warm_start")
_IRRELEVANT: Final = frozenset((*_TO_OTHERS, *_OF_ITS_OWN))  # to the bits of a fit
_SHORT: Final = 16  # characters of a digest, enough to tell two apart


def journal_of(estimator: Any, problem: Problem, *, resume: bool) -> Journal:
    """Return where a fit keeps its record: nowhere, or in the file of its parameter ``checkpoint``.

    Raises
    ------
    ParameterError
        If ``resume`` is asked for without a checkpoint, or the fit is of a kind that has none.
    CheckpointError, ModelFormatError, OSError
        If it cannot go on from what is there.
    """
    path: str | PathLike[str] | None = estimator.checkpoint
    if path is None:
        if resume:
            raise ParameterError("resume=True goes on from a checkpoint: set checkpoint to its path")
        return Journal()
    for name in ("background", "truncation"):
        if getattr(estimator, name) is not None:
            raise ParameterError(f"checkpoint and {name} do not go together: set one of them to None")
    if estimator.warm_start and hasattr(estimator, "mixture_"):
        raise ParameterError(
            "checkpoint and warm_start do not go together: fit a clone, or set checkpoint=None"
        )
    _check_folder(Path(path))
    about = _about(estimator, problem)
    shared = {"prior": problem.prior, "family": problem.family}
    if resume and Path(path).exists():
        return CheckpointJournal.resumed(path, estimator.checkpoint_every, about, shared)
    if resume:
        warnings.warn(f"there is no checkpoint at {path}: the fit begins anew", UserWarning, stacklevel=2)
    return CheckpointJournal(path, estimator.checkpoint_every, about, shared)


def _check_folder(path: Path) -> None:
    """Raise before the time of a fit is spent where a checkpoint could not be written."""
    if path.is_dir():
        raise IsADirectoryError(f"checkpoint={str(path)!r} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"there is no folder {str(path.parent)!r} for checkpoint={str(path)!r}: make it"
        )


def _about(estimator: Any, problem: Problem) -> dict[str, dict[str, Any]]:
    """Return the tables of what a fit's bits depend on."""
    from gaussmix.persistence.metadata import ALGORITHM_VERSION

    parameters = {
        name: _described(value)
        for name, value in estimator.get_params(deep=False).items()
        if name not in _IRRELEVANT
    }
    versions = {
        "gaussmix": version("gaussmix"),
        "algorithm": ALGORITHM_VERSION,
        "kernel": kernel.name(),
        "machine": platform.machine(),
        "numpy": np.__version__,
    }
    return {"data": _rows(problem), "parameter": parameters, "version": versions}


def _rows(problem: Problem) -> dict[str, Any]:
    """Return what tells rows apart: their number and names, the first and last block, and all in the variances."""
    rows, partitions = problem.rows, problem.partitions
    table: dict[str, Any] = {
        "rows": rows.n_rows,
        "features": rows.n_features,
        "names": None if rows.feature_names is None else list(rows.feature_names),
        "type": rows.dtype.name,
        "variances": _digest(problem.variance),
    }
    for name, partition in (("first block", partitions[0]), ("last block", partitions[-1])):
        table[name] = _digest(*partition.load())
    known = {"weights": rows.sample_weight, "labels": problem.labels, "noise": problem.noise}
    return table | {name: None if values is None else _digest(values) for name, values in known.items()}


def _described(value: Any) -> Any:
    """Return a parameter as JSON holds it, the same for equal values in any process."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, CovarianceFamily):
        return f"{value.name}, {value.n_factors} factors"
    if isinstance(value, dict):
        return {str(key): _described(part) for key, part in value.items()}
    if callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    if isinstance(value, np.random.RandomState | np.random.Generator):
        return type(value).__name__
    if isinstance(value, (list, tuple)) and not all(isinstance(part, (int, float, list)) for part in value):
        return [_described(part) for part in value]
    if hasattr(value, "__array__") or isinstance(value, (list, tuple)):
        array = np.asarray(value)
        return f"{array.dtype} {array.shape} {_digest(array)}"
    return f"{type(value).__name__} {hashlib.sha256(repr(value).encode()).hexdigest()[:_SHORT]}"


def _digest(*arrays: Any) -> str:
    """Return the beginning of the SHA-256 of some arrays' bytes; None among them is left out."""
    digest = hashlib.sha256()
    for array in arrays:
        parts = (array.data, array.indices, array.indptr) if is_sparse(array) else (array,)
        for part in parts if array is not None else ():
            digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:_SHORT]
