"""Payouts in SQL: what is due, batches with their payouts and steps, and what banks told of them.

Rows are added and never edited. What each step demands is refused by the database (``schema/payout_rules.py``), so the
functions here are the same whoever calls them: command line, Airflow, or a person with SQL.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from settlement import account_books, books, step_books
from settlement.errors import TerminalError
from settlement.model.accounts import DUE
from settlement.model.decision import DecisionState, Meaning
from settlement.model.journal import BESIDE_NIGHTS, PART_BACK, Entry
from settlement.model.payment_status import Outcome
from settlement.model.payout import Batch, BatchId, BatchState, Check, Due, Effect, Override, PaymentFile, Payout, Way
from settlement.payout_tables import (
    BATCH,
    CASH,
    CHECK,
    CHECK_AGAIN,
    CREDIT,
    DECISION,
    DECISION_EVENT,
    DECISION_PAYMENT,
    EVENT,
    FILE,
    OFFSET,
    OVERRIDE,
    PAYOUT,
    REPLY,
    STATEMENT,
    STATUS,
    WORD,
)

_BOOKED: Final = "post"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What a bank told in one place of a file, and what it did; ``named`` is how the file names the payment."""

    line: int
    payment_id: str | None
    named: str
    outcome: str
    code: str
    words: str
    amount_minor: int | None
    currency: str | None
    effect: Effect
    entry_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One file of a bank: its digest, its name, the bank's id of it, and its bytes."""

    sha256: str
    name: str
    reply_id: str
    content: bytes


def last_night(engine: books.Engine) -> date:
    """The last night whose entries are booked; TerminalError where there is none."""
    nights = books.nights_of(engine, _BOOKED)
    if not nights:
        raise TerminalError("No night is settled yet, so nothing is due: run `settle run` first.")
    return nights[-1]


def next_night(engine: books.Engine) -> date:
    """The night to which entries beside the nights belong: the day after the last one that is booked."""
    return last_night(engine) + timedelta(days=1)


def dues(connection: books.Connection) -> list[Due]:
    """All that ever became due, by account, currency and entry; what payouts moved is left out.

    A part of a payment that came back is due by the entry that booked it; what came back whole is due as it was before.
    """
    query = (
        sa.select(
            books.POSTING.c.entry_key,
            books.POSTING.c.account,
            books.POSTING.c.currency,
            sa.func.sum(-books.POSTING.c.amount_minor).label("amount_minor"),
        )
        .join(books.ENTRY, books.ENTRY.c.entry_key == books.POSTING.c.entry_key)
        .where(
            books.POSTING.c.account.like("liability:payable:%:due"),
            sa.or_(books.ENTRY.c.kind.not_in(BESIDE_NIGHTS), books.ENTRY.c.kind == PART_BACK),
        )
        .group_by(books.POSTING.c.entry_key, books.POSTING.c.account, books.POSTING.c.currency)
    )
    found = []
    for row in connection.execute(query).mappings():
        contract, partner = DUE.names(row["account"]) or ("", "")
        amount = int(row["amount_minor"])
        if amount:
            found.append(Due(**{**row, "amount_minor": amount}, contract=contract, partner=partner))
    return sorted(found, key=lambda due: (due.account, due.currency, due.entry_key))


def unpaid(connection: books.Connection) -> list[Due]:
    """What is due and in no living batch: not proposed, or rejected, or come back."""
    taken = {
        (due.entry_key, due.account, due.currency)
        for batch in batches_in(connection)
        if batch.state is not BatchState.REJECTED
        for payout in batch.payouts
        if not payout.back
        for due in payout.statements
    }
    return [due for due in dues(connection) if (due.entry_key, due.account, due.currency) not in taken]


def add_batch(connection: books.Connection, batch: Batch, person: str, moment: str) -> None:
    """Add a proposed batch with its payouts, their statements, its checks and its first step."""
    row = {c.name: getattr(batch, c.name) for c in BATCH.columns}
    connection.execute(sa.insert(BATCH), [row])
    for payout in batch.payouts:
        plain = {c.name: getattr(payout, c.name) for c in PAYOUT.columns if c.name not in {"batch_id", "account_id"}}
        keys = {"batch_id": batch.batch_id, "account_id": payout.account.account_id}
        connection.execute(sa.insert(PAYOUT), [plain | keys])
        statements = [
            {"payment_id": payout.payment_id, **{n: getattr(due, n) for n in ("entry_key", "account", "amount_minor")}}
            for due in payout.statements
        ]
        connection.execute(sa.insert(STATEMENT), statements)
    add_checks(connection, batch.batch_id, batch.checks)
    add_step(connection, batch, BatchState.PROPOSED, person, moment)


def add_checks(connection: books.Connection, batch_id: BatchId, checks: Sequence[Check]) -> None:
    """Add what the checks of one look came to."""
    rows = [{"batch_id": batch_id, "passed": check.passed, **asdict(check)} for check in checks]
    if checks[0].look > 1:
        connection.execute(sa.insert(CHECK_AGAIN), rows)
    else:
        connection.execute(sa.insert(CHECK), [_without(row, "look") for row in rows])


def add_override(connection: books.Connection, batch_id: BatchId, override: Override) -> None:
    """Add one person's word that the failing checks of one look do not keep a batch."""
    connection.execute(sa.insert(WORD), [{"batch_id": batch_id, **asdict(override)}])


add_step: Final = partial(step_books.add_step, EVENT)
"""Add a step to a batch."""


def add_release(  # noqa: PLR0917 - what belongs to one step
    connection: books.Connection, batch: Batch, entry: Entry, file: PaymentFile, person: str, moment: str
) -> None:
    """Release a batch: its journal entry, its file and its step, in the transaction that is given."""
    books.book(connection, [entry])
    connection.execute(sa.insert(FILE), [{"batch_id": batch.batch_id, **asdict(file)}])
    add_step(connection, batch, BatchState.RELEASED, person, moment)


def add_reply(  # noqa: PLR0917 - what belongs to one file
    connection: books.Connection,
    reply: Reply,
    statuses: Sequence[Status],
    entries: Sequence[Entry],
    person: str,
    moment: str,
) -> None:
    """Keep a bank's file with all that it tells, and book what came back."""
    books.book(connection, entries)
    connection.execute(sa.insert(REPLY), [{**asdict(reply), "person": person, "moment": moment}])
    if statuses:
        connection.execute(sa.insert(STATUS), [{"sha256": reply.sha256, **asdict(status)} for status in statuses])


Place = tuple[str, int]
"""A bank entry: its statement file and its number there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A bank entry that is taken off suspense by a journal entry: what it shows of payments, or what it is set off by.

    ``shown`` are payments with the way and the amount that the bank shows of each.
    """

    booked: Entry
    place: Place
    shown: tuple[tuple[Payout, Way, int], ...] = ()
    against: Place | None = None


def add_cash(engine: books.Engine, taken: Taken, person: str, moment: str) -> str:
    """Book what a bank entry shows of payments, or that two bank entries come to nothing.

    It is a transaction of its own. Returns why the books refuse it, or nothing where it is booked; raises
    RetryableError and TerminalError where they cannot be reached or read.
    """
    with books.reached():
        try:
            with engine.begin() as connection:
                books.book(connection, [taken.booked])
                write_taken(connection, taken, person, moment)
        except sa.exc.IntegrityError as error:
            return f"the database refuses it ({str(error.orig).partition(chr(10))[0]}): `settle payouts check`"
        except TerminalError as error:
            return f"it is not booked: {str(error).removesuffix('.')}"
    return ""


def write_taken(connection: books.Connection, taken: Taken, person: str, moment: str) -> None:
    """Write what a bank entry shows, whose journal entry is booked, in the transaction that is given."""
    plain = {
        "statement": taken.place[0],
        "entry": taken.place[1],
        "entry_key": taken.booked.key,
        "person": person,
        "moment": moment,
    }
    debits = [plain | {"payment_id": one.payment_id, "way": way} for one, way, _ in taken.shown if way is Way.DEBIT]
    credits_ = [
        plain | {"payment_id": one.payment_id, "amount_minor": amount}
        for one, way, amount in taken.shown
        if way is Way.CREDIT
    ]
    offsets = []
    if taken.against is not None:
        offsets = [plain | {"other_statement": taken.against[0], "other_entry": taken.against[1]}]
    for table, rows in ((CASH, debits), (CREDIT, credits_), (OFFSET, offsets)):
        if rows:
            connection.execute(sa.insert(table), rows)


def cash_of(connection: books.Connection, until: date = date.max) -> dict[Place, tuple[str, ...]]:
    """The bank entries that were taken off suspense, by entries of nights up to one, and the payments that each shows.

    One that shows no payment was set off against another, or is a charge of the bank.
    """
    found: dict[Place, tuple[str, ...]] = {}
    booked = sa.select(books.ENTRY.c.entry_key).where(books.ENTRY.c.business_date <= until)
    for table in (CASH, CREDIT):
        for row in connection.execute(
            sa.select(table).where(table.c.entry_key.in_(booked)).order_by(table.c.payment_id)
        ):
            found[row.statement, row.entry] = (*found.get((row.statement, row.entry), ()), row.payment_id)
    for row in connection.execute(sa.select(OFFSET).where(OFFSET.c.entry_key.in_(booked))):
        found |= {(row.statement, row.entry): (), (row.other_statement, row.other_entry): ()}
    columns = DECISION.c.statement, DECISION.c.entry
    charges = _approved().where(DECISION.c.meaning == Meaning.CHARGE).with_only_columns(*columns)
    key = sa.literal("payout_cash/") + DECISION.c.statement + "/" + sa.cast(DECISION.c.entry, sa.String)
    for statement, entry in connection.execute(charges.where(key.in_(booked))):
        found[statement, entry] = ()
    return found


def _approved() -> sa.Select[Any]:
    """Decisions that two persons have taken."""
    return sa.select(DECISION).join(
        DECISION_EVENT,
        sa.and_(
            DECISION_EVENT.c.decision_id == DECISION.c.decision_id, DECISION_EVENT.c.state == DecisionState.APPROVED
        ),
    )


def decided_lines(connection: books.Connection, sha256: str) -> frozenset[int]:
    """The lines of a bank's file on which two persons have decided."""
    lines = _approved().where(DECISION.c.sha256 == sha256).with_only_columns(DECISION.c.line)
    return frozenset(connection.execute(lines).scalars())


def parts_back(connection: books.Connection) -> dict[str, dict[str, int]]:
    """What parts of payments that came back have made due again: by payment, and by account."""
    found: dict[str, dict[str, int]] = {}
    for due in dues(connection):
        kind, _, rest = due.entry_key.partition("/")
        if kind == "payout_back":
            accounts = found.setdefault(rest.partition("/")[0], {})
            accounts[due.account] = accounts.get(due.account, 0) + due.amount_minor
    return found


def file_of(connection: books.Connection, batch_id: BatchId) -> PaymentFile:
    """The payment file of a released batch."""
    row = connection.execute(sa.select(FILE).where(FILE.c.batch_id == batch_id)).mappings().one()
    return PaymentFile(name=row["name"], sha256=row["sha256"], content=bytes(row["content"]))


def statuses_of(connection: books.Connection, sha256: str | None = None) -> list[tuple[str, Status]]:
    """All statuses that banks told, or those of one file, each with its file's digest, by file and line."""
    query = sa.select(STATUS).order_by(STATUS.c.sha256, STATUS.c.line)
    query = query if sha256 is None else query.where(STATUS.c.sha256 == sha256)
    found = []
    for row in connection.execute(query).mappings():
        told = {name: value for name, value in row.items() if name != "sha256"}
        found.append((row["sha256"], Status(**told | {"effect": Effect(row["effect"])})))
    return found


def knows_reply(connection: books.Connection, sha256: str) -> bool:
    """Whether a file of a bank was read before."""
    return connection.execute(sa.select(REPLY.c.sha256).where(REPLY.c.sha256 == sha256)).first() is not None


def one_batch(engine: books.Engine, batch_id: str) -> Batch:
    """A batch by its id; TerminalError where there is none."""
    found = [batch for batch in batches(engine) if batch.batch_id == batch_id]
    if not found:
        raise TerminalError(f"There is no payout batch {batch_id!r}: `settle payouts list` shows their ids.")
    return found[0]


def batches(engine: books.Engine) -> list[Batch]:
    """All batches with all that was done about them, in the order in which they were proposed."""
    with books.transaction(engine) as connection:
        return batches_in(connection)


def batches_in(connection: books.Connection) -> list[Batch]:
    """All batches as a transaction that is under way sees them.

    A batch without a step was never proposed: somebody wrote past the program, and it is none.
    """
    accounts = {one.account_id: one for one in account_books.accounts_in(connection)}
    told, cash = _told(connection), _cash(connection)
    statements = _by(connection, STATEMENT, "payment_id", STATEMENT.c.entry_key, STATEMENT.c.account)
    payouts = _by(connection, PAYOUT, "batch_id", PAYOUT.c.payment_id)
    steps = step_books.steps_in(connection, EVENT)
    checks = _by(connection, CHECK, "batch_id", CHECK.c.night, CHECK.c.partner, CHECK.c.name)
    for batch_id, again in _by(
        connection, CHECK_AGAIN, "batch_id", *(CHECK_AGAIN.c[name] for name in ("night", "look", "partner", "name"))
    ).items():
        checks[batch_id] += again
    words = _by(connection, OVERRIDE, "batch_id", OVERRIDE.c.moment, OVERRIDE.c.person)
    for batch_id, later in _by(connection, WORD, "batch_id", WORD.c.moment, WORD.c.person, WORD.c.look).items():
        words.setdefault(batch_id, []).extend(later)

    def payout_of(one: Mapping[str, Any], currency: str) -> Payout:
        name = one["payment_id"]
        words, (debited, credits_) = told[name], cash[name]
        return Payout(
            **_without(one, "batch_id", "account_id"),
            account=accounts[one["account_id"]],
            statements=tuple(_due(due, currency) for due in statements.get(name, ())),
            backs=tuple(one["amount_minor"] if amount is None else amount for amount in words.backs),
            rejected=words.rejected,
            accepted=words.accepted,
            debited=debited,
            credits=tuple(credits_),
        )

    return [
        Batch(
            **row,
            payouts=tuple(payout_of(one, row["currency"]) for one in payouts.get(row["batch_id"], ())),
            steps=steps[row["batch_id"]],
            checks=tuple(Check(**_without(one, "batch_id", "passed")) for one in checks.get(row["batch_id"], ())),
            overrides=tuple(Override(**_without(one, "batch_id")) for one in words.get(row["batch_id"], ())),
        )
        for row in connection.execute(sa.select(BATCH).order_by(BATCH.c.number)).mappings()
        if row["batch_id"] in steps
    ]


@dataclass(slots=True)
class _Told:
    """What banks told of one payment: whether it was carried out, and what came back; None is all of it."""

    accepted: bool = False
    rejected: bool = False
    backs: list[int | None] = field(default_factory=list)


def _told(connection: books.Connection) -> dict[str, _Told]:
    """What banks told of payments, and what persons decided of it, by payment."""
    found: dict[str, _Told] = defaultdict(_Told)
    for row in connection.execute(sa.select(STATUS).order_by(STATUS.c.entry_key)):
        words = found[row.payment_id]
        words.accepted = words.accepted or row.effect == Effect.ACCEPTED
        if row.effect == Effect.BACK:
            rejected = row.outcome == Outcome.REJECTED
            words.rejected = words.rejected or rejected
            words.backs.append(None if rejected else row.amount_minor)
    decided = (
        _approved()
        .join(DECISION_PAYMENT, DECISION_PAYMENT.c.decision_id == DECISION.c.decision_id)
        .outerjoin(STATUS, sa.and_(STATUS.c.sha256 == DECISION.c.sha256, STATUS.c.line == DECISION.c.line))
        .where(DECISION.c.meaning == Meaning.BACK)
        .with_only_columns(DECISION_PAYMENT.c.payment_id, DECISION_PAYMENT.c.amount_minor, STATUS.c.outcome)
        .order_by(DECISION.c.number)
    )
    for payment_id, amount, outcome in connection.execute(decided):
        words = found[payment_id]
        words.rejected = words.rejected or outcome == Outcome.REJECTED
        words.backs.append(amount)
    return found


def _cash(connection: books.Connection) -> dict[str, tuple[bool, list[int]]]:
    """Whether a bank statement shows the debit of each payment, and what credits of it."""
    credits_: dict[str, list[int]] = defaultdict(list)
    debited = set(connection.execute(sa.select(CASH.c.payment_id).where(CASH.c.way == Way.DEBIT)).scalars())
    # Before revision 0009 a credit told no amount: it is what its entry took off transit.
    taken_off = sa.and_(
        books.POSTING.c.entry_key == CASH.c.entry_key,
        books.POSTING.c.account.like(sa.literal("asset:transit:%:") + CASH.c.payment_id),
    )
    # An entry without such a posting is a fault, no credit of nothing: the join keeps the row, and null has no sign.
    old = sa.select(CASH.c.payment_id, books.POSTING.c.amount_minor).join(books.POSTING, taken_off, isouter=True)
    for row in connection.execute(old.where(CASH.c.way == Way.CREDIT)):
        credits_[row.payment_id].append(-row.amount_minor)
    for row in connection.execute(sa.select(CREDIT).order_by(CREDIT.c.statement, CREDIT.c.entry)):
        credits_[row.payment_id].append(row.amount_minor)
    found: dict[str, tuple[bool, list[int]]] = defaultdict(lambda: (False, []))
    return found | {name: (name in debited, credits_[name]) for name in [*debited, *credits_]}


def _without(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _due(row: Mapping[str, Any], currency: str) -> Due:
    contract, partner = DUE.names(row["account"]) or ("", "")
    return Due(
        entry_key=row["entry_key"],
        account=row["account"],
        contract=contract,
        partner=partner,
        currency=currency,
        amount_minor=row["amount_minor"],
    )


def _by(
    connection: books.Connection, table: sa.Table, key: str, *order: sa.ColumnElement[Any]
) -> dict[str, list[dict[str, Any]]]:
    """All rows of a table by one of its columns, in order."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in connection.execute(sa.select(table).order_by(*order)).mappings():
        found.setdefault(row[key], []).append(dict(row))
    return found
