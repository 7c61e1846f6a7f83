"""Standard errors of a fit's parameters, as a method of estimators."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.estimator.fitted_density import require_fitted
from gaussmix.estimator.labels import partial_labels
from gaussmix.estimator.rows import prediction_source
from gaussmix.estimator.threads import executor_for, n_threads, single_threaded_blas

if TYPE_CHECKING:
    from gaussmix.fit import FitResult
    from gaussmix.model import Mixture
    from gaussmix.selection.uncertainty import Kind, Uncertainty
    from gaussmix.source import Source
    from gaussmix.types import IntArray

METHODS = ("information", "bootstrap")


class Uncertain:
    """Add ``uncertainty`` to an estimator with a ``mixture_``."""

    def uncertainty(
        self,
        X: Any,
        method: Literal["information", "bootstrap"] = "information",
        sample_weight: Any = None,
        *,
        y: Any = None,
        kind: Kind = "observed",
        level: float = 0.95,
        n_resamples: int = 200,
    ) -> Uncertainty:
        """Return standard errors and intervals of weights, means and covariances.

        They say how far the estimates would scatter if as many rows were drawn again and the same optimum were found;
        they do not speak of other optima or another number of components.

        Parameters
        ----------
        X : array-like, dataframe, path or Source, of shape (N, D)
            The rows of the fit. Missing values are taken into account.
        method : {"information", "bootstrap"}, default="information"
            ``"information"`` inverts the curvature of the log-likelihood (Louis 1982; Boldea & Magnus 2009): one pass
            over the rows, for all covariance types with a code, up to 1000 parameters. The errors are those of large
            samples. ``"bootstrap"`` refits to rows with random weights, from this fit on (Newton & Raftery 1994): for
            any fit, and better where components overlap or have few rows; it costs ``n_resamples`` fits.
        sample_weight : array-like of shape (N,), optional
            Of the fit. A row of weight w counts as w rows: unlike the fit, errors depend on a common factor.
        y : array-like of shape (N,), optional
            Of the fit, where some of the components were known.
        kind : {"observed", "outer", "sandwich"}, default="observed"
            Of the information: from second derivatives; from the outer products of the scores; or from both, which
            holds also for rows that do not come from such a mixture (White 1982), and counts rows, not their weights.
        level : float, default=0.95
            Of the intervals.
        n_resamples : int, default=200
            Refits of the bootstrap. They are the same for the same ``random_state``.

        Returns
        -------
        Uncertainty
            ``print`` shows a table; ``table()`` and ``as_dict()`` hold it as data; ``means_error`` and the like are
            arrays; ``mean_ellipses()`` are regions of the means.

        Raises
        ------
        ParameterError
            If a parameter cannot be used, or the information is not known for this fit.
        DegenerateError
            If a component has collapsed, or the rows do not determine the parameters.

        Warns
        -----
        ConvergenceWarning
            If the fit is not near a maximum of the likelihood of these rows. The maximum is of the likelihood without
            ``reg_covar``, which moves estimates by a small part of their errors.

        References
        ----------
        Louis (1982), Finding the observed information matrix when using the EM algorithm, JRSS B 44.

        Boldea & Magnus (2009), Maximum likelihood estimation of the multivariate normal mixture model, JASA 104.

        Newton & Raftery (1994), Approximate Bayesian inference with the weighted likelihood bootstrap, JRSS B 56.

        O'Hagan, Murphy, Scrucca & Gormley (2019), Investigation of parameter uncertainty in clustering using a
        Gaussian mixture model via jackknife, bootstrap and weighted likelihood bootstrap, Computational Statistics
        34.

        Examples
        --------
        >>> import numpy as np
        >>> from gaussmix import GaussianMixture
        >>> X = np.array([[1.0], [2.0], [3.0], [11.0], [12.0], [13.0]])
        >>> print(GaussianMixture(2, covariance_type="tied", means_init=[[2], [12]]).fit(X).uncertainty(X))
        2 components, 6 rows, observed information
        parameter  component  feature  estimate   error   lower   upper
        weight     0                        0.5  0.2041  0.1679  0.8321
        weight     1                        0.5  0.2041  0.1679  0.8321
        mean       0          0               2  0.4714   1.076   2.924
        mean       1          0              12  0.4714   11.08   12.92
        variance   all        0          0.6667  0.3849   0.215   2.067
        lower and upper: limits of 95 % intervals
        """
        from gaussmix.selection.uncertainty import WeightedBootstrap, by_bootstrap, by_information

        require_fitted(self)
        self._refuse_what_rows_do_not_tell()
        if method not in METHODS:
            raise ParameterError(f"method should be 'information' or 'bootstrap', got {method!r}")
        fitted: Any = self
        source = prediction_source(fitted, X, sample_weight, missing=True)
        labels = partial_labels(y, source.n_rows, fitted.mixture_.n_components)
        names = getattr(self, "feature_names_in_", None)
        with single_threaded_blas(source.n_features):
            if method == "bootstrap":
                bootstrap = WeightedBootstrap(
                    partial(self._refit, labels), n_resamples, n_threads(fitted.n_jobs)
                )
                seed = np.random.SeedSequence(fitted._generator().integers(2**32, size=4).tolist())
                return by_bootstrap(
                    fitted.mixture_, source, bootstrap, seed, level=level, feature_names=names
                )
            if fitted.assignment == "hard":
                raise ParameterError(
                    "a fit with assignment='hard' is no maximum of the likelihood: use method='bootstrap'"
                )
            executor = executor_for(fitted.n_jobs)
            return by_information(
                fitted.mixture_, source, executor, kind=kind, labels=labels, level=level, feature_names=names
            )

    def _refuse_what_rows_do_not_tell(self) -> None:
        """Raise ParameterError where the likelihood of the rows is not that of the mixture alone."""
        fitted: Any = self
        if fitted.background_ is not None or fitted._noisy:
            what = "a background" if fitted.background_ is not None else "noise"
            raise ParameterError(
                f"standard errors of a fit with {what} are not available: resample rows and fit again"
            )

    def _refit(self, labels: IntArray | None, source: Source) -> FitResult[Mixture]:
        """Return a fit to other weights of the rows, from this one on, on one thread."""
        from gaussmix.executor import Serial
        from gaussmix.fit import fit_em
        from gaussmix.selection.uncertainty import known_partitions
        from gaussmix.source.blocks import block_rows

        fitted: Any = self
        mixture = fitted.mixture_
        rows = block_rows(source.n_rows, source.n_features, mixture.n_components)
        return fit_em(
            mixture,
            known_partitions(source, labels, mixture.n_components, rows),
            Serial(),
            tol=fitted.tol,
            max_iter=max(fitted.max_iter, 1),
            acceleration=fitted.acceleration,
            assignment=fitted.assignment,
        )
