"""Forms of terms over ledgers of things: points that are issued, redeemed and expire, and inventory paid before.

Points and inventory are whole numbers of one unit, as money is whole minor units of one currency. No balance is kept:
each period's entries follow from all that was issued, redeemed, bought and used up to it, as known now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict

from settlement.model.contract_frame import TermFrame, TermRounding
from settlement.model.contract_measures import CLOSED, Day, Exact, Text, Whole


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsTerm(TermFrame):
    """``points``: gives a price on what is issued, redeemed or expires in the period, or the change of a reserve.

    What a period issues expires at the close of the period in which the month ``expires_after`` months after its last
    month ends. What is redeemed, and issues that are taken back, draw the oldest points first.
    """

    form: Literal["points"]
    issued: tuple[Text, ...]
    redeemed: tuple[Text, ...]
    expires_after: Whole
    drawn: Literal["first_in_first_out"]
    entry: Literal["issued", "redeemed", "expired", "reserve"]
    price: Exact
    rounding: TermRounding
    breakage: Exact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedQuantity:
    """A number of things that is bought on a day."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    on: Day
    quantity: Whole


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepaidTerm(TermFrame):
    """``prepaid``: gives the price of what is used beyond the inventory that is bought before, which is drawn first.

    ``opening_inventory`` is the opening position for what is left on the first night; purchases before it are in it.
    """

    form: Literal["prepaid"]
    of: tuple[Text, ...]
    bought: tuple[DatedQuantity, ...]
    price: Exact
    rounding: TermRounding
    opening_inventory: Text | None = None
