"""What a table is: columns with a meaning, the stage that writes it, and its key.

Stages never import each other; they meet in the tables. A table lives as Parquet under
``HOME/tables/<table>/business_date=YYYY-MM-DD/`` and a partition holds what the night of that date
wrote, so the partition date is the date on which the row became known.

Types are few on purpose: ``text``, ``int`` (64 bit), ``date``, ``time`` (a local date-time in whole
seconds without zone) and ``flag``. Money is an ``int`` of minor units whose column ends in ``_minor``;
its currency stands in the column ``currency`` unless the column's text says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import polars as pl
import pyarrow as pa

_POLARS: Final[dict[str, pl.DataType]] = {
    "text": pl.String(),
    "int": pl.Int64(),
    "date": pl.Date(),
    "time": pl.Datetime("ms"),
    "flag": pl.Boolean(),
}
_ARROW: Final[dict[str, pa.DataType]] = {
    "text": pa.large_string(),
    "int": pa.int64(),
    "date": pa.date32(),
    "time": pa.timestamp("ms"),
    "flag": pa.bool_(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: its name, one of the five types, whether it may be empty, and what it holds."""

    name: str
    type: str
    doc: str
    nullable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table: the stage that writes it, what a row is, its unique key and its columns."""

    name: str
    stage: str
    doc: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pl.Schema:
        """The Polars schema, in column order."""
        return pl.Schema({column.name: _POLARS[column.type] for column in self.columns})

    @property
    def arrow_schema(self) -> pa.Schema:
        """The Arrow schema, in column order, with the nullability and the text of each field."""
        return pa.schema(
            [pa.field(c.name, _ARROW[c.type], nullable=c.nullable, metadata={"doc": c.doc}) for c in self.columns]
        )

    def ascends(self, rows: pl.DataFrame) -> bool:
        """Whether the rows stand in the order of the key and no key is there twice. Only key columns are looked at."""
        if rows.height <= 1:
            return True
        # The file of a part is one, as a rule, and numbers are compared faster than texts.
        several = [name for name in self.key if not rows[name].eq_missing(rows[name][0]).all()]
        after: pl.Expr = pl.lit(value=False)
        for name in reversed(several):
            now, before = pl.col(name), pl.col(name).shift()
            after = (now > before) | ((now == before) & after)
        return bool(several) and bool(rows.select(after.slice(1).fill_null(value=False).all()).item())

    def empty(self) -> pl.DataFrame:
        """A frame of this table without rows."""
        return _empty(self).clone()


@cache
def _empty(table: Table) -> pl.DataFrame:
    return pl.DataFrame(schema=table.schema)


def read_columns(text: str) -> tuple[Column, ...]:
    """Read the column lists below: ``name type doc`` a line, ``type?`` for a column that may be empty."""
    found = []
    for line in filter(None, text.splitlines()):
        name, type_, doc = line.split(maxsplit=2)
        found.append(Column(name=name, type=type_.rstrip("?"), doc=doc, nullable=type_.endswith("?")))
    return tuple(found)
