"""``settle accounts``: partners' bank accounts are proposed by one person, approved by another, and closed by two."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer
from rich.table import Table

from settlement import account_books, books, store
from settlement.account_books import ProposedAccount
from settlement.books import person_of
from settlement.errors import TerminalError
from settlement.model.bank_account import AccountKind, BankAccount, Clearing, DomesticAccount, IbanAccount
from settlement.model.payout import AccountState, PartnerAccount
from settlement.model.steps import moment_from
from settlement.payout.terms import read_payout_terms
from settlement.terminal import ByOption, HomeOption, MomentOption, moment_of, table_console

app = typer.Typer(help="Partners' bank accounts: propose, approve, close, list.", no_args_is_help=True)

AccountArgument = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Id of the account.", show_default=False)]


@app.command("list")
def list_accounts(home: HomeOption) -> None:
    """All bank accounts: whose, where they stand, from when they are paid to, and who did what."""
    found = account_books.accounts(books.connect(store.open_home(home)))
    table = Table("account", "partner", "currency", "holder", "number", "state", "paid to from", "by")
    for one in found:
        by = ", ".join(f"{step.state} {step.person}" for step in one.steps)
        usable = str(one.usable_from or "")
        table.add_row(one.account_id, one.partner, one.currency, one.holder, one.shown, one.state.value, usable, by)
    table_console().print(table)
    typer.echo(f"{len(found)} bank accounts.")


@app.command()
def propose(  # noqa: PLR0917 - options of a command are given by name
    partner: Annotated[str, typer.Argument(metavar="PARTNER", help="As statements name it.", show_default=False)],
    home: HomeOption,
    by: ByOption,
    currency: Annotated[str, typer.Option(metavar="CODE", help="The currency it is paid in.", show_default=False)],
    holder: Annotated[str, typer.Option(metavar="NAME", help="Whose name stands on it.", show_default=False)],
    iban: Annotated[str | None, typer.Option(help="The IBAN.", show_default=False)] = None,
    number: Annotated[str | None, typer.Option(help="The number, where it has no IBAN.", show_default=False)] = None,
    country: Annotated[str | None, typer.Option(help="Its country (two letters).", show_default=False)] = None,
    clearing: Annotated[Clearing | None, typer.Option(help="What names its bank.", show_default=False)] = None,
    bank: Annotated[str | None, typer.Option(help="The bank's code there.", show_default=False)] = None,
    bic: Annotated[str | None, typer.Option(help="The bank's BIC.", show_default=False)] = None,
    kind: Annotated[AccountKind | None, typer.Option(help="In the United States.", show_default=False)] = None,
    at: MomentOption = None,
) -> None:
    """Propose a bank account; another person approves it."""
    account: BankAccount
    if iban is not None:
        account = IbanAccount(iban=iban.replace(" ", "").upper(), bic=bic)
    elif number is not None and country is not None:
        account = DomesticAccount(country=country, number=number, clearing=clearing, bank=bank, bic=bic, kind=kind)
    else:
        raise TerminalError("Say which account: either --iban, or --number and --country with what names its bank.")
    proposed = ProposedAccount(partner=partner, currency=currency, holder=holder, account=account)
    engine = books.connect(store.open_home(home))
    _say(account_books.propose(engine, proposed, person_of(by), moment_of(at)), "another person approves it")


@app.command()
def approve(account: AccountArgument, home: HomeOption, by: ByOption) -> None:
    """Approve a proposed account as another person; it is paid to once its cooling-off from now has passed."""
    place, moment = store.open_home(home), moment_of(None)
    days = read_payout_terms(store.read_documents(place)).cooling_off_days
    usable = moment_from(moment).date() + timedelta(days=days)
    engine = books.connect(place)
    found = account_books.take_step(engine, account, AccountState.APPROVED, person_of(by), moment, usable)
    _say(found, f"it is paid to from {usable} on")


@app.command()
def reject(account: AccountArgument, home: HomeOption, by: ByOption, at: MomentOption = None) -> None:
    """Reject a proposed account."""
    engine = books.connect(store.open_home(home))
    _say(account_books.take_step(engine, account, AccountState.REJECTED, person_of(by), moment_of(at)), "it is no more")


@app.command()
def close(account: AccountArgument, home: HomeOption, by: ByOption, at: MomentOption = None) -> None:
    """Close an account: the first person asks for it, from when on nothing is paid to it; the second confirms."""
    engine = books.connect(store.open_home(home))
    asked = account_books.one_account(engine, account).state is AccountState.CLOSING
    state = AccountState.CLOSED if asked else AccountState.CLOSING
    found = account_books.take_step(engine, account, state, person_of(by), moment_of(at))
    _say(found, "it is no more" if asked else "nothing is paid to it; another person confirms with the same command")


def _say(account: PartnerAccount, following: str) -> None:
    typer.echo(
        f"The account {account.account_id} of {account.partner} ({account.shown}, {account.currency}) is "
        f"{account.state}: {following}."
    )
