"""``settle contract``: check a contract file before a night depends on it, and show what it says in plain words."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from settlement import account_books, books, store
from settlement.errors import TerminalError
from settlement.model.contract import ContractVersion
from settlement.model.contract_told import ContractTold
from settlement.payout.orders import account_of, unusable
from settlement.rate.contract_cases import Case, cases
from settlement.rate.contract_file import read_contract
from settlement.rate.contract_places import lines_of
from settlement.rate.contract_problems import Problem, examine
from settlement.rate.contract_prose import told
from settlement.rate.contract_words import nearest
from settlement.report.contract_page import contract_html, contract_markdown
from settlement.terminal import table_console, text_of

app = typer.Typer()


@app.command("check")
def check_contract(
    file: Annotated[Path, typer.Argument(help="A contract (TOML), named by its first day.", show_default=False)],
    *,
    home: Annotated[
        Path | None, typer.Option(help="A home, whose bank accounts of the beneficiaries are looked at.")
    ] = None,
    show_cases: Annotated[bool, typer.Option("--cases/--no-cases", help="Print the boundary cases.")] = True,
) -> None:
    """Find everything that is wrong with a contract file, run its examples, and print its boundary cases."""
    text = text_of(file)
    examined = examine(file.name, text)
    console = table_console()
    lines = text.splitlines()
    for problem in examined.problems:
        _show_problem(console, problem, lines, "[red]problem[/red]")
    warnings = list(examined.warnings)
    if examined.version is not None:
        warnings += _of_programme(examined.version, file, text)
        warnings += _of_accounts(examined.version, home, text) if home is not None else ()
    for problem in warnings:
        _show_problem(console, problem, lines, "[yellow]warning[/yellow]")
    if examined.version is None:
        raise TerminalError(f"{file}: {_count(len(examined.problems), 'problem')}; mend what is told above.")
    contract = examined.version.contract
    parts = [_count(len(contract.terms), "term"), _count(len(contract.examples), "example") + " as worked out"]
    console.print(
        f"[green]{escape(contract.id)}[/green] holds from {examined.version.effective}: {', '.join(parts)}, "
        f"{_count(len(warnings), 'warning')}."
    )
    if show_cases:
        _show_cases(console, cases(examined.version))


@app.command("show")
def show_contract(
    file: Annotated[Path, typer.Argument(help="A contract (TOML), named by its first day.", show_default=False)],
    *,
    html: Annotated[Path | None, typer.Option(help="A page to write, for screen and print.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="A Markdown page to write.")] = None,
) -> None:
    """Tell a contract in plain words beside its quoted clauses, with the order of application and the examples."""
    page = told(read_contract(file.name, text_of(file)))
    written = [path for path in (html, markdown) if path is not None]
    for path in written:
        if path.resolve() == file.resolve():
            raise TerminalError(f"{path} is the contract itself: name another file to write.")
    if html is not None:
        html.write_bytes(contract_html(page))
    if markdown is not None:
        markdown.write_text(contract_markdown(page), encoding="utf-8")
    console = table_console()
    if written:
        console.print(f"{escape(page.id)} is told in {escape(' and '.join(map(str, written)))}.", soft_wrap=True)
    else:
        _show_told(console, page)


def _of_programme(version: ContractVersion, file: Path, text: str) -> list[Problem]:
    """What does not fit the programme's configuration, where the file stands in one: its programme and its currency."""
    folders = file.resolve().parents
    beside = [folder / "programme.toml" for folder in folders[1:3] if (folder / "programme.toml").is_file()]
    if not beside:
        return []
    known = {entry.get("id"): entry for entry in tomllib.loads(text_of(beside[0])).get("programme", [])}
    contract = version.contract
    if contract.programme not in known:
        instead = nearest(contract.programme, list(known))
        sentence = f"programme: `{contract.programme}` is no programme of {beside[0].name}; {instead}"
        return [Problem(line=lines_of(text).get(("programme",)), sentence=sentence)]
    currency = known[contract.programme].get("currency", contract.currency)
    if currency != contract.currency and not contract.exchange_dates:
        cards = f"the cards of programme {contract.programme} are in {currency}"
        sentence = f"currency: {cards}, the contract in {contract.currency}; one of the two is wrong."
        return [Problem(line=lines_of(text).get(("currency",)), sentence=sentence)]
    return []


def _of_accounts(version: ContractVersion, home: Path, text: str) -> list[Problem]:
    """Beneficiaries that the home's books know no bank account of to pay to, in the currency that they are paid in."""
    known = account_books.accounts(books.connect(store.open_home(home)))
    currency = version.contract.paid_in
    found = []
    for number, beneficiary in enumerate(version.contract.beneficiaries):
        # A cooling-off ends by itself: an account that is approved will be paid to.
        why = unusable(account_of(known, beneficiary.id, currency), date.max)
        if why:
            sentence = f"beneficiary {beneficiary.id}: it cannot be paid in {currency}: {why}"
            found.append(Problem(line=lines_of(text).get(("beneficiaries", number, "id")), sentence=sentence))
    return found


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


def _show_problem(console: Console, problem: Problem, lines: list[str], heading: str) -> None:
    """The sentence, and below it the line of the file that it is about."""
    place = "" if problem.line is None else f" in line {problem.line}"
    console.print(f"{heading}{place}: {escape(problem.sentence)}", soft_wrap=True)
    if problem.line is not None and problem.line <= len(lines):
        console.print(f"  [dim]{problem.line:>4} |[/dim] {escape(lines[problem.line - 1])}", soft_wrap=True)
    console.print()


def _show_cases(console: Console, found: list[Case]) -> None:
    console.print("\n[bold]Boundary cases[/bold] to compare with the prose of the agreement; what is not given is 0")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("clause")
    table.add_column("name", overflow="fold")
    table.add_column("given", overflow="fold")
    table.add_column("gives", justify="right", overflow="fold")
    before: tuple[str, str] | None = None
    for case in found:
        name = (case.clause, case.name)
        shown = name if name != before else ("", "")
        table.add_row(*(escape(cell) for cell in (*shown, case.given, case.gives)))
        before = name
    console.print(table)


def _show_told(console: Console, page: ContractTold) -> None:
    console.print(f"[bold]{escape(page.title)}[/bold] ({escape(page.id)}), in force from {page.effective}")
    for party in page.parties:
        console.print(f"  [dim]{escape(party.name)}[/dim] {escape(party.sentence)}")
    for article in page.articles:
        console.print(f"\n[bold]Clause {escape(article.clause)}[/bold]")
        table = Table(box=box.SIMPLE, show_header=False, pad_edge=False, show_edge=False)
        table.add_column("quoted", ratio=5, style="italic", overflow="fold")
        table.add_column("said", ratio=6, overflow="fold")
        said = "\n".join(f"[bold]{escape(one.name)}[/bold]: {escape(one.sentence)}" for one in article.said)
        table.add_row(escape(article.quoted), said)
        console.print(table)
    console.print("\n[bold]Order of application[/bold]")
    for number, step in enumerate(page.order, start=1):
        console.print(f"  {number}. [bold]{step.name}[/bold]: {escape(step.sentence)}")
    console.print("\n[bold]Examples[/bold], worked out whenever the file is read")
    for one in page.worked:
        console.print(
            f"  clause {escape(one.clause)}, {escape(one.text)}: {escape(one.given)} gives {escape(one.gives)}"
        )
