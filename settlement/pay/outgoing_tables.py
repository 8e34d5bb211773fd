"""Tables for partners: Parquet and workbooks by a declared layout, the same bytes for the same rows."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import polars as pl
import xlsxwriter
from xlsxwriter.format import Format as CellFormat

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
        sheet.write_row(0, 0, [field.name for field in layout.lines[Tag.DETAIL]])
    for tag, fields in layout.lines.items():
        of_tag = lines.with_row_index("place?").filter(pl.col("tag") == tag)
        for column, field in enumerate(fields):
            values = of_tag.with_columns(written=as_text(field.model_copy(update={"decimal": "."})))
            _write_column(sheet, first, column, values, field, (text, amounts))
    book.close()
    return out.getvalue()


def _write_column(
    sheet: xlsxwriter.worksheet.Worksheet,
    first: int,
    column: int,
    rows: pl.DataFrame,
    field: OutgoingField,
    formats: tuple[CellFormat, Mapping[int, CellFormat]],
) -> None:
    """The cells of one field; ``rows`` have its text in ``written`` and their place in ``place?``."""
    text, amounts = formats
    runs = rows.select(would=neutral(pl.col("written")) != pl.col("written"))["would"]
    currencies = rows["currency"]
    for at, (place, written) in enumerate(rows.select("place?", "written").iter_rows()):
        row = first + place
        if not written:
            continue
        if field.kind in {"minor", "major", "number"} and len(written.strip("-0").replace(".", "")) <= _EXACT_DIGITS:
            places = exponent(currencies[at]) if field.kind == "major" else 0
            sheet.write_number(row, column, Decimal(written), amounts[places])
        else:
            sheet.write_string(row, column, written, text if runs[at] else None)
