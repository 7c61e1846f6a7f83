"""Exit codes, one line for each error, signals, pipes, and how quickly help comes."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time

import click
import pytest

from gaussmix import errors
from gaussmix.cli import group

from .conftest import environment, start

EXITS = [
    (errors.ParameterError("k"), 2),
    (click.UsageError("u"), 2),
    (errors.DataError("d"), 3),
    (errors.DataTypeError("d"), 3),
    (errors.DegenerateError("d"), 3),
    (errors.ModelFormatError("m"), 3),
    (ValueError("v"), 3),
    (FileNotFoundError(2, "No such file", "f"), 5),
    (OSError("no number"), 5),
    (errors.MissingDependencyError("pip install"), 5),
    (errors.ResourceLimitError("big"), 6),
    (MemoryError(), 6),
    (KeyboardInterrupt(), 130),
    (click.Abort(), 130),
    (RuntimeError("two\nlines"), 1),
]


@pytest.mark.parametrize(("error", "code"), EXITS, ids=lambda value: repr(value)[:30])
def test_exit_codes(call, monkeypatch, error, code):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(group.group, "invoke", fail)
    result = call("info", "model")
    assert result.code == code
    assert result.out == ""
    assert result.err.startswith("gaussmix: error: ")
    assert len(result.err.splitlines()) == 1


def test_debug_shows_the_traceback(call, monkeypatch):
    monkeypatch.setenv("GAUSSMIX_DEBUG", "1")
    with pytest.raises(FileNotFoundError):
        call("info", "nothing.safetensors")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["fit"],
        ["info"],
        ["info", "a", "b"],
        ["fit", "x.csv", "-k", "0"],
        ["fit", "x.csv", "-k", "2.5"],
    ],
)
def test_usage_errors(call, arguments):
    result = call(*arguments)
    assert result.code == 2
    assert len(result.err.splitlines()) == 1
    assert "--help" in result.err


@pytest.mark.parametrize("command", [[], ["fit"], ["select"], ["predict"], ["score"], ["sample"], ["info"]])
def test_help_has_examples(call, command):
    result = call(*command, "--help")
    assert result.code == 0
    assert "Examples:" in result.out
    assert max(map(len, result.out.splitlines())) <= 100


def test_version(call):
    from gaussmix import __version__

    assert call("--version").out == f"gaussmix {__version__}\n"


def test_help_imports_nothing_heavy():
    script = """
import contextlib, io, sys
from gaussmix.cli.group import run

with contextlib.redirect_stdout(io.StringIO()):
    for command in [], ["fit"], ["select"], ["predict"], ["score"], ["sample"], ["info"]:
        assert run([*command, "--help"]) == 0
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"numpy", "scipy", "sklearn", "pyarrow", "rich", "narwhals", "joblib", "pandas", "safetensors"}
    heavy |= {"dask", "distributed", "h5py", "zarr", "pyspark"}
    assert not heavy & set(loaded.stdout.split())


def test_a_reader_that_goes_away_is_no_error(model):
    with start("sample", model, "-n", 10**7) as process:
        assert process.stdout.readline() == "height,weight\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


def test_a_full_disk_is_code_5(model):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        process = start("sample", model, "-n", 10, stdout=full)
        _, err = process.communicate()
    assert process.returncode == 5
    assert err == "gaussmix: error: No space left on device\n"


def test_a_file_that_grows_too_large_is_code_5_and_goes_away(model, tmp_path):
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    output = tmp_path / "new.csv"
    process = start("sample", model, "-n", 10**7, "-o", output, preexec_fn=limit)
    out, err = process.communicate()
    assert (process.returncode, out, err) == (5, "", f"gaussmix: error: {output}: File too large\n")
    assert list(tmp_path.iterdir()) == [model]


def test_an_interrupt_that_python_loses_is_sent_again():
    script = """
import time
from gaussmix.cli import group

class Loses:
    def __del__(self):
        raise KeyboardInterrupt

def endless(context):
    Loses()
    time.sleep(60)

group.group.invoke = endless
group.main()
"""
    process = subprocess.run([sys.executable, "-c", script, "info", "m"], capture_output=True, text=True)
    assert (process.returncode, process.stderr) == (130, "gaussmix: error: interrupted\n")


def test_names_of_files_cannot_command_the_terminal(call, tmp_path):
    result = call("info", tmp_path / "two\nlines\x1b[2J\udcff.safetensors")
    assert result.code == 5
    assert "\x1b" not in result.err
    assert len(result.err.splitlines()) == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_no_half_written_file(model, tmp_path, number, code):
    (tmp_path / "out").mkdir()
    process = start("sample", model, "-n", 10**7, "-o", tmp_path / "out" / "new.csv")
    while not list((tmp_path / "out").iterdir()):  # until the temporary is there
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate()
    assert process.returncode == code
    assert (out, err) == ("", "gaussmix: error: interrupted\n" if code == 130 else "")
    assert not list((tmp_path / "out").iterdir())


def test_a_terminal_that_cannot_show_a_name(model, mixture, tmp_path):
    from gaussmix.persistence import save

    save(mixture, tmp_path / "m.safetensors", feature_names=["größe", "体重"])
    latin = {"encoding": "latin-1", "env": environment(PYTHONIOENCODING="latin-1")}
    process = start("info", tmp_path / "m.safetensors", **latin)
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert r"größe  \u4f53\u91cd" in out


@pytest.mark.parametrize(
    ("output", "code", "words"),
    [
        ("missing/new.csv", 5, "there is no such folder"),
        ("folder.csv", 5, "is a folder"),
        ("new.xlsx", 2, "should end in .csv or .parquet or .arrow or .npy"),
        ("new", 2, "should end in"),
    ],
)
def test_impossible_outputs_are_refused_first(call, model, tmp_path, output, code, words):
    (tmp_path / "folder.csv").mkdir()
    result = call("sample", model, "-n", 10**12, "-o", tmp_path / output)
    assert result.code == code
    assert words in result.err
