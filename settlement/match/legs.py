"""Who takes part on a leg: the kinds, feeds and programmes of its rules, and the members behind the cards.

A record may stand on several legs; each leg matches it on its own. A card belongs to the programme of its account, as
the enrolment feed tells it; a record whose card is enrolled later comes to the leg on the night of the enrolment. A leg
that names its merchant-side feeds begins with the business date of their first file: what the bank posted before has
no other side, and what it posted since comes to the leg when that file is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple

import polars as pl

from settlement.match.rules import Leg
from settlement.model.clearing import Fate, Side
from settlement.model.stage import StageInput
from settlement.model.tables import TABLES
from settlement.model.versions import latest

LOCATOR: Final = ["file", "record"]
_BANK: Final = pl.col("side") == Side.BANK


class Taking(NamedTuple):
    """The records of a leg that are new to it tonight, and the clearing of nights before, which are not.

    ``new`` has the columns asked for; ``told`` is all clearing that they are of, with every column.
    """

    new: pl.DataFrame
    told: pl.LazyFrame
    earlier: pl.LazyFrame


def taking_part(
    inputs: StageInput, leg: Leg, legs: Sequence[Leg], cards: pl.DataFrame, columns: Sequence[str]
) -> Taking:
    """What comes to a leg tonight.

    Parameters
    ----------
    inputs : StageInput
        The stage's input.
    leg, legs : Leg, sequence of Leg
        The leg, and all legs: a merchant-side feed that a leg names takes part on no leg that does not name it.
    cards : DataFrame
        See ``enrolled``.
    columns : sequence of str
        Columns of the records that are asked for.
    """
    clearing, history = inputs.tonight("clearing"), inputs.history["clearing"]
    if not leg.merchant_feeds and not leg.programmes:
        return Taking(_of_leg(clearing, leg, legs, cards).select(columns).collect(), clearing, history)
    began, begins = _begins(inputs, leg)
    if begins == date.max:
        # Where no file has come, no record is of its feeds, and the bank's records wait for the first of them.
        return Taking(TABLES["clearing"].empty().select(columns), clearing, history)
    known = inputs.history["enrolment"].select("card_ref").unique()
    first = inputs.tables["enrolment"].lazy().select("card_ref").unique().join(known, on="card_ref", how="anti")
    posted = pl.col("posting_date")
    late = [history.join(first, on="card_ref", how="semi").filter(posted >= began)]
    if begins < began:
        late.append(history.filter(posted < began))
    before = pl.concat(late).filter(_BANK).select(TABLES["clearing"].schema.names())
    told = pl.concat([clearing.select(before.collect_schema().names()), before])
    new = _of_leg(told.filter(~_BANK | (posted >= begins)), leg, legs, cards).select(columns).collect()
    return Taking(new, told, history.join(new.lazy().select(LOCATOR), on=LOCATOR, how="anti"))


def needed(leg: Leg) -> tuple[str, ...]:
    """The columns by which the members behind the cards of a leg are told."""
    return ("card_ref", "transaction_date", "posting_date", "member_id") if leg.programmes else ()


def with_members(records: pl.DataFrame, leg: Leg, cards: pl.DataFrame) -> pl.DataFrame:
    """The records with the member behind each card, where the leg is one of programmes; others as they are."""
    if not leg.programmes:
        return records
    told = _with_card(records.lazy(), cards).with_columns(pl.coalesce("member_id", "member_of_card").alias("member_id"))
    return told.drop("programme", "member_of_card").collect()


def enrolled(inputs: StageInput, leg: Leg) -> pl.DataFrame:
    """Whose each card is, from which day: ``card_ref``, ``valid_from``, ``programme`` and ``member_of_card``.

    No card where the leg is not one of programmes, for which nobody asks. Of several lines for one card and day the
    latest version counts. A card belongs to its first account from the beginning, so that no record falls out for a
    late enrolment.
    """
    columns = ["card_ref", "valid_from", "programme", "member_id", "retracted", "business_date", *LOCATOR]
    tonight = inputs.tables["enrolment"].lazy().with_columns(pl.lit(inputs.business_date).alias("business_date"))
    lines = pl.concat([inputs.history["enrolment"].select(columns), tonight.select(columns)])
    files = pl.concat(
        [frame.select("file", "file_date") for frame in (inputs.history["file"], inputs.tables["file"].lazy())]
    )
    return (
        latest("enrolment", lines if leg.programmes else lines.clear(), files)
        .sort("card_ref", "valid_from")
        .select(
            "card_ref",
            pl.when(pl.col("card_ref").is_first_distinct())
            .then(pl.lit(date.min, pl.Date))
            .otherwise(pl.col("valid_from"))
            .alias("valid_from"),
            "programme",
            pl.col("member_id").alias("member_of_card"),
        )
        .collect()
    )


def _begins(inputs: StageInput, leg: Leg) -> tuple[date, date]:
    """The business date with which the leg begins, as known before tonight and now; the last day where no file came."""
    if not leg.merchant_feeds:
        return date.min, date.min
    of_leg = (pl.col("fate") == Fate.ACCEPTED) & pl.col("feed").is_in(leg.merchant_feeds)
    files = (inputs.history["file"], inputs.tables["file"].lazy())
    earliest = [rows.filter(of_leg).select(pl.col("file_date").min()).collect().item() for rows in files]
    before, now = (day if isinstance(day, date) else date.max for day in earliest)
    return before, min(before, now)


def _of_leg(records: pl.LazyFrame, leg: Leg, legs: Sequence[Leg], cards: pl.DataFrame) -> pl.LazyFrame:
    kinds = [kind for group in leg.kinds for kind in group]
    elsewhere = sorted({feed for other in legs for feed in other.merchant_feeds or ()})
    feeds = pl.col("feed").is_in(leg.merchant_feeds) if leg.merchant_feeds else ~pl.col("feed").is_in(elsewhere)
    of_kind = records.filter(pl.col("kind").is_in(kinds) & (_BANK | feeds))
    if not leg.programmes:
        return of_kind
    ours = _with_card(of_kind, cards).filter(~_BANK | pl.col("programme").is_in(leg.programmes))
    return ours.drop("programme", "member_of_card")


def _with_card(records: pl.LazyFrame, cards: pl.DataFrame) -> pl.LazyFrame:
    """The records, in their order, with ``programme`` and ``member_of_card`` of their card on their day."""
    place, on = "place?", "day?"
    placed = records.with_row_index(place).with_columns(pl.coalesce("transaction_date", "posting_date").alias(on))
    return (
        placed.sort(on, place)
        .join_asof(
            cards.lazy().sort("valid_from", "card_ref"),
            left_on=on,
            right_on="valid_from",
            by="card_ref",
            check_sortedness=False,
        )
        .sort(place)
        .drop(place, on, "valid_from")
    )
