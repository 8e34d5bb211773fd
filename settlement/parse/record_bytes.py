"""Where a record's bytes lie in its file, and the file with other bytes in their place.

Readers name records by number, as each format counts them; a reject is kept and repaired as bytes. This module finds
them once more, for the few records that it is asked for, by the framing of the format alone: it judges nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from settlement.model.layout import Layout, read_spec
from settlement.parse.cards import mask_text
from settlement.parse.mastercard_messages import IpmSpec, Stream, read_stream

_LINE_FEED: Final = 10
_WIDE: Final = ("utf-16", "utf-32", "utf16", "utf32", "utf_16", "utf_32")
_ENTRY: Final = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?Ntry[\s>].*?</(?:[A-Za-z_][\w.-]*:)?Ntry\s*>", re.DOTALL)
_LENGTH_BYTES: Final = 4


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


def record_bytes(content: memoryview, layout: Layout, record: int) -> bytes | None:
    """The bytes of one record, of a message without its blocks' padding; None where they cannot be told."""
    if layout.format == "mastercard_ipm":
        stream = _stream(content, layout)
        return _message(stream, record - 1) if 1 <= record <= len(stream.base) else None
    place = places(content, layout, [record]).get(record)
    return None if place is None else bytes(content[place.offset : place.offset + place.length])


def patched(content: memoryview, layout: Layout, repaired: Mapping[int, bytes]) -> bytes:
    """The file with other bytes for some records. Raises LookupError where a record is not found."""
    if layout.format == "mastercard_ipm":
        return _patched_messages(content, layout, repaired)
    found = places(content, layout, repaired)
    pieces, at = [], 0
    for record in sorted(repaired):
        if record not in found:
            raise LookupError(record)
        pieces += [bytes(content[at : found[record].offset]), repaired[record]]
        at = found[record].offset + found[record].length
    return b"".join([*pieces, bytes(content[at:])])


def masked_record(record: bytes, layout: Layout) -> str:
    """A record as text that may be shown: every run of digits that could be a card number masked."""
    return mask_text(record.decode(encoding_of(layout), "replace"))


def encoding_of(layout: Layout) -> str:
    """The encoding in which a layout's records are written."""
    return str(layout.spec.get("encoding", "utf-8"))


def _line_places(content: memoryview) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Start and end of each line, without its end."""
    data = np.frombuffer(content, dtype=np.uint8)
    ends = np.flatnonzero(data == _LINE_FEED).astype(np.int64)
    starts = np.concatenate([np.zeros(1, dtype=np.int64), ends + 1])
    ends = np.concatenate([ends, np.array([len(data)], dtype=np.int64)])
    return starts, ends


def _place(content: memoryview, start: int, end: int) -> Place:
    if end > start and content[end - 1] == ord("\r"):
        end -= 1
    return Place(offset=start, length=end - start)


def _of_lines(content: memoryview, layout: Layout, records: list[int]) -> dict[int, Place]:
    """Delimited: a physical line, and those that a quoted field of it runs over."""
    if encoding_of(layout).lower().startswith(_WIDE):
        return {}
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


def _of_widths(content: memoryview, layout: Layout, records: list[int]) -> dict[int, Place]:
    """Fixed width: a physical line, or the next so many bytes."""
    if layout.spec.get("line_end", "lf") == "lf":
        starts, ends = _line_places(content)
        return {n: _place(content, int(starts[n - 1]), int(ends[n - 1])) for n in records if n <= len(starts)}
    return _of_one_length(content, int(layout.spec["line_length"]), records)


def _of_one_length(content: memoryview, size: int, records: list[int]) -> dict[int, Place]:
    return {n: Place(offset=(n - 1) * size, length=size) for n in records if n * size <= len(content)}


def _of_transactions(content: memoryview, layout: Layout, records: list[int]) -> dict[int, Place]:
    """Visa: a TCR 0 with the TCRs that follow it and are not another's first."""
    if _LINE_FEED in content[: 2 * int(layout.spec["record_bytes"])]:
        starts, ends = _line_places(content)
    else:
        size = int(layout.spec["record_bytes"])
        starts = np.arange(0, len(content) - size + 1, size, dtype=np.int64)
        ends = starts + size
    found = {}
    for record in records:
        if record > len(starts):
            continue
        last, code = record - 1, bytes(content[starts[record - 1] : starts[record - 1] + 2])
        while last + 1 < len(starts):
            head = bytes(content[starts[last + 1] : starts[last + 1] + 4])
            if head[:2] != code or head[3:] in {b"0", b""}:
                break
            last += 1
        found[record] = _place(content, int(starts[record - 1]), int(ends[last]))
    return found


def _of_entries(content: memoryview, layout: Layout, records: list[int]) -> dict[int, Place]:
    """Bank statements in XML: an entry, where the file is in an encoding that leaves ASCII as it is."""
    del layout
    if bytes(content[:2]) in {b"\xff\xfe", b"\xfe\xff"} or b"\x00" in bytes(content[:4]):
        return {}
    text = bytes(content)
    if b"<!--" in text or b"<![CDATA[" in text:
        return {}
    spans = [found.span() for found in _ENTRY.finditer(text)]
    return {n: Place(offset=a, length=b - a) for n, (a, b) in enumerate(spans, start=1) if n in records}


def _stream(content: memoryview, layout: Layout) -> Stream:
    return read_stream(np.frombuffer(content, dtype=np.uint8), read_spec(layout, IpmSpec))


def _message(stream: Stream, row: int) -> bytes:
    start = int(stream.base[row])
    return stream.data[start : start + int(stream.size[row])].tobytes()


def _of_messages(content: memoryview, layout: Layout, records: list[int]) -> dict[int, Place]:
    """Mastercard: a message, counted in the file with its blocks."""
    spec, stream = read_spec(layout, IpmSpec), _stream(content, layout)
    blocked = len(stream.data) != len(content)
    found = {}
    for record in records:
        if record > len(stream.base):
            continue
        first = int(stream.base[record - 1])
        last = first + int(stream.size[record - 1]) - 1
        if blocked:
            padding = spec.block_bytes - spec.data_bytes
            first, last = (at + at // spec.data_bytes * padding for at in (first, last))
        found[record] = Place(offset=first, length=last - first + 1)
    return found


def _patched_messages(content: memoryview, layout: Layout, repaired: Mapping[int, bytes]) -> bytes:
    """The stream without blocks, which its reader takes as well."""
    stream = _stream(content, layout)
    missing = sorted(record for record in repaired if not 1 <= record <= len(stream.base))
    if missing:
        raise LookupError(missing[0])
    written = bytearray()
    for row in range(len(stream.base)):
        message = repaired.get(row + 1)
        body = _message(stream, row) if message is None else message
        written += len(body).to_bytes(_LENGTH_BYTES, "big") + body
    return bytes(written + bytes(_LENGTH_BYTES))


_FINDERS: Final[Mapping[str, Callable[[memoryview, Layout, list[int]], dict[int, Place]]]] = {
    "camt053": _of_entries,
    "delimited": _of_lines,
    "fixed_width": _of_widths,
    "mastercard_ipm": _of_messages,
    "visa_ctf": _of_transactions,
}
