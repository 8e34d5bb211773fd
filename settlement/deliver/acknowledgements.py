"""What partners say they have: a small file by a fixed layout, read back whole or kept with what is wrong with it.

CSV in UTF-8, commas, a line ends with a newline, no headings::

    H,1,<partner>,<last sequence received>
    A,<sequence>,<name of the file received>,<SHA-256 of it>,<detail lines>,<sum in minor units>,<status>,<reason>
    T,<number of A lines>

The status is ``ACCEPTED`` or ``REJECTED``; a rejection has a reason. A line proves itself by the digest of the file
as received (encrypted), or by the number and the sum of detail lines; the other may be empty. A file that is wrong
anywhere changes no delivery: it is kept, the fault is told, and the mended file is read as a new one. The same bytes
are read once.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from settlement import books
from settlement import delivery_books as sql
from settlement.deliver import outbox, sftp
from settlement.deliver.declared import Outbox, declaration_of
from settlement.deliver.place import MOST_BYTES
from settlement.delivery_books import (
    TO_SEND,
    AcknowledgedLine,
    Acknowledgement,
    Delivery,
    DeliveryState,
    Standing,
    Status,
)
from settlement.errors import TerminalError
from settlement.store import Home

_VERSION: Final = "1"
_HEADER_CELLS, _LINE_CELLS, _TRAILER_CELLS = 4, 8, 2
_NUMBER: Final = re.compile(r"^-?\d{1,18}$", re.ASCII)
_MOST_REASON: Final = 400
_MOST_NAME: Final = 255
Key = tuple[int, int]
"""Sequence and re-send of a delivery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """What a partner's file came to: the deliveries that it changed, and those that the partner misses by it.

    ``problem`` is why the file was kept and not read; ``known`` tells that the same bytes had been read before.
    """

    name: str
    problem: str | None
    known: bool
    changed: tuple[Standing, ...]
    missed: tuple[Standing, ...]


class _WrongFileError(Exception):
    """What is wrong with a file, in words for the partner."""


def read_acknowledgement(home: Home, partner: str, name: str, content: bytes) -> ReadBack:
    """Read a partner's file: its lines move deliveries to ``acknowledged`` or ``rejected``.

    A delivery of which no arrival is on record is ``delivered`` first: the partner has it. Raises TerminalError where
    the partner is not declared, RetryableError where another run sends to the partner.
    """
    declaration_of(home, partner)
    engine, sha256 = books.connect(home), hashlib.sha256(content).hexdigest()
    # A name of another system may hold bytes that are no text.
    name = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")[:_MOST_NAME]
    with sql.one_sender(home, engine, partner):
        before = next((told for told in sql.acknowledgements(engine, partner) if told.sha256 == sha256), None)
        if before is not None:
            return _read_back(engine, before, (), known=True)
        found = {_key(one.delivery): one for one in sql.standings(engine, partner)}
        told, lines = _read(partner, sha256, name, content, found)
        with books.transaction(engine) as connection:
            sql.add_acknowledgement(connection, told, lines)
            for line in lines:
                _apply(connection, found[line.sequence, line.resend], line, name)
    return _read_back(engine, told, lines, known=False)


def unread(home: Home, partner: str) -> dict[str, bytes]:
    """The partner's files that lie at its declared place and were not read yet, by name.

    Raises TerminalError where no place is declared, else as reading a folder or an SFTP server does.
    """
    declaration = declaration_of(home, partner)
    place, target = declaration.acknowledgement, declaration.target
    if place is None:
        raise TerminalError(f"config/delivery.toml declares no [delivery.acknowledgement] for {partner}: name a FILE.")
    if isinstance(target, Outbox):
        lie = outbox.files(place.folder, place.pattern)
    else:
        lie = sftp.files(home, target, place.folder, place.pattern)
    read = {told.sha256 for told in sql.acknowledgements(books.connect(home), partner)}
    return {name: content for name, content in lie.items() if hashlib.sha256(content).hexdigest() not in read}


def awaited(home: Home, partner: str, night: date) -> list[Delivery]:
    """The files of a night that a partner was sent and has said nothing of."""
    found = sql.latest(sql.standings(books.connect(home), partner))
    mine = [one for one in found if one.delivery.business_date == night]
    return [one.delivery for one in mine if one.state is DeliveryState.DELIVERED]


def _read_back(
    engine: books.Engine, told: Acknowledgement, lines: Sequence[AcknowledgedLine], *, known: bool
) -> ReadBack:
    now = sql.standings(engine, told.partner)
    said = {(line.sequence, line.resend) for line in lines}
    return ReadBack(
        name=told.name,
        problem=told.problem,
        known=known,
        changed=tuple(one for one in now if _key(one.delivery) in said),
        missed=tuple(missed_by(now, told.last_sequence or 0)),
    )


def missed_by(found: Sequence[Standing], last_sequence: int) -> list[Standing]:
    """What a partner misses that has got files up to a number: deliveries of which it has said nothing."""
    gone = [one for one in sql.latest(found) if one.state is DeliveryState.DELIVERED]
    return [one for one in gone if one.delivery.sequence <= last_sequence]


def _apply(connection: books.Connection, one: Standing, line: AcknowledgedLine, name: str) -> None:
    state = DeliveryState.ACKNOWLEDGED if line.status is Status.ACCEPTED else DeliveryState.REJECTED
    if one.state is state:
        return
    if one.state in TO_SEND:
        one = sql.add_event(connection, one, DeliveryState.DELIVERED, f"told by the partner in {name}")
    sql.add_event(connection, one, state, f"{name}, line {line.line}" + (f": {line.reason}" if line.reason else ""))


def _read(
    partner: str, sha256: str, name: str, content: bytes, found: Mapping[Key, Standing]
) -> tuple[Acknowledgement, list[AcknowledgedLine]]:
    """The file and its lines, or the file with what is wrong with it and no lines."""
    last: int | None = None
    lines: list[AcknowledgedLine] = []
    problem = None
    try:
        rows = _rows(content)
        last = _header(rows, partner, max((key[0] for key in found), default=0))
        lines = [_line(number, row, found) for number, row in enumerate(rows[1:-1], start=2)]
        _require_whole(rows, lines)
    except _WrongFileError as wrong:
        problem, last, lines = str(wrong), None, []
    kept = content[:MOST_BYTES]
    told = Acknowledgement(partner=partner, sha256=sha256, name=name, content=kept, last_sequence=last, problem=problem)
    return told, lines


def _require_whole(rows: Sequence[Sequence[str]], lines: Sequence[AcknowledgedLine]) -> None:
    seen: set[Key] = set()
    for line in lines:
        if (line.sequence, line.resend) in seen:
            raise _WrongFileError(f"line {line.line} tells of a file that a line before tells of: tell of each once")
        seen.add((line.sequence, line.resend))
    if list(rows[-1]) != ["T", str(len(lines))]:
        raise _WrongFileError(f"its trailer does not count its {len(lines)} A lines: the file was cut or changed")


def _rows(content: bytes) -> list[list[str]]:
    if len(content) > MOST_BYTES:
        raise _WrongFileError(f"it is larger than {MOST_BYTES} bytes, which no acknowledgement is")
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True))
    except UnicodeDecodeError as error:
        raise _WrongFileError(f"it is no UTF-8 text at byte {error.start + 1}") from None
    except csv.Error:
        raise _WrongFileError("it is no CSV: a quotation mark is open, or a cell too long") from None
    if len(rows) < 2 or rows[-1][:1] != ["T"]:  # noqa: PLR2004 - header and trailer
        raise _WrongFileError("it has no trailer as its last line: the file was cut")
    return rows


def _header(rows: Sequence[Sequence[str]], partner: str, most: int) -> int:
    head = rows[0]
    if len(head) != _HEADER_CELLS or head[:2] != ["H", _VERSION]:
        raise _WrongFileError(f"line 1 is no header of version {_VERSION}: H,{_VERSION},partner,last sequence")
    if head[2] != partner:
        raise _WrongFileError(f"line 1 names another partner than {partner}: nothing of it was read")
    last = _number(head[3], 1, "last sequence")
    if not 0 <= last <= most:
        raise _WrongFileError(f"line 1 tells {last} as the last sequence received, and the last one sent is {most}")
    return last


def _line(number: int, row: Sequence[str], found: Mapping[Key, Standing]) -> AcknowledgedLine:
    if len(row) != _LINE_CELLS or row[0] != "A":
        raise _WrongFileError(f"line {number} is no A line of {_LINE_CELLS} cells")
    sequence, name, status, reason = _number(row[1], number, "sequence"), row[2], row[6], row[7]
    one = next((one for key, one in found.items() if key[0] == sequence and one.delivery.name == name), None)
    if one is None:
        raise _WrongFileError(f"line {number}: no file of that name was ever sent under sequence {sequence}")
    if status not in set(Status):
        raise _WrongFileError(f"line {number} has another status than ACCEPTED or REJECTED")
    if status == Status.REJECTED and not reason.strip():
        raise _WrongFileError(f"line {number} rejects {name} and gives no reason")
    if len(reason) > _MOST_REASON or any(ord(letter) < ord(" ") for letter in reason):
        raise _WrongFileError(
            f"line {number}: the reason is longer than {_MOST_REASON} letters or holds control characters"
        )
    _require_proof(number, one, row)
    if one.state is DeliveryState.REJECTED and status == Status.ACCEPTED:
        raise _WrongFileError(f"line {number} accepts {name}, which was rejected before: ask for it to be sent again")
    return AcknowledgedLine(
        line=number, sequence=sequence, resend=one.delivery.resend, status=Status(status), reason=reason.strip()
    )


def _require_proof(number: int, one: Standing, row: Sequence[str]) -> None:
    """Raise where a line does not prove that the partner has the bytes that were sealed, or the sums of the file.

    A rejection may come without either: a partner that cannot decrypt a file knows neither its lines nor its sum.
    """
    delivery, sealed = one.delivery, one.sealed
    digest, count, total, status = row[3:7]
    if sealed is None or not any(event.state is DeliveryState.SENDING for event in one.events):
        raise _WrongFileError(f"line {number} tells of {delivery.name}, which was not sent yet")
    if digest and digest.lower() != sealed.sha256:
        raise _WrongFileError(f"line {number}: the digest is not that of {delivery.name} as it was sent")
    if (count or total) and _sums(number, count, total) != (delivery.lines, delivery.total_minor):
        raise _WrongFileError(
            f"line {number}: {delivery.name} has {delivery.lines} detail lines with a sum of {delivery.total_minor}"
        )
    if status == Status.ACCEPTED and not digest and not (count and total):
        raise _WrongFileError(f"line {number} accepts {delivery.name} without its digest and without its lines and sum")


def _sums(number: int, count: str, total: str) -> tuple[int, int]:
    return _number(count, number, "number of detail lines"), _number(total, number, "sum")


def _number(text: str, line: int, what: str) -> int:
    if not _NUMBER.match(text):
        raise _WrongFileError(f"line {line}: the {what} is no whole number")
    return int(text)


def _key(delivery: Delivery) -> Key:
    return delivery.sequence, delivery.resend
