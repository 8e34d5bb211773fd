"""Columns that the suites judge but no table holds: differences that must be zero, counts that must agree.

Each function takes the night and the tables by name and gives the rows of one suite. They restate the rules of the
tables in their own words and share no code with the stages that wrote them. An empty value means that the rule does
not apply to the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

from settlement.model.statement_lines import KIND, MOVES

Tables = Mapping[str, pl.DataFrame]

_LOCATOR = ["file", "record"]
# What a transaction tells, or tells instead: a partner may know the member and no card, a network may have no ARN.
_TOLD = (
    ("card_masked", "member_id"),
    ("card_ref",),
    ("arn", "rrn"),
    ("transaction_date",),
    ("order_ref", "member_id"),
)


def clearing(business_date: date, tables: Tables) -> pl.DataFrame:
    """Clearing records with what their total is off by, what a transaction leaves untold, and delays in days."""
    del business_date
    told = pl.when(pl.col("side") == "merchant").then(
        pl.col("tip_minor").fill_null(0) + pl.col("cashback_minor").fill_null(0)
    )
    # A fee collection is between the networks and the issuer: it has no card, no ARN and no date of a purchase.
    transaction = pl.col("kind") != "fee_collection"
    return tables["clearing"].with_columns(
        *(
            (transaction & pl.all_horizontal(pl.col(column, *instead).is_null()))
            .cast(pl.Int64)
            .alias(f"{column}_missing")
            for column, *instead in _TOLD
        ),
        total_off_minor=pl.col("total_minor") - pl.col("amount_minor") - told.otherwise(0),
        cashback_over_minor=pl.when(pl.col("side") == "bank").then(pl.col("cashback_minor") - pl.col("amount_minor")),
        delivered_after_days=(pl.col("delivered_on") - pl.col("posting_date")).dt.total_days(),
        posted_after_days=(pl.col("posting_date") - pl.col("transaction_date")).dt.total_days(),
    )


def account_event(business_date: date, tables: Tables) -> pl.DataFrame:
    """Account events with the days between the dates of an account's life."""
    del business_date
    return tables["account_event"].with_columns(
        activated_after_days=(pl.col("activated_on") - pl.col("opened_on")).dt.total_days(),
        closed_after_days=(pl.col("closed_on") - pl.col("opened_on")).dt.total_days(),
        statements_without_balance=(
            (pl.col("event") == "STATEMENT") & pl.col("statement_balance_minor").is_null()
        ).cast(pl.Int64),
    )


def statement_entry(business_date: date, tables: Tables) -> pl.DataFrame:
    """Bank statement entries with the days from booking to value."""
    del business_date
    return tables["statement_entry"].with_columns(
        value_after_days=(pl.col("value_on") - pl.col("booked_on")).dt.total_days()
    )


def match(business_date: date, tables: Tables) -> pl.DataFrame:
    """Matches with what their members say of residual and cardinality."""
    del business_date
    bank = pl.col("side") == "bank"
    sums = (
        tables["match_member"]
        .group_by("match_id")
        .agg(
            bank_minor=pl.col("amount_minor").filter(bank).sum(),
            merchant_minor=pl.col("amount_minor").filter(~bank).sum(),
            bank_rows=bank.sum().cast(pl.Int64),
            merchant_rows=(~bank).sum().cast(pl.Int64),
        )
    )
    one, many = pl.lit("1"), pl.lit("N")
    shape = pl.concat_str(
        pl.when(pl.col("bank_rows") == 1).then(one).when(pl.col("bank_rows") > 1).then(many).otherwise(pl.lit("0")),
        pl.lit(":"),
        pl.when(pl.col("merchant_rows") == 1)
        .then(one)
        .when(pl.col("merchant_rows") > 1)
        .then(many)
        .otherwise(pl.lit("0")),
    )
    difference = pl.col("merchant_minor") - pl.col("bank_minor")
    exact = pl.col("kind").is_in(["EXACT", "DATE_SHIFT"])
    return (
        tables["match"]
        .join(sums, on="match_id", how="left")
        .with_columns(
            exact_residual_minor=pl.when(exact).then(pl.col("residual_minor")),
            residual_off_minor=(difference - pl.col("residual_minor")).fill_null(1),
            cardinality_wrong=(pl.col("cardinality") != shape).fill_null(value=True).cast(pl.Int64),
            unexplained_difference=((pl.col("kind") == "AMOUNT_DIFF") & (pl.col("residual_reason").is_null())).cast(
                pl.Int64
            ),
        )
    )


def match_member(business_date: date, tables: Tables) -> pl.DataFrame:
    """Members with the leg of their match."""
    del business_date
    return tables["match_member"].join(tables["match"].select("match_id", "leg"), on="match_id", how="left")


def open_item(business_date: date, tables: Tables) -> pl.DataFrame:
    """Open items with what their age is off by, and whether the same record is matched on the same leg."""
    matched = match_member(business_date, tables).select("leg", *_LOCATOR).unique().with_columns(also_matched=1)
    return (
        tables["open_item"]
        .join(matched, on=["leg", *_LOCATOR], how="left")
        .with_columns(
            pl.col("also_matched").fill_null(0).cast(pl.Int64),
            age_off_days=pl.col("age_days") - (pl.lit(business_date) - pl.col("opened_on")).dt.total_days(),
        )
    )


def cash_tie(business_date: date, tables: Tables) -> pl.DataFrame:
    """Cash ties with what their difference is off by, and the difference where the status allows none."""
    del business_date
    difference = pl.col("direction") * (pl.col("amount_minor") - pl.col("expected_minor"))
    return tables["cash_tie"].with_columns(
        diff_off_minor=pl.col("diff_minor") - difference,
        tied_diff_minor=pl.when(pl.col("status") == "TIED").then(pl.col("diff_minor")),
        short_diff_minor=pl.when(pl.col("status") == "SHORT_BY_FEE").then(pl.col("diff_minor")),
        tied_to_nothing=(pl.col("status").is_in(["TIED", "SHORT_BY_FEE"]) & pl.col("ties_to").is_null()).cast(pl.Int64),
    )


def rated(business_date: date, tables: Tables) -> pl.DataFrame:
    """Rated quantities with whether file and record stand together."""
    del business_date
    return tables["rated"].with_columns(
        locator_torn=(pl.col("file").is_null() != pl.col("record").is_null()).cast(pl.Int64)
    )


def payout(business_date: date, tables: Tables) -> pl.DataFrame:
    """Statement lines with what the statement they stand in does not add up by.

    Of each contract and period, leaving aside what is told only (restated, parked): the shares add up to the terms, and
    what comes in (share, converted share, or the terms where there is no share; carry; recoupment, tax, hold) goes out
    (payout, carry).
    """
    lines = tables["payout"].filter(~pl.col("state").is_in(["RESTATED", "PARKED"]))
    statement = ["contract", "period"]
    between = tuple(MOVES)
    kinds = ("share", "share_converted", "carry_in", *between, "payout", "carry_out")
    sums = lines.group_by(statement).agg(
        pl.col("amount_minor").filter(pl.col("beneficiary").is_null()).sum().alias("terms"),
        pl.col("term").is_in(["share"]).any().alias("has_share"),
        pl.col("term").is_in(["share_converted"]).any().alias("has_converted"),
        *(pl.col("amount_minor").filter(KIND.eq(kind)).sum().alias(f"{kind}_minor") for kind in kinds),
    )
    earned = (
        pl.when("has_converted").then("share_converted_minor").when("has_share").then("share_minor").otherwise("terms")
    )
    came = earned + pl.col("carry_in_minor") + pl.sum_horizontal(f"{move}_minor" for move in between)
    went = pl.col("payout_minor", "carry_out_minor")
    checks = sums.select(
        *statement,
        split_off_minor=pl.when("has_share").then(pl.col("share_minor") - pl.col("terms")).otherwise(0),
        statement_off_minor=came - pl.sum_horizontal(went),
    )
    return (
        tables["payout"]
        .join(checks, on=statement, how="left")
        .with_columns(
            paid_minor=pl.when(pl.col("term") == "payout").then(pl.col("amount_minor")),
            known_off_days=(pl.col("as_of") - pl.lit(business_date)).dt.total_days(),
        )
    )


def trial_balance(business_date: date, tables: Tables) -> pl.DataFrame:
    """Accounts with what their balance is off by, and what all accounts of their currency sum to."""
    del business_date
    net = pl.col("debit_minor") - pl.col("credit_minor")
    return tables["trial_balance"].with_columns(
        balance_off_minor=pl.col("balance_minor") - net, currency_sum_minor=net.sum().over("currency")
    )
