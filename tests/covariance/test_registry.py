from __future__ import annotations

import pytest

from gaussmix.covariance import FAMILIES, resolve_family
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
