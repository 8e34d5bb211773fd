"""The page that documents every table, made from the model.

Made again with ``python -m settlement.model.tables_page > docs/TABLES.md``.
"""

from __future__ import annotations

import sys

from settlement.model.table import Table
from settlement.model.tables import TABLES

_HEAD = """# Tables

Every table is Parquet under `HOME/tables/<table>/business_date=YYYY-MM-DD/`; the partition is the night that wrote the
rows, so it is also the date from which they were known. Money is whole minor units of the currency beside it. `text?`
may be empty, `text` never is. This page is made from the model; do not edit it by hand.
"""


def tables_page() -> str:
    """The whole page as Markdown, tables in alphabetical order; candidate tables share their table's section."""
    sections = [
        _section(table)
        for name, table in sorted(TABLES.items())
        if name.removeprefix("parsed_") not in TABLES.keys() - {name}
    ]
    return _HEAD + "".join(sections)


def _section(table: Table) -> str:
    candidate = f" (as read: `parsed_{table.name}`, written by `parse`)" if f"parsed_{table.name}" in TABLES else ""
    rows = "".join(f"| `{c.name}` | {c.type}{'?' if c.nullable else ''} | {c.doc} |\n" for c in table.columns)
    return (
        f"\n## {table.name}\n\n{table.doc[0].upper()}{table.doc[1:]}. Written by `{table.stage}`{candidate}. "
        f"Key: {', '.join(f'`{name}`' for name in table.key)}.\n\n| column | type | meaning |\n|---|---|---|\n{rows}"
    )


if __name__ == "__main__":
    sys.stdout.write(tables_page())
