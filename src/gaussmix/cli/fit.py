"""``gaussmix fit``: data in, a model file and a short report out."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from gaussmix.cli import option, text
from gaussmix.cli.output import check_output, covariances_of, write_json
from gaussmix.errors import DataError

if TYPE_CHECKING:
    from gaussmix.estimator import GaussianMixture
    from gaussmix.source import Source

MODEL_SUFFIX = ".safetensors"
NOT_CONVERGED = 4  # the exit code of --strict

EPILOG = """\b
Examples:
  gaussmix fit iris.csv -k 3 --columns petal_length,petal_width -o iris.safetensors
  gaussmix fit big.parquet -k 50 --covariance diag --n-init 5 --jobs 8 -o big.safetensors
  gaussmix fit counts.csv -k 2 --weights n --strict --json | jq .bic
"""


@click.command(epilog=EPILOG, short_help="Fit a mixture to DATA.")
@option.data_argument
@click.option(
    "-k",
    "--components",
    "n_components",
    type=click.IntRange(min=1),
    required=True,
    help="Number of components.",
)
@click.option("-o", "--output", metavar="FILE", help="Write the model to FILE (.safetensors).")
@click.option(
    "--covariance",
    type=option.FITTED_FAMILY,
    default="full",
    show_default=True,
    help="Covariance matrices: full, tied, diag, spherical, one of the 14 codes from EII to VVV, or with factors: "
    "mfa, ppca and their kin.",
)
@click.option(
    "--n-factors",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Factors of mfa, ppca and their kin.",
)
@option.columns_option
@click.option("--weights", metavar="COLUMN", help="Column of DATA that holds the weights of the rows.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Random seed.")
@click.option(
    "--n-init", type=click.IntRange(min=1), default=1, show_default=True, help="Starts; the best fit is kept."
)
@click.option("--init", "init_params", type=option.START, help="How to start.  [default: the library's]")
@click.option(
    "--max-iter",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Most iterations of a start.",
)
@click.option(
    "--tol",
    type=option.NonNegative(),
    default=1e-6,
    show_default=True,
    help="Converged when no more than this much log-likelihood per row is still to be gained.",
)
@click.option(
    "--reg-covar",
    type=option.NonNegative(),
    default=1e-6,
    show_default=True,
    help="Added to the variances, in units of each feature's variance.",
)
@click.option(
    "--effort",
    type=click.Choice(["low", "default", "high"]),
    default="default",
    show_default=True,
    help="How long to search for the best optimum.",
)
@click.option("--hard", is_flag=True, help="Give each row wholly to one component: classification EM.")
@click.option("--equal-weights", is_flag=True, help="Keep all mixing weights at 1 / K.")
@click.option(
    "--on-degenerate",
    type=option.POLICY,
    default="floor",
    show_default=True,
    help="What becomes of a component that collapses.",
)
@click.option("--jobs", "n_jobs", type=click.IntRange(min=1), help="Threads.  [default: all cores]")
@click.option(
    "--strict", is_flag=True, help="Exit with code 4 if the fit did not converge; the model is written."
)
@option.json_option
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors (and --json).")
@click.option("-v", "--verbose", count=True, help="Print the iterations on stderr; twice for details.")
def fit(
    data: str,
    output: str | None,
    columns: tuple[str, ...] | None,
    weights: str | None,
    strict: bool,
    as_json: bool,
    quiet: bool,
    verbose: int,
    **parameters: Any,
) -> int:
    """Fit a Gaussian mixture to DATA by maximum likelihood, and report it.

    All columns of DATA are used unless --columns names some. The same data and seed give the same model,
    whatever --jobs is.
    """
    check_output(output, [data], [MODEL_SUFFIX])
    from gaussmix.cli.rows import open_data

    source = open_data(data, columns, weights, missing=True)
    if output is not None:
        check_names(source)
    try:
        estimator, seconds = _fitted(source, parameters, strict=strict, quiet=quiet, verbose=verbose)
    except DataError as error:  # the estimator sees rows, and does not know whose
        raise DataError(f"{data}: {error}") from error
    if output is not None:
        save_model(estimator, source, output)
    report = _report(estimator, source, data=data, model=output, seconds=seconds)
    if as_json:
        write_json(report)
    elif not quiet:
        click.echo(_table(estimator, report))
    if strict and not report["converged"]:
        click.echo(f"gaussmix: error: not converged after {report['n_iter']} iterations (--strict)", err=True)
        return NOT_CONVERGED
    return 0


def _fitted(
    source: Source, parameters: dict[str, Any], *, strict: bool, quiet: bool, verbose: int
) -> tuple[GaussianMixture, float]:
    """Return the fitted estimator, and the seconds that it took."""
    from sklearn.exceptions import ConvergenceWarning

    from gaussmix.cli.progress import shown
    from gaussmix.estimator import GaussianMixture

    names = {"covariance": "covariance_type", "seed": "random_state"}
    given = {names.get(name, name): value for name, value in parameters.items() if value is not None}
    given["assignment"] = "hard" if given.pop("hard") else "soft"
    with warnings.catch_warnings(), shown(verbose, quiet) as level:
        if quiet:
            warnings.simplefilter("ignore")
        elif strict:  # it becomes the error
            warnings.simplefilter("ignore", ConvergenceWarning)
        estimator = GaussianMixture(**given, verbose=level, verbose_interval=1)
        started = time.perf_counter()
        estimator.fit(source)
        return estimator, time.perf_counter() - started


def check_names(source: Source) -> None:
    """Refuse names that a model file cannot hold, before the time of a fit is spent."""
    from gaussmix.persistence import metadata

    metadata.write("full", (1, source.n_features), source.feature_names, None)


def save_model(estimator: GaussianMixture, source: Source, output: str) -> None:
    """Write a fitted mixture and how it was fitted."""
    from gaussmix.persistence import save

    history = {
        "n_iter": estimator.n_iter_,
        "converged": bool(estimator.converged_),
        "lower_bound": float(estimator.lower_bound_),
        "n_rows": source.n_rows,
        "degenerate": estimator.degenerate_,
    }
    if estimator.optima_ is not None:
        history["optima"] = asdict(estimator.optima_)
    settings: tuple[str, ...] = (
        "init_params",
        "n_init",
        "max_iter",
        "tol",
        "reg_covar",
        "on_degenerate",
        "random_state",
    )
    settings += ("effort", "acceleration", "assignment", "equal_weights")
    history |= {name: getattr(estimator, name) for name in settings}
    save(estimator.mixture_, output, feature_names=source.feature_names, fit=history)


def _report(
    estimator: GaussianMixture, source: Source, *, data: str, model: str | None, seconds: float
) -> dict[str, Any]:
    """Return the JSON object of --json; the table shows a part of it."""
    from gaussmix.cli.rows import evaluated

    mixture = estimator.mixture_
    return {
        "data": data,
        "model": model,
        "n_rows": source.n_rows,
        "n_features": mixture.n_features,
        "feature_names": source.feature_names,
        "n_components": mixture.n_components,
        "covariance_type": mixture.covariance_type,
        "converged": bool(estimator.converged_),
        "n_iter": int(estimator.n_iter_),
        "lower_bound": float(estimator.lower_bound_),
        **evaluated(mixture, source),
        "seconds": round(seconds, 6),
        "degenerate": estimator.degenerate_,
        "weights": mixture.weights,
        "means": mixture.means,
        **covariances_of(mixture),
    }


def _table(estimator: GaussianMixture, report: dict[str, Any]) -> str:
    entries: Sequence[tuple[str, object]] = [
        ("rows × features", f"{report['n_rows']} × {report['n_features']}"),
        ("components", f"{report['n_components']} ({report['covariance_type']} covariance)"),
        ("log-likelihood", f"{report['log_likelihood']:.10g} ({report['score']:.6g} a row)"),
        ("BIC", report["bic"]),
        ("AIC", report["aic"]),
        ("iterations", report["n_iter"]),
        ("converged", report["converged"]),
        ("seconds", f"{report['seconds']:.2f}"),
    ]
    collapsed = [f"{item['component']} ({item['action']})" for item in report["degenerate"]]
    if collapsed:
        entries = [*entries, ("collapsed", ", ".join(collapsed))]
    if report["model"] is not None:
        entries = [*entries, ("model", os.fspath(report["model"]))]
    table = text.components(estimator.mixture_, report["feature_names"])
    return f"{text.facts(entries)}\n\n{table}"
