"""Delimited text cut into records and fields by its dialect.

Lines without quotes, and lines whose quotes stand around whole fields, are cut by a kernel. The
others (doubled quotes, escapes, fields that run over lines) are read one by one, strictly: what does not follow the
dialect is a line without fields, never a guess.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from settlement.kernels.choice import cores
from settlement.kernels.parse import delimited_fields, line_fields
from settlement.kernels.text_views import text_column
from settlement.parse.delimited_spec import Dialect

_Index = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]
_OTHER: Final = 2
UNQUOTABLE: Final = -1
"""Number of fields of a line whose quotes cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Where the records of a text lie. A record is located by the line, from 0, on which it starts.

    Attributes
    ----------
    text:
        UTF-8, all lines ended by x'0A'.
    starts, ends:
        Start and end of each line.
    fields:
        Fields of each line, right for the lines that are ``simple``.
    simple:
        Lines that are a record of their own and that a CSV reader takes as they stand.
    owners:
        The line on which the record of each line starts; None where each line is a record.
    blank, comment:
        Lines without a character, and lines that are comments.
    opened:
        The line on which a quote opens that is never closed; None where all are.
    """

    text: memoryview
    starts: _Index
    ends: _Index
    fields: npt.NDArray[np.int32]
    simple: _Mask
    quoted: bool
    owners: _Index | None
    blank: _Mask
    comment: _Mask
    opened: int | None = None

    @property
    def count(self) -> int:
        """Physical lines."""
        return int(self.ends.size)

    def last_line(self, record: int) -> int:
        """The line, from 0, on which a record ends."""
        if self.owners is None:
            return record
        return int(np.searchsorted(self.owners, record, side="right")) - 1

    def head(self, lines: int) -> Records:
        """The first lines, none of which is open at their end."""
        return Records(
            text=self.text,
            starts=self.starts[:lines],
            ends=self.ends[:lines],
            fields=self.fields[:lines],
            simple=self.simple[:lines],
            quoted=self.quoted,
            owners=None if self.owners is None else self.owners[:lines],
            blank=self.blank[:lines],
            comment=self.comment[:lines],
        )

    def text_of(self, record: int) -> str:
        """The text of a record without its end."""
        return str(self.text[self.starts[record] : self.ends[self.last_line(record)]], "utf-8")


def find_records(text: memoryview, dialect: Dialect, head: int) -> Records:
    """Find the records of a text that begins with one; ``head`` lines are titles without quoting."""
    data = np.frombuffer(text, np.uint8) if text else np.zeros(0, np.uint8)
    marks = [ord(mark) if mark else -1 for mark in (dialect.separator, dialect.quote, dialect.escape)]
    ends, fields, quotes, state = line_fields(data, *marks)
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1]) if ends.size else ends
    blank = ends == starts
    comment = _comments(text, starts, ends, dialect)
    others = np.flatnonzero(state == _OTHER)
    owners = opened = None
    if others.size:
        odd = np.zeros(ends.size, np.bool_)
        odd[others] = quotes[others] % 2 == 1
        odd[:head] = False
        if comment.any():
            _leave_open_fields_alone(comment, odd)
            odd &= ~comment
        inside = np.cumsum(odd) % 2 == 1
        if inside.size and inside[-1]:
            opened = int(np.flatnonzero(odd)[-1])
        begins = np.concatenate([np.ones(1, np.bool_), ~inside[:-1]])
        if not begins.all():
            owners = np.maximum.accumulate(np.where(begins, np.arange(ends.size), 0))
            blank &= begins
    simple = state != _OTHER
    if owners is not None:
        alone = np.bincount(owners, minlength=ends.size) == 1
        simple &= alone
    return Records(
        text=text,
        starts=starts,
        ends=ends,
        fields=fields,
        simple=simple,
        quoted=bool((state == 1).any()),
        owners=owners,
        blank=blank,
        comment=comment,
        opened=opened,
    )


def _comments(text: memoryview, starts: _Index, ends: _Index, dialect: Dialect) -> _Mask:
    found = np.zeros(starts.size, np.bool_)
    mark = (dialect.comment or "").encode()
    if not mark or not text:
        return found
    data = np.frombuffer(text, np.uint8)
    found = ends - starts >= len(mark)
    for place, byte in enumerate(mark):
        found[found] = data[starts[found] + place] == byte
    return found


def _leave_open_fields_alone(comment: _Mask, odd: _Mask) -> None:
    """Take back comments that stand inside a quoted field: line by line, because each decides about the next."""
    inside = False
    for line in np.flatnonzero(comment | odd):
        if comment[line] and inside:
            comment[line] = False
        if odd[line] and not comment[line]:
            inside = not inside


def cut_fields(records: Records, dialect: Dialect, width: int, wanted: Sequence[int], after: int) -> pl.DataFrame:
    """The records below line ``after`` as ``record`` (from 1), ``count`` of fields, and ``f0``, ``f1``, ...

    Parameters
    ----------
    records
        Where they lie.
    dialect
        How they are cut.
    width
        Most fields that a record can have; those behind them are counted and left out.
    wanted
        The positions of the fields to read, ascending; the others have no column.
    after
        Lines of the head.
    """
    data = ~(records.blank | records.comment)
    data[:after] = False
    if records.owners is not None:
        data &= records.owners == np.arange(records.count)
    simple = np.flatnonzero(data & records.simple)
    frame = _simple_fields(records, dialect, wanted, simple)
    others = np.flatnonzero(data & ~records.simple)
    if not others.size:
        return frame
    return pl.concat([frame, _other_fields(records, dialect, width, wanted, others)]).sort("record")


def _simple_fields(records: Records, dialect: Dialect, wanted: Sequence[int], lines: _Index) -> pl.DataFrame:
    data = np.frombuffer(records.text, np.uint8) if records.text else np.zeros(0, np.uint8)
    places, quote = np.array(wanted, np.int32), ord(dialect.quote) if dialect.quote and records.quoted else -1
    starts, ends = records.starts[lines], records.ends[lines]
    views, parts = delimited_fields(data, starts, ends, ord(dialect.separator), quote, places, cores())
    return pl.DataFrame(
        [
            pl.Series("record", lines + 1, dtype=pl.Int64),
            pl.Series("count", records.fields[lines], dtype=pl.Int64),
            *(text_column(f"f{number}", views[at], parts[at]) for at, number in enumerate(wanted)),
        ]
    )


def _other_fields(records: Records, dialect: Dialect, width: int, wanted: Sequence[int], lines: _Index) -> pl.DataFrame:
    counts: list[int] = []
    columns: list[list[str]] = [[] for _ in wanted]
    for line in lines:
        fields = split_fields(records.text_of(int(line)), dialect)
        counts.append(UNQUOTABLE if fields is None else len(fields))
        padded = [*(fields or ())[:width], *[""] * width]
        for column, place in zip(columns, wanted, strict=True):
            column.append(padded[place])
    return pl.DataFrame(
        [
            pl.Series("record", lines + 1, dtype=pl.Int64),
            pl.Series("count", counts, dtype=pl.Int64),
            *(pl.Series(f"f{n}", texts, dtype=pl.String) for n, texts in zip(wanted, columns, strict=True)),
        ]
    )


def split_fields(text: str, dialect: Dialect) -> list[str] | None:
    """The fields of one record; None where its quotes do not follow the dialect."""
    if dialect.quote is None and dialect.escape is None:
        return text.split(dialect.separator)
    # An escape at the end of a line would take the line's end away.
    if dialect.escape and _ends_escaped(text, dialect.escape):
        return None
    reader = csv.reader(
        [text],
        delimiter=dialect.separator,
        quotechar=dialect.quote,
        escapechar=dialect.escape,
        quoting=csv.QUOTE_NONE if dialect.quote is None else csv.QUOTE_MINIMAL,
        strict=True,
    )
    try:
        rows = list(reader)
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else ([""] if not rows else None)


def _ends_escaped(text: str, escape: str) -> bool:
    return (len(text) - len(text.rstrip(escape))) % 2 == 1
