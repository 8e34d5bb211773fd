"""Fields of messages, each wherever it lies, as columns: several in one pass over the bytes, on all cores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from settlement.kernels.choice import cores
from settlement.kernels.parse import span_numbers, span_texts
from settlement.parse.spans import Alphabet, Spans, texts

_ASCII = 0x80
_WHOLE = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpans:
    """Several fields of n messages: ``start`` and ``length`` (c, n) are relative to ``base`` (n,), see ``Spans``."""

    data: NDArray[np.uint8]
    base: NDArray[np.int64]
    start: NDArray[np.int32]
    length: NDArray[np.int32]
    alphabet: Alphabet


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """One field of messages as whole numbers: ``values`` is 0 where ``good`` is false."""

    values: NDArray[np.int64]
    good: NDArray[np.bool_]

    def series(self, name: str) -> pl.Series:
        """The numbers as a column, empty where there is none; nothing is copied."""
        there = None if self.good.all() else pa.py_buffer(np.packbits(self.good, bitorder="little"))
        array = pa.Array.from_buffers(pa.int64(), len(self.values), [there, pa.py_buffer(self.values)])
        return pl.Series(name, array, dtype=pl.Int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A field by its name, or ``size`` bytes of it from its byte ``first`` on, counted from 0."""

    name: str
    first: int = 0
    size: int = _WHOLE


def places_of(parts: Sequence[Part], columns: Mapping[str, int]) -> NDArray[np.int32]:
    """Parts of fields as the kernels take them; ``columns`` are those of the fields."""
    return np.array([(columns[part.name], part.first, part.size) for part in parts], dtype=np.int32).reshape(-1, 3)


def number_fields(fields: FieldSpans, parts: NDArray[np.int32], rows: NDArray[np.int64]) -> list[Numbers]:
    """Parts of fields of some messages as whole numbers of 1 to 18 digits; see ``places_of``."""
    where = (fields.data, fields.base, fields.start, fields.length, parts, rows)
    values, state = span_numbers(*where, fields.alphabet.zero, cores())
    return [Numbers(values=value, good=told == 1) for value, told in zip(values, state, strict=True)]


def text_fields(
    fields: FieldSpans, parts: NDArray[np.int32], rows: NDArray[np.int64], ends: Sequence[str | None]
) -> list[pl.Series]:
    """Whole fields of some messages as texts without the blanks on their right; an absent or blank one is empty.

    ``ends`` is of each field the character before which its text ends, or None.
    """
    page, count = fields.alphabet, len(rows)
    where = (fields.data, fields.base, fields.start, fields.length, parts, rows)
    stops = np.array([-1 if end is None else _byte(page, end) for end in ends], dtype=np.int32)
    views, chars, other = span_texts(*where, _table(page.codes.tobytes()), page.blank, stops, cores())
    found = []
    for at, end in enumerate(ends):
        if other[at]:
            whole = texts(_one(fields, int(parts[at, 0])).rows(rows), "text")
            found.append(whole if end is None else _until(whole, end))
            continue
        there = views[at, :, :4].reshape(count, 4).view(np.int32).reshape(count) > 0
        buffers = [
            pa.py_buffer(np.packbits(there, bitorder="little")),
            pa.py_buffer(views[at]),
            pa.py_buffer(chars[at]),
        ]
        found.append(pl.Series("text", pa.Array.from_buffers(pa.string_view(), count, buffers), dtype=pl.String))
    return found


def _one(fields: FieldSpans, column: int) -> Spans:
    return Spans(
        data=fields.data,
        base=fields.base,
        start=fields.start[column],
        length=fields.length[column],
        alphabet=fields.alphabet,
    )


def _until(whole: pl.Series, end: str) -> pl.Series:
    head = whole.str.split_exact(end, 1).struct.field("field_0").str.strip_chars_end(" ")
    return head.to_frame("text").select(pl.when(pl.col("text") != "").then("text"))["text"]


def _byte(page: Alphabet, character: str) -> int:
    return int(np.flatnonzero(page.codes == ord(character))[0])


@cache
def _table(codes: bytes) -> NDArray[np.uint8]:
    """The ASCII character of each byte, 128 where it has none."""
    told = np.frombuffer(codes, dtype=np.uint16)
    return np.where(told < _ASCII, told, _ASCII).astype(np.uint8)
