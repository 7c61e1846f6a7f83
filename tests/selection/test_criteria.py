from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from gaussmix.executor import Serial
from gaussmix.selection.criteria import CRITERIA, Evidence, aic, aicc, bic, cv, icl, nec, stability
from gaussmix.selection.measure import measure
from gaussmix.source import ArraySource

from ..mixtures import make_mixture, make_rows

MCLUST = Path(__file__).parents[1] / "reference" / "data" / "mclust.json"


def mclust_fits():
    problems = json.loads(MCLUST.read_text())["problems"]
    return [(problem["n"], fit) for problem in problems.values() for fit in problem["fits"]]


def test_bic_is_mclusts_with_the_other_sign():
    for n, fit in mclust_fits():
        value = bic(Evidence(fit["loglik"], fit["n_parameters"], n))
        assert value == pytest.approx(-fit["bic"], rel=1e-12)


def test_icl_of_one_component_is_bic():
    for n, fit in mclust_fits():
        if fit["n_components"] == 1:
            assert icl(Evidence(fit["loglik"], fit["n_parameters"], n)) == pytest.approx(
                -fit["icl"], rel=1e-12
            )


def test_values_by_hand():
    evidence = Evidence(
        -10.0,
        3,
        8.0,
        n_components=2,
        entropy=2.0,
        hard_entropy=1.5,
        single=-14.0,
        held_out=-1.25,
        agreement=0.75,
    )
    assert bic(evidence) == pytest.approx(20 + 3 * math.log(8))
    assert aic(evidence) == 26
    assert aicc(evidence) == 26 + 24 / 4
    assert icl(evidence) == pytest.approx(23 + 3 * math.log(8))
    assert nec(evidence) == 2.0 / 4.0
    assert cv(evidence) == 1.25
    assert stability(evidence) == 0.25


def test_limits():
    one = Evidence(-10.0, 3, 4.0)
    assert nec(one) == 1
    assert math.isinf(aicc(one))
    assert math.isnan(stability(one))
    assert math.isinf(nec(Evidence(-10.0, 3, 8.0, n_components=2, entropy=1.0, single=-9.0)))


@pytest.mark.parametrize("name", list(CRITERIA))
def test_a_better_fit_is_lower(name):
    worse = Evidence(-10.0, 3, 8.0, 2, 2.0, 1.5, -14.0, -1.25, 0.75)
    better = Evidence(-9.0, 3, 8.0, 2, 1.0, 0.5, -14.0, -1.0, 0.85)
    assert CRITERIA[name](better) < CRITERIA[name](worse)


@pytest.mark.parametrize("block", [17, 1000])
def test_measure(block):
    X, _ = make_rows(100)
    mixture = make_mixture(seed=3)
    weight = np.arange(100.0) % 3
    z = mixture.posterior(X)
    evidence = measure(mixture, ArraySource(X, weight).partitions(block), Serial())
    assert evidence.log_likelihood == pytest.approx(weight @ mixture.log_prob(X))
    assert evidence.entropy == pytest.approx(
        -weight @ np.where(z > 0, z * np.log(np.maximum(z, 1e-300)), 0).sum(1)
    )
    assert evidence.hard_entropy == pytest.approx(-weight @ np.log(z.max(axis=1)))
    assert (evidence.n_rows, evidence.n_components) == (weight.sum(), 3)
    assert evidence.n_parameters == mixture.n_parameters
