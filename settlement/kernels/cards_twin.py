"""Pure-Python twin of ``ext/parse_cards.pyx``: card numbers out of byte spans. Same name, docstring and results."""

from __future__ import annotations

import hmac

import numpy as np
from numpy.typing import NDArray

from settlement.kernels.spans_twin import bounds

_LONGEST = 55
_HEX = 32
_MOST_KEY = 64
_SHOWN = 12


def tokens(  # noqa: PLR0917 (the kernel's own order)
    data: NDArray[np.uint8],
    base: NDArray[np.int64],
    start: NDArray[np.int32],
    length: NDArray[np.int32],
    zero: int,
    secret: NDArray[np.uint8],
    threads: int = 1,
    before: bytes = b"",
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Digest the digits of each span: the first half of HMAC-SHA-256 (RFC 2104), as hexadecimal digits.

    Parameters
    ----------
    data : uint8 (size,)
        The bytes of the file.
    base : int64 (n,)
        Where row i starts in ``data``.
    start, length : int32 (n,)
        The span of row i, relative to its base; a negative length is an absent span.
    zero : int
        The byte of digit 0; 1 to 9 follow it. What is digested are the digits in ASCII.
    secret : uint8 (k,)
        The key, at most 64 bytes.
    threads : int
        Threads to use.
    before : bytes (p,)
        What is written before the digits of each row.

    Returns
    -------
    found : uint8 (n,), hexes : uint8 (n, p + 32)
        1 where the span is 1 to 55 digits and nothing else; elsewhere 0 and 32 times the character 0.

    Raises
    ------
    IndexError
        If a span does not lie inside ``data``.
    ValueError
        If the key is empty or longer than 64 bytes, or there is no thread.
    """
    spans = list(bounds(data, base, start, length))
    if not 0 < len(secret) <= _MOST_KEY or threads < 1:
        raise ValueError("the key must have 1 to 64 bytes, and at least one thread is needed.")
    keyed = hmac.new(secret.tobytes(), digestmod="sha256")
    found = np.zeros(len(base), dtype=np.uint8)
    hexes = np.full((len(base), len(before) + _HEX), ord("0"), dtype=np.uint8)
    hexes[:, : len(before)] = np.frombuffer(before, dtype=np.uint8)
    for row, (first, size) in enumerate(spans):
        digits = data[first : first + size].astype(np.int64) - zero
        if 0 < size <= _LONGEST and ((digits >= 0) & (digits <= 9)).all():  # noqa: PLR2004
            mac = keyed.copy()
            mac.update((digits + ord("0")).astype(np.uint8).tobytes())
            found[row] = 1
            hexes[row, len(before) :] = np.frombuffer(mac.hexdigest()[:_HEX].encode(), dtype=np.uint8)
    return found, hexes


def masks(
    data: NDArray[np.uint8], base: NDArray[np.int64], start: NDArray[np.int32], length: NDArray[np.int32]
) -> NDArray[np.uint8]:
    """Mask each span: first six and last four bytes with a star for each between; all stars below 12 bytes.

    Parameters
    ----------
    data, base, start, length
        Spans as for ``tokens``.

    Returns
    -------
    characters : uint8 (n, w)
        The masked forms, then zeros; w is the longest span, at least 12.

    Raises
    ------
    IndexError
        If a span does not lie inside ``data``.
    """
    spans = bounds(data, base, start, length)
    characters = np.zeros((len(spans), max([_SHOWN, *(size for _, size in spans)])), dtype=np.uint8)
    for row, (first, size) in enumerate(spans):
        text = data[first : first + size].tobytes()
        shown = text[:6] + b"*" * (size - 10) + text[-4:] if size >= _SHOWN else b"*" * size
        characters[row, :size] = np.frombuffer(shown, dtype=np.uint8)
    return characters
