"""The report of a fit, as an attribute and a method of estimators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gaussmix.estimator.completion import filled
from gaussmix.estimator.fitted_density import require_fitted
from gaussmix.estimator.rows import prediction_source
from gaussmix.estimator.threads import single_threaded_blas

if TYPE_CHECKING:
    from gaussmix.estimator.training import Trained
    from gaussmix.selection import Diagnosis
    from gaussmix.source import Source


class Diagnosed:
    """Add ``diagnosis_`` and ``diagnose`` to an estimator with a ``mixture_``."""

    @property
    def diagnosis_(self) -> Diagnosis:
        """What is doubtful about the fit, from what ``fit`` noted of some of its rows."""
        require_fitted(self)
        return self._diagnosis(self._row_evidence)

    def diagnose(self, X: Any, sample_weight: Any = None) -> Diagnosis:
        """Return what is doubtful about the fit, with the tests that need rows.

        Parameters
        ----------
        X : array-like, dataframe, path or Source, of shape (n, D)
            Best the rows of the fit; of many, a sample is read. Missing values are drawn from the mixture, given the
            observed ones.
        sample_weight : array-like of shape (n,) or str, optional
            As in ``fit``.

        Returns
        -------
        Diagnosis
            ``print`` shows its sentences; ``as_dict()`` holds the same as data.
        """
        from gaussmix.selection.diagnosis import gather

        require_fitted(self)
        source = prediction_source(self, X, sample_weight, missing=True, sparse=True)
        fitted: Any = self
        with single_threaded_blas(source.n_features):
            rows = filled(source, fitted.mixture_) if source.incomplete else source
            rows = described(rows, fitted.background_)
            return self._diagnosis(gather(fitted.mixture_, rows, thorough=True))

    def _note(self, trained: Trained, rows: Source) -> None:
        """Keep what a diagnosis needs to know of the fit: numbers, no rows."""
        from gaussmix.selection.diagnosis import gather

        model = trained.result.model
        self.optima_ = trained.optima
        self._row_evidence = gather(model, filled(rows, model) if rows.incomplete else rows)

    def _diagnosis(self, evidence: Any) -> Diagnosis:
        from gaussmix.selection.diagnosis import FitRecord, diagnose

        fitted: Any = self
        names = getattr(self, "feature_names_in_", None)
        record = FitRecord(fitted.converged_, fitted.n_iter_, None, fitted.degenerate_, self.optima_, names)
        with single_threaded_blas(fitted.mixture_.n_features):
            return diagnose(fitted.mixture_, evidence, record)


def described(source: Source, density: Any) -> Source:
    """Return the rows with the weights with which a mixture before a background describes them."""
    if density is None:
        return source
    rows = source.take(np.arange(source.n_rows))
    weight = 1.0 - density.posterior(rows)[:, -1]
    if source.sample_weight is not None:
        weight = weight * source.sample_weight
    return source.with_weight(weight)
