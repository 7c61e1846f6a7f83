"""Damaged files of t distributions and of mixtures before a background: what they have beside Gaussian mixtures."""

from __future__ import annotations

import numpy as np
import pytest

from gaussmix.persistence import dumps, loads

from .conftest import MODELS
from .test_damaged_files import forge, parts, refuse, with_tensors

STUDENT, BACKGROUND = (dumps(MODELS[name]) for name in ("student", "background"))
UNIFORM = {"kind": "background", "density": "uniform", "share": 0.1, "log_volume": 5.0}


def with_model(data: bytes, model: object, **changes: object) -> bytes:
    """Return the file with another table "model" in its metadata."""
    header, metadata, tensors = parts(data)
    return forge(header, {**metadata, "model": model, **changes}, tensors)


def test_the_forger_can_make_sound_files():
    assert loads(with_tensors(STUDENT, degrees_of_freedom=[1, 2])).mixture.degrees_of_freedom.tolist() == [
        1,
        2,
    ]
    assert loads(with_model(BACKGROUND, UNIFORM)).background.share == 0.1


@pytest.mark.parametrize(
    ("degrees", "message"),
    [
        ([1, np.nan], "degrees_of_freedom are not all finite"),
        ([np.inf, 1], "degrees_of_freedom are not all finite"),
        ([0, 1], "degrees_of_freedom are not all positive"),
        ([1, -1], "degrees_of_freedom are not all positive"),
        ([1, 2, 3], "degrees_of_freedom have the shape"),
        ([[1], [2]], "degrees_of_freedom have the shape"),
        (1.0, "degrees_of_freedom have the shape"),
    ],
    ids=str,
)
def test_forged_degrees_of_freedom(degrees, message):
    refuse(with_tensors(STUDENT, degrees_of_freedom=degrees), message)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (None, "entry 'model' of its metadata is not a table"),
        ([], "entry 'model' of its metadata is not a table"),
        ({}, "kind of model is none of student, background"),
        ({"kind": ["student"]}, "kind of model is none of"),
        ({"kind": "gaussian"}, "kind of model is none of"),
        ({"kind": "student"}, "unknown entries: rule"),
        ({"kind": "student", "rule": "component", "extra": 1}, "unknown entries: extra"),
        ({"kind": "student", "rule": "all"}, "none of component, shared, fixed"),
        ({"kind": "student", "rule": ["component"]}, "none of component, shared, fixed"),
        ({"kind": "student", "rule": "shared"}, "differ where the components share them"),
        (UNIFORM, "does not list the tensors"),
    ],
    ids=str,
)
def test_forged_tables_of_t_distributions(model, message):
    refuse(with_model(STUDENT, model), message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"share": 1.0}, "share of its background is 1, not between 0 and 1"),
        ({"share": -0.1}, "share of its background is -0.1"),
        ({"share": 1}, "share of its background is not a floating-point number"),
        ({"share": "0.1"}, "share of its background is not"),
        ({"log_volume": None}, "log_volume of its background is not"),
        ({"log_volume": float("inf")}, "Infinity"),
        ({"log_volume": 10**400}, "log_volume of its background is not"),
        ({"density": "normal"}, "is not 'uniform'"),
        ({"density": {}}, "is not 'uniform'"),
        ({"hull": []}, "unknown entries: hull"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_forged_backgrounds(change, message):
    refuse(with_model(BACKGROUND, {**UNIFORM, **change}), message)


@pytest.mark.parametrize("name", ["student", "background"])
def test_other_kinds_are_not_of_the_first_version(name):
    header, metadata, tensors = parts(dumps(MODELS[name]))
    refuse(forge(header, {**metadata, "format_version": 1}, tensors), "unknown entries: model")


def test_a_gaussian_mixture_is_not_of_the_second_version(sound):
    header, metadata, tensors = parts(sound)
    refuse(forge(header, {**metadata, "format_version": 2}, tensors), "unknown entries: model")


def test_a_gaussian_mixture_has_no_further_tensors(sound):
    refuse(with_tensors(sound, degrees_of_freedom=[1, 2]), "does not list the tensors")


def test_t_distributions_have_no_low_rank_covariances():
    factors = np.ones((2, 130, 2))
    header, metadata, tensors = parts(with_tensors(STUDENT, covariances=factors, means=np.zeros((2, 130))))
    metadata |= {"covariance_type": "mfa", "n_features": 130, "feature_names": None}
    refuse(forge(header, metadata, tensors), "no t distributions of covariance_type 'mfa' in 130 features")
