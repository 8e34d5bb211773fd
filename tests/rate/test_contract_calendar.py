"""Periods and years of contracts: a naive naming of days agrees, a contract year begins where it says."""

from __future__ import annotations

from datetime import date

import pytest
from rate.histories import contract_documents
from rate.oracle_periods import CALENDARS, Says

from settlement.errors import TerminalError
from settlement.model.dates import period_of, year_of
from settlement.rate.contract_file import read_contract, read_contracts

CLUB = "contracts/orient-estate/2009-01-01.toml"
DAY = 'calendar = "day"\nyear = "calendar"'


def club(said: str) -> str:
    text = contract_documents()[CLUB]
    assert DAY in text
    return text.replace(DAY, said)


@pytest.mark.parametrize("says", CALENDARS, ids=[f"{says.calendar}-{says.begins}" for says in CALENDARS])
def test_a_naive_naming_of_days_agrees(says: Says) -> None:
    first = says.periods(date(2027, 1, 1), date(2027, 1, 1))[0].first
    calendar = read_contract(f"contracts/p/{first}.toml", club(says.toml)).contract.calendar
    for named in says.periods(first, date(2029, 12, 31)):
        for day in (named.first, named.last):
            period = period_of(day, calendar)
            assert (period.text, period.first, period.last) == (named.text, named.first, named.last)
        assert year_of(named.last, calendar).first == named.year


def test_a_contract_year_begins_on_the_anniversary_that_is_said_whichever_file_is_the_first() -> None:
    text = club('calendar = "quarter"\nyear = "contract"\nyear_begins = "04-15"')
    for days in (("2010-04-15", "2011-01-15"), ("2010-01-15", "2010-04-15", "2011-01-15")):
        found = read_contracts({f"contracts/p/{day}.toml": text for day in days})
        assert {version.contract.calendar.begins for version in found["C4-CLB-CLUB"]} == {(4, 15)}
    silent = text.replace('\nyear_begins = "04-15"', "")
    with pytest.raises(TerminalError, match=r'on the anniversary of the agreement, .+ add `year_begins = "03-15"`'):
        read_contract("contracts/p/2010-04-15.toml", silent)
    with pytest.raises(TerminalError, match="years that begin on 04-15 would cut a month in two"):
        read_contract("contracts/p/2010-04-15.toml", text.replace('"quarter"', '"month"'))
    with pytest.raises(TerminalError, match=r"name the file 2011-01-15\.toml or 2011-04-15\.toml"):
        read_contracts({f"contracts/p/{day}.toml": text for day in ("2010-04-15", "2011-02-15")})


def test_a_version_begins_with_a_period_of_its_fiscal_year() -> None:
    text = club('calendar = "quarter"\nyear = "fiscal"\nyear_begins = "02-15"')
    with pytest.raises(TerminalError, match=r"inside the quarter 2008-02-15-Q4.+2008-11-15\.toml or 2009-02-15\.toml"):
        read_contract("contracts/p/2009-01-01.toml", text)


@pytest.mark.parametrize(
    ("later", "sentence"),
    [
        ('calendar = "month"\nyear = "calendar"', "changes from quarter to month"),
        ('calendar = "quarter"\nyear = "calendar"', r"\(year\) changes from fiscal to calendar"),
        (
            'calendar = "quarter"\nyear = "fiscal"\nyear_begins = "10-01"',
            r"\(year_begins\) changes from 07-01 to 10-01",
        ),
    ],
)
def test_a_contract_keeps_its_calendar(later: str, sentence: str) -> None:
    first = club('calendar = "quarter"\nyear = "fiscal"\nyear_begins = "07-01"')
    with pytest.raises(TerminalError, match=sentence):
        read_contracts({"contracts/p/2009-07-01.toml": first, "contracts/p/2010-10-01.toml": club(later)})
