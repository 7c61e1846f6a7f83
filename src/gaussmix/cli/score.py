"""``gaussmix score``: how probable the data are under a model."""

from __future__ import annotations

import click

from gaussmix.cli import option, text
from gaussmix.cli.output import WRITERS, Rows, check_output, write_json, write_rows

EPILOG = """\b
Examples:
  gaussmix score iris.safetensors new.csv
  gaussmix score iris.safetensors new.csv --per-row | sort -g | head
"""


@click.command(epilog=EPILOG, short_help="Give the log-likelihood of DATA.")
@option.model_argument
@option.data_argument
@click.option("--per-row", is_flag=True, help="The log-density of each row, as the column log_prob.")
@option.columns_option
@option.output_option
@option.json_option
def score(
    model: str, data: str, per_row: bool, columns: tuple[str, ...] | None, output: str | None, as_json: bool
) -> None:
    """Print the log-likelihood of DATA under the model, in nats: of all rows, and the mean of a row.

    BIC and AIC (lower is better) take the model as fitted to DATA. Columns are found by name as in predict.
    """
    if output is not None and not per_row:
        raise click.UsageError("-o writes a value for each row: it needs --per-row")
    if as_json and per_row:
        raise click.UsageError("--json and --per-row exclude each other")
    check_output(output, [model, data], WRITERS)
    from gaussmix.cli.rows import blocks, evaluated, open_for_model
    from gaussmix.persistence import load

    saved = load(model)
    source = open_for_model(data, saved, columns)
    if per_row:
        densities = (saved.mixture.log_prob(X)[:, None] for X in blocks(source))
        write_rows(Rows(["log_prob"], source.dtype, source.n_rows, densities), output)
        return
    result = {"model": model, "data": data, "n_rows": source.n_rows, **evaluated(saved.mixture, source)}
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
