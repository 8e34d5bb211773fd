"""What is true of the sample, night by night: file fates, matches, breaks, cash, rejected rows and events.

Nothing here is found by matching: each record knows from its making which event it belongs to, and a match is complete
on the night on which the last record of its event was delivered in an accepted file. Payouts are left out: they
follow from the contracts, which the sample does not own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from settlement.sample.codes import mask_numbers
from settlement.sample.events import JPY, KWD, USD
from settlement.sample.faults import TRUTH_KINDS
from settlement.sample.records import FOREIGN_CARD
from settlement.sample.world import PROGRAMMES, World, mask_text
from settlement.sample.writers_bank import Entry, entry_reference

BANK_SIDE, MERCHANT_SIDE = 0, 1
_BASE_CURRENCY: Final = {USD: "USD", JPY: "JPY", KWD: "KWD"}
FEEDS_OF_BANK: Final = ("MC", "VISA")
_REASONS: Final = ("MISSING", "DUPLICATE_RECORD", "FOREIGN_BIN")
_REJECTED: Final = pl.Schema(
    {"file": pl.String, "rec": pl.Int64, "reason": pl.String, "amount_minor": pl.Int64, "currency": pl.String}
)
_OTHER: Final = pl.Schema({"file": pl.String, "rec": pl.Int64, "class": pl.String})
_PENDING: Final = pl.Schema(
    {
        "side": pl.Int8,
        "file": pl.Int32,
        "rec": pl.Int64,
        "event": pl.Int64,
        "members": pl.Int8,
        "truth": pl.Int8,
        "reason": pl.String,
        "amount": pl.Int64,
        "foreign": pl.Int64,
        "currency": pl.Int32,
        "loose": pl.Boolean,
        "mask": pl.Int64,
        "why_open": pl.Int8,
        "opened": pl.Int32,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """The detail records of one file in file order, with ``rec``, as they count once the file is accepted.

    ``file`` is its locator, ``night`` the night of its business date, ``last`` the number of its last record.
    """

    feed: str
    file: str
    night: int
    last: int
    rows: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedEntry:
    """An entry of a bank statement and the file it settles, told by feed and night of its business date."""

    statement: str
    number: int
    feed: str
    night: int
    entry: Entry


@dataclass(slots=True, kw_only=True)
class TruthBook:
    """Carries open records and pending cash from night to night and writes the truth of each."""

    world: World
    root: Path
    _names: list[str] = field(default_factory=list)
    _pending: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_PENDING))
    _matches: int = 0
    _waiting: list[BookedEntry] = field(default_factory=list)
    _accepted: dict[tuple[str, int], str] = field(default_factory=dict)

    def open_records(self) -> pl.DataFrame:
        """Mask number and amount of every record that is still open."""
        return self._pending.select("mask", "amount")

    def close_night(
        self, night: int, files: list[dict[str, object]], filed: list[Filed], booked: list[BookedEntry]
    ) -> None:
        """Write the truth of a night.

        Parameters
        ----------
        night
            Number of the night, from 0.
        files
            One row of ``files.csv`` for each file delivered.
        filed
            Records of the files accepted on this night.
        booked
            The entries of this night's bank statement.
        """
        folder = self.root / str(self.world.night(night))
        folder.mkdir(parents=True)
        pl.DataFrame(files, infer_schema_length=None).write_csv(folder / "files.csv")
        for item in filed:
            self._accepted[item.feed, item.night] = item.file
        self._write_cash(folder, night, booked)
        pl.concat([pl.DataFrame(schema=_REJECTED), *(_rejected(item) for item in filed)]).write_csv(
            folder / "rows_rejected.csv"
        )
        pl.concat([pl.DataFrame(schema=_OTHER), *(_others(item) for item in filed)]).write_csv(folder / "other.csv")
        events = [_events(item, self.world) for item in filed if item.feed in FEEDS_OF_BANK]
        pl.concat(events).write_csv(folder / "events.csv")
        self._match(folder, night, filed)

    def _write_cash(self, folder: Path, night: int, booked: list[BookedEntry]) -> None:
        rows = []
        still = []
        for item in self._waiting:
            file = self._accepted.get((item.feed, item.night))
            if file is None:
                still.append(item)
            else:
                rows.append(_cash_row(item, file, str(self.world.night(night))))
        for item in booked:
            file = self._accepted.get((item.feed, item.night))
            rows.append(_cash_row(item, file, str(self.world.night(night)) if file else None))
            if file is None:
                still.append(item)
        self._waiting = still
        pl.DataFrame(rows, schema=_CASH, orient="row", infer_schema_length=None).write_csv(folder / "cash.csv")

    def _match(self, folder: Path, night: int, filed: list[Filed]) -> None:
        arrived = []
        for item in filed:
            arrived.append(_members(item, self.world, len(self._names), night))
            self._names.append(item.file)
        pending = pl.concat([self._pending, *arrived])
        groups = pending.filter(pl.col("members") > 0).group_by("event").agg(pl.len(), pl.col("members").first())
        complete = groups.filter(pl.col("len") == pl.col("members")).select("event")
        done = pending.join(complete, on="event", how="semi").filter(pl.col("members") > 0)
        self._pending = pending.filter((pl.col("members") == 0) | ~pl.col("event").is_in(complete["event"].implode()))
        names = pl.Series(self._names, dtype=pl.String)
        self._write_matches(folder, night, done, names)
        _breaks(self._pending, names, self.world).write_csv(folder / "breaks.csv")

    def _write_matches(self, folder: Path, night: int, done: pl.DataFrame, names: pl.Series) -> None:
        left, right = (done.filter(pl.col("side") == side) for side in (BANK_SIDE, MERCHANT_SIDE))
        lines = left.join(right, on="event", suffix="_right", maintain_order="left_right")
        own_currency = pl.col("currency_right") != USD
        lines = lines.with_columns(
            amount=pl.when(own_currency).then("foreign").otherwise("amount"),
            number=pl.col("event").rank("dense").cast(pl.Int64) + self._matches,
        )
        self._matches += int(lines["event"].n_unique())
        sums = [
            done_side.group_by("event").agg(pl.col("amount").sum().alias(name))
            for done_side, name in (
                (lines.select("event", "file", "rec", "amount").unique(), "sum_left"),
                (right.select("event", "amount"), "sum_right"),
            )
        ]
        for total in sums:
            lines = lines.join(total, on="event", maintain_order="left")
        lines = lines.sort("file", "rec", "file_right", "rec_right")
        lines.select(
            pl.format("M{}", pl.col("number").cast(pl.String).str.zfill(9)).alias("match_id"),
            _named("truth", TRUTH_KINDS).alias("kind"),
            pl.lit("MERCHANT").alias("leg"),
            _file("file", names).alias("left_file"),
            pl.col("rec").alias("left_rec"),
            _file("file_right", names).alias("right_file"),
            pl.col("rec_right").alias("right_rec"),
            pl.col("amount").alias("left_minor"),
            pl.col("amount_right").alias("right_minor"),
            _currency("currency_right").alias("currency"),
            (pl.col("sum_right") - pl.col("sum_left")).alias("diff_minor"),
            pl.when(pl.col("reason") != "").then("reason").alias("diff_reason"),
            _equivalent("loose", "mask", "amount").alias("left_equiv"),
            _equivalent("loose_right", "mask_right", "amount_right").alias("right_equiv"),
            pl.lit(str(self.world.night(night))).alias("match_night"),
        ).write_csv(folder / "matches.csv")


_CASH: Final = (
    *("camt_file", "entry", "entry_ref", "currency", "cdt_dbt", "amount_minor", "ties_to", "expected_minor"),
    *("diff_minor", "status", "tie_night"),
)


def _cash_row(item: BookedEntry, file: str | None, tied_on: str | None) -> tuple[object, ...]:
    entry = item.entry
    day = item.statement[:10].replace("-", "")
    short = entry.amount_minor - entry.expected_minor
    direction = "CRDT" if entry.amount_minor >= 0 else "DBIT"
    head = (item.statement, item.number, entry_reference(day, item.number), "USD", direction, abs(entry.amount_minor))
    if file is None:
        return (*head, None, None, None, "FILE_PENDING", None)
    status = "TIED" if short == 0 else "SHORT_BY_FEE"
    return (*head, file, abs(entry.expected_minor), short, status, tied_on)


def _named(column: str, names: tuple[str, ...]) -> pl.Expr:
    return pl.col(column).cast(pl.Int64).replace_strict(list(range(len(names))), list(names), return_dtype=pl.String)


def _file(column: str, names: pl.Series) -> pl.Expr:
    return pl.lit(names).gather(pl.col(column))


def _currency(column: str) -> pl.Expr:
    codes = list(_BASE_CURRENCY)
    return pl.col(column).cast(pl.Int64).replace_strict(codes, list(_BASE_CURRENCY.values()), return_dtype=pl.String)


def _equivalent(loose: str, mask: str, amount: str) -> pl.Expr:
    """A name for the records that nothing tells apart: masked card and amount; empty where codes tell."""
    shown = mask_text(pl.col(mask))
    name = pl.concat_str(pl.lit("K"), shown.str.head(6), pl.lit("-"), shown.str.tail(4), pl.lit("-"), pl.col(amount))
    return pl.when(pl.col(loose)).then(name)


def _members(item: Filed, world: World, file: int, night: int) -> pl.DataFrame:
    """The records of a file that take part in matching."""
    bank = item.feed in FEEDS_OF_BANK
    rows = item.rows.filter(pl.col("bad") == "")
    if bank:
        rows = rows.filter(pl.col("kind") != "CASH")
    why = pl.when("copy").then(1).when(pl.col("card") == FOREIGN_CARD).then(2).otherwise(0)
    rows = rows.with_columns(
        mask_numbers(world, rows["card"], rows["event"]).alias("mask"),
        side=pl.lit(BANK_SIDE if bank else MERCHANT_SIDE),
        file=pl.lit(file),
        foreign=pl.col("foreign" if bank else "amount"),
        why_open=why,
        opened=pl.lit(night),
    )
    return rows.select(pl.col(name).cast(type_) for name, type_ in _PENDING.items())


def _breaks(pending: pl.DataFrame, names: pl.Series, world: World) -> pl.DataFrame:
    missing = pl.when(pl.col("side") == BANK_SIDE).then(pl.lit("MISSING_MERCHANT")).otherwise(pl.lit("MISSING_BANK"))
    named = pl.when(pl.col("why_open") == 0).then(missing).otherwise(_named("why_open", _REASONS))
    nights = pl.Series([str(world.night(index)) for index in range(world.nights)])
    currency = pl.when(pl.col("side") == BANK_SIDE).then(pl.lit("USD")).otherwise(_currency("currency"))
    return pending.sort("file", "rec").select(
        _file("file", names).alias("file"),
        "rec",
        pl.lit("MERCHANT").alias("leg"),
        named.alias("reason"),
        pl.col("amount").alias("amount_minor"),
        currency.alias("currency"),
        pl.lit(nights).gather(pl.col("opened")).alias("opened_on"),
        _equivalent("loose", "mask", "amount").alias("equiv_group"),
    )


def _rejected(item: Filed) -> pl.DataFrame:
    readable = pl.col("bad") != "NON_NUMERIC_AMOUNT"
    return item.rows.filter(pl.col("bad") != "").select(
        pl.lit(item.file).alias("file"),
        "rec",
        pl.col("bad").alias("reason"),
        pl.when(readable).then("amount").alias("amount_minor"),
        pl.lit("USD").alias("currency"),
    )


def _others(item: Filed) -> pl.DataFrame:
    """The records of an accepted file that take no part in matching."""
    rows, last = item.rows, item.last
    found: list[tuple[int, str]] = [(1, "HEADER")]
    if item.feed == "MC":
        details = 1 + len(rows)
        found += [(details + 1, "FEE_COLLECTION"), (details + 2, "FEE_COLLECTION"), (last, "TRAILER")]
        found += [(number, "FINANCIAL_POSITION") for number in range(details + 3, last)]
    elif item.feed == "VISA":
        found += [(last - 1, "TRAILER"), (last, "TRAILER")]
    elif item.feed == "RET":
        found += [(2, "HEADER"), (last, "TRAILER")]
    else:
        found += [(last - 1, "ACQ_FEE"), (last, "PAYOUT")]
    frames = [pl.DataFrame(found, schema={"rec": pl.Int64, "class": pl.String}, orient="row")]
    if item.feed in FEEDS_OF_BANK:
        cash = rows.filter(pl.col("kind") == "CASH").select("rec", pl.lit("CASH_ADVANCE").alias("class"))
        frames.append(cash)
    if item.feed == "VISA":
        numbers = (rows["rec"].to_numpy()[:, None] + np.array([1, 2])).ravel()
        frames.append(pl.DataFrame({"rec": numbers}).with_columns(pl.lit("CONTINUATION_TCR").alias("class")))
    return pl.concat(frames).sort("rec").select(pl.lit(item.file).alias("file"), "rec", "class")


def _events(item: Filed, world: World) -> pl.DataFrame:
    """Every bank-side detail of an accepted file as an economic event."""
    shops, accounts = world.merchants, world.accounts
    part = pl.when("copy").then(9).otherwise("part")
    copied = pl.when("copy").then(pl.lit("DUPLICATE")).otherwise(pl.lit("OK"))
    rows = item.rows.filter(pl.col("bad") == "")
    programme = accounts["programme"].gather(rows["card"]).cast(pl.Int64)
    return rows.select(
        pl.format("E{}-{}", "event", part).alias("event_id"),
        pl.lit(str(world.night(item.night))).alias("posting_date"),
        programme.replace_strict([0, 1, 2], list(PROGRAMMES), return_dtype=pl.String).alias("programme"),
        accounts["account"].gather(rows["card"]).alias("account_id"),
        pl.col("kind").alias("type"),
        pl.when(pl.col("original") > 0).then(pl.format("E{}-0", "original")).alias("orig_event_id"),
        pl.col("day").cast(pl.Date).alias("txn_date"),
        pl.col("amount").alias("amount_minor"),
        pl.col("cashback").alias("cashback_minor"),
        pl.lit("USD").alias("currency"),
        shops["mcc"].gather(rows["merchant"]).alias("mcc"),
        shops["number"].gather(rows["merchant"]).alias("merchant_no"),
        pl.when("own").then(pl.lit("Y")).otherwise(pl.lit("N")).alias("own_store"),
        pl.lit(item.file).alias("file"),
        "rec",
        copied.alias("status"),
        pl.lit(None, pl.String).alias("base_row"),
        pl.lit("SAMPLE").alias("origin"),
    )
