"""A record's bytes are found by its number, and put back they change nothing, in every format that can tell them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from acceptance import nights_dir
from hypothesis import given, settings
from hypothesis import strategies as st
from made_clearing import ipm_bytes, ipm_file, presentment
from read_file import read_file, source_of

from settlement.model.layout import Layout
from settlement.parse.record_bytes import Place, bytes_at, masked_record, patched, places, record_bytes

CONTENT = ipm_bytes(ipm_file([presentment(n, 100 + n) for n in range(1, 30)]))
IPM = source_of("MC_T112_20101229_01.ipm", CONTENT).layout


def _layout(kind: str, **spec: object) -> Layout:
    return Layout(
        layout="made", version="1", feed="made", sender="made", names=("made",), format=kind, side=None, spec=spec
    )


@pytest.mark.parametrize("name", ["MC_T112", "VISA_CTF", "UPI_ACOM", "RET_CAPTURE", "ACQ_SETTLEMENT_US", "CAMT053"])
def test_records_put_back_as_they_are_give_the_same_rows(sample_dir: Path, name: str) -> None:
    folder = min(path for path in sample_dir.iterdir() if path.name[:2] == "20")
    if name == "UPI_ACOM":  # not in the sample
        folder = nights_dir() / "2010-12-29"
    path = min(folder.glob(f"{name}*"))
    content, night = memoryview(path.read_bytes()), folder.name
    read, layout = read_file(path.name, bytes(content), night), source_of(path.name, bytes(content), night).layout
    rows = pl.concat([f.select("record") for f in read.tables.values() if "record" in f.columns])["record"].unique()
    wanted = rows.sort().gather_every(max(1, rows.len() // 9)).to_list()
    kept = record_bytes(content, layout, wanted)
    assert len(wanted) == len(kept) >= 3
    again = patched(content, layout, kept)
    if layout.format != "mastercard_ipm":
        assert again == bytes(content)
    other = read_file(path.name, again, night)
    for table in ("clearing", "reject", "control_record", "statement_entry"):
        assert other.tables[f"parsed_{table}"].equals(read.tables[f"parsed_{table}"])


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters='\r\n"'), max_size=12), min_size=1, max_size=20)
)
@settings(max_examples=100, deadline=None)
def test_lines_and_quoted_fields_that_run_over_lines(fields: list[str]) -> None:
    layout = _layout("delimited", separator=";", quote='"')
    records = [f'{n};"{field}\n{field}"' if n % 3 == 0 else f"{n};{field}" for n, field in enumerate(fields)]
    for end in ("\n", "\r\n"):
        content = memoryview("".join(record + end for record in records).encode())
        number = 1
        for record in records:
            assert record_bytes(content, layout, [number]) == {number: record.encode()}
            number += 1 + record.count("\n")


@given(st.integers(2, 30), st.binary(min_size=30, max_size=90))
@settings(max_examples=60, deadline=None)
def test_a_message_is_replaced_and_the_others_stay(number: int, message: bytes) -> None:
    again = memoryview(patched(memoryview(CONTENT), IPM, {number: message}))
    for other in range(1, 31):
        kept = record_bytes(memoryview(CONTENT), IPM, [other])[other]
        assert record_bytes(again, IPM, [other])[other] == (message if other == number else kept)


def test_the_reader_tells_where_rejected_messages_lie_as_they_are_found() -> None:
    details = [presentment(n, 100 + n) for n in range(1, 30)]
    details[20:22] = [(mti, fields | {2: "5555550000000000"}) for mti, fields in details[20:22]]
    content = ipm_bytes(ipm_file(details))
    told = read_file("MC_T112_20101229_01.ipm", content).tables["parsed_reject_place"]
    found = places(memoryview(content), IPM, [22, 23])
    assert told.drop("file").rows() == [(n, place.offset, place.length) for n, place in found.items()]
    assert len(found) == 2


def test_a_message_is_placed_in_the_file_with_its_blocks() -> None:
    for number, place in places(memoryview(CONTENT), IPM, range(1, 31)).items():
        raw, record = (
            CONTENT[place.offset : place.offset + place.length],
            record_bytes(memoryview(CONTENT), IPM, [number])[number],
        )
        assert (raw[0], raw[-1]) == (record[0], record[-1])
        assert place.length - len(record) in {0, 2}


@pytest.mark.parametrize(
    "layout",
    [_layout("workbook"), _layout("mt940"), _layout("bai2"), _layout("nothing known"), _layout("camt053")],
    ids=["workbook", "mt940", "bai2", "unknown", "no entries"],
)
def test_what_cannot_be_told_by_bytes_is_left_out(layout: Layout) -> None:
    assert places(memoryview(b"a\nb\n"), layout, [1, 2]) == {}
    with pytest.raises(LookupError):
        patched(memoryview(b"a\nb\n"), layout, {1: b"x"})


def test_numbers_beyond_the_file_are_left_out() -> None:
    assert record_bytes(memoryview(CONTENT), IPM, [99]) == {}
    assert places(memoryview(b"a\n"), _layout("delimited"), [9]) == {}
    assert places(memoryview(b"a" * 20), _layout("fixed_width", line_end="none", line_length=10), [3]) == {}


def test_a_record_is_shown_without_its_card_number() -> None:
    record = record_bytes(memoryview(CONTENT), IPM, [2])[2]
    number = str(presentment(1, 101)[1][2])
    shown = masked_record(record, IPM)
    assert number not in shown
    assert number[6:12] not in shown
    assert "5999" in shown or "*" in shown


def test_the_bytes_at_a_place_are_those_of_the_record_with_blocks_and_without_them() -> None:
    plain = memoryview(patched(memoryview(CONTENT), IPM, {1: record_bytes(memoryview(CONTENT), IPM, [1])[1]}))
    for content in (memoryview(CONTENT), plain):
        found = places(content, IPM, range(1, 31))
        assert bytes_at(content, IPM, found) == record_bytes(content, IPM, range(1, 31))
        with pytest.raises(LookupError):
            bytes_at(content, IPM, {1: Place(offset=found[1].offset + 1, length=found[1].length)})
    assert any(
        place.length != len(bytes_at(memoryview(CONTENT), IPM, {n: place})[n])
        for n, place in places(memoryview(CONTENT), IPM, range(1, 31)).items()
    )
    rows = memoryview(b"a\nbc\n")
    assert bytes_at(rows, _layout("delimited"), {2: Place(offset=2, length=2), 9: None}) == {2: b"bc"}
