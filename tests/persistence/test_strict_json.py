from __future__ import annotations

import pytest

from gaussmix.errors import ModelFormatError
from gaussmix.persistence.strict_json import parse

BAD = {
    "not JSON": "{'a': 1}",
    "is not JSON": '{"a": 1} trailing',
    "'a' more than once": '{"a": 1, "a": 2}',
    "'b' more than once": '{"x": [{"b": 1, "c": 0, "b": 1}]}',
    "NaN": '{"a": NaN}',
    "Infinity": "[-Infinity]",
    "beyond": "[1e999]",
    "deeper than 8": "[" * 9 + "]" * 9,
    "deeper": "[" * 100_000,
    "longer": '"' + "a" * 1_000_000 + '"',
    "is not JSON: Exceeds": "9" * 5000,
    "control character": '"\n"',
}


@pytest.mark.parametrize(("message", "text"), BAD.items())
def test_refused_with_a_sentence(message, text):
    with pytest.raises(ModelFormatError, match=f"^the text .*{message}"):
        parse(text, what="the text", max_length=200_000)


def test_brackets_in_strings_have_no_depth():
    text = r'{"a": "[[[[[[[[[[[[\"[[[[", "b": [[[[[[[1]]]]]]]}'
    assert parse(text, what="the text", max_length=1000) == {"a": '[[[[[[[[[[[["[[[[', "b": [[[[[[[1]]]]]]]}
