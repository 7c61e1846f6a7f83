"""What every test shares: one BLAS thread, Hypothesis's profile, the name of the active kernel in pytest's header."""

from __future__ import annotations

import os

from hypothesis import settings

# Before NumPy is imported: the workers share the cores, and BLAS threads that wait for one another would make small
# products take many times as long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# No deadline: a slow example on a busy machine is no failure. CI draws the same examples in every run.
settings.register_profile("local", deadline=None, max_examples=50)
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_report_header() -> str:
    from gaussmix import kernel

    return f"gaussmix kernel: {kernel.name()}"
