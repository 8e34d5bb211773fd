"""Pure-Python twin of ``ext/parse_fixed.pyx``: lines of fixed width. Same name, docstring and results."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from settlement.kernels.views_twin import INSIDE, view_of

_PART = 1 << 30
_ODD = 0x80


def whole_lines(  # noqa: PLR0917 (the kernel's own order)
    data: NDArray[np.uint8],
    base: NDArray[np.int64],
    length: int,
    places: NDArray[np.int32],
    marks: NDArray[np.uint8],
    end: int = -1,
    threads: int = 1,
) -> NDArray[np.uint8]:
    """Find the lines that have certain bytes in certain places.

    Parameters
    ----------
    data : uint8 (size,)
        The bytes of the file.
    base : int64 (n,)
        Where line i starts in ``data``.
    length : int
        Bytes of each line.
    places : int32 (k,), marks : uint8 (k,)
        The byte that must stand in each place, counted from 0; a place may lie behind the line, inside ``data``.
    end : int
        A byte that must not stand in a line; -1 for none.
    threads : int
        Threads to use.

    Returns
    -------
    uint8 (n,)
        1 where all of that is so.

    Raises
    ------
    IndexError
        If a line or a place does not lie inside ``data``.
    """
    reach = max(length, int(np.max(places, initial=-1)) + 1)
    if length < 1 or len(places) != len(marks) or np.min(places, initial=0) < 0 or threads < 1:
        raise IndexError("a line needs a byte, each place its mark, and at least one thread is needed")
    if len(base) and (base.min() < 0 or int(base.max()) + reach > len(data)):
        raise IndexError("a line lies outside the data")
    whole = [
        end not in data[start : start + length].tolist()
        and all(data[start + place] == mark for place, mark in zip(places, marks, strict=True))
        for start in base.tolist()
    ]
    return np.array(whole, dtype=np.uint8)


def fixed_fields(  # noqa: PLR0917 (the kernel's own order)
    data: NDArray[np.uint8],
    base: NDArray[np.int64],
    first: NDArray[np.int32],
    size: NDArray[np.int32],
    table: NDArray[np.uint8],
    threads: int = 1,
) -> tuple[NDArray[np.int32], list[list[NDArray[np.uint8]]], NDArray[np.uint8]]:
    """Cut fields out of lines as text columns, without the blanks around them.

    Parameters
    ----------
    data : uint8 (bytes,)
        The bytes of the file.
    base : int64 (n,)
        Where line i starts in ``data``.
    first, size : int32 (k,)
        Where each field starts in its line, counted from 0, and its bytes, at least one.
    table : uint8 (256,)
        The ASCII character of each byte; 0x80 and above where it has none.
    threads : int
        Threads to use.

    Returns
    -------
    views : int32 (k, n, 4)
        Arrow's views of the texts of each field.
    chars : list of k lists of uint8
        What the views point into, in parts of up to 1 GiB; none where the field has at most 12 bytes.
    odd : uint8 (k, n)
        1 where a byte is no ASCII character; the text is empty there.

    Raises
    ------
    IndexError
        If a field does not lie inside ``data``.
    """
    fields, rows = len(first), len(base)
    if len(size) != fields or len(table) != 256 or threads < 1:  # noqa: PLR2004 (one a byte)
        raise IndexError("each field needs a size, the table 256 entries, and at least one thread is needed")
    if fields and (first.min() < 0 or size.min() < 1 or size.max() > _PART):
        raise IndexError("a field needs a start inside its line and at least one byte")
    if rows and fields and (base.min() < 0 or int(base.max()) + int((first.astype(np.int64) + size).max()) > len(data)):
        raise IndexError("a field lies outside the data")
    views = np.zeros((fields, rows, 4), dtype=np.int32)
    odd = np.zeros((fields, rows), dtype=np.uint8)
    parts: list[list[NDArray[np.uint8]]] = []
    for field, (at, width) in enumerate(zip(first.tolist(), size.tolist(), strict=True)):
        step = _PART // width
        kept = np.zeros(rows * width if width > INSIDE else 0, dtype=np.uint8)
        for row, start in enumerate(base.tolist()):
            text = table[data[start + at : start + at + width]].tobytes().strip(b" ")
            odd[field, row] = any(byte >= _ODD for byte in text)
            if not odd[field, row]:
                views[field, row] = view_of(text, row // step, row % step * width)
                if len(text) > INSIDE:
                    kept[row * width : row * width + len(text)] = np.frombuffer(text, dtype=np.uint8)
        whole = step * width
        parts.append([kept[begin : begin + whole] for begin in range(0, len(kept), whole)])
    return views, parts, odd
