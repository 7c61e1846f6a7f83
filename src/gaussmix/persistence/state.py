"""The state of a fit as JSON and arrays, and back, bit for bit, without pickle.

An object of a class in ``CLASSES`` is written as the name of its class and its fields. Each object and each array is
written once and referred to by its number, so that what was one object is one object again: the acceleration, for
one, knows the end of its path by identity. Whatever the fit makes anew from its parameters and rows before it goes
on, such as its prior, is not written: it stands under a name in ``shared``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gaussmix.covariance import LowRank
from gaussmix.covariance.representations import Dense, Diagonal, Shared, Spherical
from gaussmix.errors import ModelFormatError, ParameterError
from gaussmix.fit import Collapse, Convergence, FitResult, Optima
from gaussmix.fit.acceleration import Leaps, Plain
from gaussmix.fit.degenerate import DegeneratePolicy
from gaussmix.fit.em import LoopState
from gaussmix.fit.incremental import Sweep
from gaussmix.fit.truncated import TruncatedState
from gaussmix.model import Mixture, StudentMixture
from gaussmix.model.background import BackgroundMixture
from gaussmix.model.truncated import TruncatedMixture
from gaussmix.model.truncated_candidates import Candidates, Cells
from gaussmix.model.variational import VariationalMixture
from gaussmix.model.variational.weights import Dirichlet, StickBreaking
from gaussmix.moments import Moments
from gaussmix.prior import Flat
from gaussmix.prior.conjugate import Conjugate
from gaussmix.prior.dirichlet import PseudoRows
from gaussmix.prior.frozen import Frozen, Given
from gaussmix.prior.relevance import AdaptedWeights
from gaussmix.prior.shrinkage import Shrunk

CLASSES: Final[dict[str, type]] = {
    kind.__name__: kind
    for kind in (
        Mixture, StudentMixture, VariationalMixture, Dirichlet, StickBreaking, BackgroundMixture,
        TruncatedMixture, Candidates, Cells, Moments,
        Dense, Shared, Diagonal, Spherical, LowRank,
        Flat, Given, Frozen, Conjugate, PseudoRows, AdaptedWeights, Shrunk,
        LoopState, Sweep, TruncatedState, FitResult, Collapse, Optima, Convergence, Leaps, Plain, DegeneratePolicy,
    )
}  # fmt: skip
"""Whatever a checkpoint may hold; a new class of the fit's state costs one word here."""

_STORED: Final = {"float64": np.float64, "int64": np.int64, "int32": np.int32, "bool": np.int64}
_KINDS: Final = {"float64": np.float64, "int64": np.int64, "int32": np.int32, "bool": np.bool_}
_LONG: Final = 8  # numbers of a list from which on they are stored as an array

Tree = Any
"""What JSON holds."""


class Encoder:
    """Turn objects into JSON and arrays.

    Parameters
    ----------
    shared : mapping of str to object
        Objects that are known by name wherever the state is read.

    Attributes
    ----------
    objects : list
        The objects met so far, by number.
    arrays : dict of str to ndarray
    """

    def __init__(self, shared: Mapping[str, object]) -> None:
        self.objects: list[Tree] = []
        self.arrays: dict[str, NDArray[Any]] = {}
        self._numbers: dict[int, Tree] = {id(thing): {"shared": name} for name, thing in shared.items()}
        self._kept: list[object] = []  # so that no id is used twice

    def __call__(self, thing: Any) -> Tree:
        """Return the JSON of ``thing``.

        Raises
        ------
        ParameterError
            If it is of a class that cannot be stored.
        """
        if thing is None or type(thing) in (bool, int, str):
            return thing
        if isinstance(thing, float):  # also NumPy's
            return {"float": float(thing).hex()}
        if isinstance(thing, (list, tuple, frozenset)):
            return self._sequence(thing)
        if isinstance(thing, dict):
            return {"dict": [[self(key), self(value)] for key, value in thing.items()]}
        if isinstance(thing, np.integer | np.bool_):
            return thing.item()
        if id(thing) not in self._numbers:
            self._kept.append(thing)
            self._numbers[id(thing)] = self._stored(thing)
        return self._numbers[id(thing)]

    def _sequence(self, things: Any) -> Tree:
        name = type(things).__name__
        if len(things) > _LONG and all(isinstance(thing, float) for thing in things):
            return {name: self(np.array(things))}
        return {name: [self(thing) for thing in things]}

    def _stored(self, thing: Any) -> Tree:
        if isinstance(thing, np.ndarray):
            return self._array(thing)
        kind = type(thing).__name__
        if CLASSES.get(kind) is not type(thing):
            raise ParameterError(
                f"a fit that uses {type(thing).__name__} cannot be written to a checkpoint: set checkpoint=None"
            )
        number = len(self.objects)
        self.objects.append(None)
        self.objects[number] = {
            "class": kind,
            "fields": {name: self(value) for name, value in _fields(thing)},
        }
        return {"object": number}

    def _array(self, array: NDArray[Any]) -> Tree:
        kind = array.dtype.name
        if kind not in _STORED:
            raise ParameterError(f"an array of {kind} cannot be written to a checkpoint: set checkpoint=None")
        if array.size == 0:
            return {"empty": [kind, list(array.shape)]}
        name = f"t{len(self.arrays)}"
        self.arrays[name] = np.ascontiguousarray(array, _STORED[kind])
        return {"array": [name, kind]}


class Decoder:
    """Turn what an ``Encoder`` has written into the objects again.

    Parameters
    ----------
    objects : list
    arrays : mapping of str to ndarray
    shared : mapping of str to object
        The same names as when it was written.
    """

    def __init__(
        self, objects: list[Tree], arrays: Mapping[str, NDArray[Any]], shared: Mapping[str, object]
    ) -> None:
        self._objects, self._arrays, self._shared = objects, arrays, shared
        self._made: dict[object, Any] = {}

    def __call__(self, tree: Tree) -> Any:
        """Return the object of a JSON tree.

        Raises
        ------
        ModelFormatError
            If the tree is none that an encoder writes.
        """
        if tree is None or type(tree) in (bool, int, str):
            return tree
        if type(tree) is not dict or len(tree) != 1:
            raise ModelFormatError("its state is not one that gaussmix writes")
        [(tag, content)] = tree.items()
        try:
            return self._READ[tag](self, content)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as error:
            if isinstance(error, ModelFormatError):
                raise
            raise ModelFormatError("its state is not one that gaussmix writes") from error

    def _float(self, text: str) -> float:
        return float.fromhex(text)

    def _list(self, content: Any) -> list[Any]:
        if type(content) is dict:
            values: list[Any] = self(content).tolist()
            return values
        return [self(item) for item in content]

    def _tuple(self, content: Any) -> tuple[Any, ...]:
        return tuple(self._list(content))

    def _frozenset(self, content: Any) -> frozenset[Any]:
        return frozenset(self._list(content))

    def _dict(self, content: Any) -> dict[Any, Any]:
        return {self(key): self(value) for key, value in content}

    def _named(self, name: str) -> Any:
        return self._shared[name]

    def _empty(self, content: Any) -> NDArray[Any]:
        kind, shape = content
        if 0 not in shape:
            raise ModelFormatError("its state is not one that gaussmix writes")
        return np.empty(shape, _KINDS[kind])

    def _array(self, content: Any) -> NDArray[Any]:
        name, kind = content
        if name not in self._made:
            array = self._arrays[name]
            self._made[name] = array.astype(bool) if kind == "bool" else array
        made: NDArray[Any] = self._made[name]
        return made

    def _object(self, number: int) -> Any:
        if number not in self._made:
            entry = self._objects[number]
            kind = CLASSES[entry["class"]]
            thing: Any = object.__new__(kind)
            self._made[number] = thing
            fields = {name: self(value) for name, value in entry["fields"].items()}
            if dataclasses.is_dataclass(kind) and set(fields) != {f.name for f in dataclasses.fields(kind)}:
                raise ModelFormatError(f"its {kind.__name__} has other fields than that of this version")
            for name, value in fields.items():
                object.__setattr__(thing, name, value)
        return self._made[number]

    _READ: Final[dict[str, Callable[[Decoder, Any], Any]]] = {
        "float": _float, "list": _list, "tuple": _tuple, "frozenset": _frozenset, "dict": _dict,
        "shared": _named, "empty": _empty, "array": _array, "object": _object,
    }  # fmt: skip


def _fields(thing: Any) -> list[tuple[str, Any]]:
    """Return the fields of an object; what a class computes from them and caches is none."""
    if dataclasses.is_dataclass(thing):
        return [(field.name, getattr(thing, field.name)) for field in dataclasses.fields(thing)]
    return list(vars(thing).items())
