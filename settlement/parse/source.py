"""What a format reader is given and what it gives back; every reader has the one signature ``read(source) -> Parsed``.

A reader never raises for bad content. A file it cannot read whole comes back with a ``fault`` and whatever it
could still tell; a row it cannot use becomes a reject; everything else becomes a record or a control record, so
that records + rejects + control records account for the file.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from settlement.model.clearing import Why
from settlement.model.layout import Layout
from settlement.model.stage import USUAL, Bounds, Seen
from settlement.parse.cards import Cards


def unseen(_size: int, _records: int) -> None:
    """What a reader tells of its progress where nobody looks on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One registered file to read.

    Attributes
    ----------
    file:
        Delivery folder + ``/`` + file name.
    content:
        The bytes, mapped; never changed and never kept beyond the call.
    delivered_on:
        The night on which it came.
    file_date, sequence:
        Business date and sequence in the file's name, where the layout's name pattern has them.
    cards:
        Turns card numbers into references.
    bounds:
        What of a large file may be read at once.
    keep:
        Takes the next ``bounds.part_rows`` candidate rows ``clearing`` of a file that has more; where it is None, all
        are given back at the end.
    seen:
        Told how many bytes and records have been read.
    """

    file: str
    content: memoryview
    delivered_on: date
    file_date: date | None
    sequence: str | None
    layout: Layout
    cards: Cards
    bounds: Bounds = USUAL
    keep: Callable[[pl.DataFrame], None] | None = None
    seen: Seen = unseen


def forget(content: memoryview, last: int) -> None:
    """Let the pages of a mapped file before a byte leave the memory; they come back when they are read again."""
    if isinstance(content.obj, mmap.mmap) and last >= mmap.PAGESIZE:
        content.obj.madvise(mmap.MADV_DONTNEED, 0, min(last, len(content.obj)) // mmap.PAGESIZE * mmap.PAGESIZE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlTotal:
    """One total: what the file declares (None where it says nothing) and what its records give."""

    control: str
    declared: int | None
    computed: int | None

    @property
    def agrees(self) -> bool:
        """Whether declared and computed are equal; true where nothing is declared."""
        return self.declared is None or self.declared == self.computed


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteCount:
    """Where the bytes of a file went; the four add up to its size.

    A line end, a length and a record's own filler belong to their record. ``control`` are header, trailer and other
    lines that are no records, and a container's own bytes; ``padding`` is what only fills up blocks or the file's end.
    """

    accepted: int = 0
    rejected: int = 0
    control: int = 0
    padding: int = 0

    def __add__(self, later: ByteCount) -> ByteCount:
        return ByteCount(
            accepted=self.accepted + later.accepted,
            rejected=self.rejected + later.rejected,
            control=self.control + later.control,
            padding=self.padding + later.padding,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A file as read. ``tables`` are candidate tables by name without the prefix ``parsed_``.

    Of a file that is read in parts, ``clearing`` has the rows that were not handed to ``Source.keep``.

    ``records`` is the file's record count as the truth of a format counts it (messages, TCRs, lines, entries).
    ``net_settlement_minor`` is what the bank statement should show for the file, + to our account;
    ``payout_text`` is the remittance text under which the bank shows an acquirer's payout. ``bytes`` says where each
    byte of a whole file went; a file with a fault is rejected with all of its bytes. ``rejected_at`` tells first byte,
    from 0, and size of each rejected record, of a format that keeps them; else they are looked for in the file again.
    """

    sender: str | None = None
    file_date: date | None = None
    internal_id: str | None = None
    mode: str | None = None
    records: int | None = None
    net_settlement_minor: int | None = None
    net_settlement_currency: str | None = None
    payout_text: str | None = None
    fault: Why | None = None
    detail: str | None = None
    controls: tuple[ControlTotal, ...] = ()
    bytes: ByteCount | None = None
    rejected_at: Mapping[int, tuple[int, int]] | None = None
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
