"""Which earlier nights hold a key: table ``rated_key``, so that a night reads those that it reaches and no others.

A night leaves one row for each thing that a later night may look for: a reference or an order of its records, their
cards, merchant numbers and files, and each record of an earlier file that one of its matches names. The row tells a
64-bit digest of it. Where two things share a digest, one night more is read, and nothing is found there.

So that few files are opened, a night takes up what nights before it left: the second of two, the fourth of four, to the
last of 32, as the digits of a binary number carry. What is taken up is not read any more.

A night that has no row yet, of a home that an earlier version began, is read as if it held every key, until it is
indexed: each night does so for some of them, the earliest first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import partial
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.kernels import radix
from settlement.model.stage import StageInput
from settlement.model.tables import TABLES
from settlement.rate.links import KINDS, LOCATOR, REFERENCE

LINKS: Final = ("reference", "order", "named")
"""What joins records: the reference of the bank's, the order of a merchant's purchase, the order that one names."""

_FEW: Final = 64
_CATCH_UP: Final = 31
_MOST_TAKEN_UP: Final = 32
_KEY: Final = "key"
_NIGHT: Final = "night"
_RECORD: Final = ["side", "kind", "arn", "rrn", "order_ref", "original_ref", "card_ref", "merchant_number", "file"]


class Kind(StrEnum):
    """What a key is; keys of different kinds have different digests."""

    LINK = "link"
    CARD = "card"
    STORE = "store"
    FILE = "file"
    MATCHED = "matched"
    EVERY = "every"


_EVERY: Final = pl.Series(["night with second presentments"])
"""A key that each indexed night has. With another word here all nights are indexed anew, as where a kind is added."""


def linked(clearing: pl.LazyFrame) -> pl.LazyFrame:
    """The clearing records that can count, with ``LINKS``; null is no key, it joins nothing."""
    return clearing.filter(pl.col("kind").is_in(KINDS)).with_columns(
        reference=pl.when(pl.col("side") == "bank").then(REFERENCE),
        order=pl.when((pl.col("side") == "merchant") & (pl.col("kind") == "purchase")).then("order_ref"),
        named=pl.when(pl.col("side") == "merchant").then("original_ref"),
    )


def digests(kind: Kind, *columns: pl.Series) -> pl.Series:
    """The digests of keys in ascending order, each once; a row with a null has none.

    Equal in every process and of every version.
    """
    secret = f"settlement rated_key {kind}".encode()
    hashes = radix.digest_rows(columns, secret=secret, threads=radix.cores())[0]
    return _distinct(pl.Series(_KEY, hashes[hashes != 0].view("int64"), dtype=pl.Int64))


def _distinct(keys: pl.Series) -> pl.Series:
    """The keys in ascending order, each once: sorted numbers need no table of those that were met."""
    ascending = np.sort(keys.to_numpy())
    return pl.Series(keys.name, ascending[_firsts(ascending)], dtype=pl.Int64)


def _firsts(*ascending: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each of several rows that stand in order is another than the one before."""
    first = np.ones(len(ascending[0]), dtype=np.bool_)
    first[1:] = np.any([column[1:] != column[:-1] for column in ascending], axis=0)
    return first


@dataclass(frozen=True, slots=True, kw_only=True)
class NightIndex:
    """The index as the nights before have left it.

    Attributes
    ----------
    rows:
        What is read of table ``rated_key``: the rows that no later night has taken up.
    taken_up:
        Those of them that this night takes up.
    unindexed:
        The earlier nights that no row is of.
    tonight:
        This night, which is always read.
    """

    rows: pl.LazyFrame
    taken_up: pl.LazyFrame
    unindexed: tuple[date, ...]
    tonight: date

    def nights(self, *keys: pl.Series) -> frozenset[date]:
        """The nights that hold one of these digests, or that may."""
        wanted = pl.concat(keys)
        found = _holding(self.rows, wanted) if len(wanted) else []
        return frozenset([*found, *self.unindexed, self.tonight])


def night_index(inputs: StageInput, before: Sequence[date]) -> NightIndex:
    """The index of the nights before this one."""
    number = len(before) + 1
    left = _left(len(before))
    again = [n for n in left if n > number - _taken_up(number)]
    rows, taken_up = (inputs.of_nights("rated_key", [before[n - 1] for n in some]) for some in (left, again))
    indexed = set(_holding(rows, digests(Kind.EVERY, _EVERY)))
    return NightIndex(
        rows=rows,
        taken_up=taken_up.select(TABLES["rated_key"].schema.names()),
        unindexed=tuple(night for night in before if night not in indexed),
        tonight=inputs.business_date,
    )


def _taken_up(number: int) -> int:
    """How many nights the rows of the n-th night are of, itself among them: the lowest binary digit that is set."""
    return min(number & -number, _MOST_TAKEN_UP)


def _left(nights: int) -> list[int]:
    """The numbers of the nights whose rows are still read after so many nights."""
    found = []
    while nights:
        found.append(nights)
        nights -= _taken_up(nights)
    return found


def _holding(rows: pl.LazyFrame, keys: pl.Series) -> list[date]:
    # Of comparisons with single keys Parquet knows where they cannot be: little is read of a night of many rows.
    held = pl.any_horizontal(pl.col("key") == key for key in keys) if len(keys) <= _FEW else _among("key", keys)
    return rows.filter(held).select(pl.col(_NIGHT).unique()).collect().to_series().to_list()


def _among(column: str, values: pl.Series) -> pl.Expr:
    return pl.col(column).is_in(values.implode())


def index_rows(inputs: StageInput, index: NightIndex) -> pl.DataFrame:
    """The night's rows of table ``rated_key``: its own keys, what it takes up, and some nights that have none yet."""
    rows = [_keys_of(inputs.tonight, index.tonight), index.taken_up.collect()]
    rows += [_keys_of(partial(_told_on, inputs, night), night) for night in index.unindexed[:_CATCH_UP]]
    found = pl.concat(rows)
    keys, nights = found[_KEY].to_numpy(), found[_NIGHT].to_physical().to_numpy()
    order = np.lexsort((nights, keys))
    # A night that is indexed anew may have rows that are taken up.
    return found[order[_firsts(keys[order], nights[order])]]


def _told_on(inputs: StageInput, night: date, table: str) -> pl.LazyFrame:
    return inputs.of_nights(table, [night])


def _keys_of(told: Callable[[str], pl.LazyFrame], night: date) -> pl.DataFrame:
    """The keys of one night, by what it told of each table."""
    records = linked(told("clearing").select(_RECORD)).select(*LINKS, "card_ref", "merchant_number", "file").collect()
    files = records["file"].unique()
    elsewhere = told("match_member").select(LOCATOR).filter(~_among("file", files)).collect()
    keys = [
        *(digests(Kind.LINK, records[name]) for name in LINKS),
        digests(Kind.CARD, records["card_ref"]),
        digests(Kind.STORE, records["merchant_number"]),
        digests(Kind.FILE, files),
        digests(Kind.MATCHED, *elsewhere),
        digests(Kind.EVERY, _EVERY),
    ]
    return pl.DataFrame(_distinct(pl.concat(keys))).with_columns(pl.lit(night, pl.Date).alias(_NIGHT))
