"""What a checkpoint of an estimator belongs to, and the journal that writes it."""

from __future__ import annotations

import dataclasses
import platform
import warnings
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np

from gaussmix import kernel
from gaussmix.errors import ParameterError
from gaussmix.estimator.checkpoint_file import saved_for
from gaussmix.estimator.identity import described, digest
from gaussmix.estimator.journal import CheckpointJournal, Journal, RunRecord
from gaussmix.estimator.problem import Problem
from gaussmix.moments import Scatter
from gaussmix.source import Source
from gaussmix.types import IntArray

_TO_OTHERS: Final = ("verbose", "verbose_interval", "n_jobs", "executor", "memory_limit", "half_life")
_ALL: Final = 1 << 22  # values of so few rows are all compared
_AT_ONCE: Final = 1 << 20  # values that are taken together
_LOOKED_AT: Final = 1_024  # rows at either end, and rows between, of more
_OF_ITS_OWN: Final = ("checkpoint", "checkpoint_every", "warm_start")
_IRRELEVANT: Final = frozenset((*_TO_OTHERS, *_OF_ITS_OWN))  # to the bits of a fit

About = dict[str, dict[str, Any]]
"""What a checkpoint belongs to, of JSON's own types."""


def journal_of(estimator: Any, problem: Problem, *, resume: bool, **made: object) -> Journal:
    """Return where a fit keeps its record: nowhere, or in the file of its parameter ``checkpoint``.

    Parameters
    ----------
    estimator : GaussianMixture
    problem : Problem
    resume : bool
    **made : object
        What the fit has made of its parameters and rows beside the problem, and makes anew, by name.

    Raises
    ------
    ParameterError
        If the fit is of a kind that has no checkpoints.
    CheckpointError, ModelFormatError, OSError
        If it cannot go on from what is there.
    """
    path: str | PathLike[str] | None = estimator.checkpoint
    if path is None:
        return Journal()
    shared = _shared(problem) | {name: thing for name, thing in made.items() if thing is not None}
    _check_state(problem, shared)
    about = about_fit(estimator, _parameters(estimator), problem)
    saved = saved_at(Path(path), about, resume=resume)
    records = [] if saved is None else [RunRecord(*values) for values in saved.runs(shared)]
    return CheckpointJournal(path, estimator.checkpoint_every, about, shared, records=records)


def saved_at(path: Path, about: About, *, resume: bool) -> Any:
    """Return the checkpoint to go on from, or None to begin anew; it raises what ``saved_for`` does."""
    if path.exists():
        return saved_for(path, about, resume=resume)
    if resume:
        warnings.warn(f"there is no checkpoint at {path}: the fit begins anew", UserWarning, stacklevel=2)
    return None


def _shared(problem: Problem) -> dict[str, object]:
    """Return what each fit of these rows and parameters makes anew, by name."""
    shared: dict[str, object] = {"prior": problem.prior, "family": problem.family}
    shared["scatter"] = problem.family.scatter
    layer: Any = problem.prior
    while dataclasses.is_dataclass(layer):
        for field in dataclasses.fields(layer):
            value = getattr(layer, field.name)
            if callable(value) or isinstance(value, Scatter):
                shared[f"{type(layer).__name__}.{field.name}"] = value
        layer = getattr(layer, "base", None)
    return shared


def _check_state(problem: Problem, shared: dict[str, object]) -> None:
    """Raise before the time of a fit is spent where its state cannot be written."""
    from gaussmix.persistence.state import Encoder

    Encoder(shared)(problem.prior.select(np.arange(problem.n_components)))


def check_checkpoint(estimator: Any, *, resume: bool) -> None:
    """Raise before rows are read where a fit could not go on from its checkpoint, or not write one.

    Raises
    ------
    ParameterError
        If ``resume`` is asked for without a checkpoint, or the fit goes on from an earlier one.
    OSError
        If there is no folder for the checkpoint, or one in its place.
    """
    if estimator.checkpoint is None:
        if resume:
            raise ParameterError("resume=True goes on from a checkpoint: set checkpoint to its path")
        return
    if getattr(estimator, "warm_start", False) and hasattr(estimator, "mixture_"):
        raise ParameterError(
            "checkpoint and warm_start do not go together: fit a clone, or set checkpoint=None"
        )
    path = Path(estimator.checkpoint)
    if path.is_dir():
        raise IsADirectoryError(f"checkpoint={str(path)!r} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"there is no folder {str(path.parent)!r} for checkpoint={str(path)!r}: make it"
        )


def _parameters(estimator: Any) -> dict[str, Any]:
    return {
        name: value for name, value in estimator.get_params(deep=False).items() if name not in _IRRELEVANT
    }


def about_fit(estimator: Any, parameters: dict[str, Any], problem: Problem) -> About:
    """Return the tables of what a fit's bits depend on.

    Parameters
    ----------
    estimator : estimator
    parameters : dict
        Those of its parameters that matter, by name.
    problem : Problem
    """
    from gaussmix.persistence.metadata import ALGORITHM_VERSION

    versions = {
        "gaussmix": version("gaussmix"),
        "algorithm": ALGORITHM_VERSION,
        "kernel": kernel.name(),
        "machine": platform.machine(),
        "numpy": np.__version__,
    }
    return {
        "fit": {"estimator": type(estimator).__name__},
        "version": versions,
        "parameter": {name: described(value) for name, value in parameters.items()},
        "data": _rows(problem),
    }


def _rows(problem: Problem) -> dict[str, Any]:
    """Return what tells rows apart: their number and names, values or some of them, and all in the variances."""
    rows = problem.rows
    table: dict[str, Any] = {
        "rows": rows.n_rows,
        "features": rows.n_features,
        "names": None if rows.feature_names is None else digest(np.array(rows.feature_names)),
        "type": rows.dtype.name,
        "variances": digest(problem.variance),
    }
    table |= {name: _digest_of(rows, numbers) for name, numbers in _compared(rows).items()}
    known = {"weights": rows.sample_weight, "labels": problem.labels, "noise": problem.noise}
    return table | {name: None if values is None else digest(values) for name, values in known.items()}


def _compared(rows: Source) -> dict[str, IntArray]:
    """Return the numbers of the rows whose values are compared, the same whatever the rows lie in."""
    n, few = rows.n_rows, _LOOKED_AT
    if n * rows.n_features <= _ALL or n <= few:
        return {"values": np.arange(n)}
    first, between, last = np.arange(few), np.arange(few) * n // few, np.arange(n - few, n)
    return {"first rows": first, "last rows": last, "rows between": between}


def _digest_of(rows: Source, numbers: IntArray) -> str:
    """Return a digest of the values of some rows, which are taken a few at a time."""
    step = max(_AT_ONCE // rows.n_features, 1)
    digests = []
    for start in range(0, len(numbers), step):
        X = rows.take(numbers[start : start + step])
        digests.append(digest(np.where(np.isnan(X), np.nan, X) if rows.incomplete else X))  # one kind of NaN
    return digest(np.array(digests))
