"""``settle contract diff`` and ``settle contract simulate``: what a contract would have given. Nothing is posted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from settlement import store, worklist
from settlement.errors import TerminalError
from settlement.model.contract import ContractVersion
from settlement.model.dates import Calendar, PeriodKind
from settlement.rate.contract_file import contract_version, read_content
from settlement.rate.stated import PayoutRow
from settlement.terminal import HomeOption, night_of, text_of
from settlement.whatif.changed import with_changes
from settlement.whatif.difference import changes
from settlement.whatif.outcome import (
    HomeFacts,
    as_rows,
    compared,
    from_the_first,
    known_after,
    statements,
    totals_by_month,
    within,
)
from settlement.whatif.page import WhatIfPage, drawing, render_page
from settlement.whatif.text import render_changes, render_chart, render_table

app = typer.Typer()

FromOption = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="YYYY-MM-DD", help="First day; the first night where it is left out.", show_default=False
    ),
]
ToOption = Annotated[
    str | None,
    typer.Option("--to", metavar="YYYY-MM-DD", help="Last day; all that is known where left out.", show_default=False),
]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="YYYY-MM-DD",
        help="As known after this night; the latest where left out.",
        show_default=False,
    ),
]
ByOption = Annotated[
    PeriodKind | None,
    typer.Option(help="Add shorter periods up; the contract's own periods where left out.", show_default=False),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        help="Write it to this file: a page (.html), the chart (.svg) or the table (.csv, .parquet).",
        show_default=False,
    ),
]
File = Annotated[Path, typer.Argument(help="A contract file, named by its effective date.", show_default=False)]


@app.command()
def diff(
    before: File,
    after: File,
    *,
    home: Annotated[
        Path | None, typer.Option(help="Compare what both give over the nights of this home.", show_default=False)
    ] = None,
    since: FromOption = None,
    until: ToOption = None,
    as_of: AsOfOption = None,
    by: ByOption = None,
    out: OutOption = None,
) -> None:
    """What changes between two contract files: in words by clause, and with a home in money over its nights."""
    one, other = (contract_version(str(path), read_content(str(path), _text(path))) for path in (before, after))
    told = changes(one.contract, other.contract)
    typer.echo(render_changes(told))
    if home is None:
        return
    typer.echo("")
    if one.contract.currency != other.contract.currency:
        raise TerminalError(
            f"{before} is in {one.contract.currency} and {after} in {other.contract.currency}: what they give is not "
            "set beside one another; compare them without --home."
        )
    asked = _Asked(home=home, since=since, until=until, as_of=as_of, by=by, out=out)
    _tell([("before", one), ("after", other)], asked, f"{one.contract.id}: {after} in place of {before}")


@app.command()
def simulate(
    file: File,
    home: HomeOption,
    *,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Such as own_store_rate.rate=0.0035.", show_default=False),
    ] = None,
    since: FromOption = None,
    until: ToOption = None,
    as_of: AsOfOption = None,
    by: ByOption = None,
    out: OutOption = None,
) -> None:
    """What a contract would have given over past nights, with other values where some are set."""
    content = read_content(str(file), _text(file))
    standing = contract_version(str(file), content)
    sides = [("as it is", standing)]
    title = f"{standing.contract.id}: {file}"
    if values:
        sides = [("as it is", standing), ("changed", with_changes(str(file), content, values))]
        title += f" with {', '.join(values)}"
    _tell(sides, _Asked(home=home, since=since, until=until, as_of=as_of, by=by, out=out), title)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Over which nights, as known when, told how."""

    home: Path
    since: str | None
    until: str | None
    as_of: str | None
    by: PeriodKind | None
    out: Path | None


def _tell(sides: Sequence[tuple[str, ContractVersion]], asked: _Asked, title: str) -> None:
    """Print the table and the chart of one contract, or of two beside one another; write them where that is asked."""
    known = known_after(store.open_home(asked.home), None if asked.as_of is None else night_of(asked.as_of))
    facts = known.now
    first = facts.first_night if asked.since is None else night_of(asked.since)
    last = facts.day if asked.until is None else night_of(asked.until)
    if last < first:
        raise TerminalError(f"--from {first} lies after --to {last}: write the earlier day as --from.")
    given = {name: _within(version, known, first, last) for name, version in sides}
    rows = [*given.values()]
    lines = compared(rows[0], rows[-1], _spans(asked.by, sides[0][1].contract.calendar))
    if not lines:
        raise TerminalError(
            f"No period from {first} to {last} is known: the nights are {facts.first_night} to {facts.day}."
        )
    currency = sides[0][1].contract.currency
    series = {name: totals_by_month(found) for name, found in given.items()}
    told = f"As known after {facts.day}. Nothing is posted."
    both = len(sides) > 1
    typer.echo(f"{title}\n{told}\n\n{render_table(lines, both=both)}\n\n{render_chart(series, currency)}")
    if asked.out is not None:
        page = WhatIfPage(title=title, known=told, lines=tuple(lines), both=both, series=series, currency=currency)
        _write(page, asked.out)
        typer.echo(f"\nIt is in {asked.out}.")


def _spans(by: PeriodKind | None, calendar: Calendar) -> Calendar | None:
    """Spans of a kind, in the contract's own years; cycles are those of the contract."""
    if by is PeriodKind.CYCLE and not calendar.cycle_days:
        raise TerminalError("--by cycle: the contract has no cycles of a month; write month, quarter or year.")
    return None if by is None else replace(calendar, kind=by)


def _within(version: ContractVersion, known: HomeFacts, first: date, last: date) -> list[PayoutRow]:
    return within(statements(from_the_first(version, known.now), known), first, last)


def _write(page: WhatIfPage, target: Path) -> None:
    match target.suffix.lower():
        case ".html":
            target.write_text(render_page(page), encoding="utf-8")
        case ".svg":
            target.write_text(drawing(page), encoding="utf-8")
        case ".csv" | ".parquet":
            worklist.export(as_rows(page.lines, both=page.both), target)
        case _:
            raise TerminalError(f"{target.name} says no format: end its name in .html, .svg, .csv or .parquet.")


def _text(path: Path) -> str:
    if not path.exists():
        raise TerminalError(f"{path} is no contract file: name one such as contracts/harbor-retail/2009-01-01.toml.")
    return text_of(path)
