"""``gaussmix info``: what a model file holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gaussmix.cli import option, text
from gaussmix.cli.output import write_json

if TYPE_CHECKING:
    from gaussmix.persistence import SavedModel

EPILOG = """\b
Examples:
  gaussmix info iris.safetensors
  gaussmix info iris.safetensors --json | jq .means
"""


@click.command(epilog=EPILOG, short_help="Show what a model file holds.")
@option.model_argument
@option.json_option
def info(model: str, as_json: bool) -> None:
    """Print the kind and size of a model, how it was fitted, its weights and means."""
    from gaussmix.persistence import load

    saved = load(model)
    if as_json:
        write_json(_table(model, saved))
    else:
        click.echo(f"{text.facts(_facts(saved))}\n\n{text.components(saved.mixture, saved.feature_names)}")


def _table(model: str, saved: SavedModel) -> dict[str, Any]:
    mixture = saved.mixture
    return {
        "model": model,
        "n_components": mixture.n_components,
        "n_features": mixture.n_features,
        "n_parameters": mixture.n_parameters,
        "covariance_type": mixture.covariance_type,
        "feature_names": saved.feature_names,
        "fit": saved.fit,
        "weights": mixture.weights,
        "means": mixture.means,
        "covariances": mixture.covariances.parameters(),
    }


def _facts(saved: SavedModel) -> list[tuple[str, object]]:
    mixture, history = saved.mixture, saved.fit or {}
    entries: list[tuple[str, object]] = [
        ("components", f"{mixture.n_components} ({mixture.covariance_type} covariance)"),
        ("features", mixture.n_features),
        ("parameters", mixture.n_parameters),
    ]
    titles = {
        "n_rows": "fitted to rows",
        "n_iter": "iterations",
        "converged": "converged",
        "lower_bound": "log-likelihood a row",
    }
    return entries + [(title, history[key]) for key, title in titles.items() if key in history]
