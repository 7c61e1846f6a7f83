from __future__ import annotations

import pytest
from click.testing import CliRunner

from benchmark.run import main


@pytest.mark.slow
def test_files_of_every_format_are_fitted_and_timed():
    pytest.importorskip("pyarrow")
    result = CliRunner().invoke(main, ["--no-peers", "--scale", "1000000", "--only", "out of core"])
    assert result.exit_code == 0, result.output
    for extension in ("npy", "parquet", "csv"):
        assert (
            f"out of core: {extension}, full 20,000 × 16, K=16, rate of a pass beside memory" in result.output
        )
