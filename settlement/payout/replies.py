"""What banks answer: each payment accepted, rejected or come back, and what comes back is due again.

A file is read whole, kept with its bytes, and read once: the same bytes again do nothing. Of a part that comes back as
much is due again, and the rest stays paid; further parts come back until nothing is left. What is rejected after a bank
statement has shown its debit comes back as a return does. What fits no payment, what contradicts an earlier word, and
what may be an earlier part told again moves nothing: it is kept, and two persons decide on it (``decisions``).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from settlement import books, payout_books, store
from settlement.errors import TerminalError
from settlement.model.journal import Entry
from settlement.model.money import amount_text
from settlement.model.payment import EndToEndId
from settlement.model.payment_status import BankReply, Outcome, PaymentStatus, Scope
from settlement.model.payout import GONE_OUT, Batch, BatchState, Effect, Payout
from settlement.parse.camt054_returns import read_camt054_returns
from settlement.parse.nacha_returns import read_nacha_returns
from settlement.parse.pain002 import read_pain002
from settlement.pay.replies import assign
from settlement.payout.orders import CameBack, back_entry, ordered
from settlement.payout_books import Reply, Status
from settlement.store import Home

_READERS: Final[Mapping[bytes, Callable[..., BankReply]]] = {
    b"pain.002": read_pain002,
    b"camt.054": read_camt054_returns,
}
_EFFECTS: Final = {
    Outcome.ACCEPTED: (Effect.ACCEPTED, ""),
    Outcome.PENDING: (Effect.NOTED, ""),
    Outcome.REJECTED: (Effect.BACK, ""),
    Outcome.RETURNED: (Effect.BACK, ""),
    Outcome.CHANGED: (
        Effect.TO_LOOK_AT,
        "it was paid with other data: close the bank account and propose the corrected one",
    ),
    Outcome.UNCLEAR: (Effect.TO_LOOK_AT, "ask the bank what this means"),
}
"""What an outcome does to a payout, and what a person does then."""
_HEAD: Final = 2048
_MOST_WORDS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a file told: its statuses with what each did, sentences for a person, and whether it was read before.

    ``decided`` are the lines to look at on which persons have decided since.
    """

    statuses: tuple[Status, ...]
    notes: tuple[str, ...]
    again: bool
    decided: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A status, the payout it speaks of where there is one, and otherwise why there is none."""

    status: PaymentStatus
    batch: Batch | None = None
    payout: Payout | None = None
    why: str = ""


def read(  # noqa: PLR0917 - what belongs to one file
    home: Home, engine: books.Engine, name: str, content: bytes, person: str, moment: str
) -> Told:
    """Read one file of a bank: pain.002, camt.054 with returns, or NACHA returns and changes.

    In one transaction the file is kept, each status is kept with what it did, what came back is booked, and batches go
    on. Raises TerminalError where the file cannot be read, or speaks of a batch that is not sent by the books.
    """
    with store.locked(home):
        return _read_once(engine, name, content, person, moment)


def _read_once(engine: books.Engine, name: str, content: bytes, person: str, moment: str) -> Told:
    sha256 = hashlib.sha256(content).hexdigest()
    with books.transaction(engine) as connection:
        if payout_books.knows_reply(connection, sha256):
            known = tuple(status for _, status in payout_books.statuses_of(connection, sha256))
            decided = payout_books.decided_lines(connection, sha256)
            return Told(statuses=known, notes=(), again=True, decided=decided)
        batches = payout_books.batches_in(connection)
        before = payout_books.parts_back(connection)
    reply = _read(name, content)
    places, notes = _placed(reply, batches)
    _require_sent(name, places)
    statuses, entries = _judged(places, before, payout_books.next_night(engine) if places else date.min)
    kept = Reply(sha256=sha256, name=name, reply_id=reply.reply_id[:200], content=content)
    touched = sorted({place.batch.batch_id for place in places if place.batch is not None})
    with books.transaction(engine) as connection:
        payout_books.add_reply(connection, kept, statuses, entries, person, moment)
        for batch_id in touched:
            go_on(connection, batch_id, person, moment)
    return Told(statuses=tuple(statuses), notes=notes, again=False)


def _read(name: str, content: bytes) -> BankReply:
    for word, reader in _READERS.items():
        if word in content[:_HEAD]:
            return reader(content, file=name)
    if content[:1] == b"1":
        return read_nacha_returns(content, file=name)
    raise TerminalError(
        f"{name} was not read: it is no pain.002, no camt.054 and no NACHA file. Give the file as the bank has sent it."
    )


def _placed(reply: BankReply, batches: Sequence[Batch]) -> tuple[list[_Place], tuple[str, ...]]:
    """Each status under the payouts that it speaks of, in the order of batches and payouts; then what fits none."""
    places: list[_Place] = []
    notes: dict[str, None] = dict.fromkeys(reply.notes)
    astray = {id(status): (status, "no batch has such a payment") for status in reply.statuses}
    for batch in batches:
        if reply.message_id is not None and reply.message_id != str(batch.batch_id):
            continue
        traces = {EndToEndId(one.payment_id): one.trace for one in batch.payouts if one.trace is not None}
        assigned = assign(ordered(batch), reply, traces or None)
        payouts = {payout.payment_id: payout for payout in batch.payouts}
        notes |= dict.fromkeys(assigned.notes)
        for payment_id, status in assigned.told:
            astray.pop(id(status), None)
            places.append(_Place(status=status, batch=batch, payout=payouts[payment_id]))
        for one in assigned.astray:
            if one.status.end_to_end_id in payouts and id(one.status) in astray:
                astray[id(one.status)] = (one.status, one.why)
        lost = {id(one.status) for one in assigned.astray}
        for status in reply.statuses:
            if status.scope is not Scope.PAYMENT and id(status) in astray and id(status) not in lost:
                del astray[id(status)]
                places.append(_Place(status=status, batch=batch, why="each of its payments has a word of its own"))
    return [*places, *(_Place(status=status, why=why) for status, why in astray.values())], tuple(notes)


def _require_sent(name: str, places: Sequence[_Place]) -> None:
    for place in places:
        if place.batch is not None and place.batch.state not in GONE_OUT:
            batch = place.batch
            raise TerminalError(
                f"{name} was not read: it speaks of {batch.batch_id}, which is {batch.state} in the books, not "
                f"sent. If its file went out, do `settle payouts send {batch.batch_id}` and read this again; if not, "
                "ask who sent it."
            )


def _judged(
    places: Sequence[_Place], before: Mapping[str, Mapping[str, int]], night: date
) -> tuple[list[Status], list[Entry]]:
    """What each status does, and the entries of what comes back; ``before`` is what parts have made due so far."""
    statuses: list[Status] = []
    entries: list[Entry] = []
    now = {place.payout.payment_id: place.payout for place in places if place.payout is not None}
    due = {name: Counter(before.get(name, {})) for name in now}
    for line, place in enumerate(places, start=1):
        said = "; ".join(_words(place.status))
        entry: Entry | None = None
        if place.payout is None or place.batch is None:
            clear = place.batch is not None and place.status.outcome is not Outcome.UNCLEAR
            effect, why = Effect.NOTED if clear else Effect.TO_LOOK_AT, place.why
        else:
            name = place.payout.payment_id
            payout = now[name]
            effect, why = _effect(place.status, place.batch, payout, place.payout.backs)
            if effect is Effect.BACK:
                part = str(len(payout.backs) + 1) if payout.backs else ""
                came = CameBack(
                    payout=payout,
                    amount_minor=_came_back(place.status, payout),
                    name=part,
                    why=said or place.status.code,
                    before=due[name],
                )
                entry = back_entry(place.batch, came, night)
                entries.append(entry)
                due[name].update({one.account: -one.amount_minor for one in entry.postings[1:]})
                rejected = payout.rejected or place.status.outcome is Outcome.REJECTED
                now[name] = replace(payout, backs=(*payout.backs, came.amount_minor), rejected=rejected)
            elif effect is Effect.ACCEPTED:
                now[name] = replace(payout, accepted=True)
        words = "; ".join(filter(None, (why, said)))
        statuses.append(_status(line, place, effect, words[:_MOST_WORDS], entry))
    return statuses, entries


def _status(line: int, place: _Place, effect: Effect, words: str, entry: Entry | None) -> Status:
    told = place.status
    named = told.end_to_end_id or told.bank_reference or told.message_id or ""
    return Status(
        line=line,
        payment_id=None if place.payout is None else place.payout.payment_id,
        named=named[:100],
        outcome=told.outcome.value,
        code=told.code[:40],
        words=words,
        amount_minor=told.amount_minor,
        currency=told.currency,
        effect=effect,
        entry_key=None if entry is None else entry.key,
    )


def _words(status: PaymentStatus) -> Iterator[str]:
    for reason in status.reasons:
        yield " ".join(filter(None, (reason.code, reason.meaning, reason.words)))
    for what, value in status.corrected:
        yield f"{what.value} is now {value}"


def _effect(status: PaymentStatus, batch: Batch, payout: Payout, told: Sequence[int]) -> tuple[Effect, str]:
    """What a status does to a payout, and why it does no more; ``told`` are the parts that earlier files brought."""
    if status.outcome is Outcome.RETURNED and (why := _not_returned(status, batch, payout, told)):
        return Effect.TO_LOOK_AT, why
    if status.outcome is Outcome.RETURNED and (came := _came_back(status, payout)) < payout.amount_minor:
        rest = "the rest stays paid" if came + payout.back_minor < payout.amount_minor else "nothing of it is left"
        return Effect.BACK, f"{amount_text(came, batch.currency)} came back, {rest}"
    if status.outcome is not Outcome.RETURNED and payout.backs:
        return Effect.TO_LOOK_AT, "its money is back already, all or in part: ask the bank which word holds"
    if status.outcome is Outcome.ACCEPTED and payout.accepted:
        return Effect.NOTED, "accepted before"
    if status.outcome is Outcome.REJECTED and (payout.accepted or payout.debited):
        known = "a bank statement shows its debit, so a credit is to come"
        contradicts = "it was accepted before: ask the bank which word holds"
        return (Effect.BACK, known) if payout.debited else (Effect.TO_LOOK_AT, contradicts)
    return _EFFECTS[status.outcome]


def _not_returned(status: PaymentStatus, batch: Batch, payout: Payout, told: Sequence[int]) -> str:
    """Why a return moves nothing, or nothing where it does."""
    came, left = _came_back(status, payout), payout.amount_minor - payout.back_minor
    if not left or (payout.backs and status.amount_minor is None):
        return "its money is back already, all or in part: ask the bank which word holds"
    if came == 0:
        return "it tells of nothing that came back: ask the bank"
    if came > left:
        return f"{amount_text(left, batch.currency)} of it are not back yet, and more is told: ask the bank"
    if came in told:
        return "as much came back before, and this may be the same told again: ask the bank"
    return ""


def _came_back(status: PaymentStatus, payout: Payout) -> int:
    """How much a status brings back: all of a payment that was rejected or whose return tells no amount."""
    told = status.amount_minor if status.outcome is Outcome.RETURNED else None
    return payout.amount_minor if told is None else told


def go_on(connection: books.Connection, batch_id: str, person: str, moment: str) -> None:
    """Take a batch on by what is known of its payouts now."""
    batch = _again(connection, batch_id)
    every = all(payout.back_minor == payout.amount_minor for payout in batch.payouts)
    answered = any(payout.back_minor or payout.accepted for payout in batch.payouts)
    if batch.state is BatchState.SENT and every and all(payout.rejected for payout in batch.payouts):
        payout_books.add_step(connection, batch, BatchState.FAILED, person, moment)
        return
    if batch.state is BatchState.SENT and answered:
        payout_books.add_step(connection, batch, BatchState.ACKNOWLEDGED, person, moment)
        batch = _again(connection, batch_id)
    if batch.state is BatchState.ACKNOWLEDGED and every:
        payout_books.add_step(connection, batch, BatchState.RETURNED, person, moment)


def _again(connection: books.Connection, batch_id: str) -> Batch:
    return next(batch for batch in payout_books.batches_in(connection) if batch.batch_id == batch_id)
