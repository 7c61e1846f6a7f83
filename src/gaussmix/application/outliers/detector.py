"""``MixtureOutlierDetector``: outliers are rows of low density under a Gaussian mixture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from gaussmix.application.outliers.calibrating import held_out
from gaussmix.application.outliers.conformal import N_DRAWS, Calibration, model_ranking, model_threshold
from gaussmix.application.outliers.contributions import contributions
from gaussmix.application.outliers.trimmed import Choice, fit_trimmed, log_densities, share_threshold
from gaussmix.covariance import CovarianceFamily
from gaussmix.errors import ParameterError
from gaussmix.estimator.constraints import CONSTRAINTS, Count
from gaussmix.estimator.rows import features_kept_on_error, prediction_source, training_source
from gaussmix.estimator.threads import single_threaded_blas
from gaussmix.model import Mixture
from gaussmix.source import Source
from gaussmix.types import Effort, Float64Array, FloatArray, IntArray

_AUTO_RATE: Final = 0.01  # of the rows that the mixture itself would draw
_HELD_OUT: Final = 0.25  # where a false alarm rate is asked for, and nothing else is said


@dataclass(frozen=True, eq=False)
class _Calibrated:
    """Hold mixtures, and the calibration by the rows that each of them has not seen."""

    mixtures: Sequence[Mixture]
    calibration: Calibration


class MixtureOutlierDetector(OutlierMixin, BaseEstimator):
    """Find outliers: rows of low density under a Gaussian mixture, with p-values that can be relied upon.

    Parameters
    ----------
    n_components : int or None, default=None
        K. None takes 1, 2, 3, 5, 8 or 13, whichever has the lowest BIC.
    covariance_type : str, CovarianceFamily or None, default=None
        As in ``GaussianMixture``. None takes "full" or "diag", whichever has the lower BIC.
    contamination : "auto" or float in (0, 0.5], default="auto"
        The share of the rows that are outliers. They are left out of the fit (those that it thinks least probable),
        and the threshold is where this share of the rows lies below. ``"auto"`` trusts the rows to be normal, and
        puts the threshold where 1 % of rows drawn from the fitted mixture lie below.
    false_alarm_rate : float in (0, 1), optional
        Instead: the threshold is a conformal quantile, so that a new normal row is called an outlier with at most
        this probability, whatever its distribution. It takes rows that are held out of the fit: see ``calibration``.
    calibration : float in (0, 1), int or None, default=None
        Rows for conformal p-values. A float is the share that is held out of the fit; an integer (2 or more) is a
        number of folds, each held out of a fit of its own, while ``mixture_`` is fitted to all rows. None holds
        nothing out, but a quarter where ``false_alarm_rate`` is given.
    reg_covar : float, default=1e-2
        Added to the diagonals of the covariances, in units of each feature's variance. It is larger than for
        clustering: a direction in which the rows happen to vary little should not decide alone who is an outlier.
    effort : {"low", "default", "high"}, default="low"
        How long each fit searches for its best optimum.
    random_state : int, RandomState instance or None, default=None
    n_jobs : int, optional
        Threads; None or -1 means one a core. The result does not depend on it.

    Attributes
    ----------
    mixture_ : Mixture
        The fitted distribution.
    offset_ : float
        The threshold: ``decision_function`` is ``score_samples`` less this; negative means outlier.
    n_components_ : int
    covariance_type_ : str
    n_calibration_ : int
        Rows behind conformal p-values; 0 if there are none.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (D,)
        Only if the columns have names.

    Notes
    -----
    Conformal p-values have P(p ≤ a) ≤ a for every a and any data, if normal rows are exchangeable: the probability is
    over the new row and the n calibration rows together. Given these, the false alarm rate at a = k / (n + 1) is
    Beta(k, n + 1 − k), so that m new rows give a beta-binomial number of false alarms. With folds, P(p ≤ a) is
    surely at most about 2a, and mostly near a.

    Testing many rows at once, ``scipy.stats.false_discovery_control(p_values)`` bounds the share of false alarms
    among the alarms: Benjamini & Hochberg's procedure holds for conformal p-values of one calibration set (Bates et
    al. 2023, theorem 2).

    References
    ----------
    Vovk, Gammerman & Shafer (2005), Algorithmic Learning in a Random World, Springer.

    Bates, Candès, Lei, Romano & Sesia (2023), Testing for outliers with conformal p-values, Annals of Statistics 51.

    Neykov, Filzmoser, Dimova & Neytchev (2007), Robust fitting of mixtures using the trimmed likelihood estimator,
    Computational Statistics & Data Analysis 52.

    Examples
    --------
    >>> import numpy as np
    >>> from gaussmix import MixtureOutlierDetector
    >>> X = np.random.default_rng(0).normal(size=(500, 2))
    >>> detector = MixtureOutlierDetector(calibration=0.5, random_state=0).fit(X)
    >>> detector.predict([[0.0, 0.5], [0.0, 6.0]])
    array([ 1, -1])
    >>> detector.p_values([[0.0, 6.0]]).round(3)  # 1 / 251: less than all of the 250 rows held out
    array([0.004])
    >>> int(detector.contributions([[0.0, 6.0]]).argmin())  # the feature that makes it improbable
    1
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [*CONSTRAINTS["n_components"], None],
        "covariance_type": [*CONSTRAINTS["covariance_type"], None],
        "contamination": [StrOptions({"auto"}), Interval(Real, 0.0, 0.5, closed="right")],
        "false_alarm_rate": [Interval(Real, 0.0, 1.0, closed="neither"), None],
        "calibration": [
            Interval(Real, 0.0, 1.0, closed="neither"),
            Count(Integral, 2, None, closed="left"),
            None,
        ],
        **{name: CONSTRAINTS[name] for name in ("reg_covar", "effort", "random_state", "n_jobs")},
    }

    def __init__(
        self,
        n_components: int | None = None,
        *,
        covariance_type: str | CovarianceFamily | None = None,
        contamination: float | Literal["auto"] = "auto",
        false_alarm_rate: float | None = None,
        calibration: float | None = None,
        reg_covar: float = 1e-2,
        effort: Effort = "low",
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.contamination = contamination
        self.false_alarm_rate = false_alarm_rate
        self.calibration = calibration
        self.reg_covar = reg_covar
        self.effort = effort
        self.random_state = random_state
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the mixture, and set the threshold.

        Parameters
        ----------
        X : array-like, dataframe, path or Source, of shape (N, D)
            Rows, as for ``GaussianMixture``, without missing values.
        y : ignored
        sample_weight : array-like of shape (N,), optional
            A row of weight w counts as w rows, but as one where it serves for calibration.

        Returns
        -------
        MixtureOutlierDetector
            Itself.

        Raises
        ------
        DataError, DataTypeError, ValueError
            If rows, weights or parameters cannot be used, or ``false_alarm_rate`` needs more rows held out; nothing
            is changed then.
        """
        if self.false_alarm_rate is not None and self.contamination != "auto":
            raise ParameterError(
                "contamination and false_alarm_rate exclude each other: both set the threshold"
            )
        rng = self._generator()
        with features_kept_on_error(self):
            source = training_source(self, X, sample_weight)
            mixture, calibrated = self._fitted(source, rng)
            draw_seed = int(rng.integers(2**31))
            offset = self._offset(mixture, calibrated, source, draw_seed)
        self.mixture_: Mixture = mixture
        self.n_components_ = mixture.n_components
        self.covariance_type_ = mixture.covariance_type
        self.offset_ = offset
        self._draw_seed = draw_seed
        self._set_calibrated(calibrated)
        return self

    def calibrate(self, X: Any) -> Self:
        """Take other rows for conformal p-values, and for the threshold of a ``false_alarm_rate``.

        Parameters
        ----------
        X : array-like, dataframe, path or Source, of shape (n, D)
            Normal rows that the detector was not fitted to.

        Returns
        -------
        MixtureOutlierDetector
            Itself.
        """
        mixture = self._fitted_mixture()
        source = prediction_source(self, X)
        calibrated = _Calibrated([mixture], Calibration.of([self._scores(mixture, source)]))
        if self.false_alarm_rate is not None:
            self.offset_ = calibrated.calibration.threshold(self.false_alarm_rate)
        self._set_calibrated(calibrated)
        return self

    def predict(self, X: Any) -> IntArray:
        """Return 1 for each row that is normal and -1 for each outlier, shape (n,)."""
        return np.where(self.score_samples(X) < self.offset_, -1, 1)

    def decision_function(self, X: Any) -> FloatArray:
        """Return the log-density less the threshold, shape (n,), in nats; negative for outliers."""
        scores = self.score_samples(X)
        difference: FloatArray = scores - self.offset_
        return difference

    def score_samples(self, X: Any) -> FloatArray:
        """Return the log-density of each row, shape (n,), in nats; the lower, the more of an outlier."""
        mixture = self._fitted_mixture()
        return self._scores(mixture, prediction_source(self, X))

    def p_values(
        self,
        X: Any,
        method: Literal["conformal", "model"] = "conformal",
        *,
        level: float | None = None,
        n_draws: int = N_DRAWS,
    ) -> Float64Array:
        """Return the probability that a normal row scores as low, shape (n,).

        Parameters
        ----------
        X : array-like, dataframe, path or Source, of shape (n, D)
        method : {"conformal", "model"}
            ``"conformal"`` ranks the score among those of rows held out of the fit: valid for any data, and never
            below ``1 / (n_calibration_ + 1)``. ``"model"`` ranks it among rows drawn from the mixture (for one
            component exactly, by χ²): as small as one likes, and right as far as the mixture is.
        level : float, optional
            What the p-values are to be compared with: raises if there are too few calibration rows for it.
        n_draws : int
            Rows drawn for ``method="model"``; the standard error is √(p (1 − p) / n_draws).

        Raises
        ------
        ParameterError
            If there are no calibration rows, too few, or the method is unknown.
        """
        mixture = self._fitted_mixture()
        if method not in ("conformal", "model"):
            raise ParameterError(f"method should be 'conformal' or 'model', got {method!r}")
        source = prediction_source(self, X)
        if method == "model":
            rng = np.random.default_rng(self._draw_seed)
            return model_ranking(mixture, rng, n_draws)(self._scores(mixture, source))
        if self._calibrated is None:
            raise ParameterError(
                "conformal p-values need rows that were held out of the fit: fit with calibration=0.25 or the like, "
                "call calibrate(X) with rows that were not fitted, or ask for method='model'"
            )
        if level is not None:
            self._calibrated.calibration.rank(level)
        scores = [self._scores(one, source) for one in self._calibrated.mixtures]
        return self._calibrated.calibration.p_values(*scores)

    def contributions(self, X: Any) -> Float64Array:
        """Return what each feature adds to the log-density of each row, shape (n, D), in nats; never positive.

        A row's sum is −½ of its squared Mahalanobis distance from its component (from all, in proportion to their
        posterior, where several come into question), split among correlated features by the corr-max
        transformation (Garthwaite & Koch 2016). The lowest value names the feature that makes the row improbable.

        Parameters
        ----------
        X : array-like, dataframe, path or Source, of shape (n, D)

        References
        ----------
        Garthwaite & Koch (2016), Evaluating the contributions of individual variables to a quadratic form, Australian
        & New Zealand Journal of Statistics 58.
        """
        mixture = self._fitted_mixture()
        source = prediction_source(self, X)
        with single_threaded_blas(source.n_features):
            result: Float64Array = contributions(mixture, source)
        return result

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "mixture_")

    def _fitted(self, source: Source, rng: np.random.Generator) -> tuple[Mixture, _Calibrated | None]:
        """Return the fitted mixture, and the calibration if rows are held out."""
        choice = Choice(self.n_components, self.covariance_type, self.reg_covar, self.effort, self.n_jobs)
        share = 0.0 if self.contamination == "auto" else float(self.contamination)
        seed = int(rng.integers(2**31))
        wanted = self.calibration
        if wanted is None:
            if self.false_alarm_rate is None:
                return fit_trimmed(source, choice, share, seed), None
            wanted = _HELD_OUT
        mixtures, scores = [], []
        for rows, others in held_out(source, wanted, rng):
            mixtures.append(fit_trimmed(others, choice, share, seed))
            scores.append(self._scores(mixtures[-1], rows))
        final = mixtures[0] if len(mixtures) == 1 else fit_trimmed(source, choice, share, seed)
        return final, _Calibrated(mixtures, Calibration.of(scores))

    def _offset(self, mixture: Mixture, calibrated: _Calibrated | None, source: Source, seed: int) -> float:
        if self.false_alarm_rate is not None:
            assert calibrated is not None
            return calibrated.calibration.threshold(self.false_alarm_rate)
        if self.contamination == "auto":
            return model_threshold(mixture, _AUTO_RATE, np.random.default_rng(seed))
        return share_threshold(source, self._scores(mixture, source), float(self.contamination))

    def _set_calibrated(self, calibrated: _Calibrated | None) -> None:
        self._calibrated = calibrated
        self.n_calibration_ = 0 if calibrated is None else calibrated.calibration.n_rows

    def _scores(self, mixture: Mixture, source: Source) -> FloatArray:
        return log_densities(mixture, source, self.n_jobs)

    def _fitted_mixture(self) -> Mixture:
        check_is_fitted(self)
        mixture: Mixture = self.mixture_
        return mixture

    def _generator(self) -> np.random.Generator:
        if isinstance(self.random_state, Integral):
            return np.random.default_rng(int(self.random_state))
        return np.random.default_rng(check_random_state(self.random_state).randint(2**31, size=4))
