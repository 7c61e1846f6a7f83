"""What is saved comes back bit for bit; what cannot be saved or read says so."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pandas import DataFrame
from sklearn import clone

from gaussmix import BayesianGaussianMixture, GaussianMixture, GaussianMixtureSearch, StudentTMixture
from gaussmix.errors import ModelFormatError, ParameterError
from gaussmix.persistence import dumps, load, loads, save

from .conftest import FIT, MODELS, make_background, make_mixture, make_student


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


@pytest.mark.parametrize("rule", ["component", "shared", "fixed"])
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical", "VVE"])
def test_t_distributions_come_back_bit_for_bit(rule, covariance_type):
    student = make_student(rule, covariance_type)
    saved = loads(dumps(student, feature_names=["a", "b"], fit=FIT))
    X = 10 * np.random.default_rng(0).standard_normal((50, 2))
    assert saved.mixture.degrees_of_freedom.tobytes() == student.degrees_of_freedom.tobytes()
    assert (saved.mixture.rule, saved.mixture.n_parameters) == (rule, student.n_parameters)
    assert (saved.feature_names, saved.fit, saved.background) == (("a", "b"), FIT, None)
    np.testing.assert_array_equal(saved.model.log_prob(X), student.log_prob(X))


@pytest.mark.parametrize("share", [0.0, 0.1, np.nextafter(1, 0)])
@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_a_background_comes_back_bit_for_bit(share, covariance_type):
    model = replace(make_background(covariance_type), share=share)
    saved = loads(dumps(model))
    X = 10 * np.random.default_rng(0).standard_normal((50, 2))
    assert (saved.background.share, saved.background.background) == (share, model.background)
    assert saved.mixture is saved.background.mixture
    assert saved.model is saved.background
    np.testing.assert_array_equal(saved.model.posterior(X), model.posterior(X))


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_what_is_loaded_is_saved_as_the_same_bytes(model):
    data = dumps(model, feature_names=["a", "b"], fit=FIT)
    saved = loads(data)
    assert dumps(saved.model, feature_names=saved.feature_names, fit=saved.fit) == data


def test_files_of_gaussian_mixtures_are_of_the_first_version():
    versions = {name: b'format_version\\":1,' in dumps(model) for name, model in MODELS.items()}
    assert versions == {"gaussian": True, "student": False, "background": False}


def test_a_file_of_the_first_version_is_read():
    """The bytes are those that the version before wrote for 0.6 N(0, I) + 0.4 N(8, 4 I)."""
    saved = load(Path(__file__).with_name("version_1.safetensors"))
    assert saved.mixture.weights.tolist() == [0.6, 0.4]
    assert saved.mixture.covariances.parameters().tolist() == [[[1, 0], [0, 1]], [[4, 0], [0, 4]]]
    assert (saved.feature_names, saved.fit) == (("height", "weight"), FIT)
    again = dumps(saved.model, feature_names=saved.feature_names, fit=saved.fit)
    assert again == Path(__file__).with_name("version_1.safetensors").read_bytes()


class Logistic:
    def __call__(self, X):
        return -np.abs(X).sum(axis=1)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (np.eye(3), "a fitted estimator of one, not a ndarray"),
        (replace(make_background(), background=Logistic()), "background is a function of yours"),
        (GaussianMixture(), "GaussianMixture has no mixture_ to be saved: fit it first"),
    ],
    ids=["array", "background", "unfitted"],
)
def test_models_that_cannot_be_saved(model, message, tmp_path):
    with pytest.raises(ParameterError, match=message):
        save(model, tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())


ESTIMATORS = [
    GaussianMixture(2, random_state=0),
    GaussianMixture(2, background="hull", init_params="kmeans"),
    StudentTMixture(2, degrees_of_freedom="shared", random_state=0),
    BayesianGaussianMixture(2, init_params="kmeans", random_state=0),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
def test_a_fitted_estimator_is_saved_with_names_and_history(estimator, tmp_path):
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(0, 1, (60, 2)), rng.normal(8, 2, (40, 2))])
    fitted = clone(estimator).fit(DataFrame(X, columns=["a", "b"]))
    save(fitted, tmp_path / "model.safetensors")
    saved = load(tmp_path / "model.safetensors")
    assert saved.feature_names == ("a", "b")
    assert (saved.fit["n_iter"], saved.fit["lower_bound"]) == (fitted.n_iter_, fitted.lower_bound_)
    assert saved.fit["init_params"] == fitted.init_params
    np.testing.assert_array_equal(saved.model.predict(X), fitted.predict(DataFrame(X, columns=["a", "b"])))
    save(fitted, tmp_path / "model.safetensors", feature_names=["c", "d"], fit={"n_iter": 1})
    assert load(tmp_path / "model.safetensors").feature_names == ("c", "d")


def test_a_history_holds_numbers_and_text_only():
    X = np.arange(8.0).reshape(4, 2) ** 2
    fitted = GaussianMixture(1, init_params=[0, 0, 0, 0], random_state=np.random.RandomState(0)).fit(X)
    saved = loads(dumps(fitted))
    assert not {"init_params", "random_state", "background"} & set(saved.fit)
    assert (saved.fit["n_rows"], saved.feature_names) == (4, None)


def test_a_search_is_saved_as_its_best_estimator():
    X = np.random.default_rng(0).standard_normal((30, 2))
    search = GaussianMixtureSearch([1, 2], covariance_type=["EII"], random_state=0).fit(X)
    assert dumps(search) == dumps(search.best_estimator_)


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
