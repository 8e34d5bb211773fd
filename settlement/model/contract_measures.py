"""What a contract measures: volumes, accounts, balances, profits, each with its selectors said, none implied."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field, Strict
from pydantic_core import PydanticCustomError

from settlement.model.money import Rounding

CLOSED: Final = ConfigDict(extra="forbid")
"""Every table of a contract file is closed: a key that is no word of it is refused."""


def _exact(value: object) -> Decimal:
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, Decimal) and value.is_finite():
        return value
    raise PydanticCustomError("exact_decimal", "write a plain decimal without quotes")


Text = Annotated[str, Strict()]
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
Day = Annotated[date, Strict()]
Exact = Annotated[Decimal, BeforeValidator(_exact)]
"""A rate, or an amount in major units: kept digit for digit as the file writes it."""


class EventDate(StrEnum):
    """The dates that can place a record in a period or pick its rate.

    ``settlement_date`` is the day on which the network settles the record, as it tells it. The day on which the
    record's account was opened picks rates and places nothing.
    """

    POSTING = "posting_date"
    TRANSACTION = "transaction_date"
    SETTLEMENT = "settlement_date"
    ACCOUNT_OPENING = "account_opening_date"
    PURCHASE_POSTING = "purchase_posting_date"
    PURCHASE_TRANSACTION = "purchase_transaction_date"
    PURCHASE_SETTLEMENT = "purchase_settlement_date"


class Negative(StrEnum):
    """The events that take volume back."""

    REFUND = "refund"
    REVERSAL = "reversal"
    CHARGEBACK = "chargeback"


class Restoring(StrEnum):
    """The events that give back what a chargeback took."""

    SECOND_PRESENTMENT = "second_presentment"
    CHARGEBACK_REVERSAL = "chargeback_reversal"


class Store(StrEnum):
    """Whose till the record comes from: a merchant number in the partner's store feed, or not."""

    OWN = "own"
    OTHER = "other"
    ANY = "any"


class FirstPurchase(StrEnum):
    """When an account must have been used for the first time, both days included."""

    TO_CONDITION_DAY = "opening_to_condition_day"
    TO_DAY_BEFORE = "opening_to_day_before_condition_day"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dating:
    """Which date is used for a purchase, for a negative event, and for a refund that refers to no purchase."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    purchase: EventDate
    negative: EventDate
    refund_without_purchase: EventDate


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """An opening position that is added to a measure in the first period; for one account class where it says so."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    item: Text
    account_class: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventConversion:
    """Amounts in other currencies than the contract's, each at the rate of the day that ``rate_date`` names.

    Each amount is rounded to a minor unit of the contract's currency by itself. ``missing`` says what a day without a
    rate takes: nothing, so that the night is refused, or the rate of the nearest day before it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    rate: Literal["day_of_event"]
    rate_date: Dating
    missing: Literal["refused", "previous_day"]
    rounding: Rounding
    residue: Literal["stays_with_each_record"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeMeasure:
    """Net volume in minor units: the bank-side amounts of the records that count, purchases less negative events.

    ``mcc_in`` and ``mcc_not_in`` name a list of ``mcc_lists``, or ``any`` and ``none``; ``account_classes`` lists
    classes, or ``any`` alone. Without ``convert`` all records are in the contract's currency. ``gives_back`` names what
    restores that which a chargeback took; where it is empty, nothing does.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    type: Literal["volume"]
    clause: Text
    counts: Literal["reconciled"]
    amount: Literal["bank_amount_less_cashback"]
    takes_back: tuple[Negative, ...]
    gives_back: tuple[Restoring, ...]
    store: Store
    mcc_in: Text
    mcc_not_in: Text
    account_classes: tuple[Text, ...]
    opening: tuple[Opening, ...] = ()
    convert: EventConversion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A class of accounts that does not count from a condition day on."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    account_class: Text
    first: Annotated[Day, Field(alias="from")]
    clause: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountMeasure:
    """Accounts whose condition day has come in the period, not closed on or before that day.

    It is so many days or months after the opening day: one of the two is said. A month that has no such day has it on
    its last.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    type: Literal["accounts"]
    clause: Text
    place: Literal["condition_day"]
    still_open: Literal["on_condition_day"]
    days_from_opening: Whole | None = None
    months_from_opening: Whole | None = None
    exclude: tuple[Exclusion, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsWithin:
    """The accounts of another measure that came through one of the channels and used the card in time.

    ``first_purchase`` says from the opening day to when: the condition day included, or the day before it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    type: Literal["accounts_within"]
    clause: Text
    of: Text
    channels: tuple[Text, ...]
    first_purchase: FirstPurchase


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceMeasure:
    """Statement balances of the programme's accounts for the month-ends of the period that have been delivered.

    Each counts once, or for each day of its month: what a rate a year is then divided by are 365 or 360 days.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    type: Literal["month_end_balances"]
    clause: Text
    times: Literal["once", "days_of_its_month"]
    opening: tuple[Opening, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfitMeasure:
    """The programme's profit of each month for which figures have come: income lines less cost lines."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    type: Literal["monthly_profit"]
    clause: Text
    income: tuple[Text, ...]
    costs: tuple[Text, ...]
    version: Literal["highest_known"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLimit:
    """The fewest and the most units that the records of one account count for in one period, in every term."""

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    least: Whole
    most: Whole
    window: Literal["period"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitMeasure:
    """Units, such as miles, that the records of a volume count for: one for each whole ``per`` of a record's amount.

    What is left of an amount below ``per`` counts nothing; a negative event takes back units of its own amount. A
    record counts for ``most_a_record`` at most, whichever its sign.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    type: Literal["units"]
    clause: Text
    of: Text
    unit: Text
    per: Exact
    blocks: Literal["whole_per_record"]
    most_a_record: Whole | None = None
    account_limit: AccountLimit | None = None
    opening: tuple[Opening, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSelection:
    """Events of any kind: those that add less those that take back, by their attributes.

    An event that takes back an event that takes back gives back. ``where`` names attributes and the words of which an
    event has one, ``where_not`` those of which it has none. ``[period], place`` says by which date events count:
    ``purchase`` holds for what adds, ``negative`` for what refers to an event that adds.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CLOSED
    clause: Text
    adds: tuple[Text, ...]
    takes_back: tuple[Text, ...]
    where: dict[str, tuple[Text, ...]]
    where_not: dict[str, tuple[Text, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAmounts(EventSelection):
    """The amounts of events, in minor units."""

    type: Literal["event_amounts"]
    opening: tuple[Opening, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventUnits(EventSelection):
    """The quantities of events in units of ``per``: 1 counts whole ones, 0.1 tenths. A finer quantity is refused."""

    type: Literal["event_units"]
    unit: Text
    per: Exact
    opening: tuple[Opening, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAccounts(EventSelection):
    """Accounts, each once a period, for which more events add than take back."""

    type: Literal["event_accounts"]


ACCOUNTS_UNIT: Final = "accounts"
"""What measures of accounts count."""
EVENT_MEASURES: Final = (EventAmounts, EventUnits, EventAccounts)
Measure = (
    VolumeMeasure
    | UnitMeasure
    | AccountMeasure
    | AccountsWithin
    | BalanceMeasure
    | ProfitMeasure
    | EventAmounts
    | EventUnits
    | EventAccounts
)


def openings(measure: Measure) -> tuple[Opening, ...]:
    """The opening positions that are added to a measure; most measures have none."""
    kinds = (VolumeMeasure, UnitMeasure, BalanceMeasure, EventAmounts, EventUnits)
    return measure.opening if isinstance(measure, kinds) else ()


def things_of(measure: Measure) -> str | None:
    """The unit of the things that a measure counts; None where it counts money."""
    match measure:
        case UnitMeasure() | EventUnits():
            return measure.unit
        case AccountMeasure() | AccountsWithin() | EventAccounts():
            return ACCOUNTS_UNIT
    return None


AnyMeasure = Annotated[Measure, Field(discriminator="type")]
