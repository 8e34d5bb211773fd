"""What the close looks at, read once: every statement so far, the books, and what persons have put beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Final

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from settlement import books, close_books, originals, payout_books, store
from settlement.close_books import Certificate, Note
from settlement.errors import TerminalError
from settlement.model.clearing import TOLD_ONLY, StatementState
from settlement.model.contract import ContractVersion
from settlement.model.document import of_programme
from settlement.model.journal import Entry
from settlement.model.tables import TABLES
from settlement.payout import cash
from settlement.rate.contract_file import read_contracts
from settlement.store import Home

SETTLED: Final = "pay"
"""The stage whose commit makes a night count: what a partner is owed is stated by then."""
_DAY: Final = timedelta(days=1)


class CloseRules(BaseModel):
    """``[close]`` of ``programme.toml``: how old an open item may be before a period with it needs a word on it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clearing_days: int = Field(default=5, ge=0)
    break_days: int = Field(default=30, ge=0)


class _Programme(BaseModel):
    model_config = ConfigDict(frozen=True)

    close: CloseRules = CloseRules()


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A home as it stands after its last settled night.

    Attributes
    ----------
    night:
        The last settled night.
    settled, delivered:
        The nights that are settled and those that are delivered, each in order.
    statements:
        Table ``payout`` of all nights with the ``business_date`` of the night that wrote each line.
    """

    home: Home
    engine: books.Engine
    night: date
    settled: Sequence[date]
    delivered: Sequence[date]
    documents: Mapping[str, str]
    contracts: Mapping[str, Sequence[ContractVersion]]
    statements: pl.DataFrame
    rules: CloseRules

    @cached_property
    def runs(self) -> Sequence[books.StageRun]:
        """All committed stages."""
        return books.stage_runs(self.engine)

    @cached_property
    def bank_entries(self) -> tuple[Collection[tuple[str, int]], Mapping[tuple[str, int], str]]:
        """Bank entries by statement and number: those taken for payouts, and why others on suspense are not taken.

        What is taken between the last settled night and the next one belongs to that; what later nights took counts
        no more than they do.
        """
        with books.transaction(self.engine) as connection:
            shown = payout_books.cash_of(connection, self.night + _DAY)
        return shown, {one.entry.place: one.why for one in cash.judged_now(self.home, self.engine)}

    @cached_property
    def entries(self) -> Sequence[Entry]:
        """The journal, by key."""
        return books.read_entries(self.engine, self.night)

    @cached_property
    def files(self) -> pl.DataFrame:
        """Every delivered file of every night with its fate, and the ``business_date`` of its night."""
        columns = ["file", "fate", "why", "feed", "file_date", "business_date"]
        return self.history("file").select(columns).collect()

    @cached_property
    def certificates(self) -> Mapping[tuple[str, str], Certificate]:
        """What is signed, by contract and period."""
        return {(one.contract, one.period): one for one in close_books.certificates(self.engine)}

    @cached_property
    def notes(self) -> Sequence[Note]:
        """What persons have waived or explained."""
        return close_books.notes(self.engine)

    def history(self, table: str) -> pl.LazyFrame:
        """A table of all nights up to the last settled one, with the ``business_date`` of each row."""
        return store.scan_history(self.home, table, self.night + _DAY)

    def statement(self, contract: str, period: str) -> pl.DataFrame:
        """The closed statement's lines; none where the period has not closed."""
        one = (pl.col("contract") == contract) & (pl.col("period") == period)
        return self.statements.filter(one & (pl.col("state") == StatementState.CLOSED))

    def balance(self, account: str) -> dict[str, int]:
        """Debits less credits of an account after the last settled night, by currency, zeros left out."""
        rows = store.read_table(self.home, "trial_balance", self.night).filter(pl.col("account") == account)
        return {unit: amount for unit, amount in rows.select("currency", "balance_minor").iter_rows() if amount}


def read_scene(home: Home) -> Scene:
    """Read a home for its close. TerminalError where no night of it is settled."""
    engine = books.connect(home)
    settled = books.nights_of(engine, SETTLED)
    if not settled:
        raise TerminalError(f"{home.root} has no night that is settled: run `settle run --home {home.root}` first.")
    documents = store.read_documents(home)
    contracts = read_contracts(documents)
    until = settled[-1] + _DAY
    statements = store.scan_history(home, "payout", until).filter(~pl.col("state").is_in(TOLD_ONLY)).collect()
    gone = sorted(set(statements["contract"]) - contracts.keys())
    if gone:
        raise TerminalError(
            f"The contract {gone[0]} has statements, and no file under config/contracts says it: put its files back."
        )
    return Scene(
        home=home,
        engine=engine,
        night=settled[-1],
        settled=settled,
        delivered=originals.delivery_dates(home),
        documents=documents,
        contracts=contracts,
        statements=statements,
        rules=of_programme(documents, _Programme).close,
    )


def statement_digest(lines: pl.DataFrame) -> str:
    """SHA-256 over the lines of one statement: tab-separated, by key, in the order of the table's columns."""
    table = TABLES["payout"]
    ordered = lines.select(table.schema.names()).sort(table.key, nulls_last=True)
    told = "".join("\t".join("" if cell is None else str(cell) for cell in row) + "\n" for row in ordered.iter_rows())
    return hashlib.sha256(told.encode()).hexdigest()
