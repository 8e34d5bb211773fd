"""What a contract would have given: the nights' own statements where nothing is changed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from rate.histories import READS, Night, RandomHistory, contract_documents, joined, rate_history, tables_of
from rate.test_fixings import bank_calendar

from settlement import originals, store
from settlement.errors import TerminalError
from settlement.model.contract import ContractVersion
from settlement.model.dates import Calendar, PeriodKind, period_from
from settlement.model.stage import StageInput
from settlement.rate.contract_file import read_contracts
from settlement.rate.conversion import Refixed, read_refixed
from settlement.rate.facts import gather
from settlement.rate.stated import PayoutRow, read_stated
from settlement.store import Home
from settlement.whatif.outcome import (
    ALL,
    TOTAL,
    HomeFacts,
    compared,
    facts_then,
    from_the_first,
    known_after,
    statements,
    totals_by_month,
    within,
)

CONTRACTS = sorted(read_contracts(contract_documents()))


def told_by_nights(home: Home, last: date) -> list[PayoutRow]:
    nights = [night for night in originals.delivery_dates(home) if night <= last]
    return [
        PayoutRow(**row) for night in nights for row in store.read_table(home, "payout", night).iter_rows(named=True)
    ]


def of_terms(rows: list[PayoutRow], last: date) -> dict[tuple[str, str, str], int]:
    """What each term of each period came to after the last night: as stated, unless that night tells it otherwise."""
    found = {
        (contract, period, term): amount
        for contract in {row.contract for row in rows}
        for period, terms in read_stated([row for row in rows if row.contract == contract]).terms.items()
        for term, amount in terms.items()
    }
    told = [row for row in rows if row.as_of == last and row.beneficiary is None and row.adjusts is None]
    return found | {(row.contract, row.period, row.term): row.amount_minor for row in told}


def given_in_all(rows: list[PayoutRow], last: date) -> dict[str, int]:
    """By contract what closed statements gave, adjustments included, and what the last night's preview would give."""
    found: Counter[str] = Counter()
    for row in rows:
        if row.beneficiary is None and (row.state == "CLOSED" or (row.state == "PREVIEW" and row.as_of == last)):
            found[row.contract] += row.amount_minor
    return dict(found)


def version_of(contract: str) -> tuple[ContractVersion, ...]:
    return read_contracts(contract_documents())[contract]


def known_of(nights: Sequence[Night]) -> HomeFacts:
    """What is known after the last of some nights."""
    history = defaultdict(list)
    for night in nights[:-1]:
        for name, frame in tables_of(night).items():
            history[name].append(frame.with_columns(business_date=night.day))
    inputs = StageInput(
        business_date=nights[-1].day,
        unit="all",
        documents={},
        tables=tables_of(nights[-1]),
        history={name: joined(name, history[name]).lazy() for name in READS},
    )
    then = facts_then(inputs, [night.day for night in nights])
    return HomeFacts(now=gather(inputs, nights[-1].day), then=then)


@pytest.fixture(scope="module")
def known(settled_home: Home) -> HomeFacts:
    return known_after(settled_home)


def test_as_of_each_night_the_terms_are_those_that_the_night_told_last(settled_home: Home) -> None:
    for night in originals.delivery_dates(settled_home):
        then, told = known_after(settled_home, night), told_by_nights(settled_home, night)
        rows = [row for contract in CONTRACTS for row in statements(version_of(contract), then)]
        assert of_terms(rows, night) == of_terms(told, night)
        assert given_in_all(rows, night) == given_in_all(told, night)


def test_as_of_the_first_night_every_line_is_the_night_s_own(settled_home: Home) -> None:
    first = originals.delivery_dates(settled_home)[0]
    rows = [row for contract in CONTRACTS for row in statements(version_of(contract), known_after(settled_home, first))]
    assert rows == told_by_nights(settled_home, first)


@pytest.mark.parametrize("seed", range(2))
def test_in_any_history_the_terms_are_those_told_last_and_adjustments_make_up_the_rest(seed: int) -> None:
    nights = RandomHistory(seed).nights
    outputs = rate_history(nights)
    last = nights[-1].day
    told = [PayoutRow(**row) for output in outputs for row in output["payout"].iter_rows(named=True)]
    known = known_of(nights)
    rows = [row for contract in CONTRACTS for row in statements(version_of(contract), known)]
    assert of_terms(rows, last) == of_terms(told, last)
    assert given_in_all(rows, last) == given_in_all(told, last)
    for row in rows:
        ends = period_from(row.period).last
        assert (row.as_of, row.state) == (min(ends, last), "CLOSED" if ends <= last else "PREVIEW")


@pytest.mark.parametrize("seed", [5, 9])
def test_what_is_known_of_a_period_after_its_time_is_in_no_statement(seed: int) -> None:
    history = RandomHistory(seed)
    for night in history.nights:
        for row in night.rows.get("clearing", []):
            # Small amounts, so that no cap hides what comes late.
            if "amount_minor" in row:
                row["amount_minor"] = row["amount_minor"] % 100_000 + 50_000
    club = "C4-CLB-CLUB"
    source = "contracts/orient-estate/2009-01-01.toml"
    text, always = contract_documents()[source], '{ counted_in = "no_limit" }'
    assert always in text
    timed = text.replace(always, '{ within = 1, counted_in = "days", later = "parked" }')
    outputs = rate_history(history.nights, {source: timed})
    told = [PayoutRow(**row) for output in outputs for row in output["payout"].iter_rows(named=True)]
    assert any(row.state == "PARKED" and row.as_of == history.nights[-1].day for row in told)
    last, given = history.nights[-1].day, {}
    for name, file in (("timed", timed), ("always", text)):
        (versions,) = read_contracts({source: file}).values()
        given[name] = given_in_all(statements(versions, known_of(history.nights)), last)
    assert given["timed"] == given_in_all(told, last)
    assert given["timed"][club] != given["always"][club]


def test_bank_calendars_and_exchange_rates_are_known_as_of_the_same_night() -> None:
    """The nights fix December anew once the calendar tells more; what would have been given is what they come to."""
    nights, documents = bank_calendar()
    outputs = rate_history(nights, documents)
    (versions,) = read_contracts(documents).values()
    given = {
        row.period: row.amount_minor
        for row in statements(versions, known_of(nights))
        if (row.term, row.beneficiary) == ("share_converted", "ORIENT-ESTATE")
    }
    last = outputs[-1]["payout"].filter(term="share_converted", beneficiary="ORIENT-ESTATE").row(0, named=True)
    assert read_refixed(last["quantities"]) == (Refixed(period="2010-12", now=642, stated=635),)
    assert given == {"2010-12": 642, "2011-01": 0}


def test_a_file_of_a_later_day_is_tried_from_the_first_night_on(known: HomeFacts) -> None:
    (version,) = version_of(CONTRACTS[0])
    later = replace(version, effective=date(2030, 1, 1))
    assert statements(from_the_first(later, known.now), known) == statements((version,), known)
    assert from_the_first(version, known.now) == (version,)


def test_periods_are_taken_whole(known: HomeFacts) -> None:
    (version,) = version_of("C2-RET-COBRAND")
    rows = statements((version,), known)
    assert {row.period for row in rows} == {"2025-Q4", "2026-Q1"}
    assert {row.period for row in within(rows, date(2025, 12, 31), date(2025, 12, 31))} == {"2025-Q4"}
    assert {row.period for row in within(rows, date(2025, 12, 31), date(2026, 1, 1))} == {"2025-Q4", "2026-Q1"}
    assert within(rows, date(2026, 4, 1), date(2026, 5, 1)) == []


def row(period: str, term: str, amount: int, beneficiary: str | None = None, currency: str = "USD") -> PayoutRow:
    return PayoutRow(
        as_of=date(2026, 1, 1),
        contract="C",
        period=period,
        term=term,
        beneficiary=beneficiary,
        amount_minor=amount,
        currency=currency,
        state="CLOSED",
        quantities="",
        clause="1",
        adjusts=None,
    )


def test_lines_are_set_beside_one_another_and_added_up() -> None:
    before = [row("2025-12-30", "a", 5), row("2025-12-30", "payout", 5, "X"), row("2026-01-01", "a", 7)]
    after = [row("2025-12-30", "a", 6), row("2025-12-30", "b", 1), row("2025-12-30", "payout", 7, "X")]
    found = {(one.period, one.term): (one.before, one.after, one.difference) for one in compared(before, after, None)}
    assert found == {
        ("2025-12-30", "a"): (5, 6, 1),
        ("2025-12-30", "b"): (None, 1, 1),
        ("2025-12-30", TOTAL): (5, 7, 2),
        ("2025-12-30", "payout"): (5, 7, 2),
        ("2026-01-01", "a"): (7, None, -7),
        ("2026-01-01", TOTAL): (7, None, -7),
        (ALL, "a"): (12, 6, -6),
        (ALL, "b"): (None, 1, 1),
        (ALL, TOTAL): (12, 7, -5),
        (ALL, "payout"): (5, 7, 2),
    }
    assert [one.term for one in compared(before, after, None)][:4] == ["a", "b", TOTAL, "payout"]


def test_months_add_amounts_up_and_keep_the_outer_balances() -> None:
    rows = [
        *(row("2025-12-30", "carry_in", 1, "X"), row("2025-12-30", "a", 2), row("2025-12-30", "carry_out", 3, "X")),
        *(row("2025-12-31", "carry_in", 3, "X"), row("2025-12-31", "a", 4), row("2025-12-31", "carry_out", 7, "X")),
        *(row("2026-01-01", "a", 8), row("2026-01-01", "carry_out", 9, "X")),
    ]
    found = {(one.period, one.term): one.after for one in compared(rows, rows, Calendar(kind=PeriodKind.MONTH))}
    assert (found["2025-12", "carry_in"], found["2025-12", "a"], found["2025-12", "carry_out"]) == (1, 6, 7)
    assert (found[ALL, "carry_in"], found[ALL, "a"], found[ALL, "carry_out"]) == (1, 14, 9)
    assert totals_by_month(rows) == {"2025-12": 6, "2026-01": 8}
    assert totals_by_month([row("2025-Q4", "a", 5)]) == {"2025-Q4": 5}


def test_what_nothing_is_known_of_is_refused(settled_home: Home, tmp_path: Path) -> None:
    with pytest.raises(TerminalError, match="Nothing is known as of 2030-01-01: its nights are"):
        known_after(settled_home, date(2030, 1, 1))
    (tmp_path / "config").mkdir()
    with pytest.raises(TerminalError, match="has no night that is settled"):
        known_after(store.open_home(tmp_path))
