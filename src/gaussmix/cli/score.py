"""``gaussmix score``: how probable the data are under a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from gaussmix.cli import option, text
from gaussmix.cli.output import WRITERS, Rows, check_output, write_json, write_rows

if TYPE_CHECKING:
    from gaussmix.persistence import SavedModel
    from gaussmix.source import Source
    from gaussmix.types import Float64Array, FloatArray

EPILOG = """\b
Examples:
  gaussmix score iris.safetensors new.csv
  gaussmix score iris.safetensors new.csv --per-row | sort -g | head
  gaussmix score iris.safetensors new.csv --p-values --calibration normal.csv
"""


@click.command(epilog=EPILOG, short_help="Give the log-likelihood of DATA.")
@option.model_argument
@option.data_argument
@click.option("--per-row", is_flag=True, help="The log-density of each row, as the column log_prob.")
@click.option(
    "--p-values", is_flag=True, help="How likely a row of the model is as improbable, as the column p_value."
)
@click.option(
    "--calibration",
    metavar="FILE",
    help="Rank among these rows, which the model was not fitted to, and not among rows drawn from the model.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of drawn rows."
)
@option.columns_option
@option.memory_option
@option.output_option
@option.json_option
def score(
    model: str,
    data: str,
    per_row: bool,
    p_values: bool,
    calibration: str | None,
    seed: int,
    columns: tuple[str, ...] | None,
    memory_limit: str | None,
    output: str | None,
    as_json: bool,
) -> None:
    """Print the log-likelihood of DATA under the model, in nats: of all rows, and the mean of a row.

    BIC and AIC (lower is better) take the model as fitted to DATA. Columns are found by name as in predict.

    --p-values tells outliers: of rows like those of FILE, at most a share a has a p-value of a or less, whatever the
    model. Without FILE, that is so as far as the model is right; then 100,000 rows are drawn from it.
    """
    if output is not None and not (per_row or p_values):
        raise click.UsageError("-o writes a value for each row: it needs --per-row or --p-values")
    if as_json and (per_row or p_values):
        raise click.UsageError("--json and --per-row or --p-values exclude each other")
    if calibration is not None and not p_values:
        raise click.UsageError("--calibration is for p-values: it needs --p-values")
    inputs = [model, data] if calibration is None else [model, data, calibration]
    check_output(output, inputs, WRITERS)
    from gaussmix.cli.rows import blocks, evaluated, open_for_model
    from gaussmix.persistence import load

    saved = load(model)
    source = open_for_model(data, saved, columns, missing=not p_values, memory_limit=memory_limit)
    if p_values:
        ranked = _ranking(saved, columns, calibration, seed)
        write_rows(_p_values(saved, source, ranked, with_scores=per_row), output)
        return
    if per_row:
        densities = (saved.model.log_prob(X)[:, None] for X in blocks(source))
        values = (block.astype(source.dtype, copy=False) for block in densities)
        write_rows(Rows(["log_prob"], source.dtype, source.n_rows, values), output)
        return
    result = {"model": model, "data": data, "n_rows": source.n_rows, **evaluated(saved.model, source)}
    if as_json:
        write_json(result)
        return
    names = {
        "n_rows": "rows",
        "log_likelihood": "log-likelihood",
        "score": "a row",
        "bic": "BIC",
        "aic": "AIC",
    }
    click.echo(text.facts([(title, result[key]) for key, title in names.items()]))


def _ranking(
    saved: SavedModel, columns: tuple[str, ...] | None, calibration: str | None, seed: int
) -> Callable[[FloatArray], Float64Array]:
    """Return the function from log-densities to p-values."""
    import numpy as np

    from gaussmix.application.outliers.conformal import N_DRAWS, Calibration, model_ranking
    from gaussmix.cli.rows import blocks, open_for_model, takes_missing
    from gaussmix.cli.sample import drawn

    if calibration is not None:
        held_out = blocks(open_for_model(calibration, saved, columns))
    elif saved.background is not None:
        raise click.UsageError(
            "no rows can be drawn from a background: rank among rows that the model was not fitted to, by "
            "--calibration FILE"
        )
    elif takes_missing(saved):
        gaussian: Any = saved.mixture
        return model_ranking(gaussian, np.random.default_rng(seed))
    else:
        held_out = drawn(saved.mixture, N_DRAWS, seed)
    return Calibration.of([np.concatenate([saved.model.log_prob(X) for X in held_out])]).p_values


def _p_values(
    saved: SavedModel, source: Source, ranked: Callable[[FloatArray], Float64Array], *, with_scores: bool
) -> Rows:
    import numpy as np

    from gaussmix.cli.rows import blocks

    def table() -> Iterator[Float64Array]:
        for X in blocks(source):
            scores = saved.model.log_prob(X)
            columns = [scores, ranked(scores)] if with_scores else [ranked(scores)]
            yield np.stack(columns, axis=1).astype(np.float64)

    names = ["log_prob", "p_value"] if with_scores else ["p_value"]
    return Rows(names, np.dtype(np.float64), source.n_rows, table())
