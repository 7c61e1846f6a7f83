"""What becomes of a fitted estimator: a model file, the JSON object of --json, or a table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gaussmix.cli import content, text

if TYPE_CHECKING:
    from gaussmix.source import Source


def check_names(source: Source) -> None:
    """Refuse names that a model file cannot hold, before the time of a fit is spent."""
    from gaussmix.persistence import metadata

    metadata.write("full", (1, source.n_features), source.feature_names, None)


def save_model(estimator: Any, source: Source, output: str) -> None:
    """Write a fitted mixture and how it was fitted."""
    from gaussmix.persistence import history, save

    fit = history.history_of(estimator, n_rows=source.n_rows)
    save(estimator, output, feature_names=source.feature_names, fit=fit)


def report_of(
    estimator: Any, source: Source, *, data: str, model: str | None, seconds: float
) -> dict[str, Any]:
    """Return the JSON object of --json; the table shows a part of it."""
    from gaussmix.cli.rows import evaluated

    mixture, background = estimator.mixture_, getattr(estimator, "background_", None)
    return {
        "data": data,
        "model": model,
        "n_rows": source.n_rows,
        "n_features": mixture.n_features,
        "feature_names": source.feature_names,
        "distribution": content.distribution(mixture),
        "n_components": mixture.n_components,
        "covariance_type": mixture.covariance_type,
        "converged": bool(estimator.converged_),
        "n_iter": int(estimator.n_iter_),
        "lower_bound": float(estimator.lower_bound_),
        **evaluated(mixture if background is None else background, source),
        "seconds": round(seconds, 6),
        "degenerate": estimator.degenerate_,
        **content.parameters_of(mixture, background),
    }


def table_of(estimator: Any, report: dict[str, Any]) -> str:
    """Return the report as people read it."""
    mixture, background = estimator.mixture_, getattr(estimator, "background_", None)
    entries: Sequence[tuple[str, object]] = [
        ("rows × features", f"{report['n_rows']} × {report['n_features']}"),
        *content.lines(mixture, background),
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
    return f"{text.facts(entries)}\n\n{text.components(mixture, report['feature_names'])}"
