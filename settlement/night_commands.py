"""The commands that settle nights and answer questions about them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Final

import typer

from settlement import originals, reperform, runner, store, worklist
from settlement.errors import TerminalError
from settlement.evidence.folder import check_home
from settlement.evidence.verify_books import told
from settlement.explain import SHOWN, booked, booked_text, explain_line, parse_line_address, render_text
from settlement.home import create_home
from settlement.model.stage import Bounds
from settlement.reconcile.plan import read_bytes
from settlement.reference import known_after
from settlement.report.summary import render_summary
from settlement.sample.generate import generate
from settlement.stages import STAGES
from settlement.terminal import HomeOption, night_of, with_progress

_MOST_NAMED: Final = 12

app = typer.Typer()

DateOption = Annotated[
    str, typer.Option("--business-date", metavar="YYYY-MM-DD", help="The night.", show_default=False)
]


@app.command()
def init(
    home: Annotated[Path, typer.Argument(help="Folder of the new home.", show_default=False)],
    source: Annotated[
        Path | None, typer.Option("--from", help="Copy the delivery folders (one per date) of this folder.")
    ] = None,
) -> None:
    """Create a home: configuration, card key check, and deliveries copied from elsewhere."""
    created = create_home(home, source)
    for sentence in created.told():
        typer.echo(sentence)
    nights = originals.delivery_dates(store.open_home(home))
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
    memory: Annotated[
        str | None, typer.Option(help="Read files within this memory, such as 1GB; the result is the same.")
    ] = None,
) -> None:
    """Settle one night. Running it again, or twice at once, changes nothing."""
    place, night = store.open_home(home), night_of(business_date)
    bounds = Bounds(memory=None if memory is None else read_bytes(memory))
    with_progress(lambda progress: runner.run_night(place, night, progress, until, bounds))
    if until == STAGES[-1].name:
        typer.echo(render_summary(runner.night_summary(place, night)))


@app.command()
def digest(home: HomeOption, business_date: DateOption) -> None:
    """Print the books digest of a night: journal so far and outgoing files."""
    typer.echo(runner.books_digest(store.open_home(home), night_of(business_date)))


@app.command()
def verify(
    home: HomeOption,
    business_date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The night to perform again.", show_default=False)
    ] = None,
    chain: Annotated[
        bool, typer.Option("--chain", help="Look at all seals and what they hold; perform nothing again.")
    ] = False,
    head: Annotated[
        str | None, typer.Option(metavar="SHA256", help="A seal noted earlier, which must be in the chain.")
    ] = None,
) -> None:
    """Re-perform a night from its originals in a scratch place, or look at the chain of seals over all nights."""
    place = store.open_home(home)
    if business_date is None and not chain:
        raise TerminalError("Name the night with --business-date, or look at all of them with --chain.")
    if chain or head is not None:
        _verify_chain(place, head)
    if business_date is not None:
        _verify_night(place, night_of(business_date))


def _verify_chain(place: store.Home, head: str | None) -> None:
    found = check_home(place, head)
    typer.echo(told(found), nl=False)
    if found.problems:
        first = " ".join(str(found.problems[0]).split())
        raise TerminalError(
            f"What was sealed does not hold, places: {len(found.problems)}, first {first}. "
            "Find out who changed it, and restore it from backup."
        )


def _verify_night(place: store.Home, night: date) -> None:
    result = with_progress(lambda progress: reperform.verify_night(place, night, progress))
    if result.differing or result.standing != result.performed:
        shown = ", ".join(result.differing[:_MOST_NAMED]) or "the books"
        more = f" and {len(result.differing) - _MOST_NAMED} more" if len(result.differing) > _MOST_NAMED else ""
        changed = "" if result.same_configuration else " The configuration is not the one the night was settled with."
        raise TerminalError(
            f"The night {night} does not re-perform: {shown}{more} differ (books digest {result.standing} stands, "
            f"{result.performed} re-performed).{changed} Find out who changed the home or its configuration."
        )
    typer.echo(f"{night} re-performs to the same books digest {result.performed}.")
    typer.echo(
        f"{result.sealed} entries and files are those of the seals."
        if result.sealed
        else "No seal holds this night yet: the next night that ends seals it."
    )


@app.command()
def known(
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="Such as store, enrolment or fx_rate.", show_default=False)
    ],
    home: HomeOption,
    business_date: DateOption,
) -> None:
    """Print reference data as it was known after a night, as CSV: what came later does not change it."""
    typer.echo(known_after(store.open_home(home), table, night_of(business_date)).write_csv(), nl=False)


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
        rows = worklist.breaks_of_night(place, night_of(business_date))
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
    """Walk from an amount to its clause, quantities, matches and source records, and to its entries in the books."""
    place, night = store.open_home(home), night_of(business_date)
    runner.require_settled(place, night, "rate")
    address = parse_line_address(line)
    limit = None if every else SHOWN
    explanation = explain_line(place, night, address, limit=limit)
    typer.echo(render_text(explanation, limit=limit))
    typer.echo(f"\n{booked_text(booked(place, night, explanation), limit)}")
