"""The group of subcommands, and what every error becomes: one line on stderr and an exit code.

====  ==========================================================
code  meaning
====  ==========================================================
0     done
1     a defect of gaussmix itself
2     wrong usage, or a parameter out of range
3     data or a model file that cannot be used
4     the fit did not converge, with ``--strict``
5     a file cannot be read or written, or a cluster not be reached
6     more memory would be needed than there is
130   interrupted (Ctrl-C); 143 terminated; 141 the reader of a pipe went away
====  ==========================================================

``GAUSSMIX_DEBUG=1`` shows tracebacks.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import warnings
from types import FrameType
from typing import Any, NoReturn, TextIO

import click

from gaussmix.cli.fit import fit
from gaussmix.cli.info import info
from gaussmix.cli.predict import predict
from gaussmix.cli.sample import sample
from gaussmix.cli.score import score
from gaussmix.cli.select import select
from gaussmix.cli.text import printable
from gaussmix.errors import ExecutorError, GaussmixError, MissingDependencyError, ParameterError

NAME, COMPLETION = "gaussmix", "_GAUSSMIX_COMPLETE"
DEFECT, USAGE, BAD_DATA, NOT_CONVERGED, IO_ERROR, RESOURCE_LIMIT = 1, 2, 3, 4, 5, 6
INTERRUPTED, BROKEN_PIPE, TERMINATED = 130, 141, 143  # 128 + the number of the signal

# The first class that fits gives the code. Plain ValueErrors are scikit-learn's, about data.
_EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (KeyboardInterrupt, INTERRUPTED),
    (click.Abort, INTERRUPTED),
    (click.ClickException, USAGE),
    (MemoryError, RESOURCE_LIMIT),
    (ParameterError, USAGE),
    (MissingDependencyError, IO_ERROR),
    (ExecutorError, IO_ERROR),
    (GaussmixError, BAD_DATA),
    (BrokenPipeError, BROKEN_PIPE),
    (OSError, IO_ERROR),
    (ValueError, BAD_DATA),
)

_OPTIONS = {"columns=[...]": "--columns", "memory_limit": "--memory-limit"}
"""The option that does here what a message advises for Python."""

EPILOG = """\b
Examples:
  gaussmix fit iris.csv -k 3 --columns petal_length,petal_width -o iris.safetensors
  gaussmix select iris.csv -k 1:9 --criterion bic -o best.safetensors
  gaussmix info iris.safetensors
  gaussmix predict iris.safetensors new.csv -o labels.csv
  gaussmix score iris.safetensors new.csv --json

\b
Exit codes: 0 ok, 2 usage, 3 bad data, 4 not converged (--strict), 5 input or output,
6 resource limit, 130 interrupted. GAUSSMIX_DEBUG=1 shows tracebacks.
"""


@click.group(
    epilog=EPILOG,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="gaussmix", message="%(prog)s %(version)s")
def group() -> None:
    """Gaussian mixtures: fit them to data, and use what was fitted.

    DATA is a .csv, .tsv, .parquet, .arrow or .npy file with one row an observation, a folder or a quoted pattern
    of such files, or an array in a store, as in file.h5::/group/data or folder.zarr::data; "-" reads CSV from
    standard input. A model is one .safetensors file. Results go to standard output, or to the file that -o
    names.
    """


for _command in (fit, select, predict, score, sample, info):
    group.add_command(_command)


def main() -> NoReturn:
    """Run the command and exit with its code."""
    signal.signal(signal.SIGTERM, _terminate)
    sys.unraisablehook = _send_again
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal cannot show is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    warnings.showwarning = _show_warning
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Return the exit code of the command with these arguments; errors have become a line on stderr."""
    if COMPLETION in os.environ:
        group.main(arguments, prog_name=NAME)
    try:
        # Not group.main, which has ways of its own with Ctrl-C and broken pipes.
        with group.make_context(NAME, arguments) as context:
            code = group.invoke(context)
        if sys.stdout is not None:  # closed by the caller
            sys.stdout.flush()
    except click.exceptions.Exit as request:  # --help and --version
        return request.exit_code
    except Exception as error:  # noqa: BLE001 - the outermost frame: every error becomes a line and a code
        return _report(error)
    except KeyboardInterrupt as error:
        return _report(error)
    return code if isinstance(code, int) else 0


def _report(error: BaseException) -> int:
    """Print the error in one line and return its exit code."""
    code = next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), DEFECT)
    if os.environ.get("GAUSSMIX_DEBUG", "0") not in ("", "0"):
        raise error
    if code == BROKEN_PIPE:
        # Python flushes stdout once more at exit, which would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    else:
        click.echo(f"gaussmix: error: {printable(_one_line(_sentence(error, code)))}", err=True)
    return code


def _sentence(error: BaseException, code: int) -> str:
    if code == INTERRUPTED:
        return "interrupted"
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else NAME
        return f"{error.format_message()} (see '{path} --help')"
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if code == DEFECT:
        return f"{type(error).__name__}: {error} (a defect of gaussmix; GAUSSMIX_DEBUG=1 shows the traceback)"
    text = str(error)
    for advice, option in _OPTIONS.items():
        text = text.replace(advice, option)
    return text or "there is not enough memory"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    """Leave by an exception, so that temporary files are removed."""
    sys.exit(TERMINATED)


def _send_again(lost: sys.UnraisableHookArgs) -> None:
    """Repeat a signal whose exception came where Python cannot raise, as in a callback of the import system.

    A moment later and from another thread: here its exception would be lost as well.
    """
    if issubclass(lost.exc_type, KeyboardInterrupt | SystemExit):
        number = signal.SIGINT if issubclass(lost.exc_type, KeyboardInterrupt) else signal.SIGTERM
        threading.Timer(0.01, os.kill, [os.getpid(), number]).start()  # a signal also ends what waits
    else:
        sys.__unraisablehook__(lost)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> Any:
    click.echo(f"gaussmix: warning: {printable(_one_line(str(message)))}", err=True)
