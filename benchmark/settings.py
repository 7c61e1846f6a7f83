"""What a run of the benchmark was asked to do."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

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
    draw : int
        Which draw of the simulated data to take.
    n_processes : int
        In which the parts about optima run their fits; more than one disturbs their times.
    options : dict
        Parameters of every GaussianMixture that the parts about optima fit, beside the defaults.
    whole_grid : bool
        Whether to measure all cells of a grid where a part of them stands for it.
    """

    peers: Sequence[Peer] = ()
    patience: Patience = PATIENT
    n_seeds: int = 20
    scale: int = 1
    only: Sequence[str] = ()
    draw: int = 0
    n_processes: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    whole_grid: bool = False

    def wants(self, title: str) -> bool:
        """Return whether the work of this title is to be measured."""
        return not self.only or any(text in title for text in self.only)

    def rows(self, n_rows: int, least: int = 1) -> int:
        """Return how many rows to take where the full benchmark takes ``n_rows``."""
        return max(n_rows // self.scale, min(n_rows, least))

    def has(self, peer: str) -> bool:
        """Return whether the peer of this name runs."""
        return any(one.name == peer for one in self.peers)
