"""``settle keys``: the card keys of a home, a new one, and an old one that goes."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from settlement import store
from settlement.cardkey import KnownKey, add_card_key, check_value, known_keys, outside_keys, retire_card_key
from settlement.terminal import HomeOption, night_of

app = typer.Typer(help="The keys that turn card numbers into references.", no_args_is_help=True)

KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="Id of the key.", show_default=False)]
FromOption = Annotated[
    str, typer.Option("--from", metavar="YYYY-MM-DD", help="First night of the change.", show_default=False)
]


@app.command("list")
def list_keys(home: HomeOption) -> None:
    """The keys of a home: on which nights each is in use, and whether it is at hand."""
    outside = {key.key_id: check_value(key) for key in outside_keys()}
    table = Table("key", "check value", "from", "until", "at hand")
    for key in known_keys(store.open_home(home)):
        table.add_row(key.key_id, key.check, *_nights(key), _at_hand(key, outside))
    Console().print(table)


@app.command()
def add(key: KeyArgument, home: HomeOption, since: FromOption) -> None:
    """Make a key that is at hand the current one from a night on; the keys before it stay in use beside it."""
    add_card_key(store.open_home(home), key, night_of(since))
    typer.echo(f"{key} is the current card key from {since}; give it and the keys before it to every run from then on.")


@app.command()
def retire(key: KeyArgument, home: HomeOption, since: FromOption) -> None:
    """Do without a key from a night on. Cards that were met beside its successor keep their references."""
    retire_card_key(store.open_home(home), key, night_of(since))
    typer.echo(f"{key} is not used from {since}; earlier nights re-perform only where it is at hand.")


def _nights(key: KnownKey) -> tuple[str, str]:
    return "the first night" if key.since is None else str(key.since), "" if key.until is None else str(key.until)


def _at_hand(key: KnownKey, outside: dict[str, str]) -> str:
    found = outside.get(key.key_id)
    return "no" if found is None else "yes" if found == key.check else "no: another key has its id"
