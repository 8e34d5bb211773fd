"""Parquet: typed columns exactly, floats never as money, and files that unpack to more than any honest one."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from declared_layouts import PARQUET, Row, as_parquet, rows_as_parquet
from hypothesis import given, settings
from hypothesis import strategies as st
from layout_files import layout_of, read
from random_cases import batches

from settlement.model.clearing import Why
from settlement.parse import parquet_rows
from settlement.parse.source import Parsed

NAME = "MADE_20240301.parquet"
ROWS: list[Row] = [(5, "miles", "first"), (-7, "USD minor", "second"), (0, "miles", "third")]


def parquet_read(content: bytes, layout: str = PARQUET) -> Parsed:
    return read(layout_of(layout), NAME, content)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(-(10**14), 10**14),
            st.text(st.characters(codec="utf-8"), min_size=1, max_size=9),
            st.text(st.characters(codec="utf-8"), min_size=1, max_size=9),
        ),
        max_size=9,
    ),
    st.integers(1, 4),
)
def test_what_is_written_is_read(rows: list[Row], group: int) -> None:
    content = rows_as_parquet(rows, row_group_size=group)
    parsed = parquet_read(content)
    assert parsed.fault is None
    found = parsed.tables["opening_position"].select("record", "value", "unit", "item").rows()
    wanted = [(number, *row) for number, row in enumerate(rows, start=1)]
    assert found == wanted
    assert parsed.bytes is not None
    assert parsed.bytes.accepted + parsed.bytes.rejected + parsed.bytes.control == len(content)


def text_of(array: pa.Array) -> object:
    """What one value of a column is as text, or the sentence of the fault."""
    columns = {"value": pa.array([1]), "unit": array, "item": pa.array(["x"])}
    parsed = parquet_read(as_parquet(columns))
    return (
        parsed.detail
        if parsed.fault
        else [*parsed.tables["opening_position"]["unit"], *parsed.tables["reject"]["reason"]][0]
    )


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (pa.array([2**63 + 1], pa.uint64()), str(2**63 + 1)),
        (pa.array([Decimal("12345678901234567890.10")], pa.decimal128(30, 2)), "12345678901234567890.10"),
        (pa.array([Decimal("0.0000001")], pa.decimal128(30, 7)), "0.0000001"),
        (pa.array([1234567.0]), "1234567.0"),
        (pa.array([1.25e15]), "1250000000000000.0"),
        (pa.array([1.25e17]), "MALFORMED"),
        (pa.array([True]), "true"),
        (pa.array([date(2024, 3, 1)]), "2024-03-01"),
        (pa.array([datetime(2024, 3, 1, 9, 30)]), "2024-03-01 09:30:00"),  # noqa: DTZ001 (a local time)
        (pa.array([datetime(2024, 3, 1, 9, 30, tzinfo=UTC)]), "2024-03-01T09:30:00+00:00"),
        (pa.array([datetime(2024, 3, 1, 9, 30, 0, 5)]), "2024-03-01 09:30:00 and a part of a second"),  # noqa: DTZ001
        (pa.array(["a"]).dictionary_encode(), "a"),
    ],
)
def test_a_value_is_told_exactly(array: pa.Array, text: str) -> None:
    assert text_of(array) == text


def test_several_values_in_a_row_are_no_field() -> None:
    assert "holds several values" in str(text_of(pa.array([[1, 2]])))


def test_a_column_of_floats_is_no_money() -> None:
    layout = PARQUET.replace('type = "integer", signed = true', 'type = "minor", signed = true')
    columns = {"value": pa.array([1.0]), "unit": pa.array(["x"]), "item": pa.array(["x"])}
    parsed = parquet_read(as_parquet(columns), layout.replace("opening_position", "opening_position"))
    assert parsed.fault is Why.UNREADABLE
    assert "`value` holds floating-point numbers, which are no exact amounts" in (parsed.detail or "")


def test_columns_are_found_by_their_names() -> None:
    columns = {
        "Stück": pa.array(["first"]),
        "UNIT": pa.array(["miles"]),
        "value": pa.array([5]),
        "more": pa.array([[1]]),
    }
    layout = PARQUET.replace("[spec]\n", '[spec]\nheadings_match = "loose"\nheadings = { item = ["item", "STÜCK"] }\n')
    assert parquet_read(as_parquet(columns), layout).tables["opening_position"]["item"].to_list() == ["first"]
    missing = parquet_read(as_parquet(columns))
    assert "its schema does not name the field `item`" in (missing.detail or "")


def test_no_cut_of_a_file_is_taken_for_a_whole_one() -> None:
    whole = rows_as_parquet(ROWS)
    for size in range(len(whole)):
        parsed = parquet_read(whole[:size])
        assert parsed.fault in {Why.TRUNCATED, Why.UNREADABLE}, size
    assert parquet_read(b"PK\x03\x04 a workbook").fault is Why.UNREADABLE


def test_a_text_that_many_rows_share_counts_in_each(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), pa.array(["x" * 10_000]))
    columns = {"value": pa.array([1] * 100_000), "unit": shared, "item": pa.array(["x"] * 100_000)}
    content = as_parquet(columns)
    assert len(content) < 100_000
    parsed = parquet_read(content)
    assert parsed.fault is Why.UNREADABLE
    assert "more text than a file may hold" in (parsed.detail or "")


@pytest.mark.parametrize(
    ("limit", "most", "words"),
    [
        ("MOST_ROWS", 2, "more than 2 of"),
        ("MOST_IN_A_GROUP", 10, "row group 1 unpacks to"),
        ("MOST_UNPACKED", 10, "unpacks"),
    ],
)
def test_a_file_larger_than_any_honest_one_stays_out(
    limit: str, most: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_rows, limit, most)
    assert words in (parquet_read(rows_as_parquet(ROWS)).detail or "")


def test_a_file_with_other_bytes_in_it_is_read_or_told_in_one_sentence() -> None:
    whole = rows_as_parquet(ROWS, compression="none")
    for number, size in batches(400, 200):
        rng = random.Random(number)
        for _ in range(size):
            content = bytearray(whole)
            for _ in range(rng.randrange(1, 4)):
                content[rng.randrange(len(content))] = rng.randrange(256)
            parsed = parquet_read(bytes(content))
            assert parsed.fault is None or (parsed.detail or "").endswith("Ask MADE to send it again.")
