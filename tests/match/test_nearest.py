"""A case a row: an open record, what stands near it, and the sentence that is told."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from match_frames import CARD, FIRST_NIGHT, bank, judged, merchant, met, opened, settle

from settlement.match import optimum

CODE = {"authorisation_code": "A1B2C3"}
ARN = {"arn": "2" * 23}
THERE = "on the merchant side"
FAR = "411111******9999"
NOTHING = (None, None, "no record of the other side comes near")


def on(day: int) -> dict[str, object]:
    return {"transaction_date": FIRST_NIGHT + timedelta(days=day)}


def near(output, side: str, number: int) -> tuple[int | None, str | None, str]:
    """(record, condition, note) of what came closest to an open record."""
    rows = output.tables["open_item"].filter((pl.col("side") == side) & (pl.col("record") == number))
    return rows.select("nearest_record", "nearest_condition", "note").row(0)


CASES = {
    "cash-back that nobody tells": (
        [bank(1, 2500, **CODE), merchant(7, 500, **CODE)],
        "amount_differs",
        "same approval code, card and date, 20.00 USD more on the bank side: looks like cash-back",
    ),
    "a round amount more at the till is no cash-back": (
        [bank(1, 500, **CODE), merchant(7, 2500, **CODE)],
        "amount_differs",
        "same approval code, card and date, 20.00 USD more on the merchant side",
    ),
    "a few cents": (
        [bank(1, 500, **CODE), merchant(7, 502, **CODE, **on(1))],
        "amount_differs",
        f"same approval code and card, 0.02 USD more {THERE}, 1 day later {THERE}: looks like rounding",
    ),
    "yen have no decimals": (
        [bank(1, 1500, currency="JPY", **CODE), merchant(7, 1200, currency="JPY", **CODE)],
        "amount_differs",
        "same approval code, card and date, 300 JPY more on the bank side: looks like a tip or a fee",
    ),
    "dinars have three": (
        [bank(1, 1500, currency="KWD", **CODE), merchant(7, 1004, currency="KWD", **CODE)],
        "amount_differs",
        "same approval code, card and date, 0.496 KWD more on the bank side",
    ),
    "too late": (
        [bank(1, 500, **CODE), merchant(7, 500, **CODE, **on(9))],
        "date_outside_window",
        "same approval code, card and amount, 9 days later on the merchant side: the window is 5 days",
    ),
    "only the card, another day": (
        [bank(1, 500), merchant(7, 500, **on(-1))],
        "date_outside_window",
        "same card and amount, 1 day earlier on the merchant side: dates must be equal",
    ),
    "another currency": (
        [bank(1, 500, **CODE), merchant(7, 500, currency="EUR", **CODE)],
        "currency_differs",
        "same approval code, card, amount and date, but USD on the bank side and EUR on the merchant side",
    ),
    "a refund of the same amount": (
        [bank(1, 500, **CODE), merchant(7, 500, kind="refund", **CODE)],
        "kind_differs",
        "same approval code, card, amount and date, but purchase on the bank side and refund on the merchant side",
    ),
    "another code": (
        [bank(1, 500, **CODE), merchant(7, 500, authorisation_code="X")],
        "key_differs",
        "same card, amount and date, but approval code is A1B2C3 on the bank side and X on the merchant side",
    ),
    "no code on one side, another day": (
        [bank(1, 500), merchant(7, 500, **CODE, **on(1))],
        "key_differs",
        f"same card and amount, 1 day later {THERE}, but approval code is empty on the bank side and A1B2C3 {THERE}",
    ),
    "another card": (
        [bank(1, 500, **CODE), merchant(7, 500, card_masked=FAR, **CODE)],
        "key_differs",
        f"same approval code, amount and date, but card is {CARD} on the bank side and {FAR} on the merchant side",
    ),
    "amount and date": (
        [bank(1, 500, **CODE), merchant(7, 600, **CODE, **on(9))],
        "too_far",
        f"same approval code and card, 1.00 USD more {THERE}, 9 days later {THERE}: amount and date both differ",
    ),
    "nothing in common but the card": ([bank(1, 500), merchant(7, 9999)], None, NOTHING[2]),
}


@pytest.mark.parametrize(("records", "condition", "note"), CASES.values(), ids=CASES.keys())
def test_one_record_on_each_side(records, condition, note) -> None:
    (output,) = settle(records)
    assert opened(output) == {("bank", 1): "MISSING_MERCHANT", ("merchant", 7): "MISSING_BANK"}
    assert near(output, "bank", 1) == (7 if condition else None, condition, note)
    assert near(output, "merchant", 7) == (1 if condition else None, condition, note)


def test_a_foreign_purchase_is_told_in_the_currency_that_comes_near() -> None:
    yen = {"transaction_amount_minor": 1500, "transaction_currency": "JPY"}
    (output,) = settle([bank(1, 1790, **yen, **ARN), merchant(7, 1450, currency="JPY", **ARN)])
    told = "same ARN, card and date, 50 JPY more on the bank side: looks like a tip or a fee"
    assert near(output, "bank", 1) == (7, "amount_differs", told)


def test_parts_of_which_one_is_missing() -> None:
    parts = [merchant(number, 300, part_ref=str(number), **CODE) for number in (7, 8)]
    (output,) = settle([bank(1, 900, **CODE), *parts])
    note = "same approval code and card: 1 of the bank side come to 9.00 USD, 2 of the merchant side to 6.00 USD"
    assert near(output, "bank", 1) == (7, "sum_differs", note)
    assert near(output, "merchant", 8) == (1, "sum_differs", note)


def test_several_on_both_sides() -> None:
    rows = [bank(1, 400, **CODE), bank(2, 600, **CODE, rrn="2"), merchant(7, 300, **CODE), merchant(8, 700, **CODE)]
    (output,) = settle(rows)
    assert near(output, "bank", 2)[:2] == (7, "several_on_both_sides")
    assert near(output, "bank", 2)[2].endswith("but no rule takes several on both sides")


def test_what_is_open_comes_before_what_is_matched() -> None:
    """Record 2 equals the matched one in all but the amount; so does an open one, by far more."""
    rows = [bank(1, 500, **ARN), merchant(7, 500, **ARN), bank(2, 501, **ARN)]
    (output,) = settle(rows)
    assert met(output) == {(1,): (7,)}
    closest = "closest: same ARN, card and date, 0.01 USD more on the bank side, but it is matched already"
    assert near(output, "bank", 2) == (7, "already_matched", closest)
    (output,) = settle([*rows, merchant(8, 900, **ARN)])
    assert near(output, "bank", 2)[:2] == (8, "amount_differs")


def test_the_nearest_amount_is_told_and_of_equal_ones_the_first() -> None:
    rows = [bank(1, 1000, **ARN), *(merchant(n, a, **ARN, tip_minor=n) for n, a in ((9, 985), (8, 991), (6, 1050)))]
    (output,) = settle(rows, rules=RULES)
    assert near(output, "bank", 1)[0] == 8  # 999 with its tip
    twins = [merchant(n, 990, **ARN, order_ref=str(n)) for n in (9, 8)]
    (output,) = settle([bank(1, 1000, **ARN), *twins], rules=RULES)
    assert near(output, "bank", 1)[0] == 8


RULES = """
repeats = { lookback_nights = 0 }
[[leg]]
name = "MERCHANT"
bank_open = "MISSING_MERCHANT"
merchant_open = "MISSING_BANK"
kinds = [["purchase"]]
[[pass]]
name = "reference"
leg = "MERCHANT"
keys = ["arn"]
cardinality = ["1:1"]
amount = "exact"
days = 5
"""


def test_a_repeat_tells_its_original_on_every_night() -> None:
    outputs = settle([bank(1, 500, **CODE), merchant(1, 500, **CODE), bank(2, 500, **CODE)], [])
    told = f"says {FIRST_NIGHT}/bank.txt record 1 again in every field"
    assert [near(output, "bank", 2) for output in outputs] == [(1, "repeated", told)] * 2


def test_a_foreign_card_is_told() -> None:
    (output,) = settle([merchant(1, 500, card_masked="400000******7777")])
    assert near(output, "merchant", 1) == (None, None, "the card is of no programme")


def test_the_nearest_is_told_anew_each_night() -> None:
    first, second = settle([bank(1, 500, **CODE)], [merchant(7, 700, night=1, **CODE)])
    assert near(first, "bank", 1) == NOTHING
    assert near(second, "bank", 1)[:2] == (7, "amount_differs")
    assert opened(second) == {("bank", 1): "MISSING_MERCHANT", ("merchant", 7): "MISSING_BANK"}


def test_a_group_that_is_given_up_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimum, "MOST_EDGES", 3)
    rows = [
        *(bank(n, 500, **CODE, **on(n), rrn=str(n)) for n in (1, 2)),
        *(merchant(n, 500, **CODE, **on(n)) for n in (3, 4)),
    ]
    (output,) = settle(rows)
    assert judged(output) == []
    assert near(output, "bank", 2)[:2] == (3, "too_many_candidates")
    assert near(output, "merchant", 4)[:2] == (1, "too_many_candidates")
