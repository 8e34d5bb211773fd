"""Balances on their way from batch to batch: which batch of an acquirer takes over what another one carries over.

An acquirer numbers its batches one after another, and a batch that pays nothing hands its balance to the next. Either
of the two may come first, or be corrected by the acquirer: then both amounts are told, and the difference stays open.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import polars as pl

from settlement.match.batches import BATCH, announcing
from settlement.model.clearing import BatchEnd
from settlement.model.stage import StageInput
from settlement.model.tables import TABLES

_EARLIER: Final = ["from_file", "from_batch", "currency"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """One batch with a balance, in minor units of its currency, + to the merchant.

    ``series`` is what stands before the ``number`` that the batch's name ends in: all of it, and 0, where it is not
    ``numbered``.
    """

    file: str
    batch: str
    currency: str
    feed: str
    balance_minor: int
    in_books: bool
    series: str
    number: int
    numbered: bool


def batch_carries(inputs: StageInput, tonight: pl.DataFrame) -> pl.DataFrame:
    """Balances whose two batches are both known since tonight.

    A balance goes to the batch with the next number, whatever that one says it takes over; if there is none such, to
    the first later one that takes over this very amount. Each is carried over once and taken over once. Of two batches
    that have no account in the books nothing is told.

    Parameters
    ----------
    tonight:
        Tonight's rows of ``batch_tie``.
    """
    nothing = TABLES["batch_carry"].empty()
    own = tonight.filter(pl.col("feed").is_not_null())
    if not _carriers(own).height and not _takers(own).height:
        return nothing
    columns = [*BATCH, "feed", "balance_minor", "closing_minor", "closed_by", "in_books"]
    of_tonight = own.with_columns(pl.lit(value=True).alias("in_books")).select(columns)
    batches = pl.concat([_earlier(inputs).select(columns), of_tonight])
    done = inputs.history["batch_carry"].select(*BATCH, "from_file", "from_batch").collect()
    carriers = _carriers(batches).join(done, left_on=BATCH, right_on=_EARLIER, how="anti")
    takers = _takers(batches).join(done, on=BATCH, how="anti")
    found = _linked(_read(carriers, "closing_minor"), _read(takers, "balance_minor"))
    rows = [
        {
            "file": taker.file,
            "batch": taker.batch,
            "feed": taker.feed,
            "currency": taker.currency,
            "taken_minor": taker.balance_minor,
            "from_file": carrier.file,
            "from_batch": carrier.batch,
            "carried_minor": carrier.balance_minor,
            "in_books": taker.in_books,
            "from_in_books": carrier.in_books,
        }
        for carrier, taker in found
        if carrier.in_books or taker.in_books
    ]
    return nothing if not rows else pl.DataFrame(rows, schema=nothing.schema).sort(BATCH)


def _carriers(batches: pl.DataFrame) -> pl.DataFrame:
    return batches.filter(pl.col("closed_by") == BatchEnd.BALANCE)


def _takers(batches: pl.DataFrame) -> pl.DataFrame:
    return batches.filter(pl.col("balance_minor") != 0)


def _earlier(inputs: StageInput) -> pl.DataFrame:
    """Batches of earlier nights with their feeds; of those that were told before batches had accounts too."""
    history = inputs.history
    files = history["file"].select("file", pl.col("feed").alias("of_file")).unique("file", keep="first")
    ends = history["control_record"].filter(pl.col("class").is_in([end.value for end in BatchEnd]))
    ended = ends.select("file", "class", closing_record="record").unique(["file", "closing_record"], keep="first")
    return (
        history["batch_tie"]
        .join(files, on="file", how="left")
        .join(ended, on=["file", "closing_record"], how="left")
        .with_columns(
            pl.col("feed").is_not_null().alias("in_books"),
            pl.coalesce("feed", "of_file").alias("feed"),
            pl.coalesce("closed_by", "class").alias("closed_by"),
        )
        .filter(pl.col("in_books") | pl.col("feed").is_in(sorted(announcing(inputs))))
        .collect()
    )


def _read(rows: pl.DataFrame, balance: str) -> list[_Batch]:
    found = []
    for row in rows.iter_rows(named=True):
        name = row["batch"]
        series = re.sub(r"[0-9]+$", "", name)
        found.append(
            _Batch(
                file=row["file"],
                batch=name,
                currency=row["currency"],
                feed=row["feed"],
                balance_minor=row[balance],
                in_books=row["in_books"],
                series=series,
                number=int(name.removeprefix(series) or 0),
                numbered=series != name,
            )
        )
    return sorted(found, key=lambda one: (one.series, one.number, one.file, one.batch, one.currency))


def _linked(carriers: Iterable[_Batch], takers: Iterable[_Batch]) -> list[tuple[_Batch, _Batch]]:
    """Pairs of a batch and the one that takes its balance over: by the next number, then by the amount."""
    left, open_takers, found = list(carriers), list(takers), []
    for follows in (_next, _same_amount):
        for taker in tuple(open_takers):
            carrier = next((one for one in left if follows(one, taker)), None)
            if carrier is not None:
                left.remove(carrier)
                open_takers.remove(taker)
                found.append((carrier, taker))
    return found


def _next(carrier: _Batch, taker: _Batch) -> bool:
    return carrier.numbered and _in_one_row(carrier, taker) and carrier.number + 1 == taker.number


def _same_amount(carrier: _Batch, taker: _Batch) -> bool:
    if carrier.balance_minor != taker.balance_minor or not _in_one_row(carrier, taker):
        return False
    return (carrier.number, carrier.file) < (taker.number, taker.file) and carrier.batch != taker.batch


def _in_one_row(carrier: _Batch, taker: _Batch) -> bool:
    """Whether both are batches of one feed and currency that are numbered alike, or have no numbers."""
    same = (carrier.feed, carrier.currency, carrier.numbered) == (taker.feed, taker.currency, taker.numbered)
    return same and (not carrier.numbered or carrier.series == taker.series)
