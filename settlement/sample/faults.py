"""What goes wrong in the sample, how often, and what the truth calls it.

Two kinds of fault are planted: in single sales (``PLANTS``: shares of the night's sales, at least one each) and in
whole files (``deliveries``: a cycle of nights in which files come cut short, twice, altered, or with a wrong total).
Shares are integers per ten thousand, so that no float decides anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

SMALL_RUN_ROWS: Final = 200
"""Below this number of rows a fault is planted by its share only; from it on at least once a night."""


class Fault(IntEnum):
    """The one thing that is special about a sale."""

    NONE = 0
    DATE_SHIFT = 1
    TIP_TOLD = 2
    TIP_UNTOLD = 3
    CASHBACK_TOLD = 4
    CASHBACK_UNTOLD = 5
    FOREIGN_OWN_CURRENCY = 6
    FOREIGN_CONVERTED = 7
    NO_ARN = 8
    NO_CODES = 9
    PARTIAL_CLEARING = 10
    SPLIT_SHIPMENT = 11
    LATE_MERCHANT = 12
    LATE_BANK = 13
    MISSING_MERCHANT = 14
    MISSING_BANK = 15
    DUPLICATE_BANK = 16
    DUPLICATE_MERCHANT = 17
    TWIN = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """How often a fault is planted in sales of own stores and of other merchants, and in which sales.

    ``lonely`` asks for a card and amount that no other bank record of the night shows: without codes nothing
    else tells which sale is meant.
    """

    fault: Fault
    stores: int
    acquirer: int
    mastercard: bool = False
    least_minor: int = 300
    most_minor: int = 5_000_000
    lonely: bool = False


PLANTS: Final[tuple[Plant, ...]] = (
    Plant(fault=Fault.TWIN, stores=6, acquirer=10, lonely=True),
    Plant(fault=Fault.NO_CODES, stores=60, acquirer=80, lonely=True),
    Plant(fault=Fault.FOREIGN_OWN_CURRENCY, stores=0, acquirer=45, mastercard=True, most_minor=800_000),
    Plant(fault=Fault.FOREIGN_CONVERTED, stores=0, acquirer=30, mastercard=True, most_minor=800_000),
    Plant(fault=Fault.TIP_TOLD, stores=35, acquirer=0, least_minor=600, most_minor=100_000),
    Plant(fault=Fault.TIP_UNTOLD, stores=25, acquirer=0, least_minor=600, most_minor=100_000),
    Plant(fault=Fault.CASHBACK_TOLD, stores=15, acquirer=0, most_minor=50_000),
    Plant(fault=Fault.CASHBACK_UNTOLD, stores=25, acquirer=0, most_minor=50_000),
    Plant(fault=Fault.NO_ARN, stores=0, acquirer=450),
    Plant(fault=Fault.PARTIAL_CLEARING, stores=45, acquirer=60),
    Plant(fault=Fault.SPLIT_SHIPMENT, stores=70, acquirer=25),
    Plant(fault=Fault.DATE_SHIFT, stores=30, acquirer=65),
    Plant(fault=Fault.LATE_MERCHANT, stores=25, acquirer=35),
    Plant(fault=Fault.LATE_BANK, stores=10, acquirer=20),
    Plant(fault=Fault.MISSING_MERCHANT, stores=20, acquirer=40),
    Plant(fault=Fault.MISSING_BANK, stores=15, acquirer=35),
    Plant(fault=Fault.DUPLICATE_BANK, stores=10, acquirer=25),
    Plant(fault=Fault.DUPLICATE_MERCHANT, stores=10, acquirer=15),
)

# Events beside the sales, per ten thousand of them. The last three look back at sales of earlier nights.
CASH_ADVANCES: Final = 40
REFUNDS_WITHOUT_SALE: Final = 35
FOREIGN_CARDS: Final = 50
REFUNDS: Final = 110
REVERSALS: Final = 40
CHARGEBACKS: Final = 40
RETURNABLE: Final = 500
"""Sales a night that later nights may take back, per ten thousand."""

# Rows in which one field is unreadable, per file; the first figure for each started four thousand rows.
BAD_MASTERCARD: Final = ("BAD_LUHN", "BAD_LUHN", "UNKNOWN_CURRENCY", "BAD_DATE")
BAD_VISA: Final = ("NON_NUMERIC_AMOUNT", "BAD_DATE", "BAD_LUHN")
BAD_MERCHANT: Final = ("BAD_DATE", "NON_NUMERIC_AMOUNT", "UNKNOWN_CURRENCY")

TRUTH_KINDS: Final[tuple[str, ...]] = (
    *("EXACT", "DATE_SHIFT", "AMOUNT_DIFF", "MASKED_ONLY", "ONE_TO_MANY", "MANY_TO_ONE", "LATE"),
    *("REFUND", "REVERSAL", "CHARGEBACK"),
)
_TRUTH_OF: Final[dict[Fault, tuple[str, str]]] = {
    Fault.DATE_SHIFT: ("DATE_SHIFT", ""),
    Fault.TIP_TOLD: ("AMOUNT_DIFF", "TIP"),
    Fault.TIP_UNTOLD: ("AMOUNT_DIFF", "TIP"),
    Fault.CASHBACK_TOLD: ("AMOUNT_DIFF", "CASHBACK"),
    Fault.CASHBACK_UNTOLD: ("AMOUNT_DIFF", "CASHBACK"),
    Fault.FOREIGN_CONVERTED: ("AMOUNT_DIFF", "FX_ROUNDING"),
    Fault.NO_ARN: ("MASKED_ONLY", ""),
    Fault.NO_CODES: ("MASKED_ONLY", ""),
    Fault.TWIN: ("MASKED_ONLY", ""),
    Fault.PARTIAL_CLEARING: ("MANY_TO_ONE", ""),
    Fault.SPLIT_SHIPMENT: ("ONE_TO_MANY", ""),
    Fault.LATE_MERCHANT: ("LATE", ""),
    Fault.LATE_BANK: ("LATE", ""),
}


def truth_kind(fault: Fault) -> tuple[str, str]:
    """Kind and difference reason of the match that a sale with this fault ends in."""
    return _TRUTH_OF.get(fault, ("EXACT", ""))


def count_of(share: int, rows: int) -> int:
    """How many of ``rows`` a share per ten thousand is: at least one, except in a very small run."""
    found = rows * share // 10_000
    return max(found, 1) if share and rows >= SMALL_RUN_ROWS else found


class Form(StrEnum):
    """What a delivered copy of a file is like."""

    GOOD = "good"
    TRUNCATED = "truncated"
    WRONG_TOTAL = "wrong total"
    ALTERED = "altered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One delivery of a file: how many nights after its business date, under which number, and its fate."""

    nights_later: int = 0
    number: str = "01"
    form: Form = Form.GOOD
    fate: str = "accepted"
    why: str = ""


_GOOD: Final = (Copy(),)
_CUT_THEN_GOOD: Final = (
    Copy(form=Form.TRUNCATED, fate="rejected", why="TRUNCATED"),
    Copy(nights_later=1, why="late"),
)
_WRONG_THEN_GOOD: Final = (
    Copy(form=Form.WRONG_TOTAL, fate="rejected", why="CONTROL_TOTAL_MISMATCH"),
    Copy(number="02"),
)
_SENT_TWICE: Final = (Copy(), Copy(nights_later=1, fate="duplicate", why="IDENTICAL_RESEND"))
_SENT_ALTERED: Final = (
    Copy(),
    Copy(nights_later=1, form=Form.ALTERED, fate="rejected", why="SAME_FILE_ID_DIFFERENT_CONTENT"),
)
_CYCLE: Final = 8
_PLAN: Final[dict[tuple[str, int], tuple[Copy, ...]]] = {
    ("ACQ", 0): _SENT_TWICE,
    ("VISA", 1): _CUT_THEN_GOOD,
    ("MC", 1): _SENT_ALTERED,
    ("RET", 2): _WRONG_THEN_GOOD,
    ("RET", 3): _CUT_THEN_GOOD,
    ("MC", 3): _SENT_TWICE,
    ("VISA", 4): _WRONG_THEN_GOOD,
    ("ACQ", 5): _SENT_TWICE,
    ("MC", 6): _CUT_THEN_GOOD,
    ("VISA", 7): _SENT_TWICE,
    ("RET", 8): _SENT_TWICE,
}


def deliveries(feed: str, night: int) -> tuple[Copy, ...]:
    """The copies of the file of ``feed`` (MC, VISA, RET or ACQ) with the business date of night ``night``."""
    place = 1 + (night - 1) % _CYCLE if night else 0
    return _PLAN.get((feed, place), _GOOD)


SHORT_FEE_MINOR: Final = 2_500
"""What the bank keeps back from the acquirer's payout on the nights of ``is_short``."""


def is_short(night: int) -> bool:
    """Whether the bank books the acquirer's payout of this night less a fee."""
    return night % 3 == 0
