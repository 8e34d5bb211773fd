"""``settle match`` and ``settle rules``: the matcher alone, without a home."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from settlement.errors import TerminalError
from settlement.reconcile.check import check_rules, has_errors
from settlement.reconcile.explain import explain_rules
from settlement.reconcile.plan import read_bytes
from settlement.reconcile.run import load_rules, match_files
from settlement.reconcile.suggest import suggest_rules, write_suggested
from settlement.reconcile.tables import with_tables
from settlement.reconcile.wording import render_reconciled
from settlement.terminal import with_progress

app = typer.Typer()
rules_app = typer.Typer(help="Judge and read a rules file of `settle match`.", no_args_is_help=True)
app.add_typer(rules_app, name="rules")

TableOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=FILE",
        help="Read `rates`, or an alias table of a file, from this file instead of the one that the rules name.",
        show_default=False,
    ),
]


@app.command()
def match(
    left: Annotated[Path, typer.Argument(help="CSV, Parquet, Excel or Arrow IPC.", show_default=False)],
    right: Annotated[Path, typer.Argument(help="The file to match it with.", show_default=False)],
    *,
    rules: Annotated[Path, typer.Option(help="The rules, see docs/RULES.md.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for summary, matches and breaks.", show_default=False)],
    memory: Annotated[
        str | None, typer.Option(help="Stay within this memory, such as 384MB or 2GB; the result is the same.")
    ] = None,
    table: TableOption = None,
    carry: Annotated[
        Path | None, typer.Option(help="Outputs of an earlier run: its open rows take part.", show_default=False)
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="YYYY-MM-DD", help="The run's date, where rules carry rows or tell ages.", show_default=False
        ),
    ] = None,
) -> None:
    """Match any two files by a rules file, without a home."""
    most, given = read_bytes(memory) if memory is not None else None, _tables(table)
    day = _date(as_of) if as_of is not None else None
    summary = with_progress(
        lambda progress: match_files(
            left, right, rules, out, progress, memory=most, tables=given, carry=carry, as_of=day
        )
    )
    typer.echo(f"{render_reconciled(summary)}\nMatches and breaks are in {out}.")


@rules_app.command("check")
def check_rules_file(
    file: Annotated[Path, typer.Argument(help="A rules file.", show_default=False)],
    table: TableOption = None,
) -> None:
    """Find passes that can never fire, repeat or cross one another, or rest on too little; look into its tables."""
    findings = check_rules(with_tables(load_rules(file), file, _tables(table)))
    for one in findings:
        typer.echo(f"{one.level}: {one.sentence}")
    if has_errors(findings):
        raise TerminalError(f"{file.name} has passes that can never fire: mend what is told as an error.")
    typer.echo(f"{file.name}: {len(findings)} warnings, no errors.")


@rules_app.command("explain")
def explain_rules_file(file: Annotated[Path, typer.Argument(help="A rules file.", show_default=False)]) -> None:
    """Tell the rules in words, pass by pass."""
    typer.echo(explain_rules(load_rules(file)), nl=False)


@rules_app.command("suggest")
def suggest_rules_file(
    left: Annotated[Path, typer.Argument(help="CSV, Parquet, Excel or Arrow IPC.", show_default=False)],
    right: Annotated[Path, typer.Argument(help="The file to match it with.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="The rules file to write; printed where it is left out.")] = None,
) -> None:
    """Propose rules for two files from what they hold, with the evidence in numbers, to be reviewed."""
    document = suggest_rules(left, right)
    if out is None:
        typer.echo(document, nl=False)
        return
    write_suggested(document, out)
    typer.echo(f"Rules to review are in {out}; go on with `settle rules check {out}`.")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise TerminalError(f"--as-of {text!r} is no date: write it as YYYY-MM-DD.") from None


def _tables(given: list[str] | None) -> dict[str, Path]:
    """``NAME=FILE`` taken apart."""
    parts = [one.partition("=") for one in given or ()]
    for name, _, file in parts:
        if not name or not file:
            raise TerminalError(f"--table {name or '='} names no file: write NAME=FILE, such as rates=rates.csv.")
    files = {name: Path(file) for name, _, file in parts}
    if len(files) < len(parts):
        raise TerminalError("--table names one table twice: name one file for each.")
    return files
