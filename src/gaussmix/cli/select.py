"""``gaussmix select``: data in, the table of a search and its best model out."""

from __future__ import annotations

import csv
import io
import time
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from gaussmix.cli import content, option, text
from gaussmix.cli.fit import MODEL_SUFFIX
from gaussmix.cli.fitted import check_names, save_model
from gaussmix.cli.output import check_output, write_json
from gaussmix.errors import DataError

if TYPE_CHECKING:
    from gaussmix.estimator import GaussianMixtureSearch
    from gaussmix.source import Source

INTERRUPTED: Final = 130  # the exit code after Ctrl-C; what was finished is printed and written
TABLE_SUFFIX: Final = ".csv"

EPILOG = """\b
Examples:
  gaussmix select iris.csv -k 1:6 -o iris.safetensors
  gaussmix select iris.csv -k 1:9 --covariance VVV,EEE,VVI --criterion icl --table iris-cells.csv
  gaussmix select big.parquet -k 5,10,20,40 --covariance diag --time-budget 600 --json | jq .best
  gaussmix select big.parquet -k 1:50 --checkpoint search.ckpt --resume -o best.safetensors
"""


class Components(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on
    """Numbers of components: single ones and ranges, such as 1:9 or 2,4,8."""

    name = "components"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the numbers as a tuple; both ends of a range belong to it."""
        if not isinstance(value, str):
            return value
        numbers = [K for part in value.split(",") for K in _range(part)]
        if not numbers or min(numbers) < 1:
            self.fail(f"{value!r} should be positive numbers or ranges, such as 1:9 or 2,4,8", param, ctx)
        return tuple(numbers)


def _range(part: str) -> Sequence[int]:
    """Return the numbers of "3" or "1:9"; 0, which is no number of components, for anything else."""
    ends = part.split(":")
    if len(ends) > 2 or not all(end.strip().isdecimal() for end in ends):
        return [0]
    return range(int(ends[0]), int(ends[-1]) + 1) or [0]


class Families(click.ParamType):  # type: ignore[type-arg]
    """Names of covariance families, or "all"."""

    name = "families"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return "all", or the names as a list."""
        if not isinstance(value, str) or value == "all":
            return value
        return [option.FAMILY.convert(name.strip(), param, ctx) for name in value.split(",")]


def _criteria() -> list[str]:
    from gaussmix.selection.criteria import CRITERIA

    return list(CRITERIA)


CRITERION = option.Registered("criterion", _criteria, ["bic", "aic", "aicc", "icl", "nec", "cv", "stability"])


@click.command(epilog=EPILOG, short_help="Find the best number of components and covariance for DATA.")
@option.data_argument
@click.option(
    "-k", "--components", "n_components", type=Components(), default="1:9", show_default=True, metavar="A:B",
    help="Numbers of components, such as 1:9 or 2,4,8.",
)  # fmt: skip
@click.option("-o", "--output", metavar="FILE", help="Write the best model to FILE (.safetensors).")
@click.option("--table", metavar="FILE", help="Write the table of all cells to FILE (.csv).")
@click.option(
    "--covariance", "covariance_type", type=Families(), default="all", show_default=True, metavar="NAME,...",
    help="Covariance matrices; all: the 14 families EII to VVV.",
)  # fmt: skip
@click.option(
    "--n-factors", type=Components(), default="1", show_default=True, metavar="A:B",
    help="Factors of mfa, ppca and their kin, such as 1:5 or 2,4.",
)  # fmt: skip
@click.option(
    "--criterion", type=CRITERION, default="bic", show_default=True,
    help="What the best model has the lowest value of.",
)  # fmt: skip
@click.option(
    "--equal-weights", type=click.Choice(["no", "yes", "both"]), default="no", show_default=True,
    help="Keep all mixing weights equal; both: try it.",
)  # fmt: skip
@option.columns_option
@click.option("--weights", metavar="COLUMN", help="Column of DATA that holds the weights of the rows.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Random seed.")
@click.option(
    "--effort", type=click.Choice(["low", "default", "high"]), help="How long each cell is searched."
)
@click.option("--time-budget", type=click.FloatRange(min=0, min_open=True), help="Seconds for the search.")
@click.option(
    "--reg-covar", type=option.NonNegative(), help="Added to the variances, in units of each feature's."
)
@click.option("--jobs", "n_jobs", type=click.IntRange(min=1), help="Threads.  [default: all cores]")
@option.memory_option
@option.checkpoint_options
@option.executor_options
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, help="Cells to print.")
@option.json_option
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors (and --json).")
@click.option("-v", "--verbose", count=True, help="Print each cell on stderr as it is done.")
def select(
    data: str,
    output: str | None,
    table: str | None,
    columns: tuple[str, ...] | None,
    weights: str | None,
    memory_limit: str | None,
    resume: bool,
    executor: str,
    scheduler: str | None,
    top: int,
    as_json: bool,
    quiet: bool,
    verbose: int,
    **parameters: Any,
) -> int:
    """Fit every combination of components and covariances to DATA, and report the best.

    Ctrl-C ends the search with what it has found until then. With --checkpoint, --resume fits only the combinations
    that are left, also after --time-budget was over.
    """
    option.check_resume(option.given())
    parameters["executor"] = option.check_executor(executor, scheduler)
    check_output(output, [data], [MODEL_SUFFIX])
    check_output(table, [data], [TABLE_SUFFIX], option="--table")
    check_output(parameters["checkpoint"], [data, output, table], None, option="--checkpoint")
    from gaussmix.cli.rows import about, open_data

    source = open_data(data, columns, weights, missing=True, memory_limit=memory_limit)
    if output is not None:
        check_names(source)
    try:
        search, seconds = _searched(source, parameters, resume=resume, quiet=quiet, verbose=verbose)
    except DataError as error:  # the estimator sees rows, and does not know whose
        raise about(data, error) from error
    if output is not None:
        save_model(search.best_estimator_, source, output)
    if table is not None:
        _write_table(search.results_, table)
    report = _report(search, source, data=data, model=output, seconds=seconds)
    if as_json:
        write_json(report)
    elif not quiet:
        click.echo(_shown(search, report, top))
    return INTERRUPTED if report["interrupted"] else 0


def _searched(
    source: Source, parameters: dict[str, Any], *, resume: bool, quiet: bool, verbose: int
) -> tuple[GaussianMixtureSearch, float]:
    """Return the fitted search, and the seconds that it took."""
    from gaussmix.cli.progress import lines_on_stderr
    from gaussmix.estimator import GaussianMixtureSearch

    given = {name: value for name, value in parameters.items() if value is not None}
    given["equal_weights"] = {"no": False, "yes": True, "both": "both"}[given["equal_weights"]]
    given["random_state"] = given.pop("seed")
    with warnings.catch_warnings(), lines_on_stderr():
        if quiet:
            warnings.simplefilter("ignore")
        search = GaussianMixtureSearch(**given, verbose=0 if quiet else 2 if verbose else 1)
        started = time.perf_counter()
        search.fit(source, resume=resume)
        return search, time.perf_counter() - started


def _report(
    search: GaussianMixtureSearch, source: Source, *, data: str, model: str | None, seconds: float
) -> dict[str, Any]:
    """Return the JSON object of --json; the printed table shows a part of it."""
    rows = _rows(search.results_)
    mixture = search.best_estimator_.mixture_
    return {
        "data": data,
        "model": model,
        "n_rows": source.n_rows,
        "n_features": source.n_features,
        "feature_names": source.feature_names,
        "criterion": search.criterion,
        "best": {**rows[search.best_index_], **content.parameters_of(mixture)},
        "seconds": round(seconds, 6),
        "interrupted": any(row["status"].endswith("interrupted") for row in rows),
        "cells": rows,
    }


def _rows(results: dict[str, Any]) -> list[dict[str, Any]]:
    names, columns = list(results), [values.tolist() for values in results.values()]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _write_table(results: dict[str, Any], path: str) -> None:
    from gaussmix.persistence import write_atomically

    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(results), lineterminator="\n")
    writer.writeheader()
    writer.writerows(_rows(results))
    content = stream.getvalue().encode()
    write_atomically(path, lambda file: file.write(content))


def _shown(search: GaussianMixtureSearch, report: dict[str, Any], top: int) -> str:
    best, criterion = report["best"], report["criterion"]
    fitted = sorted((row for row in report["cells"] if row["status"] == "ok"), key=lambda row: row["rank"])
    entries: list[tuple[str, object]] = [
        ("rows × features", f"{report['n_rows']} × {report['n_features']}"),
        ("cells", _tally(report["cells"])),
        ("best", f"{best['n_components']} components ({best['covariance_type']} covariance)"),
        (criterion.upper(), best[criterion]),
        ("log-likelihood", f"{best['log_likelihood']:.10g}"),
        ("seconds", f"{report['seconds']:.2f}"),
    ]
    if report["model"] is not None:
        entries.append(("model", report["model"]))
    mixture = text.components(search.best_estimator_.mixture_, report["feature_names"])
    return f"{text.facts(entries)}\n\n{text.table(_cells(fitted[:top], criterion))}\n\n{mixture}"


def _tally(rows: Sequence[dict[str, Any]]) -> str:
    """Return how many cells there are of each status."""
    statuses = [row["status"] for row in rows]
    counts = {status: statuses.count(status) for status in dict.fromkeys(statuses)}
    return f"{len(rows)} ({', '.join(f'{count} {status}' for status, count in counts.items())})"


def _cells(rows: Sequence[dict[str, Any]], criterion: str) -> dict[str, list[str]]:
    """Return the columns to print; BIC stands beside any other criterion."""
    names = ["rank", "n_components", "covariance_type"]
    if any(row["equal_weights"] for row in rows):
        names.append("equal_weights")
    names += [*dict.fromkeys([criterion, "bic"]), "log_likelihood", "n_parameters", "converged"]
    return {name: [text.number(row[name]) for row in rows] for name in names}
