"""``settle``: every stage and every question, without Airflow.

Exit codes: 0 the night is settled (breaks are normal), 2 a person must act and the message says who and what,
1 a fault of the program or of the machine.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from settlement import runner, store, worklist
from settlement.errors import RetryableError, SettlementError, TerminalError
from settlement.explain import explain_line, parse_line_address, render_text
from settlement.home import create_home
from settlement.reconcile.check import check_rules, has_errors
from settlement.reconcile.explain import explain_rules
from settlement.reconcile.plan import read_bytes
from settlement.reconcile.run import load_rules, match_files
from settlement.reconcile.suggest import suggest_rules, write_suggested
from settlement.reconcile.tables import with_tables
from settlement.reconcile.wording import render_reconciled
from settlement.report.summary import render_summary
from settlement.sample.generate import generate
from settlement.stages import STAGES

_T = TypeVar("_T")

PERSON_MUST_ACT: Final = 2
PROGRAM_FAULT: Final = 1
STOPPED: Final = 130
_MOST_NAMED: Final = 12

app = typer.Typer(
    help="Settle co-branded and affinity cards: from landed files to partners' money, with evidence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

rules_app = typer.Typer(help="Judge and read a rules file of `settle match`.", no_args_is_help=True)
app.add_typer(rules_app, name="rules")

HomeOption = Annotated[Path, typer.Option("--home", help="The settlement home.", show_default=False)]
DateOption = Annotated[
    str, typer.Option("--business-date", metavar="YYYY-MM-DD", help="The night.", show_default=False)
]
TableOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=FILE",
        help="Read `rates`, or an alias table of a file, from this file instead of the one that the rules name.",
        show_default=False,
    ),
]


def main() -> None:
    """Run the command line and leave with its exit code; a user never sees a traceback."""
    try:
        code = app(standalone_mode=False)
    except typer.Exit as leaving:
        code = leaving.exit_code
    except KeyboardInterrupt:
        code = STOPPED
    except TerminalError as error:
        code = _say(str(error), PERSON_MUST_ACT)
    except (RetryableError, SettlementError) as error:
        code = _say(f"{error} Run the same command again.", PROGRAM_FAULT)
    except OSError as error:
        why = f"{error.strerror} ({error.filename})" if error.filename else error.strerror or str(error)
        code = _say(f"The machine refused: {why}. Mend that and run again.", PROGRAM_FAULT)
    except Exception as error:  # noqa: BLE001 - the last door: what gets here is a fault of the program
        code = _usage_or_fault(error)
    if code == STOPPED:
        # The command line's library turns an interrupt into this code without a word.
        _say("Stopped. Run the same command again: it goes on where it was.", STOPPED)
    sys.exit(code or 0)


def _usage_or_fault(error: Exception) -> int:
    """A mistake in the command's words is the user's to mend; anything else is ours."""
    message = getattr(error, "format_message", None)
    if message is not None:
        return _say(f"{message()} See `settle --help`.", PERSON_MUST_ACT)
    if os.environ.get("SETTLEMENT_TRACEBACK"):
        traceback.print_exception(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return _say(
        f"A fault of the program: {type(error).__name__} at {Path(place.filename).name}:{place.lineno}. Nothing was "
        "published half. Run again with SETTLEMENT_TRACEBACK=1 and report what it prints.",
        PROGRAM_FAULT,
    )


def _say(sentence: str, code: int) -> int:
    sys.stderr.write(f"settle: {sentence}\n")
    return code


def _night(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise TerminalError(f"{text!r} is no business date: write it as YYYY-MM-DD.") from None


@app.command()
def init(
    home: Annotated[Path, typer.Argument(help="Folder of the new home.", show_default=False)],
    source: Annotated[
        Path | None, typer.Option("--from", help="Copy the delivery folders (one per date) of this folder.")
    ] = None,
) -> None:
    """Create a home: configuration, card key check, and deliveries copied from elsewhere."""
    created = create_home(home, source)
    if created:
        typer.echo(f"A card key was created in {created}: keep it safe, card references depend on it.")
    nights = store.delivery_dates(store.open_home(home))
    typer.echo(
        f"{home} is ready with {len(nights)} delivered nights" + (f", {nights[0]} to {nights[-1]}." if nights else ".")
    )


@app.command()
def sample(
    target: Annotated[Path, typer.Argument(help="Folder to write to.", show_default=False)],
    nights: Annotated[int, typer.Option(min=1, max=400, help="Nights to make.")] = 3,
    rows: Annotated[int, typer.Option(min=50, help="Card transactions a night.")] = 2000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 7,
) -> None:
    """Make coherent nights in real formats with planted, known faults and their truth."""
    generate(target, nights=nights, rows=rows, seed=seed, progress=lambda line: typer.echo(line, err=True))
    typer.echo(f"{nights} nights are in {target}; go on with `settle init HOME --from {target}`.")


@app.command()
def run(
    home: HomeOption,
    business_date: DateOption,
    until: Annotated[str, typer.Option(help="Stop after this stage.")] = STAGES[-1].name,
) -> None:
    """Settle one night. Running it again, or twice at once, changes nothing."""
    place, night = store.open_home(home), _night(business_date)
    _with_progress(lambda progress: runner.run_night(place, night, progress, until))
    if until == STAGES[-1].name:
        typer.echo(render_summary(runner.night_summary(place, night)))


@app.command()
def digest(home: HomeOption, business_date: DateOption) -> None:
    """Print the books digest of a night: journal so far and outgoing files."""
    typer.echo(runner.books_digest(store.open_home(home), _night(business_date)))


@app.command()
def verify(home: HomeOption, business_date: DateOption) -> None:
    """Re-perform a night from its originals in a scratch place and compare with what stands."""
    place, night = store.open_home(home), _night(business_date)
    result = _with_progress(lambda progress: runner.verify_night(place, night, progress))
    if result.differing or result.standing != result.performed:
        shown = ", ".join(result.differing[:_MOST_NAMED]) or "the books"
        more = f" and {len(result.differing) - _MOST_NAMED} more" if len(result.differing) > _MOST_NAMED else ""
        changed = "" if result.same_configuration else " The configuration is not the one the night was settled with."
        raise TerminalError(
            f"The night {night} does not re-perform: {shown}{more} differ (books digest {result.standing} stands, "
            f"{result.performed} re-performed).{changed} Find out who changed the home or its configuration."
        )
    typer.echo(f"{night} re-performs to the same books digest {result.performed}.")


@app.command()
def breaks(  # noqa: PLR0917 - options of a command are given by name
    out: Annotated[Path | None, typer.Argument(help="An output folder of `settle match`, in place of a night.")] = None,
    home: Annotated[Path | None, typer.Option(help="The settlement home.", show_default=False)] = None,
    business_date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The night.", show_default=False)
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Only this reason.")] = None,
    leg: Annotated[str | None, typer.Option(help="Only this leg.")] = None,
    side: Annotated[str | None, typer.Option(help="Only this side.")] = None,
    nearest: Annotated[str | None, typer.Option(help="Only where the nearest record failed this condition.")] = None,
    age_bucket: Annotated[str | None, typer.Option(help="Only this age bucket, such as 4-7.")] = None,
    state: Annotated[str | None, typer.Option(help="Only open or only expired items.")] = None,
    least_age: Annotated[int | None, typer.Option(min=0, help="Only what is open for so many days or more.")] = None,
    text: Annotated[str | None, typer.Option(help="Only where card, merchant, id or note holds this text.")] = None,
    group: Annotated[bool, typer.Option("--group", help="Count and sum by leg, reason and currency.")] = False,
    by: Annotated[str | None, typer.Option(metavar="COLUMN,...", help="Count and sum by these columns.")] = None,
    export: Annotated[Path | None, typer.Option(help="Write the rows to this file, .csv or .parquet.")] = None,
) -> None:
    """List what is open: reason, age, source record, amount, and the record that came closest."""
    wanted = worklist.Wanted(
        reason=reason,
        leg=leg,
        side=side,
        nearest_condition=nearest,
        age_bucket=age_bucket,
        state=state,
        least_age=least_age,
        text=text,
    )
    usual, buckets = worklist.FOLDER_GROUPS, tuple[str, ...]()
    if out is not None and home is None and business_date is None:
        rows = worklist.breaks_of_folder(out)
    elif out is None and home is not None and business_date is not None:
        place = store.open_home(home)
        rows = worklist.breaks_of_night(place, _night(business_date))
        usual, buckets = worklist.NIGHT_GROUPS, worklist.buckets_of(place)
    else:
        raise TerminalError(
            "Name either a night with --home and --business-date, or an output folder of `settle match`."
        )
    rows = worklist.narrowed(rows, wanted)
    if group or by is not None:
        rows = worklist.grouped(rows, usual if by is None else [name.strip() for name in by.split(",")], buckets)
    if export is None:
        typer.echo(worklist.rendered(rows))
        return
    worklist.export(rows, export)
    typer.echo(f"{rows.height} rows are in {export}.")


@app.command()
def explain(
    line: Annotated[
        str, typer.Argument(metavar="PAYOUT-LINE", help="CONTRACT/PERIOD/TERM[/BENEFICIARY]", show_default=False)
    ],
    home: HomeOption,
    business_date: DateOption,
    every: Annotated[bool, typer.Option("--all", help="Show every contribution.")] = False,
) -> None:
    """Walk from an amount to its clause, quantities, matches and source records."""
    place, night = store.open_home(home), _night(business_date)
    runner.require_settled(place, night, "rate")
    address = parse_line_address(line)
    typer.echo(render_text(explain_line(place, night, address), limit=None if every else 20))


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
    summary = _with_progress(
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


def _with_progress(work: Callable[[runner.Progress], _T]) -> _T:
    """Do the work with a line that shows the stage and its units; plain lines where no terminal looks on."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:10}"), BarColumn(30), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
                if not console.is_terminal:
                    sys.stderr.write(f"{stage} ...\n")
            bar.update(tasks[stage], completed=done, total=total)

        return work(show)
