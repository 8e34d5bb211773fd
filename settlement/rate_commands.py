"""``settle rate``: a contract worked out over an events table, without a home and without books."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from settlement import worklist
from settlement.errors import TerminalError
from settlement.model.contract import ContractVersion
from settlement.model.dates import period_from
from settlement.model.events import LINE, Events
from settlement.rate.contract_events import kinds_named
from settlement.rate.contract_file import read_contract, versions_of
from settlement.rate.event_attributes import check_attributes
from settlement.rate.events_check import MAY_BE_CARD, read_events
from settlement.rate.worked import Worked, work_out
from settlement.reconcile.cards import is_card
from settlement.terminal import content_of, night_of, table_console, text_of

app = typer.Typer()


@app.command()
def rate(
    *,
    contract: Annotated[
        Path, typer.Option(help="A contract file, or the folder of its versions.", metavar="FILE", show_default=False)
    ],
    events: Annotated[
        Path, typer.Option(help="The events, CSV or Parquet, see docs/EVENTS.md.", metavar="FILE", show_default=False)
    ],
    as_of: Annotated[
        str, typer.Option(metavar="YYYY-MM-DD", help="What is known later is not looked at.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder for statement and lines.", metavar="DIR", show_default=False)],
    period: Annotated[
        str | None,
        typer.Option(
            metavar="P", help="Such as 2010-Q4, 2010-12, or 2010-Q1..2011-Q4; all up to --as-of where left out."
        ),
    ] = None,
) -> None:
    """Work out a contract's statements from a file of events."""
    versions = _versions(contract)
    read = read_events(events.name, content_of(_existing(events, "events")), kinds_named(versions))
    _refuse_cards(read)
    check_attributes(read, versions)
    worked = work_out(versions, read, night_of(as_of), None if period is None else _days(period))
    _write(worked, out, [events, *_files(contract)])
    _show(worked)
    for warning in worked.warnings:
        typer.echo(f"\nWarning: {warning}")
    typer.echo(f"\nThe statement, its lines and its steps are in {out}.")


def _files(contract: Path) -> list[Path]:
    return sorted(contract.glob("*.toml")) if contract.is_dir() else [contract]


def _existing(path: Path, option: str) -> Path:
    if not path.exists():
        raise TerminalError(f"--{option} {path}: there is no such file; correct the path.")
    return path


def _versions(contract: Path) -> tuple[ContractVersion, ...]:
    """The versions of one contract, in order."""
    files = _files(_existing(contract, "contract"))
    if not files:
        raise TerminalError(
            f"--contract {contract} holds no contract: name a folder with files such as 2009-01-01.toml."
        )
    found = versions_of([read_contract(str(file), text_of(file)) for file in files])
    if len(found) > 1:
        raise TerminalError(f"--contract {contract} holds {' and '.join(found)}: name the file of one of them.")
    return next(iter(found.values()))


def _days(text: str) -> tuple[date, date]:
    """The first and the last day of a period, or of a range of periods."""
    one, _, other = text.partition("..")
    try:
        first, last = period_from(one), period_from(other or one)
    except ValueError:
        raise TerminalError(
            f"--period {text} is no period: write it as the statement does, such as 2010, 2010-H2, 2010-Q4, 2010-12, "
            "2010-W52, 2010-12-C08-15, 2010-12-31 or 2010-07-01-Q2, or two of them such as 2010-Q1..2011-Q4."
        ) from None
    if last.last < first.first:
        raise TerminalError(f"--period {text} ends before it begins: write the earlier period first.")
    return first.first, last.last


def _refuse_cards(events: Events) -> None:
    """Card numbers have no place in an events table: they would stand in what is written from it."""
    for column, kind in events.rows.schema.items():
        if kind == pl.String:
            long = events.rows.filter(pl.col(column).str.contains(MAY_BE_CARD)).sort(LINE)
            cards = [line for line, text in long.select(LINE, column).iter_rows() if is_card(text)]
            # Among many long numbers some pass for a card by chance.
            if 2 * len(cards) > long.height:
                raise TerminalError(
                    f"{events.at(cards[0])}: {column} holds a card number: write a reference of your own in its place."
                )


def _write(worked: Worked, out: Path, inputs: Sequence[Path]) -> None:
    """Write the files into the folder, which may hold those of an earlier run."""
    if out.exists() and not out.is_dir():
        raise TerminalError(f"--out {out} is a file: name a folder.")
    tables = {"statement": worked.statement, "lines": worked.lines}
    targets = [out / f"{name}.{ending}" for name in tables for ending in ("csv", "parquet")]
    taken = {path.resolve() for path in inputs}
    for target in [*targets, out / "statement.json"]:
        if target.resolve() in taken:
            raise TerminalError(f"--out {out} would write over {target}, which is read: name another folder.")
    out.mkdir(parents=True, exist_ok=True)
    for target in targets:
        worklist.export(tables[target.stem], target)
    told = json.dumps(worked.steps, indent=2, ensure_ascii=False)
    (out / "statement.json").write_text(f"{told}\n", encoding="utf-8")


def _show(worked: Worked) -> None:
    """The statement as a table, a line between its days."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("as of", "period", "line", "beneficiary", "amount", "", "state", "quantities"):
        table.add_column(name, justify="right" if name == "amount" else "left", overflow="fold")
    before = None
    for row in worked.statement.iter_rows(named=True):
        if before not in (None, row["as_of"]):
            table.add_section()
        before = row["as_of"]
        names = ("period", "term", "beneficiary", "amount", "currency", "state", "quantities")
        table.add_row(str(row["as_of"]), *(escape(row[name] or "") for name in names))
    table_console().print(table)
