"""Fields at fixed positions of records, as columns: several in one pass over the bytes, on all cores.

Positions are written as layouts write them: first and last, from 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from settlement.kernels.choice import cores
from settlement.kernels.parse import position_numbers, position_texts
from settlement.parse.spans import Spans, texts

_BAD = 2
_ASCII = 0x80


def number_columns(records: Spans, fields: Mapping[str, list[int]]) -> pl.DataFrame:
    """The fields as whole numbers: each a column, empty where there is none, and ``<name>_bad``.

    Bad is a field that is neither digits nor blank. A field that is cut off or blank is only empty.
    """
    page = records.alphabet
    values, state = position_numbers(*_parts(records), _places(fields), page.zero, page.blank, cores())
    columns = []
    for field, name in enumerate(fields):
        there = None if (state[field] == 1).all() else pa.py_buffer(np.packbits(state[field] == 1, bitorder="little"))
        array = pa.Array.from_buffers(pa.int64(), values.shape[1], [there, pa.py_buffer(values[field])])
        columns += [pl.Series(name, array, dtype=pl.Int64), pl.Series(f"{name}_bad", state[field] == _BAD)]
    return pl.DataFrame(columns)


def text_columns(records: Spans, fields: Mapping[str, list[int]]) -> list[pl.Series]:
    """The fields as text without the blanks on their right; an absent or blank field is empty."""
    page, count = records.alphabet, len(records.base)
    widest = max((last - first + 1 for first, last in fields.values()), default=1)
    if count * widest >= 1 << 31:
        return [texts(records.part(first - 1, last - first + 1), name) for name, (first, last) in fields.items()]
    table = _table(page.codes.tobytes())
    views, chars, other = position_texts(*_parts(records), _places(fields), table, page.blank, cores())
    columns = []
    for field, (name, (first, last)) in enumerate(fields.items()):
        if other[field]:
            columns.append(texts(records.part(first - 1, last - first + 1), name))
            continue
        there = views[field, :, :4].reshape(count, 4).view(np.int32).reshape(count) > 0
        buffers = [pa.py_buffer(np.packbits(there, bitorder="little")), pa.py_buffer(views[field])]
        array = pa.Array.from_buffers(pa.string_view(), count, [*buffers, pa.py_buffer(chars[field])])
        columns.append(pl.Series(name, array, dtype=pl.String))
    return columns


def _parts(records: Spans) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int32]]:
    return records.data, records.base + records.start, records.length


def _places(fields: Mapping[str, list[int]]) -> NDArray[np.int32]:
    return np.array([(first - 1, last - first + 1) for first, last in fields.values()], dtype=np.int32).reshape(-1, 2)


@cache
def _table(codes: bytes) -> NDArray[np.uint8]:
    """The ASCII character of each byte, 128 where it has none."""
    told = np.frombuffer(codes, dtype=np.uint16)
    return np.where(told < _ASCII, told, _ASCII).astype(np.uint8)
