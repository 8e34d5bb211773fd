"""The pure-Python twin of the kernel of digests: same name, same arguments, same results, and slow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from settlement.kernels.radix_columns import Column

Hashes = NDArray[np.uint64]
Checks = NDArray[np.uint32]
Rows = NDArray[np.int32]

_MOST_ROWS = 2**31 - 1
_SHORT = 15
_LONG = 31
_INSIDE = 12
_MASK = 2**64 - 1


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
    columns : list of (width, data, parts, valid, first_bit)
        The columns of the key, each of ``count`` rows. Width 8 or 4: int64 or int32 numbers, which lie in ``data``
        (uint8); an int32 and an int64 of one value are equal. Width 16: text or bytes as Arrow's views, which lie in
        ``data`` and point into ``parts``, a list of uint8 arrays. ``valid`` is None or an Arrow bitmap (uint8) whose
        bit ``first_bit + i`` is 0 where row i is null.
    keys : uint64[3 + 26 * columns]
        Random numbers: 3, and 26 for each column.
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
    Each column is one, two or four pairs (a, b) of 32-bit numbers; three sums of (k + a) * (l + b) modulo 2**64 run
    over all pairs, and the upper halves of the sums are the digest: a strongly universal family. A text of more than
    31 bytes enters as 120 bits of its keyed SipHash-2-4. Whoever does not know the keys makes two different keys
    collide with probability 2**-96. Digests must stay inside the process.
    """
    if len(keys) != 3 + 26 * len(columns) or not 0 <= count < _MOST_ROWS or threads < 1:
        raise ValueError("26 keys a column and 3, fewer than 2**31 - 1 rows, and at least one thread are needed.")
    if rows is not None and len(rows) and not 0 <= rows.min() <= rows.max() < count:
        raise ValueError(f"rows must lie in 0 .. {count - 1}.")
    picked = np.arange(count, dtype=np.int32) if rows is None else rows
    live = np.ones(len(picked), dtype=np.bool_)
    sums = [np.full(len(picked), keys[lane]) for lane in range(3)]
    for which, column in enumerate(columns):
        own = keys[3 + 26 * which : 29 + 26 * which]
        live &= _valid(which, column, count)[picked]
        for pair, words in enumerate(_words(which, column, own, count, live, picked)):
            # A short text has no third and fourth number; in all other rows they count, zero or not.
            some = np.ones(len(picked), dtype=np.bool_) if pair < 2 else _longer(column, picked)  # noqa: PLR2004
            low, high = words & np.uint64(0xFFFFFFFF), words >> np.uint64(32)
            for lane in range(3):
                product = (own[6 * pair + 2 * lane] + low) * (own[6 * pair + 2 * lane + 1] + high)
                sums[lane] += np.where(some, product, np.uint64(0))
    upper = [one >> np.uint64(32) for one in sums]
    hashes = upper[0] << np.uint64(32) | upper[1]
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        hashes = (hashes ^ hashes >> np.uint64(33)) * np.uint64(factor)
    hashes ^= hashes >> np.uint64(33)
    hashes[hashes == 0] = 1
    return np.where(live, hashes, np.uint64(0)), np.where(live, upper[2], np.uint64(0)).astype(np.uint32)


def _valid(which: int, column: Column, count: int) -> NDArray[np.bool_]:
    _, _, _, valid, first = column
    if valid is None:
        return np.ones(count, dtype=np.bool_)
    if len(valid) * 8 < first + count:
        raise ValueError(f"the bitmap of column {which} does not have {count} rows.")
    return np.unpackbits(valid, bitorder="little")[first : first + count].astype(np.bool_)


def _longer(column: Column, picked: Rows) -> NDArray[np.bool_]:
    """The rows whose text is four numbers."""
    size = column[1].view(np.uint32)[::4][picked]
    return (size > _SHORT) & (size <= _LONG)


def _words(  # noqa: PLR0917
    which: int, column: Column, keys: NDArray[np.uint64], count: int, live: NDArray[np.bool_], picked: Rows
) -> list[NDArray[np.uint64]]:
    """The column as one 64-bit number a row, or four for text."""
    width, data, parts, _, _ = column
    if len(data) != count * width:
        raise ValueError(f"column {which} does not have {count} rows.")
    if width != 16:  # noqa: PLR2004
        return [data.view(np.int64 if width == 8 else np.int32).astype(np.int64).view(np.uint64)[picked]]  # noqa: PLR2004
    views = data.view(np.uint32).reshape(count, 4)
    words = [
        _text(_text_at(views[row], parts), keys) if good else (0, 0, 0, 0)
        for row, good in zip(picked.tolist(), live.tolist(), strict=True)
    ]
    return [np.array([one[place] for one in words], dtype=np.uint64) for place in range(4)]


def _text_at(view: NDArray[np.uint32], parts: list[NDArray[np.uint8]]) -> bytes:
    """The text of a view: up to 12 bytes stand in it, others in one of the parts."""
    size, _, part, at = view.tolist()
    if size <= _INSIDE:
        return view.tobytes()[4 : 4 + size]
    if part >= len(parts) or at + size > len(parts[part]):
        raise ValueError("a view of a text points outside its parts.")
    text: bytes = parts[part][at : at + size].tobytes()
    return text


def _text(text: bytes, keys: NDArray[np.uint64]) -> tuple[int, ...]:
    """A short text is two numbers that no other text has, a longer one four, the longest 120 bits of their SipHash."""
    if len(text) > _LONG:
        low, high = sip_hash(text, int(keys[24]), int(keys[25]))
        return low, high | 255 << 56, 0, 0
    borders = ((0, 8), (8, 15), (15, 23), (23, 31))
    low, high, third, fourth = (int.from_bytes(text[first:last], "little") for first, last in borders)
    return low, high | len(text) << 56, third, fourth


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
