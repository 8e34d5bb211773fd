"""The columns of a Parquet file as texts, from a file that nobody trusts.

The footer is looked at before a page is unpacked: how many rows and columns there are, how large each row group
becomes, and how the file's packed bytes lie. Texts are read as their distinct values first, so that a file of few
bytes cannot repeat a long text until memory ends.

Whole numbers and decimals keep their digits. A date is ``2024-03-01``, a time ``2024-03-01 09:30:00`` in the zone that
the file names, or with ``+00:00`` where it names one, and a floating-point number is what Python writes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from settlement.model.clearing import Why
from settlement.parse.candidates import shown
from settlement.parse.declared_cut import Fault

MOST_ROWS: Final = 50_000_000
MOST_COLUMNS: Final = 2_000
MOST_IN_A_GROUP: Final = 512 * 2**20
"""Bytes of one row group, unpacked."""
MOST_UNPACKED: Final = 4 * 2**30
"""Bytes of all row groups together, unpacked."""
MOST_TEXT: Final = 512 * 2**20
"""Characters of one column, a text that many rows share counted in each."""
MOST_FOOTER: Final = 16 * 2**20
_MAGIC: Final = b"PAR1"
_SMALLEST: Final = 12


class _RefusedError(Exception):
    """Why a file is not read; it becomes a fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A file's columns as texts: empty for null. ``floats`` are the columns that held floating-point numbers."""

    headings: list[str]
    frame: pl.DataFrame
    floats: frozenset[str]
    data: int


def headings_of(content: memoryview) -> list[str] | Fault:
    """The names of all columns, nested ones as well; a fault where the file is no readable Parquet."""
    opened = _opened(content)
    return opened if isinstance(opened, Fault) else list(opened.schema_arrow.names)


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
    opened = _opened(content)
    if isinstance(opened, Fault):
        return opened
    schema, metadata = opened.schema_arrow, opened.metadata
    try:
        texts = {name: _column(content, schema.field(name), metadata.num_rows) for name in wanted}
    except _RefusedError as refusal:
        return Fault(why=Why.UNREADABLE, detail=str(refusal))
    except (pa.ArrowException, OSError, ValueError) as error:
        return Fault(why=Why.UNREADABLE, detail=f"its pages cannot be read ({shown(str(error).splitlines()[0])})")
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    data = sum(group.column(place).total_compressed_size for group in groups for place in range(group.num_columns))
    return Packed(
        headings=list(schema.names),
        frame=pl.DataFrame(texts, schema=dict.fromkeys(wanted, pl.String())),
        floats=frozenset(name for name in wanted if pa.types.is_floating(_value_type(schema.field(name).type))),
        data=min(data, len(content)),
    )


def _opened(content: memoryview) -> pq.ParquetFile | Fault:
    """The file by its footer, if that is one of a file of honest size."""
    if bytes(content[:4]) != _MAGIC:
        return Fault(why=Why.UNREADABLE, detail="it is no Parquet file")
    if len(content) < _SMALLEST or bytes(content[-4:]) != _MAGIC:
        return Fault(why=Why.TRUNCATED, detail="it ends before its footer")
    footer = int.from_bytes(content[-8:-4], "little")
    if footer > min(MOST_FOOTER, len(content) - _SMALLEST):
        return Fault(why=Why.UNREADABLE, detail=f"its footer of {footer} bytes cannot be")
    try:
        opened = pq.ParquetFile(
            pa.BufferReader(pa.py_buffer(content)),
            thrift_string_size_limit=MOST_FOOTER,
            thrift_container_size_limit=MOST_FOOTER // 16,
        )
        _require_modest(opened.metadata, len(content))
    except _RefusedError as refusal:
        return Fault(why=Why.UNREADABLE, detail=str(refusal))
    except (pa.ArrowException, OSError, ValueError, NotImplementedError) as error:
        return Fault(why=Why.UNREADABLE, detail=f"its footer cannot be read ({shown(str(error).splitlines()[0])})")
    return opened


def _require_modest(metadata: pq.FileMetaData, size: int) -> None:
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    if metadata.num_rows > MOST_ROWS or metadata.num_columns > MOST_COLUMNS:
        raise _RefusedError(
            f"it has {metadata.num_rows} rows of {metadata.num_columns} columns, more than "
            f"{MOST_ROWS} rows of {MOST_COLUMNS} columns"
        )
    if metadata.num_rows < 0 or metadata.num_rows != sum(group.num_rows for group in groups):
        raise _RefusedError("its footer and its row groups tell different numbers of rows")
    for number, group in enumerate(groups, start=1):
        if not 0 <= group.total_byte_size <= MOST_IN_A_GROUP:
            raise _RefusedError(f"its row group {number} unpacks to {group.total_byte_size} bytes")
        packed = [group.column(place).total_compressed_size for place in range(group.num_columns)]
        if any(part < 0 for part in packed) or sum(packed) > size:
            raise _RefusedError(f"its row group {number} is larger than the file")
    if sum(group.total_byte_size for group in groups) > MOST_UNPACKED:
        raise _RefusedError(f"it unpacks to more than {MOST_UNPACKED} bytes")


def _column(content: memoryview, field: pa.Field, rows: int) -> pl.Series:
    """One column as text, row group by row group."""
    if pa.types.is_nested(_value_type(field.type)):
        raise _RefusedError(f"its column `{shown(field.name)}` holds several values in a row")
    wordy = _is_text(_value_type(field.type))
    reader = pq.ParquetFile(
        pa.BufferReader(pa.py_buffer(content)),
        read_dictionary=[field.name] if wordy else None,
        thrift_string_size_limit=MOST_FOOTER,
        thrift_container_size_limit=MOST_FOOTER // 16,
    )
    parts, told, characters = [pa.array([], pa.large_string())], 0, 0
    for batch in reader.iter_batches(batch_size=1 << 16, columns=[field.name], use_threads=False):
        column = batch.column(0)
        told += len(column)
        if told > rows:
            break
        if pa.types.is_dictionary(column.type):
            lengths = pc.binary_length(column.dictionary).take(column.indices)
            characters += pc.sum(lengths).as_py() or 0
            if characters > MOST_TEXT:
                raise _RefusedError(f"its column `{shown(field.name)}` holds more text than a file may hold")
            column = column.cast(_value_type(column.type))
        parts.append(_as_text(column, field))
    if told != rows:
        raise _RefusedError(f"its column `{shown(field.name)}` has not the {rows} rows that its footer tells")
    return pl.Series(field.name, pa.chunked_array(parts), dtype=pl.String).fill_null("")


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def _as_text(column: pa.Array, field: pa.Field) -> pa.Array:
    kind = column.type
    if _is_text(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return column.cast(pa.large_string())
    if pa.types.is_decimal(kind):
        texts = [None if value is None else f"{value:f}" for value in column.to_pylist()]
        return pa.array(texts, pa.large_string())
    if pa.types.is_floating(kind):
        texts = [None if value is None else repr(float(value)) for value in column.to_pylist()]
        return pa.array(texts, pa.large_string())
    if pa.types.is_date(kind):
        return column.cast(pa.date32()).cast(pa.large_string())
    if pa.types.is_timestamp(kind):
        return _times(column, kind)
    raise _RefusedError(f"its column `{shown(field.name)}` has the type {kind}, which no field has")


def _times(column: pa.Array, kind: pa.TimestampType) -> pa.Array:
    """Times to the second; one with a part of a second keeps it, so that no format takes it for a whole one."""
    seconds = pc.strftime(column.cast(pa.timestamp("s", tz=kind.tz), safe=False), format="%Y-%m-%dT%H:%M:%S%z")
    whole = pc.equal(column.cast(pa.timestamp("s", tz=kind.tz), safe=False).cast(kind), column)
    text = pc.replace_substring_regex(seconds.cast(pa.large_string()), r"([+-][0-9]{2})([0-9]{2})$", r"\1:\2")
    if kind.tz is None:
        text = pc.replace_substring(text, "T", " ")
    broken = pc.binary_join_element_wise(text, pa.scalar("and a part of a second", pa.large_string()), " ")
    return pc.if_else(whole, text, broken)
