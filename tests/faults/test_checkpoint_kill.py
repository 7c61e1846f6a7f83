"""Fits that are killed in the middle, and what a new process makes of their checkpoint."""

from __future__ import annotations

import itertools
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

FIT = """
import json, sys, warnings
import numpy as np
from gaussmix import GaussianMixture
from gaussmix.estimator import problem
from gaussmix.fit import incremental
problem.block_rows = lambda *_: 100  # as of many rows, so that sweeps come before the passes
incremental._FINE = -np.inf  # as many as there can be
folder, resume, delay = sys.argv[1], sys.argv[2] == "resume", float(sys.argv[3])
warnings.simplefilter("ignore")
if delay:
    import time
    from gaussmix.estimator.journal import CheckpointJournal
    note = CheckpointJournal.note
    CheckpointJournal.note = lambda self, state: (note(self, state), time.sleep(delay))
model = GaussianMixture(4, random_state=1, effort="low", n_init=2, max_iter=15, tol=0,
                        checkpoint=folder + "/fit", checkpoint_every=0)
model.fit(np.load(folder + "/rows.npy"), resume=resume)
print(json.dumps([model.means_.tobytes().hex(), model.lower_bounds_]))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "rows.npy", np.concatenate([rng.normal(k, 1, (500, 2)) for k in range(4)]))
    return tmp_path


def start(folder: Path, *, resume: bool = False, delay: float = 0.0) -> subprocess.Popen[str]:
    arguments = [str(folder), "resume" if resume else "anew", str(delay)]
    return subprocess.Popen(
        [sys.executable, "-c", FIT, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def outcome(process: subprocess.Popen[str]) -> list[object]:
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    return json.loads(out)


def wait_for_checkpoint(folder: Path, content: bytes = b"") -> None:
    """Wait until there is a checkpoint, and that text in it."""
    path, deadline = folder / "fit", time.monotonic() + 60
    while not (path.exists() and content in path.read_bytes()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kills_and_resumes(folder: Path, times: int) -> None:
    """Kill fits at any time: the first one in its sweeps, the second one in its passes, and so on."""
    expected = outcome(start(folder))
    chance, kinds = random.Random(7), itertools.cycle([b'"Sweep"', b'"LoopState"'])
    for kind in itertools.islice(kinds, times):
        for path in folder.glob("fit*"):
            path.unlink()
        process = start(folder, delay=0.01)
        try:
            wait_for_checkpoint(folder, kind)
            time.sleep(chance.uniform(0, 0.5))
        finally:
            process.kill()  # this process only
            process.communicate(timeout=20)
        assert outcome(start(folder, resume=True)) == expected


def test_killed_fits_end_with_the_bits_of_one_that_never_stopped(folder: Path) -> None:
    kills_and_resumes(folder, 3)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_fits_end_with_the_bits_of_one_that_never_stopped_20_times(folder: Path) -> None:
    kills_and_resumes(folder, 20)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, None), (signal.SIGTERM, 143)])
def test_signals_leave_a_checkpoint(folder: Path, number: signal.Signals, code: int | None) -> None:
    process = start(folder, delay=0.05)
    wait_for_checkpoint(folder)
    process.send_signal(number)
    process.communicate(timeout=20)
    # Python turns SIGINT into a KeyboardInterrupt, which ends the process by that signal
    assert process.returncode == (-number if code is None else code)
    resumed = outcome(start(folder, resume=True))
    assert resumed == outcome(start(folder))


WRITE = """
import sys
import numpy as np
from gaussmix.persistence.checkpoint import save_checkpoint
for number in range(10_000):
    save_checkpoint(sys.argv[1], [np.full(200_000, float(number)), number], {}, {})
"""


@pytest.mark.parametrize("times", [3, pytest.param(40, marks=pytest.mark.slow)])
def test_a_kill_while_writing_leaves_a_whole_file(tmp_path: Path, times: int) -> None:
    from gaussmix.persistence.checkpoint import load_checkpoint

    path, chance = tmp_path / "fit", random.Random(3)
    for _ in range(times):
        process = subprocess.Popen([sys.executable, "-c", WRITE, str(path)])
        wait_for_checkpoint(tmp_path)
        time.sleep(chance.uniform(0, 0.2))
        process.kill()
        process.wait(timeout=20)
        values, number = load_checkpoint(path).state({})
        assert (values == number).all()
        if (path.with_name("fit.1")).exists():
            assert load_checkpoint(path.with_name("fit.1")).state({})[1] <= number


FULL = """
import resource, signal, sys
import numpy as np
from gaussmix.persistence.checkpoint import save_checkpoint
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    save_checkpoint(sys.argv[1], [np.zeros(100_000)], {}, {})
except OSError:
    sys.exit(7)
"""


def test_a_full_disk_raises_and_keeps_the_one_before(tmp_path: Path) -> None:
    from gaussmix.persistence.checkpoint import load_checkpoint, save_checkpoint

    path = tmp_path / "fit"
    save_checkpoint(path, 1, {}, {})
    before = path.read_bytes()
    assert subprocess.run([sys.executable, "-c", FULL, str(path)], timeout=60).returncode == 7
    assert path.read_bytes() == before
    assert load_checkpoint(path).state({}) == 1
    assert not list(tmp_path.glob(".gaussmix-*"))
