from __future__ import annotations

import polars as pl
from made_night import NIGHT, SALES, frame, made_night

from settlement.model.ageing import Ageing
from settlement.report import matching


def test_match_rate_counts_records_of_both_sides_that_are_in_play() -> None:
    tables = made_night()
    (rate,) = matching.match_rates(tables["match"], tables["match_member"], tables["open_item"])
    assert (rate.leg, rate.matched, rate.opened, rate.share) == ("MERCHANT", 2 * (SALES - 1), 2, "98.0\u202f%")
    (part,) = rate.amounts
    assert part.matched_minor + part.open_minor == tables["clearing"]["amount_minor"].sum()
    assert rate.main == part


def test_a_leg_without_matches_is_told_too() -> None:
    tables = made_night()
    opened = tables["open_item"].with_columns(leg=pl.lit("ACCRUAL"))
    rates = matching.match_rates(tables["match"], tables["match_member"], opened)
    assert [(rate.leg, rate.share) for rate in rates] == [("ACCRUAL", "0.0\u202f%"), ("MERCHANT", "100.0\u202f%")]


def test_passes_add_up_to_all_matches() -> None:
    tables = made_night()
    rows = matching.pass_rows(tables["match"], tables["match_member"])
    assert [(row.name, row.kind, row.matches, row.residual.minor) for row in rows] == [
        ("arn", "EXACT", SALES - 2, 0),
        ("tolerance", "AMOUNT_DIFF", 1, -200),
    ]
    assert all(row.merchant.minor - row.bank.minor == row.residual.minor for row in rows)
    assert [row.by_order for row in rows] == [0, 0]
    doubtful = tables["match"].with_columns(by_order=pl.col("pass") == "tolerance")
    assert [row.by_order for row in matching.pass_rows(doubtful, tables["match_member"])] == [0, 1]
    (residual,) = matching.residual_rows(tables["match"])
    assert (residual.reason, residual.matches, residual.residual.minor) == ("TIP", 1, -200)


def test_open_items_fall_into_their_buckets() -> None:
    rows = matching.open_rows(made_night()["open_item"], Ageing())
    assert [(row.reason, [count for count, _ in row.ages]) for row in rows] == [
        ("MISSING_BANK", [1, 0, 0, 0, 0]),
        ("MISSING_MERCHANT", [0, 0, 1, 0, 0]),
    ]
    assert matching.carried(made_night()["open_item"], NIGHT) == 1


def test_a_record_that_is_open_on_two_legs_is_summed_once() -> None:
    opened = made_night()["open_item"]
    both = pl.concat([opened, opened.with_columns(leg=pl.lit("ACCRUAL"))])
    assert matching.open_amounts(both) == matching.open_amounts(opened)


def test_the_largest_open_items_do_not_compare_currencies() -> None:
    items = [
        {
            "leg": "MERCHANT",
            "reason": "MISSING_BANK",
            "opened_on": NIGHT,
            "age_days": 0,
            "age_bucket": "0-1",
            "state": "open",
            "file": "f",
            "record": number,
            "side": "merchant",
            "amount_minor": minor,
            "currency": currency,
            "note": f"note {number}",
        }
        for number, (minor, currency) in enumerate([(9, "USD"), (800, "JPY"), (7, "USD"), (8, "USD")], start=1)
    ]
    opened = frame("open_item", items)
    found = matching.largest_open(opened.sample(fraction=1.0, shuffle=True, seed=1), made_night()["clearing"], 2)
    assert [(item.amount.currency, item.amount.minor, item.merchant, item.note) for item in found] == [
        ("USD", 9, "", "note 1"),
        ("USD", 8, "", "note 4"),
        ("JPY", 800, "", "note 2"),
    ]


def test_open_items_by_the_condition_that_their_nearest_failed() -> None:
    opened = made_night()["open_item"]
    assert matching.near_rows(opened) == ()
    failed = opened.with_columns(nearest_condition=pl.lit("amount_differs"))
    rows = matching.near_rows(pl.concat([failed, failed.with_columns(amount_minor=pl.lit(5, pl.Int64))]))
    first = opened.sort("reason")["amount_minor"][0]
    assert [(row.reason, row.condition, row.items) for row in rows] == [
        ("MISSING_BANK", "amount_differs", 2),
        ("MISSING_MERCHANT", "amount_differs", 2),
    ]
    assert rows[0].total.minor == first + 5


def test_records_of_earlier_nights_that_matched_are_counted() -> None:
    tables = made_night()
    later = tables["clearing"].filter(pl.col("side") == "merchant")
    assert matching.closed_from_before(tables["match_member"], tables["clearing"]) == 0
    assert matching.closed_from_before(tables["match_member"], later) == SALES - 1


def test_passes_that_are_stale_stand_idle_longest_first() -> None:
    used = made_night()["pass_use"]
    assert matching.stale_passes(used) == ()
    stale = used.with_columns(stale=pl.lit(value=True), idle_nights=pl.Series([31, 40]), last_on=pl.lit(None, pl.Date))
    assert [(row.name, row.idle_nights, row.last_on) for row in matching.stale_passes(stale)] == [
        ("tolerance", 40, None),
        ("arn", 31, None),
    ]


def test_expired_items_are_counted() -> None:
    opened = made_night()["open_item"]
    assert matching.expired(opened) == 0
    assert matching.expired(opened.with_columns(state=pl.lit("expired"))) == opened.height
