"""Pure-Python twin of ``parse_places``, ``parse_positions``, ``parse_position_texts`` and ``parse_groups`` of ``ext/``.

Same names, docstrings and results.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST_DIGITS = 18
_INLINE = 12
_ASCII = 128


def byte_places(data: NDArray[np.uint8], byte: int, threads: int = 1) -> NDArray[np.int64]:
    """Find a byte.

    Parameters
    ----------
    data : uint8 (size,)
        The bytes of the file.
    byte : int
        The byte that is looked for, such as a line feed.
    threads : int
        Threads to use.

    Returns
    -------
    places : int64 (n,)
        Every place where it stands, ascending.

    Raises
    ------
    ValueError
        If there is no thread.
    """
    if threads < 1:
        raise ValueError("at least one thread is needed")
    return np.flatnonzero(data == byte).astype(np.int64)


def position_numbers(  # noqa: PLR0917 (the kernel's own order)
    data: NDArray[np.uint8],
    base: NDArray[np.int64],
    length: NDArray[np.int32],
    fields: NDArray[np.int32],
    zero: int,
    blank: int,
    threads: int = 1,
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Read fields of digits at fixed positions of records as whole numbers.

    Parameters
    ----------
    data : uint8 (size,)
        The bytes of the file.
    base : int64 (n,), length : int32 (n,)
        Where each record starts and how long it is; one that is not there has no positive length.
    fields : int32 (f, 2)
        First byte of each field in its record, from 0, and its size, at most 18; cut where the record ends.
    zero, blank : int
        The byte of the digit 0, 1 to 9 follow it; and the byte of a blank.
    threads : int
        Threads to use.

    Returns
    -------
    values : int64 (f, n), state : uint8 (f, n)
        State 1: a number. 2: neither digits nor blank, value 0. 0: not there, or nothing but blanks, value 0.

    Raises
    ------
    IndexError
        If a record does not lie inside ``data``.
    ValueError
        If a field is longer than 18.
    """
    del threads
    _require(data, base, length, fields)
    if len(fields) and fields[:, 1].max() > _MOST_DIGITS:
        raise ValueError("a field has more than 18 digits")
    values = np.zeros((len(fields), len(base)), dtype=np.int64)
    state = np.zeros((len(fields), len(base)), dtype=np.uint8)
    for field, (first, size) in enumerate(fields.tolist()):
        for row in range(len(base)):
            digits = _cut(data, base, length, row, first, size).astype(np.int64) - zero
            if len(digits) and ((digits >= 0) & (digits <= 9)).all():  # noqa: PLR2004
                values[field, row], state[field, row] = int("".join(map(str, digits))), 1
            elif (digits + zero != blank).any():
                state[field, row] = 2
    return values, state


def position_texts(  # noqa: PLR0917 (the kernel's own order)
    data: NDArray[np.uint8],
    base: NDArray[np.int64],
    length: NDArray[np.int32],
    fields: NDArray[np.int32],
    table: NDArray[np.uint8],
    blank: int,
    threads: int = 1,
) -> tuple[NDArray[np.uint8], list[NDArray[np.uint8]], NDArray[np.uint8]]:
    """Read fields of text at fixed positions of records into the buffers of Arrow string views.

    Parameters
    ----------
    data, base, length, fields, threads
        As for ``position_numbers``, fields of any size; n times a size must stay below 2 ** 31.
    table : uint8 (256,)
        The ASCII character of each byte, 128 or more where it has none.
    blank : int
        The byte that fills fields on the right.

    Returns
    -------
    views : uint8 (f, n, 16), chars : list of f uint8 arrays, other : uint8 (f,)
        A view is the length and up to 12 characters, or 4 characters, buffer 0 and the place in the field's chars.
        Other than 0 where some text of the field is not ASCII: then its views say nothing.

    Raises
    ------
    IndexError
        If a record does not lie inside ``data``, or the table has not 256 entries.
    ValueError
        If a field of all records takes 2 ** 31 bytes or more.
    """
    del threads
    _require(data, base, length, fields)
    if len(table) != 256:  # noqa: PLR2004
        raise IndexError("table must have 256 entries")
    rows = len(base)
    if len(fields) and rows * int(fields[:, 1].max()) >= 1 << 31:
        raise ValueError("too many records for one buffer")
    views = np.zeros((len(fields), rows, 16), dtype=np.uint8)
    chars = [np.zeros(rows * size, dtype=np.uint8) for size in fields[:, 1].tolist()]
    other = np.zeros(len(fields), dtype=np.uint8)
    for field, (first, size) in enumerate(fields.tolist()):
        for row in range(rows):
            text = table[
                np.frombuffer(_cut(data, base, length, row, first, size).tobytes().rstrip(bytes([blank])), np.uint8)
            ]
            other[field] |= bool((text >= _ASCII).any())
            told = np.frombuffer(np.array([len(text)], dtype=np.int32).tobytes(), dtype=np.uint8)
            views[field, row, :4] = told
            if len(text) <= _INLINE:
                views[field, row, 4 : 4 + len(text)] = text
            else:
                views[field, row, 4:8] = text[:4]
                views[field, row, 12:] = np.frombuffer(np.array([row * size], dtype=np.int32).tobytes(), dtype=np.uint8)
                chars[field][row * size : row * size + len(text)] = text
    return views, chars, other


def grouped_records(  # noqa: PLR0917 (the kernel's own order)
    code: NDArray[np.int64],
    kind: NDArray[np.int64],
    number: NDArray[np.int64],
    size: NDArray[np.int64],
    outside: NDArray[np.int64],
    wanted: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
    """Put records together: each first one (number 0) with those behind it that continue it.

    Parameters
    ----------
    code, kind : int64 (n,)
        What a first record and its continuations share; a record whose code is negative continues nothing.
    number : int64 (n,)
        0 where a record is a first one, more where it continues one, negative where neither can be told.
    size : int64 (n,)
        The bytes of each record.
    outside : int64 (k,)
        Codes of records that are no part of any transaction, each below 100.
    wanted : int64 (w,)
        Numbers of the continuations to be told.

    Returns
    -------
    first : int64 (m,)
        The first records, and those that continue nothing, ascending.
    parts, times : int64 (w, m)
        By wanted number its last continuation, -1 where there is none; and how often it is there.
    whole : int64 (m,)
        The bytes of each with all that continues it.
    continues : uint8 (n,)
        1 where a record continues another.

    Raises
    ------
    IndexError
        If the columns differ in length, or a code outside is not 0 to 99.
    """
    if not len(code) == len(kind) == len(number) == len(size):
        raise IndexError("code, kind, number and size differ in length")
    if len(outside) and not 0 <= outside.min() <= outside.max() < 100:  # noqa: PLR2004
        raise IndexError("a code outside is not 0 to 99")
    head, group, owners = -1, -1, np.full(len(code), -1, dtype=np.int64)
    first: list[int] = []
    for row in range(len(code)):
        if number[row] == 0:
            head, group = row, -1
        if code[row] in outside:
            continue
        same = group >= 0 and 0 <= code[row] == code[head] and kind[row] == kind[head]
        if number[row] > 0 and same:
            owners[row] = group
            continue
        if number[row] == 0:
            group = len(first)
        first.append(row)
    parts = np.full((len(wanted), len(first)), -1, dtype=np.int64)
    times = np.zeros((len(wanted), len(first)), dtype=np.int64)
    whole = size[first].astype(np.int64) if first else np.empty(0, dtype=np.int64)
    for row in np.flatnonzero(owners >= 0).tolist():
        whole[owners[row]] += size[row]
        for place in np.flatnonzero(wanted == number[row]):
            parts[place, owners[row]] = row
            times[place, owners[row]] += 1
    return np.array(first, dtype=np.int64), parts, times, whole, (owners >= 0).astype(np.uint8)


def _cut(  # noqa: PLR0917 (a record and a field)
    data: NDArray[np.uint8], base: NDArray[np.int64], length: NDArray[np.int32], row: int, first: int, size: int
) -> NDArray[np.uint8]:
    start = int(base[row]) + first
    return data[start : start + max(0, min(size, int(length[row]) - first))]


def _require(
    data: NDArray[np.uint8], base: NDArray[np.int64], length: NDArray[np.int32], fields: NDArray[np.int32]
) -> None:
    if len(length) != len(base) or fields.shape[1] != 2:  # noqa: PLR2004
        raise IndexError("base and length differ in length, or fields are no pairs")
    if len(fields) and fields.min() < 0:
        raise IndexError("a field begins before its record")
    bad = np.flatnonzero((length > 0) & ((base < 0) | (base + length > len(data))))
    if len(bad):
        raise IndexError(f"record {bad[0]} lies outside the data")
