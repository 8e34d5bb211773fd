"""Pure-Python twin of ``ext/parse_frames.pyx`` and ``ext/parse_elements.pyx``: where messages lie.

Same names, docstrings and results.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TYPE = 4
_HEAD = 20


def frames(data: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int32], int]:
    """Find the messages of a stream of 4-byte big-endian lengths, each followed by a message.

    Parameters
    ----------
    data : uint8 (size,)
        The stream, without blocking.

    Returns
    -------
    base : int64 (n,), length : int32 (n,)
        Start (behind the length) and size of each whole message.
    end : int
        Position behind the zero length that ends the stream; -1 if the stream ends without it, inside a
        message or inside a length.
    """
    base: list[int] = []
    length: list[int] = []
    at, end = 0, -1
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4].tobytes(), "big")
        at += 4
        if size == 0:
            end = at
            break
        if at + size > len(data):
            break
        base.append(at)
        length.append(size)
        at += size
    return np.array(base, dtype=np.int64), np.array(length, dtype=np.int32), end


def element_spans(  # noqa: PLR0917 (the kernel's own order)
    data: NDArray[np.uint8],
    base: NDArray[np.int64],
    size: NDArray[np.int32],
    formats: NDArray[np.int32],
    element_column: NDArray[np.int32],
    tag_column: NDArray[np.int32],
    columns: int,
    zero: int,
    threads: int = 1,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Find data elements and PDS of messages: MTI (4), bitmap (16, first bit set), elements in bitmap order.

    Parameters
    ----------
    data : uint8 (bytes,)
        The stream.
    base : int64 (n,), size : int32 (n,)
        The messages.
    formats : int32 (129,)
        By element: its length, or -2 or -3 for that many length digits before it, 0 where it is unknown.
    element_column : int32 (129,)
        By element: the output column it goes to, -1 for none, -2 where it holds PDS (tag 4, length 3, value).
        Element 0 is the message type.
    tag_column : int32 (10000,)
        By PDS tag: the output column it goes to, -1 for none.
    columns : int
        Number of output columns.
    zero : int
        The byte of the digit 0.
    threads : int
        Threads to use.

    Returns
    -------
    start, length : int32 (columns, n)
        Span of each column in each message, relative to its base; length -1 where it is absent.
    problem : int32 (n,)
        0 for a sound message; else the element that is unknown or does not fit, 1 where head or bitmap are wrong,
        129 where bytes are left over; columns found before are kept. Where PDS are unreadable or repeated, their
        element; columns found in other elements are kept.
    """
    del threads
    rows = len(base)
    start = np.zeros((columns, rows), dtype=np.int32)
    length = np.full((columns, rows), -1, dtype=np.int32)
    problem = np.zeros(rows, dtype=np.int32)
    for row in range(rows):
        if base[row] < 0 or size[row] < 0 or base[row] + size[row] > len(data):
            raise IndexError(f"message {row} lies outside the data")
        message = data[base[row] : base[row] + size[row]].tobytes()
        problem[row] = _message(message, row, formats, element_column, tag_column, start, length, zero)
    return start, length, problem


def _message(  # noqa: PLR0917 (the kernel's own order)
    message: bytes,
    row: int,
    formats: NDArray[np.int32],
    element_column: NDArray[np.int32],
    tag_column: NDArray[np.int32],
    start: NDArray[np.int32],
    length: NDArray[np.int32],
    zero: int,
) -> int:
    column = int(element_column[0])
    if column >= 0 and len(message) >= _TYPE:
        start[column, row], length[column, row] = 0, _TYPE
    if len(message) < _HEAD or not message[4] & 0x80:
        return 1
    bitmap = int.from_bytes(message[4:_HEAD], "big")
    at, problem = _HEAD, 0
    for element in range(2, 129):
        if not bitmap >> (128 - element) & 1:
            continue
        size = int(formats[element])
        if size < 0:
            head = _number(message, at, -size, zero)
            at, size = at - size, head
        elif size == 0:
            return element
        if size < 0 or at + size > len(message):
            return element
        column = int(element_column[element])
        if column >= 0:
            start[column, row], length[column, row] = at, size
        elif column == -2 and not _pds(message, at, at + size, row, tag_column, start, length, zero):  # noqa: PLR2004
            problem = element  # the elements behind it can still be read
        at += size
    return problem if at == len(message) else 129


def _pds(  # noqa: PLR0917 (the kernel's own order)
    message: bytes,
    at: int,
    end: int,
    row: int,
    tag_column: NDArray[np.int32],
    start: NDArray[np.int32],
    length: NDArray[np.int32],
    zero: int,
) -> bool:
    while at < end:
        tag, size = _number(message[:end], at, 4, zero), _number(message[:end], at + 4, 3, zero)
        at += 7
        if tag < 0 or size < 0 or at + size > end:
            return False
        column = int(tag_column[tag])
        if column >= 0:
            if length[column, row] >= 0:
                return False
            start[column, row], length[column, row] = at, size
        at += size
    return True


def _number(message: bytes, at: int, digits: int, zero: int) -> int:
    """The digits at a place as a number; -1 where they are no digits or lie behind the end."""
    found = [byte - zero for byte in message[at : at + digits]]
    if len(found) < digits or not all(0 <= digit <= 9 for digit in found):  # noqa: PLR2004
        return -1
    return int("".join(map(str, found)))
