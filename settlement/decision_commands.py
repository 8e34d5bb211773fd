"""``settle decisions``: what banks told and no rule books is decided by two persons."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from settlement import books, decision_books, store
from settlement.books import person_of
from settlement.model.decision import Decision, Meaning, subject_of
from settlement.payout import decisions as steps
from settlement.payout.decisions import Proposed
from settlement.terminal import ByOption, HomeOption, MomentOption, moment_of, table_console

app = typer.Typer(
    help="What banks told and no rule books: see, propose what it means, approve, withdraw.", no_args_is_help=True
)

DecisionArgument = Annotated[str, typer.Argument(metavar="DECISION", help="Id of the decision.", show_default=False)]


@app.command("open")
def list_open(home: HomeOption) -> None:
    """What waits for a decision: entries of bank statements and answers."""
    place = store.open_home(home)
    found = steps.waiting(place, books.connect(place))
    table = Table("subject", "amount", "why it waits")
    for one in found:
        table.add_row(Text(one.subject), one.amount, Text(one.why))
    table_console().print(table)
    typer.echo(f"{len(found)} wait for a decision.")


@app.command()
def propose(  # noqa: PLR0917 - options of a command are given by name
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="As `open` names it.", show_default=False)],
    home: HomeOption,
    means: Annotated[Meaning, typer.Option(help="What it means.", show_default=False)],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why.", show_default=False)],
    by: ByOption,
    payment: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A payment or batch; once or more.", show_default=False)
    ] = None,
    amount: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="So much of one payment.", show_default=False)
    ] = None,
    against: Annotated[
        str | None, typer.Option(metavar="SUBJECT", help="The entry that it is set off by.", show_default=False)
    ] = None,
    at: MomentOption = None,
) -> None:
    """Say what a bank entry or an answer means. Another person approves it, and only then it is booked."""
    place = store.open_home(home)
    said = Proposed(
        subject=subject,
        meaning=means,
        reason=reason,
        payments=tuple(payment or ()),
        amount=amount,
        against=against,
    )
    _say(steps.propose(place, books.connect(place), said, person_of(by), moment_of(at)))


@app.command("list")
def list_decisions(home: HomeOption) -> None:
    """All decisions and where each stands."""
    found = decision_books.decisions(books.connect(store.open_home(home)))
    table = Table("decision", "state", "subject", "means", "payments", "reason")
    for one in found:
        names = ", ".join(name for name, _ in one.payments)
        table.add_row(one.decision_id, one.state, Text(one.subject), one.meaning, names, Text(one.reason))
    table_console().print(table)
    typer.echo(f"{len(found)} decisions.")


@app.command()
def show(decision: DecisionArgument, home: HomeOption) -> None:
    """One decision: what it is about, what it means, its digest and its steps."""
    one = decision_books.one_decision(books.connect(store.open_home(home)), decision)
    lines = [
        f"decision     {one.decision_id}, {one.state}",
        f"about        {one.subject}{f' and {subject_of(one.other, None)}' if one.other else ''}",
        f"means        {one.meaning}",
        *(f"payment      {name} with {amount} minor units" for name, amount in one.payments),
        *([f"charge       {one.fee_minor} minor units of the bank"] if one.fee_minor else []),
        f"reason       {one.reason}",
        f"digest       {one.digest}",
        *(
            f"{step.state:13}{step.moment} by {step.person}{f' ({step.note})' if step.note else ''}"
            for step in one.steps
        ),
        f"next         {steps.what_is_next(one)}",
    ]
    for line in lines:
        typer.echo(line)


@app.command()
def approve(
    decision: DecisionArgument,
    home: HomeOption,
    by: ByOption,
    digest: Annotated[
        str, typer.Option(metavar="HEX", help="As `show` prints it: what you approve.", show_default=False)
    ],
    at: MomentOption = None,
) -> None:
    """Approve what you have seen, by its digest, and book it. Who proposed it cannot."""
    place = store.open_home(home)
    _say(steps.approve(place, books.connect(place), decision, person_of(by), moment_of(at), digest))


@app.command()
def withdraw(
    decision: DecisionArgument,
    home: HomeOption,
    by: ByOption,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why.", show_default=False)],
    at: MomentOption = None,
) -> None:
    """Withdraw a decision that is not approved."""
    engine = books.connect(store.open_home(home))
    _say(steps.withdraw(engine, decision, person_of(by), moment_of(at), reason))


def _say(decision: Decision) -> None:
    typer.echo(f"The decision {decision.decision_id} is {decision.state}: {steps.what_is_next(decision)}.")
