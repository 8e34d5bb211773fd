"""The records of a BAI2 file: lines of two digits, a comma and fields, ended by ``/``; 88 goes on where a record ends.

Records nest: file 01-99, groups 02-98, accounts 03-49, transactions 16. Every line belongs to one of them or stops
the file with its number. A record's text is its last field and may hold commas and slashes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from settlement.model.clearing import Why
from settlement.parse.statements import UnreadableError

_LINE: Final = re.compile(rb"[^\r\n]*(?:\r*\n|\r|\Z)")
_CODES: Final = ("01", "02", "03", "16", "49", "88", "98", "99")
_CODE: Final = re.compile(r"([0-9]{2})(,|/|\Z)")
_WITHIN: Final = {
    "01": (),
    "02": ("01", "98"),
    "03": ("02", "49"),
    "16": ("03", "16"),
    "49": ("03", "16"),
    "98": ("02", "49"),
    "99": ("01", "98"),
}
"""Which records a record may follow, continuations left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One field, and whether it is the first or the last of its line."""

    text: str
    first: bool
    last: bool


@dataclass(slots=True, kw_only=True)
class Record:
    """One record with its continuations.

    ``parts`` are the fields of each of its lines, without the code; ``slashes`` says of each line whether it ended in
    ``/``. ``size`` counts all of its bytes, line ends included; they lie between ``offset`` and ``end``, perhaps with
    blank lines among them.
    """

    code: str
    line: int
    offset: int
    end: int
    size: int
    parts: list[list[str]] = field(default_factory=list)
    slashes: list[bool] = field(default_factory=list)

    @property
    def lines(self) -> int:
        """Physical records, as the trailers count them."""
        return len(self.parts)

    def fields(self) -> list[Token]:
        """The fields of all lines. What a line without ``/`` leaves open, the next line ends."""
        told: list[Token] = []
        open_ = False
        for part, slash in zip(self.parts, self.slashes, strict=True):
            fresh = list(part)
            if open_ and told and fresh and self.code != "16":
                told[-1] = Token(text=told[-1].text + fresh.pop(0), first=told[-1].first, last=not fresh)
            told.extend(
                Token(text=text, first=place == 0, last=place == len(fresh) - 1) for place, text in enumerate(fresh)
            )
            open_ = not slash
        return told


@dataclass(slots=True, kw_only=True)
class Account:
    """An account inside a group."""

    head: Record
    entries: list[Record] = field(default_factory=list)
    trailer: Record


@dataclass(slots=True, kw_only=True)
class Group:
    """A group inside a file."""

    head: Record
    accounts: list[Account] = field(default_factory=list)
    trailer: Record


@dataclass(slots=True, kw_only=True)
class File:
    """A whole file, and the bytes of its blank lines."""

    head: Record
    groups: list[Group] = field(default_factory=list)
    trailer: Record
    padding: int = 0


def read_records(content: memoryview, encoding: str) -> File:
    """The records of a file in their places. Raises UnreadableError naming the line that has none."""
    records, padding = _records(content, encoding)
    if not records or records[0].code != "01":
        raise UnreadableError(Why.UNREADABLE, "it does not begin with a BAI2 file header (01)")
    before = ""
    for record in records:
        if before not in _WITHIN[record.code] and (record.code, before) != ("01", ""):
            if before == "99":
                raise UnreadableError(Why.UNREADABLE, f"line {record.line} follows the file's trailer (99)")
            what = f"line {record.line} (record {record.code}) cannot follow a record {before or 'of no kind'}"
            raise UnreadableError(Why.UNREADABLE, what)
        before = record.code
    last = records[-1]
    if before != "99":
        raise UnreadableError(Why.TRUNCATED, "it ends without a file trailer (99)")
    if not last.slashes[-1] and bytes(content[-1:]) not in {b"\n", b"\r"}:
        raise UnreadableError(Why.TRUNCATED, "it ends inside its file trailer (99)")
    return File(head=records[0], groups=list(_groups(records[1:-1])), trailer=last, padding=padding)


def _groups(records: Sequence[Record]) -> Iterator[Group]:
    """The records between file header and trailer, whose order has been checked."""
    accounts: list[Account] = []
    entries: list[Record] = []
    group = account = records[0] if records else None
    for record in records:
        match record.code:
            case "02":
                group, accounts = record, []
            case "03":
                account, entries = record, []
            case "16":
                entries.append(record)
            case "49" if account is not None:
                accounts.append(Account(head=account, entries=entries, trailer=record))
            case "98" if group is not None:
                yield Group(head=group, accounts=accounts, trailer=record)


def _records(content: memoryview, encoding: str) -> tuple[list[Record], int]:
    """All records with their continuations, and the bytes of blank lines."""
    records: list[Record] = []
    padding = 0
    if 0 in bytes(content[:64]):
        raise UnreadableError(Why.UNREADABLE, "it is written in UTF-16 or is no text, and not a BAI2 file")
    for number, found in enumerate(_LINE.finditer(content), start=1):
        raw = bytes(content[found.start() : found.end()])
        try:
            line = raw.decode(encoding).strip("\r\n").rstrip()
        except UnicodeDecodeError:
            raise UnreadableError(Why.UNREADABLE, f"line {number} is not written in {encoding}") from None
        if not line.strip("\x1a"):
            padding += len(raw)
            continue
        code = _CODE.match(line)
        if code is None or code[1] not in _CODES or (code[1] == "88" and not records):
            raise UnreadableError(Why.UNREADABLE, f"line {number} is no BAI2 record")
        if code[1] != "88":
            records.append(Record(code=code[1], line=number, offset=found.start(), end=0, size=0))
        slash = line.endswith("/")
        records[-1].parts.append(line[code.end() :].removesuffix("/").split(",") if code[2] == "," else [])
        records[-1].slashes.append(slash)
        records[-1].size += len(raw)
        records[-1].end = found.end()
    return records, padding
