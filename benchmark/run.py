"""The command: measure what was asked for, print one table, and put it into a page if wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from benchmark import (
    acceleration,
    anomaly,
    bayesian,
    classification,
    conditioning,
    dask_overhead,
    defaults,
    factors,
    families,
    fits,
    memory,
    missing,
    optima,
    out_of_core,
    overheads,
    passes,
    real,
    recovery,
    scaling,
    searches,
    simulated,
    spark,
    sparse,
    streaming,
    student,
    truncation,
)
from benchmark.peers import PEERS, available
from benchmark.report import circumstances, publish
from benchmark.settings import PATIENT, QUICK, Settings, say
from benchmark.table import OURS, Row, as_text

GROUPS: Final[list[Callable[[Settings], Iterator[Row]]]] = [
    passes.measure,
    fits.measure,
    memory.measure,
    overheads.measure,
    optima.measure,
    simulated.measure,
    families.measure,
    searches.measure,
    recovery.measure,
    acceleration.measure,
    defaults.measure,
    real.measure,
    anomaly.measure,
    classification.measure,
    conditioning.measure,
    factors.measure,
    student.measure,
    bayesian.measure,
    missing.measure,
    dask_overhead.measure,
    spark.measure,
    sparse.measure,
    streaming.measure,
    out_of_core.measure,
    scaling.measure,
    truncation.measure,
]
_SEEDS, _QUICK_SEEDS = 20, 5


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--only", multiple=True, metavar="TEXT", help="Work whose title contains TEXT: pass, tied ...")
@click.option("--quick", is_flag=True, help=f"Fewer repeats, and {_QUICK_SEEDS} seeds instead of {_SEEDS}.")
@click.option("--rounds", type=click.IntRange(1), help="Repeats of each measurement, at most.")
@click.option("--seeds", type=click.IntRange(1), help="Seeds of each whole fit.")
@click.option("--peer", multiple=True, type=click.Choice([p.name for p in PEERS]), help="These peers only.")
@click.option("--no-peers", is_flag=True, help="gaussmix alone.")
@click.option(
    "--scale", type=click.IntRange(1), default=1, metavar="N", help="Divide the numbers of rows by N."
)
@click.option("--draw", type=click.IntRange(0), default=0, help="Which draw of the simulated data.")
@click.option("--processes", type=click.IntRange(1), default=1, help="Fit the small problems in parallel.")
@click.option("--effort", type=click.Choice(["low", "default", "high"]), help="Of the searches for optima.")
@click.option("--whole-grid", is_flag=True, help="Every cell of a grid, not a part of them: hours.")
@click.option(
    "--markdown", type=click.Path(path_type=Path), metavar="FILE", help="Put the table into this page."
)
def main(
    only: tuple[str, ...],
    quick: bool,
    rounds: int | None,
    seeds: int | None,
    peer: tuple[str, ...],
    no_peers: bool,
    scale: int,
    draw: int,
    processes: int,
    effort: str | None,
    whole_grid: bool,
    markdown: Path | None,
) -> None:
    """Measure gaussmix beside other packages, and print one table.

    A pass is one EM iteration over all rows. "share" is the least arithmetic of the pass, divided by its time and
    by threads × the rate of a matrix product of the same precision, measured in the same run. "ratio" is the time
    of the column before it divided by gaussmix's. "itself" is gaussmix on float64 data, on one thread, or
    with full covariances.

    The parts, with the minutes they take on two cores; --only NAME: selects one, --only "optima: iris" a piece:

    \b
      pass            one EM iteration beside other packages        30
      fit             whole fits from k-means                       60
      memory          peak memory over the data                      1
      out of core     files larger than memory                      10
      overhead        Python around the kernel, imports              1
      optima          best known optima of five real data sets       2
      simulated       optima of simulated mixtures of six kinds      3
      mclust          the covariance family against R's mclust       2
      search          the choice of K and family against mclust's    2
      recovery        the choice on data of every family            10
      acceleration    passes with and without it                     5
      defaults        whole fits with defaults                      10
      real            whole fits with defaults on real data         15
      missing         rows with missing values                       8
      sparse          sparse rows beside the same rows made dense    1
      anomaly         outliers found, and false alarms               5
      classification  classes as mixtures against R's mclust        40
      conditioning    many rows conditioned at once beside gmr       1
      factors         factor analysers in 784 dimensions            10
      student         t distributions beside studenttmixture         2
      bayesian        one update of variational Bayes                3
      dask            one pass on a cluster of two processes         1
      spark           a Spark DataFrame beside Spark ML             5
      streaming       rows read, and rows seen once                 10
      scaling         a pass as N, D, K grow, and on clusters        2
      truncation      truncated passes of 500 and 5,000 components   5
    """
    peers = [] if no_peers else available(lambda name: not peer or name in peer, say)
    patience = QUICK if quick else PATIENT
    if rounds is not None:
        patience = replace(patience, rounds=rounds)
    settings = Settings(
        peers,
        patience,
        seeds or (_QUICK_SEEDS if quick else _SEEDS),
        scale,
        only,
        draw,
        processes,
        {} if effort is None else {"effort": effort},
        whole_grid,
    )
    rows: list[Row] = []
    try:  # row by row, so that an interruption leaves those that are done
        for row in (row for group in GROUPS for row in group(settings)):
            say(f"{row.work}: {row.values[OURS]:.3g} {row.unit} {row.verdict}")
            rows.append(row)
    except KeyboardInterrupt:
        say("interrupted: the table has what was measured so far")
    if not rows:
        raise click.UsageError(f"nothing was measured: no title has {' or '.join(only)}")
    measured_with = circumstances(peers)
    print(measured_with, as_text(rows), sep="\n\n")
    missed = sum(bool(row.missed) for row in rows)
    print(f"\n{sum(bool(row.bars) for row in rows)} rows with bars, {missed} missed.")
    if markdown is not None:
        publish(measured_with, rows, markdown)


if __name__ == "__main__":
    main()
