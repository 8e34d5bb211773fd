"""Text made column by column: byte matrices instead of a loop over rows.

A *column* is an array of ASCII bytes of shape (rows, width). Where a column is wider than some of its values, a
mask of the same shape says which bytes count, and ``pack`` writes only those, row after row. A million messages
of varying length cost a few array operations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_BASE36 = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", dtype=np.uint8)
_ZERO = ord("0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Bytes of shape (rows, width) and, where not all of them count, a mask of the same shape."""

    content: Bytes
    counts: Flags | None = None

    @property
    def lengths(self) -> Ints:
        """Number of bytes that count in each row."""
        if self.counts is None:
            return np.full(len(self.content), self.content.shape[1], dtype=np.int64)
        lengths: Ints = self.counts.sum(axis=1, dtype=np.int64)
        return lengths


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """A list of texts as a table of padded bytes, to be looked up by row number."""

    content: Bytes
    lengths: Ints

    def at(self, rows: Ints) -> Column:
        """The texts of ``rows``, each as long as it is."""
        width = self.content.shape[1]
        return Column(content=self.content[rows], counts=np.arange(width) < self.lengths[rows][:, None])

    def padded(self, rows: Ints) -> Column:
        """The texts of ``rows``, filled with spaces to one width."""
        return Column(content=self.content[rows])


def texts(values: list[str], width: int) -> Texts:
    """Keep ``values`` (ASCII, at most ``width`` characters each) for look-up."""
    joined = "".join(value.ljust(width) for value in values).encode("ascii")
    content = np.frombuffer(joined, dtype=np.uint8).reshape(len(values), width)
    return Texts(content=content, lengths=np.array([len(value) for value in values], dtype=np.int64))


def digits(values: Ints, width: int) -> Bytes:
    """Numbers as decimal digits, filled with zeros on the left; digits beyond ``width`` are cut off."""
    return _in_base(values, width, 10) + np.uint8(_ZERO)


def plain(values: Ints, width: int) -> Column:
    """Numbers from 0 on as decimal digits without leading zeros."""
    content = digits(values, width)
    counts = np.maximum.accumulate(content != _ZERO, axis=1)
    counts[:, -1] = True
    return Column(content=content, counts=counts)


def major(values: Ints, exponents: Ints) -> Column:
    """Minor units from 0 on in major units: a point where needed, no zeros at the end; at most three decimals."""
    scale = 10**exponents
    fraction = digits(values % scale * 10 ** (3 - exponents), 3)
    counts = np.maximum.accumulate(fraction[:, ::-1] != _ZERO, axis=1)[:, ::-1]
    point = optional(fixed(".", len(values)), counts[:, 0])
    return joined([plain(values // scale, 12), point, Column(content=fraction, counts=counts)])


def base36(values: Ints, width: int) -> Bytes:
    """Numbers as digits and capital letters, filled with ``0`` on the left."""
    return _BASE36[_in_base(values, width, 36)]


def _in_base(values: Ints, width: int, base: int) -> Bytes:
    rest = values.astype(np.int64)
    found = np.empty((len(rest), width), dtype=np.uint8)
    for place in range(width - 1, -1, -1):
        rest, found[:, place] = np.divmod(rest, base)
    return found


def fixed(text: str, rows: int) -> Column:
    """The same text in every row."""
    content = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    return Column(content=np.broadcast_to(content, (rows, len(content))))


def optional(column: Column, present: Flags) -> Column:
    """The column in the rows where ``present``, nothing in the others."""
    counts = np.ones_like(column.content, dtype=np.bool_) if column.counts is None else column.counts
    return Column(content=column.content, counts=counts & present[:, None])


def joined(columns: list[Column]) -> Column:
    """Columns side by side as one column."""
    content = np.hstack([column.content for column in columns])
    if all(column.counts is None for column in columns):
        return Column(content=content)
    masks = [
        np.ones(column.content.shape, dtype=np.bool_) if column.counts is None else column.counts for column in columns
    ]
    return Column(content=content, counts=np.hstack(masks))


def with_length(column: Column, width: int) -> Column:
    """A length of ``width`` digits before each value (LLVAR, LLLVAR)."""
    return joined([Column(content=digits(column.lengths, width)), column])


def pack(column: Column) -> bytes:
    """All bytes that count, row after row."""
    if column.counts is None:
        return column.content.tobytes()
    return column.content[column.counts].tobytes()


def check_digits(numbers: Bytes) -> Bytes:
    """The Luhn digit that completes each row of decimal digits, as a column of width 1."""
    values = (numbers - np.uint8(_ZERO)).astype(np.int64)
    doubled = values[:, ::-1].copy()
    doubled[:, ::2] *= 2
    doubled[:, ::2] -= 9 * (doubled[:, ::2] > 9)  # noqa: PLR2004 - a doubled digit of two digits counts as their sum
    total = doubled.sum(axis=1)
    found: Bytes = ((-total % 10) + _ZERO).astype(np.uint8)[:, None]
    return found


def with_check_digit(numbers: Bytes) -> Bytes:
    """Decimal digits followed by their Luhn digit."""
    return np.hstack([numbers, check_digits(numbers)])
