"""The arithmetic of one block of rows: fused E-step and moments, and the parts of the E-step.

The same functions exist as NumPy (`reference`, the oracle of the tests) and as compiled builds for several
instruction sets (`_native.v2`, `.v3`, `.v4`, or `.plain`); the fastest that this machine can run is exported
here. The environment variable ``GAUSSMIX_KERNEL`` (``reference``, ``v2``, ``v3``, ``v4`` or ``plain``) forces one.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType

from gaussmix.errors import ParameterError

try:
    _NATIVE: ModuleType | None = importlib.import_module("gaussmix.kernel._native")
except ModuleNotFoundError:  # a source tree without the compiled module still works
    _NATIVE = None

__all__ = [
    "DENSE",
    "DIAGONAL",
    "LABELS",
    "LOG_JOINT",
    "LOG_PROB",
    "POSTERIOR",
    "SHARED",
    "SPHERICAL",
    "available",
    "dense_evaluate",
    "dense_moments",
    "dense_moments_given",
    "em_steps",
    "diagonal_evaluate",
    "diagonal_moments",
    "diagonal_moments_given",
    "implementation",
    "incomplete_log_joint",
    "incomplete_moments",
    "name",
    "noisy_log_joint",
    "noisy_moments",
    "precision_cholesky",
    "shared_evaluate",
    "shared_moments",
    "spherical_evaluate",
    "spherical_moments",
    "student_moments",
    "truncated_moments",
]


def available() -> tuple[str, ...]:
    """Return the names of the kernels that this machine can run, the slowest first."""
    return ("reference", *(_NATIVE.available if _NATIVE is not None else ()))


def implementation(kernel: str) -> ModuleType:
    """Return the module that holds the functions of one kernel.

    Raises
    ------
    ParameterError
        If this machine or this build does not have it.
    """
    if kernel == "reference":
        from gaussmix.kernel import reference  # here: most machines run a compiled one

        return reference
    if kernel not in available():
        choices = ", ".join(available())
        raise ParameterError(f"GAUSSMIX_KERNEL={kernel!r} is not available here; choose one of {choices}.")
    module: ModuleType = getattr(_NATIVE, kernel)
    return module


# What the ``*_evaluate`` functions write.
LOG_JOINT, POSTERIOR, LOG_PROB, LABELS = range(4)
# The representations, as ``em_steps`` numbers them.
DENSE, SHARED, DIAGONAL, SPHERICAL = range(4)

_NAME = os.environ.get("GAUSSMIX_KERNEL") or available()[-1]
_ACTIVE = implementation(_NAME)


def name() -> str:
    """Return which kernel is active."""
    return _NAME


dense_moments = _ACTIVE.dense_moments
shared_moments = _ACTIVE.shared_moments
diagonal_moments = _ACTIVE.diagonal_moments
spherical_moments = _ACTIVE.spherical_moments
dense_evaluate = _ACTIVE.dense_evaluate
shared_evaluate = _ACTIVE.shared_evaluate
diagonal_evaluate = _ACTIVE.diagonal_evaluate
spherical_evaluate = _ACTIVE.spherical_evaluate
dense_moments_given = _ACTIVE.dense_moments_given
diagonal_moments_given = _ACTIVE.diagonal_moments_given
precision_cholesky = _ACTIVE.precision_cholesky
em_steps = _ACTIVE.em_steps
incomplete_moments = _ACTIVE.incomplete_moments
incomplete_log_joint = _ACTIVE.incomplete_log_joint
noisy_moments = _ACTIVE.noisy_moments
noisy_log_joint = _ACTIVE.noisy_log_joint
student_moments = _ACTIVE.student_moments
truncated_moments = _ACTIVE.truncated_moments
