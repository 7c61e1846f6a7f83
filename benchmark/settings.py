"""What a run of the benchmark was asked to do."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmark.clock import Patience
from benchmark.peers import Peer


def say(text: str) -> None:
    """Print a remark beside the table."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


PATIENT: Final = Patience()
QUICK: Final = Patience(rounds=3, seconds=3.0, least=1)


@dataclass(frozen=True)
class Settings:
    """Hold the options.

    Attributes
    ----------
    peers : sequence of Peer
        Those that run.
    patience : Patience
    n_seeds : int
        Of each whole fit.
    scale : int
        Numbers of rows are divided by this, to try the program out.
    only : sequence of str
        Measure the work whose title contains one of these; all work if there are none.
    """

    peers: Sequence[Peer] = ()
    patience: Patience = PATIENT
    n_seeds: int = 20
    scale: int = 1
    only: Sequence[str] = ()

    def wants(self, title: str) -> bool:
        """Return whether the work of this title is to be measured."""
        return not self.only or any(text in title for text in self.only)

    def rows(self, n_rows: int, least: int = 1) -> int:
        """Return how many rows to take where the full benchmark takes ``n_rows``."""
        return max(n_rows // self.scale, min(n_rows, least))

    def has(self, peer: str) -> bool:
        """Return whether the peer of this name runs."""
        return any(one.name == peer for one in self.peers)
