"""The pure-Python twins of the kernels of pairs: same names, same arguments, same results, and slow."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from itertools import product

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Checks = NDArray[np.uint32]
Rows = NDArray[np.int32]
Amounts = NDArray[np.int64]
Flags = NDArray[np.uint8]
Live = NDArray[np.bool_] | None
Arena = NDArray[np.uint8] | None

_NEAR_ROWS = 65536
_MOST_BITS = 13
_MILLION = 1_000_000


def pair_equal(  # noqa: PLR0917 (the kernel's own order)
    left_hash: Hashes,
    left_check: Checks,
    right_hash: Hashes,
    right_check: Checks,
    left_live: Live = None,
    right_live: Live = None,
    threads: int = 1,
    bits: int = -1,
    arena: Arena = None,  # noqa: ARG001 (the twin takes what it needs)
) -> Rows:
    """Pair equal keys one to one: the i-th row of a key on the left meets the i-th on the right.

    Parameters
    ----------
    left_hash, right_hash : uint64[n], uint64[m]
        Digests of the keys, well spread; 0 is a row without a key. Fewer than 2**31 - 1 rows a side.
    left_check, right_check : uint32[n], uint32[m]
        The other 32 bits of the digests.
    left_live, right_live : bool[n], bool[m], optional
        Rows that take part; all of them if not given.
    threads : int
        Threads to use.
    bits : int
        Work in 2**bits partitions, at most 13; negative: as many as the size asks for.
    arena : uint8, optional
        Memory to work in, at least ``kernel_bytes(n, m, threads, bits)``, so that one piece serves many calls.

    Returns
    -------
    partner : int32[n]
        The right row of each left row, or -1. Where k and m rows share a key, min(k, m) of them are paired;
        no right row occurs twice. The result depends neither on threads nor on bits.

    Notes
    -----
    16 bytes a row of either side and 4 for the result; a key that many rows share adds 6 bytes a right row.
    """
    refuse(threads, bits)
    lefts = _keys(left_hash, left_check, left_live)
    waiting: dict[tuple[int, int], deque[int]] = defaultdict(deque)
    for row, key in enumerate(_keys(right_hash, right_check, right_live)):
        if key is not None:
            waiting[key].append(row)
    partner = [waiting[key].popleft() if key is not None and waiting.get(key) else -1 for key in lefts]
    return np.array(partner, dtype=np.int32)


def pair_equal_told(  # noqa: PLR0917 (the kernel's own order)
    left_hash: Hashes,
    left_check: Checks,
    right_hash: Hashes,
    right_check: Checks,
    left_live: Live = None,
    right_live: Live = None,
    threads: int = 1,
    bits: int = -1,
    arena: Arena = None,
) -> tuple[Rows, Flags, Flags]:
    """Pair equal keys as ``pair_equal``, and tell where another choice would have been as good.

    Parameters
    ----------
    left_hash, left_check, right_hash, right_check, left_live, right_live, threads, bits, arena
        As for ``pair_equal``.

    Returns
    -------
    partner : int32[n]
        As from ``pair_equal``.
    left_many : uint8[n], right_many : uint8[m]
        1 where the row's key stands on both sides, and more than once on one of them; else 0.

    Notes
    -----
    2 bytes a row more than ``pair_equal``, and 4 a right row of a key that many rows share.
    """
    ours, theirs = (left_hash, left_check), (right_hash, right_check)
    partner = pair_equal(*ours, *theirs, left_live, right_live, threads, bits, arena)
    sides = _keys(*ours, left_live), _keys(*theirs, right_live)
    counts = Counter(sides[0]), Counter(sides[1])
    left_many, right_many = (
        np.array([key is not None and counts[0][key] * counts[1][key] > 1 for key in side], dtype=np.uint8)
        for side in sides
    )
    return partner, left_many, right_many


def kernel_bytes(lefts: int, rights: int, threads: int = 1, bits: int = -1, told: bool = False) -> int:
    """Bytes that ``pair_equal`` or ``pair_equal_told`` takes at most, result included, whatever the keys are.

    Parameters
    ----------
    lefts, rights : int
        Rows of each side.
    threads, bits : int
        As the kernel is to be told.
    told : bool
        Whether it is ``pair_equal_told``.

    Returns
    -------
    int
        At most 48 for each row of the longer side, and 1.5 MiB a thread.
    """
    most = max(lefts, rights)
    if bits < 0:
        bits = min(_MOST_BITS, max(min(10, (most >> 13).bit_length()), (most >> 15).bit_length()))
    parts = 1 << bits
    chunks = 4 * threads if most > _NEAR_ROWS else 1
    arena = 64 * 9 + 16 * (lefts + rights + 16 * threads * parts) + 4 * (2 * chunks + threads + 2) * parts
    near = min(rights, _NEAR_ROWS)
    room = [rows + (rows if told else 0) for rows in (near, rights)]
    tables = max(threads * (2 * near + 1 + room[0]), rights // 2 + 1 + room[1] if rights > _NEAR_ROWS else 0)
    return arena + 4 * tables + 4 * lefts + (lefts + rights if told else 0)


def open_rows(
    partner: Rows, rights: int, left_live: Live = None, right_live: Live = None, threads: int = 1
) -> tuple[Rows, Rows]:
    """List the rows of both sides that a pass left open.

    Parameters
    ----------
    partner : int32[n]
        The right row of each left row, or negative; no right row twice.
    rights : int
        Right rows, fewer than 2**31 - 1.
    left_live, right_live : bool[n], bool[rights], optional
        Rows that took part; the others are not listed.
    threads : int
        Threads to use.

    Returns
    -------
    left : int32[k], right : int32[l]
        Open rows, ascending.

    Notes
    -----
    One pass over the partners; a bit for each left row, and for each right row and thread.
    """
    if threads < 1:
        raise ValueError("threads must be at least 1.")
    if len(partner) and partner.max() >= rights:
        raise ValueError(f"partners must lie below {rights}.")
    for live, rows in ((left_live, len(partner)), (right_live, rights)):
        if live is not None and len(live) != rows:
            raise ValueError("live and rows of a side must be of one length.")
    waiting = partner < 0 if left_live is None else (partner < 0) & left_live
    spare = np.ones(rights, dtype=np.bool_) if right_live is None else right_live.copy()
    spare[partner[partner >= 0]] = False
    return np.flatnonzero(waiting).astype(np.int32), np.flatnonzero(spare).astype(np.int32)


def pair_best(  # noqa: PLR0917 (the kernel's own order)
    left_hash: Hashes,
    left_check: Checks,
    left_amounts: Amounts,
    left_days: Rows,
    right_hash: Hashes,
    right_check: Checks,
    right_amounts: Amounts,
    right_days: Rows,
    minor: int,
    ppm: int,
    days: int,
    threads: int = 1,
    bits: int = -1,
    arena: Arena = None,  # noqa: ARG001 (the twin takes what it needs)
    left_rows: Rows | None = None,
    right_rows: Rows | None = None,
) -> Rows:
    """Pair rows of equal group whose amounts and days are near, the best pair first.

    Parameters
    ----------
    left_hash, right_hash : uint64[n], uint64[m]
        Digests of the groups; 0 is a row without a group. Only rows of one group meet.
    left_check, right_check : uint32[n], uint32[m]
        The other 32 bits of the digests.
    left_amounts, right_amounts : int64[n], int64[m]
        Amounts in minor units of one currency within a group, below 2**62 in magnitude.
    left_days, right_days : int32[n], int32[m]
        Day numbers. Where rows are given, amounts and days are whole columns, of which those rows are taken.
    minor, ppm, days : int
        Two rows may meet if their amounts differ by at most max(minor, abs(left amount) * ppm // 1000000), and their
        days by at most ``days``. None is negative, ``ppm`` is at most 1000000.
    threads, bits, arena
        As for ``pair_equal``.
    left_rows, right_rows : int32[n], int32[m], optional
        Where the amounts and days of the hashes stand.

    Returns
    -------
    partner : int32[n]
        The right row of each left row, or -1; no right row occurs twice. Of all candidates the one with the least
        (amount difference, day difference, left row, right row) is taken, then the least of those whose rows are
        both free, until none is left.

    Notes
    -----
    A group of up to 64 candidates writes them down. In a larger one each left row looks for its next best right row
    when it needs one, over the right rows by amount and day: no list of candidates, 56 bytes a left row and 24 a
    right row of the largest group beside 16 bytes a row of either side and 14 a right row of the largest partition.
    """
    if not 0 <= minor < 2**62 or not 0 <= ppm <= _MILLION or days < 0:
        raise ValueError("minor must lie in 0 .. 2**62 - 1, ppm in 0 .. 1000000, and days must not be negative.")
    refuse(threads, bits)
    lefts, rights = groups(left_hash, left_check), groups(right_hash, right_check)
    left_amounts, left_days = rows_taken(left_amounts, left_days, left_rows, len(left_hash))
    right_amounts, right_days = rows_taken(right_amounts, right_days, right_rows, len(right_hash))
    candidates = []
    for key, rows_of_key in lefts.items():
        for left, right in product(rows_of_key, rights.get(key, [])):
            amount = int(left_amounts[left])
            gap = abs(int(right_amounts[right]) - amount)
            day_gap = abs(int(right_days[right]) - int(left_days[left]))
            if gap <= max(minor, abs(amount) * ppm // _MILLION) and day_gap <= days:
                candidates.append((gap, day_gap, left, right))
    partner, taken = [-1] * len(left_hash), set[int]()
    for _, _, left, right in sorted(candidates):
        if partner[left] < 0 and right not in taken:
            partner[left] = right
            taken.add(right)
    return np.array(partner, dtype=np.int32)


def refuse(threads: int, bits: int) -> None:
    """Raise ValueError for threads or partitions that no kernel takes."""
    if threads < 1 or bits > _MOST_BITS:
        raise ValueError(f"threads must be at least 1, and bits at most {_MOST_BITS}.")


def _keys(hashes: Hashes, checks: Checks, live: Live) -> list[tuple[int, int] | None]:
    if len(checks) != len(hashes) or (live is not None and len(live) != len(hashes)):
        raise ValueError("hash, check and live of a side must be of one length.")
    there = hashes != 0 if live is None else (hashes != 0) & live
    keys = zip(hashes.tolist(), checks.tolist(), there.tolist(), strict=True)
    return [(value, check) if good else None for value, check, good in keys]


def groups(hashes: Hashes, checks: Checks) -> dict[tuple[int, int], list[int]]:
    """The rows of each group, ascending."""
    rows: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row, key in enumerate(_keys(hashes, checks, None)):
        if key is not None:
            rows[key].append(row)
    return rows


def rows_taken(amounts: Amounts, days: Rows, rows: Rows | None, count: int) -> tuple[Amounts, Rows]:
    """Amounts and days of the rows, or those given if every row takes part; checked."""
    if rows is not None and len(amounts) == len(days):
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(amounts):
            raise ValueError(f"rows must lie in 0 .. {len(amounts) - 1}.")
        amounts, days = amounts[rows], days[rows]
    if not len(amounts) == len(days) == count:
        raise ValueError("hash, check, amounts and days of a side must be of one length.")
    if count and not -(2**62) < amounts.min() <= amounts.max() < 2**62:
        raise ValueError("amounts must lie below 2**62 in magnitude.")
    return amounts, days
