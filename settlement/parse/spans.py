"""Fields as byte spans of a file, and the columns they become.

A ``Spans`` names one field of many rows without copying anything. ``texts`` and ``whole_numbers`` turn it into a
Polars column in one pass over the bytes; characters are decoded field by field, after the bytes were cut.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from settlement.kernels.choice import cores
from settlement.kernels.parse import gather, luhn, numbers
from settlement.kernels.text_views import INSIDE, views_of

_LAST_CODE: Final = 0x7FF


@dataclass(frozen=True, slots=True, kw_only=True)
class Alphabet:
    """A single-byte encoding: the code point of each byte, its blank and its digit 0."""

    codes: NDArray[np.uint16]
    blank: int
    zero: int


@cache
def alphabet(encoding: str) -> Alphabet:
    """The alphabet of a single-byte encoding that Python knows, such as ``cp500`` or ``latin-1``.

    Raises
    ------
    LookupError
        If there is no such encoding, or a character takes more than one byte or lies above U+07FF.
    """
    codes = np.full(256, 0xFFFD & _LAST_CODE, dtype=np.uint16)
    for byte in range(256):
        text = bytes([byte]).decode(encoding, "replace")
        if len(text) != 1 or (ord(text) > _LAST_CODE and text != "\N{REPLACEMENT CHARACTER}"):
            raise LookupError(f"{encoding} has no single-byte character for byte {byte:#04x}")
        codes[byte] = ord("?") if text == "\N{REPLACEMENT CHARACTER}" else ord(text)
    return Alphabet(codes=codes, blank=" ".encode(encoding)[0], zero="0".encode(encoding)[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """One field of n rows.

    Attributes
    ----------
    data:
        The bytes of the file, uint8.
    base:
        Where each row starts in ``data``, int64 (n,).
    start, length:
        The field relative to its base, int32 (n,); a negative length is an absent field.
    """

    data: NDArray[np.uint8]
    base: NDArray[np.int64]
    start: NDArray[np.int32]
    length: NDArray[np.int32]
    alphabet: Alphabet

    def part(self, first: int, size: int) -> Spans:
        """The part of each field from ``first`` (counted from 0), cut where the field ends, absent behind its end."""
        left = self.length - np.int32(first)
        length = np.where(left > 0, np.minimum(left, np.int32(size)), np.int32(-1)).astype(np.int32)
        return replace(self, start=(self.start + np.int32(first)).astype(np.int32), length=length)

    def rows(self, at: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Spans:
        """The fields of some rows."""
        return replace(self, base=self.base[at], start=self.start[at], length=self.length[at])


def texts(spans: Spans, name: str) -> pl.Series:
    """The fields as text without the blanks on their right; an absent or blank field is empty."""
    codes, blank = spans.alphabet.codes, spans.alphabet.blank
    offsets, characters = gather(spans.data, spans.base, spans.start, spans.length, codes, blank)
    validity = pa.py_buffer(np.packbits(np.diff(offsets) > 0, bitorder="little"))
    buffers = [validity, pa.py_buffer(offsets), pa.py_buffer(characters)]
    column = pa.Array.from_buffers(pa.large_string(), len(spans.base), buffers)
    return pl.Series(name, column, dtype=pl.String)


def whole_numbers(spans: Spans, name: str) -> pl.DataFrame:
    """The fields as whole numbers: column ``name`` (empty where there is none) and ``<name>_bad``.

    Bad is a field that is there but is not 1 to 18 digits.
    """
    values, state = numbers(spans.data, spans.base, spans.start, spans.length, spans.alphabet.zero, cores())
    frame = pl.DataFrame({name: values, "state": state})
    number = pl.when(pl.col("state") == 1).then(pl.col(name)).alias(name)
    return frame.select(number, (pl.col("state") == 2).alias(f"{name}_bad"))  # noqa: PLR2004


def luhn_of(spans: Spans) -> pl.Series:
    """Whether each field is digits that pass the Luhn check."""
    valid = luhn(spans.data, spans.base, spans.start, spans.length, spans.alphabet.zero, cores())
    return pl.Series("luhn", valid.astype(np.bool_))


def string_spans(column: pl.Series) -> Spans:
    """The values of a text column as spans of their UTF-8 bytes; an empty value is absent."""
    column = column.cast(pl.String)
    views, parts = views_of(column)
    told = views.view(np.int32).reshape(-1, 4)
    null = column.is_null().to_numpy()
    if len(parts) == 1 and (null | (told[:, 0] > INSIDE)).all():
        # All of them lie in one place already.
        zeros, length = np.zeros(len(told), dtype=np.int32), np.where(null, np.int32(-1), told[:, 0])
        base = np.where(null, 0, told[:, 3]).astype(np.int64)
        return Spans(data=parts[0], base=base, start=zeros, length=length, alphabet=alphabet("latin-1"))
    array = column.to_arrow().cast(pa.large_string())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    _, offset_buffer, character_buffer = array.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    data = np.frombuffer(character_buffer or b"", dtype=np.uint8)
    length = np.diff(offsets).astype(np.int32)
    length[null] = -1
    start = np.zeros(len(array), dtype=np.int32)
    return Spans(data=data, base=offsets[:-1], start=start, length=length, alphabet=alphabet("latin-1"))
