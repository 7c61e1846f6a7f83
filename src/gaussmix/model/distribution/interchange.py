"""Mixtures from and for other libraries: scikit-learn, hmmlearn, PyTorch, ONNX."""

from __future__ import annotations


class Interchange:
    """Add the conversions from and to other libraries."""
