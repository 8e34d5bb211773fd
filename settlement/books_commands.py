"""``settle books``: the chart of accounts, the trial balance, and what stands open on clearing accounts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from settlement import store
from settlement.balances import OpenItem, open_items, trial_balance
from settlement.books import Balance
from settlement.evidence.ledger import LedgerFormat, export_ledger
from settlement.model.accounts import CHART
from settlement.model.money import to_major
from settlement.terminal import HomeOption, night_of, table_console

app = typer.Typer(help="The books: chart of accounts, trial balance, open items.", no_args_is_help=True)


@app.command("accounts")
def chart() -> None:
    """The chart of accounts: each kind of account, what stands on it, and on which side."""
    table = Table("account", "what stands on it", "normal side")
    for kind in CHART:
        table.add_row(Text(kind.path), Text(kind.holds.replace("**", "").replace("`", "")), kind.normal.value)
    table_console().print(table)


@app.command()
def balance(
    home: HomeOption,
    account: Annotated[str, typer.Option(metavar="PREFIX", help="Only accounts that begin so.")] = "",
    until: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="As of this night; the last one if it is not named.")
    ] = None,
) -> None:
    """The trial balance, and each clearing or suspense account that is not zero with the item that explains it."""
    place = store.open_home(home)
    night, found = trial_balance(place, None if until is None else night_of(until), account)
    console = table_console()
    console.print(_balance_table(found))
    _say_sums(console, found, whole=not account)
    _show_items(console, open_items(place, night, found))
    typer.echo(f"As of the night {night}.")


def _balance_table(found: Sequence[Balance]) -> Table:
    table = Table("account", "currency")
    for column in ("debit", "credit", "balance"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in found:
        amounts = (one.debit_minor, one.credit_minor, one.balance_minor)
        table.add_row(
            Text(one.account, overflow="fold"), one.currency, *(to_major(amount, one.currency) for amount in amounts)
        )
    return table


def _say_sums(console: Console, found: Sequence[Balance], *, whole: bool) -> None:
    for currency in sorted({one.currency for one in found}):
        mine = [one for one in found if one.currency == currency]
        debit, credit = sum(one.debit_minor for one in mine), sum(one.credit_minor for one in mine)
        told = f"{currency}: debits {to_major(debit, currency)}, credits {to_major(credit, currency)}"
        even = "." if not whole else ", equal." if debit == credit else ", NOT EQUAL: restore the books from backup."
        console.print(Text(told + even))


def _show_items(console: Console, items: Sequence[OpenItem]) -> None:
    if not items:
        return
    table = Table("open on", "currency", title="Clearing and suspense accounts that are not zero", title_justify="left")
    table.add_column("balance", justify="right", no_wrap=True)
    table.add_column("days", justify="right")
    table.add_column("why")
    for item in items:
        one = item.balance
        why = item.text if item.item is not None else f"NOT EXPLAINED: {item.text}."
        table.add_row(
            Text(one.account, overflow="fold"),
            one.currency,
            to_major(one.balance_minor, one.currency),
            str(item.age_days),
            Text(why),
        )
    console.print(table)
    unexplained = sum(item.item is None for item in items)
    console.print(f"{len(items)} open, {unexplained} of them not explained.")


@app.command()
def export(
    home: HomeOption,
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="The first night.", show_default=False)],
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="The last night.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The file to write.", show_default=False)],
    form: Annotated[LedgerFormat, typer.Option("--format", help="What the general ledger reads.")] = LedgerFormat.CSV,
) -> None:
    """Write the journal of some nights for a general ledger, with control totals at its end."""
    content = export_ledger(store.open_home(home), night_of(first), night_of(last), form)
    out.write_bytes(content)
    typer.echo(f"The journal of {first} to {last} is in {out} ({len(content)} bytes).")
