"""``gaussmix sample``: new rows drawn from a model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from gaussmix.cli import option
from gaussmix.cli.output import WRITERS, Rows, check_output, write_rows

if TYPE_CHECKING:
    from gaussmix.model import Mixture, StudentMixture
    from gaussmix.types import Float64Array

EPILOG = """\b
Examples:
  gaussmix sample iris.safetensors -n 1000 --seed 1 -o new.parquet
  gaussmix sample iris.safetensors -n 1000 | gaussmix fit - -k 3
"""


@click.command(epilog=EPILOG, short_help="Draw rows from a model.")
@option.model_argument
@click.option("-n", "n_rows", type=click.IntRange(min=1), required=True, help="Number of rows.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Random seed.")
@option.output_option
def sample(model: str, n_rows: int, seed: int, output: str | None) -> None:
    """Write rows drawn from the model, with its feature names (or x0, x1, ...) as columns.

    They are drawn in blocks of 65,536, in random order: any part of the result is itself a sample. Of a model with a
    background, they are rows of its components.
    """
    check_output(output, [model], WRITERS)
    import numpy as np

    from gaussmix.persistence import load

    saved = load(model)
    names = saved.feature_names or [f"x{feature}" for feature in range(saved.mixture.n_features)]
    write_rows(Rows(names, np.dtype(np.float64), n_rows, drawn(saved.mixture, n_rows, seed)), output)


def drawn(mixture: Mixture | StudentMixture, n_rows: int, seed: int) -> Iterator[Float64Array]:
    """Yield blocks of rows, so that memory does not grow with their number."""
    import numpy as np

    from gaussmix.cli.rows import BLOCK_ROWS

    rng = np.random.default_rng(seed)
    for start in range(0, n_rows, BLOCK_ROWS):
        X, _ = mixture.sample(min(BLOCK_ROWS, n_rows - start), rng)
        yield rng.permutation(X)
