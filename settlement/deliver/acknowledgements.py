"""What partners say they have: a small file by their declared layout, read back whole or kept with what is wrong.

A line proves itself by the digest of the file as received (encrypted), or by the number and the sum of detail lines.
A file that is wrong anywhere changes no delivery: it is kept, the fault is told, and the mended file is read as a new
one. The same bytes are read once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from settlement import books
from settlement import delivery_books as sql
from settlement.deliver import outbox, sftp
from settlement.deliver.acknowledgement_layout import AcknowledgementLayout, read_told
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
from settlement.model.money import is_currency, to_minor
from settlement.store import Home

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
    place = declaration_of(home, partner).acknowledgement
    layout = AcknowledgementLayout() if place is None else place.layout
    engine, sha256 = books.connect(home), hashlib.sha256(content).hexdigest()
    # A name of another system may hold bytes that are no text.
    name = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")[:_MOST_NAME]
    with sql.one_sender(home, engine, partner):
        before = next((told for told in sql.acknowledgements(engine, partner) if told.sha256 == sha256), None)
        if before is not None:
            return _read_back(engine, before, (), known=True)
        standing = sql.standings(engine, partner)
        found = {_key(one.delivery): one for one in standing}
        lines: list[AcknowledgedLine] = []
        last, problem = None, None
        try:
            last, lines = _read(layout, partner, content, standing)
        except _WrongFileError as wrong:
            problem = str(wrong)
        kept = content[:MOST_BYTES]
        told = Acknowledgement(
            partner=partner, sha256=sha256, name=name, content=kept, last_sequence=last, problem=problem
        )
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


def awaited(home: Home, partner: str, nights: Sequence[str]) -> list[Delivery]:
    """The files of some nights, ``YYYY-MM-DD``, that a partner was sent and has said nothing of."""
    found = sql.latest(sql.standings(books.connect(home), partner))
    mine = [one for one in found if str(one.delivery.business_date) in nights]
    return [one.delivery for one in mine if one.state is DeliveryState.DELIVERED]


def awaits(home: Home, partner: str, nights: Sequence[str]) -> bool:
    """Whether an acknowledgement of some nights is declared and still missing."""
    return declaration_of(home, partner).acknowledgement is not None and bool(awaited(home, partner, nights))


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
    layout: AcknowledgementLayout, partner: str, content: bytes, found: Sequence[Standing]
) -> tuple[int, list[AcknowledgedLine]]:
    """The last number that the partner has got, and the lines; raises where something is wrong with the file."""
    if len(content) > MOST_BYTES:
        raise _WrongFileError(f"it is larger than {MOST_BYTES} bytes, which no acknowledgement is")
    told = read_told(layout, content)
    if isinstance(told, str):
        raise _WrongFileError(told)
    lines = [_line(layout, number, values, found) for number, values in told.files]
    most = max((one.delivery.sequence for one in found), default=0)
    return _whole(layout, told.whole, partner, lines, most), lines


def _whole(
    layout: AcknowledgementLayout, told: Mapping[str, str], partner: str, lines: Sequence[AcknowledgedLine], most: int
) -> int:
    """The last number that the partner has got: as the file tells it, else the greatest that it tells of.

    Raises where what the file tells of the whole is not so.
    """
    if told.get("version", layout.version) != layout.version:
        raise _WrongFileError(f"it is not of version {layout.version}")
    if told.get("partner", partner) != partner:
        raise _WrongFileError(f"it names another partner than {partner}: nothing of it was read")
    seen: set[Key] = set()
    for line in lines:
        if (line.sequence, line.resend) in seen:
            raise _WrongFileError(f"line {line.line} tells of a file that a line before tells of: tell of each once")
        seen.add((line.sequence, line.resend))
    if "count" in told and _number(told["count"], "its count of lines") != len(lines):
        raise _WrongFileError(f"it does not count its {len(lines)} lines of files: it was cut or changed")
    if "last_sequence" not in told:
        return max((line.sequence for line in lines), default=0)
    last = _number(told["last_sequence"], "its last number received")
    if not 0 <= last <= most:
        raise _WrongFileError(f"it tells {last} as the last number received, and the last one sent is {most}")
    return last


def _line(
    layout: AcknowledgementLayout, number: int, told: Mapping[str, str], found: Sequence[Standing]
) -> AcknowledgedLine:
    one, status, reason = _named(number, told, found), _status(layout, number, told), told.get("reason", "")
    name = one.delivery.name
    if status is Status.REJECTED and "reason" in told and not reason:
        raise _WrongFileError(f"line {number} rejects {name} and gives no reason")
    if len(reason) > _MOST_REASON or any(ord(letter) < ord(" ") for letter in reason):
        raise _WrongFileError(
            f"line {number}: the reason is longer than {_MOST_REASON} letters or holds control characters"
        )
    _require_proof(number, one, told, status)
    if one.state is DeliveryState.REJECTED and status is Status.ACCEPTED:
        raise _WrongFileError(f"line {number} accepts {name}, which was rejected before: ask for it to be sent again")
    return AcknowledgedLine(
        line=number, sequence=one.delivery.sequence, resend=one.delivery.resend, status=status, reason=reason
    )


def _named(number: int, told: Mapping[str, str], found: Sequence[Standing]) -> Standing:
    """The delivery that a line tells of, by its name and number.

    Of several it is the one whose bytes the line has the digest of, else the last one that was sent: a partner may
    answer a number while it is being sent again.
    """
    named = [one for one in found if told.get("name", one.delivery.name) == one.delivery.name]
    if "sequence" in told:
        sequence = _number(told["sequence"], f"line {number}: the sequence")
        named = [one for one in named if one.delivery.sequence == sequence]
    if not named:
        raise _WrongFileError(
            f"line {number}: no file {told.get('name', '')} was ever sent under number {told.get('sequence', 'any')}"
        )
    digest = told.get("sha256", "").lower()
    proven = [one for one in named if one.sealed is not None and one.sealed.sha256 == digest]
    return (proven or [one for one in named if _was_sent(one)] or named)[-1]


def _was_sent(one: Standing) -> bool:
    return any(event.state is DeliveryState.SENDING for event in one.events)


def _status(layout: AcknowledgementLayout, number: int, told: Mapping[str, str]) -> Status:
    for status, words in ((Status.ACCEPTED, layout.accepted), (Status.REJECTED, layout.rejected)):
        if told["status"] in words:
            return status
    raise _WrongFileError(f"line {number} has another status than {', '.join((*layout.accepted, *layout.rejected))}")


def _require_proof(number: int, one: Standing, told: Mapping[str, str], status: Status) -> None:
    """Raise where a line does not prove that the partner has the bytes that were sealed, or the sums of the file.

    A rejection may come without either: a partner that cannot decrypt a file knows neither its lines nor its sum.
    """
    delivery, sealed = one.delivery, one.sealed
    digest, count, total = told.get("sha256", ""), told.get("lines", ""), _total(number, told, delivery)
    if sealed is None or not _was_sent(one):
        raise _WrongFileError(f"line {number} tells of {delivery.name}, which was not sent yet")
    if digest and digest.lower() != sealed.sha256:
        raise _WrongFileError(f"line {number}: the digest is not that of {delivery.name} as it was sent")
    wrong_count = bool(count) and _number(count, f"line {number}: the number of detail lines") != delivery.lines
    if wrong_count or total not in {None, delivery.total_minor}:
        raise _WrongFileError(
            f"line {number}: {delivery.name} has {delivery.lines} detail lines with a sum of {delivery.total_minor}"
        )
    if status is Status.ACCEPTED and not digest and (not count or total is None):
        raise _WrongFileError(f"line {number} accepts {delivery.name} without its digest and without its lines and sum")


def _total(number: int, told: Mapping[str, str], delivery: Delivery) -> int | None:
    """The sum that a line tells, in minor units of the file's currency; None where it tells none."""
    if told.get("total_minor"):
        return _number(told["total_minor"], f"line {number}: the sum")
    if not told.get("total"):
        return None
    found = to_minor(told["total"], delivery.currency) if is_currency(delivery.currency) else None
    if found is None:
        raise _WrongFileError(f"line {number}: the sum is no amount of {delivery.currency}")
    return found


def _number(text: str, what: str) -> int:
    if not _NUMBER.match(text):
        raise _WrongFileError(f"{what} is no whole number")
    return int(text)


def _key(delivery: Delivery) -> Key:
    return delivery.sequence, delivery.resend
