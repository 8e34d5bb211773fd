"""``settle restate``: what settled nights come to under the present rules and contracts."""

from __future__ import annotations

from typing import Annotated

import typer

from settlement import store
from settlement.errors import TerminalError
from settlement.restate import order
from settlement.restate.order import Asked
from settlement.terminal import HomeOption, night_of, with_progress

app = typer.Typer()


@app.command()
def restate(  # noqa: PLR0917 - options of a command are given by name
    home: HomeOption,
    first: Annotated[str, typer.Option("--from", metavar="NIGHT", help="The first night.", show_default=False)],
    last: Annotated[str, typer.Option("--to", metavar="NIGHT", help="The last night.", show_default=False)],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="What was changed, and why.", show_default=False)],
    only_try: Annotated[bool, typer.Option("--try", help="Show what would change, and order nothing.")] = False,
    into: Annotated[
        str | None, typer.Option(metavar="NIGHT", help="The night to come that posts it.", show_default=False)
    ] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who orders it.", show_default=False)] = None,
) -> None:
    """Show what settled nights come to under the present rules, and have a night to come post the differences."""
    if only_try == (into is not None and by is not None):
        raise TerminalError("Write --try to see what would change, or --into NIGHT --by NAME to have a night post it.")
    place = store.open_home(home)
    asked = Asked(
        first_night=night_of(first),
        last_night=night_of(last),
        reason=reason,
        into=None if into is None else night_of(into),
        person=by,
    )
    typer.echo(with_progress(lambda progress: order.restate(place, asked, progress)))
