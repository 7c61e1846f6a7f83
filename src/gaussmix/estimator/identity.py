"""What tells parameters and rows apart, in any process: as JSON holds it, the same for equal values and no others."""

from __future__ import annotations

import dataclasses
import hashlib
from functools import partial, singledispatch
from typing import Any, Final

import numpy as np

from gaussmix.covariance import CovarianceFamily, Covariances
from gaussmix.errors import ParameterError
from gaussmix.linalg import is_sparse
from gaussmix.model import Mixture

_SHORT: Final = 16  # characters of a digest, enough to tell two apart


@singledispatch
def described(value: Any) -> Any:
    """Return a parameter as JSON holds it.

    Raises
    ------
    ParameterError
        If nothing is known of it that would tell it from another one.
    """
    if hasattr(value, "__array__"):
        return described(np.asarray(value))
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return [_name(value), {field.name: described(getattr(value, field.name)) for field in fields}]
    if callable(value):
        return _function(value)
    raise ParameterError(f"a parameter of {_name(value)} cannot be told from others: set checkpoint=None")


@described.register(type(None))
@described.register(bool)
@described.register(int)
@described.register(str)
def _itself(value: Any) -> Any:
    return value


@described.register(float)
@described.register(np.number)
def _number(value: Any) -> Any:
    return repr(value.item() if isinstance(value, np.number) else value)


@described.register(np.ndarray)
def _array(array: Any) -> Any:
    return f"{array.dtype} {array.shape} {digest(array)}"


@described.register(dict)
def _table(table: Any) -> Any:
    return {str(key): described(part) for key, part in table.items()}


@described.register(list)
@described.register(tuple)
def _sequence(values: Any) -> Any:
    if values and all(isinstance(value, (int, float, np.number)) for value in values):
        return described(np.asarray(values))
    return [described(value) for value in values]


@described.register(np.random.RandomState)
@described.register(np.random.Generator)
def _generator(generator: Any) -> Any:
    return _name(generator)  # where it stands is in the record of each run


@described.register(Mixture)
def _mixture(mixture: Any) -> Any:
    parts = (mixture.weights, mixture.means, mixture.covariances)
    return [_name(mixture), mixture.covariance_type, *map(described, parts)]


@described.register(Covariances)
def _covariances(covariances: Any) -> Any:
    return described(covariances.packed() if covariances.n_factors else covariances.parameters())


@described.register(CovarianceFamily)
def _family(family: Any) -> Any:
    return [_name(family), family.name, family.n_factors]


def _function(function: Any) -> Any:
    """Return what a function does: its name, its code, and what it has taken along."""
    if isinstance(function, partial):
        return ["partial", *map(described, (function.func, function.args, function.keywords))]
    code = getattr(function, "__code__", None)
    if code is None:  # an object that can be called, or a function of C
        return [
            _name(function),
            getattr(function, "__qualname__", None),
            described(getattr(function, "__dict__", {})),
        ]
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    constants = [repr(constant) for constant in code.co_consts if not hasattr(constant, "co_code")]
    named = f"{function.__module__}.{function.__qualname__}"
    return [named, hashlib.sha256(code.co_code).hexdigest()[:_SHORT], constants, described(cells)]


def _name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def digest(*arrays: Any) -> str:
    """Return the beginning of the SHA-256 of some arrays' bytes; None among them is left out."""
    sha = hashlib.sha256()
    for array in arrays:
        parts = (array.data, array.indices, array.indptr) if is_sparse(array) else (array,)
        for part in parts if array is not None else ():
            sha.update(np.ascontiguousarray(part).tobytes())
    return sha.hexdigest()[:_SHORT]
