"""The command ``gaussmix``: one file a subcommand.

Nothing heavy is imported before a subcommand runs, so that ``gaussmix --help`` answers at once.
"""

from __future__ import annotations

from gaussmix.cli.group import main

__all__ = ["main"]
