"""``settle restate``: what settled nights come to under the present rules, and orders to a night to come."""

from __future__ import annotations

from typing import Annotated

import typer

from settlement import books, restate_books, store
from settlement.books import person_of
from settlement.model.restatement import OrderState, RestatementOrder
from settlement.restate import order as steps
from settlement.restate.order import Asked, Tried
from settlement.restate.text import order_list, render_order
from settlement.store import Home
from settlement.terminal import (
    ByOption,
    HomeOption,
    MomentOption,
    moment_of,
    night_of,
    table_console,
    with_progress,
)

app = typer.Typer(
    help="Restatements of settled nights: try, propose, look at, approve, withdraw.", no_args_is_help=True
)

FirstOption = Annotated[str, typer.Option("--from", metavar="NIGHT", help="The first night.", show_default=False)]
LastOption = Annotated[str, typer.Option("--to", metavar="NIGHT", help="The last night.", show_default=False)]
ReasonOption = Annotated[str, typer.Option(metavar="TEXT", help="What was changed, and why.", show_default=False)]
OrderArgument = Annotated[str, typer.Argument(metavar="ORDER", help="Id of the order.", show_default=False)]


def _perform(home: Home, first: str, last: str, reason: str) -> Tried:
    asked = Asked(first_night=night_of(first), last_night=night_of(last), reason=reason)
    tried = with_progress(lambda progress: steps.perform(home, asked, progress))
    typer.echo(tried.text)
    return tried


@app.command("try")
def try_it(home: HomeOption, first: FirstOption, last: LastOption, reason: ReasonOption) -> None:
    """Show what settled nights come to under the present rules. Nothing is proposed."""
    _perform(store.open_home(home), first, last, reason)


@app.command()
def propose(  # noqa: PLR0917 - options of a command are given by name
    home: HomeOption,
    first: FirstOption,
    last: LastOption,
    reason: ReasonOption,
    into: Annotated[str, typer.Option(metavar="NIGHT", help="The night to come that makes it.", show_default=False)],
    by: ByOption,
    at: MomentOption = None,
) -> None:
    """Show what settled nights come to, and propose that the next night posts the differences."""
    place, person, moment, night = store.open_home(home), person_of(by), moment_of(at), night_of(into)
    tried = _perform(place, first, last, reason)
    if not tried.trial.nothing:
        typer.echo("")
        _say(steps.propose(place, tried, night, person, moment))


@app.command("list")
def list_orders(
    home: HomeOption, state: Annotated[OrderState | None, typer.Option(help="Only orders in this state.")] = None
) -> None:
    """All orders and where each stands."""
    found = [one for one in restate_books.orders(books.connect(store.open_home(home))) if state in {None, one.state}]
    table_console().print(order_list(found))
    typer.echo(f"{len(found)} orders.")


@app.command()
def show(order: OrderArgument, home: HomeOption) -> None:
    """One order: what it rests on, its steps, and all that it would change."""
    found = restate_books.one_order(books.connect(store.open_home(home)), order)
    typer.echo(render_order(found))
    typer.echo(f"\nNext: {steps.what_is_next(found)}.")


@app.command()
def approve(
    order: OrderArgument,
    home: HomeOption,
    by: ByOption,
    digest: Annotated[
        str, typer.Option(metavar="HEX", help="As `show` prints it: what you approve.", show_default=False)
    ],
    at: MomentOption = None,
) -> None:
    """Approve what you have seen, by its digest. Who proposed it cannot."""
    _say(steps.approve(store.open_home(home), order, person_of(by), moment_of(at), digest))


@app.command()
def withdraw(
    order: OrderArgument,
    home: HomeOption,
    by: ByOption,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why.", show_default=False)],
    at: MomentOption = None,
) -> None:
    """Withdraw an order that its night has not made yet, approved or not."""
    _say(steps.withdraw(store.open_home(home), order, person_of(by), moment_of(at), reason))


def _say(order: RestatementOrder) -> None:
    typer.echo(f"The order {order.order_id} is {order.state}: {steps.what_is_next(order)}.")
