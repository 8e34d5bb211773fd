"""Read one file some rows at a time: the same columns as ``read_columns``, in bounded memory."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa

from settlement.errors import TerminalError
from settlement.reconcile.delimited import head_record, require_text, require_whole, spans_lines
from settlement.reconcile.language import Side
from settlement.reconcile.read import (
    delimiter_of,
    encoding_of,
    header_of,
    is_utf8,
    kind_of,
    parse_csv,
    present_columns,
    read_columns,
    readable,
    require_quoted_well,
    wrong_encoding,
)

_BLOCK: Final = 8 * 2**20
"""Bytes of a text file that are looked at in one go."""
_MOST_OF_A_LINE: Final = 4 * _BLOCK


def read_batches(
    path: Path, side: Side, columns: Sequence[str], also: frozenset[str], *, rows: int
) -> Iterator[pl.DataFrame]:
    """The named columns of a file in batches, in the order of its rows; none of them is empty.

    Parameters
    ----------
    path, side, columns, also
        As for ``read_columns``.
    rows : int
        Rows of a batch of a Parquet file. Text comes by blocks of 8 MiB, Arrow by its own batches, a workbook whole.

    Raises
    ------
    TerminalError
        As ``read_columns``, where the fault is met.
    """
    kind = kind_of(path, side)
    reader = {"parquet": _parquet, "csv": _csv, "arrow": _arrow}.get(kind)
    if reader is None:
        yield read_columns(path, side, columns, also)
        return
    some = False
    with readable(path, kind):
        for batch in reader(path, side, columns, also, rows):
            if batch.height:
                some = True
                yield batch.rechunk()
    if not some:
        raise TerminalError(f"{path.name} holds no rows: it needs at least one.")


def _parquet(path: Path, _: Side, columns: Sequence[str], also: frozenset[str], rows: int) -> Iterator[pl.DataFrame]:
    table = pl.scan_parquet(path)
    found = present_columns(path, table.collect_schema().names(), columns, also)
    height = table.select(pl.len()).collect().item()
    for first in range(0, height, rows):
        yield table.select(found).slice(first, rows).collect()


def _arrow(path: Path, _: Side, columns: Sequence[str], also: frozenset[str], rows: int) -> Iterator[pl.DataFrame]:
    with path.open("rb") as stream:
        of_file = stream.read(6) == b"ARROW1"
    with pa.memory_map(str(path)) as source:
        reader = pa.ipc.open_file(source) if of_file else pa.ipc.open_stream(source)
        found = present_columns(path, reader.schema.names, columns, also)
        batches = (reader.get_batch(at) for at in range(reader.num_record_batches)) if of_file else iter(reader)
        for batch in batches:
            for first in range(0, batch.num_rows, rows):
                part = pl.from_arrow(batch.select(found).slice(first, rows))
                yield part if isinstance(part, pl.DataFrame) else part.to_frame()


def _csv(path: Path, side: Side, columns: Sequence[str], also: frozenset[str], _: int) -> Iterator[pl.DataFrame]:
    require_text(path)
    blocks, delimiter = _blocks(path, side), delimiter_of(path, side)
    block = io.BytesIO(next(blocks, b""))
    head = head_record(block).rstrip(b"\n") + b"\n"
    names = header_of(io.BytesIO(head.decode("utf-8", errors="replace").encode()), delimiter)
    found = present_columns(path, names, columns, also)
    require_whole(path, encoding_of(path, side), delimiter, len(names))
    rest = block.read()
    proved = False
    for text in chain([rest] if rest else [], blocks):
        source = io.BytesIO(head + text)
        rows = parse_csv(path, side, source, found)
        if not proved and spans_lines(source, rows.height):
            require_quoted_well(path, side)
            proved = True
        yield rows


def _blocks(path: Path, side: Side) -> Iterator[bytes]:
    """The file in UTF-8, in blocks that end where a line ends outside of quotes."""
    waiting = b""
    for piece in _pieces(path, side):
        waiting += piece
        end = _last_line_end(waiting)
        if not end and len(waiting) > _MOST_OF_A_LINE:
            raise TerminalError(
                f"{path.name}: a line or a quoted value is longer than {_MOST_OF_A_LINE >> 20} MiB: close the "
                "quotation mark that is open, or write the `delimiter`."
            )
        if end:
            yield waiting[:end]
            waiting = waiting[end:]
    if waiting:
        yield waiting


def _last_line_end(text: bytes) -> int:
    """Where the last line outside of quotes ends; 0 where none does."""
    end = text.rfind(b"\n") + 1
    while end and text.count(b'"', 0, end) % 2:
        end = text.rfind(b"\n", 0, end - 1) + 1
    return end


def _pieces(path: Path, side: Side) -> Iterator[bytes]:
    decoder = None if is_utf8(side) else codecs.getincrementaldecoder(encoding_of(path, side))()
    done = 0
    with path.open("rb") as stream:
        while piece := stream.read(_BLOCK):
            try:
                yield piece if decoder is None else decoder.decode(piece).encode()
            except UnicodeDecodeError as error:
                raise wrong_encoding(path, side, done + error.start) from None
            done += len(piece)
    if decoder is not None:
        try:
            yield decoder.decode(b"", final=True).encode()
        except UnicodeDecodeError:
            raise wrong_encoding(path, side, done - 1) from None
