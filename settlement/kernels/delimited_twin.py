"""Pure-Python twin of ``ext/parse_delimited.pyx``: fields of delimited lines. Same name, docstring and results."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from settlement.kernels.views_twin import INSIDE, view_of

_PART = 1 << 30


def delimited_fields(  # noqa: PLR0917 (the kernel's own order)
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    separator: int,
    quote: int,
    wanted: NDArray[np.int32],
    threads: int = 1,
) -> tuple[NDArray[np.int32], list[list[NDArray[np.uint8]]]]:
    """Cut fields out of delimited lines as text columns.

    Parameters
    ----------
    data : uint8 (size,)
        Text in UTF-8.
    starts, ends : int64 (n,)
        Each line without its end. Its quotes, if any, stand around whole fields and nowhere else.
    separator, quote : int
        The byte between fields, and the one around a field (-1: none), which is taken off.
    wanted : int32 (k,)
        The numbers of the fields, from 0, ascending.
    threads : int
        Threads to use.

    Returns
    -------
    views : int32 (k, n, 4)
        Arrow's views of the texts of each field; a field that a line does not have is empty.
    chars : list of k lists of uint8
        What the views of each point into, in parts of up to 1 GiB.

    Raises
    ------
    IndexError
        If a line does not lie inside ``data`` or has 1 GiB or more, or wanted fields do not ascend.
    """
    if len(ends) != len(starts) or threads < 1:
        raise IndexError("each line needs a start and an end, and at least one thread is needed")
    if len(wanted) and (wanted[0] < 0 or np.min(np.diff(wanted), initial=1) < 1):
        raise IndexError("wanted fields do not ascend")
    sizes = ends - starts
    if len(starts) and (starts.min() < 0 or ends.max() > len(data) or sizes.min() < 0 or sizes.max() >= _PART):
        raise IndexError("a line does not lie inside the data")
    views = np.zeros((len(wanted), len(starts), 4), dtype=np.int32)
    kept = [bytearray() for _ in wanted]
    around = re.escape(bytes([quote])) if quote >= 0 else rb"[^\s\S]"
    between = re.escape(bytes([separator]))
    field = re.compile(rb"(?s)%b(.*?)%b(?:%b|\Z)|([^%b]*)(?:%b|\Z)" % (around, around, between, between, between))
    for row, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        line, at, texts = data[start:end].tobytes(), 0, []
        while at <= len(line) and (found := field.match(line, at)):
            texts.append(found[2] if found[1] is None else found[1])
            at = found.end() if found[0].endswith(bytes([separator])) and found.end() > at else len(line) + 1
        for column, number in enumerate(wanted.tolist()):
            text = texts[number] if number < len(texts) else b""
            if len(text) > INSIDE:
                room = _PART - len(kept[column]) % _PART
                kept[column] += b"\0" * room if room < len(text) else b""
            views[column, row] = view_of(text, *divmod(len(kept[column]), _PART))
            kept[column] += text if len(text) > INSIDE else b""
    whole = [np.frombuffer(bytes(one), dtype=np.uint8) for one in kept]
    return views, [[one[at : at + _PART] for at in range(0, len(one), _PART)] for one in whole]
