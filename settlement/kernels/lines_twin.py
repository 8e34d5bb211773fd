"""Pure-Python twin of ``ext/parse_lines.pyx``: the lines of delimited text. Same name, docstring and results."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

_PLAIN, _QUOTED, _OTHER = 0, 1, 2


def line_fields(
    data: NDArray[np.uint8], separator: int, quote: int, escape: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32], NDArray[np.uint8]]:
    """Find the lines of delimited text, and count the fields and quotes of each.

    Parameters
    ----------
    data : uint8 (size,)
        Text in an encoding that keeps ASCII, lines ended by x'0A'. What follows the last end is left out.
    separator, quote, escape : int
        The byte between fields, the one around a field (-1: none), the one that takes the next byte's meaning
        away (-1: none).

    Returns
    -------
    ends : int64 (n,)
        Where the end of each line stands.
    fields : int32 (n,)
        Separators and one more; where ``state`` is 1, those inside quotes are left out.
    quotes : int32 (n,)
        Quotes, escaped ones left out.
    state : uint8 (n,)
        0: no quote or escape. 1: quotes stand around whole fields and nowhere else. 2: any other line.
    """
    between, around, away = (b"" if mark < 0 else bytes([mark]) for mark in (separator, quote, escape))
    part, inside = re.escape(between), re.escape(around)
    whole = rb"(?:%b[^%b]*%b|[^%b%b]*)" % (inside, inside, inside, part, inside)
    told = []
    for line in data.tobytes().split(b"\n")[:-1]:
        fields, quotes, state = line.count(between) + 1, around and line.count(around), _PLAIN
        if away and away in line:
            state, quotes = _OTHER, around and re.sub(re.escape(away) + b"(?s:.?)", b"", line).count(around)
        elif quotes:
            clean = re.fullmatch(rb"%b(?:%b%b)*" % (whole, part, whole), line) is not None
            state = _QUOTED if clean else _OTHER
            bare = re.sub(rb"%b[^%b]*%b" % (inside, inside, inside), b"", line)
            fields = bare.count(between) + 1 if clean else fields
        told.append((len(line), fields, quotes or 0, state))
    sizes, counts, marks, states = (list(column) for column in zip(*told, strict=True)) if told else ([], [], [], [])
    ends = np.cumsum(np.array(sizes, dtype=np.int64) + 1) - 1
    return ends, np.array(counts, np.int32), np.array(marks, np.int32), np.array(states, np.uint8)
