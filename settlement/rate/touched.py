"""The records whose contributions may change through a night, and all that decides about them: a closed set.

Touched are the night's own records, the members of its matches, the records of cards whose account or class has
changed, and those of stores that came or went. From there everything is reached that a reference (ARN or RRN), a match
or an order joins with something reached. No record outside refers to one inside, so what counts inside follows from the
inside alone, before the night as well as after it.

Of the history only the nights are read that hold what is asked for (``night_index``), of these only the rows that are
asked for are kept in memory, and only the columns that contracts ask for.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from settlement.model.contract_measures import EventDate
from settlement.model.stage import StageInput
from settlement.rate.dating import ACCOUNT_DAY
from settlement.rate.facts import CLEARING, Facts, Reached, known, merchant_members, standing_matches
from settlement.rate.links import LOCATOR
from settlement.rate.night_index import LINKS, Kind, NightIndex, digests, linked, night_index
from settlement.rate.packs import nights_before

_DATES: Final = ("posting_date", "transaction_date", "settlement_date")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What some nights have told of records and matches."""

    clearing: pl.LazyFrame
    matches: pl.LazyFrame
    members: pl.LazyFrame

    def at(self, places: pl.DataFrame) -> pl.DataFrame:
        """The records that lie at some places."""
        return _at(self.clearing, places)

    def named(self, texts: pl.Series) -> pl.DataFrame:
        """The records that carry a reference or an order as one of ``LINKS``."""
        return self.clearing.filter(pl.any_horizontal(_among(name, texts) for name in LINKS)).collect()

    def held_by(self, cards: pl.Series, stores: pl.Series) -> pl.DataFrame:
        """The records of some cards and merchant numbers."""
        return self.clearing.filter(_among("card_ref", cards) | _among("merchant_number", stores)).collect()

    def dated_within(self, spans: list[tuple[date, date]]) -> pl.DataFrame:
        """The records with a date in one of the spans [first, end)."""
        return self.clearing.filter(_within(pl.col(*_DATES), spans)).collect()

    def merchant_members(self) -> pl.LazyFrame:
        """The members of matches with the merchant side."""
        return merchant_members(self.matches, self.members)

    def matched_with(self, places: pl.DataFrame) -> pl.DataFrame:
        """All members of the matches that the records at some places are members of."""
        members = self.merchant_members()
        met = _at(members, places)["match_id"].unique()
        return members.filter(_among("match_id", met)).collect()


def _told_on(inputs: StageInput, nights: Collection[date] | None) -> _Known:
    """What some nights have told, or all up to this one."""
    matches, members = standing_matches(inputs, inputs.business_date, nights)
    return _Known(clearing=linked(known(inputs, "clearing", CLEARING, nights)), matches=matches, members=members)


def reached_tonight(
    inputs: StageInput,
    index: NightIndex,
    before: Facts,
    now: Facts,
    exchange_dates: frozenset[EventDate] = frozenset(),
) -> Reached:
    """What a night reaches, by what was known of cards and stores before it and after it.

    Parameters
    ----------
    inputs:
        The tables of the night and their history.
    index:
        Which earlier nights hold what.
    before, now:
        Facts of the night before and of this night.
    exchange_dates:
        The dates by which contracts count amounts at exchange rates: the records of days whose rate is another than
        before are touched too. No index tells them: they are looked for in all nights.
    """
    tonight = _told_on(inputs, [inputs.business_date])
    matched = tonight.merchant_members().select(LOCATOR).collect()
    cards, stores = changed_cards(before, now), changed_stores(before, now)
    keys = digests(Kind.CARD, cards), digests(Kind.STORE, stores), digests(Kind.FILE, matched["file"])
    then = _told_on(inputs, index.nights(*keys))
    rows = [tonight.clearing.collect(), then.held_by(cards, stores), then.at(matched)]
    spans = changed_rates(before, now) if exchange_dates else []
    if spans:
        every = _told_on(inputs, None)
        rows.append(every.dated_within(spans))
        if EventDate.ACCOUNT_OPENING in exchange_dates:
            opened = now.holders.filter(_within(pl.col(ACCOUNT_DAY), spans))["card_ref"]
            rows.append(every.held_by(opened.unique(), stores.clear()))
    return _closed(inputs, index, pl.concat(rows).unique(LOCATOR, maintain_order=True))


def reached_from(inputs: StageInput, places: pl.DataFrame) -> Reached:
    """The records at some places (``file``, ``record``), and all that decides about them, as the nights tell them."""
    index = night_index(inputs, nights_before(inputs))
    told = _told_on(inputs, index.nights(digests(Kind.FILE, places["file"])))
    return _closed(inputs, index, told.at(places))


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


def _closed(inputs: StageInput, index: NightIndex, touched: pl.DataFrame) -> Reached:
    """All that is joined with the touched records, step by step until nothing comes any more."""
    rows, matches = [touched], [_told_on(inputs, []).members.collect()]
    places = touched.select(LOCATOR)
    keys = pl.DataFrame(schema={"key": pl.String})
    fresh = touched
    while fresh.height:
        texts = pl.concat([fresh[name].rename("key") for name in LINKS]).drop_nulls().unique()
        new = texts.to_frame().join(keys, on="key", how="anti")
        keys = pl.concat([keys, new])
        here = digests(Kind.FILE, fresh["file"]), digests(Kind.MATCHED, *fresh.select(LOCATOR))
        then = _told_on(inputs, index.nights(*here, digests(Kind.LINK, new["key"])))
        joined = then.matched_with(fresh.select(LOCATOR))
        matches.append(joined)
        beside = joined.select(LOCATOR).unique().join(places, on=LOCATOR, how="anti")
        found = [then.named(new["key"])]
        if beside.height:
            found.append(_told_on(inputs, index.nights(digests(Kind.FILE, beside["file"]))).at(beside))
        fresh = pl.concat(found).unique(LOCATOR, keep="any").join(places, on=LOCATOR, how="anti")
        rows.append(fresh)
        places = pl.concat([places, fresh.select(LOCATOR)])
    return Reached(
        clearing=pl.concat(rows).drop(LINKS).lazy(),
        members=pl.concat(matches).unique(keep="any").lazy(),
    )


def _at(rows: pl.LazyFrame, places: pl.DataFrame) -> pl.DataFrame:
    """The rows that lie at these places. Files and numbers are looked at first, so that few rows are kept to be met."""
    near = _among("file", places["file"].unique()) & _among("record", places["record"].unique())
    return rows.filter(near).join(places.lazy(), on=LOCATOR, how="semi").collect()


def _within(days: pl.Expr, spans: list[tuple[date, date]]) -> pl.Expr:
    """Whether one of these days lies in one of the spans [first, end)."""
    return pl.any_horizontal(days.is_between(first, end, closed="left") for first, end in spans).fill_null(value=False)


def _among(column: str, values: pl.Series) -> pl.Expr:
    return pl.col(column).is_in(values.implode())
