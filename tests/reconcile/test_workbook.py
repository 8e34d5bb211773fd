"""Workbooks that nobody should open: refused in one sentence before a library that trusts them sees them."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from made_workbook import LINKS, PACKAGE, archive, workbook, worksheet
from reconcile_runs import HEAD, row, run_files, write_csv

from settlement.errors import TerminalError
from settlement.reconcile.suggest import suggest_rules

PASS = '[[pass]]\nname = "one"\nkeys = ["key"]\n'
FULL = "<c><v>1</v></c>"
FIRST = '<row r="1"><c r="A1"><v>1</v></c></row>'
SHEET = "xl/worksheets/sheet1.xml"
LOCKED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
COMMENT = f"<!--{'x' * 5000}-->"
TOLD_ELSEWHERE = (
    f"<Relationships xmlns='{PACKAGE}'><Relationship Id='rId1' Type='{LINKS}/worksheet' Target='/odd/place.bin'/>"
    "</Relationships>"
)


def of(rows: str, before: str = "") -> bytes:
    """A workbook whose sheet has these rows as XML."""
    return workbook([], parts={SHEET: worksheet(rows, before)})


def patched(content: bytes, name: str, offset: int, value: int) -> bytes:
    """The archive with another number of four bytes in a part's entry of the directory."""
    entry = content.rindex(b"PK\x01\x02", 0, content.rindex(name.encode()))
    return content[: entry + offset] + struct.pack("<I", value) + content[entry + offset + 4 :]


def overlong(packed: int) -> bytes:
    """A workbook whose directory tells fewer bytes of a part than it unpacks to."""
    sheet = worksheet(FIRST + COMMENT * packed)
    return patched(workbook([], parts={SHEET: sheet}), SHEET, 24, len(worksheet(FIRST)))


BESIDE = 8 * 2**20
"""The CSV file beside the workbook is read in pieces of this many bytes."""
CORNER = "1048576 rows and 16384 columns"
HOSTILE: list[tuple[str, Callable[[], bytes], str]] = [
    (
        "far corner",
        lambda: of(FIRST + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
        CORNER,
    ),
    (
        "small letters",
        lambda: of(FIRST + '<row r="2"><c r="xfd1048576"><v>1</v></c></row>'),
        CORNER,
    ),
    ("no reference", lambda: of(f'{FIRST}<row r="9000">{FULL * 16_000}</row>'), "9000 rows and"),
    ("no row number", lambda: of(FIRST + "<row/>" * 90_000 + f"<row>{FULL * 900}</row>"), "90002 rows and"),
    (
        "rows in rows",
        lambda: of('<row r="1">' * 9000 + "</row>" * 9000 + f"<row>{FULL * 16_000}</row>"),
        "9001 rows and",
    ),
    ("after a reference", lambda: of(f'<row r="1300"><c r="XFD1"/>{FULL * 300}</row>'), "has no place in a sheet"),
    (
        "prefixed",
        lambda: of('<x:row r="9000" xmlns:x="y"><x:c r="XFD9000"><v>1</v></x:c></x:row>'),
        "9000 rows",
    ),
    ("beyond", lambda: of('<row r="1"><c r="A99999999999"/></row>'), "has no place in a sheet"),
    ("beyond the rows", lambda: of('<row r="1048577"><c/></row>'), "has no place in a sheet"),
    ("beyond the columns", lambda: of('<row r="1"><c r="ZZZ1"/></row>'), "has no place in a sheet"),
    (
        "another folder",
        lambda: workbook(
            [],
            parts={
                "xl/_rels/workbook.xml.rels": TOLD_ELSEWHERE,
                "odd/place.bin": worksheet(FIRST + '<row r="2"><c r="XFD1048576"><v>1</v></c></row>'),
            },
        ),
        CORNER,
    ),
    ("bytes before", lambda: b"PK\x03\x04junk" + of(FIRST), "stand before its first part"),
    ("bytes after", lambda: of(FIRST) + b"junk", "stand after its directory"),
    ("other bytes before", lambda: b"junk" + of(FIRST), "is no workbook"),
    ("a size too small", lambda: overlong(1), "not the size that its directory tells"),
    ("a far smaller size", lambda: overlong(4_000), "not the size that its directory tells"),
    ("a size too great", lambda: patched(of(FIRST), SHEET, 24, 900), "not the size that its directory tells"),
    ("a false checksum", lambda: patched(of(FIRST), SHEET, 16, 7), "not the checksum that its directory tells"),
    ("bomb", lambda: workbook([], parts={"xl/media/a": bytes(30_000_000)}), "more than 100 times its size"),
    ("parts", lambda: workbook([], parts={f"xl/{n}": b"" for n in range(1001)}), "parts, more than 1000"),
    ("entity", lambda: of("<row><c><v>&b;</v></c></row>", '<!DOCTYPE a [<!ENTITY b "c">]>'), "document type"),
    (
        "entity elsewhere",
        lambda: workbook([], parts={"xl/styles.xml": '<!DOCTYPE a [<!ENTITY b "c">]><styleSheet/>'}),
        "document type",
    ),
    (
        "entity in UTF-16",
        lambda: workbook([], parts={"xl/styles.xml": "<!DOCTYPE a><styleSheet/>".encode("utf-16")}),
        "document type",
    ),
    ("torn", lambda: workbook([], parts={SHEET: "<worksheet><sheetData>"}), "cannot be read"),
    ("cut", lambda: of(FIRST)[:-30], "ends before its directory"),
    ("locked", lambda: LOCKED, "password"),
    ("no sheet", lambda: archive({"word/document.xml": "<a/>"}), "holds no sheet"),
]


def _files(tmp_path: Path, content: bytes, name: str = "left.xlsx") -> tuple[Path, Path, Path]:
    left = tmp_path / name
    left.write_bytes(content)
    rules = tmp_path / "rules.toml"
    rules.write_text(HEAD + PASS, encoding="utf-8")
    return left, write_csv(tmp_path / "right.csv", [row("T1", 5)]), rules


@pytest.mark.parametrize(("made", "why"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_a_hostile_workbook_is_refused_in_one_sentence(tmp_path: Path, made: Callable[[], bytes], why: str) -> None:
    left, right, rules = _files(tmp_path, made())
    sentence = rf"^left\.xlsx is not read: [^\n]*{why}[^\n]*; save the rows that are needed as CSV\.$"
    with pytest.raises(TerminalError, match=sentence):  # what modules take as they load is not the workbook's
        run_files(left, right, rules, tmp_path / "out")
    tracemalloc.start()
    try:
        with pytest.raises(TerminalError, match=sentence):
            run_files(left, right, rules, tmp_path / "out")
        assert tracemalloc.get_traced_memory()[1] < BESIDE + 2 * 2**20
    finally:
        tracemalloc.stop()
    assert not (tmp_path / "out").exists()
    with pytest.raises(TerminalError, match=sentence):
        suggest_rules(left, right)


@pytest.mark.parametrize("name", ["left.xls", "left.xlsb", "left.ods", "left.dat"])
def test_a_workbook_of_another_kind_is_tried_apart_before_it_is_read(tmp_path: Path, name: str) -> None:
    """An older kind has no end of ways to ask for memory: what ends the library must not end the run."""
    head = HEAD.replace('name = "bank"', 'name = "bank"\nformat = "excel"')
    for content in (LOCKED, _open_document(), of(FIRST + '<row r="2"><c r="xfd1048576"><v>1</v></c></row>'), b"text"):
        left, right, rules = _files(tmp_path, content, name)
        rules.write_text(head + PASS, encoding="utf-8")
        with pytest.raises(TerminalError, match=r"^left\.\w+ is not read: [^\n]*; save the rows that are needed"):
            run_files(left, right, rules, tmp_path / "out")


def test_an_open_document_is_read(tmp_path: Path) -> None:
    rows = [["id", "amount", "ccy", "key", "date"], ["B1", "5", "USD", "K", "2024-03-01"]]
    body = "".join(
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>' for cell in cells
        )
        + "</table:table-row>"
        for cells in rows
    )
    left, right, rules = _files(tmp_path, _open_document(body), "left.ods")
    assert run_files(left, right, rules, tmp_path / "out").pairs == {("B1", "T1")}


def test_an_honest_workbook_is_read(tmp_path: Path) -> None:
    """Pictures that look like anything, a comment of the archive, and a cell far below that is only coloured."""
    rows: list[list[str | int]] = [["id", "amount", "ccy", "key", "date"], ["B1", 5, "USD", "K", "2024-03-01"]]
    whole = workbook(rows, shared=True, parts={"xl/media/image1.svg": "<!DOCTYPE svg><svg/>"})
    with zipfile.ZipFile(io.BytesIO(whole)) as opened:
        parts = {name: opened.read(name) for name in opened.namelist()}
    coloured = b'<row r="1048576"><c r="XFD1048576" s="1"/></row></sheetData>'
    made = io.BytesIO(archive(parts | {SHEET: parts[SHEET].replace(b"</sheetData>", coloured)}))
    with zipfile.ZipFile(made, "a") as opened:
        opened.comment = b"written by hand"
    left, right, rules = _files(tmp_path, made.getvalue())
    assert run_files(left, right, rules, tmp_path / "out").pairs == {("B1", "T1")}


def _open_document(rows: str = "") -> bytes:
    spaces = {"office": "office", "table": "table", "text": "text"}
    told = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{kind}:1.0"' for name, kind in spaces.items())
    wide = (
        '<table:table-row table:number-rows-repeated="900000"><table:table-cell office:value-type="string" '
        'table:number-columns-repeated="900000"><text:p>x</text:p></table:table-cell></table:table-row>'
    )
    sheet = f"<table:table table:name='s'>{rows or wide}</table:table>"
    body = f"<office:body><office:spreadsheet>{sheet}</office:spreadsheet></office:body>"
    return archive(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "META-INF/manifest.xml": "<manifest:manifest/>",
            "content.xml": f"<office:document-content {told}>{body}</office:document-content>",
        }
    )
