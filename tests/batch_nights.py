"""Nights of an acquirer's batches: reports and bank entries that come in any order, matched, booked and explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl
from match_frames import file_row, frame
from payout_frames import night, past
from pipeline import documents

from settlement import balances, books, store
from settlement.books import StageRun
from settlement.match.batches import batch_ties
from settlement.match.carries import batch_carries
from settlement.match.cash import cash_ties
from settlement.match.rules import read_rules
from settlement.model.stage import StageInput
from settlement.model.tables import TABLES
from settlement.post import journal
from settlement.stages import stage_named
from settlement.store import Home

FEED = "acquirer_us"
ACCOUNT = f"asset:batch_clearing:{FEED}:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An acquirer's report of one batch, + to us: what it takes over, its sales, and what it pays or carries over."""

    batch: str
    sales: int = 0
    taken: int = 0
    paid: int | None = None
    carried: int | None = None
    rejected: int | None = None
    currency: str = "USD"

    def tables(self, day: date) -> dict[str, list[dict[str, Any]]]:
        file = f"{day}/ACQ_{self.batch}.csv"
        place = {"file": file, "batch": self.batch}

        def line(record: int, class_: str, amount: int) -> dict[str, Any]:
            return {**place, "record": record, "class": class_, "amount_minor": amount, "currency": self.currency}

        row = file_row(f"ACQ_{self.batch}.csv", feed=FEED) | {"file": file}
        if self.paid is not None:
            row |= {"net_settlement_minor": self.paid, "net_settlement_currency": self.currency}
            row |= {"payout_text": f"batch {self.batch}"}
        control = [line(1, "BALANCE", self.taken)] if self.taken else []
        control += [] if self.paid is None else [line(9, "PAYOUT", -self.paid)]
        control += [] if self.carried is None else [line(9, "BALANCE", -self.carried)]
        sale = {**place, "record": 2, "net_minor": self.sales, "net_currency": self.currency}
        bad = {**place, "record": 3, "reason": "BAD_DATE", "field": "Creation Date", "preview": "31.2."}
        bad |= {"net_minor": self.rejected, "net_currency": self.currency}
        return {
            "file": [row],
            "clearing": [sale] if self.sales else [],
            "control_record": control,
            "reject": [] if self.rejected is None else [bad],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Cash:
    """An entry of the bank's statement that names a batch, + to us."""

    batch: str
    amount: int
    currency: str = "USD"

    def row(self, day: date, record: int) -> dict[str, Any]:
        return {
            "file": f"{day}/CAMT.xml",
            "record": record,
            "account": "A",
            "entry_ref": f"R{record}",
            "booked_on": day,
            "value_on": day,
            "direction": 1 if self.amount > 0 else -1,
            "amount_minor": abs(self.amount),
            "currency": self.currency,
            "code": "ACQP",
            "remittance": f"batch {self.batch}",
        }


Told = Report | Cash | Mapping[str, Sequence[Mapping[str, Any]]]
"""What comes in a night: a report, a bank entry, or rows of tables."""


@dataclass(slots=True)
class Nights:
    """A home of which these stages' nights are written, matched and booked, one after another."""

    home: Home
    history: dict[str, dict[date, pl.DataFrame]] = field(default_factory=dict)

    def settle(self, *told: Told, by_old_code: bool = False) -> dict[str, int]:
        """One night more; the balance of each batch's account that is not zero, after it."""
        day = night(len(self.history.get("file", {})) + 1)
        rows: dict[str, list[Mapping[str, Any]]] = {}
        for one in told:
            if isinstance(one, Cash):
                rows.setdefault("statement_entry", []).append(one.row(day, len(rows.get("statement_entry", [])) + 1))
                continue
            for name, some in (one.tables(day) if isinstance(one, Report) else one).items():
                rows.setdefault(name, []).extend(some)
        read = {*stage_named("match").reads, "clearing", "payout", "ledger"}
        tables = {name: frame(name, rows.get(name, [])) for name in read}
        inputs = self._inputs(day, tables)
        tables["cash_tie"] = cash_ties(read_rules(documents()).cash, inputs.tables, inputs.history)
        tables["batch_tie"] = batch_ties(read_rules(documents()), inputs)
        tables["batch_carry"] = batch_carries(inputs, tables["batch_tie"])
        if by_old_code:
            nothing = {name: pl.lit(None, pl.String) for name in ("feed", "closed_by")}
            tables["batch_tie"] = tables["batch_tie"].with_columns(**nothing)
            tables["batch_carry"] = tables["batch_carry"].clear()
        output = journal.run(self._inputs(day, tables))
        made = {name: tables[name] for name in ("cash_tie", "batch_tie", "batch_carry")} | dict(output.tables)
        for name, told_rows in made.items():
            store.checked(TABLES[name], told_rows)
        for name, told_rows in (tables | made).items():
            self._write(name, day, told_rows)
        run = StageRun(business_date=day, stage="post", inputs_digest="1", outputs_digest="2")
        books.commit_stage(books.connect(self.home), run, list(output.entries))
        return self.standing()

    def standing(self) -> dict[str, int]:
        """Batch accounts that are not zero, each with its currency where that is another than USD."""
        _, found = balances.trial_balance(self.home, None, "asset:")
        return {
            one.account.removeprefix(ACCOUNT) + ("" if one.currency == "USD" else f" {one.currency}"): one.balance_minor
            for one in found
            if one.balance_minor and one.account.startswith(ACCOUNT)
        }

    def open_items(self) -> dict[str, str]:
        """Why each account that clears is open; all of them are explained."""
        last, found = balances.trial_balance(self.home, None, "")
        items = balances.open_items(self.home, last, found)
        assert [item for item in items if item.item is None] == []
        return {item.balance.account.removeprefix(ACCOUNT): item.text for item in items}

    def _inputs(self, day: date, tables: Mapping[str, pl.DataFrame]) -> StageInput:
        names = {*stage_named("match").history, *stage_named("post").history}
        return StageInput(
            business_date=day,
            unit="all",
            documents=documents(),
            tables=tables,
            history={name: past(name, self.history.get(name, {})) for name in names},
        )

    def _write(self, name: str, day: date, rows: pl.DataFrame) -> None:
        self.history.setdefault(name, {})[day] = rows
        folder = self.home.partition(name, day)
        folder.mkdir(parents=True)
        rows.write_parquet(folder / "part-00000.parquet")
