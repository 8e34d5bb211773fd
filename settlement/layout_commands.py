"""``settle layout``: propose a layout from a sample file, and try one on a file before a night depends on it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Final

import polars as pl
import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from settlement.errors import TerminalError
from settlement.parse.propose.layout import Proposed, propose
from settlement.parse.tried import Tried, complaints, try_layout
from settlement.terminal import content_of, table_console, text_of

app = typer.Typer()
layout_app = typer.Typer(help="Describe a partner's file as data: propose a layout, try one.", no_args_is_help=True)
app.add_typer(layout_app, name="layout")

_WIDTH: Final = 100
_COLUMNS_SHOWN: Final = 8
_OF_LINES: Final = frozenset({"delimited", "fixed_width", "json_lines"})
_BAR: Final = 40


@layout_app.command("infer")
def infer_layout(
    file: Annotated[Path, typer.Argument(help="A sample: CSV, fixed width, Excel, Parquet or JSON lines.")],
    out: Annotated[Path | None, typer.Option(help="The layout to write; printed where it is left out.")] = None,
) -> None:
    """Propose a layout from a sample file, with the evidence for each choice, to be reviewed."""
    proposed = propose(file.name, content_of(file))
    if out is None:
        typer.echo(proposed.toml, nl=False)
        return
    if out.exists():
        raise TerminalError(f"{out} exists: name another file, or remove it first.")
    out.write_text(proposed.toml, encoding="utf-8")
    _show_proposed(table_console(), proposed, file, out)


@layout_app.command("check")
def check_layout(
    layout: Annotated[Path, typer.Argument(help="A layout (TOML).", show_default=False)],
    file: Annotated[Path, typer.Argument(help="A file that it is to read.", show_default=False)],
    *,
    rows: Annotated[int, typer.Option(min=0, help="Rows of each table to show.")] = 5,
    day: Annotated[
        str | None,
        typer.Option("--date", metavar="YYYY-MM-DD", help="The business date, where neither name nor header tells it."),
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="Complaints to show.")] = 50,
) -> None:
    """Try a layout on a file: the first rows, the totals, and every complaint with its place."""
    document = text_of(layout)
    content = content_of(file)
    if not content:
        raise TerminalError(f"{file.name} is empty: give a file with some lines of data.")
    given = None if day is None else _day(day)
    tried = try_layout(document, layout.name, file.name, content, day=given, most=rows)
    _show_tried(table_console(), tried, file, most)
    wrong = [total.control for total in tried.parsed.controls if not total.agrees]
    if tried.parsed.fault is not None:
        raise TerminalError(f"{file.name}: {tried.parsed.detail or tried.parsed.fault}")
    if wrong:
        raise TerminalError(f"{file.name}: the total {wrong[0]} does not re-add: a night leaves the file out.")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise TerminalError(f"--date {text!r} is no date: write it as YYYY-MM-DD.") from None


def _show_proposed(console: Console, proposed: Proposed, file: Path, out: Path) -> None:
    sample = proposed.sample
    console.print(f"[bold]{escape(file.name)}[/bold] is {_of_format(sample.format)} with {proposed.lines} data lines.")
    for key, value, evidence in sample.spec:
        told = "tab" if value == "\t" else value
        console.print(f"  {escape(f'{key} = {told}')}  [dim]{escape(evidence)}[/dim]")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("Field", overflow="fold")
    table.add_column("Looks like")
    table.add_column("Because", style="dim", overflow="fold")
    for guess in proposed.guesses:
        told = guess.role.replace("_", " ") + (f" {guess.form}" if guess.form else "")
        table.add_row(escape(guess.name), escape(told), escape(guess.evidence))
    console.print()
    console.print(table)
    console.print()
    places = "1 place needs" if proposed.reviews == 1 else f"{proposed.reviews} places need"
    console.print(f"{places} a person (REVIEW). The layout is in {escape(str(out))}; go on with:")
    console.print(f"  settle layout check {escape(str(out))} {escape(str(file))}", soft_wrap=True)


def _of_format(name: str) -> str:
    words = {"fixed_width": "a fixed-width file", "json_lines": "a file of JSON lines", "parquet": "a Parquet file"}
    return words.get(name, f"a {name} file" if name != "workbook" else "a workbook")


def _show_tried(console: Console, tried: Tried, file: Path, most: int) -> None:
    parsed, layout = tried.parsed, tried.layout
    where = f"[bold]{escape(file.name)}[/bold] by the layout [bold]{escape(layout.layout)}[/bold]"
    facts = [f"sender {parsed.sender}", f"business date {parsed.file_date}", f"id {parsed.internal_id or 'none'}"]
    console.print(f"{where}: {escape(', '.join(facts))}")
    if not tried.named:
        console.print(
            f"[yellow]A night would not take it for this layout:[/yellow] its name fits none of "
            f"{escape(', '.join(layout.names))}"
        )
    if parsed.fault is not None:
        return
    heights = [f"{tried.heights[table]} {table}" for table in sorted(tried.heights)]
    console.print(f"{parsed.records} records: {', '.join(heights) or 'nothing'}")
    _show_bytes(console, tried)
    for table, rows in tried.rows.items():
        if table != "reject" and rows.height:
            _show_rows(console, table, rows, tried.heights[table])
    _show_totals(console, tried)
    _show_complaints(console, tried, most)


def _show_bytes(console: Console, tried: Tried) -> None:
    """Where the bytes went, as a bar and in numbers."""
    count = tried.parsed.bytes
    if count is None:
        return
    parts = [("accepted", count.accepted, "green"), ("rejected", count.rejected, "red")]
    parts += [("control", count.control, "cyan"), ("padding", count.padding, "dim")]
    whole = sum(size for _, size, _ in parts)
    filled = [(name, size, color, max(1, round(_BAR * size / whole))) for name, size, color in parts if size]
    bar = "".join(f"[{color}]{'█' * width}[/{color}]" for _, _, color, width in filled)
    told = ", ".join(f"[{color}]{size} {name}[/{color}]" for name, size, color, _ in filled)
    console.print(f"{bar} {whole} bytes: {told}")


def _show_rows(console: Console, name: str, rows: pl.DataFrame, height: int) -> None:
    """The first rows, each as a block of names and values where they have more columns than a screen takes."""
    told = f"first {rows.height} of {height}" if rows.height < height else f"all {height}"
    table = _table(console, f"{name} ({told})")
    if rows.width <= _COLUMNS_SHOWN:
        for column in rows.columns:
            table.add_column(column, justify="right" if rows.schema[column].is_numeric() else "left", overflow="fold")
        for row in rows.rows():
            table.add_row(*(_cell(value) for value in row))
    else:
        # Rows of many columns lie on their side: a column of the table below is one row of the file.
        table.add_column("column", style="dim")
        for record in rows["record"]:
            table.add_column(f"record {record}", overflow="fold")
        for column in rows.columns:
            if column != "record":
                table.add_row(column, *(_cell(value) for value in rows[column]))
    console.print(table)


def _table(console: Console, title: str) -> Table:
    """A table below its title, which may be wider than it."""
    console.print(f"\n[bold]{title}[/bold]")
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)


def _cell(value: object) -> str:
    return "" if value is None else escape(str(value))


def _show_totals(console: Console, tried: Tried) -> None:
    table = _table(console, "totals")
    for heading in ("total", "the file declares", "its lines give", ""):
        table.add_column(heading, justify="left" if heading in {"total", ""} else "right")
    for total in tried.parsed.controls:
        told = "" if total.declared is None else str(total.declared)
        verdict = "[dim]not declared[/dim]" if total.declared is None else "[green]agrees[/green]"
        table.add_row(
            escape(total.control),
            told,
            str(total.computed),
            verdict if total.agrees else "[red]differs[/red]",
        )
    console.print(table)
    if tried.layout.format in _OF_LINES and all(total.declared is None for total in tried.parsed.controls):
        console.print(
            "[yellow]No total of the file says how much it holds:[/yellow] one that was cut at the end of a line "
            "cannot be told from a whole one. Where the sender writes a count or a sum, declare it as a control."
        )


def _show_complaints(console: Console, tried: Tried, most: int) -> None:
    found = complaints(tried)
    if not found:
        console.print("\n[green]No complaints.[/green]")
        return
    console.print(f"\n[red]{len(found)} {'complaint' if len(found) == 1 else 'complaints'}[/red]")
    for record, reason, field, preview in found[:most]:
        console.print(f"  record {record}: {reason} in {escape(field)}: {escape(preview) or 'empty'}", soft_wrap=True)
    if len(found) > most:
        console.print(f"  and {len(found) - most} more (--most {len(found)} shows them)")
