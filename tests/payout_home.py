"""A home in which statements have closed and partners have bank accounts, made without settling a night."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from settlement import account_books, books, store
from settlement.account_books import ProposedAccount
from settlement.books import StageRun
from settlement.home import create_home
from settlement.model.accounts import ACCRUED_SHARE, BANK, DUE, PARTNER_SHARE, SUSPENSE
from settlement.model.bank_account import AccountKind, BankAccount, Clearing, DomesticAccount, IbanAccount
from settlement.model.journal import Entry, Posting
from settlement.model.payout import AccountState, Batch, PartnerAccount
from settlement.model.tables import TABLES
from settlement.payout import steps
from settlement.store import Home

NIGHT = date(2010, 12, 31)
OPENED = "2010-12-01T09:00:00Z"
PROPOSED, APPROVED, RELEASED = (f"2011-01-03T1{hour}:00:00Z" for hour in range(3))
RETAIL, AIR = "C2-RET-COBRAND", "C1-AIR-MILES"
DUES = ((RETAIL, "HARBOR-RETAIL", 12_613_53), (RETAIL, "HARBOR-LOYALTY", 9_022_52), (AIR, "MERIDIAN-AIR", 34_500_00))
"""Contract, partner and cents of the statements that are closed."""
PAYS_ABROAD = "FR1420041010050500013M02606"
ABROAD = IbanAccount(iban="DE89370400440532013000", bic="COBADEFFXXX")


def us_account(number: str = "000123456789") -> DomesticAccount:
    return DomesticAccount(
        country="US", number=number, clearing=Clearing.USABA, bank="091000019", kind=AccountKind.CHECKING
    )


def made_home(root: Path, dues: Iterable[tuple[str, str, int]] = DUES) -> Home:
    """A home whose night has closed these statements, and whose data are good."""
    create_home(root, None)
    home = store.open_home(root)
    settle(home, NIGHT, dues)
    return home


def settle(home: Home, night: date, dues: Iterable[tuple[str, str, int]], period: str = "2010-Q4") -> None:
    """Book a night that closes these statements, and judge its data as good."""
    _book(home, night, [entry for due in dues for entry in closing(*due, night, period)])


def _book(home: Home, night: date, entries: Iterable[Entry]) -> None:
    row = {"suite": "clearing.visa_clearing.bank", "expectation": "x", "column": "y", "success": True}
    table(home, "expectation", night, row | {"rows": 1, "unexpected": 0})
    run = StageRun(business_date=night, stage="post", inputs_digest="1", outputs_digest="2")
    books.commit_stage(books.connect(home), run, list(entries))


def table(home: Home, name: str, night: date, *rows: Mapping[str, object]) -> None:
    """Rows as a night's table; a column that a row does not tell is empty."""
    folder = home.partition(name, night)
    folder.mkdir(parents=True, exist_ok=True)
    schema = TABLES[name].schema
    plain = [{column: row.get(column) for column in schema} for row in rows]
    pl.DataFrame(plain, schema=schema).write_parquet(folder / "part-00000.parquet")


def bank_entry(amount_minor: int, **texts: object) -> dict[str, object]:
    """A row of ``statement_entry`` on the account that pays abroad, its amount + to us."""
    plain = {"account": PAYS_ABROAD, "currency": "USD", "code": "PMNT", "entry_ref": "R"}
    return {**plain, "direction": 1 if amount_minor > 0 else -1, "amount_minor": abs(amount_minor), **texts}


def bank_shows(home: Home, night: date, *entries: Mapping[str, object]) -> None:
    """A night whose bank statement has these entries, which no file explains: each stands on suspense."""
    file, booked = f"{night}/statement.xml", []
    rows = [{**entry, "file": file, "record": number} for number, entry in enumerate(entries, start=1)]
    for row in rows:
        sides = (SUSPENSE.at(file, row["record"]), BANK.at(row["account"]))
        amount = -row["direction"] * row["amount_minor"]
        booked.append(_entry(f"cash/{file}/{row['record']}/{night}", "cash", night, sides, amount))
    _book(home, night, booked)
    table(home, "statement_entry", night, *rows)
    tie = {"camt_file": file, "status": "UNEXPLAINED"}
    table(home, "cash_tie", night, *({**row, **tie, "entry": row["record"]} for row in rows))


def closing(
    contract: str, partner: str, amount_minor: int, night: date = NIGHT, period: str = "2010-Q4"
) -> tuple[Entry, Entry]:
    """What accrues a share, and what closes its statement."""
    share, accrued = PARTNER_SHARE.at(contract, "a_rate"), ACCRUED_SHARE.at(contract, period)
    key = f"{contract}/{period}/{partner}"
    return (
        _entry(f"accrual/{key}", "accrual", night, (share, accrued), amount_minor),
        _entry(f"close/{key}", "close", night, (accrued, DUE.at(contract, partner)), amount_minor),
    )


def _entry(key: str, kind: str, night: date, sides: tuple[str, str], amount_minor: int) -> Entry:
    postings = tuple(
        Posting(account=name, currency="USD", amount_minor=amount)
        for name, amount in zip(sides, (amount_minor, -amount_minor), strict=True)
    )
    return Entry(key=key, business_date=night, kind=kind, text="a text", postings=postings)


def with_account(
    home: Home, partner: str, account: BankAccount | None = None, by: str = "ann", and_by: str = "bea"
) -> PartnerAccount:
    """An account of a partner that is paid to from the first of December on."""
    engine = books.connect(home)
    proposed = ProposedAccount(partner=partner, currency="USD", holder=partner.title(), account=account or us_account())
    found = account_books.propose(engine, proposed, by, OPENED)
    return account_books.take_step(engine, found.account_id, AccountState.APPROVED, and_by, OPENED, date(2010, 12, 1))


def with_accounts(home: Home) -> None:
    for _, partner, _ in DUES:
        with_account(home, partner)


def proposed(home: Home, by: str = "ann", at: str = PROPOSED) -> Batch:
    (batch,) = steps.propose(home, books.connect(home), by, at).batches
    return batch


def approved(home: Home, batch: Batch, *people: str, at: str = APPROVED) -> Batch:
    for person in people:
        batch = steps.approve(books.connect(home), batch.batch_id, person, at, batch.digest)
    return batch


def released(home: Home, by: str = "cem") -> Batch:
    batch = approved(home, proposed(home), "cem", "dora")
    return steps.release(home, books.connect(home), batch.batch_id, by, RELEASED)


def balance(home: Home, prefix: str) -> int:
    """What stands on all accounts that begin so, in cents."""
    far = NIGHT + timedelta(days=900)
    return sum(one.balance_minor for one in books.balances(books.connect(home), far) if one.account.startswith(prefix))
