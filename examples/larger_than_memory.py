"""
Rows that do not fit into memory, and a fit that is interrupted
================================================================

The rows lie in the files of a folder. Where they are more than ``memory_limit`` allows, each pass reads them anew,
block by block, and the fit has the same bits as that of an array. A checkpoint keeps where the fit stands: after a
crash, Ctrl-C or the end of a job's time, ``resume=True`` goes on from there, and nothing tells the two fits apart.
"""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np

from gaussmix import GaussianMixture
from gaussmix.executor import Executor, Serial

rng = np.random.default_rng(0)
centres = 3 * rng.standard_normal((6, 6))
workspace = TemporaryDirectory()
folder = Path(workspace.name)
checkpoint = folder / "_fit.checkpoint"  # names that begin so hold no rows
for part in range(8):
    X = centres[rng.integers(6, size=75_000)] + rng.standard_normal((75_000, 6))
    np.save(folder / f"part-{part}.npy", X)
print(f"{sum(file.stat().st_size for file in folder.iterdir()) / 1e6:.1f} MB of rows in 8 files")

# %%
# Four megabytes of rows may be in memory at a time; the sample on which the fit looks for its start comes on top.

settings = {"n_components": 6, "memory_limit": "4MB", "random_state": 0}
tracemalloc.start()
whole = GaussianMixture(**settings).fit(folder)
print(f"the fit took {tracemalloc.get_traced_memory()[1] / 1e6:.1f} MB at its peak")
tracemalloc.stop()

# %%
# Now the same fit is interrupted, as by a user or a crash: by an executor that gives up in the third pass after the
# first checkpoint. ``checkpoint_every=0`` writes one after each iteration; the default is one a minute.


class Interrupted(Executor):
    """Runs tasks in this process, until the third pass that finds a checkpoint."""

    local, passes = Serial(), 0

    def map_reduce(self, task, items):
        self.passes += checkpoint.exists()
        if self.passes == 3:
            raise KeyboardInterrupt
        return self.local.map_reduce(task, items)


settings |= {"checkpoint": checkpoint, "checkpoint_every": 0}
try:
    GaussianMixture(**settings, executor=Interrupted()).fit(folder)
except KeyboardInterrupt:
    print(f"interrupted; the checkpoint has {checkpoint.stat().st_size / 1e3:.0f} kB")
resumed = GaussianMixture(**settings).fit(folder, resume=True)
print(f"the same bits after {resumed.n_iter_} passes: {np.array_equal(resumed.means_, whole.means_)}")

# %%
# Predictions read the folder in the same way; labels of very many rows are best written by the command
# ``gaussmix predict``. The picture shows what the log-likelihood still had to gain, pass by pass.

print("rows of each component:", np.bincount(whole.predict(folder)))
workspace.cleanup()
figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
for name, fit in {"never stopped": whole, "resumed": resumed}.items():
    left = whole.lower_bounds_[-1] - np.array(fit.lower_bounds_[:-1])
    axes.semilogy(range(1, len(left) + 1), left, label=name, linewidth=1.5 if fit is resumed else 5)
axes.axvline(3.5, color="black", linestyle=":", label="interrupted")
axes.set(xlabel="pass over all rows", ylabel="still to gain (nats a row)")
axes.legend()
plt.show()
