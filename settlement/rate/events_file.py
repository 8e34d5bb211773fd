"""Read the cells of an events table (docs/EVENTS.md) from CSV or Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from difflib import SequenceMatcher, get_close_matches
from typing import Final

import polars as pl

from settlement.errors import TerminalError
from settlement.model.events import ATTRIBUTES, COLUMNS, LINE
from settlement.rate.dating import ACCOUNT_DAY
from settlement.rate.links import ORIGIN

_REQUIRED: Final = ("event_id", "kind", "event_date")
_TAKEN: Final = frozenset(
    {
        *(LINE, "file", "record", "transaction_date", "class_of_account", "original_kind"),
        *("origin_kind", ACCOUNT_DAY, *ORIGIN),
    }
)
"""Columns that facts have beside those of an event."""
_PARQUET: Final = b"PAR1"


def read_table(name: str, content: bytes) -> tuple[str, pl.DataFrame]:
    """The cells of an events table as text, empty ones as null, and the column ``LINE``.

    Parameters
    ----------
    name:
        The name of its file, for sentences.
    content:
        CSV in UTF-8 with a header, or Parquet.

    Returns
    -------
    What ``LINE`` counts, ``line`` or ``row``, and the table: its columns are ``COLUMNS``, ``ATTRIBUTES`` and any other.

    Raises
    ------
    TerminalError
        With one sentence: file, line, what is wrong, what to write instead.
    """
    parquet = content[:4] == _PARQUET
    table = _parquet(name, content) if parquet else _delimited(name, content)
    missing = [column for column in (*COLUMNS, *ATTRIBUTES) if column not in table.columns]
    return "row" if parquet else "line", table.with_columns(pl.lit(None, pl.String).alias(c) for c in missing)


def _delimited(name: str, content: bytes) -> pl.DataFrame:
    """The cells of a CSV file as text, empty ones as null, with the line that each row ends on."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TerminalError(f"{name} is no UTF-8 text at byte {error.start + 1}: save it as UTF-8.") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    lines: list[int] = []
    cells: list[list[str]] = []
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if not header:
                header = [cell.strip() for cell in row]
            elif len(row) != len(header):
                raise TerminalError(
                    f"{name}, line {reader.line_num}: there are {len(row)} cells, and {len(header)} columns: "
                    "put a comma between cells, and quotation marks around a cell that holds one."
                )
            else:
                lines.append(reader.line_num)
                cells.append(row)
    except csv.Error as error:
        raise TerminalError(f"{name}, line {reader.line_num}: {error}; correct the line.") from None
    if not header:
        raise TerminalError(f"{name} is empty: begin with a header such as {','.join(COLUMNS[:4])},amount,currency.")
    if len(header) == 1 and ";" in header[0]:
        raise TerminalError(f"{name}, line 1: its columns are separated by semicolons: save it with commas.")
    _require_names(name, header)
    columns = list(zip(*cells, strict=True)) if cells else [()] * len(header)
    table = pl.DataFrame(
        {h: list(c) for h, c in zip(header, columns, strict=True)}, schema=dict.fromkeys(header, pl.String)
    )
    return _trimmed(table).with_columns(pl.Series(LINE, lines, dtype=pl.Int64))


def _parquet(name: str, content: bytes) -> pl.DataFrame:
    """The cells of a Parquet file as text; numbers that are not exact are refused."""
    try:
        table = pl.read_parquet(io.BytesIO(content))
    except pl.exceptions.PolarsError:
        raise TerminalError(f"{name} is not readable as Parquet: write it anew.") from None
    _require_names(name, table.columns)
    for column, kind in table.schema.items():
        if not (kind in (pl.String, pl.Date, pl.Boolean, pl.Null) or kind.is_integer() or kind.is_decimal()):
            raise TerminalError(f"{name}, column {column}: {kind} cells are not exact: write texts, dates or decimals.")
    texts = table.with_columns(pl.all().cast(pl.String))
    return _trimmed(texts).with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(LINE))


def _trimmed(table: pl.DataFrame) -> pl.DataFrame:
    texts = pl.all().str.strip_chars()
    return table.with_columns(pl.when(texts != "").then(texts))


def _require_names(name: str, header: Sequence[str]) -> None:
    for number, column in enumerate(header, start=1):
        if column in _TAKEN:
            raise TerminalError(
                f"{name}, line 1: {column} is a name of this house's own: call your attribute otherwise."
            )
        if not column:
            raise TerminalError(f"{name}, line 1: column {number} has no name: name it, or leave it out.")
        if header.index(column) != number - 1:
            raise TerminalError(f"{name}, line 1: two columns are called {column}: keep one of them.")
    for column in _REQUIRED:
        if column not in header:
            alike = _alike(column, header)
            remedy = f"rename `{alike[0]}`." if alike else f"add it; every event has {', '.join(_REQUIRED)}."
            raise TerminalError(f"{name}, line 1: there is no column {column}: {remedy}")
    for column in header:
        # A slip would make an attribute that nothing looks at.
        alike = _alike(column, (*COLUMNS, *ATTRIBUTES))
        if alike and column not in (*COLUMNS, *ATTRIBUTES) and alike[0] not in header:
            raise TerminalError(
                f"{name}, line 1: the column {column} is none of an event's: did you mean `{alike[0]}`? Give an "
                "attribute of your own a name that is less like it."
            )


def _alike(word: str, known: Sequence[str]) -> list[str]:
    """The known name that a word is taken for a slip of, if there is one: four fifths of both are the same."""
    close = get_close_matches(word, known, n=1)
    return [one for one in close if 5 * SequenceMatcher(None, word, one).ratio() >= 4]  # noqa: PLR2004 - four fifths
