"""How many bytes the rows of files may take in memory."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gaussmix.errors import ParameterError

_SHARE: Final = (
    4  # by default, rows may take one part in four: results, models and other programs need memory too
)
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
        Bytes, or a number with a unit: kB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB (powers of 1024).
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
    >>> limit_in_bytes("2GiB"), limit_in_bytes("500 MB")
    (2147483648, 500000000)
    """
    if memory_limit is None:
        return max(1, process_memory() // _SHARE)
    if isinstance(memory_limit, str):
        found = _TEXT.fullmatch(memory_limit)
        n_bytes = 0 if found is None else int(float(found[1]) * _unit(found[2], found[3]))
    else:
        n_bytes = 0 if isinstance(memory_limit, bool) else int(memory_limit)
    if n_bytes < 1:
        raise ParameterError(
            f"memory_limit={memory_limit!r}: give bytes, or text such as '2GiB' or '500 MB', of at least one byte"
        )
    return n_bytes


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
