"""Write a file so that a reader, a crash or Ctrl-C finds the old content or the new one, never a part.

The content goes to a temporary name in the same folder (a rename across file systems would be a copy), is
flushed and fsynced, and takes its place by one rename. The folder is fsynced too: it holds the rename.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeAlias

Content: TypeAlias = bytes | Callable[[BinaryIO], object]


def write_atomically(path: str | os.PathLike[str], content: Content) -> None:
    """Replace the file at ``path`` by ``content``, whole or not at all.

    A symbolic link is followed and stays a link; an existing file keeps its permissions. A pipe or a device
    (``/dev/stdout``) cannot be replaced and is written to directly.

    Parameters
    ----------
    path : path-like
        The file to write. Its folder must exist.
    content : bytes or callable
        The bytes, or a function that writes them to the binary stream it is given.

    Raises
    ------
    OSError
        If the file cannot be written. It names ``path``, which is as it was before.
    """
    target = Path(path).resolve()
    mode = _mode(target)
    if mode is not None and stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "a directory, not a file", str(path))
    if mode is not None and not stat.S_ISREG(mode):
        with target.open("wb") as stream:
            _write(stream, content)
        return
    temporary = target.with_name(f".gaussmix-{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as stream:
            if mode is not None:
                temporary.chmod(stat.S_IMODE(mode))
            _write(stream, content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
        _fsync_folder(target.parent)
    except BaseException as error:  # Ctrl-C as well: the temporary must not stay behind
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        if isinstance(error, OSError) and error.filename in (None, str(temporary)):
            error.filename, error.filename2 = str(path), None  # the user knows nothing of our temporary
        raise


def _mode(target: Path) -> int | None:
    try:
        return target.stat().st_mode
    except FileNotFoundError:
        return None


def _write(stream: BinaryIO, content: Content) -> None:
    if isinstance(content, bytes):
        stream.write(content)
    else:
        content(stream)


def _fsync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows cannot open a folder, and its rename is journalled
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems have no fsync of a folder
            raise
    finally:
        os.close(descriptor)
