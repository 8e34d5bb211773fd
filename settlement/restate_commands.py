"""``settle restate``: what settled nights come to under the present rules and contracts."""

from __future__ import annotations

from typing import Annotated

import typer

from settlement import store
from settlement.errors import TerminalError
from settlement.restate.text import render_trial
from settlement.restate.trial import attempt, nights_from
from settlement.terminal import HomeOption, night_of, with_progress

app = typer.Typer()


@app.command()
def restate(
    home: HomeOption,
    first: Annotated[str, typer.Option("--from", metavar="NIGHT", help="The first night.", show_default=False)],
    last: Annotated[str, typer.Option("--to", metavar="NIGHT", help="The last night.", show_default=False)],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="What was changed, and why.", show_default=False)],
) -> None:
    """Perform nights again from their landed bytes under the present rules, and show what would change."""
    if not reason.strip():
        raise TerminalError("Say what was changed, and why: --reason TEXT.")
    place = store.open_home(home)
    nights = nights_from(place, night_of(first), night_of(last))
    trial = with_progress(lambda progress: attempt(place, nights, progress))
    typer.echo(render_trial(trial, reason.strip()))
