"""How many bytes the rows of files may take in memory."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from numbers import Real
from pathlib import Path
from typing import Final

from gaussmix.errors import ParameterError

_SHARE: Final = (
    4  # by default, rows may take one part in four: results, models and other programs need memory too
)
_VALUE_BYTES: Final = 8  # by which values count, float32 too: passes convert some of them
_UNKNOWN: Final = 4 << 30  # bytes, where the system does not say how much memory there is
_PREFIXES: Final = "kmgtp"
_TEXT: Final = re.compile(rf"\s*(\d+(?:\.\d*)?|\.\d+)\s*(?:([{_PREFIXES}])(i?))?b\s*", re.IGNORECASE)
_CGROUP: Final = Path("/sys/fs/cgroup")
_GROUPS: Final = Path("/proc/self/cgroup")


def limit_in_bytes(memory_limit: int | str | None) -> int:
    """Return a memory limit in bytes.

    Parameters
    ----------
    memory_limit : int, str or None
        Bytes, also as text, or a number with a unit: kB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB (powers
        of 1024).
        None for a quarter of the memory that this process may use.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    ParameterError
        If the limit is not such a number, or less than one byte.

    Examples
    --------
    >>> limit_in_bytes("2GiB"), limit_in_bytes("500 MB"), limit_in_bytes("10000")
    (2147483648, 500000000, 10000)
    """
    if memory_limit is None:
        return max(1, process_memory() // _SHARE)
    try:
        n_bytes = _n_bytes(memory_limit)
    except (ValueError, OverflowError):  # NaN or infinite
        n_bytes = 0
    if n_bytes < 1:
        raise ParameterError(
            f"memory_limit={memory_limit!r}: give bytes, or text such as '2GiB' or '500 MB', of at least one byte"
        )
    return n_bytes


def _n_bytes(memory_limit: object) -> int:
    """Return the bytes that a number or text stands for; 0 for all else."""
    if isinstance(memory_limit, str):
        if memory_limit.strip().isdecimal():
            return int(memory_limit)
        found = _TEXT.fullmatch(memory_limit)
        return 0 if found is None else int(float(found[1]) * _unit(found[2], found[3]))
    if isinstance(memory_limit, bool) or not isinstance(memory_limit, Real):
        return 0
    return int(float(memory_limit))


def exceeds(n_rows: int, n_features: int, limit: int) -> bool:
    """Return whether rows take more bytes in memory than they may.

    Parameters
    ----------
    n_rows, n_features : int
        N and D.
    limit : int
        Bytes.
    """
    return n_rows * n_features * _VALUE_BYTES > limit


def too_large_to_fill_in(limit: int, at: str | None = None, what: str = "values") -> str:
    """Return the sentence that refuses missing values in rows that do not fit into memory.

    Parameters
    ----------
    limit : int
        Bytes that the rows may take.
    at : str, optional
        Where the first missing value stands, if that is known: "row 17, column 'x2'".
    what : str
        What is missing, if not, in the plural.
    """
    missing = f"{what} are missing (NaN)" if at is None else f"{at} is NaN (a missing value)"
    counted = "" if at is None else " (rows count from 0)"
    return (
        f"{missing}, and rows with missing values must fit into memory, where they may take {in_units(limit)}:"
        f" raise memory_limit, or fill in finite values{counted}"
    )


def in_units(n_bytes: int) -> str:
    """Return a number of bytes as people read it: ``"4.2 GB"``."""
    value, unit = float(n_bytes), "bytes"
    for prefix in _PREFIXES:
        if value < 1000:
            break
        value, unit = value / 1000, f"{prefix if prefix == 'k' else prefix.upper()}B"
    return f"{value:.0f} {unit}" if unit == "bytes" or value >= 100 else f"{value:.1f} {unit}"


def process_memory() -> int:
    """Return the bytes of memory that this process may use: those of the machine, or of its control group."""
    return min([_physical_memory(), *_group_limits()])


def _unit(prefix: str | None, binary: str | None) -> int:
    base = 1024 if binary else 1000
    return int(base ** (0 if prefix is None else _PREFIXES.index(prefix.lower()) + 1))


def _physical_memory() -> int:
    try:
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return _UNKNOWN
    return pages * size if pages > 0 and size > 0 else _UNKNOWN


def _group_limits() -> Iterator[int]:
    """Yield the limits of the control groups, of version 1 and 2, that this process belongs to."""
    try:
        lines = _GROUPS.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root, name = (_CGROUP / "memory", "memory.limit_in_bytes") if controllers else (_CGROUP, "memory.max")
        inner = root / group.lstrip("/")
        for folder in (
            inner,
            *inner.parents,
        ):  # limits hold for the groups below
            if not folder.is_relative_to(root):
                break
            try:
                text = (folder / name).read_text().strip()
            except OSError:
                continue
            if text.isdigit():
                yield int(text)
