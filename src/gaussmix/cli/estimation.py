"""From the options of ``gaussmix fit`` to a fitted estimator."""

from __future__ import annotations

import time
import warnings
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

import click

from gaussmix.cli import option

if TYPE_CHECKING:
    from gaussmix.source import Source

DISTRIBUTIONS: Final = ("gaussian", "student")
_NAMES: Final = {"covariance": "covariance_type", "seed": "random_state"}  # where the library's differ
_ESTIMATORS: Final = {"gaussian": "GaussianMixture", "student": "StudentTMixture"}
_ONLY: Final = {
    "gaussian": {"n_factors", "hard", "equal_weights", "on_degenerate", "background"},
    "student": {"degrees_of_freedom"},
}
"""Options that only the fit of one distribution has."""


def check_options(distribution: str, given: Collection[str]) -> None:
    """Raise if some options that were given are of another distribution, or contradict each other.

    Raises
    ------
    click.UsageError
        With the options' names.
    """
    for other, names in _ONLY.items():
        wrong = [] if other == distribution else [_option(name) for name in given if name in names]
        if wrong:
            verb = "is" if len(wrong) == 1 else "are"
            raise click.UsageError(
                f"{' and '.join(wrong)} {verb} for --distribution {other}, not for {distribution}"
            )
    option.check_resume(given)


def fitted(
    source: Source,
    distribution: str,
    parameters: dict[str, Any],
    *,
    resume: bool,
    strict: bool,
    quiet: bool,
    verbose: int,
) -> tuple[Any, float]:
    """Return the fitted estimator, and the seconds that it took."""
    from sklearn.exceptions import ConvergenceWarning

    from gaussmix.cli.progress import shown

    with warnings.catch_warnings(), shown(verbose, quiet) as level:
        if quiet:
            warnings.simplefilter("ignore")
        elif strict:  # it becomes the error
            warnings.simplefilter("ignore", ConvergenceWarning)
        estimator = _estimator(distribution, parameters).set_params(verbose=level, verbose_interval=1)
        how = {"resume": True} if resume else {}
        started = time.perf_counter()
        estimator.fit(source, **how)
        return estimator, time.perf_counter() - started


def _estimator(distribution: str, parameters: dict[str, Any]) -> Any:
    """Return the estimator with its parameters by the library's names; None is the library's own default."""
    from gaussmix import estimator

    other = set().union(*(names for kind, names in _ONLY.items() if kind != distribution))
    given = {name: value for name, value in parameters.items() if value is not None and name not in other}
    if "hard" in given:
        given["assignment"] = "hard" if given.pop("hard") else "soft"
    kind = getattr(estimator, _ESTIMATORS[distribution])
    return kind(**{_NAMES.get(name, name): value for name, value in given.items()})


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
