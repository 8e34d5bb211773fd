"""Bank statement entries tied to the files and batches whose settlement they pay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from settlement.match.rules import CashRule
from settlement.model.clearing import CashStatus, Fate
from settlement.model.tables import TABLES

_ENTRY = ["camt_file", "entry"]


def cash_ties(
    rules: Sequence[CashRule], tables: Mapping[str, pl.DataFrame], history: Mapping[str, pl.LazyFrame]
) -> pl.DataFrame:
    """Judge tonight's bank entries, and those of earlier nights whose file was still to come.

    An entry of an earlier night appears again only when its result has changed. The difference is what the bank
    moved minus what the file gives, both signed towards our account; a file counts once it is accepted.
    """
    tonight = tables["statement_entry"].with_columns(pl.lit(None, pl.String).alias("judged"))
    entries = pl.concat([tonight, _pending(history)])
    named = [_tied(rule, entries, _settled_files(rule, tables["file"], history["file"])) for rule in rules]
    tied = pl.concat([_untied(entries.clear()), *named])
    unknown = entries.join(tied.select("file", "record"), on=["file", "record"], how="anti")
    judged = pl.concat([_judged(tied, rules), _judged(_untied(unknown), rules)])
    changed = judged.filter(pl.col("judged").is_null() | (pl.col("judged") != pl.col("status")))
    return (
        changed.rename({"file": "camt_file", "record": "entry"})
        .select(TABLES["cash_tie"].schema.names())
        .sort("camt_file", "entry")
    )


def _pending(history: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    """Entries of earlier nights whose latest result is that their file is still to come."""
    latest = (
        history["cash_tie"]
        .sort("business_date", *_ENTRY)
        .group_by(_ENTRY)
        .agg(pl.col("status").last().alias("judged"))
        .filter(pl.col("judged") == CashStatus.FILE_PENDING)
        .rename({"camt_file": "file", "entry": "record"})
    )
    columns = [*TABLES["statement_entry"].schema.names(), "judged"]
    return history["statement_entry"].join(latest, on=["file", "record"], how="inner").select(columns).collect()


def _settled_files(rule: CashRule, tonight: pl.DataFrame, earlier: pl.LazyFrame) -> pl.DataFrame:
    """Accepted files under the text by which the bank names them; the first where several share it."""
    text = pl.col("payout_text") if rule.ties_by == "payout_text" else pl.col("file").str.replace(r"^[^/]*/", "")
    columns = ["file", "net_settlement_minor", "net_settlement_currency"]
    files = pl.concat([tonight.lazy(), earlier.select(tonight.columns)]).filter(
        (pl.col("fate") == Fate.ACCEPTED) & pl.col("net_settlement_minor").is_not_null()
    )
    return (
        files.select(text.alias("text"), *columns)
        .drop_nulls("text")
        .sort("file")
        .unique("text", keep="first")
        .rename({"file": "ties_to"})
        .collect()
    )


def _tied(rule: CashRule, entries: pl.DataFrame, files: pl.DataFrame) -> pl.DataFrame:
    """The entries of one transaction code with the file they name, if it is there."""
    remittance = pl.col("remittance").str.strip_prefix(rule.text_prefix)
    text = remittance if rule.ties_by == "payout_text" else pl.coalesce("end_to_end_id", remittance)
    named = entries.filter(pl.col("code") == rule.code).with_columns(text.alias("text"))
    return named.join(files, on="text", how="left").drop("text")


def _untied(entries: pl.DataFrame) -> pl.DataFrame:
    return entries.with_columns(
        pl.lit(None, pl.String).alias("ties_to"),
        pl.lit(None, pl.Int64).alias("net_settlement_minor"),
        pl.lit(None, pl.String).alias("net_settlement_currency"),
    )


def _judged(entries: pl.DataFrame, rules: Sequence[CashRule]) -> pl.DataFrame:
    fees = {(rule.code, currency): fee for rule in rules for currency, fee in rule.most_fee_minor.items()}
    bounds = pl.DataFrame(
        {
            "code": [code for code, _ in fees],
            "currency": [currency for _, currency in fees],
            "most_fee_minor": list(fees.values()),
        },
        schema={"code": pl.String, "currency": pl.String, "most_fee_minor": pl.Int64},
    )
    same_currency = pl.col("currency") == pl.col("net_settlement_currency")
    difference = pl.col("direction") * pl.col("amount_minor") - pl.col("net_settlement_minor")
    known = [rule.code for rule in rules]
    return (
        entries.join(bounds, on=["code", "currency"], how="left")
        .with_columns(
            pl.when(same_currency).then(pl.col("net_settlement_minor").abs()).alias("expected_minor"),
            pl.when(same_currency).then(difference).alias("diff_minor"),
        )
        .with_columns(
            pl.when(~pl.col("code").is_in(known))
            .then(pl.lit(CashStatus.UNEXPLAINED))
            .when(pl.col("ties_to").is_null())
            .then(pl.lit(CashStatus.FILE_PENDING))
            .when(pl.col("diff_minor") == 0)
            .then(pl.lit(CashStatus.TIED))
            .when((pl.col("diff_minor") < 0) & (-pl.col("diff_minor") <= pl.col("most_fee_minor")))
            .then(pl.lit(CashStatus.SHORT_BY_FEE))
            .otherwise(pl.lit(CashStatus.DIFFERS))
            .alias("status")
        )
        .drop("most_fee_minor")
    )
