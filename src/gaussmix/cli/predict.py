"""``gaussmix predict``: the component of each row, or the probabilities of all components."""

from __future__ import annotations

from typing import Any

import click

from gaussmix.cli import option
from gaussmix.cli.output import WRITERS, Rows, check_output, write_rows

EPILOG = """\b
Examples:
  gaussmix predict iris.safetensors new.csv > labels.csv
  gaussmix predict iris.safetensors new.parquet --proba -o probabilities.npy
  gaussmix predict sensors.safetensors 'sensors/*.parquet' --memory-limit 2GiB -o labels.parquet
"""


@click.command(epilog=EPILOG, short_help="Assign the rows of DATA to components.")
@option.model_argument
@option.data_argument
@click.option("--proba", is_flag=True, help="The probability of each component instead of the likeliest one.")
@option.columns_option
@option.memory_option
@option.output_option
def predict(
    model: str,
    data: str,
    proba: bool,
    columns: tuple[str, ...] | None,
    memory_limit: str | None,
    output: str | None,
) -> None:
    """Write the most probable component of each row of DATA, in the order of the rows.

    The columns of DATA are found by the names of the model's features, in any order; others are left out.
    The result has the column "label", or with --proba one column "component_0", ... for each component. Where the
    model has a background, its rows have the label -1, and --proba has the last column "background".
    """
    check_output(output, [model, data], WRITERS)
    import numpy as np

    from gaussmix.cli.rows import blocks, open_for_model
    from gaussmix.persistence import load

    saved = load(model)
    source = open_for_model(data, saved, columns, missing=True, memory_limit=memory_limit)
    density: Any = saved.model
    if proba:
        names = [f"component_{k}" for k in range(density.n_components)]
        names += ["background"] * (saved.background is not None)
        parts = (density.posterior(X) for X in blocks(source, density.n_classes))
        # A background's probabilities are float64, whatever the rows are.
        probabilities = (part.astype(source.dtype, copy=False) for part in parts)
        rows = Rows(names, source.dtype, source.n_rows, probabilities)
    else:
        labels = (density.predict(X)[:, None] for X in blocks(source, density.n_classes))
        rows = Rows(["label"], np.dtype(np.int64), source.n_rows, labels)
    write_rows(rows, output)
