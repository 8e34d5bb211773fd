"""Reference data of a home as it was known after a night."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from settlement import store
from settlement.errors import TerminalError
from settlement.history import naming_damage
from settlement.model.versions import KEYS, latest
from settlement.store import Home


@naming_damage
def known_after(home: Home, table: str, night: date) -> pl.DataFrame:
    """The rows of a reference table that held after a night, sorted by their key, with the night on which each came.

    Raises TerminalError where there is no such table of reference data.
    """
    if table not in KEYS:
        raise TerminalError(f"There is no reference data {table!r}: name one of {', '.join(KEYS)}.")
    rows, files = (store.scan_history(home, name, night + timedelta(days=1)) for name in (table, "file"))
    return latest(table, rows, files).sort(*KEYS[table]).collect()
