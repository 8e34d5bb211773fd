"""What every term of a contract says, whatever its form: its clause, whether and to whom it is paid, its rounding."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import ConfigDict

from settlement.model.contract_measures import CLOSED, Flag, Text, Whole
from settlement.model.money import Rounding


class Scope(StrEnum):
    """What is rounded once: the term of a period, each class and rate, month, or price in it, or each record."""

    PERIOD = "period"
    CLASS_AND_RATE = "class_and_rate"
    MONTH = "month"
    PRICE = "price"
    RECORD = "record"


class BelowZero(StrEnum):
    """What a tiered term gives for a volume below its first bound."""

    FIRST_RATE = "first_rate"
    NOTHING = "nothing"


class Window(StrEnum):
    """Over which periods a quantity is added up, seen from the period that is settled."""

    PERIOD = "period"
    PREVIOUS_PERIOD = "previous_period"
    YEAR_TO_DATE = "year_to_date"
    LAST_12_FULL_MONTHS = "last_12_full_months"
    CONTRACT_TO_DATE = "contract_to_date"


class Counted(StrEnum):
    """What a quantity counts: money of the contract's currency, things, or one quantity for another."""

    MONEY = "money"
    COUNT = "count"
    RATIO = "ratio"


@dataclass(frozen=True, slots=True, kw_only=True)
class TermRounding:
    """The one place where a term is rounded: to the minor unit, by which mode, once for what."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    unit: Literal["minor"]
    mode: Rounding
    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One beneficiary's part of a term, by its weight among the parts."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    to: Text
    weight: Whole


@dataclass(frozen=True, slots=True, kw_only=True)
class TermFrame:
    """What every form has in common.

    A term with ``paid = false`` is worked out for the terms that name it and is no line of the statement. A term ``to``
    one beneficiary, or in ``parts`` to several, is no part of what the settlement splits; parts sum to their term by
    largest remainder, equal remainders to the beneficiary whose id sorts first.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    id: Text
    clause: Text
    paid: Flag = True
    to: Text | None = None
    parts: tuple[Part, ...] = ()

    @property
    def shares(self) -> dict[str, int]:
        """The weights of those whom the term itself names; empty where the settlement splits it."""
        return {self.to: 1} if self.to is not None else {part.to: part.weight for part in self.parts}
