"""The laws that the runner asserts on what a stage gives back, before anything is written.

They share no code with the stages. A broken law is a fault of the program: nothing is published.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import polars as pl

from settlement.errors import TerminalError
from settlement.model.layout import read_layouts
from settlement.model.records import CANDIDATES
from settlement.model.stage import Part, StageInput, StageOutput

_COUNTED_FORMATS: Final = frozenset(
    {"delimited", "fixed_width", "json_lines", "mastercard_ipm", "parquet", "visa_ctf", "workbook"}
)
"""Formats whose reader tells of each file where its bytes went."""


class LawBrokenError(TerminalError):
    """A law does not hold: the stage's output is not published."""


def assert_unit(stage: str, inputs: StageInput, output: StageOutput) -> None:
    """Assert the laws that concern a stage's output. Raises LawBrokenError."""
    if stage == "parse":
        _assert_parse(inputs, output)
    if stage == "check":
        _assert_check(inputs, output)
    if stage == "match":
        _assert_match(inputs, output)
    if stage == "post":
        for entry in output.entries:
            entry.check()


def _assert_parse(inputs: StageInput, output: StageOutput) -> None:
    """Accepted, rejected, control and padding bytes of a file are all of its bytes; so are those that came unpacked."""
    delivered = inputs.tables["delivery"].select("file", "size_bytes", "layout", "container")
    files = output.tables["parsed_file"].join(delivered, on="file")
    bare = files.filter(pl.col("container").is_null() & (pl.col("content_bytes") != pl.col("size_bytes")))
    if bare.height:
        raise LawBrokenError(f"Nothing disappears: {bare['file'][0]} was not read as it was delivered.")
    parts = ("accepted_bytes", "rejected_bytes", "control_bytes", "padding_bytes")
    declared = [layout.layout for layout in read_layouts(inputs.documents) if layout.format in _COUNTED_FORMATS]
    uncounted = files.filter(pl.any_horizontal(pl.col(parts).is_null()) & pl.col("layout").is_in(declared))
    if uncounted.height:
        raise LawBrokenError(f"Nothing disappears: the bytes of {uncounted['file'][0]} are not counted.")
    for row in files.drop_nulls(parts).iter_rows(named=True):
        counted = sum(row[part] for part in parts)
        if counted != row["content_bytes"] or min(row[part] for part in parts) < 0:
            raise LawBrokenError(
                f"Nothing disappears: {row['file']} has {row['content_bytes']} bytes, "
                f"its reader accounts for {counted}."
            )


def _assert_check(inputs: StageInput, output: StageOutput) -> None:
    """Every delivered file has one fate; every row read of an accepted file is published, and no other."""
    delivered = set(inputs.tables["delivery"]["file"])
    fates = output.tables["file"]
    if set(fates["file"]) != delivered or fates.height != len(delivered):
        raise LawBrokenError("Nothing disappears: delivered files and files with a fate differ.")
    accepted = set(fates.filter(pl.col("fate") == "accepted")["file"])
    for name in CANDIDATES:
        read, published = _records(inputs.parts[f"parsed_{name}"]), _records(output.parts[name])
        mine = {file: read[file] for file in read.keys() & accepted}
        if mine.keys() != published.keys() or not all(mine[file].equals(published[file]) for file in mine):
            raise LawBrokenError(f"Nothing disappears: rows of {name} read and published differ.")


def _records(parts: Sequence[Part]) -> dict[str, pl.Series]:
    """The numbers of all records of each file, in order, from one part after the other."""
    found: dict[str, list[pl.Series]] = {}
    for part in parts:
        keys = part.rows.select("file", "record").collect()
        several = keys.height and (keys["file"] != keys["file"][0]).any()
        for rows in keys.partition_by("file") if several else (keys,):
            if rows.height:
                found.setdefault(rows["file"][0], []).append(rows["record"])
    return {file: pl.concat(records).sort() for file, records in found.items()}


def _assert_bank(inputs: StageInput, output: StageOutput) -> None:
    """Cash is what statements book and nothing else; what is told about an entry is judged once a night."""
    place = ["camt_file", "entry"]
    entries = inputs.tables["statement_entry"].select(pl.col("file").alias(place[0]), pl.col("record").alias(place[1]))
    cash = output.tables["cash_tie"].select(place)
    earlier = inputs.history["statement_entry"].select(pl.col("file").alias(place[0]), pl.col("record").alias(place[1]))
    strange = cash.join(entries, on=place, how="anti")
    if strange.lazy().join(earlier, on=place, how="anti").collect().height or cash.is_duplicated().any():
        raise LawBrokenError("Cash is what statements book: a tie is of no entry of a statement, or an entry has two.")
    if entries.join(cash, on=place, how="anti").height:
        raise LawBrokenError("Nothing disappears: an entry of a bank statement is not judged.")
    group = ["file", "entry"]
    told, judged = inputs.tables["bank_detail"].select(group).unique(), output.tables["detail_tie"].select(group)
    if told.join(judged, on=group, how="anti").height or judged.is_duplicated().any():
        raise LawBrokenError("Nothing disappears: transactions told for a bank entry are not judged, or judged twice.")


def _assert_match(inputs: StageInput, output: StageOutput) -> None:
    """On each leg a record is matched or open, once, and no record that takes part is missing there."""
    _assert_bank(inputs, output)
    key = ["leg", "file", "record"]
    legs = output.tables["match"].select("match_id", "leg")
    members = output.tables["match_member"].join(legs, on="match_id", how="left").select(key)
    opened = output.tables["open_item"].select(key)
    if members["leg"].has_nulls():
        raise LawBrokenError("Nothing disappears: a record is in a match that is not told.")
    if members.is_duplicated().any():
        raise LawBrokenError("Nothing disappears: a record is in two matches of one leg.")
    both = opened.join(members, on=key, how="semi")
    if both.height:
        raise LawBrokenError(f"Nothing disappears: a record of leg {both['leg'][0]} is matched and open.")
    # A night that closes without an open item leaves no row there; every night registers a file.
    night_before = inputs.history["file"].select(pl.col("business_date").max()).collect().item()
    before = inputs.history["open_item"].filter(pl.col("business_date") == pl.lit(night_before, pl.Date))
    tonight = pl.concat([*_on_legs(inputs)])
    owed = pl.concat([before.select(key).collect(), tonight.filter(pl.col("part") == "owed").select(key)])
    found = pl.concat([members, opened])
    if owed.join(found, on=key, how="anti").height:
        raise LawBrokenError("Nothing disappears: a record that takes part in matching is neither matched nor open.")
    if found.join(tonight.filter(pl.col("part") == "none"), on=key, how="semi").height:
        raise LawBrokenError("Nothing disappears: a record is on a leg that it has no part in.")
    whole = [leg["name"] for leg in _legs(inputs) if not _narrowed(leg)]
    if found.filter(pl.col("leg").is_in(whole)).join(owed, on=key, how="anti").height:
        raise LawBrokenError("Nothing disappears: a record is matched or open that nobody told.")


def _legs(inputs: StageInput) -> list[dict[str, Any]]:
    """The legs as the rules document writes them."""
    legs: list[dict[str, Any]] = tomllib.loads(inputs.documents["match.toml"])["leg"]
    return legs


def _narrowed(leg: Mapping[str, Any]) -> bool:
    """Whether records of earlier nights may come to the leg tonight, with its first file or an enrolment."""
    return bool(leg.get("merchant_feeds") or leg.get("programmes"))


def _on_legs(inputs: StageInput) -> Iterator[pl.DataFrame]:
    """Each of tonight's records on each leg: owed there, of no part there, or (a card of two programmes) either."""
    clearing, legs = inputs.tables["clearing"], _legs(inputs)
    named = [feed for leg in legs for feed in leg.get("merchant_feeds", ())]
    cards = pl.concat(
        [
            inputs.history["enrolment"].select("card_ref", "programme").collect(),
            inputs.tables["enrolment"].select("card_ref", "programme"),
        ]
    )
    columns = ["feed", "fate", "file_date"]
    files = pl.concat([inputs.history["file"].select(columns).collect(), inputs.tables["file"].select(columns)])
    for leg in legs:
        feeds, programmes = leg.get("merchant_feeds"), leg.get("programmes")
        begin = files.filter((pl.col("fate") == "accepted") & pl.col("feed").is_in(feeds or []))["file_date"].min()
        begun = (
            pl.lit(value=True)
            if not feeds
            else (pl.col("posting_date") >= pl.lit(begin, pl.Date)).fill_null(value=False)
        )
        mine = cards.group_by("card_ref").agg(
            every=pl.col("programme").is_in(programmes or []).all(),
            some=pl.col("programme").is_in(programmes or []).any(),
        )
        bank, of_kind = (
            pl.col("side") == "bank",
            pl.col("kind").is_in([kind for kinds in leg["kinds"] for kind in kinds]),
        )
        every, some = (
            pl.col(name).fill_null(value=False) if programmes else pl.lit(value=True) for name in ("every", "some")
        )
        merchant = pl.col("feed").is_in(feeds) if feeds else ~pl.col("feed").is_in(named)
        owed = of_kind & pl.when(bank).then(begun & every).otherwise(merchant)
        may = of_kind & pl.when(bank).then(begun & some).otherwise(merchant)
        part = pl.when(owed).then(pl.lit("owed")).when(may).then(pl.lit("either")).otherwise(pl.lit("none"))
        yield clearing.join(mine, on="card_ref", how="left").select(
            pl.lit(leg["name"]).alias("leg"), "file", "record", part.alias("part")
        )
