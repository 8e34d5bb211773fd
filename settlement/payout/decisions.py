"""What banks tell of payments and no name or amount makes certain: one person says what it means, another approves.

A decision is about one entry of a bank statement that stands on suspense, or one line of an answer that a person was to
look at. Its approval books it: the bank entry leaves suspense, and what came back is due again. What nobody may do
alone is refused by the books themselves (``schema/decision_rules.py``). Persons and moments are given by the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from settlement import books, decision_books, payout_books, store
from settlement.errors import TerminalError
from settlement.model.decision import Decision, DecisionId, DecisionState, Meaning, digest_of, subject_of
from settlement.model.journal import Entry
from settlement.model.money import amount_text, to_minor
from settlement.model.payout import Effect, Way
from settlement.model.steps import require_digest, require_reason
from settlement.payout import cash
from settlement.payout.bank_entries import BankEntry, on_suspense
from settlement.payout.judged import Ordered
from settlement.payout.orders import CameBack, back_entry, paying_account
from settlement.payout.replies import go_on
from settlement.payout_books import Status, Taken
from settlement.store import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """What waits for a decision: its name, its amount (+ to us) where it tells one, and why no rule books it."""

    subject: str
    amount: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """What a person says of a subject: its meaning, the payments, and of one payment the amount in major units."""

    subject: str
    meaning: Meaning
    reason: str
    payments: tuple[str, ...] = ()
    amount: str | None = None
    against: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """What may be decided on: bank entries on suspense and answers to look at, by name; and all payments by id."""

    entries: Mapping[str, BankEntry]
    answers: Mapping[str, tuple[tuple[str, int], Status]]
    payments: Mapping[str, Ordered]
    before: Mapping[str, Mapping[str, int]]
    night: date


@dataclass(frozen=True, slots=True, kw_only=True)
class _Booked:
    """What a decision books: what came back, and the bank entry that leaves suspense."""

    entries: tuple[Entry, ...] = ()
    taken: Taken | None = None


def _scene(home: Home, engine: books.Engine) -> _Scene:
    with books.transaction(engine) as connection:
        batches = payout_books.batches_in(connection)
        told, before = payout_books.statuses_of(connection), payout_books.parts_back(connection)
    answers = [((sha256, one.line), one) for sha256, one in told if one.effect is Effect.TO_LOOK_AT]
    return _Scene(
        entries={subject_of(one.place, None): one for one in on_suspense(home, engine)},
        answers={subject_of(None, answer): (answer, one) for answer, one in answers},
        payments={one.payment_id: Ordered(batch=batch, payout=one) for batch in batches for one in batch.payouts},
        before=before,
        night=payout_books.next_night(engine),
    )


def waiting(home: Home, engine: books.Engine) -> list[Open]:
    """What waits for a decision: entries of accounts that pay which nothing takes, and answers that moved nothing."""
    scene = _scene(home, engine)
    living = {one.subject for one in decision_books.decisions(engine) if one.state is not DecisionState.WITHDRAWN}
    pay = {paying_account(one.batch) for one in scene.payments.values()}
    judged = {one.entry.place: one for one in cash.judged_now(home, engine)}
    found = []
    for subject, entry in scene.entries.items():
        one = judged.get(entry.place)
        mine = entry.account in pay and entry.unexplained if one is None else one.why and not one.waits
        if mine and subject not in living:
            why = "it names no payment" if one is None else one.why
            found.append(Open(subject=subject, amount=amount_text(entry.amount_minor, entry.currency), why=why))
    for subject, (_, status) in scene.answers.items():
        if subject not in living:
            told = status.amount_minor is not None and status.currency is not None
            amount = amount_text(status.amount_minor or 0, status.currency or "") if told else ""
            why = f"{status.outcome} of {status.payment_id or status.named}: {status.words}"
            found.append(Open(subject=subject, amount=amount, why=why))
    return found


def propose(home: Home, engine: books.Engine, said: Proposed, person: str, moment: str) -> Decision:
    """Propose what a bank entry or an answer means. Nothing is booked.

    Raises TerminalError where nothing of that name waits, the payments or amounts do not fit, or the books refuse it.
    """
    require_reason(said.reason)
    with store.locked(home):
        scene = _scene(home, engine)
        made = _made(scene, said, decision_books.next_number(engine))
        _booked(scene, made)
        with books.transaction(engine) as connection:
            decision_books.add_decision(connection, made, person, moment)
    return decision_books.one_decision(engine, made.decision_id)


def _made(scene: _Scene, said: Proposed, number: int) -> Decision:
    entry, (answer, status) = scene.entries.get(said.subject), scene.answers.get(said.subject, (None, None))
    if entry is None and answer is None:
        raise TerminalError(f"Nothing named {said.subject!r} waits: `settle decisions open` shows what does.")
    meant = _named(scene, said.payments)
    payments = tuple((one.name, _amount(said, one, entry, status, len(meant))) for one in meant)
    total, fee = sum(amount for _, amount in payments), 0
    if entry is not None and payments:
        fee = -entry.amount_minor - total if entry.way is Way.DEBIT else total - entry.amount_minor
    other = None if said.against is None else scene.entries.get(said.against)
    if said.against is not None and other is None:
        raise TerminalError(
            f"Nothing named {said.against!r} stands on suspense: `settle decisions open` shows what does."
        )
    decision = Decision(
        decision_id=DecisionId(f"D{number:06d}"),
        number=number,
        meaning=said.meaning,
        place=None if entry is None else entry.place,
        other=None if other is None else other.place,
        answer=answer,
        payments=payments,
        fee_minor=fee,
        reason=said.reason,
    )
    return replace(decision, digest=digest_of(decision))


def _named(scene: _Scene, names: tuple[str, ...]) -> list[Ordered]:
    """The payments of names, each of a payment or of a whole batch."""
    found: dict[str, Ordered] = {}
    for name in names:
        mine = {key: one for key, one in scene.payments.items() if name in {key, one.batch.batch_id}}
        if not mine:
            raise TerminalError(f"There is no payment {name!r}: `settle payouts show` tells their ids.")
        found |= mine
    return list(found.values())


def _amount(said: Proposed, one: Ordered, entry: BankEntry | None, status: Status | None, count: int) -> int:
    """So much of a payment: what is told, else what the entry or answer tells, else all that is left."""
    payout = one.payout
    if said.amount is not None:
        amount = to_minor(said.amount, one.batch.currency)
        if amount is None or count > 1:
            raise TerminalError(f"{said.amount!r} is no amount of one payment in {one.batch.currency}.")
        return amount
    if said.meaning is Meaning.DEBIT:
        return payout.amount_minor
    told = entry.amount_minor if entry is not None else None if status is None else status.amount_minor
    left = sum(payout.to_credit) if said.meaning is Meaning.CREDIT else payout.amount_minor - payout.back_minor
    return left if told is None or count > 1 else min(abs(told), left)


def _booked(scene: _Scene, decision: Decision) -> _Booked:
    """What a decision books now; TerminalError where it does not fit what is told and what was paid."""
    entry = scene.entries.get(decision.subject) if decision.place is not None else None
    if decision.place is not None and entry is None:
        raise TerminalError(f"{decision.subject} stands on suspense no more: withdraw the decision on it.")
    shown = [(scene.payments[name], amount) for name, amount in decision.payments]
    _require_fits(decision, entry, shown)
    backs: tuple[Entry, ...] = ()
    if decision.meaning is Meaning.BACK:
        backs = tuple(
            back_entry(
                one.batch,
                CameBack(
                    payout=one.payout,
                    amount_minor=amount,
                    name=decision.decision_id,
                    why=decision.reason,
                    before=scene.before.get(one.name, {}),
                ),
                scene.night,
            )
            for one, amount in shown
        )
    if entry is None:
        return _Booked(entries=backs)
    other = None if decision.other is None else scene.entries.get(subject_of(decision.other, None))
    if decision.meaning is Meaning.OFFSET and (other is None or not _come_to_nothing(entry, other)):
        raise TerminalError(
            f"{decision.subject} is set off against an entry of the same account and amount the other way alone."
        )
    what = f"{decision.meaning} by decision {decision.decision_id}: {decision.reason}"
    taken = cash.taken_off(entry, scene.night, what, shown, against=other)
    return _Booked(entries=(*backs, taken.booked), taken=taken)


def _come_to_nothing(one: BankEntry, other: BankEntry) -> bool:
    same = (one.account, one.currency, one.amount_minor)
    return same == (other.account, other.currency, -other.amount_minor)


def _require_fits(decision: Decision, entry: BankEntry | None, shown: list[tuple[Ordered, int]]) -> None:
    """Raise TerminalError where the meaning is none of such an entry or answer, or payments are not as it says."""
    meaning, of_payments = decision.meaning, {Meaning.DEBIT, Meaning.CREDIT, Meaning.BACK}
    fitting = {Meaning.BACK, Meaning.NOTED}
    if entry is not None:
        debit = {Meaning.DEBIT, Meaning.CHARGE, Meaning.OFFSET}
        fitting = debit if entry.way is Way.DEBIT else {Meaning.CREDIT, Meaning.BACK, Meaning.OFFSET}
    if meaning not in fitting or (meaning in of_payments) != bool(shown):
        words = ", ".join(sorted(fitting))
        raise TerminalError(f"{decision.subject} may mean {words}, with payments where money of them moved.")
    for one, amount in shown:
        payout = one.payout
        left = payout.amount_minor - payout.back_minor if meaning is Meaning.BACK else sum(payout.to_credit)
        if meaning is Meaning.DEBIT and payout.debited:
            raise TerminalError(f"{one.name} was debited before: a second debit is set off against its credit.")
        if meaning is not Meaning.DEBIT and not 0 < amount <= left:
            raise TerminalError(f"Of {one.name} are {amount_text(left, one.batch.currency)} left to come back.")
        if entry is not None and (entry.account, entry.currency) != (paying_account(one.batch), one.batch.currency):
            raise TerminalError(f"{one.name} was ordered from another account or in another currency.")
    if entry is not None and shown and decision.fee_minor < 0:
        raise TerminalError(
            f"{decision.subject} and its payments differ by {amount_text(-decision.fee_minor, entry.currency)} that no "
            "charge of the bank explains: name the payments that it is of."
        )


def approve(home: Home, engine: books.Engine, decision_id: str, person: str, moment: str, digest: str) -> Decision:  # noqa: PLR0917
    """Approve a decision by the digest that the person has seen, and book it; the first digits do.

    Raises TerminalError where the digest is another, the decision stands elsewhere, what it says does not fit any more,
    or the books refuse the person.
    """
    with store.locked(home):
        decision = _standing(engine, decision_id)
        require_digest(f"The decision {decision_id}", decision.digest, digest, "settle decisions show")
        if digest_of(decision) != decision.digest:
            raise TerminalError(f"The decision {decision_id} is not what was proposed: somebody has changed the books.")
        scene = _scene(home, engine)
        booked = _booked(scene, decision)
        with books.transaction(engine) as connection:
            books.book(connection, booked.entries)
            # What follows is refused by the books without it.
            decision_books.add_step(connection, decision, DecisionState.APPROVED, person, moment)
            if booked.taken is not None:
                payout_books.write_taken(connection, booked.taken, person, moment)
            for batch_id in sorted({scene.payments[name].batch.batch_id for name, _ in decision.payments}):
                go_on(connection, batch_id, person, moment)
    return decision_books.one_decision(engine, decision_id)


def withdraw(engine: books.Engine, decision_id: str, person: str, moment: str, reason: str) -> Decision:
    """Withdraw a decision that is not approved; what it is about waits again. TerminalError where it is none such."""
    require_reason(reason)
    decision = _standing(engine, decision_id)
    with books.transaction(engine) as connection:
        decision_books.add_step(connection, decision, DecisionState.WITHDRAWN, person, moment, reason)
    return decision_books.one_decision(engine, decision_id)


def _standing(engine: books.Engine, decision_id: str) -> Decision:
    decision = decision_books.one_decision(engine, decision_id)
    if decision.state is not DecisionState.PROPOSED:
        raise TerminalError(f"The decision {decision_id} is {decision.state}: {what_is_next(decision)}.")
    return decision


def what_is_next(decision: Decision) -> str:
    """What goes on with a decision, as a part of a sentence."""
    return {
        DecisionState.PROPOSED: "another person looks at it with `settle decisions show` and approves or withdraws it",
        DecisionState.APPROVED: "it is booked",
        DecisionState.WITHDRAWN: "what it is about waits, `settle decisions propose` proposes anew",
    }[decision.state]
