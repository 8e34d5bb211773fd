"""What each record gives: units, limits by account and commissions beside plain loops, and exact products."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rate.histories import RandomHistory, rate_history
from rate.random_terms import HEAD, ROUNDING
from rate.test_contract_file import refusal

from settlement.model.contract_measures import AccountLimit, UnitMeasure
from settlement.model.contract_terms import RecordRateTerm, Scope, TermRounding
from settlement.model.money import Rounding, round_fraction
from settlement.rate.forms import illustrate, of_record
from settlement.rate.per_record import LIMIT, commissions, limited, times, units

SEEDED = settings(derandomize=True, deadline=None)
AMOUNTS = st.one_of(st.integers(-300, 300), st.integers(-(2**63) + 1, 2**63 - 1))
RATES = st.fractions(min_value=-1, max_value=1, max_denominator=10**9)
TERM = RecordRateTerm(
    form="record_rate",
    id="commission",
    clause="1",
    measure="volume",
    rate=Decimal("0.0060"),
    taken_back="what_is_left_gives_less",
    rounding=TermRounding(unit="minor", mode=Rounding.HALF_AWAY, scope=Scope.RECORD),
    most=Decimal("80.00"),
)


@SEEDED
@given(amounts=st.lists(AMOUNTS, max_size=20), rate=RATES, mode=st.sampled_from(list(Rounding)))
def test_products_are_exact_at_any_size(amounts: list[int], rate: Fraction, mode: Rounding) -> None:
    found = pl.DataFrame({"a": amounts}, schema={"a": pl.Int64}).select(times(pl.col("a"), rate, mode))["a"]
    assert found.to_list() == [round_fraction(amount * rate, mode) for amount in amounts]


@pytest.mark.parametrize("mode", list(Rounding))
def test_halves_go_where_the_mode_says(mode: Rounding) -> None:
    amounts = pl.DataFrame({"a": [-5, -3, -1, 0, 1, 3, 5]})
    found = amounts.select(times(pl.col("a"), Fraction(1, 2), mode))["a"].to_list()
    assert found == [round_fraction(Fraction(amount, 2), mode) for amount in amounts["a"].to_list()]


def measure(per: str, most: int | None) -> UnitMeasure:
    return UnitMeasure(
        type="units",
        clause="1",
        of="volume",
        unit="miles",
        per=Decimal(per),
        blocks="whole_per_record",
        most_a_record=most,
    )


@SEEDED
@given(
    amounts=st.lists(st.integers(-(10**6), 10**6), max_size=20),
    per=st.sampled_from(["0.01", "1.00", "2.50"]),
    most=st.sampled_from([None, 0, 7, 600]),
)
def test_a_record_counts_for_whole_units(amounts: list[int], per: str, most: int | None) -> None:
    rows = pl.DataFrame({"quantity": amounts}, schema={"quantity": pl.Int64}).with_columns(before_minor=0)
    block = int(Decimal(per) * 100)
    expected = []
    for amount in amounts:
        count = abs(amount) // block
        count = count if most is None else min(count, most)
        expected.append(count if amount > 0 else -count)
    assert units(rows, measure(per, most), "USD")["quantity"].to_list() == expected


@SEEDED
@given(
    accounts=st.dictionaries(
        st.tuples(st.sampled_from("AB"), st.sampled_from(["p", "q"])), st.integers(-2_000, 2_000), max_size=4
    )
)
def test_a_limit_holds_by_account_and_period(accounts: dict[tuple[str, str], int]) -> None:
    told = [(account, period, units) for (account, period), units in accounts.items()]
    schema = {"account_id": pl.String, "period": pl.String, "units": pl.Int64}
    found = limited(pl.DataFrame(told, schema=schema, orient="row"), AccountLimit(least=0, most=1000, window="period"))
    assert found["file"].null_count() == found.height
    rest = {key: max(0, min(1000, units)) - units for key, units in accounts.items()}
    expected = {key: units for key, units in rest.items() if units}
    assert {(row["account_id"], row["period"]): row["quantity"] for row in found.iter_rows(named=True)} == expected


LIMITED = """
[measures.few]
type = "units"
clause = "1"
of = "volume"
unit = "FEW"
per = 1.00
blocks = "whole_per_record"
account_limit = { least = 0, most = 60, window = "period" }

[[terms]]
id = "priced"
form = "unit_price"
clause = "1"
measure = "few"
quantity = "few"
rate_date = { purchase = "posting_date", negative = "posting_date", refund_without_purchase = "posting_date" }
opening_rate_date = "first_night"
prices = [{ price = 0.03 }]
ROUNDING

[[terms]]
id = "bracketed"
form = "tiers"
clause = "1"
method = "marginal"
base = { of = ["few"], window = "period", counts = "count" }
less = "nothing"
below_zero = "first_rate"
tiers = [{ from = 0, price = 0.03 }]
ROUNDING

[[terms]]
id = "beside"
form = "minimum_purchase"
clause = "1"
of = ["few", "miles"]
window = "period"
checkpoint = "close_of_last_period"
least = 1_000_000
price = 0.03
ROUNDING
"""


def test_a_limit_holds_in_every_form_that_counts_the_units_night_by_night() -> None:
    source, text = "contracts/partner/2009-01-01.toml", "examples = []\n" + HEAD + LIMITED.replace("ROUNDING", ROUNDING)
    reached = False
    for night in rate_history(RandomHistory(3).nights, {source: text}):
        rated = night["rated"].filter(pl.col("unit") == "FEW").group_by("term", "period").agg(pl.col("quantity").sum())
        sums = {term: rated.filter(pl.col("term") == term).drop("term").sort("period").rows() for term in rated["term"]}
        assert sums.get("priced") == sums.get("bracketed") == sums.get("beside")
        told = {(row["term"], row["period"]): row for row in night["payout"].iter_rows(named=True)}
        for term, period in told:
            if term == "priced":
                assert told["bracketed", period]["amount_minor"] == told[term, period]["amount_minor"]
        reached |= not night["rated"].filter(pl.col("selector") == LIMIT).is_empty()
    assert reached


def test_two_limits_in_one_term_are_refused() -> None:
    text = "examples = []\n" + HEAD + LIMITED.replace("ROUNDING", ROUNDING)
    more = LIMITED[: LIMITED.index("[[terms]]")].replace("few]", "fewer]")
    text = text.replace('["few", "miles"]', '["few", "fewer"]') + more
    sentence = refusal({"contracts/partner/2009-01-01.toml": text})
    assert sentence.endswith("`few` and `fewer` limit an account each; name one of them only.")


def records(rows: list[tuple[str, int, int | None]]) -> tuple[pl.DataFrame, dict[str, Any]]:
    schema = {
        "file": pl.String,
        "record": pl.Int64,
        "kind": pl.String,
        "posting_date": pl.Date,
        "quantity": pl.Int64,
        "before_minor": pl.Int64,
        "origin_file": pl.String,
        "origin_record": pl.Int64,
    }
    day = date(2011, 1, 1)
    told = [
        ("f", at, kind, day, amount, 0, None if origin is None else "f", origin)
        for at, (kind, amount, origin) in enumerate(rows)
    ]
    return pl.DataFrame(told, schema=schema, orient="row"), schema


@SEEDED
@given(data=st.data(), bought=st.lists(st.integers(1, 5_000_000), min_size=1, max_size=4))
def test_what_is_taken_back_is_what_is_left_gives_less(data: st.DataObject, bought: list[int]) -> None:
    negative = st.tuples(st.integers(0, len(bought) - 1) | st.none(), st.integers(1, 2_000_000))
    back = data.draw(st.lists(negative, max_size=8))
    rows, _ = records(
        [("purchase", amount, None) for amount in bought] + [("refund", -amount, origin) for origin, amount in back]
    )
    order = data.draw(st.permutations(range(rows.height)))
    purchases = rows.filter(pl.col("kind") == "purchase").rename({"quantity": "net_minor"})
    found = commissions(rows[order], purchases, TERM, "CNY").sort("record")["quantity"].to_list()
    left = dict(enumerate(bought))
    expected = [of_record(TERM, "CNY", amount) for amount in bought]
    for origin, amount in back:
        if origin is None:
            expected.append(-of_record(TERM, "CNY", amount))
            continue
        expected.append(of_record(TERM, "CNY", left[origin] - amount) - of_record(TERM, "CNY", left[origin]))
        if left[origin]:
            example = {"amount": -amount, "left_of_purchase": left[origin]}
            assert illustrate(TERM, "CNY", example) == expected[-1]
        left[origin] -= amount
    assert found == expected


def test_all_refunds_of_a_purchase_together_take_back_what_it_gave() -> None:
    rows, _ = records([("purchase", 2_000_000, None), *[("refund", -500_000, 0)] * 4])
    found = commissions(rows, rows.head(1).rename({"quantity": "net_minor"}), TERM, "CNY")["quantity"].to_list()
    assert found == [8_000, 0, -2_000, -3_000, -3_000]


def test_sums_of_what_takes_back_are_exact_up_to_64_bits_and_refused_beyond() -> None:
    most = 2**63 - 1
    rows, _ = records([("purchase", most, None), *[("refund", -(2**62), 0)] * 3])
    bought = rows.head(1).rename({"quantity": "net_minor"})
    found = commissions(rows, bought, TERM, "CNY")["quantity"].to_list()
    left = [most - number * 2**62 for number in range(4)]
    takes = [of_record(TERM, "CNY", after) - of_record(TERM, "CNY", before) for before, after in pairwise(left)]
    assert found == [of_record(TERM, "CNY", most), *takes]
    beyond, _ = records([("purchase", most, None), *[("refund", -(2**62), 0)] * 5])
    with pytest.raises(pl.exceptions.InvalidOperationError, match="conversion from `i128` to `i64` failed"):
        commissions(beyond, bought, TERM, "CNY")
