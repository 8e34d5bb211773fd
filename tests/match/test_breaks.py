"""Repeats, foreign cards, open items, and how they carry from night to night."""

from __future__ import annotations

from datetime import date

from match_frames import FIRST_NIGHT, bank, frame, judged, merchant, met, night_input, opened, run_checked, settle

CODE = {"authorisation_code": "A1B2C3"}


def test_an_exact_repeat_takes_no_part_and_stays_open() -> None:
    first, second, third = settle([bank(1, 500, **CODE), bank(2, 500, **CODE), merchant(1, 500, **CODE)], [], [])
    assert met(first) == {(1,): (1,)}
    for output in (first, second, third):
        assert opened(output) == {("bank", 2): "DUPLICATE_RECORD"}
    assert third.tables["open_item"].select("opened_on", "age_days").row(0) == (FIRST_NIGHT, 2)


def test_a_repeat_in_a_later_nights_file_is_found() -> None:
    day = {"posting_date": FIRST_NIGHT, **CODE}
    _, second = settle([bank(1, 500, **CODE)], [bank(1, 500, night=1, **day), merchant(1, 500, night=1, **CODE)])
    assert met(second) == {(1,): (1,)}
    assert second.tables["match_member"]["file"].to_list()[0] == "2010-12-29/bank.txt"
    assert opened(second) == {("bank", 1): "DUPLICATE_RECORD"}


def test_what_was_known_first_is_the_original_though_its_file_is_dated_later() -> None:
    earlier_day = {"posting_date": date(2010, 12, 1), **CODE}
    _, second = settle([bank(1, 500, **CODE), merchant(1, 500, **CODE)], [bank(9, 500, night=1, **earlier_day)])
    assert opened(second) == {("bank", 9): "DUPLICATE_RECORD"}


def test_the_look_back_is_bounded() -> None:
    nights = [[bank(1, 500, **CODE)], *([[]] * 10), [bank(1, 500, night=11, **CODE)]]
    assert opened(settle(*nights)[-1]) == {("bank", 1): "MISSING_MERCHANT"}


def test_records_that_differ_in_one_field_are_no_repeats() -> None:
    (output,) = settle(
        [bank(1, 500, lifecycle_id="a"), bank(2, 500, lifecycle_id="b"), merchant(1, 500), merchant(2, 500)]
    )
    assert len(met(output)) == 2


def test_a_card_of_no_programme_is_foreign_on_the_merchant_side() -> None:
    strange = {"card_masked": "400000******7777", **CODE}
    first, second = settle([merchant(1, 500, **strange), bank(1, 500, **strange)], [])
    for output in (first, second):
        assert opened(output) == {("merchant", 1): "FOREIGN_BIN", ("bank", 1): "MISSING_MERCHANT"}


def test_an_open_item_closes_when_its_partner_arrives() -> None:
    first, second, third = settle(
        [bank(1, 500, **CODE), merchant(8, 70)], [merchant(1, 500, night=1, **CODE)], [bank(2, 70, night=2)]
    )
    assert opened(first) == {("bank", 1): "MISSING_MERCHANT", ("merchant", 8): "MISSING_BANK"}
    assert met(second) == {(1,): (1,)}
    assert second.tables["open_item"].select("record", "opened_on", "age_days").rows() == [(8, FIRST_NIGHT, 1)]
    assert met(third) == {(2,): (8,)}
    assert opened(third) == {}


def test_a_late_partner_of_an_earlier_business_date_closes_the_item() -> None:
    _, second = settle([bank(1, 500, **CODE)], [merchant(1, 500, night=1, posting_date=FIRST_NIGHT, **CODE)])
    assert judged(second) == [("MASKED_ONLY", "1:1", 0, None)]


def test_parts_that_come_on_different_nights_meet_once_all_are_there() -> None:
    shop = {"merchant_number": "900", "order_ref": "one sale", **CODE}
    first, second = settle(
        [bank(1, 1000, **CODE, merchant_number="900"), merchant(2, 900, part_ref="2", **shop)],
        [merchant(1, 100, night=1, part_ref="1", **shop)],
    )
    assert met(first) == {}
    assert judged(second) == [("ONE_TO_MANY", "1:N", 0, None)]


def test_nothing_comes_back_after_a_night_without_open_items() -> None:
    """The second night closes empty: the third must not carry the items of the first."""
    outputs = settle([bank(1, 500, **CODE)], [merchant(1, 500, night=1, **CODE)], [bank(5, 9, night=2)])
    assert opened(outputs[1]) == {}
    assert opened(outputs[2]) == {("bank", 5): "MISSING_MERCHANT"}


def test_a_night_without_records_keeps_what_is_open() -> None:
    _, second = settle([bank(1, 500)], [])
    assert opened(second) == {("bank", 1): "MISSING_MERCHANT"}


def test_the_first_night_without_anything_is_empty() -> None:
    output = run_checked(night_input([{"clearing": frame("clearing", [])}]))
    assert all(rows.is_empty() for name, rows in output.tables.items() if name != "pass_use")
