"""Makes coherent nights of files in the sample's formats with planted, known faults, and their truth.

``DIR/<delivery date>/`` holds the files delivered on a night, ``DIR/truth/<delivery date>/`` what is true of it. The
same arguments give the same bytes. A night is a pure function of the arguments and of the nights before it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from settlement.errors import TerminalError
from settlement.sample import writers_feeds as feeds
from settlement.sample.copies import make_copy
from settlement.sample.events import EVENTS_A_NIGHT, Rates, draw_others, draw_sales, in_currency, key_of, rates_of
from settlement.sample.faults import RETURNABLE, SHORT_FEE_MINOR, Copy, Fault, Form, count_of, deliveries, is_short
from settlement.sample.records import BANK, MERCHANT, records
from settlement.sample.truth import BookedEntry, Filed, TruthBook
from settlement.sample.world import UNI, World, make_world
from settlement.sample.writers_bank import Entry, write_statement
from settlement.sample.writers_ipm import write_ipm
from settlement.sample.writers_merchant import write_acquirer, write_retail
from settlement.sample.writers_visa import write_visa
from settlement.sample.written import Written, sha256_of

DEFAULT_START: Final = date(2025, 12, 30)
Progress = Callable[[str], None]

_NAMES: Final = {
    "MC": "MC_T112_{day}_{number}.ipm",
    "VISA": "VISA_CTF_{day}_{number}.ctf",
    "RET": "RET_CAPTURE_{day}_{number}.csv",
    "ACQ": "ACQ_SETTLEMENT_US_{day}.csv",
}
_FIRST_AND_STEP: Final = {"MC": (2, 1), "VISA": (2, 3), "RET": (3, 1), "ACQ": (2, 1)}
_RETURNABLE: Final = pl.Schema(
    {"event": pl.Int64, "card": pl.Int64, "merchant": pl.Int64, "own": pl.Boolean, "day": pl.Int64, "amount": pl.Int64}
)


def generate(
    target: Path,
    nights: int,
    rows: int,
    seed: int,
    *,
    start: date = DEFAULT_START,
    progress: Progress | None = None,
) -> None:
    """Write ``nights`` nights from ``start`` on with about ``rows`` clearing records a night on the bank side.

    Parameters
    ----------
    target
        Folder to make; it must not exist or be empty.
    nights, rows, seed
        How many nights, clearing records a night, and the number that all chance is drawn from.
    start
        Delivery date of the first night. With the default a quarter ends on the second night.
    progress
        Told what is being written, one line a night.

    Raises
    ------
    TerminalError
        If the folder holds something already.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise TerminalError(f"The sample is not written: {target} exists and is not an empty folder; name a new one.")
    target.mkdir(parents=True, exist_ok=True)
    world = make_world(seed=seed, rows=rows, nights=nights, first_night=start)
    run = _Run(world=world, target=target, seed=seed, book=TruthBook(world=world, root=target / "truth"))
    for night in range(nights):
        if progress is not None:
            progress(f"Night {night + 1} of {nights}: {world.night(night)}")
        run.make_night(night)


@dataclass(slots=True, kw_only=True)
class _Run:
    """What one night leaves to the next while a sample is made."""

    world: World
    target: Path
    seed: int
    book: TruthBook
    late_bank: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=BANK))
    late_merchant: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MERCHANT))
    returnable: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_RETURNABLE))
    delivered: dict[int, list[dict[str, object]]] = field(default_factory=dict)
    filed: dict[int, list[Filed]] = field(default_factory=dict)
    booked_minor: int = 0

    def make_night(self, night: int) -> None:
        """Draw the events of a night, write its files, and close its truth."""
        rates = rates_of(self.seed, night)
        entries = self._write_clearing(night, rates, *self._draw(night, rates))
        booked = self._write_statement(night, entries)
        self._write_feeds(night, rates)
        files = sorted(self.delivered.pop(night, []), key=lambda row: str(row["file"]))
        self.book.close_night(night, files, self.filed.pop(night, []), booked)

    def _draw(self, night: int, rates: Rates) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The records of both sides that go into this night's files, in file order."""
        rng = np.random.default_rng([self.seed, 2, night])
        taken = self.book.open_records().select(key_of("mask", "amount")).to_series().unique().to_numpy()
        sales = in_currency(draw_sales(self.world, night, rng, taken), rates)
        first = (night + 1) * EVENTS_A_NIGHT + 1 + len(sales)
        others = draw_others(self.world, night, rng, first, self.returnable)
        free = first + sum(len(frame) for frame in (others.cash, others.negatives, others.foreign_cards, others.bad))
        both = records(sales, others, rates, free)
        self._keep_returnable(sales, others.negatives, rng)
        bank = pl.concat([self.late_bank, both.bank.filter(~pl.col("late"))])
        merchant = pl.concat([self.late_merchant, both.merchant.filter(~pl.col("late"))])
        self.late_bank = both.bank.filter("late")
        self.late_merchant = both.merchant.filter("late")
        return _shuffled(bank, rng), _shuffled(merchant, rng)

    def _keep_returnable(self, sales: pl.DataFrame, negatives: pl.DataFrame, rng: np.random.Generator) -> None:
        """Remember plain sales that later nights may take back, each once."""
        plain = sales.filter(pl.col("fault") == Fault.NONE).select(_RETURNABLE.names()).cast(_RETURNABLE)
        chosen = plain[rng.permutation(len(plain))[: count_of(RETURNABLE, len(sales))]]
        used = negatives.select(pl.col("original").alias("event"))
        kept = self.returnable.join(used, on="event", how="anti", maintain_order="left")
        self.returnable = pl.concat([kept, chosen])

    def _write_clearing(
        self, night: int, rates: Rates, bank: pl.DataFrame, merchant: pl.DataFrame
    ) -> list[tuple[str, Entry]]:
        """Write the four files of the night's business date, deliver their copies, and say what the bank books."""
        day = self.world.night(night)
        on_visa = pl.Series(self.world.accounts["programme"].to_numpy()[bank["card"].to_numpy()] == UNI)
        with tempfile.TemporaryDirectory(dir=self.target, prefix=".writing-") as place:
            draft = Path(place) / "draft"
            mastercard, visa = bank.filter(~on_visa), bank.filter(on_visa)
            retail, elsewhere = merchant.filter("own"), merchant.filter(~pl.col("own"))
            files = {"MC": write_ipm(draft, mastercard, self.world, rates, day)}
            self._deliver("MC", night, files["MC"], mastercard)
            files["VISA"] = write_visa(draft, visa, self.world, day, line_ends=night % 2 == 0)
            self._deliver("VISA", night, files["VISA"], visa)
            self._deliver("RET", night, write_retail(draft, retail, self.world, day), retail)
            payout = write_acquirer(draft, elsewhere, self.world, rates, night)
            self._deliver("ACQ", night, payout.written, elsewhere)
        entries = [(feed, _network_entry(self._accepted_name(feed, night), files[feed])) for feed in ("MC", "VISA")]
        entry = Entry(
            amount_minor=payout.amount_minor - (SHORT_FEE_MINOR if is_short(night) else 0),
            expected_minor=payout.amount_minor,
            code="ACQP",
            end_to_end_id=payout.reference,
            remittance=payout.text,
        )
        return [*entries, ("ACQ", entry)]

    def _name(self, feed: str, night: int, number: str) -> str:
        return _NAMES[feed].format(day=f"{self.world.night(night):%Y%m%d}", number=number)

    def _accepted_name(self, feed: str, night: int) -> str:
        number = next(copy.number for copy in deliveries(feed, night) if copy.fate == "accepted")
        return self._name(feed, night, number)

    def _deliver(self, feed: str, night: int, written: Written, rows: pl.DataFrame) -> None:
        """Put the copies of a file into the folders of the nights on which they come."""
        copies = [copy for copy in deliveries(feed, night) if night + copy.nights_later < self.world.nights]
        for copy in copies:
            on = night + copy.nights_later
            path = self._folder(on) / self._name(feed, night, copy.number)
            if copy is copies[-1] and copy.form is Form.GOOD:
                written.path.replace(path)
            else:
                make_copy(written.path, path, copy.form)
            self._register(on, path, written, copy)
            if copy.fate == "accepted":
                first, step = _FIRST_AND_STEP[feed]
                numbers = pl.int_range(first, first + step * len(rows), step, dtype=pl.Int64, eager=True)
                filed = Filed(
                    feed=feed,
                    file=f"{self.world.night(on)}/{path.name}",
                    night=night,
                    last=written.records,
                    rows=rows.with_columns(rec=numbers),
                )
                self.filed.setdefault(on, []).append(filed)

    def _folder(self, night: int) -> Path:
        folder = self.target / str(self.world.night(night))
        folder.mkdir(exist_ok=True)
        return folder

    def _register(self, night: int, path: Path, written: Written, copy: Copy) -> None:
        day = str(self.world.night(night))
        row: dict[str, object] = {
            "delivered_on": day,
            "file": f"{day}/{path.name}",
            "sha256": sha256_of(path),
            "records": written.records if copy.fate in ("accepted", "duplicate") else None,
            "fate": copy.fate,
            "why": copy.why or None,
            "controls": written.controls if copy.fate == "accepted" else None,
        }
        self.delivered.setdefault(night, []).append(row)

    def _write_statement(self, night: int, entries: list[tuple[str, Entry]]) -> list[BookedEntry]:
        day = self.world.night(night)
        path = self._folder(night) / f"CAMT053_{day:%Y%m%d}.xml"
        written = write_statement(path, [entry for _, entry in entries], self.booked_minor, day)
        self._register(night, path, written, Copy())
        self.booked_minor += sum(entry.amount_minor for _, entry in entries)
        return [
            BookedEntry(statement=f"{day}/{path.name}", number=number, feed=feed, night=night, entry=entry)
            for number, (feed, entry) in enumerate(entries, 1)
        ]

    def _write_feeds(self, night: int, rates: Rates) -> None:
        """Write the reference feeds of a night, and one notice that no layout describes."""
        day = self.world.night(night)
        frames = {"ACCOUNTS": feeds.account_events(self.world, night, self.seed)}
        frames["FX"] = feeds.exchange_rates(rates, day)
        if night == 0:
            frames["ENROLMENT"] = feeds.enrolment(self.world)
            frames["STORES"] = feeds.stores(self.world)
            frames["OPENING_POSITIONS"] = feeds.opening_positions(self.world)
        named = {f"{feed}_{day:%Y%m%d}.csv": frame for feed, frame in frames.items()}
        for year, month, version in feeds.profit_and_loss_due(self.world, night):
            frame = feeds.profit_and_loss(year, month, version, self.seed)
            named[f"PNL_{year}{month:02d}_v{version}.csv"] = frame
        for name, frame in named.items():
            path = self._folder(night) / name
            self._register(night, path, feeds.lines_of(path, frame), Copy())
        if night == 0:
            path = self._folder(night) / f"CLUB_NOTICE_{day:%Y%m%d}.txt"
            self._register(night, path, feeds.notice(path, day), Copy(fate="no_layout", why="NO_LAYOUT_YET"))


def _network_entry(name: str, written: Written) -> Entry:
    return Entry(
        amount_minor=-written.net_minor,
        expected_minor=-written.net_minor,
        code="NETW",
        end_to_end_id=name,
        remittance=f"NETSETTLEMENT {name}",
    )


def _shuffled(rows: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Rows in random order, where an exact repeat comes after the record that it repeats."""
    rows = rows.with_columns(pl.Series("at", rng.permutation(len(rows))))
    at, copied = pl.col("at"), pl.col("copy")
    twice = rows.join(rows.filter("copy").select("event"), on="event", how="semi").select(
        "event", "copy", swapped=pl.when(copied).then(at.max().over("event")).otherwise(at.min().over("event"))
    )
    rows = rows.join(twice, on=["event", "copy"], how="left", maintain_order="left")
    return rows.with_columns(at=pl.coalesce("swapped", "at")).sort("at").drop("at", "swapped")
