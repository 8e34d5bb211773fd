"""How a term comes from its quantities is told: windows, blocks, brackets, bounds, gates, days, parts and dates."""

from __future__ import annotations

from datetime import date

import pytest
from explain_home import write_rated
from rate.histories import Night
from rate.random_terms import HEAD, ROUNDING
from rate.test_statement import reconciled

from settlement.explain import explain_line, parse_line_address, render_text
from settlement.store import Home

JANUARY, FEBRUARY = date(2009, 1, 31), date(2009, 2, 28)
SOURCE = "contracts/partner/2009-01-01.toml"
ACCOUNT = '{ purchase = "account_opening_date", negative = "account_opening_date", refund_without_purchase = '
TERMS = {
    "blocks": 'form = "tiers"\nmethod = "marginal"\nbase = { of = ["volume"], window = "period", counts = "money", '
    'block = 100.00 }\nless = "nothing"\nbelow_zero = "nothing"\ntiers = [{ from = 0, to = 7, price = 0.25 }, '
    "{ from = 7, price = 0.10 }]",
    "ratio": 'form = "tiers"\nmethod = "amount"\ndriver = { of = ["fees"], per = ["volume"], window = '
    '"previous_period", counts = "ratio", decimals = 3 }\nless = "nothing"\nbelow_zero = "nothing"\n'
    "tiers = [{ from = 0, to = 0.040, amount = 0.00 }, { from = 0.040, amount = 25.00 }]",
    "growth": 'form = "sum"\nadds = ["volume"]\ntakes = ["fees"]\nwindow = "period"\nrate = 0.0100\n'
    "hurdle = 9_000.00\nleast = 0.00",
    "gated": 'form = "gate"\nof = ["blocks"]\ndriver = { of = ["blocks"], window = "period", counts = "money" }\n'
    "least = 100.00",
    "either": 'form = "least"\nof = ["blocks", "growth"]',
    "shortfall": 'form = "minimum_purchase"\nof = ["miles"]\nwindow = "year"\ncheckpoint = "close_of_last_period"\n'
    "least = 5_000\nprice = 0.0120",
    "price": 'form = "instalments"\ntotal = 100.00\nnumber = 60\nevery = "month"\nresidue = "largest_remainder"\n'
    "from = 2009-01-31",
    "vintage": f'form = "rate_by"\nmeasure = "volume"\nrate_date = {ACCOUNT}"transaction_date" }}\n'
    'opening_rate_date = "first_night"\nrates = [{ account_class = "STUDENT", to = 2009-07-01, rate = 0.0030 }, '
    '{ account_class = "STUDENT", from = 2009-07-01, rate = 0 }]',
}
SPLIT = (
    "ISSUER 0.98, NETWORK 0.97; ISSUER is cut by 1/2 of a minor unit; NETWORK is cut by 1/2 of a minor unit; the minor "
    "unit left over goes to ISSUER: the largest cut first, of equal ones the name that sorts first"
)
WITHOUT = ("gated", "either", "price")


def said(name: str) -> str:
    scope = "class_and_rate" if name == "vintage" else "period"
    rounding = "" if name in WITHOUT else ROUNDING.replace('"period"', f'"{scope}"')
    parts = 'parts = [{ to = "ISSUER", weight = 1 }, { to = "NETWORK", weight = 1 }]\n' if name == "blocks" else ""
    return f'[[terms]]\nid = "{name}"\nclause = "1"\n{parts}{TERMS[name]}\n{rounding}\n'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    text = "\n".join(["examples = []\n" + HEAD, *map(said, TERMS)])
    nights = [Night(day=JANUARY), Night(day=FEBRUARY)]
    account = {"account_id": "A1", "programme": "UNI", "account_class": "STUDENT", "opened_on": date(2008, 5, 6)}
    nights[0].add("account_event", event="SNAPSHOT", effective_on=JANUARY, **account)
    nights[0].add("enrolment", card_ref="c1", account_id="A1", programme="UNI", valid_from=date(2008, 5, 6))
    for night, amount in zip(nights, (123_456, 98_704), strict=True):
        reconciled(night, "purchase", f"a{amount}", amount)
        figures = {"month": f"{night.day:%Y-%m}", "version": 1, "currency": "USD"}
        night.add("pnl", programme="UNI", line="FEES", amount_minor=5_000, **figures)
    found = Home(root=tmp_path_factory.mktemp("reckoned"))
    write_rated(found, nights, {SOURCE: text})
    return found


@pytest.mark.parametrize(
    ("line", "notes"),
    [
        (
            "blocks",
            [
                "987.04 is 9 whole blocks of 100.00, and 87.04 that counts nothing",
                "from 0 and below 7: 7 at 0.25 gives 1.75",
                "from 7 on: 2 at 0.10 gives 0.20",
                f"split among its parts: {SPLIT}",
            ],
        ),
        (
            "ratio",
            [
                "fees, previous period: 2009-01 50.00; together 50.00",
                "volume, previous period: 2009-01 1,234.56; together 1,234.56",
                "50.00 / 1,234.56 is 0.040, cut to 3 decimals",
                "the driver, 0.040, lies in the tier from 0.040 on: 25.00",
            ],
        ),
        (
            "growth",
            ["0.0100 of 937.04 less the hurdle of 9,000.00 is -80.6296", "0.00 is the least that it gives"],
        ),
        ("gated", ["the driver, 1.95, gives nothing below 100.00"]),
        ("either", []),
        (
            "shortfall",
            [
                "miles, year to date: 2009-01 1,234; 2009-02 987; together 2,221",
                "2,779 of 5,000 are lacking so far; what lacks is due when the year's last period closes",
            ],
        ),
        ("price", ["2009-02-28: part 2 of 60, 1.67, the first 40 are larger by a minor unit"]),
    ],
)
def test_a_term_tells_how_it_comes_from_its_quantities(home: Home, line: str, notes: list[str]) -> None:
    assert list(explain_line(home, FEBRUARY, parse_line_address(f"P1-KINDS/2009-02/{line}")).notes) == notes


def test_terms_that_do_not_add_up_have_no_sum_and_a_gate_names_its_terms_once(home: Home) -> None:
    either, gated = (
        explain_line(home, FEBRUARY, parse_line_address(f"P1-KINDS/2009-02/{t}")) for t in ("either", "gated")
    )
    assert [part.text for part in either.parts] == ["blocks", "growth"]
    assert " sum" not in render_text(either)
    assert [part.text for part in gated.parts] == ["blocks"]


def test_a_share_tells_what_it_has_of_terms_in_parts_and_no_earlier_periods(home: Home) -> None:
    share = explain_line(home, FEBRUARY, parse_line_address("P1-KINDS/2009-02/share/NETWORK"))
    assert f"of blocks: {SPLIT}" in share.notes
    assert "given for earlier periods" not in render_text(share)


def test_the_date_that_picks_a_rate_is_told_with_the_record(home: Home) -> None:
    vintage = explain_line(home, FEBRUARY, parse_line_address("P1-KINDS/2009-02/vintage"))
    ((rate,),) = (one.rates for one in vintage.contributions)
    assert rate == "its account opening date, 2008-05-06, picks the rate"
    assert rate in render_text(vintage)
