"""The candidates that the parameters of ``MixtureClassifier`` ask for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from gaussmix.application.classification.candidate import Candidate
from gaussmix.application.classification.labelled import Labelled
from gaussmix.covariance import CovarianceFamily
from gaussmix.errors import ParameterError
from gaussmix.estimator.families import families_of

_AUTO: Final = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Grid:
    """Hold what is to be compared.

    Attributes
    ----------
    n_components : sequence of tuple of int
        The numbers that each class may have, ascending.
    families : dict
        By the name that the user gave.
    shared : bool or None
        Whether the classes are fitted together; None: where each has one component.
    """

    n_components: Sequence[tuple[int, ...]]
    families: dict[str, CovarianceFamily]
    shared: bool | None

    @property
    def free(self) -> bool:
        """Whether there is anything to choose."""
        return len(self.families) > 1 or any(len(numbers) > 1 for numbers in self.n_components)

    def __iter__(self) -> Iterator[tuple[str, Candidate]]:
        """Yield the name of the family and the candidate, few components first, all classes alike where they may."""
        sizes = dict.fromkeys(
            zip(*self.n_components, strict=True)
        )  # either one number a class, or the same choice
        for size, (name, family) in itertools.product(sizes, self.families.items()):
            together = max(size) == 1 if self.shared is None else self.shared
            yield name, Candidate(size, (family,) * len(size), together)

    def single(self) -> Grid | None:
        """Return the part of the grid in which each class has one component, if there is one."""
        if not all(1 in numbers for numbers in self.n_components):
            return None
        return Grid([(1,)] * len(self.n_components), self.families, self.shared)


def grid_of(rows: Labelled, n_components: Any, covariance_type: Any, shared: Any) -> Grid:
    """Return the candidates.

    Raises
    ------
    ParameterError
        If the numbers of components are not positive integers, or do not fit the classes.
    """
    if isinstance(n_components, Mapping):
        sizes = _of_mapping(rows, n_components)
    else:
        sizes = [_numbers(n_components)] * rows.n_classes
    families = families_of(covariance_type, rows.source.n_features)
    return Grid(sizes, families, None if isinstance(shared, str) else bool(shared))


def _of_mapping(rows: Labelled, n_components: Mapping[Any, Any]) -> list[tuple[int, ...]]:
    classes = rows.classes.tolist()
    wrong = set(n_components) ^ set(classes)
    if wrong:
        raise ParameterError(
            f"n_components should have one number for each class in y, {classes}, but has {list(n_components)}"
        )
    sizes = [_numbers(n_components[label]) for label in classes]
    if any(len(numbers) > 1 for numbers in sizes):
        raise ParameterError("a dict of n_components should have a single number for each class")
    return sizes


def _numbers(given: Any) -> tuple[int, ...]:
    """Return one or several numbers of components, ascending."""
    if isinstance(given, str) and given == "auto":
        return _AUTO
    wanted = [given] if np.ndim(given) == 0 else list(given)
    integers = all(isinstance(K, int | np.integer) and not isinstance(K, bool) and K > 0 for K in wanted)
    if not (wanted and integers):
        raise ParameterError(
            f"n_components should be a positive integer, several, 'auto' or a dict by class, got {given!r}"
        )
    return tuple(sorted({int(K) for K in wanted}))
