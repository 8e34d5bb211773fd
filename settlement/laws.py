"""The laws that the runner asserts on what a stage gives back, before anything is written.

They share no code with the stages. A broken law is a fault of the program: nothing is published.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.errors import TerminalError
from settlement.model.layout import read_layouts
from settlement.model.records import CANDIDATES
from settlement.model.stage import Part, StageInput, StageOutput

_COUNTED_FORMATS: Final = frozenset(
    {"delimited", "fixed_width", "json_lines", "mastercard_ipm", "parquet", "visa_ctf", "workbook"}
)
"""Formats whose reader tells of each file where its bytes went."""


_RECORD: Final = ["file", "record"]
_TAKES_PART: Final = ["side", "kind", "feed", "posting_date"]
"""What decides whether a record takes part on a leg, beside its card."""
_Counts = NDArray[np.int64]


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


def _assert_batches(inputs: StageInput, output: StageOutput) -> None:
    """What a batch carries over is taken over once, and a batch takes over once."""
    carries = output.tables["batch_carry"]
    if carries.is_empty():
        return
    before = inputs.history["batch_carry"]
    for place in (["from_file", "from_batch", "currency"], ["file", "batch", "currency"]):
        told = carries.select(place)
        if told.is_duplicated().any() or told.lazy().join(before, on=place, how="semi").collect().height:
            raise LawBrokenError("Every minor unit is somewhere: the balance of a batch is carried over twice.")


def _assert_match(inputs: StageInput, output: StageOutput) -> None:
    """On each leg a record is matched or open, once, and no record that takes part is missing there.

    Records of tonight's files are counted at their places; the few of earlier nights are held against what was open.
    """
    _assert_bank(inputs, output)
    _assert_batches(inputs, output)
    legs = {leg["name"]: leg for leg in _legs(inputs)}
    members = output.tables["match_member"].select(*_RECORD, leg=_leg_of_members(output))
    opened = output.tables["open_item"].select(*_RECORD, "leg")
    # A night that closes without an open item leaves no row there; every night registers a file.
    night_before = inputs.history["file"].select(pl.col("business_date").max()).collect().item()
    before = inputs.history["open_item"].filter(pl.col("business_date") == pl.lit(night_before, pl.Date))
    # What a night takes back of earlier matches is matched or open again.
    carried, taken_back = before.select(*_RECORD, "leg").collect(), output.tables["match_taken_back"]
    if taken_back.height:
        freed = inputs.history["match_member"].join(taken_back.lazy(), on="match_id")
        carried = pl.concat([carried, freed.select(*_RECORD, "leg").collect()])
    if not set(carried["leg"].unique()) <= legs.keys():
        raise LawBrokenError("Nothing disappears: a record is open on a leg that the rules have no more.")
    clearing = inputs.tonight("clearing").select(*_RECORD, *_TAKES_PART).collect()
    places = _places(clearing)
    at = places.split(clearing)[0]
    told = places.mark(at)
    for name, leg in legs.items():
        (met, met_before), (left, left_before), (owed_again, owed_before) = (
            places.split(rows.filter(pl.col("leg") == name)) for rows in (members, opened, carried)
        )
        counts = places.count(met), places.count(left)
        _assert_once(name, counts, (met_before, left_before))
        found = (counts[0] + counts[1]) > 0
        owed, may = (places.mark(rows) for rows in _on_leg(inputs, leg, clearing, at))
        owed |= places.mark(owed_again)
        found_before = pl.concat([met_before, left_before])
        if (owed & ~found).any() or owed_before.join(found_before, on=_RECORD, how="anti").height:
            raise LawBrokenError(
                "Nothing disappears: a record that takes part in matching is neither matched nor open."
            )
        if (found & told & ~may & ~owed).any():
            raise LawBrokenError("Nothing disappears: a record is on a leg that it has no part in.")
        strange = (found & ~owed).any() or found_before.join(owed_before, on=_RECORD, how="anti").height
        if strange and not _narrowed(leg):
            raise LawBrokenError("Nothing disappears: a record is matched or open that nobody told.")


def _leg_of_members(output: StageOutput) -> pl.Series:
    """The leg of each row of ``match_member``."""
    ids, match = output.tables["match_member"]["match_id"], output.tables["match"]
    legs = match["leg"].cast(pl.Enum(match["leg"].unique().sort()))
    first = (ids != ids.shift(1)).fill_null(value=True)
    if ids.filter(first).equals(match["match_id"]):
        # Both tables stand in the order of their ids, as they are written.
        return legs.gather(first.cum_sum() - 1)
    numbered = match.select("match_id", leg=legs)
    found = ids.to_frame().join(numbered, on="match_id", how="left", maintain_order="left")["leg"]
    if found.has_nulls():
        raise LawBrokenError("Nothing disappears: a record is in a match that is not told.")
    return found


def _assert_once(leg: str, tonight: tuple[_Counts, _Counts], before: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    """No record of the leg is in two matches, or in a match and open."""
    if (tonight[0] > 1).any() or before[0].is_duplicated().any():
        raise LawBrokenError("Nothing disappears: a record is in two matches of one leg.")
    if ((tonight[0] > 0) & (tonight[1] > 0)).any() or before[0].join(before[1], on=_RECORD, how="semi").height:
        raise LawBrokenError(f"Nothing disappears: a record of leg {leg} is matched and open.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """A place for each record number of tonight's files: file by file, up to the greatest number in it."""

    files: pl.Enum
    starts: _Counts
    ends: _Counts

    def split(self, rows: pl.DataFrame) -> tuple[_Counts, pl.DataFrame]:
        """The places of the rows of tonight's files, and ``file`` and ``record`` of the others."""
        codes = rows["file"].cast(self.files, strict=False).to_physical()
        file = codes.fill_null(len(self.starts) - 1).to_numpy()
        at = self.starts[file] + rows["record"].to_numpy()
        inside = (at >= self.starts[file]) & (at < self.ends[file])
        if inside.all():
            return at, rows.select(_RECORD).clear()
        return at[inside], rows.select(_RECORD).filter(pl.Series(~inside))

    def count(self, places: _Counts) -> _Counts:
        """How often each place occurs."""
        return np.bincount(places, minlength=int(self.ends[-1]))

    def mark(self, places: _Counts) -> NDArray[np.bool_]:
        """Whether each place occurs."""
        found = np.zeros(int(self.ends[-1]), dtype=np.bool_)
        found[places] = True
        return found


def _places(clearing: pl.DataFrame) -> _Places:
    """The places of a night; after its files stands one that has no place, for files of other nights."""
    last = clearing.group_by("file").agg(pl.col("record").max()).sort("file")
    ends = np.cumsum(last["record"].to_numpy() + 1)
    starts = np.concatenate([[0], ends]).astype(np.int64)
    return _Places(files=pl.Enum(last["file"]), starts=starts, ends=np.append(ends, starts[-1]).astype(np.int64))


def _legs(inputs: StageInput) -> list[dict[str, Any]]:
    """The legs as the rules document writes them."""
    legs: list[dict[str, Any]] = tomllib.loads(inputs.documents["match.toml"])["leg"]
    return legs


def _narrowed(leg: Mapping[str, Any]) -> bool:
    """Whether records of earlier nights may come to the leg tonight, with its first file or an enrolment."""
    return bool(leg.get("merchant_feeds") or leg.get("programmes"))


def _on_leg(inputs: StageInput, leg: Mapping[str, Any], clearing: pl.DataFrame, at: _Counts) -> tuple[_Counts, _Counts]:
    """The places of tonight's records that are owed to a leg, and of those that may stand there as well.

    A card of two programmes may be of the leg or not. ``at`` are the places of the rows of ``clearing``.
    """
    feeds, programmes = leg.get("merchant_feeds"), leg.get("programmes")
    named = [feed for one in _legs(inputs) for feed in one.get("merchant_feeds", ())]
    bank = pl.col("side") == "bank"
    posted = (pl.col("posting_date") >= pl.lit(_begin(inputs, feeds), pl.Date)).fill_null(value=False)
    begun = posted if feeds else pl.lit(value=True)
    merchant = pl.col("feed").is_in(feeds) if feeds else ~pl.col("feed").is_in(named)
    of_kind = pl.col("kind").is_in([kind for kinds in leg["kinds"] for kind in kinds])
    taking = clearing.select(bank=bank, taking=of_kind & pl.when(bank).then(begun).otherwise(merchant))
    rows = np.flatnonzero(taking["taking"].to_numpy())
    if not programmes or not len(rows):
        return at[rows], at[rows]
    cards = inputs.tonight("clearing").select("card_ref").collect()[rows]
    told = cards.join(_cards(inputs, programmes), on="card_ref", how="left", maintain_order="left")
    theirs = ~taking["bank"].gather(rows)
    every, some = ((theirs | told[name].fill_null(value=False)).to_numpy() for name in ("every", "some"))
    return at[rows[every]], at[rows[some]]


def _begin(inputs: StageInput, feeds: Sequence[str] | None) -> date | None:
    """The business date of the first accepted file of some feeds; none where no file came."""
    columns = ["feed", "fate", "file_date"]
    files = pl.concat([inputs.history["file"].select(columns).collect(), inputs.tables["file"].select(columns)])
    of_leg = files.filter((pl.col("fate") == "accepted") & pl.col("feed").is_in(feeds or []))
    return of_leg.select(pl.col("file_date").min()).item()  # type: ignore[no-any-return]


def _cards(inputs: StageInput, programmes: Sequence[str]) -> pl.DataFrame:
    """By card whether every line about it, and whether some line, names one of the programmes."""
    columns = ["card_ref", "programme"]
    lines = pl.concat(
        [inputs.history["enrolment"].select(columns).collect(), inputs.tables["enrolment"].select(columns)]
    )
    ours = pl.col("programme").is_in(programmes)
    return lines.group_by("card_ref").agg(every=ours.all(), some=ours.any())
