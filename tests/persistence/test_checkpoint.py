from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from gaussmix import Mixture
from gaussmix.errors import CheckpointError, ModelFormatError, ParameterError
from gaussmix.fit import Convergence
from gaussmix.persistence.checkpoint import load_checkpoint, save_checkpoint

ABOUT = {"data": {"rows": 3}, "parameter": {"tol": "0.1", "n_components": 2}}


def mixture() -> Mixture:
    return Mixture.from_parameters([0.25, 0.75], [[0.0, 1.0], [2.0, 3.0]], [np.eye(2), 2 * np.eye(2)])


def saved(path: Path, state: object) -> object:
    save_checkpoint(path, state, ABOUT, {})
    return load_checkpoint(path).state({})


def test_numbers_text_and_containers_come_back_as_they_were(tmp_path: Path) -> None:
    state = [None, True, -(2**90), 0.1, float("inf"), "é", (1, [2.5]), {"a": 1, 2: (3,)}, frozenset({4})]
    assert saved(tmp_path / "state", state) == state


def test_long_lists_of_numbers_come_back_bit_for_bit(tmp_path: Path) -> None:
    history = [float(np.nextafter(0.1, x)) for x in range(20)]
    assert saved(tmp_path / "state", history) == history


@pytest.mark.parametrize(
    "array",
    [np.array([0.1, np.inf]), np.array([True, False]), np.empty((0, 3)), np.arange(5, dtype=np.int32)],
)
def test_arrays_come_back_with_their_type_and_shape(tmp_path: Path, array: np.ndarray) -> None:
    back = saved(tmp_path / "state", [array])[0]
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_a_mixture_comes_back_bit_for_bit(tmp_path: Path) -> None:
    one = mixture()
    shared = {"family": one.family}
    save_checkpoint(tmp_path / "state", one, ABOUT, shared)
    two = load_checkpoint(tmp_path / "state").state(shared)
    assert two.family is one.family
    X = np.random.default_rng(0).normal(size=(50, 2))
    np.testing.assert_array_equal(one.log_prob(X), two.log_prob(X))


def test_what_was_one_object_is_one_object_again(tmp_path: Path) -> None:
    watch, array = Convergence(1e-3), np.zeros(3)
    one, two, first, second = saved(tmp_path / "state", [watch, watch, array, array])
    assert one is two
    assert first is second
    assert vars(one) == vars(watch)


def test_a_class_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"uses \w*Path cannot be written"):
        save_checkpoint(tmp_path / "state", Path(), ABOUT, {})
    assert not list(tmp_path.iterdir())


def test_the_one_before_is_kept(tmp_path: Path) -> None:
    for number in range(3):
        save_checkpoint(tmp_path / "state", number, ABOUT, {})
    assert load_checkpoint(tmp_path / "state").state({}) == 2
    assert load_checkpoint(tmp_path / "state.1").state({}) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state", "state.1"]


def test_without_second_names_the_one_before_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    for number in range(2):
        save_checkpoint(tmp_path / "state", number, ABOUT, {})
    assert load_checkpoint(tmp_path / "state.1").state({}) == 0


def test_what_differs_is_listed(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "state", None, ABOUT, {})
    here = {"data": {"rows": 4}, "parameter": {"tol": "0.1", "n_components": 2, "n_init": 5}}
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(tmp_path / "state").require(here)
    assert (
        "data rows: 3 in the checkpoint, 4 here; parameter n_init: nothing in the checkpoint, 5 here"
        in str(caught.value)
    )
    assert "tol" not in str(caught.value)


def test_a_checkpoint_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "state", [mixture().means, 1.5], ABOUT, {})
    data = (tmp_path / "state").read_bytes()
    for length in range(len(data)):
        (tmp_path / "cut").write_bytes(data[:length])
        with pytest.raises(ModelFormatError, match="not a usable checkpoint"):
            load_checkpoint(tmp_path / "cut")


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "state", [mixture().means, 1.5], ABOUT, {})
    data = bytearray((tmp_path / "state").read_bytes())
    for place in range(0, len(data), 3):
        data[place] ^= 1
        (tmp_path / "changed").write_bytes(data)
        with pytest.raises(ModelFormatError):
            load_checkpoint(tmp_path / "changed")
        data[place] ^= 1


def test_a_model_file_is_told_apart(tmp_path: Path) -> None:
    from gaussmix import save

    save(mixture(), tmp_path / "model.safetensors")
    with pytest.raises(ModelFormatError, match="holds no checkpoint"):
        load_checkpoint(tmp_path / "model.safetensors")


def test_a_damaged_one_points_to_the_one_before(tmp_path: Path) -> None:
    for number in range(2):
        save_checkpoint(tmp_path / "state", number, ABOUT, {})
    (tmp_path / "state").write_bytes(b"")
    with pytest.raises(ModelFormatError, match=r"state\.1: rename it"):
        load_checkpoint(tmp_path / "state")


def test_a_state_may_be_longer_than_a_header(tmp_path: Path) -> None:
    state = [str(number) * 10 for number in range(60_000)]
    assert saved(tmp_path / "state", state) == state


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "state")
    for number in range(2):
        save_checkpoint(tmp_path / "link", number, ABOUT, {})
    assert (tmp_path / "link").is_symlink()
    assert load_checkpoint(tmp_path / "state.1").state({}) == 0


def test_a_checkpoint_without_runs_is_refused(tmp_path: Path) -> None:
    for state in (3, [3], [(1, 2)]):
        save_checkpoint(tmp_path / "state", state, ABOUT, {})
        with pytest.raises(ModelFormatError, match="does not hold the runs of a fit"):
            load_checkpoint(tmp_path / "state").runs({})
