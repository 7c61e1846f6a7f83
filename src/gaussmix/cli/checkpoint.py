"""What ``gaussmix info`` shows of a checkpoint: of which fit it is, how far that has come, and how to go on."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from gaussmix.persistence.checkpoint import Checkpoint

_COMMANDS: Final = {
    "GaussianMixture": "gaussmix fit",
    "StudentTMixture": "gaussmix fit --distribution student",
    "GaussianMixtureSearch": "gaussmix select",
}
_ROWS: Final = (
    "rows",
    "features",
    "type",
)  # what is of interest in the table of the data: others are digests


_BEGINNING: Final = 512  # bytes, in which a checkpoint says that it is one


class _Unknown(dict[str, object]):
    """Stand for what a fit makes anew: none of it is looked at."""

    def __missing__(self, name: str) -> None:
        return None


def checkpoint_at(path: str) -> Checkpoint | None:
    """Return the checkpoint that a file holds, or None if it holds none.

    Raises
    ------
    ModelFormatError
        If it holds a damaged one.
    """
    from gaussmix.persistence.checkpoint import FORMAT, load_checkpoint

    if not Path(path).is_file():  # opening a pipe could wait for ever
        return None
    with Path(path).open("rb") as stream:
        recognised = FORMAT.encode() in stream.read(_BEGINNING)
    return load_checkpoint(path) if recognised else None


def table(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return what a checkpoint tells, for --json."""
    parts = ("fit", "data", "parameter", "version")
    fit, data, parameters, versions = (_part(checkpoint, name) for name in parts)
    estimator = str(fit.get("estimator", "an estimator"))
    searched = {"searched": _searched(checkpoint)} if "cells" in checkpoint.about else {}
    return {
        "checkpoint": checkpoint.path,
        "estimator": estimator,
        "finished": checkpoint.finished,
        "written": time.strftime(
            "%Y-%m-%d %H:%M:%S %z", time.localtime(Path(checkpoint.path).stat().st_mtime)
        ),
        "progress": _progress(checkpoint),
        "data": {name: data.get(name) for name in _ROWS},
        "parameters": parameters,
        **searched,
        "versions": versions,
        "resume": _advice(checkpoint, estimator),
    }


def _part(checkpoint: Checkpoint, name: str) -> dict[str, Any]:
    """Return a table of what the checkpoint belongs to; files come from strangers."""
    part = checkpoint.about.get(name)
    return dict(part) if isinstance(part, dict) else {}


def facts(told: dict[str, Any]) -> list[tuple[str, object]]:
    """Return the same as lines of a name and a value."""
    data, parameters = told["data"], told["parameters"]
    changed = ", ".join(f"{name}={value}" for name, value in parameters.items() if value is not None)
    return [
        ("checkpoint of", f"{told['estimator']}({changed})"),
        ("rows × features", f"{data['rows']} × {data['features']} ({data['type']})"),
        *([("searched", _grid(told["searched"]))] if "searched" in told else []),
        ("finished", told["finished"]),
        ("done", _done(told["progress"])),
        ("written", told["written"]),
        ("versions", ", ".join(f"{name} {value}" for name, value in told["versions"].items())),
        ("to go on", told["resume"]),
    ]


def _progress(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return how far the fit or search has come."""
    state = checkpoint.state(_Unknown())
    if type(state) is tuple and len(state) == 2 and type(state[1]) is list:  # that of a search
        return {"cells": len(state[1]), "cells in all": len(_part(checkpoint, "cells"))}
    runs = checkpoint.runs(_Unknown())
    last = runs[-1][-1] or runs[-1][-2] if runs else None  # the result, or where the loop stands
    return {
        "runs begun": len(runs),
        "runs ended": sum(run[-1] is not None for run in runs),
        "iterations of the last": len(getattr(last, "history", ())),
    }


def _searched(checkpoint: Checkpoint) -> dict[str, list[Any]]:
    """Return the numbers of components and the families of a search, from the names of its cells."""
    names = [str(name).partition(" × ") for name in _part(checkpoint, "cells")]
    numbers = {int(number) for number, _, _ in names if number.isdecimal()}
    families = dict.fromkeys(family for _, _, family in names if family)
    return {"n_components": sorted(numbers), "covariance_types": list(families)}


def _grid(searched: dict[str, list[Any]]) -> str:
    """Return such as ``1 to 3, 8 components × EII, VVV``."""
    stretches: list[list[int]] = []
    for number in searched["n_components"]:
        if stretches and number == stretches[-1][-1] + 1:
            stretches[-1].append(number)
        else:
            stretches.append([number])
    numbers = ", ".join(
        f"{stretch[0]} to {stretch[-1]}" if len(stretch) > 2 else ", ".join(map(str, stretch))
        for stretch in stretches
    )
    what = "component" if numbers == "1" else "components"
    return f"{numbers} {what} × {', '.join(searched['covariance_types'])}"


def _done(progress: dict[str, Any]) -> str:
    """Return how far the fit or search has come, as words."""
    if "cells" in progress:
        return f"{progress['cells']} of {_counted(progress['cells in all'], 'cell')}"
    begun = _counted(progress["runs begun"], "run")
    iterations = _counted(progress["iterations of the last"], "iteration")
    return f"{begun} begun, {progress['runs ended']} ended, {iterations} of the last"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _advice(checkpoint: Checkpoint, estimator: str) -> str:
    command = _COMMANDS.get(estimator, "gaussmix fit")
    python = f"{estimator}(..., checkpoint={checkpoint.path!r}).fit(X, resume=True)"
    return f"{command} DATA --checkpoint {checkpoint.path} --resume, or {python}, with the same data and parameters"
