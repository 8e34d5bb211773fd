"""The pure-Python twins of the matching kernels: same names, same arguments, same results, and slow."""

from __future__ import annotations

from collections import defaultdict, deque
from itertools import product

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]
Amounts = NDArray[np.int64]

_INT64_MAX = 2**63 - 1


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


def pair_exact(left_ids: Ids, right_ids: Ids, count: int) -> Ids:
    """Pair equal ids one to one: the i-th row of an id on the left meets the i-th on the right.

    Parameters
    ----------
    left_ids, right_ids : int32[n], int32[m]
        Ids from 0 below ``count``; the rows of each side stand in their declared order.
    count : int
        Number of ids.

    Returns
    -------
    partner : int32[n]
        The right row of each left row, or -1. Where k and m rows share an id, min(k, m) of them are paired;
        no right row occurs twice.

    Notes
    -----
    Two passes over the right side and one over the left; 4 bytes an id and 4 a right row beside the result.
    Raises ValueError for an id outside 0 .. count - 1.
    """
    _require_range(left_ids, count)
    _require_range(right_ids, count)
    waiting: dict[int, deque[int]] = defaultdict(deque)
    for row, key in enumerate(right_ids.tolist()):
        waiting[key].append(row)
    partner = [waiting[key].popleft() if waiting[key] else -1 for key in left_ids.tolist()]
    return np.array(partner, dtype=np.int32)


def pair_tolerant(  # noqa: PLR0917 (the kernel's own order)
    left_ids: Ids,
    left_amounts: Amounts,
    left_days: Ids,
    right_ids: Ids,
    right_amounts: Amounts,
    right_days: Ids,
    tolerance: int,
    window: int,
) -> Ids:
    """Pair rows of equal id whose amounts and days are near, the best pair first.

    Parameters
    ----------
    left_ids, right_ids : int32[n], int32[m]
        Ids; only rows of equal id meet. The rows of each side stand in their declared order.
    left_amounts, right_amounts : int64[n], int64[m]
        Amounts in minor units of one currency within an id, below 2**62 in magnitude.
    left_days, right_days : int32[n], int32[m]
        Day numbers.
    tolerance, window : int
        Greatest difference of amounts and of days, not negative; the tolerance below 2**62.

    Returns
    -------
    partner : int32[n]
        The right row of each left row, or -1; no right row occurs twice. Of all candidates of an id the one with
        the least (amount difference, day difference, left row, right row) is taken, then the least of those
        whose rows are both free, until none is left.

    Notes
    -----
    A candidate takes 24 bytes while its id is worked on; an id of k and m rows has at most k * m of them.
    """
    if tolerance < 0 or window < 0:
        raise ValueError("tolerance and window must not be negative.")
    if not (len(left_ids) == len(left_amounts) == len(left_days)) or not (
        len(right_ids) == len(right_amounts) == len(right_days)
    ):
        raise ValueError("ids, amounts and days of a side must be of one length.")
    lefts, rights = _rows_by_id(left_ids), _rows_by_id(right_ids)
    left_amount, left_day = left_amounts.tolist(), left_days.tolist()
    right_amount, right_day = right_amounts.tolist(), right_days.tolist()
    partner, taken = [-1] * len(left_ids), set[int]()
    for key, rows in lefts.items():
        candidates = sorted(
            (abs(left_amount[i] - right_amount[j]), abs(left_day[i] - right_day[j]), i, j)
            for i, j in product(rows, rights.get(key, ()))
        )
        for amount_gap, day_gap, i, j in candidates:
            if amount_gap <= tolerance and day_gap <= window and partner[i] < 0 and j not in taken:
                partner[i] = j
                taken.add(j)
    return np.array(partner, dtype=np.int32)


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


def _rows_by_id(ids: Ids) -> dict[int, list[int]]:
    rows: dict[int, list[int]] = defaultdict(list)
    for row, key in enumerate(ids.tolist()):
        rows[key].append(row)
    return rows
