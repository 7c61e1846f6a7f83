"""Files that were cut, changed or made to harm: always ModelFormatError with one sentence (catalogue F)."""

from __future__ import annotations

import ast
import io
import json
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

import gaussmix.persistence
from gaussmix.errors import ModelFormatError
from gaussmix.persistence import load, loads
from gaussmix.persistence.container import DIGEST_PLACE, seal


def refuse(data: bytes, message: str = ".") -> None:
    with pytest.raises(ModelFormatError, match=message) as error:
        loads(data)
    assert len(str(error.value).splitlines()) == 1


def parts(data: bytes) -> tuple[dict, dict, bytes]:
    """Return header, metadata and tensors of a model file."""
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    return header, json.loads(header["__metadata__"]["gaussmix"]), data[8 + length :]


def forge(header: dict | str, metadata: dict | str | None, tensors: bytes) -> bytes:
    """Return a file with a right length and a right SHA-256, as an attacker would make it."""
    if isinstance(metadata, dict):
        metadata = json.dumps({**metadata, "sha256": DIGEST_PLACE} if "sha256" in metadata else metadata)
    if isinstance(header, dict):
        if metadata is not None:
            header = {**header, "__metadata__": {"gaussmix": metadata}}
        header = json.dumps(header)
    raw = header.encode()
    raw += b" " * (-len(raw) % 8)
    data = struct.pack("<Q", len(raw)) + raw + tensors
    return seal(data) if DIGEST_PLACE.encode() in data else data


def with_tensors(data: bytes, **changed: object) -> bytes:
    """Return the file with some tensors replaced by others, of any shape."""
    header, metadata, raw = parts(data)
    old = {name: entry for name, entry in header.items() if name != "__metadata__"}
    arrays = {
        name: np.frombuffer(raw[slice(*entry["data_offsets"])]).reshape(entry["shape"])
        for name, entry in old.items()
    }
    arrays.update({name: np.asarray(value, dtype=float) for name, value in changed.items()})
    header, stop = {}, 0
    for name, array in arrays.items():
        header[name] = {
            "dtype": "F64",
            "shape": list(array.shape),
            "data_offsets": [stop, stop + array.nbytes],
        }
        stop += array.nbytes
    return forge(header, metadata, b"".join(array.tobytes() for array in arrays.values()))


def test_the_forger_can_make_sound_files(sound):
    assert loads(forge(*parts(sound))).feature_names == ("height", "weight")
    assert loads(with_tensors(sound)).mixture.n_components == 2


def test_cut_at_every_byte(any_sound):
    for stop in range(len(any_sound)):
        refuse(any_sound[:stop])


def test_a_cut_file_is_refused_by_load(sound, tmp_path):
    path = tmp_path / "cut.safetensors"
    for stop in range(0, len(sound), 37):
        path.write_bytes(sound[:stop])
        with pytest.raises(ModelFormatError, match=r"cut\.safetensors"):
            load(path)


@pytest.mark.parametrize("mask", [1, 0x20, 0xFF])
def test_some_changed_bytes(any_sound, mask):
    for place in range(mask % 7, len(any_sound), 7):
        refuse(any_sound[:place] + bytes([any_sound[place] ^ mask]) + any_sound[place + 1 :])


@pytest.mark.slow
@pytest.mark.parametrize("mask", range(1, 256))
def test_every_changed_byte(sound, mask):
    for place in range(len(sound)):
        refuse(sound[:place] + bytes([sound[place] ^ mask]) + sound[place + 1 :])


@pytest.mark.slow
@pytest.mark.parametrize("bit", range(8))
def test_every_flipped_bit_of_every_kind(any_sound, bit):
    for place in range(len(any_sound)):
        refuse(any_sound[:place] + bytes([any_sound[place] ^ 1 << bit]) + any_sound[place + 1 :])


def test_random_bytes():
    rng = np.random.default_rng(0)
    for size in range(300):
        refuse(rng.bytes(size))
        refuse(struct.pack("<Q", size) + rng.bytes(size))


class Canary:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_is_never_opened(tmp_path, protocol):
    path, canary = tmp_path / "model.safetensors", tmp_path / "canary"
    path.write_bytes(pickle.dumps(Canary(canary), protocol=protocol))
    with pytest.raises(ModelFormatError, match="pickle" if protocol > 1 else "not a .safetensors"):
        load(path)
    assert not canary.exists()


def _npy() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.eye(3))
    return stream.getvalue()


def _zip(start: bytes = b"") -> bytes:
    stream = io.BytesIO(start)
    stream.seek(0, io.SEEK_END)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("weights.npy", _npy())
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (_npy(), r"a NumPy \.npy file"),
        (_zip(), "a zip archive"),
        (b'{"weights": [1.0]}', "a JSON text"),
        (b"a,b\n1,2\n3,4\n5,6\n", "not a .safetensors file"),
        (b"\0" * 100, "cut off or damaged"),
        (struct.pack("<Q", 2**63) + b"{}", "not a .safetensors file"),
        (struct.pack("<Q", 101 * 2**20) + b"{}", "not a .safetensors file"),
    ],
)  # fmt: skip
def test_other_formats(data, message):
    refuse(data, message)


def test_polyglot_with_a_zip_archive(sound):
    refuse(_zip(sound), "followed by other bytes")


def test_metadata_of_another_program(sound):
    header, metadata, tensors = parts(sound)
    refuse(forge(header, {**metadata, "format": "pt"}, tensors), "does not say format 'gaussmix'")
    header["__metadata__"] = {"format": "pt"}
    refuse(forge(header, None, tensors), "single entry 'gaussmix'")


def test_a_newer_version_says_upgrade(sound):
    header, metadata, tensors = parts(sound)
    del metadata["fit"]  # the message must not depend on what else a later version changes
    newer = forge(header, {**metadata, "format_version": 3, "shrinkage": 0.5}, tensors)
    refuse(newer, r"written by a newer gaussmix \(model format 3; this one reads up to 2\): upgrade")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 0}, "format_version"),
        ({"format_version": True}, "format_version"),
        ({"extra": 1}, "unknown entries: extra"),
        ({"n_components": 3}, "shape"),
        ({"n_features": 3, "feature_names": None}, "shape"),
        ({"n_components": -2}, "n_components is not a positive integer"),
        ({"n_features": 2.0}, "n_features is not a positive integer"),
        ({"covariance_type": "tied"}, "shape"),
        ({"covariance_type": "round"}, "'round' is none of full"),
        ({"covariance_type": ["full"]}, "covariance_type is not a string"),
        ({"feature_names": ["a"]}, "1 feature names for 2 features"),
        ({"feature_names": ["a", "a"]}, "not unique"),
        ({"feature_names": ["a", 1]}, "strings"),
        ({"feature_names": "ab"}, "strings"),
        ({"feature_names": ["a", "\ud800"]}, "Unicode"),
        ({"feature_names": ["a", "b" * 10_001]}, "longer than 10000"),
        ({"feature_names": [str(i) for i in range(1_000_000)]}, "longer than"),
        ({"fit": []}, "fit history is not a table"),
        ({"fit": {"n_iter": 2.5}}, "n_iter"),
        ({"fit": {"converged": 1}}, "converged"),
        ({"fit": {"lower_bound": float("nan")}}, "NaN"),
        ({"fit": {"a": [[[[[[[[1]]]]]]]]}}, "nested deeper"),
        ({"algorithm_version": "1"}, "algorithm_version"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_forged_metadata(sound, change, message):
    header, metadata, tensors = parts(sound)
    refuse(forge(header, {**metadata, **change}, tensors), message)


def test_repeated_keys_in_the_metadata(sound):
    header, metadata, tensors = parts(sound)
    text = json.dumps({**metadata, "sha256": DIGEST_PLACE})
    refuse(forge(header, text[:-1] + ', "n_components": 2}', tensors), "'n_components' more than once")


def test_repeated_keys_in_the_header(sound):
    header, _, tensors = parts(sound)
    text = json.dumps(header)
    refuse(forge(text[:-1] + f', "means": {json.dumps(header["means"])}}}', None, tensors), "more than once")


@pytest.mark.parametrize("missing", ["sha256", "fit", "covariance_type"])
def test_missing_metadata(sound, missing):
    header, metadata, tensors = parts(sound)
    del metadata[missing]
    refuse(forge(header, metadata, tensors), "SHA-256" if missing == "sha256" else missing)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"dtype": "F32"}, "float64"),
        ({"shape": [2, -2]}, "positive integers"),
        ({"shape": [2, 0]}, "positive integers"),
        ({"shape": [True, 2]}, "positive integers"),
        ({"shape": 4}, "positive integers"),
        ({"shape": [4]}, "shape"),
        ({"shape": [10**9, 10**9]}, "cut off"),
        ({"data_offsets": [0, 32]}, "safetensors parser"),
        ({"data_offsets": [64, 1]}, "safetensors parser"),
        ({"data_offsets": "all"}, "safetensors parser"),
        ({"extra": 1}, "dtype, shape and data_offsets"),
    ],
    ids=str,
)
def test_forged_tensor_entries(sound, entry, message):
    header, metadata, tensors = parts(sound)
    header["means"] = {**header["means"], **entry}
    refuse(forge(header, metadata, tensors), message)


def test_a_tensor_of_another_name(sound):
    header, metadata, tensors = parts(sound)
    header["centres"] = header.pop("means")
    refuse(forge(header, metadata, tensors), "does not list the tensors")


def test_a_tensor_too_many(sound):
    refuse(with_tensors(sound, extra=[1.0]), "does not list the tensors")


@pytest.mark.parametrize("text", ["[]", "{}", "1", '"a"', "[" * 100_000, "\0", "{" * 3, ""])
def test_headers_that_are_no_table(text):
    refuse(forge(text, None, b""))


EYE = np.eye(2)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"weights": [np.nan, 1]}, "weights are not all finite"),
        ({"means": [[0, np.inf], [0, 0]]}, "means are not all finite"),
        ({"covariances": [EYE, EYE * np.nan]}, "covariances are not all finite"),
        ({"weights": [-0.5, 1.5]}, "weight of component 0 is negative"),
        ({"weights": [0.5, 0.5 + 1e-8]}, "sum to 1.00000001"),
        ({"weights": [1e308, 1e308]}, "sum to inf"),
        ({"weights": [0.0, 0.0]}, "sum to 0"),
        ({"covariances": [EYE, [[1, 0.5], [0.4, 1]]]}, "symmetric"),
        ({"covariances": [EYE, [[1, 2], [2, 1]]]}, "positive"),
        ({"covariances": [EYE, [[0, 0], [0, 1]]]}, "positive"),
        ({"covariances": [EYE, -EYE]}, "positive"),
        ({"covariances": [EYE, [[1e308, -1e308], [1e308, 1e308]]]}, "symmetric"),
        ({"weights": [[0.5], [0.5]]}, "weights have the shape"),
        ({"means": [[0.0], [0.0]]}, "means have the shape"),
        ({"covariances": EYE}, "covariances have the shape"),
        ({"weights": 1.0}, "weights have the shape"),
    ],
    ids=str,
)
def test_forged_values(sound, changed, message):
    refuse(with_tensors(sound, **changed), message)


def test_factors_that_are_a_number(sound):
    header, metadata, tensors = parts(with_tensors(sound, covariances=1.0))
    refuse(forge(header, {**metadata, "covariance_type": "mfa"}, tensors), "covariances have the shape")


def test_a_huge_claim_allocates_nothing(sound, tmp_path):
    header, metadata, _ = parts(sound)
    header["means"] = {"dtype": "F64", "shape": [10**6, 10**6], "data_offsets": [0, 8 * 10**12]}
    path = tmp_path / "huge.safetensors"
    path.write_bytes(forge(header, metadata, b""))
    tracemalloc.start()
    with pytest.raises(ModelFormatError, match="cut off"):
        load(path)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_a_large_hollow_file_is_not_read(tmp_path):
    path = tmp_path / "hollow.safetensors"
    with path.open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(ModelFormatError):
        load(path)


FORBIDDEN = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "eval", "exec"}


@pytest.mark.parametrize(
    "path", sorted(Path(gaussmix.persistence.__file__).parent.glob("*.py")), ids=lambda p: p.name
)
def test_the_source_has_no_way_to_unpickle(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = {getattr(node, "id", ""), getattr(node, "attr", ""), getattr(node, "module", "") or ""}
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.name for alias in node.names}
        assert not FORBIDDEN & names
        assert getattr(node, "arg", None) != "allow_pickle"
