"""Source fields of a line as expressions, and the checks that reject a row: what every type of field rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from settlement.model.clearing import RejectReason

MOST_DIGITS: Final = 15
"""Most digits of an amount: any sum of a billion of them stays inside 64 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Rows that cannot be used and why; and the field at fault where it is not the column's own.

    One that ``only_tells`` finds no row that another check of its field does not find: it is asked of bad rows alone.
    """

    bad: pl.Expr
    reason: RejectReason
    at_fault: str | None = None
    only_tells: bool = False


def field(name: str) -> pl.Expr:
    """The text of a source field. Source fields are kept apart from target columns of the same name."""
    return pl.col(source_name(name))


def source_name(name: str) -> str:
    """Column under which a source field stands in a frame of lines."""
    return f"source:{name}"


def made_name(column: str) -> str:
    """Column under which the value made for a target column stands beside the source fields."""
    return f"made:{column}"


def unless(good: pl.Expr, text: pl.Expr, required: bool, reason: RejectReason, at_fault: str | None = None) -> Check:
    """Reject what is not good; an empty field only where the column may not be empty."""
    bad = ~good.fill_null(value=False)
    return Check(bad=bad if required else bad & (text != ""), reason=reason, at_fault=at_fault)
