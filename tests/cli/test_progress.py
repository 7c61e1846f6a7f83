"""A status line on a terminal; nothing in a pipe."""

from __future__ import annotations

import os
import pty
import re
import signal

import numpy as np
import pytest

from .conftest import environment, start

COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|38)[;\d]*m")


@pytest.fixture
def rows(tmp_path):
    """So few rows that a fit goes over all of them from the start."""
    np.save(tmp_path / "rows.npy", np.random.default_rng(0).standard_normal((4_000, 8)))
    return tmp_path / "rows.npy"


def shown_on_terminal(rows, **variables: str) -> str:
    """Return what an endless fit writes to a terminal until it shows an iteration, and is interrupted."""
    terminal, stderr = pty.openpty()
    endless = ["fit", rows, "-k", 16, "--init", "kmeans", "--tol", 0, "--max-iter", 10**6]
    with start(*endless, stderr=stderr, env=environment(TERM="xterm", **variables)) as process:
        os.close(stderr)
        text = ""
        while "Iteration" not in text:
            text += os.read(terminal, 1000).decode()
        process.send_signal(signal.SIGINT)
        while chunk := _read(terminal):
            text += chunk
        assert process.stdout.read() == ""
    os.close(terminal)
    assert process.returncode == 130
    return text


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 1000).decode(errors="replace")
    except OSError:  # how Linux says that the other end of a terminal is closed
        return ""


def test_a_long_fit_has_a_status_line(rows):
    text = shown_on_terminal(rows, NO_COLOR="")
    assert "fitting: " in text
    assert COLOUR.search(text)
    assert text.rstrip().endswith("gaussmix: error: interrupted")


def test_no_color(rows):
    assert not COLOUR.search(shown_on_terminal(rows, NO_COLOR="1"))


def test_a_pipe_gets_nothing(rows):
    process = start("fit", rows, "-k", 2, "--init", "kmeans", "-q")
    assert process.communicate() == ("", "")
    assert process.returncode == 0
