"""Roundings, corrections and years: an explanation's parts always add up to what it explains."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from explain_home import BANK, C2, SHOP, clearing, matched, rated, write, write_rated
from payout_frames import line, night, payout
from rate.histories import RandomHistory

from settlement import originals, store
from settlement.explain import explain_line, line_addresses, parse_line_address, render_text
from settlement.explain.address import address_of
from settlement.explain.walk import Explanation
from settlement.home import contracts_folder
from settlement.model.money import Rounding, round_fraction, split_largest_remainder
from settlement.store import Home

GOLDEN = Path(__file__).resolve().parent / "golden" / "explain"
AIR = "C1-AIR-MILES"
CLUB = "C4-CLB-CLUB"
OPENING = "2010-12-29/OPENING.csv"


def explained(home: Home, text: str, number: int, limit: int | None = None) -> Explanation:
    return explain_line(home, night(number), parse_line_address(text), limit=limit)


def tell(home: Home, number: int, lines: list[dict[str, object]]) -> None:
    write(home, "payout", number, payout(night(number), lines).rows(named=True))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with the shipped contracts whose first night brought one file."""
    found = Home(root=tmp_path / "home")
    shutil.copytree(
        contracts_folder(), found.config / "contracts", ignore=shutil.ignore_patterns("programme.toml", "partners.toml")
    )
    write(found, "file", 1, [{"file": BANK, "fate": "accepted"}])
    return found


@pytest.fixture(scope="module")
def told(settled_home: Home) -> list[Explanation]:
    """Every line of the sample's last night, in which a closed quarter is corrected."""
    last = originals.delivery_dates(settled_home)[-1]
    addresses = line_addresses(settled_home, last)
    return [explain_line(settled_home, last, parse_line_address(text), limit=3) for text in addresses]


def test_causes_add_up_to_the_difference_of_every_correction(told: list[Explanation]) -> None:
    corrected = [one for one in told if one.correction is not None]
    assert {one.state for one in corrected} == {"RESTATED", "PREVIEW"}
    for one in corrected:
        assert one.correction is not None
        assert sum(cause.amount_minor for cause in one.correction.causes) == one.correction.difference
        assert not [cause.text for cause in one.correction.causes if cause.text.startswith("what the home keeps")]
        if one.address.adjusts:
            assert one.correction.difference == one.amount_minor
        else:
            assert [term.now_minor for term in one.correction.terms] == [one.amount_minor]


def test_exact_values_round_to_the_amount(told: list[Explanation]) -> None:
    rounded = [one for one in told if one.roundings]
    assert {one.address.contract for one in rounded} == {AIR, C2, "C3-UNI-ALUMNI", CLUB}
    for one in rounded:
        for step in one.roundings:
            if step.mode in {mode.value for mode in Rounding}:
                assert round_fraction(step.exact, Rounding(step.mode)) == step.rounded
            assert abs(step.residue) < 1
        if one.address.term != "annual_volume_tier":
            assert sum(step.rounded for step in one.roundings) == one.amount_minor


def test_a_guarantee_is_made_of_all_that_the_year_earned(told: list[Explanation]) -> None:
    guarantees = [one for one in told if one.address.term == "minimum_guarantee"]
    assert {one.address.period for one in guarantees} >= {"2026-01"}
    for one in guarantees:
        assert f"earned_year={sum(part.amount_minor for part in one.parts)}" in one.quantities


def test_the_text_of_a_correction(told: list[Explanation]) -> None:
    adjustment = next(one for one in told if one.address.term == "adjustment" and one.address.contract == C2)
    assert render_text(adjustment, limit=3) == (GOLDEN / "adjustment.txt").read_text(encoding="utf-8").strip()


@pytest.fixture
def guaranteed(home: Home) -> Home:
    """A year of three months: October is known from the opening, November and December from records."""
    first = {"contract": AIR, "term": "miles_purchase", "unit": "miles", "selector": "miles_at_0.0120"}
    write(home, "rated", 1, [rated(1, 1_000_000, period="2010-12", **first)])
    write(home, "rated", 2, [rated(2, 500_000, period="2011-11", **first)])
    write(home, "rated", 3, [rated(3, 250_000, period="2011-12", **first)])
    told = {"contract": AIR, "item": "year_earned_through_previous_month", "value": 7, "unit": "USD minor"}
    write(home, "opening_position", 1, [told | {"file": OPENING, "record": 3}])
    lines = [
        line("miles_purchase", 300_000, contract=AIR, period="2011-12", quantities="miles_at_0.0120=250000"),
        line("bonus_miles", 0, contract=AIR, period="2011-12"),
        line("minimum_guarantee", 0, contract=AIR, period="2011-12", clause="3"),
    ]
    write(home, "payout", 3, payout(date(2011, 12, 30), lines).rows(named=True))
    return home


def test_a_guarantee_names_the_earlier_periods_of_its_year(guaranteed: Home) -> None:
    parts = explained(guaranteed, f"{AIR}/2011-12/minimum_guarantee", 3).parts
    earlier = {part.address: part.amount_minor for part in parts if part.amount_minor}
    assert earlier == {f"{AIR}/2011-11/miles_purchase": 600_000, f"{AIR}/2011-12/miles_purchase": 300_000}
    periods = {part.address.split("/")[1] for part in parts if part.address}
    assert periods == {f"2011-{month:02d}" for month in range(1, 13)}


def test_a_share_tells_who_gets_the_unit_left_over(home: Home) -> None:
    terms = [line("club_commission", 5, contract=CLUB, currency="CNY", period="2010-12-29")]
    shares = [
        line("share", 4, "ORIENT-ESTATE", contract=CLUB, currency="CNY", quantities="of=5", period="2010-12-29"),
        line("share", 1, "ORIENT-CLUB", contract=CLUB, currency="CNY", quantities="of=5", period="2010-12-29"),
    ]
    tell(home, 1, [*terms, *shares])
    found = explained(home, f"{CLUB}/2010-12-29/share/ORIENT-ESTATE", 1)
    # 3.5 and 1.5: both are cut by one half, and CLUB sorts first.
    (note,) = found.notes
    assert note == (
        "ORIENT-CLUB 0.02, ORIENT-ESTATE 0.03; ORIENT-CLUB is cut by 1/2 of a minor unit; ORIENT-ESTATE is cut by 1/2 "
        "of a minor unit; the minor unit left over goes to ORIENT-CLUB: the largest cut first, of equal ones the name "
        "that sorts first"
    )
    (step,) = found.roundings
    assert (str(step.exact), step.mode, step.rounded) == ("7/2", "largest_remainder", 4)


def test_a_yearly_tier_tells_what_it_gives_for_the_earlier_periods_of_the_year(home: Home) -> None:
    write(home, "rated", 1, volume(1, 700_000, period="2010-Q4"))
    write(home, "rated", 2, volume(2, 500_000, period="2011-Q1"))
    write(home, "rated", 3, volume(3, 250_000, period="2011-Q2"))
    told = "year_volume=750000;rate=0.0010;paid_to_date=500"
    lines = [line("annual_volume_tier", 250, contract=C2, period="2011-Q2", quantities=told, clause="3")]
    write(home, "payout", 3, payout(date(2011, 4, 30), lines).rows(named=True))
    found = explained(home, f"{C2}/2011-Q2/annual_volume_tier", 3)
    assert found.notes == ("for 2011-Q1 it gives 5.00, as known after 2011-04-30",)
    assert [(str(step.exact), step.rounded) for step in found.roundings] == [("750", 750)]
    assert "less 5.00 USD given for earlier periods" in render_text(found)


@pytest.mark.parametrize("total", [4, -4, 14])
def test_units_left_over_go_to_the_largest_cuts(home: Home, total: int) -> None:
    weights = {"HARBOR-RETAIL": 7, "HARBOR-LOYALTY": 5, "HARBOR-FOUNDATION": 3}
    shares = split_largest_remainder(total, weights)
    lines = [line("share", share, name, contract=C2, quantities=f"of={total}") for name, share in shares.items()]
    tell(home, 1, [line("own_store_rate", total, contract=C2), *lines])
    notes = {explained(home, f"{C2}/2010-Q4/share/{name}", 1).notes for name in weights}
    ((note,),) = notes
    told = note.partition("go to ")[2].partition(":")[0].split(", ")
    assert set(told) == {name for name in weights if abs(shares[name]) > abs(total) * weights[name] // 15}


def test_a_conversion_names_its_rate_with_day_and_record(home: Home) -> None:
    rate = {"file": "2010-12-29/FX.csv", "from_currency": "CNY", "to_currency": "USD", "retracted": None}
    rows = [rate | {"record": 2, "rate_date": date(2010, 12, 28), "rate": "0.1500"}]
    rows += [rate | {"record": 3, "rate_date": date(2010, 12, 29), "rate": "0.1512"}]
    rows += [rate | {"record": 4, "rate_date": date(2010, 12, 30), "rate": "0.9"}]
    write(home, "fx_rate", 1, rows)
    own = {"contract": CLUB, "period": "2010-12-29"}
    lines = [line("share", 1_001, "ORIENT-CLUB", currency="CNY", quantities="of=3337", **own)]
    lines += [line("share_converted", 151, "ORIENT-CLUB", quantities="rate=0.1512000", **own)]
    tell(home, 1, lines)
    found = explained(home, f"{CLUB}/2010-12-29/share_converted/ORIENT-CLUB", 1)
    assert found.notes == ("1 CNY = 0.1512 USD of 2010-12-29, 2010-12-29/FX.csv record 3",)
    assert "1.513512 USD half_away to 1.51, residue 0.003512, of 10.01 CNY at 0.1512000" in render_text(found)


def test_a_fixing_names_the_rates_it_is_the_mean_of_and_the_periods_it_converts_anew(home: Home) -> None:
    file = home.config / "contracts" / "orient-estate" / "2009-01-01.toml"
    text = file.read_text("utf-8").replace('calendar = "day"', 'calendar = "month"')
    mean = (
        'rate = "mean_of_banking_days"\nmissing = "previous_day"\nmean = { days = 2, to_day = 28, decimals = 6, '
        'rounding = "half_even", weekend = ["saturday", "sunday"], holidays = [] }'
    )
    file.write_text(text.replace('rate = "latest_until_as_of_night"', mean), encoding="utf-8")
    rate = {"file": "2010-12-29/FX.csv", "from_currency": "CNY", "to_currency": "USD", "retracted": None}
    rows = [rate | {"record": 2, "rate_date": date(2010, 12, 24), "rate": "0.1500"}]
    rows += [rate | {"record": 3, "rate_date": date(2010, 12, 28), "rate": "0.1512"}]
    write(home, "fx_rate", 1, rows)
    told = "rate=0.1506000;2010-12-27=0.1500@2010-12-24;2010-12-28=0.1512;converted=151"
    own = {"contract": CLUB, "period": "2010-12"}
    lines = [line("share", 1_000, "ORIENT-CLUB", currency="CNY", quantities="of=3333", **own)]
    again = ";2010-11.refixed=643;2010-11.stated=635"
    lines += [line("share_converted", 159, "ORIENT-CLUB", quantities=told + again, **own)]
    tell(home, 1, lines)
    found = explained(home, f"{CLUB}/2010-12/share_converted/ORIENT-CLUB", 1)
    assert found.notes == (
        "1 CNY = 0.1500 USD of 2010-12-24, 2010-12-29/FX.csv record 2, taken for 2010-12-27, which has none",
        "1 CNY = 0.1512 USD of 2010-12-28, 2010-12-29/FX.csv record 3",
        "the rate is the mean of these 2, rounded to 6 decimals",
        "2010-11 comes to 6.43 USD at its fixing as known now, and 6.35 was stated for it",
    )
    (step,) = found.roundings
    assert (str(step.exact), step.rounded) == ("753/5", 151)


def test_a_cap_and_a_limit_by_account_tell_what_they_take(home: Home) -> None:
    own = {"contract": CLUB, "period": "2010-12-29", "currency": "CNY"}
    tell(home, 1, [line("club_commission", 90_000, **own), line("daily_cap", -5_000, quantities="cap=85000", **own)])
    found = explained(home, f"{CLUB}/2010-12-29/daily_cap", 1)
    assert found.notes == ("together 900.00, of which 50.00 is above",)
    assert [(part.address, part.amount_minor) for part in found.parts] == [
        (f"{CLUB}/2010-12-29/club_commission", 90_000)
    ]

    miles = {"contract": AIR, "term": "bonus_miles", "period": "2010-12", "unit": "miles"}
    contributed = [
        rated(1, 1_200, selector="credited_bonus_miles", account_id="A1", **miles),
        rated(None, -200, selector="limit", account_id="A1", **(miles | {"file": None})),
        rated(2, 30, selector="credited_bonus_miles", account_id="A2", **miles),
    ]
    write(home, "rated", 1, contributed)
    tell(home, 1, [line("bonus_miles", 1_030, contract=AIR, period="2010-12", quantities="credited_bonus_miles=1030")])
    found = explained(home, f"{AIR}/2010-12/bonus_miles", 1)
    assert found.notes == (
        "an account counts for 0 at least and 1,000 at most in a period",
        "account A1: 1,200 miles, by the limit 1,000",
    )


def test_a_record_that_is_rounded_by_itself_tells_its_exact_value(home: Home) -> None:
    own = {"contract": CLUB, "term": "club_commission", "period": "2010-12-29", "unit": "CNY", "selector": "purchases"}
    write(
        home, "clearing", 1, [clearing(BANK, 1, 10_075, currency="CNY"), clearing(BANK, 2, 2_000_000, currency="CNY")]
    )
    write(home, "rated", 1, [rated(1, 60, **own), rated(2, 8_000, **own)])
    tell(home, 1, [line("club_commission", 8_060, contract=CLUB, currency="CNY", period="2010-12-29")])
    found = explained(home, f"{CLUB}/2010-12-29/club_commission", 1)
    assert [(str(step.exact), step.rounded) for step in found.record_roundings if step] == [
        ("8000", 8_000),
        ("1209/20", 60),
    ]
    assert "0.6045 CNY half_away to 0.60, residue 0.0045, of 0.0060 of 100.75, 80.00 at most" in render_text(found)


def test_an_amount_in_another_currency_tells_no_exact_value_of_its_own(home: Home) -> None:
    own = {"contract": CLUB, "term": "club_commission", "period": "2010-12-29", "unit": "CNY", "selector": "purchases"}
    write(home, "clearing", 1, [clearing(BANK, 1, 10_075, currency="HKD")])
    write(home, "rated", 1, [rated(1, 52, **own)])
    tell(home, 1, [line("club_commission", 52, contract=CLUB, currency="CNY", period="2010-12-29")])
    assert explained(home, f"{CLUB}/2010-12-29/club_commission", 1).record_roundings == (None,)


def closed(rate: int, tier: int = 0) -> list[dict[str, object]]:
    own = {"contract": C2, "state": "CLOSED"}
    terms = [
        line("own_store_rate", rate, **own),
        line("elsewhere_rate", 0, **own),
        line("annual_volume_tier", tier, **own),
    ]
    return [*terms, line("profit_share", 0, **own), line("carry_out", 0, "HARBOR-RETAIL", **own)]


def restated(number: int, home: Home, before: int, **now: int) -> None:
    """Tell an adjustment of 2010-Q4 whose terms were ``before`` together and are ``now``."""
    lines = [line(term, amount, contract=C2, state="RESTATED") for term, amount in now.items()]
    difference = sum(now.values()) - before
    tell(home, number, [*lines, line("adjustment", difference, contract=C2, period="2011-Q1", adjusts="2010-Q4")])


ADJUSTMENT = f"{C2}/2011-Q1/adjustment:2010-Q4"


def causes(found: Explanation) -> list[tuple[str, int]]:
    assert found.correction is not None
    assert sum(cause.amount_minor for cause in found.correction.causes) == found.correction.difference
    return [(cause.text, cause.amount_minor) for cause in found.correction.causes]


def volume(record: int, quantity: int, **more: object) -> list[dict[str, object]]:
    """A record that counts for the rate and for the yearly tier."""
    tier: Mapping[str, Any] = {"term": "annual_volume_tier", "clause": "3", "selector": "own_volume"}
    return [rated(record, quantity, **more), rated(record, quantity, **tier | more)]


def test_records_are_put_in_one_after_another(home: Home) -> None:
    match, *members = matched("M1", {BANK: (2, 30_000), SHOP: (12, 30_000)})
    write(home, "clearing", 1, [clearing(BANK, 1, 100_000), clearing(BANK, 2, 30_000)])
    write(home, "match", 4, [match])
    write(home, "match_member", 4, members)
    write(home, "rated", 1, volume(1, 100_000))
    write(home, "rated", 4, [*volume(2, 30_000), *volume(1, -250)])
    tell(home, 3, closed(300, 100))
    restated(4, home, 400, own_store_rate=389, annual_volume_tier=130)
    found = explained(home, ADJUSTMENT, 4)
    assert causes(found) == [(f"{BANK} record 1", -1), (f"{BANK} record 2", 120)]
    assert found.correction is not None
    assert [(term.term, term.then_minor, term.now_minor) for term in found.correction.terms if term.now_minor] == [
        ("annual_volume_tier", 100, 130),
        ("own_store_rate", 300, 389),
    ]
    late = found.correction.causes[1]
    assert (late.known_on, late.contributions[0].matches[0].known_on) == (night(4), night(4))
    assert causes(explained(home, f"{C2}/2010-Q4/own_store_rate", 4)) == [
        (f"{BANK} record 1", -1),
        (f"{BANK} record 2", 90),
    ]
    assert causes(explained(home, ADJUSTMENT, 4, limit=1)) == [
        (f"{BANK} record 2", 120),
        ("1 more records, accounts and months", -1),
    ]


def test_what_came_after_a_period_may_change_is_no_cause_of_its_adjustment(home: Home) -> None:
    """The quarter may change until the fourth night; what the fifth told is parked."""
    (file,) = [path for path in (home.config / "contracts").glob("*/*.toml") if f'"{C2}"' in path.read_text("utf-8")]
    said = 'reopens = { within = 1, counted_in = "days", later = "parked" }'
    text = file.read_text("utf-8").replace('reopens = { counted_in = "no_limit" }', said)
    file.write_text(text, encoding="utf-8")
    for number, record, quantity in ((1, 1, 100_000), (4, 2, 10_000), (5, 3, 20_000)):
        write(home, "rated", number, volume(record, quantity))
    tell(home, 3, closed(300, 100))
    restated(5, home, 400, own_store_rate=330, annual_volume_tier=110)
    assert causes(explained(home, ADJUSTMENT, 5)) == [(f"{BANK} record 2", 40)]


def test_a_new_opening_position_is_a_cause(home: Home) -> None:
    told = {"contract": C2, "item": "quarter_own_volume", "unit": "USD minor", "record": 6}
    write(home, "opening_position", 1, [told | {"file": OPENING, "value": 100_000}])
    write(home, "opening_position", 4, [told | {"file": "2011-01-01/OPENING.csv", "value": 200_000}])
    tell(home, 3, closed(300, 100))
    restated(4, home, 400, own_store_rate=600, annual_volume_tier=200)
    assert causes(explained(home, ADJUSTMENT, 4)) == [("opening positions that came or changed", 400)]


def test_a_change_of_an_account_is_told_with_the_record_it_moves(home: Home) -> None:
    own = {"contract": "C3-UNI-ALUMNI", "term": "volume_rate", "clause": "3", "account_id": "A7"}
    write(home, "rated", 1, [rated(1, 100_000, selector="STANDARD_0.0050", **own)])
    write(
        home,
        "rated",
        4,
        [rated(1, -100_000, selector="STANDARD_0.0050", **own), rated(1, 100_000, selector="STUDENT_0.0030", **own)],
    )
    event = {
        "file": "2011-01-01/ACC.csv",
        "record": 9,
        "event": "SNAPSHOT",
        "account_id": "A7",
        "account_class": "STUDENT",
    }
    write(home, "account_event", 4, [event, event | {"record": 10, "account_id": "A8"}])
    common = {"contract": "C3-UNI-ALUMNI"}
    tell(
        home,
        3,
        [
            line("volume_rate", 500, state="CLOSED", **common),
            line("carry_out", 500, "ALMA-MATER", state="CLOSED", **common),
        ],
    )
    adjustment = line("adjustment", -200, period="2011-Q1", adjusts="2010-Q4", **common)
    tell(home, 4, [line("volume_rate", 300, state="RESTATED", **common), adjustment])
    found = explained(home, "C3-UNI-ALUMNI/2011-Q1/adjustment:2010-Q4", 4)
    assert causes(found) == [(f"{BANK} record 1", -200)]
    assert found.correction is not None
    assert [(source.record, source.text) for source in found.correction.causes[0].accounts] == [
        (9, "A7, class STUDENT")
    ]


def test_another_version_of_the_contract_is_a_cause_before_what_came_since(home: Home) -> None:
    folder = home.config / "contracts" / "harbor-retail"
    read = (folder / "2009-01-01.toml").read_text(encoding="utf-8")
    text = "examples = []\n" + read.partition("[[examples]]")[0]
    (folder / "2010-10-01.toml").write_text(text.replace("\nrate = 0.0030", "\nrate = 0.0050"), encoding="utf-8")
    new = {"version": date(2010, 10, 1)}
    write(home, "rated", 1, volume(1, 100_000))
    write(home, "rated", 4, [*volume(1, -100_000), *volume(1, 100_000, **new), *volume(2, 10_000, **new)])
    tell(home, 3, closed(300, 100))
    restated(4, home, 400, own_store_rate=550, annual_volume_tier=110)
    assert causes(explained(home, ADJUSTMENT, 4)) == [
        ("contracts/harbor-retail/2010-10-01.toml in place of contracts/harbor-retail/2009-01-01.toml", 200),
        (f"{BANK} record 2", 60),
    ]


def test_a_later_version_of_a_month_s_profit_is_one_cause(home: Home) -> None:
    own = {"term": "profit_share", "clause": "4"}
    write(
        home,
        "rated",
        1,
        [rated(7, 5_000_000, selector="2010-12.v1", **own), rated(8, -500_000, selector="2010-12.v1", **own)],
    )
    taken = [rated(7, -5_000_000, selector="2010-12.v1", **own), rated(8, 500_000, selector="2010-12.v1", **own)]
    write(home, "rated", 4, [*taken, rated(3, 4_000_000, selector="2010-12.v2", file="2011-01-01/PNL.csv", **own)])
    lines = [row | {"amount_minor": 1_000_000} if row["term"] == "profit_share" else row for row in closed(0)]
    tell(home, 3, lines)
    restated(4, home, 1_000_000, profit_share=800_000)
    assert causes(explained(home, ADJUSTMENT, 4)) == [("profit and loss of 2010-12", -200_000)]


def test_what_the_home_does_not_tell_is_told_as_such(home: Home) -> None:
    write(home, "rated", 1, volume(1, 100_000))
    tell(home, 3, closed(299, 100))
    restated(4, home, 399, own_store_rate=300, annual_volume_tier=100)
    text = "what the home keeps does not tell this part: its contract files are not those it was stated by"
    assert causes(explained(home, ADJUSTMENT, 4)) == [(text, 1)]


def test_a_term_is_told_by_the_facts_that_it_rests_on_alone(home: Home) -> None:
    write(home, "rated", 1, volume(1, 100_000))
    elsewhere = rated(5, 900_000, term="elsewhere_rate", clause="2")
    write(home, "rated", 4, [*volume(2, 10_000), elsewhere])
    tell(home, 3, closed(300, 100))
    restated(4, home, 400, own_store_rate=330, annual_volume_tier=110, elsewhere_rate=7_200)
    assert causes(explained(home, f"{C2}/2010-Q4/own_store_rate", 4, limit=1)) == [(f"{BANK} record 2", 30)]


def test_an_account_whose_day_came_without_a_night_was_stated_and_corrects_nothing(home: Home) -> None:
    own = {"contract": "C3-UNI-ALUMNI"}
    account = rated(None, 1, file=None, account_id="A7", term="opening_bounty", unit="accounts", **own)
    late = rated(1, 100_000, term="volume_rate", clause="3", selector="STANDARD_0.0050", **own)
    write(home, "rated", 4, [account, late])
    # The night after the quarter's last day states it as of that day, and corrects it at once.
    state = own | {"state": "CLOSED"}
    stated = payout(
        night(3),
        [
            line("opening_bounty", 100, **state),
            line("volume_rate", 0, **state),
            line("carry_out", 100, "ALMA-MATER", **state),
        ],
    )
    corrected = payout(
        night(4),
        [
            line("volume_rate", 500, state="RESTATED", **own),
            line("adjustment", 500, period="2011-Q1", adjusts="2010-Q4", **own),
        ],
    )
    write(home, "payout", 4, [*stated.rows(named=True), *corrected.rows(named=True)])
    assert causes(explained(home, "C3-UNI-ALUMNI/2011-Q1/adjustment:2010-Q4", 4)) == [(f"{BANK} record 1", 500)]
    bounty = explained(home, "C3-UNI-ALUMNI/2010-Q4/opening_bounty", 4)
    assert [(one.account_id, one.quantity) for one in bounty.contributions] == [("A7", 1)]


@pytest.mark.parametrize("seed", [1, 4])
def test_in_any_history_causes_make_up_every_correction(seed: int, tmp_path: Path) -> None:
    home, nights = Home(root=tmp_path / "home"), RandomHistory(seed).nights
    shutil.copytree(
        contracts_folder(), home.config / "contracts", ignore=shutil.ignore_patterns("programme.toml", "partners.toml")
    )
    write_rated(home, nights)
    seen = 0
    for then in nights:
        rows = store.read_table(home, "payout", then.day).filter(
            (pl.col("state") == "RESTATED") | pl.col("adjusts").is_not_null()
        )
        for row in rows.unique(["contract", "period", "term", "adjusts"], maintain_order=True).iter_rows(named=True):
            found = explain_line(home, then.day, address_of(row), limit=2)
            assert found.correction is not None
            assert found.correction.difference == sum(cause.amount_minor for cause in found.correction.causes)
            assert not [cause for cause in found.correction.causes if cause.text.startswith("what the home keeps")]
            assert not row["adjusts"] or found.correction.difference == found.amount_minor
            seen += 1
    assert seen > 10
