"""Which files a path, a folder, a glob or a list of paths stands for."""

from __future__ import annotations

import errno
import glob
import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from gaussmix.errors import DataError, ParameterError
from gaussmix.source.check import listed

_SKIPPED = (".", "_")  # first letters of names that hold no rows: .crc, _SUCCESS, _metadata


def is_path(data: object) -> bool:
    """Return whether ``data`` is a path, or a list or tuple of nothing but paths."""
    if isinstance(data, list | tuple):
        return bool(data) and all(isinstance(one, str | os.PathLike) for one in data)
    return isinstance(data, str | os.PathLike)


def find_files(data: object, extensions: Collection[str], stores: Collection[str] = ()) -> list[Path]:
    """Return the files that hold the rows, in the order in which they are read.

    Parameters
    ----------
    data : str, path, or list of them
        A file; a folder, whose files and those of its ``key=value`` folders are taken; a glob, with ``**`` for
        folders of any depth; or a list of all these, taken in its own order. Files of folders and globs are sorted by
        path, and those are left out whose names, or those of folders that were found, begin with a dot or an
        underscore.
    extensions : collection of str
        Those of known formats. A folder or glob must not find others, lest rows are left out unnoticed.
    stores : collection of str
        The extensions of stores of arrays, which are no files of rows.

    Returns
    -------
    list of Path
        At least one.

    Raises
    ------
    OSError
        If a folder cannot be read, or nothing is there: FileNotFoundError.
    DataError
        If a folder or glob holds files of an unknown format, or a store is among several files.
    ParameterError
        If a list names a file twice.
    """
    if isinstance(data, list | tuple):
        for one in data:
            _require_no_store(str(os.fspath(one)).partition("::")[0], stores)
        files = [file for one in data for file in find_files(one, extensions, stores)]
        times = Counter(file.resolve() for file in files)
        twice = {file.resolve(): str(file) for file in files if times[file.resolve()] > 1}
        if twice:
            names = list(twice.values())
            raise ParameterError(f"the list of files has {listed(names)} twice: name each file once")
        return files
    text = str(os.fspath(data))  # type: ignore[call-overload]
    if not text:
        raise DataError("the path is empty: name a file, a folder or a pattern")
    if "://" in text and not Path(text).exists():
        raise DataError(
            f"{text!r} is not on this machine: download it, or read it as a Dask or Spark DataFrame"
        )
    path = Path(text)
    if path.is_dir():
        found = list(_walk(path, stores))
    elif glob.has_magic(str(path)) and not path.exists():
        found = _matches(str(path), stores)
    else:
        return [path]
    files = sorted(set(found), key=str)
    if not files:
        reason = f"the folder holds no files of rows: expected {listed(sorted(extensions))}"
        raise FileNotFoundError(errno.ENOENT, reason, str(path))
    _require_known(files, extensions, path)
    return files


def split_store(data: object, extensions: Collection[str]) -> tuple[Path | None, str | None]:
    """Return the path of a store of arrays and the name of the array in it, from ``"path::name"``.

    Parameters
    ----------
    data : str, path, or list of paths
        What the user gave.
    extensions : collection of str
        Those of stores.

    Returns
    -------
    path : Path or None
        None if ``data`` is no store.
    name : str or None
        None if no name was given.
    """
    if isinstance(data, list | tuple):
        return (None, None) if len(data) > 1 else split_store(data[0], extensions)
    path, separator, name = str(os.fspath(data)).partition("::")  # type: ignore[call-overload]
    if Path(path).suffix.lower() not in extensions:
        return None, None
    return Path(path), name if separator else None


def _walk(folder: Path, stores: Collection[str]) -> Iterator[Path]:
    """Yield the files of a folder and of its ``key=value`` folders, in any order."""
    for entry in folder.iterdir():
        if entry.name.startswith(_SKIPPED):
            continue
        _require_no_store(str(entry), stores)
        if not entry.is_dir():
            yield entry
        elif "=" in entry.name and not entry.is_symlink():  # a link may lead around in a circle
            yield from _walk(entry, stores)
        else:
            raise DataError(
                f"{folder}: it holds the folder {entry.name!r}, which is not named key=value: name the files that"
                " hold the rows with a glob, such as FOLDER/**/*.parquet"
            )


def _matches(pattern: str, stores: Collection[str]) -> list[Path]:
    found = glob.glob(pattern, recursive=True)  # noqa: PTH207 (pathlib's takes no absolute pattern)
    parts = Path(pattern).parts
    named = next(
        index for index, part in enumerate(parts) if glob.has_magic(part)
    )  # by the user, whatever they are
    paths = [Path(match) for match in found]
    paths = [path for path in paths if not any(part.startswith(_SKIPPED) for part in path.parts[named:])]
    for path in paths:
        _require_no_store(str(path), stores)
    files = [path for path in paths if not path.is_dir()]
    if "**" not in pattern:  # which finds the files in folders by itself
        files += [file for path in paths if path.is_dir() for file in _walk(path, stores)]
    if not files:
        raise FileNotFoundError(errno.ENOENT, "no file matches", pattern)
    return files


def _require_no_store(path: str, stores: Collection[str]) -> None:
    if Path(path).suffix.lower() in stores:
        raise DataError(
            f"{path}: stores of arrays ({', '.join(sorted(stores))}) are read one at a time: pass one path alone"
        )


def _require_known(files: Sequence[Path], extensions: Collection[str], path: Path) -> None:
    unknown = [file for file in files if file.suffix.lower() not in extensions]
    if unknown:
        raise DataError(
            f"{path}: among the files is {str(unknown[0])!r}, whose extension is not known: name the files that hold"
            f" the rows with a glob, or save it as one of {listed(sorted(extensions))}"
        )
