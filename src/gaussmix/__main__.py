"""``python -m gaussmix``: the command."""

from __future__ import annotations

from gaussmix.cli import main

main()
