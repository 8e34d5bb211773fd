"""Exchange rate fixings: means of banking days, the last day of a period, late and corrected rates."""

from __future__ import annotations

import os
import random
import re
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from rate import oracle
from rate.histories import OPENING, OWN_SETTLEMENT, SETTLEMENT, Night, RandomHistory, rate_history
from rate.oracle_fixing import ByEvent, Fixed, add_rates
from rate.oracle_periods import Says
from rate.test_contract_calendar import club
from rate.test_statement import card, night, reconciled

from settlement.errors import TerminalError
from settlement.model.contract_convert import MeanRate
from settlement.model.money import Rounding
from settlement.rate.contract_file import read_contract, read_contracts
from settlement.rate.conversion import banking_days

SEEDS = range(int(os.environ.get("SETTLEMENT_SEED", "0")), int(os.environ.get("SETTLEMENT_SEED", "0")) + 2)
CLUB_SEED = 46
"""A history with many records of the club's cards on many nights."""
LATEST = 'rate = "latest_until_as_of_night"'
MEAN = Fixed(Says("month"), days=5, to_day=25, decimals=6)
AGREED = (
    MEAN,
    Fixed(Says("cycle", cycle_days=(1, 8, 16, 23)), days=3, to_day=31, decimals=9),
    Fixed(Says("quarter", begins="07-01"), days=4, to_day=10, decimals=4),
    Fixed(Says("week"), days=2, to_day=2, decimals=7),
    Fixed(Says("half_year")),
    Fixed(Says("cycle", cycle_days=(1, 16))),
    Fixed(Says("week")),
)


def fixed_club(fixed: Fixed) -> str:
    text = club(fixed.says.toml)
    assert LATEST in text
    return text.replace(LATEST, fixed.toml)


@pytest.mark.parametrize("fixed", AGREED, ids=[f"{one.says.calendar}-{one.days}" for one in AGREED])
@pytest.mark.parametrize("seed", SEEDS)
def test_every_night_equals_the_naive_evaluator(fixed: Fixed, seed: int) -> None:
    history = RandomHistory(seed)
    add_rates(history.nights, random.Random(seed))
    effective = fixed.says.periods(date(2009, 1, 1), date(2009, 1, 1))[0].first
    nights = rate_history(history.nights, {f"contracts/orient-estate/{effective}.toml": fixed_club(fixed)})
    agreement = oracle.Agreement("C4-CLB-CLUB", fixed.terms, fixed.says.name, fixed.settle)
    oracle.agree(nights, history.nights, [agreement])


def by_event_club(by_event: ByEvent) -> str:
    """The club's contract in dollars, with amounts at the rates of their days."""
    text = club(by_event.says.toml).replace('currency = "CNY"', 'currency = "USD"').replace('"convert", ', "")
    convert = text[text.index("[settlement.convert]") : text.index("[settlement.adjustments]")]
    text = text.replace(convert, "").replace('clause = "statement"', 'clause = "statement"', 1)
    text = re.sub(r"^convert = .*\n", "", text, flags=re.MULTILINE)
    return text.replace("[[terms]]", f"{by_event.toml}\n[[terms]]", 1)


@pytest.mark.parametrize(
    "says", [Says("month"), Says("week"), Says("quarter", "07-01")], ids=lambda says: says.calendar
)
@pytest.mark.parametrize("seed", SEEDS)
def test_amounts_at_the_rates_of_their_days_equal_the_naive_evaluator(says: Says, seed: int) -> None:
    history, by_event = RandomHistory(seed), ByEvent(says)
    add_rates(history.nights, random.Random(seed))
    effective = says.periods(date(2009, 1, 1), date(2009, 1, 1))[0].first
    nights = rate_history(history.nights, {f"contracts/orient-estate/{effective}.toml": by_event_club(by_event)})
    agreement = oracle.Agreement("C4-CLB-CLUB", by_event.terms, says.name, by_event.settle)
    oracle.agree(nights, history.nights, [agreement])


@pytest.mark.parametrize("dates", [OPENING, SETTLEMENT, OWN_SETTLEMENT], ids=["opening", "settlement", "own"])
def test_so_they_do_by_the_dates_of_settlement_and_of_the_opening_of_an_account(dates: tuple[str, str, str]) -> None:
    history, by_event = RandomHistory(CLUB_SEED), ByEvent(Says("month"), dates)
    add_rates(history.nights, random.Random(CLUB_SEED))
    for number, night_ in enumerate(history.nights):
        # Of the days on which accounts were opened some rates come late, and some are corrected.
        for back in range(80, 101, 4):
            rate(night_, str(history.nights[0].day - timedelta(days=back + number)), f"0.1{number + 1}{back}")
    nights = rate_history(history.nights, {"contracts/orient-estate/2009-01-01.toml": by_event_club(by_event)})
    agreement = oracle.Agreement("C4-CLB-CLUB", by_event.terms, by_event.says.name, by_event.settle)
    oracle.agree(nights, history.nights, [agreement])


def rate(night_: Night, day: str, value: str) -> None:
    told = {"from_currency": "CNY", "to_currency": "USD"}
    night_.add("fx_rate", rate_date=date.fromisoformat(day), rate=value, **told)


def converted(output: dict[str, pl.DataFrame]) -> list[tuple[Any, ...]]:
    found = output["payout"].filter(term="share_converted", beneficiary="ORIENT-ESTATE")
    return found.select("period", "amount_minor", "state", "quantities").rows()


def test_a_late_fixing_changes_a_closed_statement_by_the_once_rounded_difference() -> None:
    nights = [night("2010-12-31"), night("2011-01-01"), night("2011-01-31"), night("2011-02-01")]
    card(nights[0], "CLB")
    reconciled(nights[0], "purchase", "a", 1_000_000, currency="CNY")
    for day, value in (("17", "0.149"), ("20", "0.15"), ("21", "0.151"), ("22", "0.1524"), ("23", "0.153")):
        rate(nights[0], f"2010-12-{day}", value)
    rate(nights[1], "2010-12-20", "0.16")
    reconciled(nights[1], "purchase", "b", 500_000, currency="CNY")
    rate(nights[2], "2011-01-25", "0.2")
    document = {"contracts/orient-estate/2009-01-01.toml": fixed_club(MEAN)}
    outputs = rate_history(nights, document)
    before = ";".join(f"2011-01-{day}=0.153@2010-12-23" for day in (19, 20, 21, 24))
    # 25 December is a Saturday and 24 a holiday, 18 and 19 are a weekend: the five banking days begin on the 17th.
    assert [row for output in outputs for row in converted(output)] == [
        (
            *("2010-12", 635, "CLOSED"),
            "rate=0.1510800;2010-12-17=0.149;2010-12-20=0.15;2010-12-21=0.151;2010-12-22=0.1524;2010-12-23=0.153",
        ),
        ("2011-01", 329, "PREVIEW", "rate=0.1530000;converted=321;2010-12.refixed=643;2010-12.stated=635"),
        (
            *("2011-01", 349, "CLOSED"),
            f"rate=0.1624000;{before};2011-01-25=0.2;converted=341;2010-12.refixed=643;2010-12.stated=635",
        ),
        ("2011-02", 0, "PREVIEW", "rate=0.2000000"),
    ]


def test_a_fixing_that_takes_no_other_day_is_refused_where_a_rate_has_not_come() -> None:
    nights = [night("2010-12-30"), night("2010-12-31")]
    card(nights[0], "CLB")
    reconciled(nights[0], "purchase", "a", 1_000_000, currency="CNY")
    for day in ("17", "20", "21", "23"):
        rate(nights[0], f"2010-12-{day}", "0.15")
    text = fixed_club(MEAN).replace('"previous_day"', '"refused"')
    documents = {"contracts/orient-estate/2009-01-01.toml": text}
    # A preview takes the days that have come.
    ((period, amount, state, _),) = converted(rate_history(nights[:1], documents)[0])
    assert (period, amount, state) == ("2010-12", 630, "PREVIEW")
    with pytest.raises(TerminalError, match=r"from CNY to USD of 2010-12-22, which has not come: deliver it"):
        rate_history(nights, documents)
    rate(nights[1], "2010-12-22", "0.15")
    assert converted(rate_history(nights, documents)[1])[0][1:3] == (630, "CLOSED")


def test_the_only_beneficiary_s_total_is_what_a_late_fixing_converts_again() -> None:
    nights = [night("2010-12-31"), night("2011-01-01")]
    card(nights[0], "CLB")
    reconciled(nights[0], "purchase", "a", 1_000_000, currency="CNY")
    rate(nights[0], "2010-12-30", "0.15")
    rate(nights[1], "2010-12-31", "0.2")
    text = fixed_club(Fixed(Says("month")))
    head, club_, rest = text.partition('[[beneficiaries]]\nid = "ORIENT-CLUB"')
    assert club_
    text = head + rest[rest.index("[settlement]") :]
    text = text.replace('"split", ', "").replace('residue = "largest_remainder"\n', "").replace("weight = 7\n", "")
    first, second = rate_history(nights, {"contracts/orient-estate/2009-01-01.toml": text})
    assert converted(first) == [("2010-12", 900, "CLOSED", "rate=0.1500000;2010-12-31=0.15@2010-12-30")]
    assert converted(second) == [
        ("2011-01", 300, "PREVIEW", "rate=0.2000000;converted=0;2010-12.refixed=1200;2010-12.stated=900")
    ]


def test_late_fixings_need_the_currency_to_stay() -> None:
    other = fixed_club(MEAN).replace('to = "USD"', 'to = "EUR"')
    with pytest.raises(
        TerminalError, match=r"pays in EUR, and late fixings of contracts/p/2009-01-01\.toml come in USD"
    ):
        read_contracts({"contracts/p/2009-01-01.toml": fixed_club(MEAN), "contracts/p/2010-01-01.toml": other})


@pytest.mark.parametrize(
    ("to_day", "last", "days"),
    [
        (25, "2026-01-31", ["2026-01-22", "2026-01-23"]),
        (25, "2026-02-28", ["2026-02-24", "2026-02-25"]),
        (31, "2026-02-28", ["2026-02-26", "2026-02-27"]),
        (8, "2026-01-07", ["2025-12-05", "2025-12-08"]),
        (7, "2026-01-07", ["2026-01-06", "2026-01-07"]),
        (31, "2026-03-15", ["2026-02-26", "2026-02-27"]),
        (1, "2026-01-31", ["2025-12-30", "2025-12-31"]),
    ],
)
def test_banking_days_up_to_a_day_of_the_month(to_day: int, last: str, days: list[str]) -> None:
    mean = f'mean = {{ days = 2, to_day = {to_day}, decimals = 6, rounding = "half_even", '
    said = f'{mean}weekend = ["saturday", "sunday"], holidays = [2026-01-01] }}'
    text = fixed_club(MEAN).partition("\nmean = {")
    document = f"{text[0]}\n{said}\n{text[2].partition(chr(10))[2]}"
    rule = read_contract("contracts/p/2009-01-01.toml", document).contract.settlement.convert
    assert rule is not None
    assert rule.mean is not None
    assert [str(day) for day in banking_days(rule.mean, date.fromisoformat(last), {})] == days


def bank_calendar() -> tuple[list[Night], dict[str, str]]:
    """That the 25th, a Saturday, was open and the 21st closed becomes known after December has closed."""
    nights = [night("2010-12-31"), night("2011-01-01")]
    card(nights[0], "CLB")
    reconciled(nights[0], "purchase", "a", 1_000_000, currency="CNY")
    days = (("17", "0.149"), ("20", "0.15"), ("21", "0.151"), ("22", "0.1524"), ("23", "0.153"), ("25", "0.16"))
    for day, value in days:
        rate(nights[0], f"2010-12-{day}", value)
    nights[0].add("calendar_day", calendar="CN-BANKS", day=date(2010, 12, 22), kind="OPEN")
    for calendar, day, kind in (("CN-BANKS", 25, "OPEN"), ("CN-BANKS", 21, "CLOSED"), ("OTHER", 22, "CLOSED")):
        nights[1].add("calendar_day", calendar=calendar, day=date(2010, 12, day), kind=kind)
    text = fixed_club(MEAN).replace("holidays = [", 'calendar = "CN-BANKS", holidays = [')
    return nights, {"contracts/orient-estate/2009-01-01.toml": text}


def test_the_bank_calendar_says_which_days_are_open_as_known_at_the_statement() -> None:
    first, second = rate_history(*bank_calendar())
    assert [row[:3] for row in converted(first)] == [("2010-12", 635, "CLOSED")]
    # (0.149 + 0.15 + 0.1524 + 0.153 + 0.16) / 5 = 0.15288 of 4,200 fen.
    ((period, amount, _, told),) = converted(second)
    assert (period, amount) == ("2011-01", 7)
    assert told.endswith("converted=0;2010-12.refixed=642;2010-12.stated=635")


def untold(output: dict[str, pl.DataFrame]) -> list[tuple[Any, ...]]:
    return output["rate_finding"].rows()


def test_a_year_of_which_the_bank_calendar_tells_nothing_is_a_finding_where_its_days_are_counted() -> None:
    first, second = rate_history(*bank_calendar())
    assert untold(first) == []
    # January's statement holds the difference of December, of whose year something is told by now.
    sentence = (
        "Contract C4-CLB-CLUB, clause convert: [settlement.convert.mean] counts banking days from 2011-01-19 to "
        "2011-01-25 for 2011-01, and the bank calendar CN-BANKS tells no day of 2011: the contract's own `weekend` and "
        "`holidays` were taken; deliver the calendar, or correct its name."
    )
    subject = "C4-CLB-CLUB 2011-01 [settlement.convert.mean]"
    assert untold(second) == [("bank_calendar_untold", subject, "warning", sentence)]


def test_a_bank_calendar_of_a_name_that_no_feed_tells_is_a_finding_and_the_contract_s_own_days_hold() -> None:
    nights, documents = bank_calendar()
    slip = {source: text.replace("CN-BANKS", "CN-BANK") for source, text in documents.items()}
    (first,) = rate_history(nights[:1], slip)
    assert [row[:3] for row in converted(first)] == [("2010-12", 635, "CLOSED")]
    ((_, subject, _, told),) = untold(first)
    assert subject == "C4-CLB-CLUB 2010-12 [settlement.convert.mean]"
    assert "the bank calendar CN-BANK tells no day of 2010" in told


def test_a_calendar_without_open_days_is_refused() -> None:
    mean = MeanRate(
        days=1,
        to_day=25,
        decimals=6,
        rounding=Rounding.DOWN,
        weekend=(),
        holidays=(),
        calendar="CN-BANKS",
    )
    closed = {date(2010, 12, 25) - timedelta(days=one): False for one in range(500)}
    with pytest.raises(TerminalError, match="bank calendar CN-BANKS tells of fewer than 1 open days from 2009-11-20"):
        banking_days(mean, date(2010, 12, 31), closed)


@pytest.mark.parametrize(
    ("day", "dates"),
    [
        ("2010-12-30", ByEvent(Says("month")).dates),
        ("2010-12-29", ByEvent(Says("month")).dates),
        ("2010-12-30", SETTLEMENT),
        ("2010-12-29", OPENING),
    ],
    ids=["corrected", "late", "corrected settlement", "late opening"],
)
def test_a_rate_that_comes_later_changes_the_records_of_its_days(day: str, dates: tuple[str, str, str]) -> None:
    nights = [night("2010-12-30"), night("2010-12-31"), night("2011-01-01")]
    card(nights[0], "CLB")
    reconciled(nights[0], "purchase", "a", 1_000_000, currency="CNY")
    # The day that picks the rate is 30 December, every other one is long before any rate.
    other = {name: date(2010, 12, 1) for name in ("transaction_date", "settlement_date", "opened_on")}
    other |= {dates[0].replace("account_opening_date", "opened_on"): date(2010, 12, 30)}
    for told in (*nights[0].rows["clearing"], *nights[0].rows["account_event"]):
        told.update(other, posting_date=date(2010, 12, 1))
    rate(nights[0], "2010-12-28" if day.endswith("29") else day, "0.15")
    rate(nights[1], day, "0.16")
    rate(nights[1], "2010-12-31", "0.9")
    rate(nights[2], day, "0.17")
    document = {"contracts/p/2009-01-01.toml": by_event_club(ByEvent(Says("month"), dates))}
    outputs = rate_history(nights, document)
    told = [
        output["payout"].filter(term="club_commission").select("period", "amount_minor", "state").rows()
        for output in outputs
    ]
    assert told == [
        [("2010-12", 900, "PREVIEW")],
        [("2010-12", 960, "CLOSED")],
        [("2011-01", 0, "PREVIEW"), ("2010-12", 1020, "RESTATED")],
    ]


def test_a_record_whose_rate_has_not_come_is_refused_by_name() -> None:
    nights = [night("2010-12-30")]
    card(nights[0], "CLB")
    reconciled(nights[0], "purchase", "a", 1_000_000, currency="CNY")
    rate(nights[0], "2010-12-29", "0.15")
    text = by_event_club(ByEvent(Says("month"))).replace('"previous_day"', '"refused"')
    sentence = (
        "Record 1 of 2010-12-30/clearing is in CNY, and contract C4-CLB-CLUB asks for the exchange rate from CNY to "
        "USD of 2010-12-30, which has not come: deliver it."
    )
    with pytest.raises(TerminalError, match=re.escape(sentence)):
        rate_history(nights, {"contracts/p/2009-01-01.toml": text})
