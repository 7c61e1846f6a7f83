"""Arguments and options that several subcommands share, and their values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, TypeVar

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


_WIDEST: Final = 60  # characters of a list of names in the help text


class Registered(click.ParamType):  # type: ignore[type-arg]
    """A name out of a registry, which is imported only when the name is needed."""

    def __init__(self, name: str, names: Callable[[], list[str]]) -> None:
        self.name = name
        self._names = names

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Return the names, for the help text, or what they are names of where there are many."""
        names = f"[{'|'.join(self._names())}]"
        return names if len(names) <= _WIDEST else self.name.upper()

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name if the registry holds it."""
        names = self._names()
        if value not in names:
            self.fail(f"{value!r} is not one of {', '.join(names)}", param, ctx)
        return value


def _families() -> list[str]:
    from gaussmix.covariance import COVARIANCE_TYPES

    return list(COVARIANCE_TYPES)


def _fitted_families() -> list[str]:
    from gaussmix.covariance import FACTOR_TYPES

    return [*_families(), *FACTOR_TYPES]


def _starts() -> list[str]:
    from gaussmix.fit import STARTS

    return list(STARTS)


def _policies() -> list[str]:
    from gaussmix.fit import POLICIES

    return list(POLICIES)


FAMILY = Registered("family", _families)
FITTED_FAMILY = Registered("family", _fitted_families)
START = Registered("start", _starts)
POLICY = Registered("policy", _policies)


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
