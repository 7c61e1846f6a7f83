"""What mixtures are used for: finding outliers, regression, classification."""

from __future__ import annotations
