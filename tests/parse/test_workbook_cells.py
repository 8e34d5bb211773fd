"""Cells of a sheet as texts: exact numbers, date-times, and workbooks that mean harm."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_workbook import LINKS, MAIN, archive, workbook, worksheet

from settlement.model.clearing import Why
from settlement.parse import workbook_cells
from settlement.parse.declared_cut import Fault
from settlement.parse.workbook_cells import column_number, sheet_rows

TEN = "&a;" * 10
BOMB = f"<!DOCTYPE x [<!ENTITY a '{'ha' * 500}'>{''.join(f'<!ENTITY b{n} {TEN!r}>' for n in range(9))}]>"


def cells(xml: str, **parts: str) -> dict[int, str]:
    """The cells of the one row that this XML is."""
    made = workbook(
        [], parts={"xl/worksheets/sheet1.xml": worksheet(xml)} | {f"xl/{k}.xml": v for k, v in parts.items()}
    )
    rows = sheet_rows(memoryview(made), "Sales")
    assert not isinstance(rows, Fault), rows
    return dict(rows[0][1])


def refused(content: bytes) -> str:
    fault = sheet_rows(memoryview(content), "Sales")
    assert isinstance(fault, Fault)
    assert fault.why is Why.UNREADABLE
    return fault.detail


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("1603.05", "1603.05"),
        ("1603.0499999999999", "1603.05"),
        ("51168.780000000006", "51168.78"),
        ("-12.50", "-12.5"),
        ("-0.0", "0"),
        ("1.5E2", "150"),
        ("3703148953303807", "3703148953303807"),
        ("9007199254740991", "9007199254740991"),
        ("9007199254740993", "9.00719925474099E+15"),
        ("1E+20", "1E+20"),
        ("0.1", "0.1"),
        ("17.305", "17.305"),
        ("1,5", "1,5"),
        ("1E999999999", "1E999999999"),
    ],
)
def test_a_number_is_the_decimal_that_a_spreadsheet_shows(written: str, shown: str) -> None:
    assert cells(f"<row r='1'><c r='A1'><v>{written}</v></c></row>") == {1: shown}


@settings(max_examples=200, deadline=None)
@given(st.integers(-(10**13) + 1, 10**13 - 1))
def test_no_cent_is_lost_in_a_double(minor: int) -> None:
    """What a spreadsheet writes of an amount in cents, with up to 17 digits, gives the cents back."""
    written = f"{float(Decimal(minor) / 100):.17g}"
    shown = cells(f"<row r='1'><c r='A1'><v>{written}</v></c></row>")[1]
    assert Decimal(shown) * 100 == minor


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2_000_000_000), st.booleans())
def test_a_date_time_is_right_to_the_second(seconds: int, old: bool) -> None:
    moment = datetime.fromisoformat("1950-01-01") + timedelta(seconds=seconds)
    epoch = datetime.fromisoformat("1904-01-01" if old else "1899-12-30")
    number = f"{(moment - epoch) / timedelta(days=1):.15g}"
    book = (
        f"<workbook xmlns='{MAIN}' xmlns:r='{LINKS}'><workbookPr date1904='{int(old)}'/>"
        "<sheets><sheet name='Sales' sheetId='1' r:id='rId1'/></sheets></workbook>"
    )
    found = cells(f"<row r='1'><c r='A1' s='1'><v>{number}</v></c></row>", workbook=book)
    assert found == {1: f"{moment:%Y-%m-%d %H:%M:%S}"}


@pytest.mark.parametrize(
    ("code", "dated"),
    [
        ("yyyy-mm-dd", True),
        ("h:mm", True),
        ('0.00" days"', False),
        ("[Red]0.00", False),
        ("General", False),
        (r"0\d", False),
    ],
)
def test_a_format_says_whether_a_number_is_a_date(code: str, dated: bool) -> None:
    quoted = code.replace('"', "&quot;")
    styles = (
        f"<styleSheet xmlns='{MAIN}'><numFmts><numFmt numFmtId='170' formatCode='{quoted}'/></numFmts>"
        "<cellXfs><xf numFmtId='170'/></cellXfs></styleSheet>"
    )
    assert (cells("<row r='1'><c r='A1' s='0'><v>40000</v></c></row>", styles=styles)[1] != "40000") is dated


def test_cells_of_every_kind() -> None:
    row = (
        "<row r='7'><c r='A7' t='b'><v>1</v></c><c r='C7' t='e'><v>#VALUE!</v></c><c t='str'><f>A1</f><v> kept </v></c>"
        "<c r='AA7'><f>1+1</f><v>2</v></c><c r='AB7'><f>HYPERLINK(&quot;http://x&quot;)</f></c>"
        "<c r='AC7' t='d'><v>2010-12-28T09:38:00</v></c>"
        "<c r='AD7' t='inlineStr'><is><r><t>东方</t></r><r><t>地产</t></r><rPh><t>never</t></rPh></is></c></row>"
    )
    expected = {1: "TRUE", 3: "#VALUE!", 4: "kept", 27: "2", 29: "2010-12-28 09:38:00", 30: "东方地产"}
    assert cells(row) == expected


def test_rows_keep_their_numbers() -> None:
    xml = "<row r='3'><c r='B3'><v>1</v></c></row><row r='4'/><row><c><v>2</v></c></row>"
    made = workbook([], parts={"xl/worksheets/sheet1.xml": worksheet(xml)})
    assert sheet_rows(memoryview(made), "Sales") == [(3, {2: "1"}), (5, {1: "2"})]


def test_columns_by_letters() -> None:
    assert [column_number(letters) for letters in ("A", "Z", "AA", "AZ", "XFD")] == [1, 26, 27, 52, 16384]


def test_texts_of_the_shared_list() -> None:
    rows = [["a", "b"], ["a & <b>", 1]]
    read = sheet_rows(memoryview(workbook(rows, shared=True)), "Sales")
    assert read == [(1, {1: "a", 2: "b"}), (2, {1: "a & <b>", 2: "1"})]


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        (worksheet("<row r='1'><c r='A1' t='inlineStr'><is><t>&b8;</t></is></c></row>", BOMB), "document type"),
        (worksheet("<row r='1'/>", "<?xml version='1.0' encoding='utf-16'?>" + BOMB).encode("utf-16"), "document type"),
        (
            worksheet("<row r='2'><c><v>1</v></c></row><row r='2'><c><v>1</v></c></row>"),
            "row 2 of its sheet stands after",
        ),
        (worksheet("<row r='1'><c r='B1'><v>1</v></c><c r='A1'><v>1</v></c></row>"), "in the place of another"),
        (worksheet("<row r='1'><c t='s'><v>5</v></c></row>"), "a text that is not there"),
        (worksheet("<row r='1'><c>"), "cannot be read"),
    ],
    ids=["entities", "entities in UTF-16", "row twice", "cells out of order", "no text", "torn"],
)
def test_a_sheet_that_means_harm_is_refused(xml: str | bytes, words: str) -> None:
    assert words in refused(workbook([], parts={"xl/worksheets/sheet1.xml": xml}))


def test_an_archive_that_unpacks_beyond_measure_is_refused_before_it_is_unpacked() -> None:
    for parts, words in (
        ({"xl/media/a.bin": bytes(130 * 2**20)}, "unpacks to 13"),
        ({"xl/media/a.bin": bytes(20 * 2**20)}, "more than 100 times"),
        ({f"xl/media/{n}": b"" for n in range(1001)}, "parts, more than 1000"),
    ):
        made = workbook([["a"]], parts=parts)
        tracemalloc.start()
        assert words in refused(made)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
        tracemalloc.stop()


def test_a_directory_that_lies_about_a_size_is_refused() -> None:
    made = workbook([["a"]] * 50)
    with zipfile.ZipFile(io.BytesIO(made)) as reader:
        size = reader.getinfo("xl/worksheets/sheet1.xml").file_size
    for lie in (size - 40, size + 40):
        told = made.replace(size.to_bytes(4, "little"), lie.to_bytes(4, "little"))
        assert told != made
        assert isinstance(sheet_rows(memoryview(told), "Sales"), Fault)


def test_a_part_that_unpacks_to_more_than_told_is_not_cut_to_what_is_told() -> None:
    """A reader that stops at the told size would see two rows where another one sees them all."""
    made = workbook([["a"]] * 50)
    whole = worksheet("".join(f"<row r='{n}'><c r='A{n}'><v>1</v></c></row>" for n in range(1, 3)))
    padded = workbook([], parts={"xl/worksheets/sheet1.xml": whole + "<!-- and what only the other one sees -->"})
    told = len(whole).to_bytes(4, "little")
    lie = padded.replace((len(whole) + 41).to_bytes(4, "little"), told)
    assert lie != padded
    assert "has not the size" in refused(lie)
    assert not isinstance(sheet_rows(memoryview(made), "Sales"), Fault)


def test_bytes_around_the_archive_are_refused() -> None:
    made = workbook([["a"]])
    assert "stand before its first part" in refused(b"PK\x03\x04" + made)
    assert "stand after its directory" in refused(made + b"junk")
    assert "no workbook" in refused(b"junk" + made)


def test_more_text_than_a_sheet_may_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_cells, "MOST_TEXT", 90)
    monkeypatch.setattr(workbook_cells, "MOST_CELLS", 20)
    assert "more than a sheet may hold" in refused(workbook([["x" * 10] * 10], shared=True))
    assert "more than a sheet may hold" in refused(workbook([[1] * 11] * 2))
    assert "more than a sheet may hold" in refused(workbook([["x" * 32_768]]))
    assert sheet_rows(memoryview(workbook([["x" * 10] * 8])), "Sales") != []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xd0\xcf\x11\xe0" + bytes(600), "no workbook"),
        (b"date,amount\n", "no workbook"),
        (archive({"word/document.xml": "<a/>"}), "part _rels/.rels is missing"),
        (workbook([["a"]], sheet="Umsatz"), "has no sheet `Sales`"),
    ],
)
def test_another_file_is_no_workbook_of_the_layout(content: bytes, words: str) -> None:
    assert words in refused(content)


def test_no_link_out_of_the_archive_is_followed() -> None:
    links = (
        "<Relationships xmlns='http://schemas.openxmlformats.org/package/2006/relationships'>"
        f"<Relationship Id='rId1' Type='{LINKS}/worksheet' TargetMode='External' Target='file:///etc/hostname'/>"
        "</Relationships>"
    )
    assert "has no sheet" in refused(workbook([["a"]], parts={"xl/_rels/workbook.xml.rels": links}))


def test_no_cut_of_a_workbook_is_taken_for_a_whole_one() -> None:
    whole = workbook([["a", 1], ["b", Decimal("2.5")]])
    assert not isinstance(sheet_rows(memoryview(whole), "Sales"), Fault)
    for length in range(1, len(whole)):
        cut = sheet_rows(memoryview(whole[:length]), "Sales")
        assert isinstance(cut, Fault)
        assert cut.why in {Why.TRUNCATED, Why.UNREADABLE}
        assert cut.why is Why.TRUNCATED or length < 4


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_flipped_byte_never_raises(data: st.DataObject) -> None:
    whole = bytearray(workbook([["a", 1], ["b", 2]], shared=True))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    sheet_rows(memoryview(bytes(whole)), "Sales")
