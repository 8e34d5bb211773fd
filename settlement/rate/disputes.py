"""What chargebacks take back of one purchase or refund, and what second presentments and their reversals give back.

The messages of one dispute follow each other: a chargeback, a second presentment, perhaps a second chargeback. What is
*open* is what chargebacks have taken and nothing has given back. A chargeback opens more, up to the amount of what it
is about, or to its own where that is larger; a second presentment or the reversal of a chargeback closes some, down to
nothing. So nothing is given back that was not taken, nothing twice, and what was not given back is not taken again.

Each message counts for what the open amount gives after it, less what it gives before it. Where that is rounded, in
whole units or in another currency, the differences add up to what is open at last. Which rate, price or exchange rate
holds for all of them is decided by the first chargeback, so that what is given back is what was taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from settlement.model.contract_measures import Negative, Restoring
from settlement.rate.dating import EXCHANGE_DAY, RATE_DAY

BEFORE: Final = "before_minor"
"""What was open before a message of a dispute, signed as what opened it; 0 for a record of none."""
DISPUTED: Final = ("disputed_file", "disputed_record")
"""The purchase or the refund that a dispute of several messages is about; null for every other record."""
AMOUNT: Final = "disputed_minor"
"""Its amount, above zero of a purchase, below zero of a refund."""
RESTORING: Final = tuple(kind.value for kind in Restoring)
"""The kinds that give back what a chargeback took."""

_PICKED: Final = (EXCHANGE_DAY, RATE_DAY, "selector")
"""What the first chargeback of a dispute decides for all its messages."""
_MESSAGE: Final = pl.col("kind").is_in([Negative.CHARGEBACK.value, *RESTORING])


def in_dispute(records: pl.DataFrame, amounts: pl.DataFrame) -> pl.DataFrame:
    """The records with ``AMOUNT``, and with ``DISPUTED`` of those alone that are one of several of a dispute.

    Parameters
    ----------
    records:
        Records with ``kind`` and ``DISPUTED``, what each is about where it is a message of a dispute.
    amounts:
        ``DISPUTED`` and ``AMOUNT`` of purchases and refunds.
    """
    # Messages are few among the records: no other is joined with anything.
    others = (
        records.lazy()
        .filter(~_MESSAGE)
        .with_columns(
            *(pl.lit(None, records.schema[name]).alias(name) for name in DISPUTED), pl.lit(None, pl.Int64).alias(AMOUNT)
        )
    )
    messages = records.filter(_MESSAGE)
    several = messages.select(DISPUTED).drop_nulls().group_by(DISPUTED).len().filter(pl.col("len") > 1)
    known = amounts.join(several, on=DISPUTED, how="semi").unique(DISPUTED, keep="any")
    one_of_several = pl.col(AMOUNT).is_not_null()
    told = messages.join(known, on=DISPUTED, how="left").with_columns(
        pl.when(one_of_several).then(name).alias(name) for name in DISPUTED
    )
    return pl.concat([others, told.lazy().select(*records.columns, AMOUNT)]).collect()


def with_disputes(records: pl.LazyFrame, told: Sequence[str | pl.Expr]) -> pl.DataFrame:
    """What is told of the records that a measure counts, ``quantity`` among it, and ``BEFORE``.

    The ``quantity`` of a message of a dispute is what it opens or closes; a message of nothing is left out.

    Parameters
    ----------
    records:
        Records with ``file``, ``record``, ``kind``, ``posting_date``, ``DISPUTED`` and ``AMOUNT``.
    told:
        Columns of theirs; ``quantity`` is their own amount, below zero where the cardholder is credited.
    """
    alone = pl.col(DISPUTED[0]).is_null()
    rows = records.filter(alone).select(*told, pl.lit(0, pl.Int64).alias(BEFORE)).collect()
    messages = records.filter(~alone).with_columns(*told).collect()
    if messages.is_empty():
        return rows
    return pl.concat([rows, _worked_out(messages, rows.columns).select(rows.columns)])


def _worked_out(messages: pl.DataFrame, told: Sequence[str]) -> pl.DataFrame:
    gives = pl.col("kind").is_in(RESTORING)
    # On one day a chargeback comes before what answers it.
    order = (*DISPUTED, "posting_date", gives, "file", "record")
    rows = messages.sort(order)
    before, change = [], []
    dispute: tuple[str, int] | None = None
    left = 0
    for file, record, about, quantity, gives_back in rows.select(*DISPUTED, AMOUNT, "quantity", gives=gives).rows():
        if dispute != (file, record):
            dispute, left = (file, record), 0
        # What takes back is below zero where that which it takes from adds, and what gives back above.
        sign = -1 if (quantity < 0) is not gives_back else 1
        opens = sign * quantity
        most = max(abs(about), opens)
        after = min(left, max(left + opens, 0)) if gives_back else max(left, min(left + opens, most))
        before.append(sign * left)
        change.append(sign * (after - left))
        left = after
    return rows.with_columns(
        pl.Series(BEFORE, before, pl.Int64),
        pl.Series("quantity", change, pl.Int64),
        *(pl.col(name).filter(~gives).first().over(DISPUTED) for name in _PICKED if name in told),
    ).filter(pl.col("quantity") != 0)
