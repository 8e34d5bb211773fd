"""Writes small workbooks (Office Open XML) for tests, without a library: what is in them is what a test says."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from xml.sax.saxutils import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
EPOCH = datetime.fromisoformat("1899-12-30")
Cell = str | int | Decimal | datetime | None


def workbook(
    rows: Sequence[Sequence[Cell]],
    *,
    sheet: str = "Sales",
    shared: bool = False,
    parts: Mapping[str, bytes | str] | None = None,
) -> bytes:
    """A workbook of one sheet; ``parts`` replace or add parts of the archive."""
    strings: list[str] = []
    body = "".join(
        f'<row r="{number}">'
        + "".join(_cell(cell, number, column, strings if shared else None) for column, cell in enumerate(row, start=1))
        + "</row>"
        for number, row in enumerate(rows, start=1)
    )
    texts = "".join(f"<si><t xml:space='preserve'>{escape(text)}</t></si>" for text in strings)
    written: dict[str, bytes | str] = {
        "[Content_Types].xml": "<Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'/>",
        "_rels/.rels": _relationships(("rId1", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": (
            f"<workbook xmlns='{MAIN}' xmlns:r='{LINKS}'><workbookPr/>"
            f"<sheets><sheet name='{sheet}' sheetId='1' r:id='rId1'/></sheets></workbook>"
        ),
        "xl/_rels/workbook.xml.rels": _relationships(
            ("rId1", "worksheet", "worksheets/sheet1.xml"),
            ("rId2", "styles", "styles.xml"),
            ("rId3", "sharedStrings", "sharedStrings.xml"),
        ),
        "xl/styles.xml": (
            f"<styleSheet xmlns='{MAIN}'><numFmts><numFmt numFmtId='165' formatCode='yyyy-mm-dd h:mm:ss'/></numFmts>"
            "<cellXfs><xf numFmtId='0'/><xf numFmtId='165'/></cellXfs></styleSheet>"
        ),
        "xl/sharedStrings.xml": f"<sst xmlns='{MAIN}'>{texts}</sst>",
        "xl/worksheets/sheet1.xml": worksheet(body),
    }
    return archive(written | dict(parts or {}))


def worksheet(rows: str, before: str = "") -> str:
    """The part of a sheet with these rows as XML."""
    return f"{before}<worksheet xmlns='{MAIN}'><sheetData>{rows}</sheetData></worksheet>"


def archive(parts: Mapping[str, bytes | str]) -> bytes:
    """An archive of parts with a fixed date, so that equal parts are equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as writer:
        for name, content in parts.items():
            info = zipfile.ZipInfo(name, (2010, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            writer.writestr(info, content)
    return buffer.getvalue()


def serial(moment: datetime) -> str:
    """A date-time as a sheet keeps it: days since its epoch, in 15 digits."""
    seconds = Decimal(int((moment - EPOCH).total_seconds()))
    return f"{seconds / 86_400:.15g}"


def _relationships(*links: tuple[str, str, str]) -> str:
    inside = "".join(f"<Relationship Id='{i}' Type='{LINKS}/{kind}' Target='{target}'/>" for i, kind, target in links)
    return f"<Relationships xmlns='{PACKAGE}'>{inside}</Relationships>"


def _cell(cell: Cell, row: int, column: int, strings: list[str] | None) -> str:
    place = f"r='{chr(64 + column)}{row}'"
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return f"<c {place} s='1'><v>{serial(cell)}</v></c>"
    if not isinstance(cell, str):
        return f"<c {place}><v>{cell}</v></c>"
    if strings is None:
        return f"<c {place} t='inlineStr'><is><t xml:space='preserve'>{escape(cell)}</t></is></c>"
    strings.append(cell)
    return f"<c {place} t='s'><v>{len(strings) - 1}</v></c>"
