"""The cells of one sheet of a workbook (Office Open XML) as texts, from a file that nobody trusts.

A workbook is an archive of XML parts. Sizes are checked before anything is unpacked, each part is read only as far as
it says it reaches, and a part that declares a document type is refused before an entity is resolved. Only the parts
that hold the sheet's cells are read: a formula counts as the value that stands beside it and is never worked out, and
macros, links and everything else stay packed.

A number becomes the decimal that a spreadsheet shows of it: 15 significant digits, whole numbers below 2**53 exactly,
larger ones with an exponent, because their last digits are lost. A number with a date format becomes a date-time.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final, TypeVar

from lxml import etree

from settlement.model.clearing import Why
from settlement.parse.archive import FIRST_BYTES, MOST_UNPACKED, UnsoundArchiveError, open_sound, part_chunks
from settlement.parse.candidates import shown
from settlement.parse.declared_cut import Fault

MOST_CELLS: Final = 4_000_000
MOST_IN_A_CELL: Final = 32_767
MOST_TEXT: Final = 64 * 2**20
"""Characters in all cells together; a text that many cells share counts in each."""

_EXACT_BELOW: Final = 2**53
_FIFTEEN: Final = Context(prec=15, rounding=ROUND_HALF_EVEN)
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,25}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?")
_REFERENCE: Final = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_EPOCHS: Final = {False: datetime(1899, 12, 30), True: datetime(1904, 1, 1)}  # noqa: DTZ001 (a sheet has no zone)
# Before 1 March 1900 the older of the two calendars of spreadsheets is a day off; after 9999 there is none.
_FIRST_DAY, _LAST_DAY = 61, 2_958_465
_DATE_FORMATS: Final = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_NO_DATE_PART: Final = re.compile(r'"[^"]*"|\[[^\]]*\]|[\\_*].')
_OFFICE_DOCUMENT, _SHARED_STRINGS, _STYLES = "/officeDocument", "/sharedStrings", "/styles"


_T = TypeVar("_T")


class _RefusedError(Exception):
    """Why a workbook is not read; it becomes a fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Book:
    """What the cells of a sheet need to be read."""

    strings: list[str]
    date_styles: frozenset[int]
    epoch: datetime


@dataclass(slots=True, kw_only=True)
class _Read:
    """The rows so far, and what they come to."""

    rows: list[tuple[int, dict[int, str]]] = field(default_factory=list)
    cells: int = 0
    text: int = 0


def sheet_rows(content: memoryview, sheet: str) -> list[tuple[int, dict[int, str]]] | Fault:
    """The rows of a sheet that hold something: row number and the texts by column number, both from 1, in order.

    A fault where the file is no workbook, is cut short, has no such sheet, or is larger than any honest one.
    """
    return _looked_into(content, lambda archive: _sheet(archive, sheet))


def _looked_into(content: memoryview, look: Callable[[zipfile.ZipFile], _T]) -> _T | Fault:
    """What ``look`` finds in the archive; a fault where that is none, or none of honest size."""
    try:
        _require_likely(content)
        with open_sound(io.BytesIO(content), len(content)) as archive:
            return look(archive)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        if not isinstance(error, zlib.error) and "CRC" not in str(error):
            return Fault(why=Why.TRUNCATED, detail="its archive ends before its directory")
        return Fault(why=Why.UNREADABLE, detail="it is no workbook (.xlsx)")
    except (_RefusedError, UnsoundArchiveError) as refusal:
        return Fault(why=Why.UNREADABLE, detail=str(refusal))
    except (etree.XMLSyntaxError, ValueError, NotImplementedError, RuntimeError) as error:
        return Fault(why=Why.UNREADABLE, detail=f"a part of it cannot be read ({shown(str(error))})")


def _require_likely(content: memoryview) -> None:
    """Raise _RefusedError where the first bytes or the size tell enough, before a library is given a copy."""
    if bytes(content[: len(FIRST_BYTES)]) != FIRST_BYTES:
        raise _RefusedError("it is no workbook (.xlsx)")
    if len(content) > MOST_UNPACKED:
        raise _RefusedError(f"it has {len(content)} bytes, more than {MOST_UNPACKED}")


def column_number(letters: str) -> int:
    """The number of a column from its letters: A is 1, AA is 27."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def column_letters(number: int) -> str:
    """The letters of a column from its number: 1 is A, 27 is AA."""
    letters = ""
    while number:
        number, place = divmod(number - 1, 26)
        letters = chr(ord("A") + place) + letters
    return letters


def sheet_names(content: memoryview) -> list[str] | Fault:
    """The names of the sheets in their order; a fault as for ``sheet_rows``."""

    def names(archive: zipfile.ZipFile) -> list[str]:
        book = _root(archive, _book_part(archive))
        return [element.get("name", "") for element in book.iterfind("{*}sheets/{*}sheet")]

    return _looked_into(content, names)


def packed_cells(content: memoryview, sheet: str) -> int:
    """The packed bytes of the parts of a readable workbook that hold the sheet's cells: the sheet, and its texts."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        part, links = _sheet_part(archive, sheet)[:2]
        parts = {part, links.get(_SHARED_STRINGS)}
        return sum(info.compress_size for info in archive.infolist() if info.filename in parts)


def _sheet(archive: zipfile.ZipFile, name: str) -> list[tuple[int, dict[int, str]]]:
    part, links, date1904 = _sheet_part(archive, name)
    return _rows(
        archive,
        part,
        _Book(
            strings=_strings(archive, links.get(_SHARED_STRINGS)),
            date_styles=_date_styles(archive, links.get(_STYLES)),
            epoch=_EPOCHS[date1904],
        ),
    )


def _sheet_part(archive: zipfile.ZipFile, name: str) -> tuple[str, dict[str, str], bool]:
    """The part of a sheet, the parts that its book refers to, and whether the book counts days from 1904."""
    book_part = _book_part(archive)
    book = _root(archive, book_part)
    links = _related(archive, book_part)
    identifiers = {
        element.get("name"): str(value)
        for element in book.iterfind("{*}sheets/{*}sheet")
        for key, value in element.attrib.items()
        if etree.QName(key).localname == "id" and etree.QName(key).namespace
    }
    part = links.get(f"#{identifiers.get(name)}")
    if part is None:
        raise _RefusedError(f"it has no sheet `{name}`")
    properties = book.find("{*}workbookPr")
    return part, links, properties is not None and properties.get("date1904") in {"1", "true"}


def _book_part(archive: zipfile.ZipFile) -> str:
    part = _related(archive, "").get(_OFFICE_DOCUMENT)
    if part is None:
        raise _RefusedError("it is no workbook (.xlsx)")
    return part


def _related(archive: zipfile.ZipFile, part: str) -> dict[str, str]:
    """The parts that a part refers to inside the archive, by kind (``/styles``) and by id (``#rId1``)."""
    folder, name = posixpath.split(part)
    found = {}
    for link in _root(archive, posixpath.join(folder, "_rels", f"{name}.rels")):
        if link.get("TargetMode") == "External":
            continue
        target = posixpath.normpath(posixpath.join("/", folder, link.get("Target", ""))).lstrip("/")
        found[f"#{link.get('Id')}"] = target
        found["/" + link.get("Type", "").rpartition("/")[2]] = target
    return found


def _bytes(archive: zipfile.ZipFile, part: str) -> bytes:
    try:
        info = archive.getinfo(part)
    except KeyError:
        raise _RefusedError(f"its part {shown(part)} is missing") from None
    found = b"".join(part_chunks(archive, info))
    if b"<!DOCTYPE" in found or b"<!ENTITY" in found:
        raise _RefusedError("it declares a document type or entities, which no workbook needs")
    return found


def _root(archive: zipfile.ZipFile, part: str) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    root = etree.fromstring(_bytes(archive, part), parser)
    _require_plain(root)
    return root


def _require_plain(element: etree._Element) -> None:
    # An encoding that hides the words from a search in the bytes does not hide them from the parser.
    if element.getroottree().docinfo.internalDTD is not None:
        raise _RefusedError("it declares a document type or entities, which no workbook needs")


def _strings(archive: zipfile.ZipFile, part: str | None) -> list[str]:
    if part is None:
        return []
    return [_runs(item) for item in _root(archive, part).iterfind("{*}si")]


def _runs(item: etree._Element) -> str:
    """The text of a string item: its own or that of its runs, without how it is pronounced."""
    return "".join(text.text or "" for path in ("{*}t", "{*}r/{*}t") for text in item.iterfind(path))


def _date_styles(archive: zipfile.ZipFile, part: str | None) -> frozenset[int]:
    """The cell styles under which a number is shown as a date or time."""
    if part is None:
        return frozenset()
    root = _root(archive, part)
    written = {
        element.get("numFmtId"): _NO_DATE_PART.sub("", element.get("formatCode", "").split(";")[0]).lower()
        for element in root.iterfind("{*}numFmts/{*}numFmt")
    }
    dated = {int(number) for number, code in written.items() if number and code != "general" and set(code) & {*"dmyhs"}}
    plain = {int(number) for number in written if number} - dated
    return frozenset(
        index
        for index, style in enumerate(root.iterfind("{*}cellXfs/{*}xf"))
        if int(style.get("numFmtId", "0")) in (dated | _DATE_FORMATS) - plain
    )


def _rows(archive: zipfile.ZipFile, part: str, book: _Book) -> list[tuple[int, dict[int, str]]]:
    events = etree.iterparse(
        io.BytesIO(_bytes(archive, part)),
        events=("end",),
        tag="{*}row",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    read, number = _Read(), 0
    for _, row in events:
        _require_plain(row)
        told = int(row.get("r", number + 1))
        if told <= number:
            raise _RefusedError(f"row {told} of its sheet stands after row {number}")
        number = told
        found = dict(_cells(row, book, read))
        if found:
            read.rows.append((number, found))
        row.clear()
    return read.rows


def _cells(row: etree._Element, book: _Book, read: _Read) -> Iterator[tuple[int, str]]:
    column = 0
    for cell in row.iterfind("{*}c"):
        place = _REFERENCE.fullmatch(cell.get("r", ""))
        told = column + 1 if place is None else column_number(place[1])
        if told <= column:
            raise _RefusedError(f"a cell of row {row.get('r')} of its sheet stands in the place of another")
        column = told
        text = _cell(cell, book).strip()
        read.cells += 1
        read.text += len(text)
        if read.cells > MOST_CELLS or read.text > MOST_TEXT or len(text) > MOST_IN_A_CELL:
            raise _RefusedError("its sheet holds more than a sheet may hold")
        if text:
            yield column, text


def _cell(cell: etree._Element, book: _Book) -> str:
    kind, value = cell.get("t", "n"), cell.findtext("{*}v") or ""
    match kind:
        case "inlineStr":
            item = cell.find("{*}is")
            return "" if item is None else _runs(item)
        case "s":
            if not value.isdecimal() or int(value) >= len(book.strings):
                raise _RefusedError(f"a cell refers to a text that is not there (`{shown(value)}`)")
            return book.strings[int(value)]
        case "n":
            return _number(value.strip(), book.epoch if int(cell.get("s", "0")) in book.date_styles else None)
        case "b":
            return {"1": "TRUE", "0": "FALSE"}.get(value, value)
        case "d":
            return value.replace("T", " ").removesuffix("Z")
        case _:
            return value


def _number(text: str, epoch: datetime | None) -> str:
    """A number as people see it in a cell; what is no number stays as it is."""
    if _NUMBER.fullmatch(text) is None:
        return text
    value = Decimal(text)
    value = value or abs(value)
    whole = value == value.to_integral_value()
    if epoch is not None:
        days = value + (epoch - _EPOCHS[False]).days
        if _FIRST_DAY <= days <= _LAST_DAY:
            seconds = int((value * 86_400).to_integral_value(ROUND_HALF_EVEN))
            return f"{epoch + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}"
    if whole and abs(value) >= _EXACT_BELOW:
        return f"{_FIFTEEN.plus(value):E}"
    return f"{value.to_integral_value() if whole else _FIFTEEN.plus(value).normalize():f}"
