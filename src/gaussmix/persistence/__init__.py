"""Model files: written atomically, read through a strict validator, and never unpickled."""

from __future__ import annotations

from gaussmix.atomic import write_atomically
from gaussmix.persistence.model_file import SavedModel, dumps, load, loads, save

__all__ = ["SavedModel", "dumps", "load", "loads", "save", "write_atomically"]
