"""The two sides of a leg as the passes see them: rows in declared order, and which of them are still free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.match.rules import Leg, Pass
from settlement.model import clearing
from settlement.model.tables import TABLES

SETTLEMENT: Final = "settlement"
TRANSACTION: Final = "transaction"
GOODS: Final = "goods"
MONEY: Final = {
    SETTLEMENT: ("total_minor", "currency"),
    GOODS: ("goods_minor", "currency"),
    TRANSACTION: ("transaction_amount_minor", "transaction_currency"),
}
"""The columns of the bank's amount in each currency it tells, and without cash-back; the merchant's is its total."""

_ALWAYS: Final = (
    *("file", "record", "side", "kind", "posting_date", "transaction_date", "amount_minor", "currency"),
    *("total_minor", "transaction_amount_minor", "transaction_currency", "cashback_minor", "purchases", "age_days"),
)


@dataclass(frozen=True, slots=True)
class Side:
    """The rows of one side in declared order (file, record), and which of them are still free.

    ``rows`` holds the columns that matching needs, and ``row`` (its position), ``kinds`` (number of its list of
    kinds) and ``day`` (day number of the transaction date, of the posting date where there is none). Files and
    currencies are Enums that both sides share, files in alphabetical order.
    """

    rows: pl.DataFrame
    free: NDArray[np.bool_]

    def left(self) -> pl.LazyFrame:
        """The rows that are still free."""
        return self.rows.lazy().filter(pl.Series(self.free))

    def unmatched(self) -> pl.DataFrame:
        """Locator, side and money of the rows that are still free."""
        columns = ("side", "amount_minor", pl.col("currency").cast(pl.String))
        return self.left().select(pl.col("file").cast(pl.String), "record", *columns).collect()


def twice_told() -> pl.Expr:
    """Whether a bank row tells the same money in both currencies: the transaction's has had its turn."""
    return (pl.col("currency") == pl.col("transaction_currency")) & (
        pl.col("total_minor") == pl.col("transaction_amount_minor")
    )


def needed(rules: Sequence[Pass]) -> frozenset[str]:
    """The columns of clearing that the passes look at."""
    return frozenset({*_ALWAYS, *(column for rule in rules for column in rule.columns)} - {"age_days"})


def two_sides(records: pl.DataFrame, aside: pl.Series, leg: Leg, rules: Sequence[Pass]) -> tuple[Side, Side]:
    """The bank and the merchant side of clearing records, ready for the passes, but for those that stand aside."""
    kinds = {kind: index for index, group in enumerate(leg.kinds) for kind in group}
    files = pl.Enum(records["file"].unique().sort())
    currencies = pl.Enum(pl.concat([records["currency"], records["transaction_currency"]]).unique().sort())
    words = pl.col("kind").cast(pl.Enum(sorted(kinds)))
    of_kind = pl.Series([kinds[kind] for kind in sorted(kinds)], dtype=pl.Int8)
    columns: tuple[str | pl.Expr, ...] = (
        *sorted(needed(rules) - {"file", "kind", "currency", "transaction_currency"}),
        "age_days",
        pl.col("file").cast(files),
        pl.col("currency", "transaction_currency").cast(currencies),
        words,
        pl.lit(of_kind).gather(words.to_physical()).alias("kinds"),
        pl.coalesce("transaction_date", "posting_date").to_physical().alias("day"),
        (pl.col("total_minor") - pl.col("cashback_minor").fill_null(0)).alias("goods_minor"),
    )
    found = []
    for name in (clearing.Side.BANK, clearing.Side.MERCHANT):
        of_side = ~aside & (records["side"] == name)
        found.append(_side(records.lazy().filter(of_side).select(columns).collect()))
    return found[0], found[1]


def _side(rows: pl.DataFrame) -> Side:
    if not TABLES["clearing"].ascends(rows):
        rows = rows.sort("file", "record")
    rows = rows.with_row_index("row").with_columns(pl.col("row").cast(pl.Int32))
    return Side(rows=rows, free=np.ones(rows.height, dtype=np.bool_))
