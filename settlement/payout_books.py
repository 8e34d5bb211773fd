"""Payouts in SQL: what is due, batches with their payouts and steps, and what banks told of them.

Rows are added and never edited. What each step demands is refused by the database (``schema/payout_rules.py``), so the
functions here are the same whoever calls them: command line, Airflow, or a person with SQL.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any, Final

import sqlalchemy as sa

from settlement import account_books, books
from settlement.errors import TerminalError
from settlement.model.accounts import DUE
from settlement.model.journal import BESIDE_NIGHTS, PART_BACK, Entry
from settlement.model.payment_status import Outcome
from settlement.model.payout import Batch, BatchId, BatchState, Check, Due, Effect, Override, PaymentFile, Payout, Way
from settlement.model.steps import Step
from settlement.payout_tables import (
    BATCH,
    CASH,
    CHECK,
    CHECK_AGAIN,
    EVENT,
    FILE,
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


def add_step(  # noqa: PLR0917 - the step's own parts
    connection: books.Connection, batch: Batch, state: BatchState, person: str, moment: str, note: str = ""
) -> None:
    """Add a step behind the last one that is known of the batch; the books refuse it where another came between."""
    last = batch.steps[-1] if batch.steps else None
    row = {
        "batch_id": batch.batch_id,
        "number": last.number + 1 if last else 1,
        "was": last.state if last else "none",
        "state": state.value,
        "person": person,
        "moment": moment,
        "digest": batch.digest,
        "note": note,
    }
    connection.execute(sa.insert(EVENT), [row])


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


def add_cash(  # noqa: PLR0917 - what belongs to one bank entry
    engine: books.Engine,
    booked: Entry,
    place: tuple[str, int],
    shown: Sequence[tuple[Payout, Way]],
    person: str,
    moment: str,
) -> str:
    """Book what a bank entry shows of payments; ``place`` is its statement file and its number there.

    It is a transaction of its own. Returns why the books refuse it, or nothing where it is booked; raises
    RetryableError and TerminalError where they cannot be reached or read.
    """
    rows = [
        {
            "payment_id": payout.payment_id,
            "way": way.value,
            "statement": place[0],
            "entry": place[1],
            "entry_key": booked.key,
            "person": person,
            "moment": moment,
        }
        for payout, way in shown
    ]
    with books.reached():
        try:
            with engine.begin() as connection:
                books.book(connection, [booked])
                connection.execute(sa.insert(CASH), rows)
        except sa.exc.IntegrityError as error:
            return f"the database refuses it ({str(error.orig).partition(chr(10))[0]}): `settle payouts check`"
        except TerminalError as error:
            return f"it is not booked: {str(error).removesuffix('.')}"
    return ""


def cash_of(connection: books.Connection) -> dict[tuple[str, int], tuple[str, ...]]:
    """The payments that each entry of a bank statement shows, by statement file and number."""
    found: dict[tuple[str, int], tuple[str, ...]] = {}
    for row in connection.execute(sa.select(CASH).order_by(CASH.c.payment_id)):
        found[row.statement, row.entry] = (*found.get((row.statement, row.entry), ()), row.payment_id)
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
    told: dict[str, dict[str, sa.RowMapping]] = defaultdict(dict)
    for status in connection.execute(sa.select(STATUS)).mappings():
        told[status["payment_id"]][status["effect"]] = status
    shown: dict[str, set[str]] = defaultdict(set)
    for payment_id, way in connection.execute(sa.select(CASH.c.payment_id, CASH.c.way)):
        shown[payment_id].add(way)
    statements = _by(connection, STATEMENT, "payment_id", STATEMENT.c.entry_key, STATEMENT.c.account)
    payouts = _by(connection, PAYOUT, "batch_id", PAYOUT.c.payment_id)
    steps = _by(connection, EVENT, "batch_id", EVENT.c.number)
    checks = _by(connection, CHECK, "batch_id", CHECK.c.night, CHECK.c.partner, CHECK.c.name)
    for batch_id, again in _by(
        connection, CHECK_AGAIN, "batch_id", *(CHECK_AGAIN.c[name] for name in ("night", "look", "partner", "name"))
    ).items():
        checks[batch_id] += again
    words = _by(connection, OVERRIDE, "batch_id", OVERRIDE.c.moment, OVERRIDE.c.person)
    for batch_id, later in _by(connection, WORD, "batch_id", WORD.c.moment, WORD.c.person, WORD.c.look).items():
        words.setdefault(batch_id, []).extend(later)

    def payout_of(one: Mapping[str, Any], currency: str) -> Payout:
        name, amount = one["payment_id"], one["amount_minor"]
        back = told[name].get(Effect.BACK)
        rejected = back is not None and back["outcome"] == Outcome.REJECTED
        return Payout(
            **_without(one, "batch_id", "account_id"),
            account=accounts[one["account_id"]],
            statements=tuple(_due(due, currency) for due in statements.get(name, ())),
            back_minor=0 if back is None else amount if rejected else back["amount_minor"] or amount,
            rejected=rejected,
            accepted=Effect.ACCEPTED in told[name],
            debited=Way.DEBIT in shown[name],
            credited=Way.CREDIT in shown[name],
        )

    return [
        Batch(
            **row,
            payouts=tuple(payout_of(one, row["currency"]) for one in payouts.get(row["batch_id"], ())),
            steps=tuple(Step(**_without(one, "batch_id", "digest")) for one in steps[row["batch_id"]]),
            checks=tuple(Check(**_without(one, "batch_id", "passed")) for one in checks.get(row["batch_id"], ())),
            overrides=tuple(Override(**_without(one, "batch_id")) for one in words.get(row["batch_id"], ())),
        )
        for row in connection.execute(sa.select(BATCH).order_by(BATCH.c.number)).mappings()
        if row["batch_id"] in steps
    ]


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
