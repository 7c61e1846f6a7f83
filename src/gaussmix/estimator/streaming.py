"""``partial_fit``: a mixture of rows that come batch by batch and are not kept.

The first rows are kept, up to ten for each parameter or 40,000: whenever their number is fourfold, all of them are
fitted anew, search included, as early rows alone lead to poor optima. In between, and ever after, each batch moves
running moments by stepwise EM, see ``gaussmix.fit.stepwise``. A stream that goes on from ``fit`` begins with the
moments that the fitted mixture describes.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from sklearn.base import _fit_context

from gaussmix.covariance import CovarianceFamily
from gaussmix.errors import ParameterError
from gaussmix.estimator.executors import executing
from gaussmix.estimator.gaussian_attributes import set_fitted
from gaussmix.estimator.gaussian_problem import family_of
from gaussmix.estimator.progress import with_callbacks
from gaussmix.estimator.rows import features_kept_on_error, stream_source
from gaussmix.estimator.threads import single_threaded_blas
from gaussmix.estimator.training import Trained
from gaussmix.fit import Convergence, FitResult
from gaussmix.fit.degenerate import DegeneratePolicy
from gaussmix.model import Mixture
from gaussmix.source import Source

if TYPE_CHECKING:
    from gaussmix.estimator.batch import Batch, Seen

_REFUSED: Final = ("background", "frozen", "truncation", "checkpoint")
_ROWS_PER_PARAMETER: Final = 10  # that a mixture stands for of which nobody knows the rows


class Streaming:
    """Add ``partial_fit`` to ``GaussianMixture``."""

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Move the mixture on by a batch of rows, which are seen once: stepwise EM (Cappé & Moulines 2009).

        The first rows are kept, until there are 10 for each parameter (at least 40,000, at most 32 MB): each time
        their number is fourfold they are fitted anew, with a search for the best optimum. Until there are 10 rows,
        and 2 (D + 1), for each component, nothing is fitted. After a ``fit``, or for rows that come later, the fit
        counts as many rows as it was of. Batches should be alike: rows that are sorted are for ``fit``. Where rows
        drift, set ``half_life``.

        Parameters
        ----------
        X : array-like, dataframe, path or Source, of shape (n, D)
            Any number of rows, without missing values. A long batch is taken in several steps.
        y : Ignored
        sample_weight : array-like of shape (n,) or str, optional
            As in ``fit``.

        Returns
        -------
        GaussianMixture
            Itself. ``n_samples_seen_`` is the number of rows so far, ``n_iter_`` that of updates; ``converged_`` is
            that of a fit of kept rows, and else False. ``lower_bound_`` is a running mean of what the log-likelihood
            of a row was before it was learnt, in nats: not under the mixture that is reported, an average which lies
            a little higher, but under the one of the moment, since another pass would double the work. ``score`` has
            that of the mixture.

        Raises
        ------
        DataError, DataTypeError, ParameterError, ValueError
            If rows, weights or parameters cannot be used; nothing is changed then.

        References
        ----------
        Cappé & Moulines (2009), On-line expectation-maximization algorithm for latent data models, JRSS B 71.

        Examples
        --------
        >>> import numpy as np
        >>> from gaussmix import GaussianMixture
        >>> rng = np.random.default_rng(0)
        >>> model = GaussianMixture(2, random_state=0)
        >>> for _ in range(20):
        ...     batch = rng.normal(size=(100, 1)) + 10 * rng.integers(2, size=(100, 1))
        ...     model = model.partial_fit(batch)
        >>> model.means_.round().ravel() + 0.0
        array([ 0., 10.])
        >>> model.n_samples_seen_
        2000
        """
        from gaussmix.estimator.batch import Batch  # here: other fits need not wait for it

        estimator: Any = self
        with features_kept_on_error(estimator), np.errstate(under="ignore", over="ignore"):
            _check_parameters(estimator)
            source = stream_source(estimator, X, sample_weight)
            family = family_of(estimator, source)
            if family.scatter.n_factors:
                raise ParameterError(
                    f"covariance_type={family.name!r} has no partial_fit where there are {source.n_features} "
                    "features: use 'diag', or fit"
                )
            with (
                single_threaded_blas(source.n_features, [family]),
                executing(estimator.n_jobs, estimator.executor) as executor,
            ):
                batch = Batch(estimator, source, family, executor)
                before = _seen_by(estimator, family)
                seen = batch.after(before)
                self._set_seen(seen, before, batch)
        for trained, complaints in batch.fitted:
            estimator._warn(trained.result, complaints)
        return self

    def _note_rows(self, rows: Source) -> None:
        """Keep of how many rows a fit was, for a stream that goes on from it."""
        weight = rows.sample_weight
        estimator: Any = self
        estimator.n_samples_seen_ = rows.n_rows
        weight_sum = float(rows.n_rows if weight is None else weight.sum())
        estimator._rows_of_fit = rows.n_rows, weight_sum, int(estimator.n_components)

    def _set_seen(self, seen: Seen, before: Seen, batch: Batch) -> None:
        """Set all attributes."""
        from gaussmix.estimator.batch import GROWTH

        estimator: Any = self
        if seen.stream is not None and seen.mixture is not None:
            trained = batch.fitted[-1][0] if batch.fitted else None
            optima = trained.optima if trained else getattr(estimator, "optima_", None)
            if trained is None or trained.result.model is not seen.mixture:
                bound = [seen.stream.average.log_likelihood]
                watch = Convergence(estimator.tol)
                result = FitResult(seen.mixture, bound, False, seen.policy.report, watch)
                trained = Trained(result, optima)
            grown = seen.n_rows >= GROWTH * getattr(estimator, "_n_noted", 0)
            if grown or before.stream is None:  # rows to look at cost more than many a batch
                estimator._note(trained, batch.source)
                estimator._n_noted = seen.n_rows
            set_fitted(estimator, trained)
            estimator.n_iter_, estimator.n_passes_ = seen.n_updates, 1.0
            estimator.background_, estimator._noisy = None, False
        else:
            estimator._unfitted = (
                f"This %(name)s instance is not fitted yet: partial_fit has seen {seen.n_rows} rows, and "
                f"{estimator.n_components} components of {batch.source.n_features} features need {batch.least}."
            )
        estimator.n_samples_seen_ = seen.n_rows
        estimator._seen = seen


def _check_parameters(estimator: Any) -> None:
    for name in _REFUSED:
        if getattr(estimator, name) is not None:
            raise ParameterError(f"partial_fit goes without {name}: set {name}=None, or use fit")
    init = estimator.init_params
    if not isinstance(init, str) and not callable(init):
        raise ParameterError(
            "init_params should be a name or a callable for partial_fit, as rows are not known yet"
        )
    if getattr(estimator, "_noisy", False):
        raise ParameterError(
            "the last fit was of rows with noise, which partial_fit does not take: use a clone"
        )


def _seen_by(estimator: Any, family: CovarianceFamily) -> Seen:
    """Return what the estimator knows of its stream; of a fit, what its mixture describes."""
    from gaussmix.estimator.batch import Seen
    from gaussmix.fit.stepwise import Stream, moments_of

    seen: Seen | None = getattr(estimator, "_seen", None)
    model: Mixture | None = getattr(estimator, "mixture_", None)
    if model is not None and (
        model.covariance_type != family.name or model.n_components > estimator.n_components
    ):
        raise ParameterError(
            f"partial_fit goes on from {model.n_components} {model.covariance_type!r} components, which are none of "
            f"{estimator.n_components} {family.name!r} components: use a clone"
        )
    if seen is not None and seen.mixture is model:
        _check_n_components(estimator, model, seen.n_components)
        return replace(seen, policy=copy(seen.policy))
    policy = DegeneratePolicy(estimator.on_degenerate)
    if model is None:
        return Seen(policy)
    n_rows = weight = _ROWS_PER_PARAMETER * model.n_parameters
    n_components = estimator.n_components if estimator.on_degenerate == "drop" else model.n_components
    if getattr(estimator, "_rows_of_fit", None):
        n_rows, weight, n_components = estimator._rows_of_fit
    _check_n_components(estimator, model, n_components)
    moments = moments_of(model, weight, estimator.lower_bound_)
    stream = Stream.after(model, moments, n_rows, estimator.half_life)
    return Seen(
        policy,
        stream=stream,
        mixture=model,
        n_rows=n_rows,
        n_updates=estimator.n_iter_,
        n_components=n_components,
    )


def _check_n_components(estimator: Any, model: Mixture | None, asked: int) -> None:
    """Raise if the number has changed since a fit that was asked for so many components."""
    if model is not None and estimator.n_components != asked:
        raise ParameterError(
            f"n_components was {asked} when the mixture was fitted and is {estimator.n_components} now, but "
            "partial_fit goes on with the components that there are: set it back, or use a clone"
        )
