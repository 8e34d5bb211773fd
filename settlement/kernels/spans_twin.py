"""Pure-Python twin of ``ext/parse_text.pyx`` and ``ext/parse_digits.pyx``: columns out of byte spans.

Same names, docstrings and results.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST_DIGITS = 18


def gather(  # noqa: PLR0917 (the kernel's own order)
    data: NDArray[np.uint8],
    base: NDArray[np.int64],
    start: NDArray[np.int32],
    length: NDArray[np.int32],
    table: NDArray[np.uint16],
    pad: int,
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Copy spans into the buffers of an Arrow large string column, as UTF-8, without trailing ``pad`` bytes.

    Parameters
    ----------
    data : uint8 (size,)
        The bytes of the file.
    base : int64 (n,)
        Where row i starts in ``data``.
    start, length : int32 (n,)
        The span of row i, relative to its base; a negative length is an absent span and gives no characters.
    table : uint16 (256,)
        Code point (below 0x800) of each byte.
    pad : int
        The byte that fills fields on the right.

    Returns
    -------
    offsets : int64 (n + 1,), chars : uint8 (offsets[n],)

    Raises
    ------
    IndexError
        If a span does not lie inside ``data``.
    """
    pieces: list[bytes] = []
    offsets = np.zeros(len(base) + 1, dtype=np.int64)
    total = 0
    for row, (first, size) in enumerate(bounds(data, base, start, length)):
        piece = data[first : first + size].tobytes().rstrip(bytes([pad]))
        text = "".join(chr(table[byte]) for byte in piece).encode()
        pieces.append(text)
        total += len(text)
        offsets[row + 1] = total
    return offsets, np.frombuffer(b"".join(pieces), dtype=np.uint8)


def numbers(  # noqa: PLR0917 (the kernel's own order)
    data: NDArray[np.uint8],
    base: NDArray[np.int64],
    start: NDArray[np.int32],
    length: NDArray[np.int32],
    zero: int,
    threads: int = 1,
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Read spans of digits as whole numbers.

    Parameters
    ----------
    data, base, start, length
        Spans as for ``gather``.
    zero : int
        The byte of the digit 0 (0x30 in ASCII, 0xF0 in EBCDIC); 1 to 9 follow it.
    threads : int
        Threads to use.

    Returns
    -------
    values : int64 (n,), state : uint8 (n,)
        State 1: a number. 2: not 1 to 18 digits, value 0. 0: absent, value 0.

    Raises
    ------
    IndexError
        If a span does not lie inside ``data``.
    """
    del threads
    values = np.zeros(len(base), dtype=np.int64)
    state = np.zeros(len(base), dtype=np.uint8)
    for row, (first, size) in enumerate(bounds(data, base, start, length)):
        if length[row] < 0:
            continue
        digits = [int(byte) - zero for byte in data[first : first + size]]
        if 1 <= size <= _MOST_DIGITS and all(0 <= digit <= 9 for digit in digits):  # noqa: PLR2004
            values[row] = int("".join(map(str, digits)))
            state[row] = 1
        else:
            state[row] = 2
    return values, state


def luhn(  # noqa: PLR0917 (the kernel's own order)
    data: NDArray[np.uint8],
    base: NDArray[np.int64],
    start: NDArray[np.int32],
    length: NDArray[np.int32],
    zero: int,
    threads: int = 1,
) -> NDArray[np.uint8]:
    """Whether each span is a run of digits whose last one is its Luhn check digit.

    Parameters
    ----------
    data, base, start, length, zero, threads
        Spans, digits and threads as for ``numbers``.

    Returns
    -------
    valid : uint8 (n,)
        1 where the span has at least 2 bytes, all of them digits, and passes; else 0.

    Raises
    ------
    IndexError
        If a span does not lie inside ``data``.
    """
    del threads
    valid = np.zeros(len(base), dtype=np.uint8)
    for row, (first, size) in enumerate(bounds(data, base, start, length)):
        digits = [int(byte) - zero for byte in data[first : first + size]]
        if size < 2 or not all(0 <= digit <= 9 for digit in digits):  # noqa: PLR2004
            continue
        doubled = [divmod(2 * digit, 10) for digit in digits[-2::-2]]
        valid[row] = (sum(digits[::-2]) + sum(map(sum, doubled))) % 10 == 0
    return valid


def bounds(
    data: NDArray[np.uint8], base: NDArray[np.int64], start: NDArray[np.int32], length: NDArray[np.int32]
) -> list[tuple[int, int]]:
    """First byte and size of each span; IndexError where one lies outside the data."""
    bounds = []
    for row in range(len(base)):
        first, size = int(base[row]) + int(start[row]), max(int(length[row]), 0)
        if size and (first < 0 or first + size > len(data)):
            raise IndexError(f"span {row} lies outside the data")
        bounds.append((first, size))
    return bounds
