"""Kernel and twin of numbers as texts, and the columns of text that are made of views, beside plain Python."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.kernels import _match_written, match_twin
from settlement.kernels.text_views import number_texts, spread_out, taken

SEEDED = settings(derandomize=True, deadline=None)
WAYS = pytest.mark.parametrize(
    "written_numbers", [_match_written.written_numbers, match_twin.written_numbers], ids=["compiled", "twin"]
)
NEAR_POWERS = st.builds(lambda power, by: max(0, 10**power + by), st.integers(0, 11), st.integers(-2, 2))
NUMBERS = st.one_of(NEAR_POWERS, st.integers(0, 10**12 - 1))
TEXTS = st.lists(st.text(max_size=20), min_size=1, max_size=30)


def texts_of(views) -> list[bytes]:
    """What the views say; what stands behind a text must be zeros."""
    found = []
    for view in views:
        raw = view.tobytes()
        size = int.from_bytes(raw[:4], "little")
        assert raw[4 + size :] == bytes(12 - size)
        found.append(raw[4 : 4 + size])
    return found


@WAYS
@SEEDED
@given(numbers=st.lists(NUMBERS, max_size=30), digits=st.integers(1, 12))
def test_numbers_are_written_as_python_writes_them(written_numbers, numbers, digits) -> None:
    views = written_numbers(np.array(numbers, dtype=np.int64), b"", digits)
    assert (views.dtype, views.shape) == (np.int32, (len(numbers), 4))
    assert texts_of(views) == [f"{number:0{digits}d}".encode() for number in numbers]


@WAYS
@SEEDED
@given(number=NUMBERS, before=st.sampled_from([b"M", b"ab", b"twelve bytes"]), digits=st.integers(1, 12))
def test_what_has_more_than_twelve_bytes_is_refused(written_numbers, number, before, digits) -> None:
    text = before + f"{number:0{digits}d}".encode()
    numbers = np.array([0 if len(before) + digits <= 12 else number, number], dtype=np.int64)
    if len(text) > 12:
        with pytest.raises(ValueError, match="is no number of a text of at most 12 bytes"):
            written_numbers(numbers, before, digits)
    else:
        assert texts_of(written_numbers(numbers, before, digits))[1] == text


@WAYS
@pytest.mark.parametrize(
    ("number", "before", "digits", "why"),
    [
        (-1, b"", 1, "-1 is no number"),
        (10**12, b"", 1, "is no number of a text"),
        (-(2**63), b"", 1, "is no number of a text"),
        (1, b"", 0, "from 1 to 12"),
        (1, b"", 13, "from 1 to 12"),
        (1, b"thirteen here", 1, "at most 12 bytes of ASCII"),
        (1, b"\xc3\xa9", 1, "ASCII"),
    ],
)
def test_what_cannot_be_written_is_refused(written_numbers, number, before, digits, why) -> None:
    with pytest.raises(ValueError, match=why):
        written_numbers(np.array([5, number], dtype=np.int64), before, digits)


@SEEDED
@given(numbers=st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), NUMBERS), max_size=20))
def test_columns_of_numbers_are_texts_as_the_library_writes_them(numbers) -> None:
    column = pl.Series("n", numbers, dtype=pl.Int64)
    assert number_texts(column).equals(column.cast(pl.String), check_names=True)
    assert number_texts(column.slice(1)).equals(column.slice(1).cast(pl.String))


@pytest.mark.parametrize("kind", [pl.UInt8, pl.Int16, pl.UInt32, pl.UInt64])
def test_narrow_numbers_and_those_without_a_sign_are_texts_too(kind) -> None:
    column = pl.Series("n", [0, 7, 99], dtype=kind)
    assert number_texts(column, "M", 9).to_list() == ["M000000000", "M000000007", "M000000099"]
    assert number_texts(pl.Series([10**11]), "M", 9).to_list() == ["M100000000000"]


@SEEDED
@given(texts=TEXTS, data=st.data())
def test_texts_are_picked_and_spread_as_the_library_does(texts, data) -> None:
    column = pl.concat([pl.Series("t", texts[:2]), pl.Series("t", texts[2:], dtype=pl.String)], rechunk=False)
    rows = np.array(data.draw(st.lists(st.integers(0, len(texts) - 1), max_size=40)), dtype=np.int32)
    assert taken(column, rows).to_list() == [texts[row] for row in rows]
    assert taken(column[1:], rows[rows > 0] - 1).to_list() == [texts[row] for row in rows if row]
    height = len(texts) + data.draw(st.integers(0, 20))
    places = np.array(data.draw(st.permutations(range(height)))[: len(texts)], dtype=np.int64)
    told = dict(zip(places.tolist(), texts, strict=True))
    assert spread_out(column, places, height).to_list() == [told.get(row) for row in range(height)]
