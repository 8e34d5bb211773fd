"""A case a row: records of both sides, and what the rules of the house make of them."""

from __future__ import annotations

from datetime import date

import pytest
from match_frames import bank, judged, merchant, met, opened, settle

CODE = {"authorisation_code": "A1B2C3"}
SHOP = CODE | {"merchant_number": "900", "part_ref": "1"}
JPY = {"transaction_amount_minor": 1500, "transaction_currency": "JPY"}
NEXT_DAY = {"transaction_date": date(2010, 12, 30)}
NEXT_WEEK = {"transaction_date": date(2011, 1, 5)}
ARN = {"arn": "2" * 23}

CASES = {
    "one reference": (bank(1, 500, **ARN), merchant(1, 500, **ARN), ("EXACT", "1:1", 0, None)),
    "one code at one shop": (bank(1, 500, **SHOP), merchant(1, 500, **SHOP), ("EXACT", "1:1", 0, None)),
    "one code": (bank(1, 500, **CODE), merchant(1, 500, **CODE), ("MASKED_ONLY", "1:1", 0, None)),
    "one code, where the network has no reference": (
        bank(1, 500, **CODE),
        merchant(1, 500, arn="3" * 23, **CODE),
        ("EXACT", "1:1", 0, None),
    ),
    "one code, and two references": (
        bank(1, 500, **ARN, **CODE),
        merchant(1, 500, arn="3" * 23, **CODE),
        ("MASKED_ONLY", "1:1", 0, None),
    ),
    "one code, in a sheet that has no other": (
        bank(1, 500, **CODE),
        merchant(1, 500, feed="club_sales", **CODE),
        ("EXACT", "1:1", 0, None),
    ),
    "only the card": (bank(1, 500, **ARN), merchant(1, 500), ("MASKED_ONLY", "1:1", 0, None)),
    "card and shop": (
        bank(1, 500, merchant_number="900"),
        merchant(1, 500, merchant_number="900"),
        ("MASKED_ONLY", "1:1", 0, None),
    ),
    "card and shop, another day": (
        bank(1, 500, merchant_number="900"),
        merchant(1, 500, merchant_number="900", **NEXT_DAY),
        None,
    ),
    "only the card, another day": (bank(1, 500), merchant(1, 500, **NEXT_DAY), None),
    "the merchant tells another code": (bank(1, 500, **CODE), merchant(1, 500, authorisation_code="X"), None),
    "another card": (bank(1, 500, **CODE), merchant(1, 500, card_masked="411111******2222", **CODE), None),
    "a day later": (bank(1, 500, **ARN), merchant(1, 500, **ARN, **NEXT_DAY), ("DATE_SHIFT", "1:1", 0, None)),
    "a week later": (bank(1, 500, **ARN), merchant(1, 500, **ARN, **NEXT_WEEK), None),
    "file of the next day": (
        bank(1, 500, **ARN),
        merchant(1, 500, **ARN, posting_date=date(2010, 12, 30)),
        ("LATE", "1:1", 0, None),
    ),
    "the foreign amount": (
        bank(1, 1790, **ARN, **JPY),
        merchant(1, 1500, currency="JPY", **ARN),
        ("EXACT", "1:1", 0, None),
    ),
    "the converted amount": (bank(1, 1790, **ARN, **JPY), merchant(1, 1790, **ARN), ("EXACT", "1:1", 0, None)),
    "converted by both": (
        bank(1, 1790, **ARN, **JPY),
        merchant(1, 1788, **ARN),
        ("AMOUNT_DIFF", "1:1", -2, "FX_ROUNDING"),
    ),
    "converted too far apart": (bank(1, 1790, **ARN, **JPY), merchant(1, 1787, **ARN), None),
    "a cent off without conversion": (bank(1, 1790, **ARN), merchant(1, 1789, **ARN), None),
    "the right number in another currency": (bank(1, 500, **ARN), merchant(1, 500, currency="EUR", **ARN), None),
    "tip told": (
        bank(1, 600, **SHOP),
        merchant(1, 500, tip_minor=100, **SHOP),
        ("AMOUNT_DIFF", "1:1", -100, "TIP"),
    ),
    "tip not told": (bank(1, 625, **SHOP), merchant(1, 500, **SHOP), ("AMOUNT_DIFF", "1:1", -125, "TIP")),
    "more than a tip": (bank(1, 626, **SHOP), merchant(1, 500, **SHOP), None),
    "less than the till": (bank(1, 499, **SHOP), merchant(1, 500, **SHOP), None),
    "cash-back told by both": (
        bank(1, 2500, cashback_minor=2000, **SHOP),
        merchant(1, 500, cashback_minor=2000, **SHOP),
        ("AMOUNT_DIFF", "1:1", -2000, "CASHBACK"),
    ),
    "cash-back told by the bank": (
        bank(1, 2500, cashback_minor=2000, **SHOP),
        merchant(1, 500, **SHOP),
        ("AMOUNT_DIFF", "1:1", -2000, "CASHBACK"),
    ),
    "cash-back that does not explain all": (bank(1, 2501, cashback_minor=2000, **SHOP), merchant(1, 500, **SHOP), None),
    "refund": (bank(1, 500, kind="refund", **ARN), merchant(1, 500, kind="refund", **ARN), ("REFUND", "1:1", 0, None)),
    "a reversal that the merchant calls a refund": (
        bank(1, 500, kind="reversal", **ARN),
        merchant(1, 500, kind="refund", **ARN),
        ("REVERSAL", "1:1", 0, None),
    ),
    "chargeback": (
        bank(1, 500, kind="chargeback", **ARN),
        merchant(1, 500, kind="chargeback", **ARN),
        ("CHARGEBACK", "1:1", 0, None),
    ),
    "a purchase is no refund": (bank(1, 500, **ARN), merchant(1, 500, kind="refund", **ARN), None),
    "a refund is no chargeback": (
        bank(1, 500, kind="refund", **ARN),
        merchant(1, 500, kind="chargeback", **ARN),
        None,
    ),
}


@pytest.mark.parametrize(("ours", "theirs", "expected"), CASES.values(), ids=CASES.keys())
def test_one_record_on_each_side(ours, theirs, expected) -> None:
    (output,) = settle([ours, theirs])
    assert judged(output) == ([expected] if expected else [])
    if not expected:
        assert opened(output) == {("bank", 1): "MISSING_MERCHANT", ("merchant", 1): "MISSING_BANK"}


def part(number: int, amount: int, **columns):
    return merchant(number, amount, order_ref="one sale", **(SHOP | columns))


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        pytest.param(
            [bank(1, 1000, **SHOP), part(1, 300), part(2, 300, part_ref="2"), part(3, 400, part_ref="3")],
            ({(1,): (1, 2, 3)}, ("ONE_TO_MANY", "1:N", 0, None)),
            id="one clearing, three shipments",
        ),
        pytest.param(
            [bank(1, 300, **SHOP), bank(2, 700, **SHOP, **ARN), merchant(1, 1000, **SHOP)],
            ({(1, 2): (1,)}, ("MANY_TO_ONE", "N:1", 0, None)),
            id="two clearings, one sale",
        ),
        pytest.param(
            [bank(1, 1100, **SHOP), part(1, 300, tip_minor=100), part(2, 700, part_ref="2")],
            ({(1,): (1, 2)}, ("ONE_TO_MANY", "1:N", -100, "TIP")),
            id="a tip told on one of two shipments",
        ),
        pytest.param(
            [bank(1, 1000, **SHOP), part(1, 300), part(2, 600, part_ref="2")], None, id="a sum that is not equal"
        ),
        pytest.param(
            [bank(1, 1000, **SHOP), part(1, 300), part(2, 700, part_ref="2", **NEXT_WEEK)],
            None,
            id="a part a week later",
        ),
        pytest.param(
            [bank(1, 400, **SHOP), bank(2, 600, **SHOP, **ARN), part(1, 300), part(2, 700, part_ref="2")],
            None,
            id="several on both sides",
        ),
        pytest.param(
            [bank(1, 1000, **SHOP), part(1, 500), part(2, 500, currency="EUR", part_ref="2")], None, id="two currencies"
        ),
        pytest.param([bank(1, 1000, **SHOP), part(1, 900, part_ref="2")], None, id="a later shipment is no tip"),
        pytest.param(
            [bank(1, 1000, **SHOP), part(1, 900), part(2, 50, part_ref="2", authorisation_code=None)],
            None,
            id="a sale with a second shipment under no code is no tip",
        ),
        pytest.param(
            [bank(1, 1000, **SHOP), merchant(1, 900, **SHOP), merchant(2, 950, **SHOP)],
            None,
            id="two sales under one code: no tip is guessed",
        ),
        pytest.param(
            [bank(1, 1000, **SHOP), bank(2, 990, **SHOP, **ARN), merchant(1, 900, **SHOP)],
            None,
            id="two clearings under one code: no tip is guessed",
        ),
        pytest.param(
            [bank(1, 1000, **SHOP), bank(2, 900, **SHOP, **ARN), merchant(1, 900, **SHOP), merchant(2, 850, **SHOP)],
            ({(2,): (1,)}, ("EXACT", "1:1", 0, None)),
            id="a group that was not alone leaves no tip behind",
        ),
    ],
)
def test_several_records_under_one_code(records, expected) -> None:
    (output,) = settle(records)
    if expected is None:
        assert met(output) == {}
    else:
        assert (met(output), judged(output)) == (expected[0], [expected[1]])


def test_equal_records_meet_in_declared_order() -> None:
    """Two equal purchases and one equal capture: the first bank record has it."""
    key = {"card_masked": "411111******1111"}
    (output,) = settle([bank(7, 500, lifecycle_id="a", **key), bank(3, 500, lifecycle_id="b", **key), merchant(1, 500)])
    assert met(output) == {(3,): (1,)}
    assert opened(output) == {("bank", 7): "MISSING_MERCHANT"}


def test_the_same_day_is_taken_before_another_one() -> None:
    (output,) = settle([bank(1, 500, **CODE, **NEXT_DAY), bank(2, 500, **CODE), merchant(1, 500, **CODE)])
    assert met(output) == {(2,): (1,)}


def test_strong_evidence_goes_before_weak() -> None:
    """The record that tells the reference has it, though another with card and amount stands first."""
    (output,) = settle([bank(1, 500), bank(2, 500, **ARN), merchant(5, 500, **ARN), merchant(6, 500)])
    assert met(output) == {(2,): (5,), (1,): (6,)}


def test_match_ids_follow_the_bank_records() -> None:
    """Whatever pass found the match: the second record is matched first, by its reference."""
    rows = [bank(1, 101, **CODE), bank(2, 102, **ARN), bank(3, 103, **CODE)]
    rows += [merchant(1, 103, **CODE), merchant(2, 102, **ARN), merchant(3, 101, **CODE)]
    (output,) = settle(rows)
    assert output.tables["match"]["match_id"].to_list() == [f"M20101229{n:09d}" for n in (1, 2, 3)]
    assert output.tables["match"]["pass"].to_list() == ["code", "arn", "code"]
    assert list(met(output).items()) == [((1,), (3,)), ((2,), (2,)), ((3,), (1,))]


def test_members_tell_goods_and_bank_amount_in_the_currency_compared() -> None:
    (output,) = settle([bank(1, 1790, **ARN, **JPY), merchant(1, 1400, tip_minor=100, currency="JPY", **ARN)])
    members = output.tables["match_member"].select("side", "amount_minor", "currency").rows()
    assert members == [("bank", 1500, "JPY"), ("merchant", 1400, "JPY")]
    assert output.tables["match"].select("residual_minor", "currency").row(0) == (-100, "JPY")


def test_a_pass_may_name_the_merchants_columns() -> None:
    rules = """
        repeats = { lookback_nights = 0 }
        [[leg]]
        name = "MERCHANT"
        bank_open = "MISSING_MERCHANT"
        merchant_open = "MISSING_BANK"
        kinds = [["purchase"], ["refund", "reversal", "chargeback"]]
        [[pass]]
        name = "reference"
        leg = "MERCHANT"
        keys = ["rrn"]
        merchant_keys = ["order_ref"]
        cardinality = ["1:1"]
        amount = "exact"
        days = 0
    """
    (output,) = settle([bank(1, 500, rrn="77"), merchant(1, 500, order_ref="77"), merchant(2, 500)], rules=rules)
    assert met(output) == {(1,): (1,)}
    assert output.tables["match"]["pass"].to_list() == ["reference"]


def test_cash_advances_and_fees_take_no_part() -> None:
    (output,) = settle([bank(1, 500, kind="cash_advance", **ARN), bank(2, 500, kind="fee_collection", **ARN)])
    assert opened(output) == {}
