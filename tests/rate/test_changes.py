"""A night that rates what it touches gives what one gives that rates everything anew, row for row of every table."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from random_cases import batches
from rate.histories import (
    OPENING,
    PACKS,
    RATED,
    SETTLEMENT,
    Night,
    RandomHistory,
    contract_documents,
    dated_documents,
    inputs_of,
    rate_history,
    restoring_documents,
    without,
)
from rate.oracle_fixing import ByEvent, Fixed, add_rates
from rate.oracle_periods import Says
from rate.test_fixings import by_event_club, fixed_club

from settlement.errors import TerminalError
from settlement.model.stage import StageInput
from settlement.model.tables import TABLES
from settlement.rate import night as rate
from settlement.rate.facts import Facts, Reached, gather, with_records
from settlement.rate.night_index import night_index
from settlement.rate.packs import nights_before
from settlement.rate.touched import reached_tonight

SEEDS = [number for number, _ in batches(3, 1, share=400)]
LATER = ("2011-07-03", "2011-07-04")


class WideHistory(RandomHistory):
    """A random history of years whose reference data are taken back, moved and corrected late as well."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        for day in map(date.fromisoformat, LATER):
            self.nights.append(Night(day=day))
            index = len(self.nights) - 1
            for _ in range(self.random.randrange(8)):
                self._purchase(index)
            for _ in range(self.random.randrange(8)):
                self._negative(index)
            self._later_facts(index)

    def _later_facts(self, index: int) -> None:
        super()._later_facts(index)
        night = self.nights[index]
        if self.chance(30):
            card = self.random.choice(self.cards)
            since = night.day - timedelta(days=self.random.choice([0, 1, 40]))
            told = {"card_ref": card["card_ref"], "programme": card["programme"], "valid_from": since}
            night.add("enrolment", **told, account_id=self.random.choice(self.cards)["account_id"])
        if self.chance(40):
            card = self.random.choice(self.cards)
            card["opened_on"] -= timedelta(days=self.random.choice([1, 9]))
            state = {key: value for key, value in card.items() if key not in ("card_ref", "effective_on")}
            night.add("account_event", **state, effective_on=night.day)
        if index and self.chance(30):
            self._taken_back(night, self.random.choice(["enrolment", "store", "account_event"]), index)

    def _taken_back(self, night: Night, table: str, index: int) -> None:
        earlier = [
            row
            for before in self.nights[:index]
            for row in before.rows.get(table, [])
            # An account must keep the class that a contract asks for.
            if "retracted" not in row and row.get("event") != "SNAPSHOT"
        ]
        if not earlier:
            return
        row = self.random.choice(earlier)
        kept = {name: value for name, value in row.items() if name not in ("file", "record")}
        night.add(table, **kept, retracted="corrected")


def other_calendars(dates: tuple[str, str, str]) -> dict[str, str]:
    """The shipped contracts by other calendars, the club's with a fixing, and once more at the rates of events.

    ``dates`` pick the rates, prices and exchange rates of events.
    """
    texts = {source.split("/")[1]: text for source, text in dated_documents(dates).items()}
    said = {
        "meridian-air": ("2008-12-29", 'calendar = "month"\nyear = "calendar"', Says("week").toml),
        "alma-mater": ("2009-01-01", 'calendar = "quarter"\nyear = "calendar"', Says("half_year").toml),
        "harbor-retail": ("2009-01-01", 'calendar = "quarter"\nyear = "calendar"', Says("quarter", "07-01").toml),
    }
    found = {}
    for partner, (effective, old, new) in said.items():
        assert old in texts[partner]
        found[f"contracts/{partner}/{effective}.toml"] = texts[partner].replace(old, new)
    cycles = Says("cycle", cycle_days=(1, 8, 16, 23))
    by_event = by_event_club(ByEvent(cycles, dates)).replace('"C4-CLB-CLUB"', '"C5-CLB-EVENTS"')
    fixed = fixed_club(Fixed(cycles, days=3, to_day=31, decimals=9))
    return found | {"contracts/orient-estate/2009-01-01.toml": fixed, "contracts/events/2009-01-01.toml": by_event}


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_touched_gives_what_everything_gives(seed: int) -> None:
    for inputs, last in touched_gives_what_everything_gives(WideHistory(seed).nights, restoring_documents()):
        the_rest_counts_as_before(inputs, last)


@pytest.mark.parametrize("seed", SEEDS[1:])
def test_so_it_is_under_other_calendars_and_exchange_rates(seed: int) -> None:
    nights = WideHistory(seed).nights
    add_rates(nights, random.Random(seed))
    documents = other_calendars((OPENING, SETTLEMENT)[seed % 2])
    assert len(touched_gives_what_everything_gives(nights, documents)) == len(nights) - 1


STEPS = """[settlement.hold]
clause = "statement"
kind = "holdback"
share = 0.25
beneficiaries = ["ORIENT-CLUB"]
released_after = 2
counted_in = "days"
rounding = "half_away"

[[settlement.taxes]]
clause = "statement"
kind = "withholding"
rate = 0.10
on = "earned_and_not_recouped"
beneficiaries = ["ORIENT-CLUB"]
owed_by = "payer"
owed_to = "Revenue"
rounding = "half_away"

[settlement.advance]
clause = "statement"
recouped = "from_positive_balance"
recoups = "own"
paid = [{ on = 2010-12-30, amount = 40, to = "ORIENT-CLUB" }]

[[examples]]"""


def daily_with_all_steps() -> dict[str, str]:
    """The club's daily contract that holds back, taxes, recoups and re-opens for two days, amended back in time."""
    text = contract_documents()["contracts/orient-estate/2009-01-01.toml"]
    for old, new in {
        '"carry", "threshold"]': '"carry", "recoup", "tax", "hold", "threshold"]',
        'reopens = { counted_in = "no_limit" }': 'reopens = { within = 2, counted_in = "days", later = "parked" }\n'
        'interest = { clause = "adjustment", rate_a_year = 0.18, day_count = "actual_365", due_days = 0, '
        'due_counted_in = "days", rounding = "half_away" }',
        "[[examples]]": STEPS,
    }.items():
        assert old in text
        text = text.replace(old, new, 1)
    amended = text.replace("rate = 0.0060", "rate = 0.0075", 1)
    assert amended != text
    examples = amended.index("[[examples]]")
    known = "2011-01-01"
    return {
        "contracts/orient-estate/2009-01-01.toml": text,
        f"contracts/orient-estate/2010-12-30.known-{known}.toml": (
            f"known_on = {known}\nexamples = []\n{amended[:examples]}"
        ),
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_so_it_is_with_holds_taxes_advances_and_periods_that_close_for_good(seed: int) -> None:
    nights = WideHistory(seed).nights
    assert len(touched_gives_what_everything_gives(nights, daily_with_all_steps())) == len(nights) - 1


def touched_gives_what_everything_gives(
    nights: list[Night], documents: Mapping[str, str]
) -> list[tuple[StageInput, date]]:
    """What each night that was rated both ways was handed, with the night before it."""
    outputs = rate_history(nights, documents)
    compared = []
    for at in range(1, len(nights)):
        inputs = inputs_of(nights, at, outputs, documents)
        anew = rate.run(without(without(inputs, "rated_basis"), "rated_pack")).tables
        for table in set(RATED).difference(PACKS):
            key = TABLES[table].key
            assert_frame_equal(outputs[at][table].sort(key), anew[table].sort(key))
        compared.append((inputs, nights[at - 1].day))
    return compared


def reached(inputs: StageInput, before: Facts, now: Facts) -> Reached:
    facts = (replace(one, records=one.records.clear()) for one in (before, now))
    return reached_tonight(inputs, night_index(inputs, nights_before(inputs)), *facts)


def the_rest_counts_as_before(inputs: StageInput, last: date) -> None:
    before, now = (gather(inputs, one) for one in (last, inputs.business_date))
    met = reached(inputs, before, now)
    places = met.clearing.select("file", "record").collect()
    assert places.is_unique().all()
    left = [one.records.join(places, on=["file", "record"], how="anti") for one in (before, now)]
    assert_frame_equal(*left, check_row_order=False)
    inside = with_records(now, met).records
    assert_frame_equal(inside, now.records.join(places, on=["file", "record"], how="semi"), check_row_order=False)


def test_a_night_reaches_few_records_and_a_late_chargeback_its_purchase() -> None:
    nights = RandomHistory(3).nights
    sale = next(row for night in nights for row in night.rows["clearing"] if row["kind"] == "purchase" and "arn" in row)
    late = Night(day=nights[-1].day + timedelta(days=900))
    late.add("clearing", **(sale | {"kind": "chargeback", "direction": -1, "file": "late", "record": 1}))
    nights = [*nights, late]
    outputs = rate_history(nights)
    inputs = inputs_of(nights, len(nights) - 1, outputs)
    met = reached(inputs, *(gather(inputs, night.day) for night in nights[-2:])).clearing.collect()
    assert {("late", 1), (sale["file"], sale["record"])} <= set(met.select("file", "record").rows())
    assert met.height < inputs.history["clearing"].collect().height / 2


def test_what_a_contribution_changes_by_is_exact_up_to_64_bits_and_refused_beyond() -> None:
    def rated(quantity: int) -> pl.DataFrame:
        told = {"contract": "C", "term": "rate", "period": "2010-12", "file": "f", "record": 1, "quantity": quantity}
        schema = TABLES["rated"].schema
        return pl.DataFrame([{name: told.get(name) for name in schema}], schema=schema)

    assert rate._difference(rated(2**62 - 1), rated(-(2**62)))["quantity"].to_list() == [2**63 - 1]
    with pytest.raises(TerminalError, match=r"What term rate is rated on in 2010-12 comes to 9223372036854775808"):
        rate._difference(rated(2**62), rated(-(2**62)))
