"""What is saved comes back bit for bit; what cannot be saved or read says so."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from gaussmix.errors import ModelFormatError, ParameterError
from gaussmix.persistence import dumps, load, loads, save

from .conftest import FIT, make_mixture


def test_round_trip_keeps_every_bit(mixture, tmp_path):
    path = tmp_path / "model.safetensors"
    save(mixture, path, feature_names=["a", "b"], fit=FIT)
    saved = load(path)
    assert saved.mixture.covariance_type == mixture.covariance_type
    assert saved.feature_names == ("a", "b")
    assert saved.fit == FIT
    for name in ("weights", "means"):
        assert getattr(saved.mixture, name).tobytes() == getattr(mixture, name).tobytes()
    assert saved.mixture.covariances.parameters().tobytes() == mixture.covariances.parameters().tobytes()


@pytest.mark.parametrize("scale", [1e-150, 1e150])
@pytest.mark.parametrize("K", [1, 40])
def test_round_trip_of_extremes(K, scale):
    small = make_mixture("diag", K, 5)
    mixture = type(small).from_parameters(
        small.weights, small.means * scale, small.covariances.parameters() * scale**2, "diag"
    )
    again = loads(dumps(mixture)).mixture
    assert again.weights.tobytes() == mixture.weights.tobytes()
    assert again.covariances.parameters().tobytes() == mixture.covariances.parameters().tobytes()


def test_equal_content_gives_equal_bytes(mixture):
    assert dumps(mixture, fit=FIT) == dumps(loads(dumps(mixture)).mixture, fit=dict(FIT))


def test_a_loaded_model_predicts_the_same(mixture):
    X = np.random.default_rng(0).standard_normal((50, 2))
    np.testing.assert_array_equal(loads(dumps(mixture)).mixture.log_prob(X), mixture.log_prob(X))


@pytest.mark.parametrize(
    "names", [["0" * 64, "x"], ["größe", "身長 🙂"], ['"\\', "\n\0"], ["x" * 10_000, ""]]
)
def test_any_text_may_be_a_feature_name(names):
    assert loads(dumps(make_mixture(), feature_names=names)).feature_names == tuple(names)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a"], "1 feature names for 2"),
        (["a", "a"], "not unique"),
        (["a", "b" * 10_001], "longer than 10000"),
        (["a", "\ud800"], "Unicode"),
    ],
)
def test_names_that_cannot_be_saved(names, message):
    with pytest.raises(ParameterError, match=message):
        dumps(make_mixture(), feature_names=names)


def test_names_that_take_too_much_room():
    names = [f"{i:09}" * 1000 for i in range(120)]
    with pytest.raises(ParameterError, match="shorter names"):
        dumps(make_mixture("diag", 1, 120), feature_names=names)


def test_fit_history_takes_numpy_values_and_loses_nothing_but_nan():
    fit = {"n_iter": np.int64(3), "tol": np.float64(0.5), "lower_bound": np.nan, "bounds": np.arange(2.0)}
    expected = {"n_iter": 3, "tol": 0.5, "lower_bound": None, "bounds": [0.0, 1.0]}
    assert loads(dumps(make_mixture(), fit=fit)).fit == expected


@pytest.mark.parametrize("fit", [{"a": object()}, {"n_iter": "many"}, {"x": [[[[[[[[[1]]]]]]]]]}])
def test_fit_history_that_cannot_be_saved(fit):
    with pytest.raises(ParameterError, match="saved"):
        dumps(make_mixture(), fit=fit)


def test_errors_name_the_file(tmp_path):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"not a model at all")
    with pytest.raises(
        ModelFormatError, match=r"broken\.safetensors is not a usable gaussmix model file: it is"
    ):
        load(path)


def test_missing_files_and_folders_stay_os_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        load(tmp_path)
    with pytest.raises(ModelFormatError, match="regular"):
        load("/dev/null")


def test_concurrent_writers_leave_one_whole_file(tmp_path, sound):
    path = tmp_path / "model.safetensors"
    writers = [threading.Thread(target=save, args=(make_mixture(K=k), path)) for k in (1, 2, 3, 4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert load(path).mixture.n_components in (1, 2, 3, 4)
    assert list(tmp_path.iterdir()) == [path]
