"""Checkpoints: where a fit stands, in one file that is whole at any moment.

The container is that of model files (``container``), with the state of the fit (``state``) as tensors and JSON. The
checkpoint before the last is kept beside it under the name with ``.1``. A file is believed only after its SHA-256 was
checked, and used only for the rows, parameters and versions that it was written for.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from gaussmix.atomic import write_atomically
from gaussmix.errors import CheckpointError, ModelFormatError
from gaussmix.persistence import container, strict_json
from gaussmix.persistence.state import Decoder, Encoder

FORMAT: Final = "gaussmix checkpoint"
FORMAT_VERSION: Final = 1
PREVIOUS: Final = ".1"
_KINDS: Final = ("F64", "I64", "I32")
_KEYS: Final = ("sha256", "format", "format_version", "characters")
_CONTENT: Final = ("finished", "about", "state", "objects")
_TEXT: Final = "text"  # the tensor that holds the JSON of the state, which may be longer than a header
_DEPTH: Final = 40
_N_FIELDS: Final = 7  # of the record of a run

About = Mapping[str, Mapping[str, Any]]
"""What a checkpoint belongs to: tables of rows, parameters and versions, of JSON's own types."""


def save_checkpoint(
    path: str | os.PathLike[str],
    state: object,
    about: About,
    shared: Mapping[str, object],
    *,
    finished: bool = False,
) -> None:
    """Write a checkpoint, whole or not at all, and keep the one before as ``path`` + ``.1``.

    Parameters
    ----------
    path : path-like
    state : object
        Of the classes of ``state.CLASSES``, lists, tuples, dicts and numbers.
    about : mapping
        What it belongs to.
    shared : mapping of str to object
        See ``state.Encoder``.
    finished : bool
        Whether the fit has ended.

    Raises
    ------
    OSError
        If it cannot be written; what was there is unchanged.
    ParameterError
        If the state is of a kind that cannot be stored.
    """
    from safetensors.numpy import save as serialize

    encode = Encoder(shared)
    content = dict(zip(_CONTENT, (finished, about, encode(state), encode.objects), strict=True))
    text = json.dumps(content, allow_nan=False).encode("ascii")
    values = (container.DIGEST_PLACE, FORMAT, FORMAT_VERSION, len(text))
    metadata = json.dumps(dict(zip(_KEYS, values, strict=True)))
    arrays = encode.arrays | {_TEXT: np.frombuffer(text.ljust(-(-len(text) // 8) * 8), np.int64)}
    data = container.seal(serialize(arrays, metadata={container.METADATA_KEY: metadata}))
    target = Path(path).resolve()  # of a symbolic link, what it points to
    _keep_previous(target)
    write_atomically(target, data)


def _keep_previous(path: Path) -> None:
    """Give the file at ``path`` a second name, so that it stays when the first one is taken over."""
    if not path.is_file():
        return
    link = path.with_name(f".gaussmix-{secrets.token_hex(8)}.tmp")
    try:
        os.link(path, link)
        link.replace(path.with_name(path.name + PREVIOUS))
    except OSError:  # no second names on this file system: a copy serves as well
        write_atomically(path.with_name(path.name + PREVIOUS), path.read_bytes())
    finally:
        with contextlib.suppress(FileNotFoundError):
            link.unlink()


@dataclass(frozen=True)
class Checkpoint:
    """Hold the content of a checkpoint whose bytes were found sound.

    Attributes
    ----------
    path : str
    finished : bool
        Whether the fit has ended.
    about : mapping
    """

    path: str
    finished: bool
    about: About
    _state: Any
    _objects: Any
    _arrays: Mapping[str, Any]

    def state(self, shared: Mapping[str, object]) -> Any:
        """Return the state, with ``shared`` as when it was written.

        Raises
        ------
        ModelFormatError
            If it is none that this version writes.
        """
        try:
            return Decoder(self._objects, self._arrays, shared)(self._state)
        except ModelFormatError as error:
            raise _named(self.path, error) from None

    def runs(self, shared: Mapping[str, object]) -> list[Any]:
        """Return the state as the records of runs that the estimators write.

        Raises
        ------
        ModelFormatError
            If it is none.
        """
        runs = self.state(shared)
        if type(runs) is not list or not all(type(run) is tuple and len(run) == _N_FIELDS for run in runs):
            raise _named(self.path, ModelFormatError("it does not hold the runs of a fit"))
        return runs

    def require(self, about: About) -> None:
        """Raise if the checkpoint was written for other rows, parameters or versions.

        Raises
        ------
        CheckpointError
            With a list of what differs.
        """
        differences = [
            f"{part} {name}: {_shown(self.about.get(part, {}), name)} in the checkpoint, {_shown(now, name)} here"
            for part, now in about.items()
            for name in sorted({*now, *self.about.get(part, {})})
            if self.about.get(part, {}).get(name, _ABSENT) != now.get(name, _ABSENT)
        ]
        if differences:
            raise CheckpointError(
                f"{self.path} is the checkpoint of another fit: {'; '.join(differences)}. Give the rows and "
                "parameters that it was written for, or name another file"
            )


_ABSENT: Final = object()


def _shown(table: Mapping[str, Any], name: str) -> str:
    return repr(table[name]) if name in table else "nothing"


def load_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Return the content of a checkpoint.

    Raises
    ------
    ModelFormatError
        If the file is damaged, foreign or of a newer version.
    OSError
        If it cannot be read.
    """
    data = Path(path).read_bytes()
    try:
        return _parsed(str(path), data)
    except ModelFormatError as error:
        raise _named(path, error) from None


def _named(path: str | os.PathLike[str], error: ModelFormatError) -> ModelFormatError:
    previous = Path(f"{os.fspath(path)}{PREVIOUS}")
    advice = f"; the one before it is {previous}: rename it to go on from there" if previous.exists() else ""
    return ModelFormatError(f"{os.fspath(path)} is not a usable checkpoint: {error}{advice}")


def _parsed(path: str, data: bytes) -> Checkpoint:
    from safetensors import SafetensorError
    from safetensors.numpy import load as deserialize

    header_bytes = container.header_length(data[: container.PREFIX], len(data))
    header = container.read_header(
        data[container.PREFIX : container.PREFIX + header_bytes], tensors=None, kinds=_KINDS
    )
    container.check_extent(header, header_bytes, len(data))
    table = strict_json.parse(header.metadata, what="its metadata", max_length=container.METADATA_LIMIT)
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        raise ModelFormatError("it holds no checkpoint (a model file?)")
    if table.get("format_version") != FORMAT_VERSION:
        raise ModelFormatError(
            f"its format_version is {table.get('format_version')!r}, and this version reads {FORMAT_VERSION}"
        )
    if set(table) != set(_KEYS) or type(table["characters"]) is not int or _TEXT not in header.shapes:
        raise ModelFormatError("its metadata has other entries than those of a checkpoint")
    container.check_seal(data, table["sha256"])
    try:
        arrays = deserialize(data)
    except SafetensorError as error:
        raise ModelFormatError(f"the safetensors parser refuses it ({error})") from None
    text = arrays.pop(_TEXT).tobytes()[: table["characters"]].decode("ascii", errors="replace")
    content = strict_json.parse(text, what="its content", max_length=len(text), max_depth=_DEPTH)
    if (
        not isinstance(content, dict)
        or set(content) != set(_CONTENT)
        or not isinstance(content["about"], dict)
    ):
        raise ModelFormatError("its content has other entries than those of a checkpoint")
    return Checkpoint(
        path, bool(content["finished"]), content["about"], content["state"], content["objects"], arrays
    )
