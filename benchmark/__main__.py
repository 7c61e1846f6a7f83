"""`python -m benchmark`: make the benchmark's own environment, then measure in it."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmark.environment import ROOT, clean_environment, prepare


def main() -> int:
    arguments = sys.argv[1:]
    python = sys.executable if "--help" in arguments else prepare()
    command = [str(python), "-m", "benchmark.run", *arguments]
    return subprocess.run(command, cwd=ROOT, env=clean_environment(os.environ)).returncode


if __name__ == "__main__":
    sys.exit(main())
