"""The pure-Python twins of the radix kernels: same names, same arguments, same results, and slow."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from itertools import product

import numpy as np
from numpy.typing import NDArray

from settlement.kernels.radix_columns import Column

Hashes = NDArray[np.uint64]
Checks = NDArray[np.uint32]
Rows = NDArray[np.int32]
Amounts = NDArray[np.int64]
Live = NDArray[np.bool_] | None
Arena = NDArray[np.uint8] | None

_MOST_ROWS = 2**31 - 1
_SHORT = 15
_MASK = 2**64 - 1
_NEAR_ROWS = 65536
_MOST_BITS = 13
_MILLION = 1_000_000


def digest_columns(
    columns: list[Column],
    keys: NDArray[np.uint64],
    count: int,
    rows: Rows | None = None,
    threads: int = 1,
) -> tuple[Hashes, Checks]:
    """Digest the composite key of each row to 96 bits.

    Parameters
    ----------
    columns : list of (width, data, offsets, valid, first_bit)
        The columns of the key, each of ``count`` rows. Width 8 or 4: int64 or int32 numbers, which lie in ``data``
        (uint8); an int32 and an int64 of one value are equal. Width 0: text or bytes, from ``offsets[i]`` to
        ``offsets[i + 1]`` (int64) of ``data``. ``valid`` is None or an Arrow bitmap (uint8) whose bit ``first_bit + i``
        is 0 where row i is null.
    keys : uint64[3 + 14 * columns]
        Random numbers: 3, and 14 for each column.
    count : int
        Rows of each column.
    rows : int32[k], optional
        The rows to digest, in this order; all of them if not given.
    threads : int
        Threads to use.

    Returns
    -------
    hash : uint64[k], check : uint32[k]
        Equal for equal keys. Hash 0 (and check 0): a column of the row is null, it has no key.

    Notes
    -----
    Each column is one or two pairs (a, b) of 32-bit numbers; three sums of (k + a) * (l + b) modulo 2**64 run over
    all pairs, and the upper halves of the sums are the digest: a strongly universal family. A text of more than
    15 bytes enters as 120 bits of its keyed SipHash-2-4. Whoever does not know the keys makes two different keys
    collide with probability 2**-96. Digests must stay inside the process.
    """
    if len(keys) != 3 + 14 * len(columns) or not 0 <= count < _MOST_ROWS or threads < 1:
        raise ValueError("14 keys a column and 3, fewer than 2**31 - 1 rows, and at least one thread are needed.")
    if rows is not None and len(rows) and not 0 <= rows.min() <= rows.max() < count:
        raise ValueError(f"rows must lie in 0 .. {count - 1}.")
    picked = np.arange(count, dtype=np.int32) if rows is None else rows
    live = np.ones(len(picked), dtype=np.bool_)
    sums = [np.full(len(picked), keys[lane]) for lane in range(3)]
    for which, column in enumerate(columns):
        own = keys[3 + 14 * which : 17 + 14 * which]
        live &= _valid(which, column, count)[picked]
        for pair, words in enumerate(_words(which, column, own, count, live, picked)):
            low, high = words & np.uint64(0xFFFFFFFF), words >> np.uint64(32)
            for lane in range(3):
                sums[lane] += (own[6 * pair + 2 * lane] + low) * (own[6 * pair + 2 * lane + 1] + high)
    upper = [one >> np.uint64(32) for one in sums]
    hashes = upper[0] << np.uint64(32) | upper[1]
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        hashes = (hashes ^ hashes >> np.uint64(33)) * np.uint64(factor)
    hashes ^= hashes >> np.uint64(33)
    hashes[hashes == 0] = 1
    return np.where(live, hashes, np.uint64(0)), np.where(live, upper[2], np.uint64(0)).astype(np.uint32)


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
    16 bytes a row of either side and 4 for the result; a key that many rows share adds 9 bytes a right row.
    """
    refuse(threads, bits)
    lefts = _keys(left_hash, left_check, left_live)
    waiting: dict[tuple[int, int], deque[int]] = defaultdict(deque)
    for row, key in enumerate(_keys(right_hash, right_check, right_live)):
        if key is not None:
            waiting[key].append(row)
    partner = [waiting[key].popleft() if key is not None and waiting.get(key) else -1 for key in lefts]
    return np.array(partner, dtype=np.int32)


def repeated_rows(  # noqa: PLR0917 (the kernel's own order)
    left_hash: Hashes,
    left_check: Checks,
    right_hash: Hashes,
    right_check: Checks,
    threads: int = 1,
    bits: int = -1,
    arena: Arena = None,  # noqa: ARG001 (the twin takes what it needs)
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Mark the rows whose key both sides have and one side has more than once.

    Parameters
    ----------
    left_hash, right_hash, left_check, right_check, threads, bits, arena
        As for ``pair_equal``.

    Returns
    -------
    left : bool[n], right : bool[m]
        True where another choice of partner would be as good. The result depends neither on threads nor on bits.

    Notes
    -----
    16 bytes a row of either side and 1 for the result; besides 24 bytes a row of the partitions that are worked on.
    """
    refuse(threads, bits)
    sides = _keys(left_hash, left_check, None), _keys(right_hash, right_check, None)
    counts = [Counter(side) for side in sides]
    both = (counts[0].keys() & counts[1].keys()) - {None}
    repeated = {key for key in both if counts[0][key] > 1 or counts[1][key] > 1}
    left, right = (np.array([key in repeated for key in side], dtype=np.bool_) for side in sides)
    return left, right


def kernel_bytes(lefts: int, rights: int, threads: int = 1, bits: int = -1) -> int:
    """Bytes that ``pair_equal`` takes at most, result included, whatever the keys are.

    Parameters
    ----------
    lefts, rights : int
        Rows of each side.
    threads, bits : int
        As ``pair_equal`` is to be told.

    Returns
    -------
    int
        Below 48 for each row of the longer side, and 1.5 MiB a thread.
    """
    most = max(lefts, rights)
    if bits < 0:
        bits = min(_MOST_BITS, max(min(11, (most >> 13).bit_length()), (most >> 14).bit_length()))
    parts = 1 << bits
    chunks = 4 * threads if most > _NEAR_ROWS else 1
    arena = 64 * 9 + 16 * (lefts + rights + 16 * threads * parts) + 4 * (2 * chunks + threads + 2) * parts
    near = min(rights, _NEAR_ROWS)
    tables = max(threads * (5 * near + 1), 2 * rights + rights // 4 + 1 if rights > _NEAR_ROWS else 0)
    return arena + 4 * tables + 4 * lefts


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


def _valid(which: int, column: Column, count: int) -> NDArray[np.bool_]:
    _, _, _, valid, first = column
    if valid is None:
        return np.ones(count, dtype=np.bool_)
    if len(valid) * 8 < first + count:
        raise ValueError(f"the bitmap of column {which} does not have {count} rows.")
    return np.unpackbits(valid, bitorder="little")[first : first + count].astype(np.bool_)


def _words(  # noqa: PLR0917
    which: int, column: Column, keys: NDArray[np.uint64], count: int, live: NDArray[np.bool_], picked: Rows
) -> list[NDArray[np.uint64]]:
    """The column as one 64-bit number a row, or two for text."""
    width, data, offsets, _, _ = column
    if width and len(data) != count * width:
        raise ValueError(f"column {which} does not have {count} rows.")
    if width:
        return [data.view(np.int64 if width == 8 else np.int32).astype(np.int64).view(np.uint64)[picked]]  # noqa: PLR2004
    if offsets is None or len(offsets) != count + 1 or offsets[0] < 0 or offsets[count] > len(data):
        raise ValueError(f"text column {which} does not have {count} rows.")
    both = [
        _text(data[offsets[row] : offsets[row + 1]].tobytes(), keys) if good else (0, 0)
        for row, good in zip(picked.tolist(), live.tolist(), strict=True)
    ]
    return [np.array([one[place] for one in both], dtype=np.uint64) for place in range(2)]


def _text(text: bytes, keys: NDArray[np.uint64]) -> tuple[int, int]:
    """A short text is two numbers that no other text has; a long one is 120 bits of its SipHash."""
    if len(text) <= _SHORT:
        low, high = int.from_bytes(text[:8], "little"), int.from_bytes(text[8:], "little")
        return low, high | len(text) << 56
    low, high = sip_hash(text, int(keys[12]), int(keys[13]))
    return low, high | 255 << 56


def sip_hash(text: bytes, first: int, second: int) -> tuple[int, int]:
    """SipHash-2-4 with a result of 128 bits (Aumasson and Bernstein), as two numbers, the low one first."""
    state = [
        first ^ 0x736F6D6570736575,
        second ^ 0x646F72616E646F6D ^ 0xEE,
        first ^ 0x6C7967656E657261,
        second ^ 0x7465646279746573,
    ]
    padded = text + bytes(7 - len(text) % 8) + bytes([len(text) & 255])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at : at + 8], "little")
        state[3] ^= word
        _sip_rounds(state, 2)
        state[0] ^= word
    state[2] ^= 0xEE
    _sip_rounds(state, 4)
    low = state[0] ^ state[1] ^ state[2] ^ state[3]
    state[1] ^= 0xDD
    _sip_rounds(state, 4)
    return low, state[0] ^ state[1] ^ state[2] ^ state[3]


def _sip_rounds(v: list[int], rounds: int) -> None:
    for _ in range(rounds):
        v[0], v[2] = (v[0] + v[1]) & _MASK, (v[2] + v[3]) & _MASK
        v[1], v[3] = _turn(v[1], 13) ^ v[0], _turn(v[3], 16) ^ v[2]
        v[0] = _turn(v[0], 32)
        v[2], v[0] = (v[2] + v[1]) & _MASK, (v[0] + v[3]) & _MASK
        v[1], v[3] = _turn(v[1], 17) ^ v[2], _turn(v[3], 21) ^ v[0]
        v[2] = _turn(v[2], 32)


def _turn(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & _MASK
