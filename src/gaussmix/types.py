"""Array aliases and the letters used for shapes.

``N`` rows (also ``n_rows``), ``K`` components (``n_components``), ``D`` features (``n_features``).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]
Float64Array = NDArray[np.float64]
IntArray = NDArray[np.integer[Any]]
BoolArray = NDArray[np.bool_]

OnDegenerate = Literal["floor", "drop", "restart", "raise"]
Effort = Literal["low", "default", "high"]
Assignment = Literal["soft", "hard"]
