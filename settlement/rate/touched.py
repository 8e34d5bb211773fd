"""The records whose contributions may change through a night, and all that decides about them: a closed set.

Touched are the night's own records, the members of its matches, the records of cards whose account or class has
changed, and those of stores that came or went. From there everything is reached that a reference (ARN or RRN), a match
or an order joins with something reached. No record outside refers to one inside, so what counts inside follows from the
inside alone, before the night as well as after it.

Of the history only the rows that are asked for are kept in memory, and only the columns that contracts ask for.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import polars as pl

from settlement.model.stage import StageInput
from settlement.rate.facts import CLEARING, Facts, Reached, known, members_known
from settlement.rate.links import LOCATOR, NEGATIVES, REFERENCE

_DATES: Final = ("posting_date", "transaction_date")
_LINKS: Final = ("reference", "order", "named")


def reached_tonight(inputs: StageInput, before: Facts, now: Facts, *, by_rates: bool = False) -> Reached:
    """What a night reaches, by what was known of cards and stores before it and after it.

    Parameters
    ----------
    inputs:
        The tables of the night and their history.
    before, now:
        Facts of the night before and of this night.
    by_rates:
        Whether the exchange rates of their days decide about records too.
    """
    night = inputs.business_date
    clearing = (
        known(inputs, "clearing", night, CLEARING)
        .filter(pl.col("kind").is_in(["purchase", *NEGATIVES]))
        .with_columns(
            # Null is no key: it joins nothing.
            reference=pl.when(pl.col("side") == "bank").then(REFERENCE),
            order=pl.when((pl.col("side") == "merchant") & (pl.col("kind") == "purchase")).then("order_ref"),
            named=pl.when(pl.col("side") == "merchant").then("original_ref"),
        )
    )
    members = members_known(inputs, night)
    matched = members.filter(pl.col("business_date") == night).select(LOCATOR).collect()
    cards, stores = changed_cards(before, now), changed_stores(before, now)
    touched = pl.col("business_date") == night
    if len(cards) or len(stores):
        touched |= pl.col("card_ref").is_in(cards.implode()) | pl.col("merchant_number").is_in(stores.implode())
    if by_rates:
        for first, end in changed_rates(before, now):
            touched |= pl.any_horizontal(pl.col(*_DATES).is_between(first, end, closed="left"))
    rows = pl.concat([clearing.filter(touched).collect(), _at(clearing, matched)])
    return _closed(clearing, members, rows.unique(LOCATOR, maintain_order=True))


def changed_cards(before: Facts, now: Facts) -> pl.Series:
    """The cards that are held by another account, of another class or for other days than before."""
    sides = [(now.holders, before.holders), (before.holders, now.holders)]
    changed = [one.join(other, on=one.columns, how="anti", nulls_equal=True)["card_ref"] for one, other in sides]
    return pl.concat(changed).unique()


def changed_stores(before: Facts, now: Facts) -> pl.Series:
    """The merchant numbers that have become, or are no more, those of a partner's stores."""
    sides = [(now.stores, before.stores), (before.stores, now.stores)]
    return pl.concat([one.filter(~one.is_in(other.implode())) for one, other in sides])


def changed_rates(before: Facts, now: Facts) -> list[tuple[date, date]]:
    """The days [first, end) for which an exchange rate may be another than before.

    The rate of a day holds for the days after it too, up to the next day that has one.
    """
    pair = ["from_currency", "to_currency"]
    told = [facts.rates.select(*pair, "rate_date", "rate") for facts in (before, now)]
    sides = [(told[0], told[1]), (told[1], told[0])]
    changed = pl.concat([one.join(other, on=one.columns, how="anti") for one, other in sides])
    after = told[1].select(*pair, end="rate_date").sort("end")
    spans = changed.sort("rate_date").join_asof(
        after,
        left_on="rate_date",
        right_on="end",
        by=pair,
        strategy="forward",
        allow_exact_matches=False,
        check_sortedness=False,
    )
    return spans.select("rate_date", pl.col("end").fill_null(date.max)).unique().sort("rate_date", "end").rows()


def _closed(clearing: pl.LazyFrame, members: pl.LazyFrame, touched: pl.DataFrame) -> Reached:
    """All that is joined with the touched records, step by step until nothing comes any more."""
    rows, matches = [touched], []
    places = touched.select(LOCATOR)
    keys = pl.DataFrame(schema={"key": pl.String})
    fresh = touched
    while fresh.height:
        met = _at(members, fresh.select(LOCATOR))["match_id"].unique()
        joined = members.filter(pl.col("match_id").is_in(met.implode())).collect()
        matches.append(joined)
        beside = joined.select(LOCATOR).unique().join(places, on=LOCATOR, how="anti")
        texts = pl.concat([fresh[name].rename("key") for name in _LINKS]).drop_nulls().unique()
        new = texts.to_frame().join(keys, on="key", how="anti")
        keys = pl.concat([keys, new])
        named = pl.any_horizontal(pl.col(name).is_in(new["key"].implode()) for name in _LINKS)
        found = pl.concat([clearing.filter(named).collect(), _at(clearing, beside)]).unique(LOCATOR, keep="any")
        fresh = found.join(places, on=LOCATOR, how="anti")
        rows.append(fresh)
        places = pl.concat([places, fresh.select(LOCATOR)])
    return Reached(
        clearing=pl.concat(rows).drop(_LINKS).lazy(),
        members=pl.concat([members.collect_schema().to_frame(), *matches]).unique(keep="any").lazy(),
    )


def _at(rows: pl.LazyFrame, places: pl.DataFrame) -> pl.DataFrame:
    """The rows that lie at these places. Files and numbers are looked at first, so that few rows are kept to be met."""
    near = pl.col("file").is_in(places["file"].unique().implode())
    near &= pl.col("record").is_in(places["record"].unique().implode())
    return rows.filter(near).join(places.lazy(), on=LOCATOR, how="semi").collect()
