from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from gaussmix.errors import DataError
from gaussmix.source import as_source

pytest.importorskip("pyarrow")


def read(path, content, **options):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    source = as_source(path, **options)
    return source.feature_names, source.take(np.arange(source.n_rows)).tolist()


GOOD = {
    "plain": ("a,b\n1,2\n3,4\n", "ab"),
    "no last line end": ("a,b\n1,2\n3,4", "ab"),
    "CRLF": ("a,b\r\n1,2\r\n3,4\r\n", "ab"),
    "byte order mark": ("\ufeffa,b\n1,2\n3,4\n", "ab"),
    "blank lines": ("\na,b\n\n1,2\n3,4\n\n", "ab"),
    "quotes and spaces": ('"a","b"\n"1", 2\n 3,"4"\n', "ab"),
    "floats after integers": ("a,b\n1,2\n3.0,4e0\n", "ab"),
    "no header": ("1,2\n3,4\n", ("x0", "x1")),
    "no header, byte order mark": ("\ufeff1.0,+2e0\r\n3,4\r\n", ("x0", "x1")),
}


@pytest.mark.parametrize("case", GOOD)
def test_layouts_of_the_same_table(case, tmp_path):
    content, names = GOOD[case]
    assert read(tmp_path / "x.csv", content) == (tuple(names), [[1, 2], [3, 4]])


def test_truth_values_are_numbers(tmp_path):
    assert read(tmp_path / "x.csv", "a,b\ntrue,0\nfalse,1\n") == (("a", "b"), [[1, 0], [0, 1]])


def test_columns_left_out_may_hold_anything(tmp_path):
    content = ',name,b,c\n0,"x\ny",1,2\n1,z,3,4\n'
    assert read(tmp_path / "x.csv", content, columns=["c", "b"]) == (("c", "b"), [[2, 1], [4, 3]])
    assert read(tmp_path / "y.csv", "1,2\n3,4\n", columns=["x1"]) == (("x1",), [[2], [4]])


BAD = {
    "text cell": ("a,b\n1,2\n3,x\n", "row 1, column 'b' is 'x', not a number"),
    "text cell, no header": ("1,2\n3,x\n", "row 1, column 'x1' is 'x'"),
    "text after blank line": ("a,b\n\n1,2\n\n3,x\n", "row 1, column 'b' is 'x'"),
    "dates": ("a,b\n1,2024-01-01\n", "row 0, column 'b' is '2024-01-01'"),
    "decimal comma": ('a,b\n1,"1,5"\n', "row 0, column 'b' is '1,5'"),
    "NUL": ("a,b\n1,2\0\n", r"row 0, column 'b' is '2\\x00'"),
    "hexadecimal": ("a\n0x10\n", "row 0, column 'a' is '0x10'"),
    "open quote": ('a,b\n1,"2\n3,4\n', "row 0, column 'b' is"),
    "too many cells": ("a,b\n1,2\n3,4,5\n", r"row 1 has 3 cell\(s\) where 2 are expected"),
    "too few cells": ("1,2\n3\n", r"row 1 has 1 cell\(s\) where 2 are expected"),
    "empty cell": ("a,b\n1,2\n,4\n", "row 1, column 'a' is NaN"),
    "NA": ("a,b\n1,NA\n", "row 0, column 'b' is NaN"),
    "infinite": ("a,b\n1,-inf\n", "row 0, column 'b' is -inf"),
    "beyond float64": ("a,b\n1,1e309\n", "row 0, column 'b' is inf"),
    "semicolons": (
        "a;b\n1;2\n",
        "delimiter may be wrong: expected a comma, but the first line holds a semicolon",
    ),
    "semicolons and decimal commas": ("a;b\n1,5;2\n", "the first line holds a semicolon"),
    "spaces": ("1.0 2.0\n3.0 4.0\n", "the first line holds a space"),
    "no name": (",a\n0,1\n", "column 0 has no name"),
    "repeated name": ("a,b,a\n1,2,3\n", "two columns are both named 'a'"),
    "numbered columns": ("0,1,2\n4.5,6.5,7.5\n", "may be column numbers or data"),
    "header only": ("a,b\n", "0 rows and 2 columns"),
    "blank": ("\n\n", "no rows"),
    "Latin-1": (b"a,b\n1,caf\xe9\n", "UTF-8"),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), "UTF-8"),
    "endless cell": ("a" * 10_000_000, "first line cannot be read"),
    "endless second cell": ("a\n" + "1" * 10_000_000, "x.csv: "),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_refused_by_row_and_column(case, tmp_path):
    content, message = BAD[case]
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path / "x.csv", content)
    assert str(caught.value).startswith(str(tmp_path / "x.csv"))


def test_commas_in_a_file_of_tabs(tmp_path):
    with pytest.raises(DataError, match="expected a tab, but the first line holds a comma"):
        read(tmp_path / "x.tsv", "a,b\n1,2\n")


def test_rows_are_counted_over_the_whole_file(tmp_path):
    content = "a,b\n" + "1.25,2.5\n" * 600_000
    with pytest.raises(DataError, match="row 600000, column 'a' is 'x'"):
        read(tmp_path / "x.csv", content + "x,1\n")
    with pytest.raises(DataError, match="row 600000 has 1 cell"):
        read(tmp_path / "x.csv", content + "1\n")


def test_unknown_column_lists_what_exists(tmp_path):
    with pytest.raises(DataError, match="no column 'z': the columns are 'a', 'b'"):
        read(tmp_path / "x.csv", "a,b\n1,2\n", columns=["z"])


def test_a_file_without_line_ends_is_not_read_whole(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"1.5," * (5 << 20))
    tracemalloc.start()
    with pytest.raises(DataError, match="it is longer than 4 MiB"):
        as_source(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 << 20  # of 20 MiB
