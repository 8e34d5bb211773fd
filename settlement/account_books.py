"""Partners' bank accounts in SQL: proposed by one, approved by another, paid to after a cooling-off, closed by two.

An account is never edited: another number is another account. Every change of where it stands is a row with who and
when. Which steps are allowed, and that nobody takes two of them alone, is refused by the database
(``schema/payout_rules.py``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import sqlalchemy as sa

from settlement import books
from settlement.errors import TerminalError
from settlement.model.bank_account import BankAccount, account_problems
from settlement.model.money import is_currency
from settlement.model.payment import is_one_line
from settlement.model.payout import AccountId, AccountState, PartnerAccount, account_from, details_of
from settlement.model.steps import Step
from settlement.schema.payout_rules import ACCOUNT_STEPS

ACCOUNT = sa.Table(
    "bank_account",
    books.METADATA,
    sa.Column("account_id", sa.String(16), primary_key=True),
    sa.Column("partner", sa.String(100), nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("holder", sa.String(140), nullable=False),
    sa.Column("details", sa.String(1000), nullable=False),
)
EVENT = sa.Table(
    "bank_account_event",
    books.METADATA,
    sa.Column("account_id", sa.ForeignKey("bank_account.account_id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("was", sa.String(20), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("person", sa.String(100), nullable=False),
    sa.Column("moment", sa.String(20), nullable=False),
    sa.Column("usable_from", sa.Date),
)
_ID_DIGITS: Final = 16
_MOST_HOLDER: Final = 140
_MOST_PARTNER: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedAccount:
    """What is proposed: the account of a partner in one currency, and whose name stands on it."""

    partner: str
    currency: str
    holder: str
    account: BankAccount


def propose(engine: books.Engine, proposed: ProposedAccount, person: str, moment: str) -> PartnerAccount:
    """Add an account with its first step.

    Raises TerminalError where something is wrong with it, or the partner has an account in that currency that is not
    closed or rejected: it is closed first, so that there is never a choice.
    """
    problems = [*account_problems(proposed.account, f"the account of {proposed.partner}")]
    if not is_currency(proposed.currency):
        problems.append(f"{proposed.currency!r} is no currency of ISO 4217 with minor units.")
    if not is_one_line(proposed.holder) or len(proposed.holder) > _MOST_HOLDER:
        problems.append(f"the holder's name must be one line of at most {_MOST_HOLDER} characters.")
    if not is_one_line(proposed.partner) or len(proposed.partner) > _MOST_PARTNER:
        problems.append(f"the partner's name must be one line of at most {_MOST_PARTNER} characters.")
    if problems:
        raise TerminalError(f"{problems[0][0].upper()}{problems[0][1:]} Nothing was proposed.")
    with books.transaction(engine) as connection:
        standing = [one for one in accounts_in(connection) if one.partner == proposed.partner]
        for one in standing:
            if one.currency == proposed.currency and one.state not in {AccountState.CLOSED, AccountState.REJECTED}:
                raise TerminalError(
                    f"{one.partner} has the account {one.account_id} in {one.currency}, which is {one.state}: close it "
                    "or reject it first, so that it is always clear where money goes."
                )
        details = details_of(proposed.account)
        said = f"{proposed.partner}\n{proposed.currency}\n{proposed.holder}\n{details}\n{len(standing)}"
        account_id = hashlib.sha256(said.encode()).hexdigest()[:_ID_DIGITS]
        row = {
            "account_id": account_id,
            "partner": proposed.partner,
            "currency": proposed.currency,
            "holder": proposed.holder,
            "details": details,
        }
        connection.execute(sa.insert(ACCOUNT), [row])
        first = Step(number=1, was="none", state=AccountState.PROPOSED, person=person, moment=moment)
        _add_step(connection, AccountId(account_id), first)
    return one_account(engine, account_id)


def take_step(  # noqa: PLR0917 - the step's own parts
    engine: books.Engine,
    account_id: str,
    state: AccountState,
    person: str,
    moment: str,
    usable_from: date | None = None,
) -> PartnerAccount:
    """Take an account one step on.

    Raises TerminalError where it does not stand where the step begins, or the database refuses the person.
    """
    account = one_account(engine, account_id)
    if (account.state, state) not in ACCOUNT_STEPS:
        raise TerminalError(
            f"The account {account_id} of {account.partner} is {account.state}, so it cannot be {state}."
        )
    with books.transaction(engine) as connection:
        step = Step(
            number=len(account.steps) + 1,
            was=account.state,
            state=state,
            person=person,
            moment=moment,
            usable_from=usable_from,
        )
        _add_step(connection, account.account_id, step)
    return one_account(engine, account_id)


def _add_step(connection: books.Connection, account_id: AccountId, step: Step) -> None:
    row = {c.name: getattr(step, c.name) for c in EVENT.columns if c.name != "account_id"}
    connection.execute(sa.insert(EVENT), [{"account_id": account_id, **row}])


def one_account(engine: books.Engine, account_id: str) -> PartnerAccount:
    """An account by its id; TerminalError where there is none."""
    found = accounts(engine, [account_id])
    if not found:
        raise TerminalError(f"There is no bank account {account_id!r}: `settle accounts list` shows their ids.")
    return found[0]


def accounts(engine: books.Engine, account_ids: Sequence[str] | None = None) -> list[PartnerAccount]:
    """All bank accounts, or some, by partner, currency and id."""
    with books.transaction(engine) as connection:
        return accounts_in(connection, account_ids)


def accounts_in(connection: books.Connection, account_ids: Sequence[str] | None = None) -> list[PartnerAccount]:
    """All bank accounts, or some, as a transaction that is under way sees them."""
    query, events = sa.select(ACCOUNT), sa.select(EVENT).order_by(EVENT.c.account_id, EVENT.c.number)
    if account_ids is not None:
        query = query.where(ACCOUNT.c.account_id.in_(account_ids))
        events = events.where(EVENT.c.account_id.in_(account_ids))
    steps: dict[str, list[Step]] = {}
    for row in connection.execute(events).mappings():
        step = Step(**{name: value for name, value in row.items() if name != "account_id"})
        steps.setdefault(row["account_id"], []).append(step)
    found = [
        PartnerAccount(
            account_id=AccountId(row["account_id"]),
            partner=row["partner"],
            currency=row["currency"],
            holder=row["holder"],
            account=account_from(row["details"]),
            steps=tuple(steps[row["account_id"]]),
        )
        for row in connection.execute(query).mappings()
        if row["account_id"] in steps
    ]
    return sorted(found, key=lambda one: (one.partner, one.currency, one.account_id))
