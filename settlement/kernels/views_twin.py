"""Pure-Python twin of ``ext/parse_views.pyx``: text columns as numbers and times. Same name, docstring and results."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

INSIDE = 12
"""Bytes of a text that its view holds itself."""

_VIEW = 16
_MOST_FEW = 1024
_PLACES = range(5)
_LIMIT = 10**17
_YEARS = 416
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OFFSETS = (b"", b"(?:Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])", b"(?:Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])")
_NAMES = (b"Y", b"m", b"d", b"H", b"M", b"S")


def decimals(
    views: NDArray[np.uint8], parts: Sequence[NDArray[np.uint8]], exponents: NDArray[np.int8], point: int, signed: bool
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Read texts as decimals, exactly.

    Parameters
    ----------
    views : uint8 (16 n,), parts : list of uint8
        Arrow's views of the texts, and what they point into.
    exponents : int8 (n,) or (1,)
        Decimals that the number of each row, or of all, may have; outside 0 .. 4 it has no number.
    point : int
        The byte before the decimals; -1 for none.
    signed : bool
        Whether a sign may stand before the digits.

    Returns
    -------
    values : int64 (n,), good : uint8 (n,)
        In units of 10 to the minus exponent, below 10 to the 17th. Good is 0, and so is the value, where the text is
        not 1 to 15 digits, or these, a point and 1 to 15 more, or has decimals other than 0 behind the row's last.

    Raises
    ------
    ValueError
        If a view points outside its parts, or rows and exponents are not equally many.
    """
    texts = texts_of(views, parts)
    if len(exponents) not in {1, len(texts)}:
        raise ValueError("rows and exponents are not equally many.")
    values, good = np.zeros(len(texts), dtype=np.int64), np.zeros(len(texts), dtype=np.uint8)
    sign, behind = (rb"[+-]?" if signed else b""), re.escape(bytes([point])) if point >= 0 else rb"[^\s\S]"
    form = re.compile(rb"(%b)([0-9]{1,15})(?:%b([0-9]{1,15}))?" % (sign, behind))
    for row, (text, exponent) in enumerate(zip(texts, np.broadcast_to(exponents, len(texts)).tolist(), strict=True)):
        found = form.fullmatch(text)
        if found is None or exponent not in _PLACES:
            continue
        places = (found[3] or b"").rstrip(b"0")
        value = int(found[2] + places.ljust(exponent, b"0"))
        if len(places) <= exponent and value < _LIMIT:
            values[row], good[row] = (-value if found[1] == b"-" else value), 1
    return values, good


def times(
    views: NDArray[np.uint8],
    parts: Sequence[NDArray[np.uint8]],
    form: NDArray[np.uint8],
    offset: int,
    years: NDArray[np.int32],
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Read texts of one form as times, to the second.

    Parameters
    ----------
    views, parts
        Texts as for ``decimals``.
    form : uint8 (k,)
        What stands at each byte: 0 the first of four digits of a year, 1 to 5 the first of two digits of month, day,
        hour, minute and second (what stands for the other digits is not looked at), 8 and above that very byte.
    offset : int
        1 where an offset follows, ``Z`` or a sign, hours and minutes, with or without a colon; 2 with a colon only.
    years : int32 (416,) or (0,)
        Of each 32 * month + day its year, 0 for none, where the form has none.

    Returns
    -------
    seconds : int64 (n,), good : uint8 (n,)
        Since the first second of 1970, an offset left out. Good is 0 where the text has not this form, or there is no
        such time in the years 1 to 9999: the value is 0.

    Raises
    ------
    ValueError
        If a view points outside its parts, or form or years are of another length.
    """
    texts, pattern, at = texts_of(views, parts), b"", 0
    while at < len(form):
        part, width = int(form[at]), 1
        if part < len(_NAMES):
            width = 2 if part else 4
            pattern += rb"(?P<%b>[0-9]{%d})" % (_NAMES[part], width)
        else:
            pattern += re.escape(bytes([part]))
        at += width
    if at != len(form) or not at or len(years) not in {0, _YEARS} or not 0 <= offset < len(_OFFSETS):
        raise ValueError("form or years are of another length.")
    whole = re.compile(pattern + _OFFSETS[offset])
    seconds, good = np.zeros(len(texts), dtype=np.int64), np.zeros(len(texts), dtype=np.uint8)
    for row, text in enumerate(texts):
        if (found := whole.fullmatch(text)) is None:
            continue
        told = {name: int(digits) for name, digits in found.groupdict().items()}
        month, day = told.get("m", 1), told.get("d", 1)
        in_table = len(years) and month <= 12 and day <= 31  # noqa: PLR2004 (places of the table)
        year = (int(years[32 * month + day]) if in_table else 0) if len(years) else told.get("Y", 0)
        try:
            time = datetime(year, month, day, told.get("H", 0), told.get("M", 0), told.get("S", 0), tzinfo=UTC)
        except ValueError:
            continue
        seconds[row], good[row] = (time - _EPOCH).days * 86_400 + (time - _EPOCH).seconds, 1
    return seconds, good


def holding(
    views: NDArray[np.uint8], parts: Sequence[NDArray[np.uint8]], wanted: NDArray[np.uint8], least: int
) -> NDArray[np.int64]:
    """Find texts that hold at least so many of some bytes.

    Parameters
    ----------
    views, parts
        Texts as for ``decimals``.
    wanted : uint8 (256,)
        1 for each byte that counts, 0 for the others.
    least : int
        How many must be there.

    Returns
    -------
    int64 (k,)
        Their rows, ascending.

    Raises
    ------
    ValueError
        If a view points outside its parts, or ``wanted`` has not 256 entries.
    """
    if len(wanted) != 256:  # noqa: PLR2004 (one a byte)
        raise ValueError("each byte has an entry.")
    texts = texts_of(views, parts)
    there = [len(text) >= least and sum(int(wanted[byte]) for byte in text) >= least for text in texts]
    return np.flatnonzero(np.array(there, dtype=np.bool_)).astype(np.int64)


def few(views: NDArray[np.uint8], most: int) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """Number the distinct values of a column of short texts.

    Parameters
    ----------
    views : uint8 (16 n,)
        Arrow's views of the texts; what a view of more than 12 bytes points into is not looked at.
    most : int
        Most distinct values that are numbered, at most 1,024.

    Returns
    -------
    codes : uint16 (n,), first : int64 (k,)
        The number of each row's value, in the order in which they come, and the first row that has it; both empty where
        a text has more than 12 bytes, or there are more values.

    Raises
    ------
    ValueError
        If ``most`` is not 0 to 1,024.
    """
    if not 0 <= most <= _MOST_FEW:
        raise ValueError("at most 1,024 values are numbered.")
    none = np.zeros(0, dtype=np.uint16), np.zeros(0, dtype=np.int64)
    rows = [bytes(view) for view in views.reshape(-1, _VIEW)]
    if not rows or any(not 0 <= int.from_bytes(view[:4], "little", signed=True) <= INSIDE for view in rows):
        return none
    first: dict[bytes, int] = {}
    for row, view in enumerate(rows):
        first.setdefault(view, row)
    if len(first) > most:
        return none
    number = {view: code for code, view in enumerate(first)}
    return np.array([number[view] for view in rows], dtype=np.uint16), np.array([*first.values()], dtype=np.int64)


def view_of(text: bytes, part: int, offset: int) -> NDArray[np.int32]:
    """Arrow's view of a text, which a longer one keeps at ``offset`` of ``part``."""
    size = len(text).to_bytes(4, "little")
    if len(text) <= INSIDE:
        return np.frombuffer(size + text.ljust(INSIDE, b"\0"), dtype=np.int32)
    return np.frombuffer(size + text[:4] + part.to_bytes(4, "little") + offset.to_bytes(4, "little"), dtype=np.int32)


def texts_of(views: NDArray[np.uint8], parts: Sequence[NDArray[np.uint8]]) -> list[bytes]:
    """The texts of views; ValueError where one points outside its parts."""
    if len(views) % _VIEW:
        raise ValueError("a view has 16 bytes.")
    return [_text(bytes(view), parts) for view in views.reshape(-1, _VIEW)]


def _text(view: bytes, parts: Sequence[NDArray[np.uint8]]) -> bytes:
    size, part, offset = (int.from_bytes(view[at : at + 4], "little", signed=True) for at in (0, 8, 12))
    if 0 <= size <= INSIDE:
        return view[4 : 4 + size]
    if size < 0 or not 0 <= part < len(parts) or offset < 0 or offset + size > len(parts[part]):
        raise ValueError("a view of a text points outside its parts.")
    return parts[part][offset : offset + size].tobytes()
