"""Pure-Python twin of ``ext/parse_runs.pyx``: texts in which so many digits stand together. Same name and results."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from settlement.kernels.views_twin import texts_of

_BYTES = 256
_GROUPS = 32


def digit_runs(  # noqa: PLR0917 (the kernel's own order)
    views: NDArray[np.uint8],
    parts: Sequence[NDArray[np.uint8]],
    between: NDArray[np.uint8],
    first: int,
    least: int,
    most: int,
    threads: int = 1,
) -> NDArray[np.int64]:
    """Find texts in which so many digits stand together, as those of a card number do.

    Parameters
    ----------
    views : uint8 (16 n,), parts : list of uint8
        Arrow's views of the texts, and what they point into.
    between : uint8 (256,)
        1 for each byte that may stand, alone, between two digits that belong together.
    first : int
        Bit d is set where digit d may be the first of them.
    least, most : int
        How many they are. They begin where no digit stands before them and end where none follows.
    threads : int
        Threads to use.

    Returns
    -------
    int64 (k,)
        Their rows, ascending; a text of more than 32 groups of digits that belong together is always among them.

    Raises
    ------
    ValueError
        If a view points outside its parts, ``between`` has not 256 entries, or there is no thread.
    """
    if len(between) != _BYTES or threads < 1:
        raise ValueError("each byte has an entry, and at least one thread is needed.")
    marks = re.escape(bytes(np.flatnonzero(between).astype(np.uint8)))
    together = re.compile(b"[0-9]+(?:[%b][0-9]+)*" % marks if marks else b"[0-9]+")
    there = [
        len(text) >= least and any(_has(found[0], first, least, most) for found in together.finditer(text))
        for text in texts_of(views, parts)
    ]
    return np.flatnonzero(np.array(there, dtype=np.bool_)).astype(np.int64)


def _has(together: bytes, first: int, least: int, most: int) -> bool:
    """Whether some of these groups, one behind the other, have so many digits in all."""
    groups = re.findall(b"[0-9]+", together)
    sizes = np.array([len(group) for group in groups])
    return len(groups) > _GROUPS or any(
        first >> int(groups[begin][:1]) & 1 and least <= int(sizes[begin:end].sum()) <= most
        for begin in range(len(groups))
        for end in range(begin + 1, len(groups) + 1)
    )
