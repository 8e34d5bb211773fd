"""Where a record's bytes lie in its file, and the file with other bytes in their place.

Readers name records by number, as each format counts them; a reject is kept and repaired as bytes. This module finds
them once more, for the few records that it is asked for, by the framing of the format alone: it judges nothing.

A row that is packed with others (of a workbook, of Parquet) has no bytes of its own: it is kept as JSON with sorted
keys, to be looked at, and cannot be put back.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from settlement.kernels.choice import cores
from settlement.kernels.parse import byte_places
from settlement.model.layout import Layout, read_spec
from settlement.parse import camt053, camt054
from settlement.parse.bai2_records import read_records
from settlement.parse.cards import mask_text
from settlement.parse.declared_cut import Fault
from settlement.parse.iso20022 import byte_order_of, entry_places
from settlement.parse.mastercard_frames import LENGTH_BYTES, Framed, Stream, message_at, read_stream
from settlement.parse.mastercard_layout import IpmSpec
from settlement.parse.mt940_lines import read_lines
from settlement.parse.parquet_rows import some_rows
from settlement.parse.statements import UnreadableError
from settlement.parse.visa_groups import group_places, grouped
from settlement.parse.visa_layout import CtfSpec
from settlement.parse.visa_records import Torn, framed
from settlement.parse.workbook_cells import column_letters, sheet_rows

_LINE_FEED: Final = 10
_WIDE: Final = ("utf-16", "utf-32", "utf16", "utf32", "utf_16", "utf_32")
_FAMILIES: Final = {"camt053": camt053.FAMILY, "camt054": camt054.FAMILY}
_TEXTS: Final = ("86", "NS")
_MARKS: Final = {
    codecs.BOM_UTF32_LE: ("utf-32-le", 4),
    codecs.BOM_UTF32_BE: ("utf-32-be", 4),
    codecs.BOM_UTF16_LE: ("utf-16-le", 2),
    codecs.BOM_UTF16_BE: ("utf-16-be", 2),
}
"""Byte order marks, longer ones first, and what follows them: its encoding, and the bytes of a line feed in it."""
_ORDERS: Final = {code: mark for mark, (code, _) in _MARKS.items()}
_EBCDIC_ZERO: Final = b"\xf0"
_CUT_WHERE_THEY_LIE: Final = frozenset({"bai2", "delimited", "fixed_width", "json_lines", "mt940", "visa_ctf"})
"""Formats whose records are the bytes at their place, if no mark of an encoding in wider units belongs to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """First byte of a record, counted from 0 in the opened file, and how many bytes to its last.

    Line ends, and the length before a message, are no part of it; padding of blocks inside it is.
    """

    offset: int
    length: int


def places(content: memoryview, layout: Layout, records: Iterable[int]) -> dict[int, Place]:
    """The places of some records, by number from 1; one that cannot be told by bytes is left out."""
    wanted = sorted(set(records))
    find = _FINDERS.get(layout.format)
    return {} if find is None or not wanted else find(content, layout, wanted)


def bytes_at(content: memoryview, layout: Layout, told: Mapping[int, Place | None]) -> dict[int, bytes]:
    """What ``record_bytes`` gives of some records whose places were told when their file was read, as far as they were.

    Only where a format has more than the bytes at a place the file is gone through again.
    """
    where = {record: place for record, place in told.items() if place is not None}
    if layout.format == "mastercard_ipm":
        spec = read_spec(layout, IpmSpec)
        return {record: message_at(content, spec, place.offset, place.length) for record, place in where.items()}
    if layout.format in _CUT_WHERE_THEY_LIE and len("\n".encode(encoding_of(layout))) == 1:
        return {record: bytes(content[one.offset : one.offset + one.length]) for record, one in where.items()}
    return record_bytes(content, layout, told)


def record_bytes(content: memoryview, layout: Layout, records: Iterable[int]) -> dict[int, bytes]:
    """The bytes of some records by number; one whose bytes cannot be told is left out.

    A message is without its blocks' padding, a record in UTF-16 or UTF-32 begins with its byte order mark, and a packed
    row is JSON.
    """
    wanted = sorted(set(records))
    if layout.format == "mastercard_ipm":
        stream = _framed_whole(content, layout).first
        return {n: _message(stream, n - 1) for n in wanted if 1 <= n <= len(stream.base)}
    if layout.format in PACKED_ROWS:
        rows = PACKED_ROWS[layout.format](content, layout, wanted)
        return {n: json.dumps(row, sort_keys=True, ensure_ascii=False).encode() for n, row in rows.items()}
    mark = _mark(content, layout)
    found = places(content, layout, wanted)
    return {n: mark + bytes(content[place.offset : place.offset + place.length]) for n, place in found.items()}


def patched(content: memoryview, layout: Layout, repaired: Mapping[int, bytes]) -> bytes:
    """The file with other bytes for some records. Raises LookupError where a record is not found."""
    if layout.format == "mastercard_ipm":
        return _patched_messages(content, layout, repaired)
    found = places(content, layout, repaired)
    mark = _mark(content, layout)
    pieces, at = [], 0
    for record in sorted(repaired):
        if record not in found:
            raise LookupError(record)
        written = _marked_as(mark, repaired[record]) if mark else repaired[record]
        pieces += [bytes(content[at : found[record].offset]), written]
        at = found[record].offset + found[record].length
    return b"".join([*pieces, bytes(content[at:])])


def masked_record(record: bytes, layout: Layout) -> str:
    """A record as text that may be shown: every run of digits that could be a card number masked."""
    return mask_text(record.decode(encoding_of(layout, record), "replace"))


def encoding_of(layout: Layout, record: bytes = b"") -> str:
    """The encoding in which a layout's records are written; the first of several, or of two that of ``record``."""
    if "ebcdic" in layout.spec and record[:1] >= _EBCDIC_ZERO:
        return str(layout.spec["ebcdic"])
    if layout.format in _FAMILIES:
        return _encoding_of_entry(record)
    if layout.format == "mt940":
        return str([*layout.spec.get("encodings", ()), "utf-8"][0])
    return str(layout.spec.get("encoding", "latin-1" if layout.format == "bai2" else "utf-8"))


def _encoding_of_entry(record: bytes) -> str:
    """The encoding of an entry in XML: it is kept with a mark where it is in UTF-16."""
    if record.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        record.decode()
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def written_as(text: str, record: bytes, layout: Layout) -> bytes:
    """A text in the encoding of a record. Raises UnicodeEncodeError where it cannot be written so."""
    if layout.format in _FAMILIES and encoding_of(layout, record) == "latin-1":
        # What the file declares is not told with the record; these references mean the same in all of them.
        return text.encode("ascii", "xmlcharrefreplace")
    for mark, (encoding, _) in _MARKS.items():
        if record.startswith(mark) and encoding_of(layout, record).lower().startswith(_WIDE):
            return text.encode(encoding)
    return text.encode(encoding_of(layout, record))


def _mark(content: memoryview, layout: Layout) -> bytes:
    """The byte order mark of a file in an encoding that needs one to be read; empty for all others."""
    if layout.format in _FAMILIES:
        return _ORDERS.get(byte_order_of(content) or "", b"")
    name = encoding_of(layout).lower().replace("_", "-")
    if not name.startswith(_WIDE) or name.endswith(("le", "be")):
        return b""
    start = bytes(content[:4])
    return next((mark for mark in _MARKS if start.startswith(mark)), b"")


def _marked_as(mark: bytes, record: bytes) -> bytes:
    """A record without mark, in the order of bytes that the file's mark tells."""
    own = next((one for one in _MARKS if record.startswith(one)), mark)
    plain = record.removeprefix(own)
    return plain if own == mark else plain.decode(_MARKS[own][0]).encode(_MARKS[mark][0])


def _line_places(content: memoryview) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Start and end of each line, without its end."""
    data = np.frombuffer(content, dtype=np.uint8)
    ends = byte_places(data, _LINE_FEED, cores())
    starts = np.concatenate([np.zeros(1, dtype=np.int64), ends + 1])
    ends = np.concatenate([ends, np.array([len(data)], dtype=np.int64)])
    return starts, ends


def _place(content: memoryview, start: int, end: int) -> Place:
    if end > start and content[end - 1] == ord("\r"):
        end -= 1
    return Place(offset=start, length=end - start)


def _of_lines(content: memoryview, layout: Layout, records: list[int]) -> dict[int, Place]:
    """Delimited and JSON lines: a physical line, and those that a quoted field of it runs over."""
    if encoding_of(layout).lower().startswith(_WIDE):
        return _of_wide_lines(content, layout, records)
    starts, ends = _line_places(content)
    quote = str(layout.spec.get("quote") or "").encode()
    found = {}
    for record in records:
        if record > len(starts):
            continue
        last = record - 1
        while quote and last + 1 < len(ends) and bytes(content[starts[record - 1] : ends[last]]).count(quote) % 2:
            last += 1
        found[record] = _place(content, int(starts[record - 1]), int(ends[last]))
    return found


def _of_wide_lines(content: memoryview, layout: Layout, records: list[int]) -> dict[int, Place]:
    """Lines in UTF-16 or UTF-32, told by whole characters: a line feed's byte stands in other characters as well."""
    mark = _mark(content, layout)
    name = encoding_of(layout).lower().replace("_", "-")
    encoding, width = _MARKS.get(mark, (name, 4 if "32" in name else 2))
    try:
        text = str(content[len(mark) :], encoding)
    except UnicodeDecodeError:
        return {}
    lines, quote = text.split("\n"), str(layout.spec.get("quote") or "")
    units = [len(line.encode(encoding)) + width for line in lines]
    starts = np.cumsum([len(mark), *units])
    found = {}
    for record in (n for n in records if n <= len(lines)):
        last, line = record - 1, lines[record - 1]
        while quote and last + 1 < len(lines) and line.count(quote) % 2:
            last += 1
            line += f"\n{lines[last]}"
        size = len(line.removesuffix("\r").encode(encoding))
        found[record] = Place(offset=int(starts[record - 1]), length=size)
    return found


def _of_statement_lines(content: memoryview, layout: Layout, records: list[int]) -> dict[int, Place]:
    """MT940: a statement line (61) with the texts that follow it at once."""
    try:
        lines = read_lines(content, [*layout.spec.get("encodings", ("utf-8", "latin-1"))])
    except UnreadableError:
        return {}
    spans: list[tuple[int, int]] = []
    open_ = False
    for field in (field for message in lines.messages for field in message.fields):
        end = field.offset + field.size
        if field.tag == "61":
            spans.append((field.offset, end))
        elif open_ and field.tag in _TEXTS:
            spans[-1] = (spans[-1][0], end)
        open_ = field.tag == "61" or (open_ and field.tag in _TEXTS)
    return _without_ends(content, spans, records)


def _of_bai2_records(content: memoryview, layout: Layout, records: list[int]) -> dict[int, Place]:
    """BAI2: a transaction (16) with its continuations, and blank lines between them."""
    try:
        file = read_records(content, encoding_of(layout))
    except UnreadableError:
        return {}
    entries = [entry for group in file.groups for account in group.accounts for entry in account.entries]
    return _without_ends(content, [(entry.offset, entry.end) for entry in entries], records)


def _without_ends(content: memoryview, spans: Sequence[tuple[int, int]], records: list[int]) -> dict[int, Place]:
    found = {}
    for n in (n for n in records if 1 <= n <= len(spans)):
        start, end = spans[n - 1]
        while end > start and content[end - 1] in b"\r\n":
            end -= 1
        found[n] = Place(offset=start, length=end - start)
    return found


def _workbook_rows(content: memoryview, layout: Layout, records: list[int]) -> dict[int, dict[str, str]]:
    """Texts of cells by the letters of their columns."""
    rows = sheet_rows(content, str(layout.spec.get("sheet", "")))
    if isinstance(rows, Fault):
        return {}
    wanted = set(records)
    return {n: {column_letters(at): text for at, text in cells.items()} for n, cells in rows if n in wanted}


def _parquet_rows(content: memoryview, layout: Layout, records: list[int]) -> dict[int, dict[str, str | None]]:
    """Values of columns by their names."""
    del layout
    rows = some_rows(content, records)
    return {} if isinstance(rows, Fault) else rows


def _of_widths(content: memoryview, layout: Layout, records: list[int]) -> dict[int, Place]:
    """Fixed width: a physical line, or the next so many bytes."""
    if layout.spec.get("line_end", "lf") == "lf":
        starts, ends = _line_places(content)
        return {n: _place(content, int(starts[n - 1]), int(ends[n - 1])) for n in records if n <= len(starts)}
    return _of_one_length(content, int(layout.spec["line_length"]), records)


def _of_one_length(content: memoryview, size: int, records: list[int]) -> dict[int, Place]:
    return {n: Place(offset=(n - 1) * size, length=size) for n in records if n * size <= len(content)}


def _of_transactions(content: memoryview, layout: Layout, records: list[int]) -> dict[int, Place]:
    """Visa: a TCR 0 with the TCRs that continue it, or another record alone."""
    cut = framed(content, read_spec(layout, CtfSpec))
    if isinstance(cut, Torn):
        return {}
    told = group_places(cut, grouped(cut)[1], records)
    return {record: Place(offset=offset, length=length) for record, (offset, length) in told.items()}


def _of_entries(content: memoryview, layout: Layout, records: list[int]) -> dict[int, Place]:
    """Bank statements in XML: an entry."""
    try:
        found = entry_places(content, _FAMILIES[layout.format], records)
    except UnreadableError:
        return {}
    return {n: Place(offset=offset, length=length) for n, (offset, length) in found.items()}


def _framed_whole(content: memoryview, layout: Layout) -> Framed:
    return read_stream(content, read_spec(layout, IpmSpec), len(content))


def _message(stream: Stream, row: int) -> bytes:
    start = int(stream.base[row])
    return stream.data[start : start + int(stream.size[row])].tobytes()


def _of_messages(content: memoryview, layout: Layout, records: list[int]) -> dict[int, Place]:
    """Mastercard: a message, counted in the file with its blocks."""
    framed = _framed_whole(content, layout)
    told = framed.places(framed.first, records)
    return {record: Place(offset=offset, length=length) for record, (offset, length) in told.items()}


def _patched_messages(content: memoryview, layout: Layout, repaired: Mapping[int, bytes]) -> bytes:
    """The stream without blocks, which its reader takes as well."""
    stream = _framed_whole(content, layout).first
    missing = sorted(record for record in repaired if not 1 <= record <= len(stream.base))
    if missing:
        raise LookupError(missing[0])
    written = bytearray()
    for row in range(len(stream.base)):
        message = repaired.get(row + 1)
        body = _message(stream, row) if message is None else message
        written += len(body).to_bytes(LENGTH_BYTES, "big") + body
    return bytes(written + bytes(LENGTH_BYTES))


PACKED_ROWS: Final[Mapping[str, Callable[[memoryview, Layout, list[int]], Mapping[int, Mapping[str, str | None]]]]] = {
    "parquet": _parquet_rows,
    "workbook": _workbook_rows,
}
"""Formats whose rows are packed together, and how one is told."""

_FINDERS: Final[Mapping[str, Callable[[memoryview, Layout, list[int]], dict[int, Place]]]] = {
    "bai2": _of_bai2_records,
    "camt053": _of_entries,
    "camt054": _of_entries,
    "delimited": _of_lines,
    "fixed_width": _of_widths,
    "json_lines": _of_lines,
    "mastercard_ipm": _of_messages,
    "mt940": _of_statement_lines,
    "visa_ctf": _of_transactions,
}
