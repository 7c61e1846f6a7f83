"""Where and with what the table was measured, and the pages that it is put into."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmark.peers import Peer
from benchmark.table import Row, as_markdown
from benchmark.yardstick import cores
from gaussmix import kernel

_PACKAGES: Final = ["gaussmix", "numpy", "scipy"]
_BEGIN, _END = "<!-- benchmark: begin -->", "<!-- benchmark: end -->"


def circumstances(peers: Sequence[Peer]) -> str:
    """Return a sentence with the date, the processor and the versions of what ran."""
    versions = [f"{name} {version(name)}" for name in _PACKAGES]
    versions += [f"{peer.name} {peer.version()}" for peer in peers]
    return (
        f"Measured on {date.today().isoformat()} on {_processor()}, {cores()} cores, "
        f"Python {platform.python_version()}, kernel {kernel.name()}: {', '.join(versions)}."
    )


def publish(text_above: str, rows: Sequence[Row], page: Path) -> None:
    """Write the table into a page, between its markers; a page without markers becomes the table."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    if _BEGIN not in text or _END not in text:
        text = f"{_BEGIN}\n{_END}\n"
    before, after = text.split(_BEGIN)[0], text.split(_END, 1)[1]
    table = f"{_BEGIN}\n\n{text_above}\n\n{as_markdown(rows)}\n\n{_END}"
    page.write_text(before + table + after, encoding="utf-8")


def _processor() -> str:
    """Return the processor's name as it tells it."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
