"""``settle close``: the periods of all contracts, what keeps one from being signed, and its two signatures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from settlement import store
from settlement.books import person_of
from settlement.close import desk
from settlement.close.checks import checklist, state_of
from settlement.close.page import render_page
from settlement.close.periods import PeriodState, period_named, periods
from settlement.close.scene import read_scene
from settlement.close.text import render_checks, render_close, render_list
from settlement.close.told import told_of
from settlement.close_books import Note
from settlement.errors import TerminalError
from settlement.terminal import ByOption, HomeOption

app = typer.Typer(help="Close contract periods: list, show, check, sign.", no_args_is_help=True)

ContractArgument = Annotated[str, typer.Argument(metavar="CONTRACT", show_default=False)]
PeriodArgument = Annotated[str, typer.Argument(metavar="PERIOD", help="Such as 2010-Q4.", show_default=False)]


@app.command("list")
def list_periods(
    home: HomeOption,
    contract: Annotated[str | None, typer.Option(help="Only this contract.", show_default=False)] = None,
    state: Annotated[
        PeriodState | None, typer.Option(help="Only periods that stand there.", show_default=False)
    ] = None,
) -> None:
    """Which periods of which contracts are open, due, closed, blocked and certified."""
    scene = read_scene(store.open_home(home))
    found = [(one, state_of(scene, one)) for one in periods(scene) if contract in (None, one.contract)]
    typer.echo(render_list([(one, where) for one, where in found if state in (None, where)]))


@app.command()
def show(
    contract: ContractArgument,
    period: PeriodArgument,
    home: HomeOption,
    out: Annotated[Path | None, typer.Option(help="Write the page to this file (.html).", show_default=False)] = None,
) -> None:
    """Everything on one period: statement, accruals, adjustments with their reasons, entries, what is carried."""
    scene = read_scene(store.open_home(home))
    told = told_of(scene, period_named(scene, contract, period))
    if out is None:
        typer.echo(render_close(told))
        return
    if out.suffix.lower() != ".html":
        raise TerminalError(f"{out} is no page: write its name so that it ends in .html.")
    out.write_text(render_page(told), encoding="utf-8")
    typer.echo(f"It is in {out}.")


@app.command()
def check(contract: ContractArgument, period: PeriodArgument, home: HomeOption) -> None:
    """The checklist of one period; leaves with 2 where something blocks."""
    scene = read_scene(store.open_home(home))
    one = period_named(scene, contract, period)
    checks = checklist(scene, one)
    typer.echo(render_checks(checks))
    desk.require_signable(one, checks)


@app.command()
def note(  # noqa: PLR0917 - options of a command are given by name
    contract: ContractArgument,
    period: PeriodArgument,
    check_name: Annotated[str, typer.Argument(metavar="CHECK", help="feeds, accounts or breaks.", show_default=False)],
    subject: Annotated[str, typer.Argument(metavar="ITEM", help="As `check` names it.", show_default=False)],
    home: HomeOption,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why it may stand.", show_default=False)],
    by: ByOption,
) -> None:
    """Waive a feed, or say why an account or a break may still be open."""
    word = Note(
        contract=contract,
        period=period,
        check_name=check_name,
        subject=subject,
        reason=reason.strip(),
        person=person_of(by),
    )
    desk.note(store.open_home(home), word)
    typer.echo(f"{check_name} {subject} of {contract} {period} may stand: {word.reason} ({word.person}).")


@app.command()
def prepare(contract: ContractArgument, period: PeriodArgument, home: HomeOption, by: ByOption) -> None:
    """Sign a period whose checklist holds, as its first person."""
    signed = desk.prepare(store.open_home(home), contract, period, person_of(by))
    typer.echo(
        f"{contract} {period} is prepared by {signed.prepared_by}; another person reviews it: `settle close review`."
    )


@app.command()
def review(contract: ContractArgument, period: PeriodArgument, home: HomeOption, by: ByOption) -> None:
    """Sign a prepared period as its second person. Who prepared it cannot."""
    signed = desk.review(store.open_home(home), contract, period, person_of(by))
    typer.echo(
        f"{contract} {period} is certified: statement {signed.statement_sha256}, reviewed by {signed.reviewed_by}."
    )
