"""Tables for partners: Parquet and workbooks by a declared layout, the same bytes for the same rows."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import polars as pl
import xlsxwriter

from settlement.errors import TerminalError
from settlement.model.money import exponent
from settlement.pay.outgoing_layout import OutgoingField, OutgoingLayout, Tag
from settlement.pay.outgoing_text import as_text, in_major, neutral

_MAJOR: Final = pl.Decimal(38, 4)
"""Major units of any currency: none has more than four decimals."""
_PARQUET: Final[Mapping[str, pl.DataType]] = {
    "text": pl.String(),
    "minor": pl.Int64(),
    "number": pl.Int64(),
    "major": _MAJOR,
    "date": pl.Date(),
}
_MOST_ROWS: Final = 1_048_576
"""Rows of a sheet."""
_EXACT_DIGITS: Final = 15
"""Digits of a number that a sheet keeps; a longer one is written as text."""


def parquet(rows: pl.DataFrame, layout: OutgoingLayout) -> bytes:
    """One column for each heading, one row for each line; money in major units is a decimal.

    ``rows`` are all lines in order, as in ``settlement.pay.outgoing_text.written``.
    """
    names: dict[str, str] = {}
    for fields in layout.lines.values():
        names |= {field.name: field.kind for field in fields}
    columns = [
        pl.coalesce(
            pl.when(pl.col("tag") == tag).then(_typed(field))
            for tag, fields in layout.lines.items()
            for field in fields
            if field.name == name
        )
        .cast(_PARQUET[kind])
        .alias(name)
        for name, kind in names.items()
    ]
    out = io.BytesIO()
    rows.filter(pl.col("tag").is_in(list(layout.lines))).select(columns).write_parquet(out, compression="zstd")
    return out.getvalue()


def _typed(field: OutgoingField) -> pl.Expr:
    """A field's value in the type of its column; empty where the line does not have it."""
    value = pl.col(field.source) if field.source else pl.lit(field.value)
    match field.kind:
        case "major":
            return in_major(value.abs() if field.unsigned else value).cast(_MAJOR)
        case "minor":
            return value.abs() if field.unsigned else value
        case _:
            return value


def workbook(rows: pl.DataFrame, layout: OutgoingLayout, made_on: date) -> bytes:
    """One sheet, one row for each line; numbers are numbers where a sheet keeps them exactly, text never runs.

    ``made_on`` is the day that the document's properties tell. Raises TerminalError for more rows than a sheet has.
    """
    lines = rows.filter(pl.col("tag").is_in(list(layout.lines)))
    if lines.height + layout.names_line > _MOST_ROWS:
        raise TerminalError(
            f"config/partners.toml: a file of {layout.of} has {lines.height} lines, and a sheet {_MOST_ROWS}: declare "
            "the layout as delimited or parquet."
        )
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    book.set_properties({"title": layout.sheet, "created": datetime(made_on.year, made_on.month, made_on.day)})  # noqa: DTZ001 - the format has no zone
    sheet = book.add_worksheet(layout.sheet)
    text = book.add_format({"quote_prefix": True})
    amounts = {places: book.add_format({"num_format": f"0.{'0' * places}" if places else "0"}) for places in range(5)}
    first = int(layout.names_line)
    if layout.names_line:
        for column, field in enumerate(layout.lines[Tag.DETAIL]):
            # As text: a name may look like a formula or a link.
            sheet.write_string(0, column, field.name)
    for tag, fields in layout.lines.items():
        of_tag = lines.with_row_index("place?", offset=first).filter(pl.col("tag") == tag)
        for column, field in enumerate(fields):
            # A sheet shows numbers as its reader likes them.
            values = of_tag.with_columns(written=as_text(field.model_copy(update={"decimal": "."})))
            for cell in _cells(values, field):
                shape = text if cell.runs else None
                if cell.places is None:
                    sheet.write_string(cell.row, column, cell.written, shape)
                else:
                    sheet.write_number(cell.row, column, Decimal(cell.written), amounts[cell.places])
    book.close()
    return out.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """A cell that is not empty: a number with ``places`` decimals, or text, which may look as if it ran."""

    row: int
    written: str
    places: int | None
    runs: bool


def _cells(rows: pl.DataFrame, field: OutgoingField) -> Iterator[_Cell]:
    """The cells of one field; ``rows`` have its text in ``written`` and their row in ``place?``."""
    told = rows.select("place?", "written", "currency", runs=neutral(pl.col("written")) != pl.col("written"))
    numbers = field.kind in {"minor", "major", "number"}
    for row, written, currency, runs in told.filter(pl.col("written") != "").iter_rows():
        exact = numbers and len(written.strip("-0").replace(".", "")) <= _EXACT_DIGITS
        places = (exponent(currency) if field.kind == "major" else 0) if exact else None
        yield _Cell(row=row, written=written, places=places, runs=runs and not numbers)
