"""Tables that the stage ``rate`` keeps packed, so that it opens few files whatever the number of nights before.

Of each the stage writes a table ``packed_<name>`` beside it: the rows of this night, and those of nights before that
it takes up. Which nights' packs are to be read together is told by table ``rated_pack``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from settlement.model.table import Column, Table

_VERSIONED: Final = ("file", "record", "retracted")
PACKED: Final[Mapping[str, Sequence[str]]] = {
    "file": ("file", "file_date"),
    "account_event": (
        *_VERSIONED,
        *("event", "effective_on", "account_id", "programme", "account_class", "channel"),
        *("opened_on", "closed_on", "first_purchase_on", "statement_balance_minor"),
    ),
    "enrolment": (*_VERSIONED, "card_ref", "account_id", "programme", "valid_from"),
    "store": (*_VERSIONED, "merchant_number"),
    "opening_position": (*_VERSIONED, "contract", "item", "value"),
    "fx_rate": (*_VERSIONED, "from_currency", "to_currency", "rate_date", "rate"),
    "pnl": (*_VERSIONED, "programme", "month", "version", "line", "amount_minor", "currency"),
    "rated_account": ("contract", "version", "term", "period", "period_first", "account_id", "units", "rows"),
    "payout": (
        *("as_of", "contract", "period", "term", "beneficiary", "amount_minor", "currency", "state", "quantities"),
        *("clause", "adjusts"),
    ),
}
"""The tables, and of each the columns that a later night asks for."""
NIGHT: Final = "night"
_NIGHT: Final = Column(name=NIGHT, type="date", doc="night on which the row became known", nullable=False)


def packed(table: str) -> str:
    """The name of the table that packs another."""
    return f"packed_{table}"


def packed_tables(tables: Sequence[Table]) -> Iterator[Table]:
    """The tables that pack others."""
    for table in tables:
        if table.name in PACKED:
            columns = {column.name: column for column in table.columns}
            yield replace(
                table,
                name=packed(table.name),
                stage="rate",
                doc=f"one row of `{table.name}` of this night or of one before that it takes up",
                key=(NIGHT, *table.key),
                columns=(*(columns[name] for name in PACKED[table.name]), _NIGHT),
            )
