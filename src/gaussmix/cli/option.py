"""Arguments and options that several subcommands share, and their values."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


class Names(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on
    """A comma-separated list of column names."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the names as a tuple."""
        if not isinstance(value, str):
            return value
        names = tuple(name.strip() for name in value.split(","))
        if not all(names):
            self.fail(f"{value!r} has an empty name: write --columns height,weight", param, ctx)
        return names


class Registered(click.ParamType):  # type: ignore[type-arg]
    """A name out of a registry, which is imported only when the name is needed, and not for the help text.

    Parameters
    ----------
    name : str
        What the names are names of, which the help text shows.
    names : callable
        Returns the names in the registry.
    shown : sequence of str
        The names again, for the help text to show, where they are few.
    """

    def __init__(self, name: str, names: Callable[[], list[str]], shown: Sequence[str] = ()) -> None:
        self.name = name
        self._names, self._shown = names, shown

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Return the names, or what they are names of where there are many."""
        return f"[{'|'.join(self._shown)}]" if self._shown else self.name.upper()

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name if the registry holds it."""
        names = self._names()
        if value not in names:
            self.fail(f"{value!r} is not one of {', '.join(names)}", param, ctx)
        return value


def _families() -> list[str]:
    from gaussmix.covariance import COVARIANCE_TYPES, FACTOR_TYPES

    return [*COVARIANCE_TYPES, *FACTOR_TYPES]


def _starts() -> list[str]:
    from gaussmix.fit import STARTS

    return list(STARTS)


def _policies() -> list[str]:
    from gaussmix.fit import POLICIES

    return list(POLICIES)


class Freedom(click.ParamType):  # type: ignore[type-arg]
    """Degrees of freedom: "component", "shared" or a positive number."""

    name = "freedom"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name or the number."""
        if value in ("component", "shared"):
            return value
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and number > 0):
            self.fail(f"{value!r} should be component, shared or a positive number", param, ctx)
        return number


def given() -> list[str]:
    """Return the names of the running command's parameters that the user has given."""
    context = click.get_current_context()
    default = click.core.ParameterSource.DEFAULT
    return sorted(name for name in context.params if context.get_parameter_source(name) is not default)


FAMILY = Registered("family", _families)
START = Registered("start", _starts, ["auto", "kmeans", "k-means++", "random", "random_from_data"])
POLICY = Registered("policy", _policies, ["floor", "drop", "restart", "raise"])


def data_argument(command: Command) -> Command:
    """Add the argument DATA."""
    return click.argument("data", metavar="DATA")(command)


def model_argument(command: Command) -> Command:
    """Add the argument MODEL."""
    return click.argument("model", metavar="MODEL")(command)


def columns_option(command: Command) -> Command:
    """Add the option --columns."""
    return click.option("--columns", type=Names(), metavar="A,B,...", help="Columns of DATA to use.")(command)


def json_option(command: Command) -> Command:
    """Add the option --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")(
        command
    )


def output_option(command: Command) -> Command:
    """Add the option -o for a table of results."""
    return click.option(
        "-o",
        "--output",
        metavar="FILE",
        help="Write to a .csv, .parquet, .arrow or .npy file.  [default: CSV on standard output]",
    )(command)


def memory_option(command: Command) -> Command:
    """Add the option --memory-limit."""
    return click.option(
        "--memory-limit",
        metavar="SIZE",
        help="What the rows of DATA may take in memory, such as 2GiB; larger files are read block by block.  "
        "[default: a quarter of the memory]",
    )(command)


def executor_options(command: Command) -> Command:
    """Add the options --executor and --scheduler."""
    where = click.option(
        "--executor",
        type=click.Choice(["threads", "dask"]),
        default="threads",
        show_default=True,
        help="Where the passes over the rows run.",
    )
    scheduler = click.option("--scheduler", metavar="ADDRESS", help="Of --executor dask: tcp://HOST:PORT.")
    return where(scheduler(command))


def checkpoint_options(command: Command) -> Command:
    """Add the options --checkpoint, --checkpoint-every and --resume."""
    every = click.option(
        "--checkpoint-every",
        type=NonNegative(),
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        help="Least time between two checkpoints.",
    )
    resume = click.option("--resume", is_flag=True, help="Go on from the checkpoint, if it is there.")
    where = click.option(
        "--checkpoint", metavar="FILE", help="Save to FILE what is done so far, for --resume after a crash."
    )
    return where(every(resume(command)))


def check_resume(given: Collection[str]) -> None:
    """Raise click.UsageError if --resume was given without a checkpoint."""
    if "resume" in given and "checkpoint" not in given:
        raise click.UsageError("--resume goes on from a checkpoint: name it with --checkpoint FILE")


def check_executor(name: str, scheduler: str | None) -> str | None:
    """Return the parameter ``executor`` of an estimator.

    Raises
    ------
    click.UsageError
        If the address of a scheduler is missing, or there is one too many.
    """
    if name == "dask" and scheduler is None:
        raise click.UsageError(
            "--executor dask needs the address of its scheduler: --scheduler tcp://HOST:PORT"
        )
    if name != "dask" and scheduler is not None:
        raise click.UsageError("--scheduler is for --executor dask")
    if scheduler is not None and "://" not in scheduler:
        raise click.UsageError(
            f"--scheduler {scheduler}: expected an address such as tcp://127.0.0.1:8786, with its protocol"
        )
    return scheduler


class NonNegative(click.FloatRange):
    """A finite number that is not negative."""

    def __init__(self) -> None:
        super().__init__(min=0)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; FloatRange lets NaN and infinity pass."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number
