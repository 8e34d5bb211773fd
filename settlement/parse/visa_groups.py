"""The records of a Visa file put together: a TCR 0 with the records that continue it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.kernels.parse import grouped_records
from settlement.parse.positions import number_columns, text_columns
from settlement.parse.spans import Spans
from settlement.parse.visa_layout import FRAMING, Edition, Fields
from settlement.parse.visa_records import Records

TCRS: Final = (1, 5, 9)
"""Records that continue a transaction and that something is read from."""
_CODES: Final = 100


class Shape(IntEnum):
    """What a transaction code stands for. What no edition knows is read like a transaction, and rejected."""

    UNKNOWN = 0
    TRANSACTION = 1
    FEE = 2
    RETURN = 3
    REPORT = 4
    NOTICE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Transactions, and records that belong to none (``stray``), in file order; header and trailers are neither.

    Attributes
    ----------
    first:
        The record (from 0) of each: its TCR 0, or the stray itself.
    code, stray:
        Its transaction code, and whether it is stray.
    parts:
        By TCR number its records, absent where it has none.
    times:
        By TCR number how often it has that continuation.
    size:
        Bytes received for it with all its continuations.
    """

    records: Records
    first: NDArray[np.int64]
    code: NDArray[np.int64]
    stray: NDArray[np.bool_]
    parts: Mapping[int, Spans]
    times: Mapping[int, NDArray[np.int64]]
    size: NDArray[np.int64]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.first)

    @property
    def number(self) -> NDArray[np.int64]:
        """The number of each in the file, from 1."""
        return self.first + (self.records.before + 1)

    def rows(self, at: NDArray[np.int64] | NDArray[np.bool_]) -> Groups:
        """Some of them."""
        if at.dtype == np.bool_ and at.all():
            return self
        return replace(
            self,
            first=self.first[at],
            code=self.code[at],
            stray=self.stray[at],
            parts={tcr: part.rows(at) for tcr, part in self.parts.items()},
            times={tcr: rows[at] for tcr, rows in self.times.items()},
            size=self.size[at],
        )

    def numbers(self, tcr: int, fields: Fields, names: Iterable[str]) -> pl.DataFrame:
        """Some fields of a TCR as whole numbers; see ``number_columns``."""
        return number_columns(self.parts[tcr], {name: fields[name] for name in names})

    def texts(self, tcr: int, fields: Fields, names: Iterable[str]) -> list[pl.Series]:
        """Some fields of a TCR as texts; see ``text_columns``."""
        return text_columns(self.parts[tcr], {name: fields[name] for name in names})

    def field(self, tcr: int, places: list[int]) -> Spans:
        """One field of all, by its first and last position; absent where the TCR is missing."""
        return self.parts[tcr].part(places[0] - 1, places[1] - places[0] + 1)

    def lacks(self, tcrs: Iterable[int]) -> NDArray[np.bool_]:
        """Which of them do not have each of these TCRs exactly once."""
        lacking = np.zeros(self.count, dtype=np.bool_)
        for tcr in tcrs:
            lacking |= self.times[tcr] != 1
        return lacking


def grouped(records: Records) -> tuple[Groups, NDArray[np.bool_]]:
    """All transactions and strays, and which records of the file continue one.

    A continuation has the code and qualifier of the TCR 0 before it.
    """
    outside, wanted = np.array(FRAMING, dtype=np.int64), np.array(TCRS, dtype=np.int64)
    first, parts, times, whole, continues = grouped_records(
        records.code, records.qualifier, records.tcr, records.size, outside, wanted
    )
    code = records.code[first]
    groups = Groups(
        records=records,
        first=first,
        code=code,
        stray=(records.tcr[first] != 0) | (code < 0),
        parts={0: records.spans.rows(first), **{tcr: _maybe(records.spans, parts[k]) for k, tcr in enumerate(TCRS)}},
        times={tcr: times[k] for k, tcr in enumerate(TCRS)},
        size=whole,
    )
    return groups, continues.astype(np.bool_)


def group_places(records: Records, continues: NDArray[np.bool_], wanted: Iterable[int]) -> dict[int, tuple[int, int]]:
    """First byte, from 0, and bytes of some records of the file with what continues them, without the last line end."""
    found = {}
    for number in wanted:
        first = last = number - records.before - 1
        if first >= records.count:
            continue
        while last + 1 < records.count and continues[last + 1]:
            last += 1
        begin, end = int(records.heads.base[first]), int(records.spans.base[last] + records.spans.length[last])
        found[number] = (begin, end - begin)
    return found


def _maybe(spans: Spans, place: NDArray[np.int64]) -> Spans:
    """The records at ``place``, absent where it is -1."""
    found = spans.rows(np.maximum(place, 0))
    return replace(found, length=np.where(place < 0, np.int32(-1), found.length).astype(np.int32))


def shapes(groups: Groups, edition: Edition) -> NDArray[np.int8]:
    """The shape of each; only transactions may have a qualifier that is not 0, and no edition knows one yet."""
    known = np.zeros(_CODES, dtype=np.int8)
    told: dict[Shape, Iterable[str]] = {
        Shape.TRANSACTION: edition.transactions,
        Shape.FEE: edition.fees,
        Shape.RETURN: edition.returns,
        Shape.REPORT: edition.reports,
        Shape.NOTICE: edition.notices,
    }
    for shape, codes in told.items():
        known[[int(code) for code in codes]] = shape
    plain = ~groups.stray & (groups.records.qualifier[groups.first] == 0)
    return np.where(plain, known[np.maximum(groups.code, 0)], Shape.UNKNOWN).astype(np.int8)
