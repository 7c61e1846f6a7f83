"""Whether outliers are found as well as by scikit-learn's detectors, and whether false alarms are as rare as stated.

Each detector is fitted to half of the normal rows of a problem, alone or with a tenth of outliers among them, and
ranks the other half and other outliers: the area under the ROC curve (AUC), a mean over seeds with the same splits
for all. Everyone has the defaults; LocalOutlierFactor gets features of unit variance, since distances need them.
With outliers, everyone is told their share (``contamination``), which only gaussmix makes use of in the ranking, or
no one is; that is not what its default is for, and has no bar.

False alarms: with m test rows and n calibration rows from the same normal rows, their number at a level k / (n + 1)
is beta-binomial (m, k, n + 1 − k), smaller where scores are tied. Its tails are tested in 20 sets, one split each.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from scipy.stats import betabinom
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmark.anomaly_sets import CONTAMINATED, NOVELTY, SHARE, UNTOLD, AnomalyProblem, problems
from benchmark.data import Array, clustered
from benchmark.settings import Settings, say
from benchmark.table import OURS, Row, at_least
from gaussmix import MixtureOutlierDetector

_NAME: Final = "anomaly"
_PROTOCOLS: Final = (NOVELTY, CONTAMINATED, UNTOLD)
_MOST_SEEDS: Final = 3
_THEIRS: Final = ("IsolationForest", "LocalOutlierFactor")
_RATE, _N_SETS, _LEAST_TAIL = 0.1, 20, 0.1  # percent: about one in 50 runs of 20 sets is below it by chance


def measure(settings: Settings) -> Iterator[Row]:
    """Yield a row for each problem, the medians, and one for the false alarms."""
    wanted = [protocol for protocol in _PROTOCOLS if settings.wants(f"{_NAME}: {protocol}: ")]
    n_seeds = min(settings.n_seeds, _MOST_SEEDS)
    everything = list(problems()) if wanted else []
    for protocol in wanted:
        areas = []
        for problem in everything:
            areas.append(np.mean([_areas(problem, protocol, seed) for seed in range(n_seeds)], axis=0))
            yield _described(problem, protocol, areas[-1])
        yield from _summary(protocol, np.array(areas))
    if settings.wants(f"{_NAME}: false alarms"):
        yield _false_alarms()


def detectors(protocol: str, seed: int) -> dict[str, Any]:
    """Return all contenders."""
    told = {"contamination": SHARE} if protocol == CONTAMINATED else {}
    return {
        OURS: MixtureOutlierDetector(random_state=seed, **told),
        "IsolationForest": IsolationForest(random_state=seed, **told),
        "LocalOutlierFactor": make_pipeline(StandardScaler(), LocalOutlierFactor(novelty=True, **told)),
    }


def _areas(problem: AnomalyProblem, protocol: str, seed: int) -> list[float]:
    """Return the AUC of each contender, in percent."""
    fitted, normal, outliers = problem.split(protocol, seed)
    rows = np.concatenate([normal, outliers])
    truth = np.repeat([0, 1], [len(normal), len(outliers)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of constant columns and tied neighbours
        return [
            100 * float(roc_auc_score(truth, -detector.fit(fitted).score_samples(rows)))
            for detector in detectors(protocol, seed).values()
        ]


def _described(problem: AnomalyProblem, protocol: str, areas: Array) -> Row:
    theirs = ", ".join(f"{name} {area:.1f}" for name, area in zip(_THEIRS, areas[1:], strict=True))
    return Row(f"{_NAME}: {protocol}: {problem.title} ({theirs})", {OURS: float(areas[0])}, "%")


def _summary(protocol: str, areas: Array) -> Iterator[Row]:
    ours, *theirs = np.median(areas, axis=0).tolist()
    for column, (name, median) in enumerate(zip(_THEIRS, theirs, strict=True), start=1):
        title = f"{_NAME}: {protocol}: median AUC, {name} {median:.1f}"
        bars = [] if protocol == UNTOLD else [at_least(round(median, 1), "%")]
        yield Row(title, {OURS: ours}, "%", bars)
        at_or_above = int((areas[:, 0] >= areas[:, column]).sum())
        title = f"{_NAME}: {protocol}: sets at or above {name}, of {len(areas)}"
        yield Row(title, {OURS: float(at_or_above)}, "sets")


def _false_alarms() -> Row:
    """Return the row of the least of the tails, in percent, over the sets."""
    sets = [(problem.title, problem.normal) for problem in problems()][:_N_SETS]
    seeds = range(_N_SETS - len(sets))
    sets += [(f"simulated {seed}", clustered(1000, 4, 5, seed=seed)) for seed in seeds]
    tails, alarms, rows = [], 0, 0
    for title, X in sets:
        n_alarms, n_rows, tail = _alarms(X)
        alarms, rows = alarms + n_alarms, rows + n_rows
        tails.append(100 * tail)
        say(f"{_NAME}: {title}: {n_alarms} false alarms in {n_rows} rows at {_RATE:.0%}, tail {tail:.1%}")
    title = f"{_NAME}: false alarms at {_RATE:.0%}: {alarms / rows:.2%} over {len(sets)} sets, least tail"
    return Row(title, {OURS: min(tails)}, "%", [at_least(_LEAST_TAIL, "%")])


def _alarms(X: Array) -> tuple[int, int, float]:
    """Return the false alarms among a third of the rows, how many rows those are, and the probability of the tail."""
    X = np.random.default_rng(0).permutation(X)[:2000]
    test, others = X[: len(X) // 3], X[len(X) // 3 :]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of constant columns
        detector = MixtureOutlierDetector(false_alarm_rate=_RATE, calibration=0.5, random_state=0).fit(others)
    n = detector.n_calibration_
    k = int(_RATE * (n + 1))
    alarms = int((detector.predict(test) < 0).sum())
    number = betabinom(len(test), k, n + 1 - k)
    above, below = float(number.sf(alarms - 1)), float(number.cdf(alarms))
    tied = len(np.unique(detector.score_samples(X))) < len(X)
    return alarms, len(test), min(1.0, 2 * (above if tied else min(above, below)))
