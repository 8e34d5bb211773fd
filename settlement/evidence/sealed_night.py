"""A night that was performed again, compared with the digests that seals hold of it."""

from __future__ import annotations

from datetime import date
from typing import Final

from settlement import books
from settlement.evidence.rows import books_table, noted_after, table_rows
from settlement.evidence.seal import record_digest
from settlement.evidence.verify_books import read_seal

_PERFORMED: Final = ("entry", "stage_file")
"""Tables whose rows a night makes again; a commit row tells when it was written."""


def compare_with_seals(standing: books.Engine, performed: books.Engine, business_date: date) -> tuple[int, list[str]]:
    """How many entries and files of a night are sealed, and those that were performed to something else, by name."""
    sealed = _sealed_digests(standing, business_date)
    with books.transaction(performed) as connection:
        records = noted_after(connection, 0)
    mine = {
        (record.table, record.key): record_digest(record)
        for record in records
        if record.table in _PERFORMED and record.row["business_date"] == business_date.isoformat()
    }
    both = mine.keys() & sealed.keys()
    names = {"entry": "sealed entry {}", "stage_file": "sealed file {}"}
    unlike = sorted(name for name in both if mine[name] != sealed[name])
    return len(both), [names[table].format(key.rpartition("\t")[2]) for table, key in unlike]


def _sealed_digests(engine: books.Engine, business_date: date) -> dict[tuple[str, str], str]:
    """The digests of entries and files that seals hold from that of a night on, by table and key.

    A night that was not ended is sealed by the next one.
    """
    with books.transaction(engine) as connection:
        seals = table_rows(connection, books_table(connection, "seal"))
    contents = (row["content"] or "" for row in seals if (row["business_date"] or "") >= business_date.isoformat())
    rows = (row for content in contents for row in read_seal(content).rows)
    return {(table, key): sha256 for _, table, key, sha256 in rows if table in _PERFORMED}
