"""The lines of a beneficiary in a statement: what each means, which ledger it is an entry of, and how they re-add.

A ledger is not kept anywhere: its entries are lines of statements, each of which follows from the facts and from the
statements that have closed. What a beneficiary brings in and earns, with the entries between, is what is paid and
carried out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import polars as pl

from settlement.model.clearing import StatementState


class Ledger(StrEnum):
    """The ledgers of a beneficiary; the books have an account for each."""

    CARRY = "carry"
    ADVANCE = "advance"
    TAX_BORNE = "tax_borne"
    TAX_OWED = "tax_owed"
    HOLD = "hold"
    RESERVE = "reserve"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLine:
    """A line of a beneficiary: what it means for the one who is paid, and the ledger that it is an entry of."""

    text: str
    ledger: Ledger | None = None


SHARE: Final = "share"
SHARE_CONVERTED: Final = "share_converted"
CARRY_IN: Final = "carry_in"
RECOUPED: Final = "recouped"
GROSS_UP: Final = "gross_up"
WITHHOLDING_TAX: Final = "withholding_tax"
VALUE_ADDED_TAX: Final = "value_added_tax"
REVERSE_CHARGE: Final = "reverse_charge"
HELD: Final = "held"
RELEASED: Final = "released"
RESERVE_KEPT: Final = "reserved"
RESERVE_RELEASED: Final = "reserve_released"
PAYOUT: Final = "payout"
CARRY_OUT: Final = "carry_out"

OWN_LINES: Final[Mapping[str, OwnLine]] = {
    SHARE: OwnLine(text="your share of the total"),
    SHARE_CONVERTED: OwnLine(text="your share in the currency of payment"),
    CARRY_IN: OwnLine(text="balance carried in from your last statement", ledger=Ledger.CARRY),
    RECOUPED: OwnLine(text="used to recoup the advance", ledger=Ledger.ADVANCE),
    GROSS_UP: OwnLine(text="tax that the payer bears for you", ledger=Ledger.TAX_BORNE),
    WITHHOLDING_TAX: OwnLine(text="tax withheld, which the payer hands over", ledger=Ledger.TAX_OWED),
    VALUE_ADDED_TAX: OwnLine(text="value added tax", ledger=Ledger.TAX_BORNE),
    REVERSE_CHARGE: OwnLine(text="value added tax that the payer hands over", ledger=Ledger.TAX_OWED),
    HELD: OwnLine(text="held back until its day of release", ledger=Ledger.HOLD),
    RELEASED: OwnLine(text="released of what was held back", ledger=Ledger.HOLD),
    RESERVE_KEPT: OwnLine(text="put in reserve against what may be taken back", ledger=Ledger.RESERVE),
    RESERVE_RELEASED: OwnLine(text="released of the reserve", ledger=Ledger.RESERVE),
    PAYOUT: OwnLine(text="amount to be paid"),
    CARRY_OUT: OwnLine(text="balance carried to your next statement", ledger=Ledger.CARRY),
}
"""The kinds of lines of a beneficiary in the order in which they are re-added.

A line goes by its kind, and one of several of a kind by the name of its tax or hold too: ``withholding_tax.state``.
"""

MOVES: Final[Mapping[str, Ledger]] = {
    name: line.ledger for name, line in OWN_LINES.items() if line.ledger not in {None, Ledger.CARRY}
}
"""Kinds of entries between what comes in (carried in, earned) and what goes out (paid, carried out), with ledgers."""

RELEASES: Final[Mapping[str, str]] = {HELD: RELEASED, RESERVE_KEPT: RESERVE_RELEASED}
"""Kinds of lines that keep back of a balance until a day, each with the kind that releases it."""

ADJUSTMENT: Final = "adjustment"
INTEREST: Final = "interest"
RESERVED: Final = frozenset({*OWN_LINES, ADJUSTMENT, INTEREST})
"""The names of lines of every statement, which no term and no beneficiary may have."""

KIND: Final = pl.col("term").str.extract(r"^([^.]*)")
"""The kind of a beneficiary's line in table ``payout``."""


def line_of(kind: str, name: str | None) -> str:
    """The line of a kind, of a tax or hold that has a name or none."""
    return kind if name is None else f"{kind}.{name}"


def kind_of(line: str) -> str:
    """The kind of a beneficiary's line: ``withholding_tax`` of ``withholding_tax.state``."""
    return line.partition(".")[0]


def name_of(line: str) -> str | None:
    """The name of the tax or hold that a beneficiary's line is of, None where it has none."""
    return line.partition(".")[2] or None


def in_order(lines: Iterable[str]) -> list[str]:
    """A beneficiary's lines in the order in which they are re-added, those of one kind by their names."""
    order = list(OWN_LINES)
    return sorted(lines, key=lambda line: (order.index(kind_of(line)), line))


def moves_of(lines: Iterable[str]) -> dict[str, Ledger]:
    """Those of a beneficiary's lines that stand between what comes in and what goes out, in order, with the ledger."""
    return {line: MOVES[kind_of(line)] for line in in_order(line for line in lines if kind_of(line) in MOVES)}


def told(quantities: str, name: str) -> str | None:
    """What a line tells as ``name=`` among its quantities, None where it does not."""
    pairs = (pair.partition("=") for pair in quantities.split(";"))
    return next((value for found, _, value in pairs if found == name), None)


def stated_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of table ``payout`` that are stated: those of closed statements.

    A restated term is stated once the statement that carries its adjustment has closed.
    """
    closed = pl.col("state") == StatementState.CLOSED
    closings = rows.filter(closed & (pl.col("term") == CARRY_OUT))["as_of"].unique()
    return rows.filter(
        closed | ((pl.col("state") == StatementState.RESTATED) & pl.col("as_of").is_in(closings.implode()))
    )
