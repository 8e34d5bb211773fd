"""The columns of a Parquet file as texts, from a file that nobody trusts.

The footer is looked at before a page is unpacked: how many rows there are, how large each row group becomes, and how
the file's packed bytes lie. A text that many rows share is kept once, and counts in each of them.

Whole numbers and decimals keep their digits. A date is ``2024-03-01``, a time ``2024-03-01 09:30:00``, or with ``T``
and ``+00:00`` where the file names a zone, and a floating-point number is what Python writes of it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import polars as pl

from settlement.model.clearing import Why
from settlement.parse.candidates import shown
from settlement.parse.declared_cut import Fault
from settlement.parse.parquet_footer import Footer, FooterError, read_footer

MOST_ROWS: Final = 50_000_000
MOST_COLUMNS: Final = 2_000
MOST_IN_A_GROUP: Final = 512 * 2**20
"""Bytes of one row group, unpacked."""
MOST_UNPACKED: Final = 4 * 2**30
"""Bytes of all row groups together, unpacked."""
MOST_TEXT: Final = 512 * 2**20
"""Bytes of the texts of one column, a text that many rows share counted in each."""
MOST_FOOTER: Final = 16 * 2**20
_T = TypeVar("_T")
_MAGIC: Final = b"PAR1"
_SMALLEST: Final = 12
_END: Final = 8


class _RefusedError(Exception):
    """Why a file is not read; it becomes a fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A file's columns as texts: empty for null.

    ``floats`` are the columns of floating-point numbers, ``data`` the packed bytes of all columns.
    """

    headings: list[str]
    frame: pl.DataFrame
    floats: frozenset[str]
    data: int


def headings_of(content: memoryview) -> list[str] | Fault:
    """The names of all columns, nested ones as well; a fault where the file is no readable Parquet."""
    footer = _footer(content)
    return footer if isinstance(footer, Fault) else _guarded(lambda: [*pl.read_parquet_schema(io.BytesIO(content))])


def packed_columns(content: memoryview, wanted: Sequence[str]) -> Packed | Fault:
    """The wanted columns as texts.

    Parameters
    ----------
    content
        The file.
    wanted
        Names of columns, each of which stands once in the file.

    Returns
    -------
    Packed or Fault
        A fault where the file is cut short, no Parquet, or larger than any honest one, or where a column holds
        something else than single values.
    """
    footer = _footer(content)
    return footer if isinstance(footer, Fault) else _guarded(lambda: _read(content, wanted, footer))


def some_rows(content: memoryview, rows: Sequence[int]) -> dict[int, dict[str, str | None]] | Fault:
    """All values of some rows (from 1) as texts by column; a fault as for ``packed_columns``."""

    def read() -> dict[int, dict[str, str | None]]:
        frame = pl.read_parquet(io.BytesIO(content), use_statistics=False, hive_partitioning=False)
        wanted = [row for row in rows if 1 <= row <= frame.height]
        found = frame[[row - 1 for row in wanted]].to_dicts()
        return {
            number: {name: None if value is None else str(value) for name, value in row.items()}
            for number, row in zip(wanted, found, strict=True)
        }

    footer = _footer(content)
    return footer if isinstance(footer, Fault) else _guarded(read)


def _guarded(read: Callable[[], _T]) -> _T | Fault:
    """What ``read`` gives; a fault where the library finds the file damaged."""
    try:
        return read()
    except _RefusedError as refusal:
        return Fault(why=Why.UNREADABLE, detail=str(refusal))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        told = shown((str(error).splitlines() or ["damaged"])[0])
        return Fault(why=Why.UNREADABLE, detail=f"its pages cannot be read ({told})")


def _footer(content: memoryview) -> Footer | Fault:
    """The footer, if it is one of a file of honest size."""
    if bytes(content[:4]) != _MAGIC:
        return Fault(why=Why.UNREADABLE, detail="it is no Parquet file")
    if len(content) < _SMALLEST or bytes(content[-4:]) != _MAGIC:
        return Fault(why=Why.TRUNCATED, detail="it ends before its footer")
    size = int.from_bytes(content[-_END:-4], "little")
    if size > min(MOST_FOOTER, len(content) - _SMALLEST):
        return Fault(why=Why.UNREADABLE, detail=f"its footer cannot have {size} bytes")
    try:
        footer = read_footer(bytes(content[-_END - size : -_END]))
        _require_modest(footer, len(content))
    except _RefusedError as refusal:
        return Fault(why=Why.UNREADABLE, detail=str(refusal))
    except FooterError as error:
        return Fault(why=Why.UNREADABLE, detail=f"its footer cannot be read: {error}")
    return footer


def _require_modest(footer: Footer, size: int) -> None:
    columns = max((group.columns for group in footer.groups), default=0)
    if footer.rows > MOST_ROWS or columns > MOST_COLUMNS:
        raise _RefusedError(f"it has {footer.rows} rows of {columns} columns, more than {MOST_ROWS} of {MOST_COLUMNS}")
    if footer.rows != sum(group.rows for group in footer.groups):
        raise _RefusedError("its footer and its row groups tell different numbers of rows")
    for number, group in enumerate(footer.groups, start=1):
        if group.unpacked > MOST_IN_A_GROUP:
            raise _RefusedError(f"its row group {number} unpacks to {group.unpacked} bytes")
    if sum(group.unpacked for group in footer.groups) > MOST_UNPACKED:
        raise _RefusedError(f"it unpacks to more than {MOST_UNPACKED} bytes")
    if sum(group.packed for group in footer.groups) > size:
        raise _RefusedError("its row groups are larger than the file")


def _read(content: memoryview, wanted: Sequence[str], footer: Footer) -> Packed:
    schema = pl.read_parquet_schema(io.BytesIO(content))
    for name in wanted:
        if schema[name].is_nested():
            raise _RefusedError(f"its column `{shown(name)}` holds several values in a row")
    frame = pl.read_parquet(io.BytesIO(content), columns=[*wanted], use_statistics=False, hive_partitioning=False)
    if wanted and frame.height != footer.rows:
        raise _RefusedError(f"it has {frame.height} rows and its footer tells {footer.rows}")
    texts = [_as_text(frame[name]) for name in wanted]
    return Packed(
        headings=[*schema],
        frame=pl.DataFrame(texts),
        floats=frozenset(name for name in wanted if schema[name].is_float()),
        data=sum(group.packed for group in footer.groups),
    )


def _as_text(column: pl.Series) -> pl.Series:
    kind = column.dtype
    if isinstance(kind, pl.Categorical | pl.Enum | pl.Binary):
        column = column.cast(pl.String)
    if column.dtype == pl.String:
        if (column.str.len_bytes().cast(pl.Int64).sum() or 0) > MOST_TEXT:
            raise _RefusedError(f"its column `{shown(column.name)}` holds more text than a file may hold")
    elif kind.is_float():
        texts = [None if value is None else repr(value) for value in column.to_list()]
        column = pl.Series(column.name, texts, dtype=pl.String)
    elif isinstance(kind, pl.Datetime):
        column = _times(column, kind)
    elif kind.is_integer() or kind.is_decimal() or kind in {pl.Boolean, pl.Date}:
        column = column.cast(pl.String)
    else:
        raise _RefusedError(f"its column `{shown(column.name)}` has the type {kind}, which no field has")
    return column.fill_null("")


def _times(column: pl.Series, kind: pl.Datetime) -> pl.Series:
    """Times to the second; one with a part of a second keeps it, so that no format takes it for a whole one."""
    text = column.dt.strftime("%Y-%m-%d %H:%M:%S" if kind.time_zone is None else "%Y-%m-%dT%H:%M:%S%:z")
    broken = (column.dt.truncate("1s") != column).fill_null(value=False)
    return text.zip_with(~broken, text + " and a part of a second")
