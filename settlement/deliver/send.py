"""Sending: the files of a settled night are queued under the next numbers, sealed once, and put at their place.

Each step is recorded before the next begins, so a process that dies anywhere is followed by one that goes on:

    queued -> prepared -> sending -> delivered -> acknowledged | rejected
                             |-> failed (try again), held (a person must act); both go on to sending

The sealed bytes are kept under ``HOME/sent`` before the first try, so each try sends the same. One sender at a time
sends to a partner, in the order of numbers, and stops at the first file that does not go: a partner sees no number
before the one below it. What arrived and was not recorded is found there by the next try and not put a second time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from settlement import books, runner, store
from settlement import delivery_books as sql
from settlement.books import person_of
from settlement.deliver import outbox, sftp
from settlement.deliver.declared import Declaration, Outbox, declaration_of
from settlement.deliver.place import Arrival, unfinished
from settlement.delivery_books import TO_SEND, Delivery, DeliveryState, SealedFile, Standing
from settlement.errors import RetryableError, SettlementError, TerminalError
from settlement.openpgp_out import CertificateFound, look_at_certificate, seal_file
from settlement.stages import STAGES
from settlement.store import Home
from settlement.whole_file import write_whole

_LAST_STAGE: Final = STAGES[-1].name
_MOST_REASON: Final = 400
_MOST_NAME: Final = 255


def partners_of(home: Home, night: date) -> tuple[str, ...]:
    """The partners for whom a settled night has made files, and those who have not got an earlier one, sorted.

    Raises TerminalError where the night is not settled.
    """
    runner.require_settled(home, night, _LAST_STAGE)
    standing = sql.latest(sql.standings(books.connect(home)))
    waiting = {one.delivery.partner for one in standing if one.state in TO_SEND}
    return tuple(sorted({*store.read_table(home, "settlement_file", night)["beneficiary"], *waiting}))


def send(home: Home, partner: str, night: date) -> list[Standing]:
    """Send a partner what it has not got yet of all its queued nights, and of this one.

    Returns the deliveries that this call has brought to the state ``delivered``, by number.

    Raises
    ------
    TerminalError
        Where the night is not settled, nothing is declared for the partner, a certificate, key or place is wrong, or a
        file was changed since its night. The delivery at which it stopped is ``held`` and says why.
    RetryableError
        Where a disk, a line or a server failed (the delivery is ``failed``), or another run sends to the partner.
    """
    declaration = declaration_of(home, partner)
    runner.require_settled(home, night, _LAST_STAGE)
    engine = books.connect(home)
    with sql.one_sender(home, engine, partner):
        _queue(home, engine, partner, night)
        open_ones = [one for one in sql.latest(sql.standings(engine, partner)) if one.state in TO_SEND]
        if not open_ones:
            return []
        found = look_at_certificate(partner, declaration.certificate)
        return [_sent(home, engine, declaration, found, one) for one in open_ones]


def resend(home: Home, partner: str, sequence: int, person: str, reason: str) -> Delivery:
    """Queue a file again under its number, by decision of a person with a reason; the next ``send`` sends it.

    Raises TerminalError where there is no such number, or its last sending has not come to an end.
    """
    by, why = person_of(person), " ".join(reason.split())
    if not why or len(why) > _MOST_REASON:
        raise TerminalError(f"Say why in 1 to {_MOST_REASON} letters: --reason TEXT.")
    engine = books.connect(home)
    with sql.one_sender(home, engine, partner):
        found = [one for one in sql.standings(engine, partner) if one.delivery.sequence == sequence]
        if not found:
            raise TerminalError(f"No file {sequence} was ever queued for {partner}: see `settle deliveries list`.")
        last = found[-1]
        if last.state in TO_SEND - {DeliveryState.HELD}:
            raise TerminalError(
                f"File {last.delivery.number} to {partner} is {last.state} and still on its way: `settle deliveries "
                "send` goes on with the same bytes."
            )
        old = last.delivery
        name = _name(partner, sequence, old.resend + 1, old.path)
        again = replace(old, resend=old.resend + 1, name=name, person=by, reason=why)
        with books.transaction(engine) as connection:
            sql.add_delivery(connection, again)
    return again


def _queue(home: Home, engine: books.Engine, partner: str, night: date) -> None:
    """Number the night's files for a partner that are not numbered yet, in the order of their paths."""
    files = store.read_table(home, "settlement_file", night).sort("path")
    with books.transaction(engine) as connection:
        known = sql.read_standings(connection, partner)
        queued = {one.delivery.path for one in known if one.delivery.business_date == night}
        number = max((one.delivery.sequence for one in known), default=0)
        for row in files.iter_rows(named=True):
            if row["beneficiary"] == partner and row["path"] not in queued:
                number += 1
                sql.add_delivery(connection, _numbered(partner, number, night, row))


def _numbered(partner: str, sequence: int, night: date, row: Mapping[str, Any]) -> Delivery:
    """A row of table ``settlement_file`` as a delivery; TerminalError where it is another partner's file."""
    path = str(row["path"])
    if path.partition("/")[0] != partner or ".." in path.split("/"):
        raise TerminalError(f"The file {path} of the night {night} is not {partner}'s: nothing was queued.")
    return Delivery(
        partner=partner,
        sequence=sequence,
        resend=0,
        business_date=night,
        path=path,
        plain_sha256=row["sha256"],
        lines=row["lines"],
        total_minor=row["total_minor"],
        currency=row["currency"],
        name=_name(partner, sequence, 0, path),
    )


def _name(partner: str, sequence: int, again: int, path: str) -> str:
    """What the partner gets: its own id, the number, the re-send, and the file's name."""
    mark = f".r{again}" if again else ""
    name = f"{partner}_{sequence:06d}{mark}_{path.rpartition('/')[2]}.pgp"
    if len(unfinished(name).encode()) > _MOST_NAME:
        raise TerminalError(f"The file {path} has too long a name to be sent: shorten the id of its contract.")
    return name


def _sent(
    home: Home, engine: books.Engine, declaration: Declaration, found: CertificateFound, one: Standing
) -> Standing:
    """One delivery brought to its place, with its steps recorded; what stopped it is recorded and raised."""
    try:
        _require_good(found)
        if one.sealed is None:
            one = _prepared(home, engine, declaration, found, one)
        sealed = _require_meant(one, declaration, found)
        content = _kept(home, sealed)
    except TerminalError as error:
        if (one.state, one.detail) != (DeliveryState.HELD, str(error)):
            sql.take_step(engine, one, DeliveryState.HELD, str(error))
        raise
    one = sql.take_step(engine, one, DeliveryState.SENDING, f"to {sealed.place}")
    try:
        arrival = _put(home, declaration, one.delivery.name, content)
    except SettlementError as error:
        state = DeliveryState.HELD if isinstance(error, TerminalError) else DeliveryState.FAILED
        sql.take_step(engine, one, state, str(error))
        raise
    told = f"{arrival}, {sealed.size_bytes} bytes, SHA-256 {sealed.sha256}"
    return sql.take_step(engine, one, DeliveryState.DELIVERED, told)


def _require_good(found: CertificateFound) -> None:
    if found.trouble is not None:
        raise TerminalError(found.trouble)


def _prepared(
    home: Home, engine: books.Engine, declaration: Declaration, found: CertificateFound, one: Standing
) -> Standing:
    """Sign and encrypt a file, keep the bytes, and record them: from here on every try sends these."""
    delivery = one.delivery
    path = home.published("out", delivery.business_date) / delivery.path
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        content = None
    if content is None or hashlib.sha256(content).hexdigest() != delivery.plain_sha256:
        raise TerminalError(f"{path} is not the file that its night has made: restore it from backup.")
    message = seal_file(home, content, declaration.certificate, declaration.signing_key)
    sealed = SealedFile(
        sha256=hashlib.sha256(message).hexdigest(),
        size_bytes=len(message),
        signing_key=declaration.signing_key,
        recipient=found.fingerprint,
        place=declaration.target.place,
    )
    _keep(_kept_path(home, sealed), message)
    told = f"signed by {sealed.signing_key}, encrypted to {sealed.recipient}"
    return sql.take_step(engine, one, DeliveryState.PREPARED, told, sealed)


def _require_meant(one: Standing, declaration: Declaration, found: CertificateFound) -> SealedFile:
    """The sealed bytes of a delivery; TerminalError where another certificate or place is declared by now."""
    sealed, place = one.sealed, declaration.target.place
    if sealed is None or (sealed.recipient, sealed.place) != (found.fingerprint, place):
        was = "nobody" if sealed is None else f"the certificate {sealed.recipient} at {sealed.place}"
        raise TerminalError(
            f"{one.delivery.name} is sealed for {was}, and config/delivery.toml names {found.fingerprint} at {place} "
            "by now: put that back, or `settle deliveries resend` the file."
        )
    return sealed


def _kept_path(home: Home, sealed: SealedFile) -> Path:
    return home.root / "sent" / sealed.sha256[:2] / sealed.sha256


def _keep(path: Path, content: bytes) -> None:
    """Keep sealed bytes under their digest."""
    try:
        write_whole(path, content, mode=0o440)
    except OSError as error:
        raise RetryableError(f"Sealed bytes could not be kept in {path.parent}: {error.strerror}.") from None


def _kept(home: Home, sealed: SealedFile) -> bytes:
    path = _kept_path(home, sealed)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        content = b""
    if hashlib.sha256(content).hexdigest() != sealed.sha256:
        raise TerminalError(f"The sealed bytes {path} are gone or changed: restore them from backup.")
    return content


def _put(home: Home, declaration: Declaration, name: str, content: bytes) -> Arrival:
    target = declaration.target
    if isinstance(target, Outbox):
        return outbox.put(target, name, content)
    return sftp.put(home, target, name, content)
