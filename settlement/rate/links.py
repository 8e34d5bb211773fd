"""Which clearing records count, and which purchase a negative event refers to.

A purchase counts once it is reconciled: it belongs to a match with the merchant side. A negative event counts once it
is reconciled and the purchase it refers to counts:

- a reversal or chargeback repeats the ARN of its purchase, or its RRN where the network has no ARN;
- a reversal or chargeback that charges the cardholder takes back a refund: it repeats the refund's ARN or RRN, counts
  once that refund counts, and refers to the refund's purchase;
- a refund has an ARN of its own, but the merchant-side record that it is matched with names the sale, and the match of
  that sale names the purchase;
- a second presentment, or the reversal of a chargeback, repeats the reference of a chargeback that counts, and counts
  with it, reconciled or not: no merchant tells of it. It refers to what that chargeback refers to;
- a refund whose merchant-side record names no sale refers to no purchase, and counts by itself. An acquirer's refund
  repeats its own reference as that of the sale; where no sale carries it, it names none. A refund that names another
  order waits until that order has come.

The ARN is no unique key, and a sale may have been cleared in parts: among several purchases the one of the same card
comes first, then a reconciled one, then one of the same amount, then the earliest by posting date, file and record.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from settlement.model.contract_measures import Negative
from settlement.rate.disputes import AMOUNT, DISPUTED, RESTORING, in_dispute

LOCATOR: Final = ["file", "record"]
MERCHANT_LEG: Final = "MERCHANT"
NEGATIVES: Final = [kind.value for kind in Negative]
KINDS: Final = ["purchase", *NEGATIVES, *RESTORING]
"""The kinds of records that can count."""
ORIGIN: Final = (
    *("origin_file", "origin_record"),
    *("origin_posting_date", "origin_transaction_date", "origin_settlement_date"),
)
"""What a negative event has of the purchase that it refers to."""
REFERENCE: Final = pl.coalesce("arn", "rrn").alias("reference")
_PURCHASE: Final = [
    *(*LOCATOR, "card_ref", REFERENCE, "amount_minor"),
    *("posting_date", "transaction_date", "settlement_date", "reconciled"),
]
_NAMED: Final = [*LOCATOR, "card_ref", REFERENCE, "amount_minor"]

_PURCHASE_ORDER: Final = ["posting_date", "file_of_purchase", "record_of_purchase"]


def counting_records(bank: pl.DataFrame, merchant: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """The bank-side records that count, each negative event with the dates of the purchase it refers to.

    Parameters
    ----------
    bank, merchant:
        Clearing records of each side, of ``KINDS``. The bank's have their locator, kind, direction, amount and
        cash-back, dates and references; the merchant's their locator, kind, feed and orders.
    members:
        ``match_id``, ``side``, ``file`` and ``record`` of the members of matches with the merchant side.

    Returns
    -------
    The counting rows of ``bank`` without ARN and RRN, but with ``ORIGIN``, empty for a purchase and for a refund
    without a purchase, and with ``DISPUTED`` and ``AMOUNT`` as ``in_dispute`` gives them.
    """
    bank, merchant, members = _numbered(bank, merchant, members)
    at_bank, at_merchant = (
        members.lazy().filter(pl.col("side") == side).select("match_id", *LOCATOR).collect()
        for side in ("bank", "merchant")
    )
    bank = bank.with_columns(reconciled=_place(bank).is_in(_place(at_bank).implode()))
    purchase = pl.col("kind") == "purchase"
    negatives = bank.filter(pl.col("kind").is_in(NEGATIVES) & pl.col("reconciled"))
    restoring = bank.filter(pl.col("kind").is_in(RESTORING))
    refunds = _by_order(negatives, bank.lazy().filter(purchase), merchant, (at_bank, at_merchant))
    by_arn = _by_arn(negatives, bank.lazy().filter(purchase))
    linked = pl.concat([by_arn, refunds, _by_refund(negatives, refunds)], how="diagonal")
    counting = [
        bank.lazy().filter(purchase & pl.col("reconciled")).with_columns(_no_origin(bank)),
        negatives.lazy().join(linked.lazy(), on=LOCATOR, how="inner"),
        restoring.lazy().join(_by_chargeback(restoring, negatives, linked).lazy(), on=LOCATOR, how="inner"),
    ]
    counted = pl.concat(counting, how="diagonal").drop("reconciled", "arn", "rrn").collect()
    amount = pl.col("direction") * (pl.col("amount_minor") - pl.col("cashback_minor").fill_null(0))
    named = [pl.col(name).alias(other) for name, other in zip(LOCATOR, DISPUTED, strict=True)]
    disputes = counted.select(DISPUTED).drop_nulls().lazy()
    about = bank.lazy().select(*named, amount.alias(AMOUNT)).join(disputes, on=DISPUTED, how="semi")
    found = in_dispute(counted, about.collect())
    return found.with_columns(pl.col("file", "origin_file", DISPUTED[0]).cast(pl.String))


def _numbered(*frames: pl.DataFrame) -> list[pl.DataFrame]:
    """The frames with the names of files as words of one list, so that records are joined by numbers."""
    files = pl.concat([frame["file"].unique() for frame in frames]).unique().sort()
    return [frame.with_columns(pl.col("file").cast(pl.Enum(files))) for frame in frames]


def _place(rows: pl.DataFrame) -> pl.Series:
    """File and record as one number; a file has fewer than 2**40 records."""
    return rows.select(pl.col("file").to_physical().cast(pl.Int64) * 2**40 + pl.col("record")).to_series()


def _no_origin(bank: pl.DataFrame) -> list[pl.Expr]:
    types = [bank.schema["file"], bank.schema["record"], pl.Date(), pl.Date(), pl.Date()]
    return [pl.lit(None, dtype).alias(name) for name, dtype in zip(ORIGIN, types, strict=True)]


def _by_arn(negatives: pl.DataFrame, purchases: pl.LazyFrame) -> pl.DataFrame:
    """Reversals and chargebacks whose purchase counts, by ARN or RRN: locator and origin."""
    named = negatives.filter((pl.col("kind") != "refund") & (pl.col("direction") < 0)).select(_NAMED)
    known = purchases.select(_PURCHASE)
    found = _first_origin(named.lazy().join(known, on="reference", how="inner", suffix="_of_purchase").collect())
    return found.with_columns(disputed_file="origin_file", disputed_record="origin_record")


def _by_refund(negatives: pl.DataFrame, refunds: pl.DataFrame) -> pl.DataFrame:
    """Reversals and chargebacks of refunds that count, by ARN or RRN: locator, and the origin of the refund."""
    known = negatives.join(refunds, on=LOCATOR, how="semi").select(_PURCHASE)
    named = negatives.filter((pl.col("kind") != "refund") & (pl.col("direction") > 0)).select(_NAMED)
    found = _first_origin(named.join(known, on="reference", how="inner", suffix="_of_purchase"))
    taken_back = found.select(*LOCATOR, disputed_file="origin_file", disputed_record="origin_record")
    origins = refunds.rename(dict(zip(LOCATOR, DISPUTED, strict=True)))
    return taken_back.join(origins, on=DISPUTED).select(*LOCATOR, *ORIGIN, *DISPUTED)


def _by_chargeback(restoring: pl.DataFrame, negatives: pl.DataFrame, linked: pl.DataFrame) -> pl.DataFrame:
    """What gives back that which a chargeback that counts took, by ARN or RRN: locator, and the chargeback's origin."""
    chargebacks = negatives.filter(pl.col("kind") == "chargeback").join(linked, on=LOCATOR, how="semi")
    named = restoring.select([*_NAMED, pl.col("direction")])
    known = chargebacks.select([*_PURCHASE, pl.col("direction")])
    met = named.join(known, on="reference", how="inner", suffix="_of_purchase")
    found = _first_origin(met.filter(pl.col("direction") == -pl.col("direction_of_purchase")))
    answered = found.select(*LOCATOR, chargeback_file="origin_file", chargeback_record="origin_record")
    origins = linked.rename({"file": "chargeback_file", "record": "chargeback_record"})
    return answered.join(origins, on=["chargeback_file", "chargeback_record"]).select(*LOCATOR, *ORIGIN, *DISPUTED)


def _by_order(
    negatives: pl.DataFrame,
    purchases: pl.LazyFrame,
    merchant: pl.DataFrame,
    members: tuple[pl.DataFrame, pl.DataFrame],
) -> pl.DataFrame:
    """Refunds that count, by the sale that their merchant-side record names: locator and origin.

    ``members`` are those of the bank's side and of the merchant's.
    """
    at_bank, at_merchant = members
    refunds = negatives.filter(pl.col("kind") == "refund").select(*LOCATOR, "card_ref", "amount_minor")
    told = (
        refunds.join(at_bank, on=LOCATOR)
        .join(at_merchant, on="match_id", suffix="_told")
        .join(
            merchant.select(*LOCATOR, "feed", "order_ref", "original_ref"),
            left_on=["file_told", "record_told"],
            right_on=LOCATOR,
        )
    )
    sales = (
        merchant.lazy()
        .filter((pl.col("kind") == "purchase") & pl.col("order_ref").is_in(told["original_ref"].unique().implode()))
        .select(pl.col(LOCATOR).name.suffix("_sale"), "feed", original_ref="order_ref")
        .join(told.lazy(), on=["feed", "original_ref"])
        .collect()
    )
    found = (
        sales.join(at_merchant, left_on=["file_sale", "record_sale"], right_on=LOCATOR, suffix="_sale")
        .join(at_bank, left_on="match_id_sale", right_on="match_id", suffix="_of_purchase")
        .lazy()
        .join(
            purchases.select(_PURCHASE),
            left_on=["file_of_purchase", "record_of_purchase"],
            right_on=LOCATOR,
            suffix="_of_purchase",
        )
        .collect()
    )
    names_another = told.filter(pl.col("original_ref") != pl.col("order_ref"))
    alone = (
        refunds.select(LOCATOR)
        .join(pl.concat([names_another.select(LOCATOR), sales.select(LOCATOR)]).unique(), on=LOCATOR, how="anti")
        .with_columns(_no_origin(negatives))
    )
    return pl.concat([_first_origin(found), alone])


def _first_origin(candidates: pl.DataFrame) -> pl.DataFrame:
    """One purchase for each negative event, in the order that the module's text gives; none that does not count."""
    ranked = candidates.with_columns(
        (pl.col("card_ref") != pl.col("card_ref_of_purchase")).fill_null(value=True).alias("other_card"),
        (pl.col("amount_minor") != pl.col("amount_minor_of_purchase")).alias("other_amount"),
    ).sort(
        [*LOCATOR, "other_card", ~pl.col("reconciled"), "other_amount", *_PURCHASE_ORDER],
    )
    return (
        ranked.unique(subset=LOCATOR, keep="first", maintain_order=True)
        .filter("reconciled")
        .select(
            *LOCATOR,
            origin_file="file_of_purchase",
            origin_record="record_of_purchase",
            origin_posting_date="posting_date",
            origin_transaction_date="transaction_date",
            origin_settlement_date="settlement_date",
        )
    )
