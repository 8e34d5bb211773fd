"""Accruals, closes and openings, and the laws that the books keep whatever the nights bring."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from payout_frames import balances, line, night, payout, post_nights, truth_payout

from settlement.errors import TerminalError
from settlement.model.stage import StageOutput
from settlement.model.tables import TABLES
from settlement.store import checked

ACCRUED = "liability:accrued_share:C9-TEST:2010-Q4 USD"
EXPENSE = "expense:partner_share:C9-TEST"


def post(*nights: list[dict[str, object]]) -> list[StageOutput]:
    return post_nights([{"payout": payout(night(n), lines)} for n, lines in enumerate(nights, start=1)])


def closed(lines: list[dict[str, object]]) -> list[dict[str, object]]:
    return [line | {"state": "CLOSED"} for line in lines]


def test_a_term_is_accrued_by_its_change_and_nets_when_it_goes_up_and_down() -> None:
    first, second, third, fourth = post(
        [line("rate", 500)], [line("rate", 800)], [line("rate", 800)], [line("rate", -20)]
    )
    amounts = [[p.amount_minor for p in e.postings] for out in (first, second, third, fourth) for e in out.entries]
    assert amounts == [[500, -500], [300, -300], [-820, 820]]
    assert third.entries == ()
    assert balances(fourth) == {f"{EXPENSE}:rate USD": -20, ACCRUED: 20}


def test_an_accrual_says_what_it_is() -> None:
    _, second = post([line("rate", 500)], [line("rate", 800)])
    (entry,) = second.entries
    assert entry.key == "accrual/C9-TEST/2010-Q4/rate/2010-12-30"
    assert (entry.kind, entry.text) == ("accrual", "C9-TEST 2010-Q4 rate: from 5.00 USD to 8.00 USD")
    assert [p.account for p in entry.postings] == [f"{EXPENSE}:rate", "liability:accrued_share:C9-TEST:2010-Q4"]


def test_a_term_that_goes_away_is_taken_back_and_starts_at_zero_when_it_returns() -> None:
    lines = [line("rate", 500), line("bonus", 70)]
    _, second, third = post(lines, lines[:1], lines)
    assert balances(second) == {f"{EXPENSE}:rate USD": 500, ACCRUED: -500}
    assert balances(third) == {f"{EXPENSE}:rate USD": 500, f"{EXPENSE}:bonus USD": 70, ACCRUED: -570}


def test_a_night_without_the_statement_leaves_it_as_it_stands() -> None:
    _, second, third = post([line("rate", 500)], [], [line("rate", 510)])
    assert balances(second) == {f"{EXPENSE}:rate USD": 500, ACCRUED: -500}
    assert [p.amount_minor for p in third.entries[0].postings] == [10, -10]


def test_closing_moves_the_share_to_each_beneficiary_and_empties_the_period() -> None:
    lines = [
        line("rate", 1000),
        line("loss", -100),
        line("share", 600, "A"),
        line("carry_in", 50, "A"),
        line("payout", 650, "A"),
        line("carry_out", 0, "A"),
        line("share", 300, "B"),
        line("carry_in", -20, "B"),
        line("payout", 0, "B"),
        line("carry_out", 280, "B"),
    ]
    first, second = post(lines, closed(lines))
    assert balances(first)["liability:payable:C9-TEST:A:carried USD"] == -50
    assert balances(first)["equity:opening USD"] == 30
    assert balances(second) == {
        f"{EXPENSE}:rate USD": 1000,
        f"{EXPENSE}:loss USD": -100,
        "equity:opening USD": 30,
        "liability:payable:C9-TEST:A:due USD": -650,
        "liability:payable:C9-TEST:B:carried USD": -280,
    }
    assert [e.key for e in second.entries] == ["close/C9-TEST/2010-Q4/A", "close/C9-TEST/2010-Q4/B"]
    assert second.entries[0].text == "C9-TEST 2010-Q4 A: stated 6.00 USD, for payment 6.50 USD, carried 0.00 USD"


def test_a_single_beneficiary_has_the_total_with_its_adjustments() -> None:
    lines = [
        line("rate", 1000),
        line("adjustment", -30, adjusts="2010-Q3"),
        line("adjustment", 5, adjusts="2010-Q2"),
        line("payout", 975, "A"),
    ]
    (output,) = post(closed(lines))
    assert balances(output)["liability:payable:C9-TEST:A:due USD"] == -975
    assert ACCRUED not in balances(output)
    assert "accrual/C9-TEST/2010-Q4/adjustment:2010-Q3/2010-12-29" in [e.key for e in output.entries]


def test_restated_lines_are_not_booked_the_adjustment_is() -> None:
    stated = [line("rate", 1000), line("payout", 1000, "A")]
    after = [
        line("rate", 900, state="RESTATED"),
        line("rate", 10, period="2011-Q1"),
        line("adjustment", -100, period="2011-Q1", adjusts="2010-Q4"),
        line("payout", 0, "A", period="2011-Q1"),
        line("carry_out", -90, "A", period="2011-Q1"),
    ]
    _, second, third = post(closed(stated), after, after)
    assert balances(second)["liability:accrued_share:C9-TEST:2011-Q1 USD"] == 90
    assert ACCRUED not in balances(second)
    assert third.entries == ()


def test_a_share_that_is_paid_in_another_currency_balances_in_both() -> None:
    lines = [
        line("rate", 85000, currency="CNY"),
        line("share", 85000, "A", currency="CNY"),
        line("share_converted", 12818, "A"),
        line("payout", 12818, "A"),
    ]
    (output,) = post(closed(lines))
    assert balances(output)["equity:currency_conversion CNY"] == -85000
    assert balances(output)["equity:currency_conversion USD"] == 12818
    assert balances(output)["liability:payable:C9-TEST:A:due USD"] == -12818


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([line("rate", 10), line("payout", 9, "A")], "does not re-add"),
        ([line("rate", 10), line("carry_out", 10, "A")], "has no line payout"),
        ([line("rate", 10), line("share", 9, "A"), line("payout", 9, "A")], "leave 0.01 USD of its terms"),
        ([line("rate", 10)], "leave 0.10 USD of its terms"),
        ([line("rate", 10), line("payout", 5, "A"), line("payout", 5, "B")], "no share of A"),
    ],
)
def test_a_statement_that_does_not_re_add_is_not_closed(lines: list[dict[str, object]], sentence: str) -> None:
    with pytest.raises(TerminalError, match=sentence):
        post(closed(lines))


def test_a_statement_must_carry_in_what_the_books_carry() -> None:
    first = closed([line("rate", 10), line("payout", 0, "A"), line("carry_out", 10, "A")])
    lines = [line("rate", 5), line("carry_in", 11, "A"), line("payout", 16, "A")]
    with pytest.raises(TerminalError, match="carries in 11, but the books carry 10"):
        post(first, closed([row | {"period": "2011-Q1"} for row in lines]))


def test_several_periods_that_close_in_one_night_carry_from_one_to_the_next() -> None:
    first = [line("rate", 10), line("payout", 0, "A"), line("carry_out", 10, "A")]
    second = [line("rate", 5), line("carry_in", 10, "A"), line("payout", 15, "A")]
    (output,) = post(closed([*(row | {"period": "2011-Q1"} for row in second), *first]))
    assert balances(output) == {f"{EXPENSE}:rate USD": 15, "liability:payable:C9-TEST:A:due USD": -15}


def test_a_statement_closes_once() -> None:
    lines = closed([line("rate", 10), line("payout", 10, "A")])
    with pytest.raises(TerminalError, match="C9-TEST 2010-Q4 was closed on 2010-12-29"):
        post(lines, lines)


def test_nothing_to_post_gives_an_empty_trial_balance() -> None:
    (output,) = post([])
    assert output.entries == ()
    assert output.tables["trial_balance"].equals(TABLES["trial_balance"].empty())


def test_the_order_of_rows_does_not_matter() -> None:
    lines = [line("rate", 1000), line("bonus", 5), line("share", 1005, "A"), line("payout", 1005, "A")]
    forth, back = post(closed(lines)), post(closed(lines[::-1]))
    assert forth[0].entries == back[0].entries
    assert forth[0].tables["trial_balance"].equals(back[0].tables["trial_balance"])


_TERMS = ("rate", "bonus", "tier")
_AMOUNTS = st.one_of(st.integers(-(10**12), 10**12), st.integers(-3, 3))
_SNAPSHOT = st.dictionaries(st.sampled_from(_TERMS), _AMOUNTS, min_size=1)
_NIGHTS = st.lists(st.tuples(_SNAPSHOT, st.booleans(), st.integers(0, 3)), min_size=1, max_size=8)


def _statement(
    terms: dict[str, int], period: int, carry: dict[str, int], *, close: bool, cut: int
) -> tuple[list[dict[str, object]], dict[str, int]]:
    """The lines of one snapshot split between two beneficiaries, and what they carry after it."""
    total, lines, after = sum(terms.values()), [], {}
    shares = {"A": total * cut // 3, "B": total - total * cut // 3}
    common = {"period": f"2010-{period:02}", "state": "CLOSED" if close else "PREVIEW"}
    for beneficiary, share in shares.items():
        balance = carry[beneficiary] + share
        paid = balance if balance >= 100 else 0
        after[beneficiary] = balance - paid
        amounts = {"share": share, "carry_in": carry[beneficiary], "payout": paid, "carry_out": balance - paid}
        lines += [line(term, amount, beneficiary) | common for term, amount in amounts.items()]
    return [*(line(term, amount) | common for term, amount in terms.items()), *lines], after


@given(nights=_NIGHTS, opening=st.tuples(_AMOUNTS, _AMOUNTS))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_law_the_books_hold_the_latest_amounts_whatever_came_before(
    nights: list[tuple[dict[str, int], bool, int]], opening: tuple[int, int]
) -> None:
    carry = dict(zip("AB", opening, strict=True))
    paid: Counter[str] = Counter()
    latest: dict[int, int] = {}
    snapshots, expected, period = [], [], 1
    for terms, close, cut in nights:
        lines, after = _statement(terms, period, carry, close=close, cut=cut)
        snapshots.append(lines)
        latest[period] = 0 if close else sum(terms.values())
        if close:
            paid.update({row["beneficiary"]: row["amount_minor"] for row in lines if row["term"] == "payout"})
            carry, period = after, period + 1
        expected.append((dict(latest), dict(carry), dict(paid)))
    keys: set[str] = set()
    for output, (accrued, carried, due) in zip(post(*snapshots), expected, strict=True):
        books = balances(output)
        for number, amount in accrued.items():
            assert -books.get(f"liability:accrued_share:C9-TEST:2010-{number:02} USD", 0) == amount
        for who in "AB":
            assert -books.get(f"liability:payable:C9-TEST:{who}:carried USD", 0) == carried[who]
            assert -books.get(f"liability:payable:C9-TEST:{who}:due USD", 0) == due.get(who, 0)
        assert sum(books.values()) == 0
        assert keys.isdisjoint(entry.key for entry in output.entries)
        keys.update(entry.key for entry in output.entries)
        checked(TABLES["trial_balance"], output.tables["trial_balance"])


def test_the_acceptance_payouts_give_books_that_stand_at_their_last_amounts() -> None:
    nights = [truth_payout(night(number)) for number in (1, 2, 3)]
    outputs = post_nights([{"payout": frame} for frame in nights])
    books = balances(outputs[-1])
    assert not [account for account in books if account.startswith("liability:accrued_share")]
    last = nights[-1].filter(pl.col("beneficiary").is_not_null())
    for row in last.filter(pl.col("term") == "carry_out").iter_rows(named=True):
        assert (
            -books.get(f"liability:payable:{row['contract']}:{row['beneficiary']}:carried USD", 0)
            == (row["amount_minor"])
        )
    paid = pl.concat(nights).filter((pl.col("term") == "payout") & (pl.col("state") == "CLOSED"))
    for row in paid.group_by("contract", "beneficiary").agg(pl.col("amount_minor").sum()).iter_rows(named=True):
        assert -books.get(f"liability:payable:{row['contract']}:{row['beneficiary']}:due USD", 0) == row["amount_minor"]
    assert books.get("asset:advance:C1-AIR-MILES:MERIDIAN-AIR USD", 0) == 0
    assert sum(books.values()) == 0


def test_posted_entries_balance_or_are_refused() -> None:
    (output,) = post([line("rate", 500)])
    entry = output.entries[0]
    with pytest.raises(TerminalError, match="does not balance"):
        replace(entry, postings=entry.postings[:1]).check()
