"""From the options of ``gaussmix fit`` to a fitted estimator."""

from __future__ import annotations

import time
import warnings
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from gaussmix.source import Source

DISTRIBUTIONS: Final = ("gaussian", "student")
_NAMES: Final = {"covariance": "covariance_type", "seed": "random_state"}  # where the library's differ
_ESTIMATORS: Final = {"gaussian": "GaussianMixture", "student": "StudentTMixture"}
_ONLY: Final = {
    "gaussian": {
        *("n_factors", "hard", "equal_weights", "on_degenerate", "background"),
        *("checkpoint", "checkpoint_every", "resume", "executor", "scheduler"),
    },
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
    if "checkpoint" in given and "background" in given:
        raise click.UsageError("--checkpoint and --background do not go together: leave one of them out")
    if "resume" in given and "checkpoint" not in given:
        raise click.UsageError("--resume goes on from a checkpoint: name it with --checkpoint FILE")


def check_executor(name: str, scheduler: str | None) -> str | None:
    """Return the parameter ``executor`` of the estimator.

    Raises
    ------
    click.UsageError
        If the address of a scheduler is missing, or there is one too many.
    """
    if name == "dask" and scheduler is None:
        raise click.UsageError(
            "--executor dask needs the address of its scheduler: --scheduler tcp://HOST:PORT"
        )
    if name != "dask" and scheduler is not None:
        raise click.UsageError("--scheduler is for --executor dask")
    if scheduler is not None and "://" not in scheduler:
        raise click.UsageError(
            f"--scheduler {scheduler}: expected an address such as tcp://127.0.0.1:8786, with its protocol"
        )
    return scheduler


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
