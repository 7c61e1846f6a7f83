"""The covariance families that a search compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussmix.covariance import (
    CELEUX_GOVAERT,
    COVARIANCE_TYPES,
    FACTOR_TYPES,
    UNIVARIATE,
    CovarianceFamily,
    resolve_family,
)
from gaussmix.errors import ParameterError
from gaussmix.selection import Cell, Outcome
from gaussmix.selection.outcome import UNSUPPORTED


@dataclass(frozen=True)
class Families:
    """Hold the families of a search by name, each once.

    Attributes
    ----------
    all : dict of CovarianceFamily
    refused : dict of str
        Why some of them are none for rows of so many features.
    """

    all: dict[str, CovarianceFamily]
    refused: dict[str, str]

    @property
    def possible(self) -> dict[str, CovarianceFamily]:
        """Those that can be fitted."""
        return {name: family for name, family in self.all.items() if name not in self.refused}

    def completed(self, cells: Sequence[Cell], outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Return an outcome for every cell, given those of the possible families."""
        of_cell = {outcome.cell: outcome for outcome in outcomes}
        return [
            of_cell.get(cell) or Outcome(cell, UNSUPPORTED, notes=(self.refused[cell.name],))
            for cell in cells
        ]


def families_of(covariance_type: Any, n_features: int, n_factors: Any = 1) -> dict[str, CovarianceFamily]:
    """Return the families of ``covariance_type`` by name, each once; those with factors for each of ``n_factors``.

    Raises
    ------
    ParameterError
        As ``searched_families`` does, and if one of them is refused.
    """
    families = searched_families(covariance_type, n_features, n_factors)
    for reason in families.refused.values():
        raise ParameterError(reason)
    return families.all


def searched_families(covariance_type: Any, n_features: int, n_factors: Any = 1) -> Families:
    """Return the families of ``covariance_type``, those with factors for each of ``n_factors``.

    Raises
    ------
    ParameterError
        If a name is unknown, no family is possible, or ``n_factors`` holds something else than positive integers.
    """
    numbers = [n_factors] if np.ndim(n_factors) == 0 else list(n_factors)
    if not numbers or not all(is_count(number) for number in numbers):
        raise ParameterError(
            f"n_factors should be a positive integer or several, such as range(1, 6), got {n_factors!r}"
        )
    families: dict[str, CovarianceFamily] = {}
    refused: dict[str, str] = {}
    for given, q in _asked(covariance_type, n_features, numbers):
        family = resolve_family(given, n_factors=int(q))
        try:
            family = resolve_family(given, n_features, n_factors=int(q))
        except ParameterError as error:
            if family.n_factors < n_features:
                raise
            refused[family.label] = str(error)
        if not family.grouped:
            raise ParameterError(
                f"covariance_type={family.name!r} of {n_features} features cannot be searched: fit GaussianMixture "
                "for each number of components and factors, and compare bic"
            )
        if family not in families.values():
            named = isinstance(given, str) and not family.n_factors
            families[given if named else family.label] = family
    if not families:
        raise ParameterError("covariance_type names no family: give one, or 'all'")
    if len(refused) == len(families):
        raise ParameterError(next(iter(refused.values())))
    return Families(families, refused)


def named(cell: Cell) -> tuple[str | CovarianceFamily, int | None]:
    """Return ``covariance_type`` and ``n_factors`` of the cell's family; itself if no name is enough."""
    family = cell.family
    if family.name in FACTOR_TYPES and type(resolve_family(family.name)) is type(family):
        return family.name, family.n_factors
    return (cell.name if cell.name in COVARIANCE_TYPES else family), family.n_factors or None


def _asked(covariance_type: Any, n_features: int, numbers: list[Any]) -> list[tuple[Any, Any]]:
    """Return pairs of a covariance type and a number of factors."""
    if isinstance(covariance_type, str) and covariance_type == "all":
        covariance_type = UNIVARIATE if n_features == 1 else CELEUX_GOVAERT
    elif isinstance(covariance_type, str | CovarianceFamily):
        covariance_type = [covariance_type]
    return [
        (given, q)
        for given in covariance_type
        for q in (numbers if isinstance(given, str) and given in FACTOR_TYPES else numbers[:1])
    ]


def is_count(number: Any) -> bool:
    """Return whether this is a positive integer."""
    return isinstance(number, int | np.integer) and not isinstance(number, bool) and bool(number > 0)
