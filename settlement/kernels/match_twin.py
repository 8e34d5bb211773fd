"""The pure-Python twins of the matching kernels: same names, same arguments, same results, and slow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]
Amounts = NDArray[np.int64]

_INT64_MAX = 2**63 - 1
_INSIDE = 12


def number_keys(keys: NDArray[np.int64]) -> tuple[Ids, Ids]:
    """Number equal keys alike, from 0 in order of first appearance.

    Parameters
    ----------
    keys : int64[n]
        Any values; fewer than 2**31 - 1 rows.

    Returns
    -------
    ids : int32[n]
        ``ids[i] == ids[j]`` exactly where ``keys[i] == keys[j]``.
    first : int32[count]
        The first row of each number: ``ids[first[k]] == k``, ascending.

    Notes
    -----
    Keys are compared, not only their hashes. One pass; 8 bytes a slot, at least 3 slots for 2 rows.
    """
    if len(keys) >= 2**31 - 1:
        raise ValueError(f"{len(keys)} rows are too many to number at once: fewer than 2**31 - 1 fit.")
    numbers: dict[int, int] = {}
    ids = [numbers.setdefault(key, len(numbers)) for key in keys.tolist()]
    first: dict[int, int] = {}
    for row, number in enumerate(ids):
        first.setdefault(number, row)
    return np.array(ids, dtype=np.int32), np.array(list(first.values()), dtype=np.int32)


def written_numbers(numbers: NDArray[np.int64], before: bytes, digits: int) -> NDArray[np.int32]:
    """Whole numbers as Arrow's views of their texts.

    Parameters
    ----------
    numbers : int64[n]
        Numbers from 0.
    before : bytes
        ASCII that each text begins with.
    digits : int
        The fewest digits, from 1 to 12; zeros fill up from the left.

    Returns
    -------
    views : int32[n, 4]

    Notes
    -----
    Raises ValueError for a number below 0, for ``digits`` outside its bounds, and where a text has more than 12 bytes.
    """
    if not 1 <= digits <= _INSIDE:
        raise ValueError("digits must be from 1 to 12")
    if len(before) > _INSIDE or not before.isascii():
        raise ValueError("before must be at most 12 bytes of ASCII")
    views = bytearray()
    for number in numbers.tolist():
        text = before + f"{number:0{digits}d}".encode()
        if number < 0 or len(text) > _INSIDE:
            raise ValueError(f"{number} is no number of a text of at most {_INSIDE} bytes")
        views += len(text).to_bytes(4, "little") + text.ljust(_INSIDE, b"\0")
    return np.frombuffer(bytes(views), dtype=np.int32).reshape(-1, 4)


def group_sums(ids: Ids, amounts: Amounts, currencies: Ids, count: int) -> tuple[Amounts, Amounts, Ids]:
    """Count and sum the rows of each id.

    Parameters
    ----------
    ids : int32[n]
        Ids from 0 below ``count``.
    amounts : int64[n]
        Amounts in minor units.
    currencies : int32[n]
        A number from 0 for the currency of each amount.
    count : int
        Number of ids.

    Returns
    -------
    rows : int64[count]
        Rows of each id.
    totals : int64[count]
        Sum of their amounts; it means money only where the currency is one.
    currency : int32[count]
        The currency where all rows of the id share it, else -1; -1 for an id without rows.

    Notes
    -----
    One pass, no order needed. Raises ValueError for an id outside its range and OverflowError where a sum leaves
    64 bits: a wrong sum never comes back.
    """
    if not len(ids) == len(amounts) == len(currencies):
        raise ValueError("ids, amounts and currencies must be of one length.")
    _require_range(ids, count)
    rows, totals, currency = [0] * count, [0] * count, [-1] * count
    for key, amount, code in zip(ids.tolist(), amounts.tolist(), currencies.tolist(), strict=True):
        totals[key] += amount
        if not -_INT64_MAX - 1 <= totals[key] <= _INT64_MAX:
            raise OverflowError(f"The sum of id {key} does not fit into 64 bits.")
        if rows[key] == 0:
            currency[key] = code
        elif currency[key] != code:
            currency[key] = -1
        rows[key] += 1
    return np.array(rows, dtype=np.int64), np.array(totals, dtype=np.int64), np.array(currency, dtype=np.int32)


def _require_range(ids: Ids, count: int) -> None:
    if ids.size and (ids.min() < 0 or ids.max() >= count):
        raise ValueError(f"ids must lie in 0 .. {count - 1}: number the keys first.")
