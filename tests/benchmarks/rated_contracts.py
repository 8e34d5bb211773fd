"""Four contracts of ten terms each for the rating bench, as the text of contract files; all about one programme.

Each of their terms looks at every event. The plain one is computed in SQL as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from settlement.model.contract import ContractVersion
from settlement.rate.contract_file import read_contract
from tests.benchmarks.rated_events import CLASSES, FIRST, PROGRAMME

TERMS: Final = 10
PLAIN: Final = "BENCH-PLAIN"
VOLUMES: Final = tuple(
    (store, mccs, classes)
    for store, mccs, classes in [
        ("any", "any", ("any",)),
        ("own", "any", ("any",)),
        ("other", "any", ("any",)),
        ("any", "travel", ("any",)),
        ("own", "travel", ("any",)),
        ("any", "any", ("GOLD",)),
        ("any", "any", ("STANDARD",)),
        ("own", "any", ("STUDENT",)),
        ("other", "travel", ("GOLD", "STUDENT")),
        ("any", "cash", ("any",)),
    ]
)
"""Of each volume its store, its list of merchant categories, and its classes of accounts."""
CASH: Final = ("6010", "6011", "6012")
TRAVEL: Final = ("4511", "3000-3299")

_HEAD: Final = """
id = "{id}"
title = "{id}"
payer = "the issuing bank"
programme = "{programme}"
currency = "USD"

[clauses]
1 = "Terms of the bench."

[period]
calendar = "{calendar}"
year = "calendar"
closes = "last_calendar_day"
place = {{ purchase = "posting_date", negative = "{negative}", refund_without_purchase = "posting_date" }}
clause = "1"

[mcc_lists]
cash = {cash}
travel = {travel}
"""
_VOLUME: Final = """
[measures.volume_{number}]
type = "volume"
clause = "1"
counts = "reconciled"
amount = "bank_amount_less_cashback"
takes_back = ["refund", "reversal", "chargeback"]
gives_back = []
store = "{store}"
mcc_in = "{mccs}"
mcc_not_in = "none"
account_classes = {classes}
"""
_UNITS: Final = """
[measures.units_{number}]
type = "units"
clause = "1"
of = "volume_{number}"
unit = "points"
per = {per}
blocks = "whole_per_record"
"""
_TAIL: Final = """
[[beneficiaries]]
id = "PARTNER"
name = "Partner"

[settlement]
clause = "1"
order = ["terms", "adjustments", "carry", "threshold"]
threshold = 0.00
below_threshold = "carry"

[settlement.adjustments]
clause = "1"
booked_in = "current_period"
recomputes = "all_terms"
reopens = { counted_in = "no_limit" }
"""
_PURCHASE_DATE: Final = (
    'rate_date = { purchase = "transaction_date", negative = "purchase_transaction_date", '
    'refund_without_purchase = "transaction_date" }'
)
_ROUNDING: Final = 'rounding = {{ unit = "minor", mode = "half_away", scope = "{scope}" }}'


def rate_of(number: int) -> tuple[int, int]:
    """The rate of a plain term as numerator and denominator."""
    return 2 * number + 1, 1_000


def contracts() -> tuple[ContractVersion, ...]:
    """The four: plain rates; rates by class and date, and tiers; units at dated prices; rates record by record."""
    numbers = range(TERMS)
    texts = {
        PLAIN: _text(
            PLAIN, "month", "posting_date", [*map(_rate, numbers), _example(0, "volume_0 = 1_000.00", "1.00")]
        ),
        "BENCH-TIERS": _text(
            "BENCH-TIERS",
            "quarter",
            "purchase_posting_date",
            [*map(_dated_or_tiered, numbers), _example(1, "volume_1 = 500_000.00", "500.00")],
        ),
        "BENCH-UNITS": _text(
            "BENCH-UNITS",
            "month",
            "posting_date",
            [*map(_units, numbers), _example(0, '"points_0_at_0.0120" = 1_000, "points_0_at_0.0140" = 0', "12.00")],
        ),
        "BENCH-RECORDS": _text(
            "BENCH-RECORDS",
            "month",
            "posting_date",
            [*map(_record_rate, numbers), _example(0, "amount = 100.00, left_of_purchase = 0.00", "0.10")],
        ),
    }
    return tuple(read_contract(f"contracts/{name.lower()}/{FIRST}.toml", text) for name, text in texts.items())


def _text(name: str, calendar: str, negative: str, terms: Iterable[str]) -> str:
    head = _HEAD.format(
        id=name,
        programme=PROGRAMME,
        calendar=calendar,
        negative=negative,
        cash=_list(CASH),
        travel=_list(TRAVEL),
    )
    volumes = [
        _VOLUME.format(number=number, store=store, mccs=mccs, classes=_list(classes))
        for number, (store, mccs, classes) in enumerate(VOLUMES)
    ]
    units = [_UNITS.format(number=number, per=f"{number + 1}.00") for number in range(TERMS)]
    measures = [*volumes, *units] if name == "BENCH-UNITS" else volumes
    return "".join([head, *measures, *terms, _TAIL])


def _term(number: int, form: str, scope: str, measure: str, *said: str) -> str:
    lines = [
        "\n[[terms]]",
        f'id = "term_{number}"',
        f'form = "{form}"',
        'clause = "1"',
        f'measure = "{measure}_{number}"' if measure else "",
        *said,
        _ROUNDING.format(scope=scope),
    ]
    return "\n".join(line for line in lines if line) + "\n"


def _example(number: int, given: str, gives: str) -> str:
    return f'\n[[examples]]\nterm = "term_{number}"\ntext = "a case"\ngiven = {{ {given} }}\ngives = {gives}\n'


def _rate(number: int) -> str:
    numerator, denominator = rate_of(number)
    return _term(number, "rate", "period", "volume", f"rate = {numerator / denominator:.4f}")


def _dated_or_tiered(number: int) -> str:
    tiers = (
        "tiers = [{ from = 0.00, to = 500_000.00, rate = 0.0010 }, "
        "{ from = 500_000.00, to = 5_000_000.00, rate = 0.0015 }, { from = 5_000_000.00, rate = 0.0020 }]"
    )
    match number % 3:
        case 0:
            rates = [
                f'{{ account_class = "{name}", {side} = {FIRST.replace(month=7)}, rate = 0.00{2 * place + late + 1} }}'
                for place, name in enumerate(CLASSES)
                for late, side in enumerate(("to", "from"))
            ]
            opening = 'opening_rate_date = "first_night"'
            rated = f"rates = [{', '.join(rates)}]"
            return _term(number, "rate_by", "class_and_rate", "volume", _PURCHASE_DATE, opening, rated)
        case 1:
            window = 'window = "period"'
            return _term(number, "marginal_tier", "period", "volume", window, 'below_zero = "nothing"', tiers)
    base = f'["volume_{number}", "volume_{number - 1}"]'
    return _term(
        number,
        "whole_tier",
        "period",
        "",
        f"base = {base}",
        f"driver = {base}",
        'window = "year_to_date"',
        'less = "given_for_earlier_periods"',
        f'quantity = "year_volume_{number}"',
        'below_zero = "first_rate"',
        tiers,
    )


def _units(number: int) -> str:
    change = FIRST.replace(month=7)
    prices = f"prices = [{{ to = {change}, price = 0.012{number} }}, {{ from = {change}, price = 0.014{number} }}]"
    said = (f'quantity = "points_{number}"', _PURCHASE_DATE, 'opening_rate_date = "first_night"', prices)
    return _term(number, "unit_price", "price", "units", *said)


def _record_rate(number: int) -> str:
    said = (f"rate = 0.00{number + 10}", f"most = {number + 1}.00", 'taken_back = "what_is_left_gives_less"')
    return _term(number, "record_rate", "record", "volume", *said)


def _list(words: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"
