"""Laws of the stage: order does not matter, runs repeat, contributions add up, nothing is rated twice."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from rate.histories import Night, RandomHistory, contract_documents, joined, rate_history, tables_of

from settlement.errors import TerminalError
from settlement.model.contract_measures import ACCOUNTS_UNIT
from settlement.model.stage import StageInput
from settlement.model.tables import TABLES
from settlement.rate import night as rate

SEEDS = (3, 11, 19)
KEY = [name for name in TABLES["rated"].schema if name != "quantity"]


@cache
def told(seed: int) -> list[dict[str, pl.DataFrame]]:
    """What each night of a random history gives."""
    return rate_history(RandomHistory(seed).nights)


def backwards(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.reverse()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    nights = RandomHistory(seed).nights
    for straight, reversed_ in zip(told(seed), rate_history(nights, arrange=backwards), strict=True):
        for table in ("rated", "payout"):
            assert_frame_equal(straight[table], reversed_[table])


@pytest.mark.parametrize("seed", SEEDS)
def test_contributions_of_all_nights_add_up_to_those_of_one_evaluation(seed: int) -> None:
    nights = RandomHistory(seed).nights
    by_night = pl.concat([output["rated"] for output in told(seed)])
    added = by_night.group_by(KEY).agg(pl.col("quantity").sum()).filter(pl.col("quantity") != 0)
    at_once = Night(day=nights[-1].day)
    for night in nights:
        for table, rows in night.rows.items():
            at_once.rows.setdefault(table, []).extend(rows)
    empty = {name: TABLES[name].empty().with_columns(business_date=pl.lit(None, pl.Date)) for name in TABLES}
    inputs = StageInput(
        business_date=at_once.day,
        unit="all",
        documents=contract_documents(),
        tables=tables_of(at_once),
        history={name: frame.lazy() for name, frame in empty.items()},
    )
    once = rate.run(inputs).tables["rated"]
    assert_frame_equal(added.select(once.columns), once, check_row_order=False)


@pytest.mark.parametrize("seed", [5, 11])
def test_no_term_pays_twice_for_one_event(seed: int) -> None:
    by_night = pl.concat([output["rated"] for output in told(seed)])
    net = by_night.group_by(KEY).agg(pl.col("quantity").sum()).filter(pl.col("quantity") != 0)
    records = net.filter(pl.col("file").is_not_null()).group_by("term", "file", "record").len()
    # An account counts once for ever, and for one of two bounties where one stands in the other's place.
    accounts = net.filter(pl.col("unit") == ACCOUNTS_UNIT).group_by("term", "account_id").agg(pl.col("quantity").sum())
    replaced = pl.col("term").is_in(["opening_bounty", "gip_bounty"])
    bounties = accounts.filter(replaced).group_by("account_id").agg(pl.col("quantity").sum())
    assert set(records["len"]) == {1}
    assert set(accounts["quantity"]) == set(bounties["quantity"]) == {1}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_records_behind_a_term_add_up_to_its_quantities(seed: int) -> None:
    nights = RandomHistory(seed).nights
    outputs = told(seed)
    rated = pl.concat([output["rated"] for output in outputs])
    last = outputs[-1]["payout"].filter(pl.col("state") != "RESTATED")
    opening = {row["item"]: row["value"] for row in nights[0].rows.get("opening_position", [])}
    for term, measure, item in (
        ("own_store_rate", "own_volume", "quarter_own_volume"),
        ("elsewhere_rate", "elsewhere_volume", "quarter_elsewhere_volume"),
    ):
        row = last.row(by_predicate=(pl.col("term") == term) & (pl.col("as_of") == nights[-1].day), named=True)
        records = rated.filter(term=term, period=row["period"])["quantity"].sum()
        opens = period_opens(row["period"], nights[0].day)
        assert row["quantities"] == f"{measure}={records + (opening.get(item, 0) if opens else 0)}"


def period_opens(period: str, day: date) -> bool:
    return period == f"{day.year}-Q{(day.month + 2) // 3}"


@pytest.mark.parametrize("seed", SEEDS)
def test_every_balance_goes_out_as_it_came_in_less_what_is_paid(seed: int) -> None:
    for output in told(seed):
        lines = output["payout"].filter(pl.col("state") != "RESTATED")
        for key, rows in lines.group_by("as_of", "contract"):
            total = rows.filter(pl.col("beneficiary").is_null())["amount_minor"].sum()
            sums = dict(
                rows.filter(pl.col("beneficiary").is_not_null())
                .group_by("term")
                .agg(pl.sum("amount_minor"))
                .iter_rows()
            )
            assert sums.get("share", total) == total, key
            earned = sums.get("share_converted", total) + sums["carry_in"] + sums.get("recouped", 0)
            assert earned == sums["payout"] + sums["carry_out"], key


@pytest.mark.parametrize("seed", SEEDS)
def test_an_advance_is_recouped_out_of_what_is_above_zero_and_never_twice(seed: int) -> None:
    nights = RandomHistory(seed).nights
    payouts = pl.concat([output["payout"] for output in told(seed)])
    opening = [row["value"] for row in nights[0].rows["opening_position"] if row["item"] == "advance_unrecouped"]
    recouped = payouts.filter((pl.col("term") == "recouped") & (pl.col("state") == "CLOSED")).sort("as_of")
    left = opening[-1] if opening else 0
    for row in recouped.iter_rows(named=True):
        assert row["quantities"] == f"unrecouped_before={left};unrecouped_after={left + row['amount_minor']}"
        left += row["amount_minor"]
        assert row["amount_minor"] <= 0 <= left


def test_a_record_of_a_class_without_a_rate_is_named() -> None:
    night = Night(day=date(2010, 12, 29))
    opened = night.day - timedelta(days=500)
    account = {"account_id": "A1", "programme": "UNI", "account_class": "GOLD", "opened_on": opened}
    night.add("account_event", event="SNAPSHOT", effective_on=night.day, **account)
    night.add("enrolment", card_ref="c1", account_id="A1", programme="UNI", valid_from=opened)
    told = {"side": "bank", "kind": "purchase", "direction": 1, "card_ref": "c1", "currency": "USD", "amount_minor": 5}
    row = night.add("clearing", **told, posting_date=night.day, transaction_date=night.day)
    night.add("match", match_id="m", leg="MERCHANT")
    night.add("match_member", match_id="m", side="bank", file=row["file"], record=row["record"])
    with pytest.raises(
        TerminalError, match=r"clause 3 \(volume_rate\) has no rate for account class GOLD on 2010-12-29"
    ):
        rate_history([night])


def test_a_record_without_the_date_that_picks_its_price_is_named() -> None:
    night = Night(day=date(2010, 12, 29))
    opened = night.day - timedelta(days=500)
    night.add("account_event", event="SNAPSHOT", effective_on=night.day, account_id="A1", programme="AIR")
    night.add("enrolment", card_ref="c1", account_id="A1", programme="AIR", valid_from=opened)
    told = {"side": "bank", "kind": "purchase", "direction": 1, "card_ref": "c1", "currency": "USD"}
    row = night.add("clearing", **told, amount_minor=500, posting_date=night.day, transaction_date=None)
    night.add("match", match_id="m", leg="MERCHANT")
    night.add("match_member", match_id="m", side="bank", file=row["file"], record=row["record"])
    with pytest.raises(
        TerminalError, match=r"clause 1 \(miles_purchase\): record 1 of .* has no date that picks its price"
    ):
        rate_history([night])


def test_a_night_without_contracts_rates_nothing() -> None:
    (output,) = rate_history([Night(day=date(2010, 12, 29))], documents={})
    assert output["rated"].is_empty()
    assert output["payout"].is_empty()


def test_a_contract_that_is_not_in_force_yet_rates_nothing() -> None:
    path = "contracts/alma-mater/2009-01-01.toml"
    documents = {path.replace("2009", "2011"): contract_documents()[path]}
    early, late = rate_history([Night(day=date(2010, 12, 31)), Night(day=date(2011, 1, 1))], documents=documents)
    assert early["payout"].is_empty()
    assert set(late["payout"]["period"]) == {"2011-Q1"}


def test_a_contract_that_was_stated_cannot_just_go() -> None:
    first, second, *_ = RandomHistory(SEEDS[0]).nights
    known = tables_of(first) | rate_history([first])[0]
    day = pl.lit(first.day, pl.Date).alias("business_date")
    inputs = StageInput(
        business_date=second.day,
        unit="all",
        documents={source: text for source, text in contract_documents().items() if "alma-mater" not in source},
        tables=tables_of(second),
        history={name: joined(name, [frame.with_columns(day)]).lazy() for name, frame in known.items()},
    )
    with pytest.raises(TerminalError, match="C3-UNI-ALUMNI has statements of earlier nights"):
        rate.run(inputs)
