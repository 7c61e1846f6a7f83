"""Features and weights in columns of one table, file or collection."""

from __future__ import annotations

import numpy as np
import pytest

from gaussmix import BayesianGaussianMixture, GaussianMixture, GaussianMixtureSearch, StudentTMixture
from gaussmix.errors import DataError
from gaussmix.source import as_source

pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

X = np.random.default_rng(0).normal(size=(80, 2)) + np.repeat([[0.0], [8.0]], 40, axis=0)
FRAME = pd.DataFrame({"a": X[:, 0], "w": np.arange(1.0, 81.0), "b": X[:, 1]})
ESTIMATORS = [GaussianMixture, StudentTMixture, BayesianGaussianMixture, GaussianMixtureSearch]


@pytest.fixture
def path(tmp_path):
    FRAME.to_parquet(tmp_path / "x.parquet")
    return tmp_path / "x.parquet"


@pytest.mark.parametrize("kind", ["frame", "path", "dask"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_labels_of_rows_with_a_column_of_weights(estimator, kind, path):
    data = {"frame": FRAME, "path": path}.get(kind)
    if data is None:
        data = pytest.importorskip("dask.dataframe").from_pandas(FRAME, npartitions=3)
    model = estimator(2, random_state=0)
    labels = np.asarray(model.fit_predict(data, sample_weight="w"))
    assert labels.tolist() == model.predict(FRAME[["a", "b"]]).tolist()
    assert list(model.feature_names_in_) == ["a", "b"]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_features_are_found_in_files_by_their_names(estimator, path, tmp_path):
    model = estimator(2, random_state=0).fit(path, sample_weight="w")
    FRAME[["b", "w", "a"]].to_csv(tmp_path / "y.csv", index=False, float_format="%.17g")
    expected = model.score_samples(FRAME[["a", "b"]]).tolist()
    assert model.score_samples(path).tolist() == expected
    assert model.score_samples(tmp_path / "y.csv").tolist() == expected
    assert model.score(path, sample_weight="w") == model.score(FRAME, sample_weight="w")


def test_other_columns_of_a_source_are_named(path):
    model = GaussianMixture(2, random_state=0).fit(path, sample_weight="w")
    with pytest.raises(DataError, match=r"no features of the fit, 'w': choose its features, as X\[list"):
        model.predict(as_source(path))


def test_a_file_without_a_feature_of_the_fit_is_refused(path, tmp_path):
    model = GaussianMixture(2, random_state=0).fit(path, sample_weight="w")
    FRAME[["a", "w"]].to_csv(tmp_path / "y.csv", index=False)
    with pytest.raises(DataError, match=r"feature names should match .* got \['a', 'w'\]"):
        model.predict(tmp_path / "y.csv")
