"""Tables for partners: Parquet and workbooks by a declared layout, the same bytes for the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from typing import BinaryIO, Final

import polars as pl
import pyarrow.parquet as pq
import xlsxwriter
from xlsxwriter.format import Format as Shape
from xlsxwriter.worksheet import Worksheet

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
_GROUP: Final = 2**18
"""Rows that a table of Parquet has in a group."""
_SHEET_AT_ONCE: Final = 2**16
"""Lines of a sheet that is put together in memory."""
_ROWS_AT_ONCE: Final = 2**12
"""Lines of a longer sheet whose cells are made at once."""
_MOST_ROWS: Final = 1_048_576
"""Rows of a sheet."""
_EXACT_DIGITS: Final = 15
"""Digits of a number that a sheet keeps; a longer one is written as text."""


def write_parquet(rows: Iterable[pl.DataFrame], layout: OutgoingLayout, out: BinaryIO) -> None:
    """One column for each heading, one row for each line; money in major units is a decimal.

    ``rows`` are as in ``settlement.pay.outgoing_text.write_text``. A table of more than one group of rows is written
    group by group: their bounds follow from the number of the row, whatever came together.
    """
    columns = _columns(layout)
    groups = _of_height((_declared(some, layout).select(columns) for some in rows), _GROUP)
    first, second = next(groups), next(groups, None)
    if second is None:
        first.rechunk().write_parquet(out, compression="zstd")
        return
    with pq.ParquetWriter(out, first.to_arrow().schema, compression="zstd") as writer:
        for group in chain([first, second], groups):
            writer.write_table(group.to_arrow())


def _declared(rows: pl.DataFrame, layout: OutgoingLayout) -> pl.DataFrame:
    """The lines that the layout has."""
    return rows.filter(pl.col("tag").is_in(list(layout.lines)))


def _of_height(frames: Iterable[pl.DataFrame], height: int) -> Iterator[pl.DataFrame]:
    """The same rows in frames of so many each; the last one has what is left."""
    held: list[pl.DataFrame] = []
    for frame in frames:
        held.append(frame)
        while sum(one.height for one in held) > height:
            together = pl.concat(held)
            yield together.head(height)
            held = [together.slice(height)]
    yield pl.concat(held)


def _columns(layout: OutgoingLayout) -> list[pl.Expr]:
    """The columns of a table, each from whichever line has it."""
    names: dict[str, str] = {}
    for fields in layout.lines.values():
        names |= {field.name: field.kind for field in fields}
    return [
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


def write_workbook(rows: Iterable[pl.DataFrame], layout: OutgoingLayout, made_on: date, out: BinaryIO) -> None:
    """One sheet, one row for each line; numbers are numbers where a sheet keeps them exactly, text never runs.

    ``made_on`` is the day that the document's properties tell. A sheet of many lines is written row by row, with each
    text in its cell, and lies in a file of the library's own until it is whole. Raises TerminalError for more rows
    than a sheet has.
    """
    parts = _of_height((_declared(some, layout) for some in rows), _SHEET_AT_ONCE)
    first, second = next(parts), next(parts, None)
    if second is None:
        book = xlsxwriter.Workbook(out, {"in_memory": True})
        sheet = _Sheet.begun(book, layout, made_on)
        sheet.write(sheet.cells(first, 0))
    else:
        book = xlsxwriter.Workbook(out, {"constant_memory": True})
        sheet, at = _Sheet.begun(book, layout, made_on), 0
        for some in chain([first, second], parts):
            for few in some.iter_slices(_ROWS_AT_ONCE):
                sheet.write(sorted(sheet.cells(few, at), key=lambda cell: (cell.row, cell.column)))
                at += few.height
    book.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """The one sheet of a workbook, with the shapes of its cells: text that may look as if it ran, and amounts."""

    layout: OutgoingLayout
    sheet: Worksheet
    text: Shape
    amounts: Mapping[int, Shape]

    @classmethod
    def begun(cls, book: xlsxwriter.Workbook, layout: OutgoingLayout, made_on: date) -> _Sheet:
        """A sheet with its headings."""
        book.set_properties({"title": layout.sheet, "created": datetime(made_on.year, made_on.month, made_on.day)})  # noqa: DTZ001 - the format has no zone
        sheet = book.add_worksheet(layout.sheet)
        text = book.add_format({"quote_prefix": True})
        places = {count: book.add_format({"num_format": f"0.{'0' * count}" if count else "0"}) for count in range(5)}
        if layout.names_line:
            for column, field in enumerate(layout.lines[Tag.DETAIL]):
                # As text: a name may look like a formula or a link.
                sheet.write_string(0, column, field.name)
        return cls(layout=layout, sheet=sheet, text=text, amounts=places)

    def cells(self, lines: pl.DataFrame, at: int) -> Iterator[_Cell]:
        """The cells of lines, the first of which is the line of that number from 0, kind by kind and field by field."""
        first = at + self.layout.names_line
        if first + lines.height > _MOST_ROWS:
            raise TerminalError(
                f"config/partners.toml: a file of {self.layout.of} has more lines than the {_MOST_ROWS} of a sheet: "
                "declare the layout as delimited or parquet."
            )
        numbered = lines.with_row_index("place?", offset=first)
        for tag, fields in self.layout.lines.items():
            of_tag = numbered.filter(pl.col("tag") == tag)
            for column, field in enumerate(fields):
                # A sheet shows numbers as its reader likes them.
                values = of_tag.with_columns(written=as_text(field.model_copy(update={"decimal": "."})))
                yield from _cells(values, field, column)

    def write(self, cells: Iterable[_Cell]) -> None:
        """Write cells, each once."""
        for cell in cells:
            if cell.places is None:
                self.sheet.write_string(cell.row, cell.column, cell.written, self.text if cell.runs else None)
            else:
                self.sheet.write_number(cell.row, cell.column, Decimal(cell.written), self.amounts[cell.places])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """A cell that is not empty: a number with ``places`` decimals, or text, which may look as if it ran."""

    row: int
    column: int
    written: str
    places: int | None
    runs: bool


def _cells(rows: pl.DataFrame, field: OutgoingField, column: int) -> Iterator[_Cell]:
    """The cells of one field; ``rows`` have its text in ``written`` and their row in ``place?``."""
    told = rows.select("place?", "written", "currency", runs=neutral(pl.col("written")) != pl.col("written"))
    numbers = field.kind in {"minor", "major", "number"}
    for row, written, currency, runs in told.filter(pl.col("written") != "").iter_rows():
        exact = numbers and len(written.strip("-0").replace(".", "")) <= _EXACT_DIGITS
        places = (exponent(currency) if field.kind == "major" else 0) if exact else None
        yield _Cell(row=row, column=column, written=written, places=places, runs=runs and not numbers)
