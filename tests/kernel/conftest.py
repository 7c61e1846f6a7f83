"""The compiled kernels, each instruction set of this machine in turn."""

from __future__ import annotations

from types import ModuleType

import pytest

from gaussmix import kernel


@pytest.fixture(params=kernel.available()[1:])
def native(request: pytest.FixtureRequest) -> ModuleType:
    """Return one compiled kernel."""
    return kernel.implementation(request.param)
