"""Visa BASE II files cut into records (TCRs): line ends or none, CTF or ITF, ASCII or EBCDIC.

Whatever the form, a record comes out as the same 168 positions, and its bytes as they were received.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from settlement.kernels.choice import cores
from settlement.kernels.parse import byte_places, position_numbers
from settlement.model.clearing import Why
from settlement.parse.source import forget
from settlement.parse.spans import Alphabet, Spans, alphabet, texts
from settlement.parse.visa_fields import digits, ordinal_date
from settlement.parse.visa_layout import HEADER, CtfSpec

_RETURN: Final = 13
_LINE_FEED: Final = 10
_EBCDIC_ENDS: Final = (_LINE_FEED, 37, 21)
"""Bytes that end a line in EBCDIC: a line feed that a transfer put in, its own line feed, its new line."""
_LONGEST_END: Final = 2
_BLOCK: Final = 1 << 16
_STRETCH, _STRETCH_RECORDS = 1 << 25, 1 << 18
_FILL: Final = (0, 26, _RETURN)
"""Bytes that only fill up a file behind its last record, beside line ends: NUL and the mark of an old end of file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """The records of a file.

    Attributes
    ----------
    spans:
        Their positions: position p of the layout is byte p - 1 of the span, from position 3 on in an ITF.
    heads:
        Their transaction codes, 2 bytes.
    code, tcr:
        Transaction code and TCR number, -1 where they are no digits.
    qualifier:
        Qualifier of the transaction code, 0 in nearly all files.
    size:
        Bytes received for each, with its line end.
    padding:
        Bytes behind the last record of the file that only fill up.
    before:
        How many records of the file are before these.
    """

    spans: Spans
    heads: Spans
    code: NDArray[np.int64]
    qualifier: NDArray[np.int64]
    tcr: NDArray[np.int64]
    size: NDArray[np.int64]
    padding: int
    before: int = 0

    @property
    def count(self) -> int:
        """How many records there are."""
        return len(self.code)

    def parts(self, part_bytes: int) -> Iterator[Records]:
        """The records in parts of about so many bytes, each of which begins with a TCR 0 that it holds whole."""
        first = 0
        while first < self.count:
            reach = int(np.searchsorted(self.spans.base, self.spans.base[first] + part_bytes))
            last = max(reach, first + 1)
            while last < self.count and self.tcr[last] != 0:
                last += 1
            yield self._part(slice(first, last))
            first = last

    def _part(self, rows: slice) -> Records:
        return replace(
            self,
            spans=self.spans.rows(rows),
            heads=self.heads.rows(rows),
            code=self.code[rows],
            qualifier=self.qualifier[rows],
            tcr=self.tcr[rows],
            size=self.size[rows],
            before=rows.start,
        )

    def text(self, row: int | np.int64, places: list[int]) -> str:
        """One field of one record (from 0), its first and last position counted from 1; empty where blank."""
        one = self.spans.rows(np.array([row], dtype=np.int64)).part(places[0] - 1, places[1] - places[0] + 1)
        return texts(one, "text")[0] or ""

    def head(self, row: int) -> str:
        """Transaction code and TCR number of one record (from 0) as they are written."""
        return f"TC {texts(self.heads.rows(np.array([row])), 'code')[0] or ''} TCR {self.text(row, [4, 4])}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Torn:
    """Why a file is not cut, as a fault and a sentence without its end."""

    why: Why
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What the header tells: the file's own date, and its fields by name."""

    posting_date: date
    said: Mapping[str, str]


def read_head(records: Records, spec: CtfSpec) -> Head | None:
    """What the header says; None unless the first record is the one header and tells date, BIN and file id."""
    if np.flatnonzero(records.code == HEADER).tolist() != [0]:
        return None
    said = {name: records.text(0, places) for name, places in spec.header.items()}
    posting_date = ordinal_date(said["date"])
    if posting_date is None or not digits(said["bin"]) or not digits(said["file_id"]):
        return None
    return Head(posting_date=posting_date, said=said)


def framed(content: memoryview, spec: CtfSpec) -> Records | Torn:
    """The records of a file, in the code page and the form (CTF, or ITF) in which its first one reads as a header."""
    pages = (page for page in (spec.encoding, spec.ebcdic) if bytes(content[:2]) == str(HEADER).encode(page))
    encoding = next(pages, None)
    if encoding is None:
        sentence = f"The file does not start with a header (TC {HEADER}) in ASCII or EBCDIC"
        return Torn(why=Why.UNREADABLE, sentence=sentence)
    page = alphabet(encoding)
    found = [
        _cut_whole(content, spec, page, long=long) for long in (False, True) if _reads(content, spec, page, long=long)
    ]
    whole = (one for one in found if isinstance(one, Records))
    return next(whole, None) or next(iter(found), None) or _cut_whole(content, spec, page, long=False)


def _reads(content: memoryview, spec: CtfSpec, page: Alphabet, *, long: bool) -> bool:
    """Whether the first record reads as a header in that form."""
    size = _size(spec, long=long)
    cut = _cut(content[: size + _LONGEST_END], size, page)
    first = _records(cut, spec, page, long=long)
    return first.count > 0 and read_head(first, spec) is not None


def _size(spec: CtfSpec, *, long: bool) -> int:
    return spec.interchange.record_bytes if long else spec.record_bytes


def _cut_whole(content: memoryview, spec: CtfSpec, page: Alphabet, *, long: bool) -> Records | Torn:
    size = _size(spec, long=long)
    cut = _cut(content, size, page)
    if cut.torn:
        return Torn(why=Why.TRUNCATED, sentence=f"The file is cut short inside record {cut.torn}")
    over = np.flatnonzero(cut.length > size)
    if len(over):
        return Torn(why=Why.UNREADABLE, sentence=f"Record {over[0] + 1} is longer than {size} characters")
    return _records(cut, spec, page, long=long)


def _line_ends(content: memoryview, end: int) -> NDArray[np.int64]:
    """Where lines end, looked for stretch by stretch: what is looked at leaves the memory."""
    found = []
    for first in range(0, len(content), _STRETCH):
        stretch = np.frombuffer(content[first : first + _STRETCH], dtype=np.uint8)
        found.append(byte_places(stretch, end, cores()) + first)
        forget(content, first)
    return np.concatenate(found)


def _numbers(cut: _Cut, places: NDArray[np.int32], page: Alphabet) -> NDArray[np.int64]:
    """Fields of each record as numbers, -1 where there is none."""
    found = np.empty((len(places), len(cut.base)), dtype=np.int64)
    for first in range(0, len(cut.base), _STRETCH_RECORDS):
        rows = slice(first, first + _STRETCH_RECORDS)
        where = (np.frombuffer(cut.content, dtype=np.uint8), cut.base[rows], cut.length[rows])
        values, state = position_numbers(*where, places, page.zero, page.blank, cores())
        found[:, rows] = np.where(state == 1, values, -1)
        forget(cut.content, int(cut.base[first]))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """Start, length without and with line end of each record; the number of one that is torn, else 0."""

    content: memoryview
    base: NDArray[np.int64]
    length: NDArray[np.int32]
    size: NDArray[np.int64]
    torn: int


def _records(cut: _Cut, spec: CtfSpec, page: Alphabet, *, long: bool) -> Records:
    start = np.zeros(len(cut.base), dtype=np.int32)
    data = np.frombuffer(cut.content, dtype=np.uint8)
    raw = Spans(data=data, base=cut.base, start=start, length=cut.length, alphabet=page)
    gap = spec.interchange.gap[1] - spec.interchange.gap[0] + 1 if long else 0
    # Behind the gap a position lies further on; the code before it is read by itself.
    spans = replace(raw, base=cut.base + gap, length=cut.length - np.int32(gap)) if gap else raw
    places = np.array([(0, 2), (2 + gap, 1), (3 + gap, 1)], dtype=np.int32)
    values = _numbers(cut, places, page)
    return Records(
        spans=spans,
        heads=raw.part(0, 2),
        code=values[0],
        qualifier=values[1],
        tcr=values[2],
        size=cut.size,
        padding=len(cut.content) - int(cut.size.sum()),
    )


def _cut(content: memoryview, size: int, page: Alphabet) -> _Cut:
    data = np.frombuffer(content, dtype=np.uint8)
    ends = (_LINE_FEED,) if page.zero == ord("0") else _EBCDIC_ENDS
    filled = _filled(data, (*_FILL, *ends))
    end = next((byte for byte in ends if byte in data[: size + _LONGEST_END]), None)
    if end is None:
        count, rest = divmod(filled, size)
        base = np.arange(count, dtype=np.int64) * size
        lengths = np.full(count, size, dtype=np.int32)
        return _Cut(content=content, base=base, length=lengths, size=lengths.astype(np.int64), torn=rest and count + 1)
    feeds = _line_ends(content, end)
    feeds = feeds[: int(np.searchsorted(feeds, filled)) + 1]
    base = np.concatenate([np.zeros(1, dtype=np.int64), feeds[:-1] + 1])
    returns = (feeds > base) & (data[feeds - 1] == _RETURN)
    length = (feeds - base - returns).astype(np.int32)
    torn = len(base) + 1 if int(feeds[-1]) < filled else 0
    return _Cut(content=content, base=base, length=length, size=feeds + 1 - base, torn=torn)


def _filled(data: NDArray[np.uint8], fill: tuple[int, ...]) -> int:
    """Bytes up to the last that is more than fill."""
    end = len(data)
    while end:
        block = data[max(0, end - _BLOCK) : end]
        told = np.flatnonzero(~np.isin(block, fill))
        if len(told):
            return end - len(block) + int(told[-1]) + 1
        end -= len(block)
    return 0
