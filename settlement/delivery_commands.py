"""``settle deliveries``: what goes to partners, where each file stands, re-sends, and acknowledgements."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from settlement import books, delivery_books, openpgp_out, store
from settlement.deliver import acknowledgements
from settlement.deliver import send as sending
from settlement.deliver.declared import declaration_of, read_declarations
from settlement.delivery_books import DeliveryState, Standing
from settlement.errors import RetryableError, SettlementError, TerminalError
from settlement.terminal import HomeOption, content_of, night_of, table_console

app = typer.Typer(help="Files that go to partners, and what partners say they have.", no_args_is_help=True)

PartnerArgument = Annotated[str, typer.Argument(metavar="PARTNER", help="Id of the partner.", show_default=False)]
SequenceArgument = Annotated[int, typer.Argument(metavar="NUMBER", help="The file's number.", show_default=False)]
NightOption = Annotated[
    str, typer.Option("--business-date", metavar="YYYY-MM-DD", help="The settled night.", show_default=False)
]
PartnerOption = Annotated[str | None, typer.Option("--partner", metavar="PARTNER", help="Only this partner.")]


@app.command("list")
def list_deliveries(
    home: HomeOption,
    partner: PartnerOption = None,
    state: Annotated[DeliveryState | None, typer.Option(help="Only files in this state.")] = None,
) -> None:
    """All files by partner and number, where each stands, and what a partner misses."""
    engine = books.connect(store.open_home(home))
    found = delivery_books.standings(engine, partner)
    table = Table("partner", "number", "night", "state", "file", "what is told of it")
    shown = [one for one in found if state is None or one.state is state]
    for one in shown:
        it = one.delivery
        told = Text(one.detail, overflow="fold")
        table.add_row(
            it.partner, it.number, str(it.business_date), one.state.value, Text(it.name, overflow="fold"), told
        )
    table_console().print(table)
    typer.echo(f"{len(shown)} files.")
    _tell_acknowledgements(engine, found)


def _tell_acknowledgements(engine: books.Engine, found: Sequence[Standing]) -> None:
    """Say what partners' last files leave open, and which of their files cannot be read."""
    for partner in sorted({one.delivery.partner for one in found}):
        told = delivery_books.acknowledgements(engine, partner)
        _tell_missed(
            acknowledgements.missed_by(
                [one for one in found if one.delivery.partner == partner],
                max((one.last_sequence or 0 for one in told), default=0),
            )
        )
        if told and told[-1].problem is not None:
            typer.echo(f"{partner}: {told[-1].name} was kept and not read, as {told[-1].problem}.")


def _tell_missed(missed: Sequence[Standing]) -> None:
    for one in missed:
        it = one.delivery
        typer.echo(
            f"{it.partner} has later files and says nothing of {it.number} ({it.name}): "
            f"`settle deliveries resend {it.partner} {it.sequence} --by NAME --reason TEXT`."
        )


@app.command()
def show(partner: PartnerArgument, number: SequenceArgument, home: HomeOption) -> None:
    """One file with all its re-sends: its bytes, its steps, who decided what."""
    engine = books.connect(store.open_home(home))
    found = [one for one in delivery_books.standings(engine, partner) if one.delivery.sequence == number]
    if not found:
        raise TerminalError(f"No file {number} was ever queued for {partner}: see `settle deliveries list`.")
    for one in found:
        for line in _told(one):
            typer.echo(line)


def _told(one: Standing) -> list[str]:
    it = one.delivery
    lines = [
        f"number    {it.number}, {one.state}",
        f"file      {it.name}, of {it.path} (night {it.business_date})",
        f"content   {it.lines} lines, sum {it.total_minor} minor units {it.currency}, SHA-256 {it.plain_sha256}",
    ]
    if it.person is not None:
        lines.append(f"decided   by {it.person}: {it.reason}")
    if one.sealed is not None:
        sealed = one.sealed
        lines.append(f"sealed    {sealed.size_bytes} bytes, SHA-256 {sealed.sha256}, for {sealed.place}")
    return [
        *lines,
        *(f"step      {e.step}. {e.state} at {e.recorded_at:%Y-%m-%d %H:%M:%S}: {e.detail}" for e in one.events),
    ]


@app.command()
def send(home: HomeOption, business_date: NightOption, partner: PartnerOption = None) -> None:
    """Send what a settled night has made for its partners, and what is left from earlier nights."""
    place, night = store.open_home(home), night_of(business_date)
    declared = read_declarations(place)
    stopped: list[tuple[str, SettlementError]] = []
    for one in sending.partners_of(place, night) if partner is None else (partner,):
        if partner is None and one not in declared:
            typer.echo(f"{one}: config/{store.DELIVERY} declares no place for it, and nothing was sent.")
            continue
        try:
            sent = sending.send(place, one, night)
        except SettlementError as error:
            # Each partner for itself: what stops one holds up no other.
            stopped.append((one, error))
            continue
        for standing in sent:
            typer.echo(f"{one}: {standing.delivery.name} is delivered, {standing.detail}.")
        if not sent:
            typer.echo(f"{one}: nothing is left to send.")
    if stopped:
        told = " ".join(f"{one}: {error}" for one, error in stopped)
        raise TerminalError(told) if any(isinstance(e, TerminalError) for _, e in stopped) else RetryableError(told)


@app.command()
def resend(
    partner: PartnerArgument,
    number: SequenceArgument,
    home: HomeOption,
    reason: Annotated[str, typer.Option(help="Why it is sent again.", show_default=False)],
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Who decides; you, if nobody is named.")
    ] = None,
) -> None:
    """Decide that a file is sent again, under its number with the next count of re-sends."""
    again = sending.resend(store.open_home(home), partner, number, by or getpass.getuser(), reason)
    typer.echo(
        f"{again.name} is queued by {again.person}: `settle deliveries send --business-date {again.business_date} "
        f"--partner {partner}` sends it."
    )


@app.command("read-ack")
def read_ack(
    partner: PartnerArgument,
    home: HomeOption,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A file; else what lies at its place.")] = None,
) -> None:
    """Read what a partner says it has: of a file, or of all that lie where they are declared to."""
    place = store.open_home(home)
    files = acknowledgements.unread(place, partner) if file is None else {file.name: content_of(file)}
    kept: list[str] = []
    for name, content in files.items():
        read = acknowledgements.read_acknowledgement(place, partner, name, content)
        if read.problem is not None:
            kept.append(f"{name} was kept and changed nothing, as {read.problem}")
            continue
        typer.echo(f"{name}: {'was read before' if read.known else f'tells of {len(read.changed)} files'}.")
        for one in read.changed:
            typer.echo(f"  {one.delivery.number} is {one.state}: {one.detail}")
        _tell_missed(read.missed)
    if not files:
        typer.echo(f"{partner}: nothing is there that was not read.")
    if kept:
        raise TerminalError(f"{'; '.join(kept)}. Ask {partner} for the file as it should be, and read that.")


@app.command()
def key(partner: PartnerArgument, home: HomeOption) -> None:
    """Print the certificate with which a partner verifies our files; the key is made where there is none."""
    signing_key = declaration_of(store.open_home(home), partner).signing_key
    made = openpgp_out.draw_signing_key(signing_key, f"Settlement, key {signing_key}")
    if made is not None:
        typer.echo(f"A signing key was made in {made}: keep it safe, and a copy of it apart.", err=True)
    certificate, fingerprint = openpgp_out.public_certificate(signing_key)
    typer.echo(certificate)
    typer.echo(f"Its fingerprint, to be told to {partner} by another way: {fingerprint}", err=True)
