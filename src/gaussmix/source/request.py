"""What is asked of a collection of rows, whatever holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gaussmix.errors import ParameterError
from gaussmix.source.limit import limit_in_bytes


@dataclass(frozen=True, eq=False)
class Request:
    """Hold the parameters of :func:`gaussmix.source.as_source`, for whoever reads the rows.

    Attributes
    ----------
    columns : sequence of str, or None
        Columns to use, in this order; None for all.
    sample_weight : array-like of shape (N,), str, or None
        Weights of the rows, or the column that holds them.
    missing : bool
        Whether NaN is taken as a missing value; refused otherwise.
    memory_limit : int, str or None
        What rows may take in memory.
    """

    columns: Sequence[str] | None = None
    sample_weight: Any = None
    missing: bool = False
    memory_limit: int | str | None = None

    @cached_property
    def limit(self) -> int:
        """Bytes that rows may take in memory; not for arrays: asking the system takes longer than a small fit."""
        return limit_in_bytes(self.memory_limit)

    @property
    def weight_column(self) -> str | None:
        """The name of the column that holds the weights, if one does."""
        return self.sample_weight if isinstance(self.sample_weight, str) else None

    def require_no_columns(self, reason: str) -> None:
        """Raise ParameterError if columns are asked for, where they have no names or are chosen already."""
        if self.columns is not None:
            raise ParameterError(f"columns={self.columns!r}: {reason}")
