from __future__ import annotations

import pytest

from gaussmix.covariance import CELEUX_GOVAERT, COVARIANCE_TYPES, FAMILIES, UNIVARIATE, resolve_family
from gaussmix.errors import ParameterError


@pytest.mark.parametrize("name", FAMILIES)
def test_a_name_and_an_instance_give_the_family(name):
    family = resolve_family(name)
    assert family.name == name
    assert resolve_family(family) is family


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ParameterError, match=r"one of 'full', 'tied', 'diag', 'spherical'.* got 'fulll'"):
        resolve_family("fulll")


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_declares_what_laws_need(name):
    assert FAMILIES[name].invariance in ("linear", "diagonal", "orthogonal")
    assert FAMILIES[name].scatter.shape(2, 3)


def test_there_are_fourteen_codes_and_a_family_for_each():
    assert len(set(CELEUX_GOVAERT)) == 14
    assert [resolve_family(code).code for code in CELEUX_GOVAERT] == list(CELEUX_GOVAERT)
    assert {family.code for family in FAMILIES.values()} == set(CELEUX_GOVAERT)


@pytest.mark.parametrize(
    ("code", "name"), [("VVV", "full"), ("EEE", "tied"), ("VVI", "diag"), ("VII", "spherical")]
)
def test_four_codes_are_other_names(code, name):
    assert resolve_family(code) is resolve_family(name)


@pytest.mark.parametrize("name", COVARIANCE_TYPES)
def test_every_accepted_name_gives_a_family(name):
    assert resolve_family(name, 1) is resolve_family(name) in FAMILIES.values()


@pytest.mark.parametrize("name", UNIVARIATE)
def test_names_for_one_feature_are_refused_for_two(name):
    assert resolve_family(name, 1).n_parameters(3, 1) == {"E": 1, "V": 3}[name]
    with pytest.raises(ParameterError, match=r"one feature, but there are 2: use '.II'"):
        resolve_family(name, 2)
