"""Entries between what is earned and what is paid are explained by the lines and entries that they rest on."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from explain_home import write
from payout_frames import night
from rate.settled import FEE, FIRST_NIGHT, HEAD, beneficiaries, closed, version

from settlement.explain import Explanation, explain_line, parse_line_address, render_text
from settlement.store import Home

SETTLEMENT = """
[settlement]
clause = "1"
order = ["terms", "adjustments", "split", "carry", "recoup", "tax", "hold", "threshold"]
residue = "largest_remainder"
threshold = 0.00
below_threshold = "carry"

[settlement.adjustments]
clause = "1"
booked_in = "original_period"
recomputes = "all_terms"
reopens = { within = 1, counted_in = "months", later = "parked" }

[settlement.adjustments.interest]
clause = "1"
rate_a_year = 0.18
day_count = "actual_365"
due_days = 0
due_counted_in = "days"
rounding = "half_away"

[settlement.advance]
clause = "1"
recouped = "from_positive_balance"
recoups = "own"
paid = [{ on = 2009-01-15, amount = 300.00, to = "A" }]

[[settlement.taxes]]
clause = "1"
kind = "withholding"
rate = 0.15
on = "earned_and_not_recouped"
beneficiaries = ["A"]
owed_by = "payer"
owed_to = "Revenue Service"
rounding = "half_away"

[settlement.hold]
clause = "1"
kind = "holdback"
share = 0.155
beneficiaries = ["A"]
released_after = 1
counted_in = "periods"
rounding = "half_away"
"""
FEES = [[50_000], [60_000, 0], [70_000, 0, 0]]
"""January becomes 100.00 more in time and 100.00 more too late."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return settled(tmp_path_factory.mktemp("steps"), SETTLEMENT)


def settled(root: Path, settlement: str) -> Home:
    found = Home(root=root)
    file = found.config / "contracts" / "partner" / "2009-01-01.toml"
    file.parent.mkdir(parents=True)
    file.write_text(HEAD + beneficiaries({"A": 1}) + FEE + settlement, encoding="utf-8")
    # The first night ever, from which on the contract's dated advances count.
    write(found, "file", (FIRST_NIGHT - night(1)).days + 1, [{"file": "2009-01-01/MC.ipm", "fate": "accepted"}])
    for number, rows in enumerate(closed(version(settlement, {"A": 1}), FEES), start=1):
        write(found, "payout", number, [asdict(row) for row in rows])
    return found


def explained(home: Home, text: str, number: int) -> Explanation:
    return explain_line(home, night(number), parse_line_address(f"P1-KINDS/{text}"), limit=None)


def parts(found: Explanation) -> list[tuple[str, int]]:
    return [(part.text, part.amount_minor) for part in found.parts]


def test_a_payout_is_made_of_every_entry_in_its_order(home: Home) -> None:
    found = explained(home, "2009-02/payout/A", 2)
    assert [name for name, _ in parts(found)] == [
        *("carry_in", "share", "recouped", "withholding_tax", "held", "released"),
    ]
    assert sum(amount for _, amount in parts(found)) == found.amount_minor == 9_916


def test_a_recoupment_names_the_dated_advance_and_what_was_recouped_before(home: Home) -> None:
    first, second = explained(home, "2009-01/recouped/A", 1), explained(home, "2009-02/recouped/A", 2)
    assert parts(first) == [("advanced to A on 2009-01-15", 30_000)]
    assert parts(second) == [("advanced to A on 2009-01-15", 30_000), ("recouped", -30_000)]


def test_a_tax_tells_its_bases_its_roundings_and_to_whom_it_is_owed(home: Home) -> None:
    found = explained(home, "2009-02/withholding_tax/A", 2)
    assert found.notes[1] == "owed by the payer to Revenue Service"
    assert [(step.name, str(step.exact), step.rounded) for step in found.roundings] == [
        ("to date 301.38", "-45207/10", -4_521),
        ("taken off as before it 200.00", "3000", 3_000),
    ]
    assert found.amount_minor == sum(step.rounded for step in found.roundings)


def test_what_is_held_tells_its_day_and_what_is_released_the_entry_that_held_it(home: Home) -> None:
    held, released = explained(home, "2009-01/held/A", 1), explained(home, "2009-02/released/A", 2)
    assert held.notes == ("to be released by the first statement from 2009-02-28 on",)
    assert [(step.name, step.rounded) for step in held.roundings] == [("0.155 of 170.00", -2_635)]
    assert parts(released) == [("held back, due on 2009-02-28", -held.amount_minor)]
    assert released.notes == ("13.36 USD stay held",)


def test_days_that_are_counted_as_banking_days_tell_which_days_those_are(tmp_path: Path) -> None:
    days = '[settlement.banking_days]\nweekend = ["saturday", "sunday"]\nholidays = [2009-02-02]\ncalendar = "US-FED"\n'
    text = SETTLEMENT.replace('due_days = 0\ndue_counted_in = "days"', 'due_days = 2\ndue_counted_in = "banking_days"')
    text = text.replace('released_after = 1\ncounted_in = "periods"', 'released_after = 1\ncounted_in = "banking_days"')
    found = settled(tmp_path, text + days)
    which = (
        "2009-01-31. Banking days are the days that the bank calendar US-FED tells as open, and of days that it does "
        "not tell all days but Saturday, Sunday and 2009-02-02."
    )
    assert explained(found, "2009-01/held/A", 1).notes == (
        "to be released by the first statement from 2009-02-03 on",
        f"1 banking day after {which}",
    )
    assert explained(found, "2009-02/interest:2009-01", 2).notes == (f"due 2 banking days after {which}",)


def test_lines_that_have_a_name_are_explained_by_the_tax_and_the_hold_of_that_name(tmp_path: Path, home: Home) -> None:
    other = SETTLEMENT.replace('kind = "withholding"', 'id = "state"\nkind = "withholding"')
    other = other.replace("[settlement.hold]", '[[settlement.holds]]\nid = "r"').replace('"holdback"', '"reserve"')
    named = settled(tmp_path, other)
    names = {"withholding_tax": "withholding_tax.state", "held": "reserved.r", "released": "reserve_released.r"}
    for line in (*names, "payout"):
        name = names.get(line, line)
        plain, found = explained(home, f"2009-02/{line}/A", 2), explained(named, f"2009-02/{name}/A", 2)
        assert (found.rule, found.roundings, found.amount_minor) == (plain.rule, plain.roundings, plain.amount_minor)
        assert [amount for _, amount in parts(found)] == [amount for _, amount in parts(plain)]
        assert line == "payout" or found.notes == plain.notes


def test_interest_is_on_the_adjustment_for_its_days(home: Home) -> None:
    found = explained(home, "2009-02/interest:2009-01", 2)
    assert "for 28 of 365 days, from 2009-01-31 to 2009-02-28" in found.rule
    assert parts(found) == [("adjustment of 2009-01", 10_000)]
    assert [(str(step.exact), step.rounded) for step in found.roundings] == [("10080/73", 138)]


def test_what_is_parked_tells_its_reason_and_is_not_taken_for_the_term_of_its_period(home: Home) -> None:
    parked, term = explained(home, "2009-03/fee:2009-01", 3), explained(home, "2009-03/fee", 3)
    assert parked.rule == "2009-01 would give 700.00 USD now and stays at 600.00 USD: told, and not paid"
    assert parked.notes == ("what became known after 2009-02-28 is too late for the period by the contract",)
    assert parked.correction is not None
    assert parked.correction.difference == parked.amount_minor == 10_000
    assert (term.state, term.amount_minor) == ("CLOSED", 0)


@pytest.mark.parametrize("text", ["2009-02/payout/A", "2009-02/interest:2009-01", "2009-02/withholding_tax/A"])
def test_the_explanation_is_told_as_text(home: Home, text: str) -> None:
    found = explained(home, text, 2)
    assert found.rule in " ".join(render_text(found).split())
