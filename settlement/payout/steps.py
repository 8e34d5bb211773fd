"""The life of a payout batch: proposed, approved or rejected, released, and put where the bank fetches its file.

Each function may be called again at any time, by several processes at once, and after being killed anywhere: a step
is a row that the books take once, the file is made once with the release, and it is put into the outbox until a row
says that it was sent. What nobody may do alone is refused by the books themselves (``schema/payout_rules.py``).
Persons and moments are given by the caller.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from settlement import account_books, books, payout_books, store
from settlement.errors import RetryableError, TerminalError
from settlement.model.dates import years_untold
from settlement.model.payout import (
    GONE_OUT,
    NOBODY,
    AccountState,
    Batch,
    BatchState,
    Check,
    Override,
    PaymentFile,
    with_approvals,
)
from settlement.model.steps import moment_from, require_digest, require_reason
from settlement.model.versions import open_days
from settlement.payout import cash, gate
from settlement.payout.orders import (
    LeftOut,
    Numbers,
    net,
    new_batches,
    next_trace,
    payment_file,
    release_entry,
    require_as_proposed,
    without_misfits,
)
from settlement.payout.terms import PayoutTerms, read_payout_terms
from settlement.store import Home
from settlement.whole_file import write_whole

_TWO: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The batches that were proposed, and what was left due with the reason why."""

    batches: tuple[Batch, ...]
    left: tuple[LeftOut, ...]


def outbox(home: Home) -> Path:
    """Where payment files lie for the bank."""
    return home.root / "payments"


def _open_days(home: Home, terms: PayoutTerms, night: date) -> dict[date, bool]:
    """Which days of the bank calendar of payouts are open, as the nights up to the last settled one told."""
    if terms.calendar is None:
        return {}
    after = night + timedelta(days=1)
    rows, files = (store.scan_history(home, table, after) for table in ("calendar_day", "file"))
    return open_days(rows, files, terms.calendar, night)


def calendar_warning(home: Home, engine: books.Engine, batch: Batch) -> str | None:
    """That a value date was counted by a bank calendar of whose year nothing is told; None where something is."""
    terms, day = read_payout_terms(store.read_documents(home)), moment_from(batch.steps[0].moment).date()
    if terms.calendar is None:
        return None
    told = _open_days(home, terms, payout_books.last_night(engine))
    years = " and ".join(map(str, years_untold(told, day, batch.value_date)))
    if not years:
        return None
    return (
        f"The value date of {batch.batch_id}, {batch.value_date}, is counted by the bank calendar {terms.calendar}, "
        f"which tells no day of {years}: `weekend` and `holidays` of [payouts] hold instead; deliver the calendar, or "
        "correct its name."
    )


def propose(home: Home, engine: books.Engine, person: str, moment: str) -> Proposal:
    """Propose all that is due and can be paid: a batch for each account that pays, netted by partner and currency.

    What bank statements show of earlier payments is taken first, so that the checks know it. Nothing that stands in a
    batch already is proposed again, so a second call proposes nothing. Raises TerminalError where nothing is declared
    of payouts, no night is settled, or a file could not be written.
    """
    terms, day = read_payout_terms(store.read_documents(home)), moment_from(moment).date()
    cash.tie(home, engine, person, moment)
    night = payout_books.last_night(engine)
    with books.transaction(engine) as connection:
        known = payout_books.batches_in(connection)
        accounts = account_books.accounts_in(connection)
        netted, left = net(payout_books.unpaid(connection), accounts, terms, day)
    batches = max((batch.number for batch in known), default=0)
    numbers = Numbers(
        batches=batches, first_trace=next_trace(known), night=night, open_days=_open_days(home, terms, night)
    )
    fitting, unfit = without_misfits(netted, terms, numbers, moment_from(moment))
    proposed = []
    for made in new_batches(fitting, terms, numbers, day):
        # Where no person proposes, one alone would have looked at it.
        batch = with_approvals(made, max(made.approvals, _TWO)) if person == NOBODY else made
        # What the bank's format refuses is told now and not when it is released.
        payment_file(batch, moment_from(moment))
        proposed.append(replace(batch, checks=_checks(home, terms, batch, night)))
    with books.transaction(engine) as connection:
        for batch in proposed:
            payout_books.add_batch(connection, batch, person, moment)
    found = tuple(payout_books.one_batch(engine, batch.batch_id) for batch in proposed)
    return Proposal(batches=found, left=(*left, *unfit))


def _checks(home: Home, terms: PayoutTerms, batch: Batch, night: date) -> tuple[Check, ...]:
    asked = [
        (payout.partner, batch.currency, sorted({due.contract for due in payout.statements}))
        for payout in batch.payouts
    ]
    return gate.checks(home, night, terms, asked)


def approve(engine: books.Engine, batch_id: str, person: str, moment: str, digest: str) -> Batch:
    """Approve a batch by the digest that the person has seen; the first digits of it do.

    Raises TerminalError where the digest is another, the batch stands elsewhere, or the books refuse the person.
    """
    batch = _standing(engine, batch_id, BatchState.PROPOSED, BatchState.APPROVED)
    require_digest(f"The batch {batch_id}", batch.digest, digest, "settle payouts show")
    require_as_proposed(batch)
    with books.transaction(engine) as connection:
        payout_books.add_step(connection, batch, BatchState.APPROVED, person, moment)
    return payout_books.one_batch(engine, batch_id)


def reject(engine: books.Engine, batch_id: str, person: str, moment: str, note: str) -> Batch:
    """Reject a batch that is not released; what it would have paid is due for another one."""
    batch = _standing(engine, batch_id, BatchState.PROPOSED, BatchState.APPROVED)
    require_reason(note)
    with books.transaction(engine) as connection:
        payout_books.add_step(connection, batch, BatchState.REJECTED, person, moment, note)
    return payout_books.one_batch(engine, batch_id)


def override(engine: books.Engine, batch_id: str, person: str, moment: str, reason: str) -> Batch:
    """Put one person's word on record that the failing checks of the last look do not keep a batch; two are needed."""
    batch = _standing(engine, batch_id, BatchState.PROPOSED, BatchState.APPROVED)
    require_reason(reason)
    with books.transaction(engine) as connection:
        night, look = batch.last_look
        word = Override(person=person, moment=moment, reason=reason, night=night, look=look)
        payout_books.add_override(connection, batch.batch_id, word)
    return payout_books.one_batch(engine, batch_id)


def _standing(engine: books.Engine, batch_id: str, *states: BatchState) -> Batch:
    batch = payout_books.one_batch(engine, batch_id)
    if batch.state not in states:
        raise TerminalError(f"The batch {batch_id} is {batch.state}: {_GOES_ON[batch.state]}.")
    return batch


_GOES_ON: Final = {
    BatchState.PROPOSED: "another person looks at it with `settle payouts show` and approves or rejects it",
    BatchState.APPROVED: "`settle payouts release` goes on",
    BatchState.REJECTED: "what it would have paid is due, `settle payouts propose` proposes it anew",
    BatchState.RELEASED: "`settle payouts send` goes on",
    BatchState.SENT: "`settle payouts read` takes what the bank answers",
    BatchState.ACKNOWLEDGED: "`settle payouts tie` takes what the bank's statement shows of it",
    BatchState.FAILED: "what it would have paid is due, `settle payouts propose` proposes it anew",
    BatchState.RETURNED: "what came back is due, `settle payouts propose` proposes it anew",
}


_SETTLES: Final = frozenset({BatchState.SENT, BatchState.ACKNOWLEDGED, BatchState.RETURNED})


def what_is_next(batch: Batch) -> str:
    """What goes on with a batch, as a part of a sentence."""
    approved = len(batch.by(BatchState.APPROVED))
    if batch.state is BatchState.APPROVED and approved < batch.approvals:
        return f"{batch.approvals - approved} more approval is needed: `settle payouts approve`"
    if batch.state in _SETTLES and all(payout.settled for payout in batch.payouts):
        return "bank statements show all of it, nothing is left to do unless money comes back"
    return _GOES_ON[batch.state]


def release(home: Home, engine: books.Engine, batch_id: str, person: str, moment: str) -> Batch:
    """Release a batch: its journal entry, its file and its step in one transaction; then send it.

    A batch that is released already is only sent, one that is sent is left as it is. Raises TerminalError where it is
    not approved by enough, was changed, a check fails, an account cannot be paid to, or the books refuse the person;
    RetryableError where the file could not be put into the outbox, from where `send` goes on.
    """
    cash.tie(home, engine, person, moment)
    with store.locked(home):
        batch = _standing(engine, batch_id, BatchState.APPROVED, BatchState.RELEASED, *GONE_OUT)
        if batch.state is BatchState.APPROVED:
            batch = _checked_again(home, engine, batch)
            require_as_proposed(batch)
            _require_still_payable(batch, moment)
            _require_checks(batch)
            file = payment_file(batch, moment_from(moment))
            with books.transaction(engine) as connection:
                entry = release_entry(batch, payout_books.next_night(engine))
                payout_books.add_release(connection, batch, entry, file, person, moment)
        return _send(home, engine, batch_id, person, moment)


def send(home: Home, engine: books.Engine, batch_id: str, person: str, moment: str) -> Batch:
    """Put the file of a released batch into the outbox and say so in the books; nothing where that is done."""
    with store.locked(home):
        _standing(engine, batch_id, BatchState.RELEASED, *GONE_OUT)
        return _send(home, engine, batch_id, person, moment)


def _send(home: Home, engine: books.Engine, batch_id: str, person: str, moment: str) -> Batch:
    # Within the home's lock: whoever sees the batch unsent is the one who sends it.
    batch = payout_books.one_batch(engine, batch_id)
    if batch.state is BatchState.RELEASED:
        with books.transaction(engine) as connection:
            file = payout_books.file_of(connection, batch.batch_id)
        _put(outbox(home), file)
        with books.transaction(engine) as connection:
            payout_books.add_step(connection, batch, BatchState.SENT, person, moment, file.sha256)
        batch = payout_books.one_batch(engine, batch_id)
    return batch


def _put(folder: Path, file: PaymentFile) -> None:
    """Put a file into a folder whole or not at all."""
    target = folder / file.name
    try:
        write_whole(target, file.content)
    except OSError as error:
        raise RetryableError(
            f"{target} could not be written ({error.strerror}): the batch stays released and nothing is sent, mend "
            "that and go on with `settle payouts send`."
        ) from None


def _checked_again(home: Home, engine: books.Engine, batch: Batch) -> Batch:
    """The batch with the checks of the last settled night, where a night was settled since it was proposed."""
    return batch if batch.last_look[0] >= payout_books.last_night(engine) else _looked_at(home, engine, batch)


def look(home: Home, engine: books.Engine, batch_id: str, person: str, moment: str) -> Batch:
    """Check a batch once more as its data stand now; a look that finds nothing else adds nothing.

    Words on the checks of an earlier look do not count for what this one finds.
    """
    batch = _standing(engine, batch_id, BatchState.PROPOSED, BatchState.APPROVED)
    cash.tie(home, engine, person, moment)
    return _looked_at(home, engine, batch)


def _looked_at(home: Home, engine: books.Engine, batch: Batch) -> Batch:
    night, number = payout_books.last_night(engine), 1
    found = _checks(home, read_payout_terms(store.read_documents(home)), batch, night)
    if batch.last_look[0] == night:
        number = batch.last_look[1] + 1
        if {replace(check, look=1) for check in batch.last_checks} == set(found):
            return batch
    with books.transaction(engine) as connection:
        payout_books.add_checks(connection, batch.batch_id, [replace(check, look=number) for check in found])
    return payout_books.one_batch(engine, batch.batch_id)


def failing(batch: Batch) -> list[Check]:
    """The checks of the last look that do not let the batch go."""
    return [check for check in batch.last_checks if not check.passed]


def _require_checks(batch: Batch) -> None:
    found = failing(batch)
    if found and len(batch.last_overrides) < _TWO:
        first, more = found[0], len(found) - 1
        how = "have two persons override it with `settle payouts override`" if batch.may_override else "mend that"
        raise TerminalError(
            f"The batch {batch.batch_id} is not released: {first.name} of {first.partner} fails, {first.text}"
            f"{f', and {more} more checks' if more else ''}; {how}, or reject the batch."
        )


def _require_still_payable(batch: Batch, moment: str) -> None:
    """Raise TerminalError where the value date has passed, or an account of the batch cannot be paid to any more."""
    day = moment_from(moment).date()
    if batch.value_date < day:
        raise TerminalError(
            f"The batch {batch.batch_id} is not released: its value date {batch.value_date} has passed; reject it and "
            "propose anew."
        )
    for payout in batch.payouts:
        account = payout.account
        late = account.usable_from is not None and account.usable_from > day
        if account.state is not AccountState.APPROVED or late:
            where = f"in its cooling-off until {account.usable_from}" if late else account.state.value
            raise TerminalError(
                f"The batch {batch.batch_id} is not released: the bank account {account.account_id} of "
                f"{payout.partner} is {where}; reject the batch and propose anew."
            )


def paid_before(batch: Batch, known: Iterable[Batch]) -> dict[str, int]:
    """What each partner of a batch was last paid in its currency by an earlier batch that went out, in minor units."""
    found: dict[str, int] = {}
    for earlier in known:
        if earlier.number < batch.number and earlier.currency == batch.currency and earlier.by(BatchState.RELEASED):
            stayed = {one.partner: one.amount_minor - one.back_minor for one in earlier.payouts}
            found |= {partner: amount for partner, amount in stayed.items() if amount}
    return found
