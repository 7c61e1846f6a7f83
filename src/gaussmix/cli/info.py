"""``gaussmix info``: what a model file holds, and what is doubtful about it."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING, Any

import click

from gaussmix.cli import checkpoint as of_checkpoint
from gaussmix.cli import content, option, text
from gaussmix.cli.checkpoint import checkpoint_at
from gaussmix.cli.output import write_json
from gaussmix.errors import ModelFormatError

if TYPE_CHECKING:
    from gaussmix.persistence import SavedModel
    from gaussmix.persistence.checkpoint import Checkpoint
    from gaussmix.selection.diagnosis import Diagnosis

EPILOG = """\b
Examples:
  gaussmix info iris.safetensors
  gaussmix info iris.safetensors --data iris.csv
  gaussmix info iris.safetensors --json | jq .means
  gaussmix info fit.ckpt
"""


@click.command(epilog=EPILOG, short_help="Show what a model file holds, and a diagnosis.")
@option.model_argument
@click.option("--data", metavar="DATA", help="Diagnose the model on these rows, best those of the fit.")
@option.columns_option
@option.json_option
def info(model: str, data: str | None, columns: tuple[str, ...] | None, as_json: bool) -> None:
    """Print the kind and size of a model, how it was fitted, its weights and means, and what is doubtful about it.

    With --data the diagnosis is complete: whether the rows of each component are normally distributed, and whether
    components should be split or merged. Columns are found by name as in predict. The diagnosis is one of Gaussian
    components; of t distributions there is none.

    Of a checkpoint: of which fit it is, how far that has come, and how to go on.
    """
    if columns is not None and data is None:
        raise click.UsageError("--columns chooses columns of DATA: it needs --data")
    from gaussmix.persistence import load

    try:
        saved = load(model)
    except ModelFormatError:
        found = checkpoint_at(model)
        if found is None:
            raise
        _tell(found, as_json=as_json)
        return
    diagnosis = None
    if content.distribution(saved.mixture) == "gaussian":
        diagnosis = _diagnosis(saved, data, columns)
    elif data is not None:
        raise click.UsageError(f"--data is for Gaussian components, and those of {model} are t distributions")
    if as_json:
        write_json(_table(model, saved, diagnosis))
        return
    width = shutil.get_terminal_size().columns
    sentences = [
        textwrap.fill(text.printable(sentence), width, initial_indent="- ", subsequent_indent="  ")
        for sentence in ([] if diagnosis is None else str(diagnosis).splitlines())
    ]
    parts = [text.facts(_facts(saved)), text.components(saved.mixture, saved.feature_names)]
    click.echo("\n\n".join(parts + ["\n".join(sentences)] * bool(sentences)))


def _tell(checkpoint: Checkpoint, *, as_json: bool) -> None:
    told = of_checkpoint.table(checkpoint)
    if as_json:
        write_json(told)
    else:
        click.echo(text.facts(of_checkpoint.facts(told)))


def _diagnosis(saved: SavedModel, data: str | None, columns: tuple[str, ...] | None) -> Diagnosis:
    from gaussmix.selection.diagnosis import FitRecord, diagnose, gather

    history = saved.fit or {}
    run = FitRecord(
        converged=history.get("converged"),
        n_iter=history.get("n_iter"),
        n_rows=history.get("n_rows"),
        optima=_optima(history.get("optima")),
        degenerate=[event for event in history.get("degenerate") or () if _is_event(event)],
        feature_names=saved.feature_names,
    )
    mixture: Any = saved.mixture
    if data is None:
        return diagnose(mixture, None, run)
    from gaussmix.cli.rows import open_for_model
    from gaussmix.estimator.diagnosed import described

    source = described(open_for_model(data, saved, columns), saved.background)
    return diagnose(mixture, gather(mixture, source, thorough=True), run)


def _optima(entry: Any) -> Any:
    """Return what a file says that the search has seen, if it is that; files come from strangers."""
    from gaussmix.fit import Optima

    names = ("n_starts", "n_optima", "n_best", "n_passes")
    if not isinstance(entry, dict) or not all(isinstance(entry.get(name), int | float) for name in names):
        return None
    n_starts, n_optima, n_best = (int(entry[name]) for name in names[:3])
    return Optima(n_starts, n_optima, n_best, float(entry["n_passes"]))


def _is_event(event: Any) -> bool:
    """Return whether an entry of a file's list of collapses is one; files come from strangers."""
    return isinstance(event, dict) and isinstance(event.get("component"), int)


def _table(model: str, saved: SavedModel, diagnosis: Diagnosis | None) -> dict[str, Any]:
    mixture = saved.mixture
    return {
        "model": model,
        "distribution": content.distribution(mixture),
        "n_components": mixture.n_components,
        "n_features": mixture.n_features,
        "n_parameters": saved.model.n_parameters,
        "covariance_type": mixture.covariance_type,
        "feature_names": saved.feature_names,
        "fit": saved.fit,
        **content.parameters_of(mixture, saved.background),
        "diagnosis": None if diagnosis is None else diagnosis.as_dict(),
    }


def _facts(saved: SavedModel) -> list[tuple[str, object]]:
    history = saved.fit or {}
    entries: list[tuple[str, object]] = [
        *content.lines(saved.mixture, saved.background),
        ("features", saved.mixture.n_features),
        ("parameters", saved.model.n_parameters),
    ]
    titles = {
        "n_rows": "fitted to rows",
        "n_iter": "iterations",
        "converged": "converged",
        "lower_bound": "log-likelihood a row",
    }
    return entries + [(title, history[key]) for key, title in titles.items() if key in history]
