"""``settle payouts``: batches are proposed, looked at, approved by others, released and sent, and answers are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from settlement import books, payout_books, store
from settlement.books import person_of
from settlement.errors import TerminalError
from settlement.model.payout import Batch, BatchState, Effect
from settlement.payout import cash, conservation, replies, steps
from settlement.payout.text import batch_lines, batch_list, cash_table, left_table, status_table
from settlement.terminal import ByOption, HomeOption, MomentOption, content_of, moment_of, table_console

app = typer.Typer(
    help="Payouts: propose, look at, approve, release, send, read the bank's answers.", no_args_is_help=True
)

BatchArgument = Annotated[str, typer.Argument(metavar="BATCH", help="Id of the batch.", show_default=False)]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.", show_default=False)]


def _engine(home: Path) -> books.Engine:
    return books.connect(store.open_home(home))


@app.command()
def propose(home: HomeOption, by: ByOption, at: MomentOption = None) -> None:
    """Propose what is due and can be paid; leaves with 2 where nothing can."""
    place = store.open_home(home)
    found = steps.propose(place, books.connect(place), person_of(by), moment_of(at))
    console = table_console()
    if found.batches:
        console.print(batch_list(found.batches))
        _warn(place, found.batches)
    if found.left:
        typer.echo("Left, and still due:")
        console.print(left_table(found.left))
    if not found.batches:
        raise TerminalError(
            f"Nothing was proposed: {found.left[0].partner}: {found.left[0].why}"
            if found.left
            else "Nothing was proposed: all that is due is in a batch already, `settle payouts list` shows them."
        )
    typer.echo("Another person looks at each with `settle payouts show BATCH` and approves or rejects it.")


@app.command("list")
def list_batches(
    home: HomeOption, state: Annotated[BatchState | None, typer.Option(help="Only batches in this state.")] = None
) -> None:
    """All batches and where each stands."""
    found = [batch for batch in payout_books.batches(_engine(home)) if state in {None, batch.state}]
    table_console().print(batch_list(found))
    typer.echo(f"{len(found)} batches.")


@app.command()
def show(batch: BatchArgument, home: HomeOption) -> None:
    """One batch: partners, amounts, change against the payout before, checks, statements, steps, what is next."""
    engine = _engine(home)
    found = payout_books.one_batch(engine, batch)
    before = steps.paid_before(found, payout_books.batches(engine))
    table_console().print(*batch_lines(found, before, steps.what_is_next(found)), sep="\n")
    _warn(store.open_home(home), [found])


def _warn(home: store.Home, batches: Iterable[Batch]) -> None:
    warnings = [steps.calendar_warning(home, books.connect(home), batch) for batch in batches]
    for warning in filter(None, warnings):
        typer.echo(f"Warning: {warning}")


@app.command()
def approve(
    batch: BatchArgument,
    home: HomeOption,
    by: ByOption,
    digest: Annotated[
        str, typer.Option(metavar="HEX", help="As `show` prints it: what you approve.", show_default=False)
    ],
    at: MomentOption = None,
) -> None:
    """Approve what you have seen, by its digest. Who proposed it cannot."""
    _say(steps.approve(_engine(home), batch, person_of(by), moment_of(at), digest))


@app.command()
def reject(batch: BatchArgument, home: HomeOption, by: ByOption, reason: ReasonOption, at: MomentOption = None) -> None:
    """Reject a batch that is not released; what it would have paid stays due."""
    _say(steps.reject(_engine(home), batch, person_of(by), moment_of(at), reason))


@app.command()
def override(
    batch: BatchArgument, home: HomeOption, by: ByOption, reason: ReasonOption, at: MomentOption = None
) -> None:
    """Let a batch go although a check fails: the word of two persons, with their reasons, where that is declared."""
    found = steps.override(_engine(home), batch, person_of(by), moment_of(at), reason)
    typer.echo(
        f"{len(found.last_overrides)} of 2 persons let {batch} go although {len(steps.failing(found))} checks fail."
    )


@app.command()
def look(batch: BatchArgument, home: HomeOption, by: ByOption, at: MomentOption = None) -> None:
    """Check a batch once more, such as when its night is judged by now; what else is found nobody has overridden."""
    place = store.open_home(home)
    found = steps.look(place, books.connect(place), batch, person_of(by), moment_of(at))
    typer.echo(f"{len(steps.failing(found))} of {len(found.last_checks)} checks of {batch} fail.")


@app.command()
def release(batch: BatchArgument, home: HomeOption, by: ByOption, at: MomentOption = None) -> None:
    """Release an approved batch: its entry and file are made once, and the file is put into the outbox."""
    place = store.open_home(home)
    _say(steps.release(place, books.connect(place), batch, person_of(by), moment_of(at)))


@app.command()
def send(batch: BatchArgument, home: HomeOption, by: ByOption, at: MomentOption = None) -> None:
    """Put the file of a released batch into the outbox, where that did not succeed before."""
    place = store.open_home(home)
    _say(steps.send(place, books.connect(place), batch, person_of(by), moment_of(at)))


def _say(batch: Batch) -> None:
    typer.echo(f"The batch {batch.batch_id} is {batch.state}: {steps.what_is_next(batch)}.")


@app.command()
def read(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="pain.002, camt.054, NACHA.", show_default=False)
    ],
    home: HomeOption,
    by: ByOption,
    at: MomentOption = None,
) -> None:
    """Read what a bank answers; leaves with 2 where a person must look at something."""
    place, to_look_at = store.open_home(home), 0
    engine = books.connect(place)
    for file in files:
        told = replies.read(place, engine, file.name, content_of(file), person_of(by), moment_of(at))
        typer.echo(f"{file.name}{' was read before, nothing is done twice' if told.again else ''}:")
        table_console().print(status_table(told.statuses))
        for note in told.notes:
            typer.echo(f"{note[0].upper()}{note[1:]}.")
        wanting = {status.line for status in told.statuses if status.effect is Effect.TO_LOOK_AT}
        to_look_at += len(wanting - told.decided)
    if to_look_at:
        raise TerminalError(
            f"{to_look_at} of what the bank tells moved nothing and wants two persons: it is in the table, and `settle "
            "decisions open` lists it."
        )


@app.command()
def tie(home: HomeOption, by: ByOption, at: MomentOption = None) -> None:
    """Take what bank statements show of payments off suspense; leaves with 2 where a person must look at an entry."""
    place = store.open_home(home)
    found = cash.tie(place, books.connect(place), person_of(by), moment_of(at))
    if found:
        table_console().print(cash_table(found))
    left = [one for one in found if one.why]
    typer.echo(f"{len(found) - len(left)} bank entries taken, {len(left)} left on suspense.")
    for one in left:
        if not one.waits:
            where = f"Entry {one.entry.entry} of {one.entry.statement}"
            raise TerminalError(f"{where} stays on suspense: {one.why}; `settle decisions` books what persons decide.")


@app.command()
def check(home: HomeOption) -> None:
    """Whether what is earned stands where it must: paid, in transit, carried, held, due. Leaves with 2 where not."""
    engine = _engine(home)
    found, broken = conservation.standing(engine), conservation.broken(engine)
    for one in found:
        typer.echo(conservation.told(one))
    _refuse(broken)
    typer.echo("Every statement, payment and minor unit is accounted for.")


def _refuse(broken: Sequence[str]) -> None:
    if broken:
        raise TerminalError(f"{broken[0]}{f' And {len(broken) - 1} more.' if broken[1:] else ''}")
