"""Kernel and twin of digests: equal keys and no others, nulls, slices, long texts, and the published SipHash."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_cases import examples

from settlement.kernels import _radix_digest, radix, radix_digest_twin
from settlement.kernels.radix_columns import digest_keys, key_column

SEEDED = settings(derandomize=True, deadline=None, max_examples=examples(66))
SECRET = bytes(range(16))
LENGTHS = (8, 12, 13, 15, 16, 23, 24, 31, 32, 300)
TEXTS = st.none() | st.text("aé\x00", max_size=20) | st.sampled_from(["x" * size for size in LENGTHS])
NUMBERS = st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 2)
FRAMES = st.lists(st.tuples(NUMBERS, TEXTS, st.none() | st.integers(-3, 3)), max_size=30)
TYPES = {"a": pl.Int64, "b": pl.String, "c": pl.Int32}


def both(frame, rows=None, threads=1):
    """Compiled and twin, which must agree."""
    columns = [key_column(column) for column in frame]
    keys = digest_keys(SECRET, len(columns))
    compiled = _radix_digest.digest_columns(columns, keys, len(frame), rows, threads)
    twin = radix_digest_twin.digest_columns(columns, keys, len(frame), rows)
    for one, other in zip(compiled, twin, strict=True):
        assert one.tolist() == other.tolist()
        assert one.dtype == other.dtype
    return list(zip(compiled[0].tolist(), compiled[1].tolist(), strict=True))


@SEEDED
@given(rows=FRAMES, threads=st.integers(1, 3), data=st.data())
def test_digests_are_equal_exactly_where_whole_keys_are(rows, threads, data) -> None:
    frame = pl.DataFrame(rows, TYPES, orient="row")
    digests = both(frame, threads=threads)
    there = [(row, digest) for row, digest in zip(rows, digests, strict=True) if None not in row]
    assert all(digest == (0, 0) for row, digest in zip(rows, digests, strict=True) if None in row)
    assert all(digest[0] for _, digest in there)
    assert len({row for row, _ in there}) == len({digest for _, digest in there}) == len(set(there))
    if rows:
        picked = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=40))
        assert both(frame, np.array(picked, np.int32), threads) == [digests[row] for row in picked]
        start = data.draw(st.integers(0, len(rows)))
        assert both(frame[start:]) == digests[start:]


def test_thousands_of_rows_over_several_blocks_and_threads() -> None:
    number = pl.Series(range(5_000))
    frame = pl.DataFrame({"a": number % 1_700, "b": (number % 40).cast(pl.String) + "a merchant's long name"})
    digests = both(frame, threads=3)
    assert both(frame) == digests
    assert len(set(digests)) == frame.unique().height


def test_pieces_and_chunks_do_not_show(monkeypatch) -> None:
    number = pl.Series(range(50))
    frame = pl.DataFrame({"a": number % 17, "b": (number % 4).cast(pl.String) + "a merchant's long name"})
    whole = [digest.tolist() for digest in radix.digest_rows(frame.get_columns())]
    chunked = pl.concat([frame[:7], frame[7:8], frame[8:]], rechunk=False)
    monkeypatch.setattr(radix, "_PIECE", 9)
    for columns in (frame.get_columns(), chunked.get_columns()):
        assert [digest.tolist() for digest in radix.digest_rows(columns)] == whole


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pl.Int32, [-1, 0, 7]),
        (pl.Int8, [-1, 0, 7]),
        (pl.Int64, [-1, 0, 7]),
    ],
)
def test_whole_numbers_are_equal_whatever_their_width(kind, values) -> None:
    assert both(pl.DataFrame({"a": values}, {"a": kind})) == both(pl.DataFrame({"a": values}, {"a": pl.Int64}))


def test_dates_text_and_bytes_have_digests() -> None:
    frame = pl.DataFrame({"d": [date(2026, 3, 1), date(2026, 3, 2), None]})
    assert both(frame) == both(frame.with_columns(pl.col("d").to_physical()))
    texts = pl.DataFrame({"t": ["", "é", "0" * 40]})
    assert both(texts) == both(texts.cast(pl.Binary))


def test_the_place_of_a_column_the_secret_and_the_border_of_texts_count() -> None:
    frame = pl.DataFrame({"a": ["x", "xy"], "b": ["yz", "z"]})
    assert len({*both(frame), *both(frame.select("b", "a"))}) == 4
    columns = frame.get_columns()
    assert radix.digest_rows(columns)[0].tolist() != radix.digest_rows(columns, secret=SECRET)[0].tolist()


@pytest.mark.parametrize(
    ("size", "digest"),
    [
        (0, "a3817f04ba25a8e66df67214c7550293"),
        (1, "da87c1d86b99af44347659119b22fc45"),
        (63, "5150d1772f50834a503e069a973fbd7c"),
    ],
)
def test_the_text_hash_is_the_published_one(size, digest) -> None:
    first, second = np.frombuffer(SECRET, "<u8").tolist()
    low, high = radix_digest_twin.sip_hash(bytes(range(size)), first, second)
    assert low.to_bytes(8, "little").hex() + high.to_bytes(8, "little").hex() == digest


@pytest.mark.parametrize("kind", [pl.Float64, pl.UInt64, pl.Boolean, pl.Decimal(10, 2)])
def test_a_type_without_a_digest_is_refused_by_name(kind) -> None:
    with pytest.raises(ValueError, match=r"key column 'amount' is .*: cast it"):
        radix.digest_rows([pl.Series("amount", [None], dtype=kind)])


def test_what_does_not_fit_is_refused() -> None:
    one, two = pl.Series("a", [1]), pl.Series("b", [1, 2])
    for columns in ([], [one, two]):
        with pytest.raises(ValueError, match="of one length"):
            radix.digest_rows(columns)
    with pytest.raises(ValueError, match="at least 16 are needed"):
        radix.digest_rows([one], secret=b"short")
    text, keys = key_column(pl.Series(["a"])), digest_keys(SECRET, 1)
    for kernel in (_radix_digest.digest_columns, radix_digest_twin.digest_columns):
        with pytest.raises(ValueError, match="does not have 2 rows"):
            kernel([key_column(one)], keys, 2)
        with pytest.raises(ValueError, match="does not have 2 rows"):
            kernel([text], keys, 2)
        with pytest.raises(ValueError, match="26 keys a column"):
            kernel([text], keys[1:], 1)
        with pytest.raises(ValueError, match="rows must lie in"):
            kernel([text], keys, 1, np.array([1], np.int32))
        with pytest.raises(ValueError, match="bitmap of column 0"):
            kernel([(*key_column(one)[:3], np.zeros(0, np.uint8), 0)], keys, 1)
        view = np.frombuffer(np.array([13, 0, 0, 1], np.uint32).tobytes(), np.uint8)
        for parts in ([], [np.zeros(13, np.uint8)]):
            with pytest.raises(ValueError, match="points outside its parts"):
                kernel([(16, view, parts, None, 0)], keys, 1)
