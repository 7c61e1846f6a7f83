"""What tells parameters and rows apart, in any process: as JSON holds it, the same for equal values and no others."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from contextvars import ContextVar
from copyreg import dispatch_table
from functools import singledispatch
from types import CodeType, ModuleType
from typing import Any, Final

import numpy as np

from gaussmix.covariance import CovarianceFamily, Covariances
from gaussmix.errors import ParameterError
from gaussmix.linalg import is_sparse
from gaussmix.model import Mixture

_SHORT: Final = 16  # characters of a digest, enough to tell two apart


_open: ContextVar[tuple[int, ...]] = ContextVar("_open", default=())
"""The functions and objects that are being described, by their ids: one may lead back to itself."""


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
    if id(value) in _open.get():
        return "itself"
    within = _open.set((*_open.get(), id(value)))
    try:
        return _function(value) if hasattr(value, "__code__") else _object(value)
    finally:
        _open.reset(within)


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
    if _open.get() and generator is not np.random.mtrand._rand:  # the one that all share has no seed anyhow
        raise ParameterError(
            f"a {_name(generator)} within a parameter has moved on when a fit is resumed: give that a seed, or set "
            "checkpoint=None"
        )
    return _name(generator)  # where it stands is in the record of each run


@described.register(type)
def _class(kind: Any) -> Any:
    return f"{kind.__module__}.{kind.__qualname__}"


@described.register(ModuleType)
def _module(module: Any) -> Any:
    return module.__name__


@described.register(bytes)
@described.register(complex)
@described.register(type(...))
def _constant(value: Any) -> Any:
    return repr(value)


@described.register(set)
@described.register(frozenset)
def _set(values: Any) -> Any:
    return sorted(
        json.dumps(described(value)) for value in values
    )  # their own order differs between processes


@described.register(CodeType)
def _code(code: Any) -> Any:
    """Return what a code does: its bytes, constants, codes within, and the names that it looks up."""
    return [hashlib.sha256(code.co_code).hexdigest(), list(code.co_names), [*map(described, code.co_consts)]]


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
    """Return what a function does: its name, and a digest of its code and of what it has taken along."""
    parts = (
        function.__code__,
        function.__defaults__,
        function.__kwdefaults__,
        [_content(cell) for cell in function.__closure__ or ()],
        getattr(function, "__self__", None),  # of a method
    )
    return [f"{function.__module__}.{function.__qualname__}", _short([described(part) for part in parts])]


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is filled later
        return None


def _object(value: Any) -> Any:
    """Return what an object is made of, as it would be pickled: its class and what it holds.

    Nothing is pickled, or ever unpickled.
    """
    try:
        known = dispatch_table.get(type(value))
        reduced = value.__reduce_ex__(4) if known is None else known(value)
    except TypeError:
        raise ParameterError(
            f"a parameter of {_name(value)} cannot be told from others: set checkpoint=None"
        ) from None
    if isinstance(reduced, str):  # a function of C
        return [_name(value), f"{getattr(value, '__module__', None)}.{reduced}"]
    make, made_of, state, *items = (*reduced, None)[: max(len(reduced), 3)]
    if isinstance(state, tuple) and object.__getstate__(value) is None:
        state = [part for part in state if not isinstance(part, int)]  # classes of C may count their calls
    called = type(value).__call__ if callable(value) else None
    parts = (
        *map(described, (make, made_of, state)),
        *(None if part is None or callable(part) else described(list(part)) for part in items),
        described(called) if hasattr(called, "__code__") else None,
    )
    return [_name(value), _short(parts)]


def _short(description: Any) -> str:
    """Return a digest of what JSON holds: checkpoints are not nested deeply."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:_SHORT]


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
