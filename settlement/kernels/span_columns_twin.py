"""Pure-Python twin of ``ext/parse_span_numbers.pyx`` and ``ext/parse_span_texts.pyx``: fields of messages as columns.

Same names, docstrings and results.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from settlement.kernels.spans_twin import bounds, numbers

_INLINE = 12
_ASCII = 128


def span_numbers(  # noqa: PLR0917 (the kernel's own order)
    data: NDArray[np.uint8],
    base: NDArray[np.int64],
    start: NDArray[np.int32],
    length: NDArray[np.int32],
    fields: NDArray[np.int32],
    rows: NDArray[np.int64],
    zero: int,
    threads: int = 1,
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Read fields of some messages as whole numbers.

    Parameters
    ----------
    data : uint8 (size,)
        The bytes of the file.
    base : int64 (n,)
        Where message i starts in ``data``.
    start, length : int32 (c, n)
        Spans relative to their message; a negative length is an absent one.
    fields : int32 (f, 3)
        Of each field that is read its column, and what part of it: from which byte on, and at most how many. A part
        behind the end of its span is absent.
    rows : int64 (m,)
        The messages that are read.
    zero : int
        The byte of the digit 0; 1 to 9 follow it.
    threads : int
        Threads to use.

    Returns
    -------
    values : int64 (f, m), state : uint8 (f, m)
        State 1: a number. 2: not 1 to 18 digits, value 0. 0: absent, value 0.

    Raises
    ------
    IndexError
        If a span does not lie inside ``data``, or a row or field is none.
    ValueError
        If there is no thread.
    """
    _require(base, start, length, fields, rows, threads)
    values = np.zeros((len(fields), len(rows)), dtype=np.int64)
    state = np.zeros((len(fields), len(rows)), dtype=np.uint8)
    for field, part in enumerate(fields):
        values[field], state[field] = numbers(data, base[rows], *_part(start, length, part, rows), zero)
    return values, state


def span_texts(  # noqa: PLR0917 (the kernel's own order)
    data: NDArray[np.uint8],
    base: NDArray[np.int64],
    start: NDArray[np.int32],
    length: NDArray[np.int32],
    fields: NDArray[np.int32],
    rows: NDArray[np.int64],
    table: NDArray[np.uint8],
    pad: int,
    stops: NDArray[np.int32],
    threads: int = 1,
) -> tuple[NDArray[np.uint8], list[NDArray[np.uint8]], NDArray[np.uint8]]:
    """Read fields of some messages into the buffers of Arrow string views, without trailing ``pad`` bytes.

    Parameters
    ----------
    data, base, start, length, fields, rows, threads
        As for ``span_numbers``.
    table : uint8 (256,)
        The ASCII character of each byte, 128 or more where it has none.
    pad : int
        The byte that fills fields on the right.
    stops : int32 (f,)
        The byte before which the text of each field ends, -1 where it is the whole field.

    Returns
    -------
    views : uint8 (f, m, 16), chars : list of f uint8 arrays, other : uint8 (f,)
        A view is the length and up to 12 characters, or 4 characters, buffer 0 and the place in the field's chars.
        Other than 0 where some text of the field is not ASCII: then its views say nothing.

    Raises
    ------
    IndexError
        If a span does not lie inside ``data``, a row or field is none, or the table has not 256 entries, or a
        field no stop.
    ValueError
        If the texts of a field take 2 ** 31 bytes or more, or there is no thread.
    """
    _require(base, start, length, fields, rows, threads)
    if len(table) != 256 or len(stops) != len(fields):  # noqa: PLR2004
        raise IndexError("the table must have 256 entries, each field a stop")
    views = np.zeros((len(fields), len(rows), 16), dtype=np.uint8)
    chars, other = [], np.zeros(len(fields), dtype=np.uint8)
    for field, part in enumerate(fields):
        places, whole = bounds(data, base[rows], *_part(start, length, part, rows)), bytearray()
        if sum(size for _, size in places if size > _INLINE) >= 1 << 31:
            raise ValueError("too many characters for one buffer")
        for row, (first, size) in enumerate(places):
            piece = data[first : first + size].tobytes()
            piece = piece.split(bytes([stops[field]]))[0] if stops[field] >= 0 else piece
            text = table[np.frombuffer(piece.rstrip(bytes([pad])), dtype=np.uint8)]
            other[field] |= bool((text >= _ASCII).any())
            view = len(text).to_bytes(4, "little") + text[:_INLINE].tobytes().ljust(12, b"\x00")
            if len(text) > _INLINE:
                view = view[:8] + bytes(4) + len(whole).to_bytes(4, "little")
            views[field, row] = np.frombuffer(view, dtype=np.uint8)
            # A long field keeps its whole place, whatever it loses on the right.
            whole += text.tobytes().ljust(size, b"\x00") if size > _INLINE else b""
        chars.append(np.frombuffer(bytes(whole), dtype=np.uint8))
    return views, chars, other


def _part(
    start: NDArray[np.int32], length: NDArray[np.int32], part: NDArray[np.int32], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    column, first, size = part.tolist()
    left = length[column][rows] - first
    there = left > 0 if first else left >= 0
    return start[column][rows] + np.int32(first), np.where(there, np.minimum(left, size), -1).astype(np.int32)


def _require(  # noqa: PLR0917 (the kernel's own order)
    base: NDArray[np.int64],
    start: NDArray[np.int32],
    length: NDArray[np.int32],
    fields: NDArray[np.int32],
    rows: NDArray[np.int64],
    threads: int,
) -> None:
    if start.shape != length.shape or start.shape[1:] != base.shape:
        raise IndexError("base, start and length differ in length")
    if threads < 1:
        raise ValueError("at least one thread is needed")
    if fields.shape[1] != 3 or fields.min(initial=0) < 0 or fields[:, 0].max(initial=-1) >= len(start):  # noqa: PLR2004
        raise IndexError("a field is of no column, or begins before it")
    if len(rows) and not 0 <= rows.min() <= rows.max() < len(base):
        raise IndexError("a row is no message")
