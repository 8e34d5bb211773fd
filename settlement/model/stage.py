"""What a stage is given and what it gives back. A stage is a pure function between the two.

No stage reads the clock, the environment, a path, the network or a random source: the runner reads
tables, configuration and landed bytes, calls the stage, and publishes what it returns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import polars as pl

from settlement.model.arrival import FeedArrival, Refused
from settlement.model.journal import Entry
from settlement.model.replay import Replay


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One file of the delivery folder, already copied to the originals under its digest.

    ``steady`` is false for a file that changed while it was copied; ``signature`` is true for a detached OpenPGP
    signature, which is told by its first line where its name alone does not tell it.
    """

    file: str
    name: str
    sha256: str
    size_bytes: int
    regular: bool
    steady: bool = True
    signature: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some rows of a table, read only as they are asked for.

    ``stored`` is for the store alone: the file that holds these rows and no others. A part that a stage gives back as
    it was given is published without being written once more.
    """

    rows: pl.LazyFrame
    stored: Path | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file that a stage has written part by part: its SHA-256, and where it lies, which is for the store alone."""

    sha256: str
    stored: Path = field(repr=False)


OutFile = bytes | StoredFile
"""A file that a stage publishes."""


class Aside(Protocol):
    """Where a unit lays aside what it does not hold in memory. Behind the unit it is gone, but for published files."""

    def rows(self, rows: pl.DataFrame) -> pl.LazyFrame:
        """Lay rows aside; they are read again as they are asked for, in their order."""

    def file(self, write: Callable[[BinaryIO], None]) -> OutFile:
        """The file that ``write`` writes, to be published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InMemory:
    """An aside that holds all in memory."""

    def rows(self, rows: pl.DataFrame) -> pl.LazyFrame:
        """The rows as they are."""
        return rows.lazy()

    def file(self, write: Callable[[BinaryIO], None]) -> OutFile:
        """The bytes of the file."""
        out = BytesIO()
        write(out)
        return out.getvalue()


IN_MEMORY: Final = InMemory()

Decrypt = Callable[[memoryview, FeedArrival, int], "memoryview | Refused"]
"""Opens an OpenPGP message: its bytes, what is demanded of its feed, and the most bytes it may become."""

Verify = Callable[[memoryview, FeedArrival, tuple[memoryview, ...]], "Refused | None"]
"""Says why no detached signature that came for a file is of it and by those of its feed; None where one is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardKey:
    """The secret that turns card numbers into references, and the id under which it is kept.

    The secret never appears in a representation, a table or a message.
    """

    key_id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a night's work may take at once. None of it changes a byte of what comes out, but ``part_rows``.

    Attributes
    ----------
    memory:
        Bytes within which files are read; None for what the machine has.
    files:
        How many files are read beside one another at most.
    part_bytes:
        Bytes of a large file that are read at once, by readers that read in parts.
    part_rows:
        Clearing rows of each stored part of such a file but its last.
    """

    memory: int | None = None
    files: int = 2
    part_bytes: int = 2**25
    part_rows: int = 2**17


USUAL: Final = Bounds()
"""The bounds where nobody gives others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restatement:
    """What a night restates: the matching of earlier nights, from the first one on, under the night's own rules.

    ``last_night`` is the last of the range that was asked about; what the nights after it took up of the range is
    restated with it.
    """

    business_date: date
    first_night: date
    last_night: date
    reason: str


class Progress(Protocol):
    """Told how far a stage is: what is done of how much, in whatever it counts, and the rows that were read so far."""

    def __call__(self, stage: str, done: int, total: int, rows: int = 0) -> None:
        """Show it."""


Seen = Callable[[int, int], None]
"""Told how many bytes and records of a file have been read."""


def reaches_back(first: date, before: Iterable[Restatement]) -> date:
    """The night that a restatement must begin with.

    What an earlier restatement has told on a night since ``first`` is of nights from its own first one on: these are
    matched again too, or what it made of them would be taken back and not made anew.
    """
    for one in sorted(before, key=lambda one: one.business_date, reverse=True):
        if one.business_date >= first:
            first = min(first, one.first_night)
    return first


@dataclass(frozen=True, slots=True, kw_only=True)
class StageInput:
    """Everything a stage may look at.

    Attributes
    ----------
    business_date:
        The night: delivery folder, date of knowledge K, and partition of everything written.
    unit:
        The part of the stage to run: a file for ``parse``, a contract for ``pay``, else ``all``.
    documents:
        The home's configuration, path under ``HOME/config`` to text.
    tables:
        This night's tables that the stage declares to read.
    parts:
        This night's tables that the stage declares to read part by part, each in the parts in which it lies.
    scans:
        This night's tables of many rows that the stage declares to scan, lazily: it collects the columns it asks for.
    history:
        The same tables of all earlier nights, lazily, with a ``business_date`` column.
    nights:
        The earlier nights, in order; None where ``history`` alone tells them.
    told_on:
        Tables of ``history`` of some earlier nights: what lies of other nights is not even looked up.
    deliveries:
        The files of the night's delivery folder, sorted by name (``land`` only).
    content:
        Bytes of an original by its digest (``parse`` only).
    decrypt:
        Opens OpenPGP messages with keys from outside (``parse`` only).
    verify:
        Verifies files that come beside their signatures (``parse`` only).
    replayed:
        Opens a replay with the quarantine key (``parse`` only).
    released:
        The replays that two persons have released for this night, by file name and digest (``land`` only).
    booked:
        Entries that persons have booked since the night before, such as payouts (``post`` only).
    card_keys:
        The card keys in use on the night, the current one first and the oldest last (``parse`` only).
    restatements:
        What this night and earlier ones have restated, by night.
    bounds:
        What may be read at once (``parse`` only).
    keep:
        Stores rows of the table ``parsed_clearing`` aside and gives the part that they are (``parse`` only).
    aside:
        Where what is larger than memory is laid aside (``pay`` only).
    seen:
        Told how much of a file has been read, where somebody looks on (``parse`` only).
    """

    business_date: date
    unit: str
    documents: Mapping[str, str]
    tables: Mapping[str, pl.DataFrame]
    history: Mapping[str, pl.LazyFrame]
    nights: tuple[date, ...] | None = None
    told_on: Callable[[str, Collection[date]], pl.LazyFrame] | None = None
    parts: Mapping[str, tuple[Part, ...]] = field(default_factory=dict)
    scans: Mapping[str, pl.LazyFrame] = field(default_factory=dict)
    deliveries: tuple[Delivery, ...] = ()
    content: Callable[[str], memoryview] | None = None
    decrypt: Decrypt | None = None
    verify: Verify | None = None
    replayed: Callable[[memoryview], Replay | Refused] | None = None
    released: frozenset[tuple[str, str]] = frozenset()
    booked: tuple[Entry, ...] = ()
    card_keys: tuple[CardKey, ...] = ()
    restatements: tuple[Restatement, ...] = ()
    bounds: Bounds = USUAL
    keep: Callable[[pl.DataFrame], Part] | None = None
    aside: Aside = IN_MEMORY
    seen: Seen | None = None

    @property
    def restates(self) -> Restatement | None:
        """What the night restates of earlier ones; None for most nights."""
        return next((one for one in self.restatements if one.business_date == self.business_date), None)

    @property
    def restates_from(self) -> date | None:
        """The first night that the night matches again: further back than was ordered where another order reaches.

        What an earlier restatement has told on a night is of nights from its own first one on, also where it was
        ordered after this one, or was not made yet when this one was ordered.
        """
        if self.restates is None:
            return None
        earlier = [one for one in self.restatements if one.business_date < self.business_date]
        return reaches_back(self.restates.first_night, earlier)

    def tonight(self, table: str) -> pl.LazyFrame:
        """Rows of a table of this night, lazily, whether it is scanned or read."""
        return self.scans[table] if table in self.scans else self.tables[table].lazy()

    def nights_before(self, table: str) -> Sequence[date]:
        """The earlier nights, in order; where nobody has told them, those that a table of ``history`` has."""
        if self.nights is not None:
            return self.nights
        return self.history[table].select(pl.col("business_date").unique().sort()).collect().to_series().to_list()

    def of_nights(self, table: str, nights: Collection[date]) -> pl.LazyFrame:
        """Rows of a table of some earlier nights, lazily, with ``business_date``."""
        if self.told_on is not None:
            return self.told_on(table, nights)
        return self.history[table].filter(pl.col("business_date").is_in(list(nights)))


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOutput:
    """What a stage publishes: rows by table, files by relative path, journal entries.

    A table is in ``tables``, or in ``parts`` where it may be too large to be held whole: there its rows, part after
    part, ascend by its key.
    """

    tables: Mapping[str, pl.DataFrame]
    parts: Mapping[str, tuple[Part, ...]] = field(default_factory=dict)
    files: Mapping[str, OutFile] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()
