"""How rows are cut into logical blocks.

The cut depends on (N, D, K) alone, never on threads or executors, because the order of additions, and with it
the last bits of a result, follows from it.
"""

from __future__ import annotations

from typing import Final

MAX_ROWS: Final = 65_536
_MAX_VALUES: Final = (
    1 << 23
)  # 64 MiB of float64: several blocks are in memory where rows are read from a disk
_MULTIPLE: Final = 576  # whole micro-blocks of every kernel
_WORK: Final = 60e6  # flops: one or two milliseconds, so that handing out a block costs a few percent at most
_MAX_BLOCKS: Final = 64  # beyond that, only as many as their size asks for
_EXP: Final = 20.0  # flops of one exponential
_MIN_ROWS: Final = (
    1_152  # adding the moments of fewer rows would cost more than a few percent of computing them
)


def block_rows(n_rows: int, n_features: int, n_components: int) -> int:
    """Return the number of rows of each logical block but the last."""
    flops = n_components * (2.0 * n_features * (n_features + 3) + _EXP)
    wanted = max(n_rows / _MAX_BLOCKS, _WORK / flops, _MIN_ROWS)
    most = max(min(MAX_ROWS, _MAX_VALUES // n_features) // _MULTIPLE, 1)
    return int(min(most, -(-wanted // _MULTIPLE)) * _MULTIPLE)
