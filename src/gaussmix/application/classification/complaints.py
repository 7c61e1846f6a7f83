"""Warnings that name the class."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from sklearn.exceptions import ConvergenceWarning

from gaussmix.errors import DegenerateWarning, GaussmixError


@contextmanager
def told_of_class(name: str) -> Iterator[None]:
    """Give warnings and errors of the fit of one class the name of the class."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except GaussmixError as error:
            raise type(error)(f"class {name}: {error}") from error
    for one in caught:
        ours = issubclass(one.category, DegenerateWarning | ConvergenceWarning)
        message = f"class {name}: {one.message}" if ours else str(one.message)
        warnings.warn(message, one.category, stacklevel=4)
