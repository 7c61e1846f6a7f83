"""``gaussmix fit``: data in, a model file and a short report out."""

from __future__ import annotations

from typing import Any

import click

from gaussmix.cli import option
from gaussmix.cli.estimation import DISTRIBUTIONS, check_options, fitted
from gaussmix.cli.fitted import check_names, report_of, save_model, table_of
from gaussmix.cli.output import check_output, write_json
from gaussmix.errors import DataError

MODEL_SUFFIX = ".safetensors"
NOT_CONVERGED = 4  # the exit code of --strict

EPILOG = """\b
Examples:
  gaussmix fit iris.csv -k 3 --columns petal_length,petal_width -o iris.safetensors
  gaussmix fit big.parquet -k 50 --covariance diag --n-init 5 --jobs 8 -o big.safetensors
  gaussmix fit counts.csv -k 2 --weights n --strict --json | jq .bic
  gaussmix fit noisy.csv -k 3 --distribution student -o robust.safetensors
  gaussmix fit 'sensors/*.parquet' -k 200 --checkpoint fit.ckpt --resume -o sensors.safetensors
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
    "--distribution",
    type=click.Choice(DISTRIBUTIONS),
    default="gaussian",
    show_default=True,
    help="What the components are; student: t distributions, which outliers do not pull away.",
)
@click.option(
    "--degrees-of-freedom",
    type=option.Freedom(),
    metavar="NU",
    help="Of --distribution student: estimated for each component, shared by all, or a number.  "
    "[default: component]",
)
@click.option(
    "--background",
    type=click.Choice(["uniform", "hull"]),
    help="Leave rows to a uniform density in a box about all rows, or in their convex hull.",
)
@click.option(
    "--covariance",
    type=option.FAMILY,
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
@option.memory_option
@option.checkpoint_options
@option.executor_options
@click.option(
    "--strict", is_flag=True, help="Exit with code 4 if the fit did not converge; the model is written."
)
@option.json_option
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors (and --json).")
@click.option("-v", "--verbose", count=True, help="Print the iterations on stderr; twice for details.")
def fit(
    data: str,
    output: str | None,
    distribution: str,
    columns: tuple[str, ...] | None,
    weights: str | None,
    strict: bool,
    memory_limit: str | None,
    resume: bool,
    executor: str,
    scheduler: str | None,
    as_json: bool,
    quiet: bool,
    verbose: int,
    **parameters: Any,
) -> int:
    """Fit a mixture to DATA by maximum likelihood, and report it.

    All columns of DATA are used unless --columns names some. DATA may also be a folder or a quoted pattern such as
    'part-*.parquet'. Files larger than --memory-limit are read block by block in each pass. The same data and seed
    give the same model, whatever --jobs, --executor and --memory-limit are.
    """
    check_options(distribution, option.given())
    parameters["executor"] = option.check_executor(executor, scheduler)
    check_output(output, [data], [MODEL_SUFFIX])
    check_output(parameters["checkpoint"], [data, output], None, option="--checkpoint")
    from gaussmix.cli.rows import about, open_data

    # What a missing value is, only a plain Gaussian mixture knows.
    missing = distribution == "gaussian" and parameters["background"] is None
    source = open_data(data, columns, weights, missing=missing, memory_limit=memory_limit)
    if output is not None:
        check_names(source)
    shown: dict[str, Any] = {"strict": strict, "quiet": quiet, "verbose": verbose}
    try:
        estimator, seconds = fitted(source, distribution, parameters, resume=resume, **shown)
    except DataError as error:  # the estimator sees rows, and does not know whose
        raise about(data, error) from error
    if output is not None:
        save_model(estimator, source, output)
    report = report_of(estimator, source, data=data, model=output, seconds=seconds)
    if as_json:
        write_json(report)
    elif not quiet:
        click.echo(table_of(estimator, report))
    if strict and not report["converged"]:
        click.echo(f"gaussmix: error: not converged after {report['n_iter']} iterations (--strict)", err=True)
        return NOT_CONVERGED
    return 0
