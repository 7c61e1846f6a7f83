"""The virtual environment in which everything is measured: gaussmix as a wheel, and the peers from PyPI.

Only the standard library is used here: this runs before anything is installed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".venv-bench"
BUILD = ROOT / "build" / "bench"
PEERS = ["scikit-learn-intelex", "gmr", "studenttmixture"]  # scikit-learn itself comes with gaussmix
READERS = ["pillow"]  # scikit-learn reads its photographs with it

# Settings that would hold a package to one thread, or to another processor's instructions.
_INTERFERING = {
    "GAUSSMIX_KERNEL",
    "GOTO_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "OPENBLAS_NUM_THREADS",
}


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables without those that would favour or hinder a package."""
    return {name: value for name, value in environment.items() if name not in _INTERFERING}


def prepare() -> Path:
    """Build and install gaussmix and the peers, and return the environment's Python.

    Called with the Python of `make install`, which has the build tools.
    """
    python = HOME / "bin" / "python"
    if not python.exists():
        _say("making the benchmark's environment")
        _run(sys.executable, "-m", "venv", str(HOME))
    _say("building and installing gaussmix")
    wheel = _wheel()
    _run(str(python), "-m", "pip", "install", "--quiet", str(wheel))
    _run(str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", str(wheel))
    for peer in PEERS + READERS:
        _install_peer(python, peer)
    return python


def _wheel() -> Path:
    """Build the wheel, and return its path; CMake's files are those of `make install`."""
    for old in BUILD.glob("*.whl"):
        old.unlink()
    options = ["--quiet", "--no-deps", "--no-build-isolation", "-Cbuild-dir=build/wheel"]
    _run(sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(BUILD), ".")
    return next(BUILD.glob("*.whl"))


def _install_peer(python: Path, peer: str) -> None:
    """Install a peer; the run goes on without it, and says so, where that fails."""
    done = subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", peer], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
        _say(f"{peer} could not be installed and is left out: {reason}")


def _run(*command: str) -> None:
    subprocess.run(command, cwd=ROOT, check=True)


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)
