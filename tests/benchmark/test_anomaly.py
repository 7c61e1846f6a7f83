"""How the benchmark of outliers parts its rows."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.anomaly_sets import CONTAMINATED, NOVELTY, AnomalyProblem


@pytest.mark.parametrize("protocol", [NOVELTY, CONTAMINATED])
def test_splits_share_no_rows_and_have_a_tenth_of_outliers(protocol):
    normal, outliers = np.arange(90.0)[:, None], -np.arange(1.0, 41)[:, None]
    fitted, test, others = AnomalyProblem("rows", normal, outliers).split(protocol, 0)
    together = np.concatenate([fitted, test, others])
    assert len(np.unique(together)) == len(together)
    assert (fitted < 0).sum() == (0 if protocol == NOVELTY else 5)
    assert (test >= 0).all()
    assert (others < 0).all()
