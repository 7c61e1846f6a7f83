"""The project's promises about itself: names, versions, imports, and what its source never does."""

from __future__ import annotations

import ast
import doctest
import importlib
import pkgutil
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import gaussmix

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "src" / "gaussmix").rglob("*.py"))
TEXT = {".cff", ".cpp", ".csv", ".hpp", ".json", ".md", ".py", ".rst", ".sh", ".toml", ".txt", ".yaml"}
OPTIONAL = [
    "dask", "h5py", "hmmlearn", "matplotlib", "onnx", "onnxruntime", "pandas", "polars", "pyarrow", "rich", "torch",
    "zarr",
]  # fmt: skip
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "yaml"}
# Sums travel from Spark's workers to this process as Spark's own do; what is forbidden is to unpickle a file.
TRANSPORTS = {"gaussmix/executor/spark.py": {"pickle"}}
FORBIDDEN_WORDS = [
    r"\b(this|last|next|previous|earlier|another) session\b",
    r"(?<![\w&])#\d{1,3}\b",
    r"\bissues? \d+\b",
    r"(?<![\w.])/(work|root|tmp/gm)/",
]


def tracked_files() -> list[Path]:
    """Return the project's text files: git's list, or in an export without git all but what make leaves."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listing.returncode == 0:
        paths = [ROOT / line for line in listing.stdout.splitlines()]
    else:
        paths = [p for p in ROOT.rglob("*") if not {".venv", "build", ".git", "_build"} & set(p.parts)]
    named = {"Makefile", "run", "LICENSE"}
    return [p for p in paths if p.is_file() and (p.suffix in TEXT or p.name in named)]


def calls(tree: ast.AST) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def called_name(call: ast.Call) -> str:
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def imported_roots(tree: ast.AST) -> set[str]:
    plain = (name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names)
    origin = (node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return {name.partition(".")[0] for name in [*plain, *origin]}


def test_version_changelog_and_citation_agree():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    cited = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert newest is not None
    assert cited is not None
    assert gaussmix.__version__ == version == newest[1] == cited[1]


def test_public_names_exist_and_are_documented():
    for name in gaussmix.__all__:
        public = getattr(gaussmix, name)
        assert name.startswith("__") or public.__doc__


def test_package_is_typed():
    assert (Path(gaussmix.__file__).parent / "py.typed").exists()


def test_import_loads_nothing_optional():
    program = f"import gaussmix, sys; print([m for m in {OPTIONAL} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["GaussianMixture", "spark_udf"])
def test_an_estimator_loads_nothing_optional(name):
    others = {*OPTIONAL, "pyspark", "sklearn.callback"}
    program = (
        "import sys, sklearn.base; before = set(sys.modules); "  # which may import pandas
        f"from gaussmix import {name}; print(sorted({others} & set(sys.modules) - before))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_an_estimator_loads_nothing_that_few_fits_need():
    rare = ("source.gather", "model.background", "prior.frozen", "covariance.joint_diagonalization")
    modules = {f"gaussmix.{name}" for name in rare}
    program = f"import sys; from gaussmix import GaussianMixture; print(sorted({modules} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_source_runs_no_foreign_code(path):
    tree = ast.parse(path.read_text())
    names = {called_name(call) for call in calls(tree) if isinstance(call.func, ast.Name)}
    shells = [k for call in calls(tree) for k in call.keywords if k.arg == "shell"]
    allowed = TRANSPORTS.get(path.relative_to(ROOT / "src").as_posix(), set())
    assert not imported_roots(tree) & FORBIDDEN_MODULES - allowed
    assert not names & FORBIDDEN_CALLS
    assert not {called_name(call) for call in calls(tree)} & {"system", "popen"}
    assert not shells


@pytest.mark.parametrize("word", FORBIDDEN_WORDS)
def test_files_name_nothing_outside_the_project(word):
    found = []
    for path in tracked_files():
        lines = path.read_text(encoding="utf-8").splitlines()
        hits = [n for n, line in enumerate(lines, 1) if re.search(word, line, re.IGNORECASE)]
        found += [f"{path.relative_to(ROOT)}:{n}" for n in hits if path != Path(__file__)]
    assert not found


MODULES = [m.name for m in pkgutil.walk_packages(gaussmix.__path__, "gaussmix.") if "._" not in m.name]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name):
    module = importlib.import_module(name)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    assert doctest.testmod(module, optionflags=flags).failed == 0


def examples() -> list:
    """Return the scripts; the one that waits for scikit-learn is slow."""
    paths = sorted((ROOT / "examples").glob("*.py"))
    slow = {"compare": pytest.mark.slow}
    return [pytest.param(p, id=p.stem, marks=slow.get(p.stem, ())) for p in paths]


@pytest.mark.timeout(300)  # a script imports matplotlib, which is slow on a busy machine
@pytest.mark.parametrize("path", examples())
def test_examples_run_and_stay_short(path, monkeypatch, capsys):
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.chdir(ROOT)
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out
    importlib.import_module("matplotlib.pyplot").close("all")
    assert len(path.read_text().splitlines()) < 80
