"""One EM pass: E-step, moments and M-step over all rows, in every package from the same start.

A pass is the difference between a long and a short run, divided by the iterations between them, so that
validation, copies and whatever else a package does once do not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np

from benchmark.clock import Stopwatch, least_times
from benchmark.data import Array, Parameters, clustered, mean_log_likelihood, start_for
from benchmark.peers import Iterate, Run, ours
from benchmark.settings import Settings, say
from benchmark.table import ITSELF, OURS, Bar, Row, share, times
from benchmark.yardstick import cores, least_flops, matrix_product, product_flops

_PRECISIONS: Final = ("float64", "float32")
_SINGLE: Final = "gaussmix, float32"
_SERIAL: Final = "gaussmix, 1 thread"
_SHORT: Final = 1  # iterations of the short run
_JUDGED_ROWS: Final = 20_000  # on which the packages' results are compared
_AGREEMENT: Final = {_SINGLE: 1e-3}  # nats a row; float32 rounds the data themselves
_EXACT: Final = 1e-6  # the same for the others
_LEAST_ROWS: Final = 4  # for each mean value: with fewer, covariances are singular


@dataclass(frozen=True)
class Pass:
    """State one shape, how many iterations to time, what to reach, and which peers would take minutes."""

    covariance_type: str
    n_rows: int
    n_features: int
    n_components: int
    n_iterations: int
    bars: Sequence[Bar]
    without: Sequence[str] = ()

    def title(self, n_rows: int) -> str:
        """Return the row's title."""
        return f"pass: {self.covariance_type} {n_rows:,} × {self.n_features}, K={self.n_components}"


PASSES: Final = [
    Pass("full", 1_000_000, 2, 5, 10, [times("oneDAL", 4), times("scikit-learn", 100)]),
    Pass("full", 500_000, 10, 10, 5, [share(0.5), times("oneDAL", 4), times("scikit-learn", 40)]),
    Pass("full", 200_000, 32, 16, 4, [share(0.75), times("oneDAL", 3)]),
    Pass("full", 200_000, 50, 20, 3, [share(0.75), times("oneDAL", 3)], ["Armadillo"]),
    Pass("full", 50_000, 128, 50, 2, [share(0.75), times("oneDAL", 3)], ["Armadillo"]),
    Pass("diag", 500_000, 20, 64, 3, [times("scikit-learn", 15), times("Armadillo", 10), times("oneDAL", 4)]),
    Pass("tied", 500_000, 20, 64, 3, [times("scikit-learn", 80)]),
    Pass("spherical", 500_000, 20, 64, 3, [times("scikit-learn", 20)]),
]
_FLOAT32: Final = Bar(ITSELF, 1.7, "≥ 1.7× float64")
_THREADS: Final = Bar(ITSELF, 1.7, "≥ 1.7× 1 thread")


def measure(settings: Settings) -> Iterator[Row]:
    """Yield three rows for each shape: against the peers, float32 against float64, threads against one."""
    for case in PASSES:
        n_rows = settings.rows(case.n_rows, _LEAST_ROWS * case.n_components * case.n_features)
        if settings.wants(case.title(n_rows)):
            yield from _rows(case, n_rows, settings)


def _rows(case: Pass, n_rows: int, settings: Settings) -> Iterator[Row]:
    title = case.title(n_rows)
    say(title)
    X = clustered(n_rows, case.n_features, case.n_components)
    start = start_for(X, case.n_components, case.covariance_type)
    with ExitStack() as stack:
        contenders: dict[str, Iterate] = {
            OURS: ours(X, start),
            _SINGLE: ours(X.astype(np.float32), start),
            _SERIAL: ours(X, start, n_jobs=1),
        }
        for peer in settings.peers:
            if case.covariance_type in peer.families and peer.name not in case.without:
                contenders[peer.name] = stack.enter_context(peer.begin(X, start))
        measured = _Measured(contenders, case.n_iterations)
        products = {dtype: matrix_product(dtype) for dtype in _PRECISIONS}
        least = least_times(measured.stopwatches | products, settings.patience)
    measured.check(title, X)
    passes = {name: measured.seconds_a_pass(name, least) for name in contenders}
    say(f"one thread's matrix product: {product_flops() / least['float64'] / 1e9:.1f} GF/s in float64")
    rates = {dtype: cores() * product_flops() / least[dtype] for dtype in _PRECISIONS}
    flops = least_flops(case.covariance_type, n_rows, case.n_features, case.n_components)
    yield from _as_rows(case, title, passes, {dtype: flops / rate for dtype, rate in rates.items()})


def _as_rows(
    case: Pass, title: str, passes: Mapping[str, float], ideal: Mapping[str, float]
) -> Iterator[Row]:
    """Yield the rows of one shape; ``ideal`` is the time of the least work at the full rate, in seconds."""
    ms = {name: 1e3 * seconds for name, seconds in passes.items()}
    single, serial = ms.pop(_SINGLE), ms.pop(_SERIAL)
    yield Row(title, ms, bars=case.bars, share=ideal["float64"] / passes[OURS])
    values = {OURS: single, ITSELF: ms[OURS]}
    yield Row(f"{title}, float32", values, bars=[_FLOAT32], share=ideal["float32"] / passes[_SINGLE])
    if cores() > 1:
        yield Row(f"{title}, {cores()} threads", {OURS: ms[OURS], ITSELF: serial}, bars=[_THREADS])


@dataclass
class _Measured:
    """Time the contenders' long and short runs, and keep what they found."""

    contenders: Mapping[str, Iterate]
    n_iterations: int
    runs: dict[str, Run] = field(default_factory=dict)

    @property
    def stopwatches(self) -> dict[str, Stopwatch]:
        """A long and a short run of every contender, by keys of ``_key``."""
        return {
            _key(name, length): partial(self._seconds, name, length)
            for length in self._lengths
            for name in self.contenders
        }

    def seconds_a_pass(self, name: str, least: Mapping[str, float]) -> float:
        """Return the seconds of one pass of a contender, given the least time of each stopwatch."""
        long, short = (_key(name, length) for length in self._lengths)
        iterations = self.runs[long].n_iterations - self.runs[short].n_iterations
        seconds = least[long] - least[short]
        if seconds <= 0 or iterations == 0:
            say(f"warning: {name}: a pass is lost in noise; a share of the long run is taken instead")
            return least[long] / self.runs[long].n_iterations
        return seconds / iterations

    def check(self, title: str, X: Array) -> None:
        """Say so where a contender stopped early or found something else than gaussmix."""
        expected = self._log_likelihood(OURS, X)
        for name in self.contenders:
            run = self.runs[_key(name, self._lengths[0])]
            if run.n_iterations != self._lengths[0]:
                say(f"warning: {title}: {name} did {run.n_iterations} iterations of {self._lengths[0]}")
                continue
            difference = abs(self._log_likelihood(name, X) - expected)
            if not difference <= _AGREEMENT.get(name, _EXACT):
                say(f"warning: {title}: {name} is off by {difference:.1e} nats a row: not the same work")

    @property
    def _lengths(self) -> tuple[int, int]:
        return _SHORT + self.n_iterations, _SHORT

    def _log_likelihood(self, name: str, X: Array) -> float:
        parameters: Parameters = self.runs[_key(name, self._lengths[0])].parameters
        return mean_log_likelihood(X[:_JUDGED_ROWS], parameters)

    def _seconds(self, name: str, length: int) -> float:
        run = self.runs[_key(name, length)] = self.contenders[name](length)
        return run.seconds


def _key(name: str, length: int) -> str:
    return f"{name}, {length} iterations"
