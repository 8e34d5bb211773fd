"""``settle quarantine``: rejected records are listed, shown, repaired by one person and replayed by another."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from settlement import books, quarantine, store
from settlement import quarantine_books as sql
from settlement.errors import TerminalError
from settlement.model.layout import Layout
from settlement.parse.record_bytes import encoding_of, written_as
from settlement.quarantine_books import Case, RejectState
from settlement.store import Home
from settlement.terminal import ByOption, HomeOption

app = typer.Typer(help="Rejected records: keep, repair, replay.", no_args_is_help=True)

RejectArgument = Annotated[str, typer.Argument(metavar="REJECT", help="Id of the reject.", show_default=False)]


def _opened(home: Path) -> tuple[Home, books.Engine]:
    place = store.open_home(home)
    return place, books.connect(place)


def _wide() -> Console:
    """A console that breaks no line where nobody looks on: what is printed there is read by programs."""
    console = Console()
    return console if console.is_terminal else Console(width=400)


@app.command("list")
def list_rejects(
    home: HomeOption,
    state: Annotated[RejectState | None, typer.Option(help="Only rejects in this state.")] = None,
) -> None:
    """All rejects and where each stands."""
    _, engine = _opened(home)
    found = [case for case in sql.cases(engine) if state is None or case.state is state]
    table = Table("reject", "state", "file", "record", "reason", "field", "preview")
    for case in found:
        reject = case.reject
        row = (reject.reject_id, case.state.value, reject.file, str(reject.record))
        table.add_row(*row, reject.reason, reject.field, reject.preview)
    _wide().print(table)
    typer.echo(f"{len(found)} rejects.")


@app.command()
def show(reject: RejectArgument, home: HomeOption) -> None:
    """One reject: where it lies, why it was rejected, the record with card numbers masked, and what was done."""
    place, engine = _opened(home)
    case = quarantine.one_case(engine, reject)
    for line in _told(case):
        typer.echo(line)
    record = quarantine.shown_record(place, case)
    typer.echo(f"record    {'its bytes cannot be told apart in the file' if record is None else record}")


def _told(case: Case) -> list[str]:
    reject = case.reject
    where = "its bytes cannot be told apart"
    if reject.byte_offset is not None:
        where = f"bytes {reject.byte_offset} to {reject.byte_offset + (reject.byte_length or 0) - 1}"
    lines = [
        f"reject    {reject.reject_id}, {case.state}",
        f"file      {reject.file}, record {reject.record}, {where} (night {reject.business_date})",
        f"reason    {reject.reason} in {reject.field}: {reject.preview}",
    ]
    lines += [f"repaired  {repair.attempt}. by {repair.person}" for repair in case.repairs]
    lines += [
        f"replayed  repair {release.attempt} by {release.replayed_by} into {release.business_date} as {release.name}"
        for release in case.releases
    ]
    return [*lines, *(f"outcome   repair {outcome.attempt}: {outcome.outcome}" for outcome in case.outcomes)]


@app.command()
def repair(  # noqa: PLR0917 - options of a command are given by name
    reject: RejectArgument,
    home: HomeOption,
    by: ByOption,
    find: Annotated[str | None, typer.Option(help="What is wrong in the record, as `show` prints it.")] = None,
    put: Annotated[str | None, typer.Option(help="What stands there instead.")] = None,
    replacement: Annotated[
        Path | None, typer.Option("--with", help="File with the whole record as the sender corrected it.")
    ] = None,
) -> None:
    """Repair a record: replace a text in it, or all of it. The layout's reader must then take it."""
    if (replacement is None) == (find is None or put is None):
        raise TerminalError("Say what to change: either --find TEXT --put TEXT, or --with FILE.")
    place, engine = _opened(home)
    if replacement is not None:
        content = replacement.read_bytes()
        case = quarantine.repair(place, engine, reject, books.person_of(by), lambda _old, _layout: content)
    else:
        change = _replacing(find or "", put or "")
        case = quarantine.repair(place, engine, reject, books.person_of(by), change)
    person = case.repairs[-1].person
    typer.echo(f"Reject {reject} is repaired by {person}; another person can replay it: `settle quarantine replay`.")


def _replacing(find: str, put: str) -> quarantine.Change:
    """Replace the one place at which a text stands in a record."""

    def change(before: bytes, layout: Layout) -> bytes:
        try:
            old, new = written_as(find, before, layout), written_as(put, before, layout)
        except UnicodeEncodeError:
            raise TerminalError(
                f"What you give cannot be written in {encoding_of(layout, before)}, as the file is."
            ) from None
        count = before.count(old) if old else 0
        if count != 1:
            raise TerminalError(
                f"The text to replace stands {count} times in the record: give more of what is around it, so that it "
                "is there once."
            )
        return before.replace(old, new)

    return change


@app.command()
def replay(
    rejects: Annotated[list[str], typer.Argument(metavar="REJECT...", help="Ids.", show_default=False)],
    home: HomeOption,
    by: ByOption,
    business_date: Annotated[
        str, typer.Option("--business-date", metavar="YYYY-MM-DD", help="The night to come.", show_default=False)
    ],
) -> None:
    """Release repaired records into a night that is not landed yet. Who repaired them cannot."""
    place, engine = _opened(home)
    try:
        night = date.fromisoformat(business_date)
    except ValueError:
        raise TerminalError(f"{business_date!r} is no business date: write it as YYYY-MM-DD.") from None
    for file in quarantine.release(place, engine, rejects, books.person_of(by), night):
        typer.echo(f"{file.name} goes into the night {night}.")
