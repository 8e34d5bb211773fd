"""Each reason of a break, its nearest miss, and the sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from reconcile_runs import row, run

from settlement.match.wording import looks_like
from settlement.reconcile.breaks import Reason
from settlement.reconcile.notes import shown_texts
from settlement.reconcile.read import shown

PASS = '[[pass]]\nname = "one"\nkeys = ["key", "till"]\ndays = 1\n'


def _at(name: str, amount: int, key: str = "K", date: str = "2024-03-01", **more: str) -> dict[str, Any]:
    return row(name, amount, key, date, **({"till": "1"} | more))


CASES: dict[str, tuple[dict[str, Any], Reason, str]] = {
    "amount": (
        _at("T1", 3_000),
        Reason.AMOUNT_DIFFERS,
        "same key, till and date, 20.00 USD more on bank: looks like cash-back",
    ),
    "amount less": (
        _at("T1", 5_300),
        Reason.AMOUNT_DIFFERS,
        "same key, till and date, 3.00 USD more on till: looks like a tip or a fee",
    ),
    "date": (
        _at("T1", 5_000, date="2024-03-05"),
        Reason.DATE_OUTSIDE_WINDOW,
        "same key, till and amount, 4 days later on till: the window is 1 day",
    ),
    "currency": (
        _at("T1", 5_000, ccy="EUR"),
        Reason.CURRENCY_DIFFERS,
        "same key, till, amount and date, but USD on bank and EUR on till",
    ),
    "key": (
        _at("T1", 5_000, till="2"),
        Reason.KEY_DIFFERS,
        "same key, amount and date, but till is '1' on bank and '2' on till",
    ),
    "empty key": (
        _at("T1", 5_000, till=""),
        Reason.KEY_DIFFERS,
        "same key, amount and date, but till is '1' on bank and empty on till",
    ),
    "far amount": (
        _at("T1", 200),
        Reason.MISSING_RIGHT,
        "closest: same key and till, 48.00 USD more on bank: too far to be its counterpart",
    ),
    "both": (
        _at("T1", 4_990, date="2024-03-05"),
        Reason.MISSING_RIGHT,
        "closest: same key and till, 0.10 USD more on bank and 4 days later on till: too far to be its counterpart",
    ),
    "nothing": (_at("T1", 1, key="X", till="7"), Reason.MISSING_RIGHT, "no open row of till comes near"),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_the_condition_that_failed(tmp_path: Path, case: str) -> None:
    other, reason, note = CASES[case]
    # One more currency on the right, so that sides of one currency each are not refused.
    found = run(tmp_path, [_at("B1", 5_000)], [other, _at("T9", 9, "Z", "2024-03-09", till="9")], PASS)
    told = next(one for one in found.breaks if one["id"] == "B1")
    assert (told["reason"], told["note"]) == (reason, note)
    assert told["nearest"] == ("" if case == "nothing" else "T1")


def test_the_nearer_of_two_is_named_and_open_rows_come_first(tmp_path: Path) -> None:
    left = [_at("B1", 5_000), _at("B2", 4_999)]
    right = [_at("T1", 4_999), _at("T2", 4_000), _at("T3", 3_500)]
    found = run(tmp_path, left, right, PASS)
    assert found.pairs == {("B2", "T1")}
    assert next(one["nearest"] for one in found.breaks if one["id"] == "B1") == "T2"


def test_where_nothing_is_open_the_closest_matched_row_is_named(tmp_path: Path) -> None:
    rules = '[[pass]]\nname = "one"\nkeys = ["key", "till"]\ndays = 1\namount = { rule = "within", minor = 5 }\n'
    found = run(tmp_path, [_at("B1", 5_000), _at("B2", 5_001)], [_at("T1", 5_000)], rules)
    assert found.reasons == {"B2": "missing_right"}
    assert found.breaks[0]["note"] == "closest: same key, till and date, 0.01 USD more on bank, but matched already"


def test_later_than_the_other_side_goes(tmp_path: Path) -> None:
    found = run(tmp_path, [_at("B1", 5), _at("B2", 7, "L", "2024-03-09")], [_at("T1", 5)], PASS)
    assert found.reasons == {"B2": "late"}
    assert "till ends before its date" in found.breaks[0]["note"]


def test_a_twin_of_a_matched_row_is_a_duplicate_of_its_own_date_alone(tmp_path: Path) -> None:
    left = [_at("B1", 5), _at("B2", 5), _at("B3", 5, date="2024-03-02")]
    found = run(tmp_path, left, [_at("T1", 5), _at("T2", 6, "M", "2024-03-07")], PASS)
    assert found.reasons["B2"] == "duplicate"
    assert found.reasons["B3"] == "missing_right"
    assert "equal to bank B1, which met till T1" in found.breaks[0]["note"]


def test_values_in_notes_hide_card_numbers(tmp_path: Path) -> None:
    found = run(tmp_path, [_at("B1", 5, till="4111111111111111")], [_at("T1", 5, till="5500005555555559")], PASS)
    assert "'411111******1111' on bank and '550000******5559' on till" in found.breaks[0]["note"]


LIKENESSES = [
    (5_000, 3_000, "looks like cash-back"),
    (5_000, -5_000, "the sign is turned"),
    (5_001, 5_000, "looks like rounding"),
    (1_254, 1_245, "digits look swapped"),
    (-1_254, -1_245, "digits look swapped"),
    (10**18 - 1, 9 * 10**17 + 1, "looks like a tip or a fee"),
    (123_400, 1_234, "looks like another unit"),
    (1_150, 1_000, "looks like a tip or a fee"),
    (1_301, 1_000, ""),
    (9_999, 1_000, ""),
    (500, 0, ""),
]


def test_what_a_difference_looks_like() -> None:
    left, right = (np.array([one[at] for one in LIKENESSES]) for at in (0, 1))
    found = looks_like(left, right, np.full(len(LIKENESSES), 2)).to_list()
    assert found == [words for *_, words in LIKENESSES]


def test_values_in_a_sentence_are_told_alike_one_by_one_or_together() -> None:
    values = [
        "A1",
        "",
        "it's",
        "back\\slash",
        "4111111111111111",
        "4111-1111-1111-1111",
        "12345678",
        "ü",
        "x" * 50,
        None,
    ]
    expected = ["empty" if value is None else shown(value) for value in values]
    assert shown_texts(pl.Series(values, dtype=pl.String)).to_list() == expected
