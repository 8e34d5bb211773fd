"""The transactions behind a statement: each record that a term counts, with its contribution.

The contributions of a term sum to what the period's records give; an opening position, and what a term makes of its
quantities (a bracket, a limit, a rounding), stand on the statement alone. What is no record of a transaction, such as
an account or a profit line, is told as one line for each term: how many there are and what they come to.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from settlement.errors import TerminalError
from settlement.model.stage import StageInput
from settlement.model.versions import latest
from settlement.pay.contributions import contributions, records_of
from settlement.pay.outgoing_layout import OutgoingLayout, Tag
from settlement.pay.outgoing_lines import header
from settlement.pay.partners import Display, PartnerDirectory, Recipient

_PLACE: Final = ("file", "record")
_OF_TERM: Final = ("clause", "term", "selector", "unit")
_OTHER: Final = "other"
_READ: Final = (
    *("kind", "direction", "amount_minor", "currency", "transaction_date", "merchant_name", "merchant_number"),
    *("order_ref", "arn"),
)


def require_shown(layout: OutgoingLayout, to: Recipient, directory: PartnerDirectory) -> None:
    """Refuse a layout that tells more of cards than the contract's programme grants the partner."""
    programme = "" if to.contract is None else to.contract.programme
    asked = {field.source for field in layout.lines[Tag.DETAIL]} & set(Display)
    for one in sorted(asked - directory.shown(to.partner.id, programme)):
        raise TerminalError(
            f"config/partners.toml: the detail file of {to.partner.id} tells {one}, which no [[grant]] of the "
            f"programme {programme or 'of its contract'} lets it see: take the field out, or add the grant."
        )


def detail_lines(inputs: StageInput, to: Recipient, layout: OutgoingLayout) -> pl.DataFrame:
    """Header, a line for each record and term, and a trailer for each term, selector and unit.

    Amounts are in minor units of the record's currency, signed as the record is; ``quantity`` is the contribution in
    its ``unit``: minor units of a currency, or things. What tells a card is read only where the layout tells it.
    """
    statement = to.statement
    known = contributions(inputs, statement.contract, statement.period).filter(
        pl.col("business_date") <= statement.as_of
    )
    counted = (
        known.group_by(*_OF_TERM, *_PLACE, "account_id")
        .agg(pl.col("quantity").sum())
        .filter((pl.col("quantity") != 0) & ~pl.col("term").is_in(_of_others(to)))
        .drop("account_id")
        .collect()
    )
    shown = sorted({field.source for field in layout.lines[Tag.DETAIL]} & set(Display))
    records = records_of(inputs, counted["file"], *_READ, *shown)
    itemised = counted.join(records, on=_PLACE, how="inner").with_columns(
        amount=pl.col("direction") * pl.col("amount_minor"), count=pl.lit(1, pl.Int64)
    )
    other = (
        counted.join(records, on=_PLACE, how="anti")
        .group_by(_OF_TERM)
        .agg(pl.len().cast(pl.Int64).alias("count"), pl.col("quantity").sum())
        .with_columns(kind=pl.lit(_OTHER))
    )
    found = pl.concat([itemised, other], how="diagonal_relaxed").sort(
        "clause", "term", "selector", "unit", "transaction_date", *_PLACE, nulls_last=True
    )
    details = (
        _named(inputs, found)
        .with_row_index("line", offset=1)
        .select(
            pl.col("line").cast(pl.Int64),
            *_OF_TERM,
            *("kind", "merchant_number", "store", "amount", "currency", "quantity", "count", *shown),
            tag=pl.lit(Tag.DETAIL.value),
            reference=pl.coalesce("order_ref", "arn"),
            date=pl.col("transaction_date"),
            merchant=pl.col("merchant_name"),
            sign=pl.when(pl.col("quantity") < 0).then(pl.lit("D")).otherwise(pl.lit("C")),
        )
    )
    head = pl.DataFrame([header(to, layout)])
    return pl.concat([head, details, _trailers(details)], how="diagonal_relaxed")


def _of_others(to: Recipient) -> list[str]:
    """Terms that the contract gives to others alone: their records are not this partner's."""
    terms = {} if to.contract is None else to.contract.terms
    return sorted(name for name, term in terms.items() if term.get("shares") == {})


def _named(inputs: StageInput, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with the name of the own store whose merchant number they have."""
    night = pl.lit(inputs.business_date, pl.Date)
    tonight = {name: inputs.tonight(name).with_columns(business_date=night) for name in ("store", "file")}
    stores, files = (
        pl.concat([inputs.history[name], tonight[name]], how="diagonal_relaxed") for name in ("store", "file")
    )
    names = latest("store", stores, files).select("merchant_number", store="name").collect()
    return rows.join(names, on="merchant_number", how="left", maintain_order="left")


def _trailers(details: pl.DataFrame) -> pl.DataFrame:
    """The contributions of each term, selector and unit added up; of no details one that says so."""
    if details.is_empty():
        return pl.DataFrame({"tag": [Tag.TRAILER.value], "count": [0], "debit": [0], "credit": [0], "net": [0]})
    quantity = pl.col("quantity")
    return (
        details.group_by("term", "selector", "unit")
        .agg(
            pl.col("count").sum(),
            debit=-quantity.filter(quantity < 0).sum(),
            credit=quantity.filter(quantity > 0).sum(),
            net=quantity.sum(),
        )
        .sort("term", "selector", "unit")
        .with_columns(tag=pl.lit(Tag.TRAILER.value))
    )
