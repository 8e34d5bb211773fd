"""A NACHA file that came back, cut into its records, with all that it says of its own numbers and sums checked.

Lines may end by line feed, by carriage return and line feed, or not at all, and the last block may be filled or not.
Nothing here knows what an entry means: that is ``nacha_returns``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from settlement.model.nacha import (
    BATCH_CONTROL,
    BATCH_HEADER,
    ENTRY,
    FILE_CONTROL,
    FILE_HEADER,
    HASH_MODULUS,
    RECORD_LENGTH,
    RECORDS,
    RECORDS_A_BLOCK,
)
from settlement.parse.bank_replies import wrong

Fields = Mapping[str, str]
"""A record's fields as they stand in it, blanks and all."""

_FILLING: Final = "9" * RECORD_LENGTH
_FOLLOWS: Final = {"1": "", "5": "18", "6": "567", "7": "67", "8": "567", "9": "18"}
"""By the type of a record, the types that it may follow."""
_FIRST_DEBIT: Final = 5
"""From this last digit on a transaction code is a debit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRecord:
    """An entry with its addenda records (their whole lines), and the line it stands on, counted from 1."""

    line: int
    fields: Fields
    addenda: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRecords:
    """A batch: its header and its entries."""

    header: Fields
    entries: tuple[EntryRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecords:
    """A file: its header and its batches."""

    header: Fields
    batches: tuple[BatchRecords, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    entries: int = 0
    hash: int = 0
    debit: int = 0
    credit: int = 0

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(
            entries=self.entries + other.entries,
            hash=(self.hash + other.hash) % HASH_MODULUS,
            debit=self.debit + other.debit,
            credit=self.credit + other.credit,
        )


def read_records(content: bytes) -> FileRecords:
    """The records of a file in their order.

    Raises UnreadableError, which names the line, where a record has not 94 characters or stands in a wrong place, or
    where a count, a hash or a sum is not what the records come to.
    """
    lines = _lines(content)
    before = ""
    for number, line in enumerate(lines, start=1):
        if line[0] not in _FOLLOWS or (before not in _FOLLOWS[line[0]] if before else line[0] != "1"):
            raise wrong(f"line {number} (record {line[0]!r}) cannot follow a record {before or 'of no kind'}")
        before = line[0]
    if before != "9":
        raise wrong("it ends without its file control record (9)")
    batches: list[BatchRecords] = []
    total = _Sums()
    begin = 1
    for at, line in enumerate(lines):
        if line[0] == "8":
            batch, sums = _batch(lines[begin : at + 1], begin + 1)
            batches.append(batch)
            total += sums
            begin = at + 1
    control = cut(lines[-1], FILE_CONTROL)
    _require_sums(control, total, "the file", len(lines))
    _require(control, "batches", len(batches), "the file", len(lines))
    _require(control, "blocks", -(-len(lines) // RECORDS_A_BLOCK), "the file", len(lines))
    return FileRecords(header=cut(lines[0], FILE_HEADER), batches=tuple(batches))


def cut(line: str, record: str) -> Fields:
    """The fields of a line by a record's layout."""
    found: dict[str, str] = {}
    begin = 0
    for name, (_, width) in RECORDS[record].items():
        found[name] = line[begin : begin + width]
        begin += width
    return found


def number_in(fields: Fields, name: str, line: int) -> int:
    """A field that holds digits alone. Raises UnreadableError with the line."""
    text = fields[name]
    if re.fullmatch("[0-9]+", text) is None:
        raise wrong(f"the field {name} on line {line} holds no number")
    return int(text)


def _lines(content: bytes) -> list[str]:
    """The lines of 94 characters, without the records of nines that fill the last block."""
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError as error:
        raise wrong(f"byte {error.start + 1} is no ASCII character, and NACHA files have no others") from None
    if "\n" in text or "\r" in text:
        lines = re.split("\r\n|\n|\r", text.rstrip("\r\n\x1a"))
    else:
        lines = [text[at : at + RECORD_LENGTH] for at in range(0, len(text), RECORD_LENGTH)]
    for number, line in enumerate(lines, start=1):
        if len(line) != RECORD_LENGTH:
            raise wrong(f"line {number} has {len(line)} characters and not {RECORD_LENGTH}")
    while lines and lines[-1] == _FILLING:
        lines.pop()
    if not lines:
        raise wrong("it holds no records")
    return lines


def _batch(lines: Sequence[str], first: int) -> tuple[BatchRecords, _Sums]:
    """A batch from its header to its control record, and what it comes to; ``first`` is the header's line."""
    header, control, last = cut(lines[0], BATCH_HEADER), cut(lines[-1], BATCH_CONTROL), first + len(lines) - 1
    entries = tuple(_entries(lines[1:-1], first + 1))
    sums = _Sums()
    for entry in entries:
        amount = number_in(entry.fields, "amount", entry.line)
        is_debit = number_in(entry.fields, "code", entry.line) % 10 >= _FIRST_DEBIT
        sums += _Sums(
            entries=1 + len(entry.addenda),
            hash=number_in(entry.fields, "bank", entry.line),
            debit=amount if is_debit else 0,
            credit=0 if is_debit else amount,
        )
    what = f"the batch on line {first}"
    _require_sums(control, sums, what, last)
    for name in ("service", "company_id", "bank", "batch"):
        if header[name] != control[name]:
            raise wrong(f"{what} says {header[name]!r} for its {name}, and its control record {control[name]!r}")
    return BatchRecords(header=header, entries=entries), sums


def _entries(lines: Sequence[str], first: int) -> Iterator[EntryRecord]:
    starts = [at for at, line in enumerate(lines) if line[0] == "6"]
    for at, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        fields, addenda = cut(lines[at], ENTRY), tuple(lines[at + 1 : end])
        if (fields["addenda_follows"] == "1") != bool(addenda):
            raise wrong(f"the entry on line {first + at} says {fields['addenda_follows']!r} for its addenda records")
        yield EntryRecord(line=first + at, fields=fields, addenda=addenda)


def _require_sums(control: Fields, sums: _Sums, what: str, line: int) -> None:
    for name in ("entries", "hash", "debit", "credit"):
        _require(control, name, getattr(sums, name), what, line)


def _require(control: Fields, name: str, found: int, what: str, line: int) -> None:
    told = number_in(control, name, line)
    if told != found:
        raise wrong(f"{what} says {told} for its {name}, and its records come to {found}")
