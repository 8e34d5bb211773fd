"""The transactions behind a statement: each record that a term counts, with its contribution.

The contributions of a term sum to what the period's records give; an opening position, and what a term makes of its
quantities (a bracket, a limit, a rounding), stand on the statement alone. What is no record of a transaction, such as
an account or a profit line, is told as one line for each term: how many there are and what they come to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from settlement.errors import TerminalError
from settlement.model.stage import StageInput
from settlement.model.versions import latest
from settlement.pay.outgoing_layout import OutgoingLayout, Tag
from settlement.pay.outgoing_lines import SCHEMA, header
from settlement.pay.partners import Display, PartnerDirectory, Recipient
from settlement.pay.stretches import AT_ONCE, Contributions, Stretch, gathered

_PLACE: Final = ("file", "record")
_OF_TERM: Final = ("clause", "term", "selector", "unit")
_ADDED_BY: Final = ("term", "selector", "unit")
_OTHER: Final = "other"
_SCHEMA: Final = pl.Schema(
    {
        **SCHEMA,
        **dict.fromkeys(("selector", "unit", "kind", "reference", "merchant", "merchant_number"), pl.String()),
        **dict.fromkeys(("store", *Display), pl.String()),
        "date": pl.Date(),
        "quantity": pl.Int64(),
    }
)
_SUMS: Final = pl.Schema(
    {**dict.fromkeys(_ADDED_BY, pl.String()), **dict.fromkeys(("count", "debit", "credit", "net"), pl.Int64())}
)
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


def detail_lines(inputs: StageInput, to: Recipient, layout: OutgoingLayout) -> Iterator[pl.DataFrame]:
    """Header, a line for each record and term, and a trailer for each term, selector and unit, some after others.

    Amounts are in minor units of the record's currency, signed as the record is; ``quantity`` is the contribution in
    its ``unit``: minor units of a currency, or things. What tells a card is read only where the layout tells it.
    """
    shown = sorted({field.source for field in layout.lines[Tag.DETAIL]} & set(Display))
    stores = _stores(inputs)
    yield _whole(pl.DataFrame([header(to, layout)]))
    sums, number = [_SUMS.to_frame()], 1
    for found in _in_order(inputs, to, shown):
        lines = (
            found.join(stores, on="merchant_number", how="left", maintain_order="left")
            .with_row_index("line", offset=number)
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
        number += lines.height
        sums.append(_sums(lines))
        yield _whole(lines)
    yield _whole(_trailers(pl.concat(sums)))


def _whole(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with all values that a detail file knows."""
    return pl.concat([_SCHEMA.to_frame(), rows], how="diagonal_relaxed")


def _in_order(inputs: StageInput, to: Recipient, shown: Sequence[str]) -> Iterator[pl.DataFrame]:
    """What the terms count, record by record, by term and date.

    Contributions are read in stretches of places, each of which is put in order and laid aside. The rows of one term
    and date lie in each stretch side by side, and stretches ascend by place: so what comes together is known from the
    counts of the stretches alone.
    """
    statement, others = to.statement, _of_others(to)
    told = gathered(inputs, statement.contract, statement.period, statement.as_of, AT_ONCE)
    cut = list(told.stretches())
    laid, counts, rest = list[pl.LazyFrame](), list[pl.DataFrame](), list[pl.DataFrame]()
    for stretch in cut:
        itemised, other = _counted(told, stretch, others, shown)
        laid.append(inputs.aside.rows(itemised) if len(cut) > 1 and itemised.height else itemised.lazy())
        counts.append(_runs(itemised, len(counts)))
        rest.append(other)
    left = pl.concat(rest).group_by(_OF_TERM).agg(pl.col("count", "quantity").sum()).sort(_OF_TERM)
    # What is told by its sum alone comes behind the records of its term.
    last = pl.concat([itemised.clear(), left.with_columns(kind=pl.lit(_OTHER))], how="diagonal_relaxed")
    laid.append(last.lazy())
    counts.append(_runs(last, len(counts)))
    runs = pl.concat(counts).sort(*_OF_TERM, "transaction_date", "stretch", nulls_last=True)
    together = (pl.col("height").cum_sum() - pl.col("height")) // AT_ONCE
    for (_,), some in runs.group_by(together, maintain_order=True):
        pieces = some.group_by("stretch", maintain_order=True).agg(pl.col("offset").min(), pl.col("height").sum())
        read = [laid[stretch].slice(offset, height) for stretch, offset, height in pieces.iter_rows()]
        yield _sorted(pl.concat(read).collect())


def _counted(
    told: Contributions, stretch: Stretch, others: Sequence[str], shown: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of a stretch what each term counts of each record, in order, and the rest by term: ``count`` and ``quantity``."""
    counted = (
        told.of(stretch)
        .group_by(*_OF_TERM, *_PLACE, "account_id")
        .agg(pl.col("quantity").sum())
        .filter((pl.col("quantity") != 0) & ~pl.col("term").is_in(others))
        .drop("account_id")
    )
    records = told.records(stretch, counted, (*_READ, *shown))
    itemised = counted.join(records, on=_PLACE, how="inner").with_columns(
        amount=pl.col("direction") * pl.col("amount_minor"), count=pl.lit(1, pl.Int64)
    )
    other = (
        counted.join(records, on=_PLACE, how="anti")
        .group_by(_OF_TERM)
        .agg(pl.len().cast(pl.Int64).alias("count"), pl.col("quantity").sum())
    )
    return _sorted(itemised), other


def _sorted(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.sort(*_OF_TERM, "transaction_date", *_PLACE, "quantity", nulls_last=True)


def _runs(rows: pl.DataFrame, stretch: int) -> pl.DataFrame:
    """How many rows of each term and date a stretch has side by side, and behind how many others."""
    runs = rows.group_by(*_OF_TERM, "transaction_date", maintain_order=True).agg(height=pl.len().cast(pl.Int64()))
    return runs.with_columns(offset=pl.col("height").cum_sum() - pl.col("height"), stretch=pl.lit(stretch, pl.Int64()))


def _of_others(to: Recipient) -> list[str]:
    """Terms that the contract gives to others alone: their records are not this partner's."""
    terms = {} if to.contract is None else to.contract.terms
    return sorted(name for name, term in terms.items() if term.get("shares") == {})


def _stores(inputs: StageInput) -> pl.DataFrame:
    """The name of each own store by its merchant number."""
    night = pl.lit(inputs.business_date, pl.Date)
    tonight = {name: inputs.tonight(name).with_columns(business_date=night) for name in ("store", "file")}
    stores, files = (
        pl.concat([inputs.history[name], tonight[name]], how="diagonal_relaxed") for name in ("store", "file")
    )
    return latest("store", stores, files).select("merchant_number", store="name").collect()


def _sums(lines: pl.DataFrame) -> pl.DataFrame:
    """The contributions of lines added up by term, selector and unit."""
    quantity = pl.col("quantity")
    return lines.group_by(_ADDED_BY).agg(
        pl.col("count").sum(),
        debit=-quantity.filter(quantity < 0).sum(),
        credit=quantity.filter(quantity > 0).sum(),
        net=quantity.sum(),
    )


def _trailers(sums: pl.DataFrame) -> pl.DataFrame:
    """A trailer for each term, selector and unit; of no details one that says so."""
    if sums.is_empty():
        return pl.DataFrame({"tag": [Tag.TRAILER.value], "count": [0], "debit": [0], "credit": [0], "net": [0]})
    added = sums.group_by(_ADDED_BY).agg(pl.col("count", "debit", "credit", "net").sum())
    return added.sort(_ADDED_BY).with_columns(tag=pl.lit(Tag.TRAILER.value))
