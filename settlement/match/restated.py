"""The matching of earlier nights done again under tonight's rules: what must be taken back and added for it to hold.

The nights are matched in their order, each on what its files told then and on what the nights before it leave open now,
as they would have been had the rules always stood. What comes out is compared with what stands: a match of the same
records, kind and residual is the same, whatever its id. The others that stand are taken back tonight, and those that
are new are told tonight: facts known from this night on, which the nights after it go on from. Nothing of an earlier
night is changed, and the same rules a second time find nothing to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import polars as pl

from settlement.match.matches import match_ids
from settlement.model.stage import StageInput
from settlement.model.tables import TABLES

_CARRIED: Final = ("open_item", "pass_use", "cash_tie", "detail_tie")
"""Tables by which a night goes on from the one before: of nights done again it is what they come to now."""
_JUDGED: Final = {"cash_tie": ["camt_file", "entry"], "detail_tie": ["file", "entry"]}
"""Tables of results that hold until they are judged again, and what each is of."""
_READ: Final = (
    *("file", "enrolment", "statement_entry", "bank_detail"),
    *("reject", "replay", "control_record", "control_total"),
)
_RECORD: Final = ["file", "record"]
_SAME: Final = ["leg", "cardinality", "kind", "residual_minor", "residual_reason", "residual_miles", "currency", "of"]

Matched = Callable[[StageInput], Mapping[str, pl.DataFrame]]
"""The matching of one night: its tables by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Earlier nights matched again.

    Attributes
    ----------
    history:
        The histories that tonight goes on from: nights before the first as they stand, the others as they come to now.
    match, members:
        The matches of these nights and their members, in the order of the nights.
    """

    history: Mapping[str, pl.LazyFrame]
    match: pl.DataFrame
    members: pl.DataFrame


def matched_again(inputs: StageInput, first: date, matched: Matched) -> Again:
    """Match all nights from ``first`` to the night before again, one upon the other."""
    nights = inputs.history["file"].filter(pl.col("business_date") >= first).select("business_date").unique().collect()
    done: dict[str, list[pl.DataFrame]] = {name: [] for name in (*_CARRIED, "match", "match_member")}
    for (night,) in nights.sort("business_date").iter_rows():
        found = matched(_as_on(inputs, night, _carried(inputs, first, done)))
        for name, frames in done.items():
            frames.append(found[name].with_columns(business_date=pl.lit(night, pl.Date)))
    return Again(
        history=_carried(inputs, first, done),
        match=_together("match", done["match"]),
        members=_together("match_member", done["match_member"]),
    )


def restated(
    inputs: StageInput, tonight: Mapping[str, pl.DataFrame], again: Again, first: date
) -> dict[str, pl.DataFrame]:
    """Tonight's tables with what is taken back and added, so that the nights come to what they were matched to."""
    standing, members = _standing(inputs, first)
    was, now = _told(standing, members), _told(again.match, again.members)
    gone = was.join(now, on=_SAME, how="anti", nulls_equal=True)
    fresh = now.join(was, on=_SAME, how="anti", nulls_equal=True).sort("match_id")
    ids = match_ids(fresh.height, inputs.business_date, tonight["match"].height)
    named = fresh.select("match_id").with_columns(as_told=ids)
    added = {
        "match": again.match.join(named, on="match_id"),
        "match_member": again.members.join(named, on="match_id"),
    }
    found = dict(tonight)
    for name, rows in added.items():
        columns = TABLES[name].schema.names()
        own = rows.drop("match_id").rename({"as_told": "match_id"}).select(columns)
        found[name] = pl.concat([tonight[name], own]).sort(TABLES[name].key)
    found["match_taken_back"] = (
        standing.join(gone.select("match_id"), on="match_id", how="semi")
        .select("match_id", "leg", night="business_date")
        .sort("match_id")
    )
    for name, place in _JUDGED.items():
        found[name] = _judged_otherwise(inputs.history[name], again.history[name], tonight[name], place)
    return found


def _as_on(inputs: StageInput, night: date, carried: Mapping[str, pl.LazyFrame]) -> StageInput:
    """What an earlier night was handed, with what is carried to it now."""
    then = pl.col("business_date") == night
    told = {name: inputs.history[name].filter(then).drop("business_date") for name in (*_READ, "clearing")}
    before = {**inputs.history, **carried}
    return replace(
        inputs,
        business_date=night,
        restatements=(),
        told_on=None,
        tables={name: told[name].collect() for name in _READ},
        scans={"clearing": told["clearing"]},
        history={name: rows.filter(pl.col("business_date") < night) for name, rows in before.items()},
    )


def _carried(inputs: StageInput, first: date, done: Mapping[str, Sequence[pl.DataFrame]]) -> dict[str, pl.LazyFrame]:
    """The histories that a night goes on from: before the first night as they stand, then as they come to now."""
    before = pl.col("business_date") < first
    return {
        name: pl.concat([inputs.history[name].filter(before), _together(name, done[name]).lazy()]) for name in _CARRIED
    }


def _together(name: str, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    nothing = TABLES[name].empty().with_columns(business_date=pl.lit(None, pl.Date))
    return pl.concat([nothing, *frames])


def _standing(inputs: StageInput, first: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The matches that were told since a night and hold, and their members."""
    since = pl.col("business_date") >= first
    gone = inputs.history["match_taken_back"].select("match_id")
    match = inputs.history["match"].filter(since).join(gone, on="match_id", how="anti").collect()
    members = (
        inputs.history["match_member"].filter(since).join(match.lazy().select("match_id"), on="match_id", how="semi")
    )
    return match, members.collect()


def _told(match: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """Each match by what makes it the same: its members with their amounts, its kind and its residual."""
    own = members.sort("match_id", *_RECORD).select(
        "match_id", of=pl.format("{}#{} {} {}", *_RECORD, "amount_minor", "currency")
    )
    joined = own.group_by("match_id", maintain_order=True).agg(pl.col("of").str.join("\n"))
    return match.join(joined, on="match_id").select("match_id", *_SAME)


def _judged_otherwise(
    standing: pl.LazyFrame, again: pl.LazyFrame, tonight: pl.DataFrame, place: Sequence[str]
) -> pl.DataFrame:
    """What is judged for the first time tonight, and what stands otherwise now than it was judged last."""
    latest = pl.col("business_date") == pl.col("business_date").max().over(place)
    before = standing.filter(latest).collect().drop("business_date")
    earlier = again.filter(latest).collect().drop("business_date").join(tonight, on=place, how="anti")
    now = pl.concat([tonight, earlier.select(tonight.columns)])
    return now.join(before, on=now.columns, how="anti", nulls_equal=True).sort(place)
