r"""What is handed to somebody who looks at the books without this program: the books as text, files, and the checker.

    seals.jsonl         one seal a line, in order
    keys.json           the primary key of each table
    books/<table>.csv   all rows of each table of the books: journal (entry), posting, stage_run, stage_file, ...
    trial_balance.csv   the trial balance of each night, from its table
    ledger.csv          what the ledgers of contracts come to after each night, from its table
    files/config/       the configuration
    files/out/          what was made for partners
    verify_books.py     the checker

In CSV no value is ``\N``; backslashes, tabs and ends of lines are led by a backslash. Bytes are told by their digest:
what is encrypted in quarantine does not leave the books. Tables, originals and reports stay in the home.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Final

from settlement import books, store
from settlement.errors import TerminalError
from settlement.evidence import verify_books
from settlement.evidence.rows import books_tables, table_rows
from settlement.evidence.verify_books import Books, Found
from settlement.model.tables import TABLES
from settlement.store import Home

_EXPORTED: Final = ("trial_balance", "ledger")
"""Tables of nights that the checker holds the journal against; it reads no Parquet."""


def read_books(home: Home) -> Books:
    """All that the books hold, as of one moment. Raises TerminalError where they are damaged."""
    engine = books.connect(home)
    if engine.url.drivername.startswith("sqlite"):
        try:
            return verify_books.sqlite_books(Path(engine.url.database or ""))
        except verify_books.DAMAGED as error:
            raise TerminalError(f"The books cannot be read ({error}): restore them from backup.") from None
    with books.reached(), engine.connect() as connection:
        connection.execution_options(isolation_level="REPEATABLE READ")
        tables = books_tables(connection)
        rows = {name: table_rows(connection, table) for name, table in tables.items()}
    keys = {name: [column.name for column in table.primary_key] for name, table in tables.items()}
    return Books(tables=rows, keys=keys)


def check_home(home: Home, head: str | None = None) -> Found:
    """Look at all seals, the rows and files they hold, without doing a night again; ``head`` must be in the chain."""
    found = Found()
    verify_books.check_all(read_books(home), found, home.root, head=head)
    return found


def write_folder(home: Home, target: Path) -> None:
    """Write an evidence folder; the same books and files give the same bytes.

    Raises TerminalError where ``target`` holds something.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise TerminalError(f"{target} is not empty: name a new folder for the evidence.")
    (target / "books").mkdir(parents=True)
    read = read_books(home)
    keys = {name: key for name, key in sorted(read.keys.items()) if name != "alembic_version"}
    (target / "keys.json").write_text(json.dumps(keys, indent=1) + "\n", encoding="utf-8")
    for name, key in keys.items():
        rows = sorted(read.tables[name], key=lambda row: [_order(row[column]) for column in key])
        if name == "seal":
            lines = (json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows)
            (target / "seals.jsonl").write_text("".join(lines), encoding="utf-8")
        else:
            columns = list(rows[0]) if rows else key
            _write_csv(target / "books" / f"{name}.csv", columns, ([_written(row[c]) for c in columns] for row in rows))
    booked = {row["business_date"] for row in read.rows("stage_run") if row["stage"] == "post"}
    for name in _EXPORTED:
        _write_table(home, name, booked, target / f"{name}.csv")
    for folder in ("config", "out"):
        if (home.root / folder).is_dir():
            shutil.copytree(home.root / folder, target / "files" / folder)
    shutil.copyfile(verify_books.__file__, target / "verify_books.py")


def _order(text: str | None) -> tuple[int, str]:
    """Numbers by their size, texts by their letters."""
    told = text or ""
    return (len(told), told) if told.isdecimal() else (0, told)


def _written(text: str | None) -> str:
    # A carriage return would end a row for those who read CSV.
    return r"\N" if text is None else books.escaped(text).replace("\r", r"\r")


def _write_table(home: Home, name: str, booked: Collection[str | None], path: Path) -> None:
    """Rows of nights that are booked: what a run has left that died before its commit counts for nothing."""
    nights = [night for night in store.nights_of(home, name) if night.isoformat() in booked]
    columns = ["business_date", *TABLES[name].schema.names()]
    rows = store.scan_nights(home, name, nights).select(columns).sort("business_date", *TABLES[name].key).collect()
    _write_csv(path, columns, ([_written(_text(value)) for value in row] for row in rows.iter_rows()))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as writer:
        lines = csv.writer(writer, lineterminator="\n")
        lines.writerow(columns)
        lines.writerows(rows)


def last_seal(home: Home) -> str | None:
    """The last seal as it is noted elsewhere; None where there is none."""
    seals = sorted(read_books(home).rows("seal"), key=lambda row: int(row["number"]))
    return "seal {number} of {business_date}: {sha256}".format(**seals[-1]) if seals else None
