"""``settle evidence``: what an auditor takes along, and the digest that is noted elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from settlement import store
from settlement.evidence.folder import last_seal, write_folder
from settlement.terminal import HomeOption

app = typer.Typer(help="Evidence over the books, for whoever looks at them elsewhere.", no_args_is_help=True)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.", show_default=False)], home: HomeOption
) -> None:
    """Write the seals, the books as CSV, partners' files and a checker that needs only Python."""
    write_folder(store.open_home(home), folder)
    typer.echo(f"The evidence is in {folder}: look at it with `python3 {folder}/verify_books.py {folder}`.")


@app.command()
def head(home: HomeOption) -> None:
    """Print the last seal. Note it where nobody of this house can change it: it fixes all nights before."""
    typer.echo(last_seal(store.open_home(home)) or "There is no seal yet: the first night that ends makes one.")
