"""The whole covariance family against R's mclust: its 14 models on five data sets.

``tests/reference/data/mclust.json`` holds what mclust finds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from benchmark.outcome import Outcome, in_processes, outcome
from benchmark.reference import ReferenceFit, mclust, tasks
from benchmark.settings import Settings, say
from benchmark.table import OURS, Row, at_least
from benchmark.tally import beaten, efforts, percentage, reached, summary

_NAME: Final = "mclust"
_MOST_SEEDS: Final = 5


def measure(settings: Settings) -> Iterator[Row]:
    """Yield the rows of the whole, and say which fits fall short of mclust's."""
    wanted = [fit for fit in mclust() if settings.wants(f"{_NAME}: {fit.title}")]
    fits = [fit for fit in wanted if fit.covariance_type is not None]
    missing = sorted({fit.model for fit in wanted if fit.covariance_type is None})
    if missing:
        say(f"{_NAME}: this gaussmix has no {', '.join(missing)}; they are left out")
    if not fits:
        return
    found: dict[str, list[Outcome]] = {fit.title: [] for fit in fits}
    n_seeds = min(settings.n_seeds, _MOST_SEEDS)
    for one in in_processes(outcome, tasks(fits, n_seeds, settings.options), settings.n_processes):
        found[one.title].append(one)
    for fit in fits:
        if not all(reached(one, fit.log_likelihood) for one in found[fit.title]):
            say(f"{fit.title}: {summary(found[fit.title], fit.log_likelihood)}")
    yield from _shares(fits, found, n_seeds)
    yield from efforts(_NAME, [one for outcomes in found.values() for one in outcomes])


def _shares(
    fits: Sequence[ReferenceFit], found: Mapping[str, Sequence[Outcome]], n_seeds: int
) -> Iterator[Row]:
    """Yield the shares of all fits, and of those where there is something to search for."""
    for chosen, what in (fits, "fits"), ([fit for fit in fits if fit.n_components > 1], "of K ≥ 2"):
        if not chosen:
            continue
        pairs = [(one, fit.log_likelihood) for fit in chosen for one in found[fit.title]]
        size = f"{len(chosen)} {what} × {n_seeds} seeds"
        hits, better = ([judge(*pair) for pair in pairs] for judge in (reached, beaten))
        reach, beat = ([at_least(97, "%")], [at_least(40, "%")]) if chosen is fits else ([], [])
        yield Row(f"{_NAME}: reached, {size}", {OURS: percentage(hits)}, "%", reach)
        yield Row(f"{_NAME}: beaten, {size}", {OURS: percentage(better)}, "%", beat)
