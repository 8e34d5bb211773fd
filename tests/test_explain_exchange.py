"""The exchange rates of records: each is found again from the dates that decided, with its row of the feed."""

from __future__ import annotations

import random
import re
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from explain_home import write_rated
from rate.histories import Night, RandomHistory
from rate.oracle_fixing import ByEvent, add_rates
from rate.oracle_periods import Says
from rate.test_fixings import by_event_club, rate
from rate.test_statement import card, night, reconciled

from settlement import store
from settlement.explain import explain_line, parse_line_address, render_text
from settlement.explain.address import address_of
from settlement.explain.walk import Explanation
from settlement.model.money import Rounding, round_fraction
from settlement.store import Home

BY_EVENT = by_event_club(ByEvent(Says("month")))
RATE = """
id = "club_commission"
form = "rate"
clause = "1"
measure = "day_volume"
rate = 0.0060
rounding = { unit = "minor", mode = "half_away", scope = "period" }

"""
_WITHOUT = re.sub(r"\[\[examples\]\]\nterm = \"club_commission\"\n(?:.+\n)*\n?", "", BY_EVENT)
BY_PERIOD = re.sub(r"(?<=\[\[terms\]\])\nid = \"club_commission\"\n(?:.+\n)*\n", RATE, _WITHOUT)
"""The club's contract where one rate is taken of all amounts of a period, so that a contribution is an amount."""
TAKEN = re.compile(r"1 CNY = ([\d.]+) USD of (\S+), (\S+) record (\d+)(?:, taken for (\S+), which has none)?")


def settled(home: Home, nights: list[Night], text: str) -> None:
    """A home that has settled the nights under one contract file."""
    write_rated(home, nights, {"contracts/orient-estate/2009-01-01.toml": text})


def explained(home: Home, day: date, text: str) -> Explanation:
    return explain_line(home, day, parse_line_address(f"C4-CLB-CLUB/{text}"))


@pytest.mark.parametrize("seed", [5, 9])
def test_in_any_history_each_amount_is_its_record_at_the_rate_that_is_named(seed: int, tmp_path: Path) -> None:
    home, nights = Home(root=tmp_path / "home"), RandomHistory(seed).nights
    add_rates(nights, random.Random(seed))
    settled(home, nights, BY_PERIOD)
    rates = {(row["file"], row["record"]): row for one in nights for row in one.rows.get("fx_rate", [])}
    seen = 0
    for then in nights:
        lines = store.read_table(home, "payout", then.day).filter(term="club_commission")
        for row in lines.iter_rows(named=True):
            for one in explain_line(home, then.day, address_of(row)).contributions:
                (told,) = one.rates
                match = TAKEN.fullmatch(told)
                assert match, told
                value, of, file, record, asked = match.groups()
                held = rates[file, int(record)]
                assert (held["rate"], str(held["rate_date"])) == (value, of)
                assert asked is None or of < asked
                (source,) = one.sources
                if source.what not in ("chargeback", "second_presentment", "chargeback_reversal"):
                    exact = Fraction(value) * (source.counted_minor or 0)
                    assert one.quantity == round_fraction(exact, Rounding.HALF_AWAY)
                    seen += 1
    assert seen > 10


def told_of(home: Home, day: str, number: int, period: str) -> tuple[str, ...]:
    """The rates of one contribution to the club's commission, by the number of its record."""
    found = explained(home, date.fromisoformat(day), f"{period}/club_commission").contributions
    return next(one.rates for one in found if (one.file, one.record) == (f"{day}/clearing", number))


@pytest.fixture
def disputed(tmp_path: Path) -> tuple[Home, list[Night]]:
    """A purchase of the 29th, taken back on the 30th, given back on the 31st; each day has a rate, one is corrected."""
    home, nights = Home(root=tmp_path / "home"), [night(f"2010-12-{day}") for day in (29, 30, 31)]
    card(nights[0], "CLB")
    reconciled(nights[0], "purchase", "a", 10_000, currency="CNY")
    reconciled(nights[1], "chargeback", "a", 10_000, currency="CNY")
    reconciled(nights[2], "chargeback_reversal", "a", 10_000, currency="CNY")
    nights[2].rows["clearing"][0]["direction"] = 1
    for one, value in zip(nights, ("0.15", "0.16", "0.17"), strict=True):
        rate(one, str(one.day), value)
    rate(nights[1], "2010-12-29", "0.155")
    return home, nights


def test_what_takes_back_and_what_gives_back_have_the_rate_of_the_purchase_as_corrected(
    disputed: tuple[Home, list[Night]],
) -> None:
    home, nights = disputed
    settled(home, nights, BY_EVENT.replace("gives_back = []", 'gives_back = ["chargeback_reversal"]'))
    first = "1 CNY = 0.15 USD of 2010-12-29, 2010-12-29/fx_rate record 1"
    assert told_of(home, "2010-12-29", 1, "2010-12") == (first,)
    corrected = "1 CNY = 0.155 USD of 2010-12-29, 2010-12-30/fx_rate record 2"
    assert told_of(home, "2010-12-30", 1, "2010-12") == (corrected,)
    assert told_of(home, "2010-12-31", 1, "2010-12") == (corrected,)
    text = render_text(explained(home, date(2010, 12, 31), "2010-12/club_commission"))
    assert text.count(f"\n         at {corrected}\n") == 3


def test_a_chargeback_of_its_own_day_decides_for_what_gives_back_and_names_the_rate_of_its_purchase_too(
    disputed: tuple[Home, list[Night]],
) -> None:
    home, nights = disputed
    text = BY_EVENT.replace("gives_back = []", 'gives_back = ["chargeback_reversal"]')
    settled(home, nights, text.replace('negative = "purchase_transaction_date"', 'negative = "transaction_date"'))
    own = "1 CNY = 0.16 USD of 2010-12-30, 2010-12-30/fx_rate record 1"
    purchase = (
        "its purchase, 2010-12-29/clearing record 1, 1 CNY = 0.155 USD of 2010-12-29, 2010-12-30/fx_rate record 2"
    )
    assert told_of(home, "2010-12-30", 1, "2010-12") == (own, purchase)
    assert told_of(home, "2010-12-31", 1, "2010-12") == (own, purchase)


def test_a_correction_names_the_rates_of_the_records_that_cause_it(tmp_path: Path) -> None:
    home, nights = Home(root=tmp_path / "home"), [night("2010-12-31"), night("2011-01-01")]
    card(nights[0], "CLB")
    rate(nights[0], "2010-12-30", "0.15")
    reconciled(nights[1], "purchase", "a", 1_000_000, currency="CNY", posted=date(2010, 12, 31))
    settled(home, nights, BY_EVENT)
    found = explained(home, nights[1].day, "2011-01/adjustment:2010-12").correction
    assert found is not None
    rates = [one.rates for cause in found.causes for one in cause.contributions]
    taken = "1 CNY = 0.15 USD of 2010-12-30, 2010-12-31/fx_rate record 1, taken for 2010-12-31, which has none"
    assert rates == [(taken,)]
    assert f"         at {taken}" in render_text(explained(home, nights[1].day, "2011-01/adjustment:2010-12"))
