"""The stage ``rate``: what each contract's partners have earned, as known after this night.

Each contract is evaluated anew from all facts known, the nights before included. Table ``rated`` receives the
difference between the contributions that follow from that and those that it already holds; table ``payout`` receives
the statement of the current period.

A period closes after the night of its last day. Where no files came for that day, the first night after it closes the
period as if an empty night had been settled on it: as known on that day, under that day as ``as_of``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from functools import cache
from typing import Final

import numpy as np
import polars as pl

from settlement.errors import TerminalError
from settlement.kernels import radix
from settlement.kernels.choice import cores
from settlement.model.clearing import StatementState
from settlement.model.contract import ContractVersion
from settlement.model.stage import StageInput, StageOutput
from settlement.model.tables import TABLES
from settlement.rate.contract_file import read_contracts
from settlement.rate.evaluate import evaluate, periods_known
from settlement.rate.facts import Facts, gather, nights_before
from settlement.rate.measures import SCHEMA, add_up, contributions
from settlement.rate.order import in_order
from settlement.rate.statement import PayoutRow, read_stated, statement

_KEY: Final = [name for name in TABLES["rated"].schema if name != "quantity"]


def run(inputs: StageInput) -> StageOutput:
    """Rate all contracts as known after this night.

    Raises
    ------
    TerminalError
        Where a contract file cannot be read, a contract of earlier nights is gone, or a record does not fit its
        contract.
    """
    contracts = read_contracts(inputs.documents)
    _require_known(contracts, inputs)
    nights = [*nights_before(inputs), inputs.business_date]
    gathered = cache(lambda night: gather(inputs, night))

    def facts_of(day: date) -> Facts:
        """What is known after a day: what the latest night up to it has brought, as that day sees it."""
        return replace(gathered(max(night for night in nights if night <= day)), day=day)

    rows: list[PayoutRow] = []
    rated = [SCHEMA.to_frame()]
    for contract_id in sorted(contracts):
        versions = contracts[contract_id]
        if versions[0].effective <= inputs.business_date:
            contributed = contributions(versions, facts_of(inputs.business_date))
            rows += _statements(versions, facts_of, contributed, inputs)
            rated.append(contributed)
    return StageOutput(
        tables={
            "rated": _difference(pl.concat(rated), inputs),
            "payout": pl.DataFrame([asdict(row) for row in rows], schema=TABLES["payout"].schema),
        }
    )


def _require_known(contracts: Mapping[str, Sequence[ContractVersion]], inputs: StageInput) -> None:
    """Refuse a night whose configuration has lost a contract: all it ever gave would be taken back without a word."""
    stated = inputs.history["payout"].select("contract").unique().collect()["contract"].sort()
    for contract_id in stated:
        if contract_id not in contracts:
            raise TerminalError(
                f"The contract {contract_id} has statements of earlier nights, and no file under config/contracts says "
                "it now: put its files back; a contract's files are kept for as long as its home."
            )


def _statements(
    versions: Sequence[ContractVersion],
    facts_of: Callable[[date], Facts],
    contributed: pl.DataFrame,
    inputs: StageInput,
) -> list[PayoutRow]:
    """The statement of the current period, after those of periods whose last day brought no files."""
    stated_rows = _stated_before(inputs, versions[0].contract.id)
    facts = facts_of(inputs.business_date)
    closed = read_stated(stated_rows).terms
    overdue = [p.last for p in periods_known(versions, facts) if p.last < facts.day and p.text not in closed]
    rows: list[PayoutRow] = []
    for day in [*overdue, facts.day]:
        then = facts_of(day)
        sums = add_up(contributed if day == facts.day else contributions(versions, then))
        lines = evaluate(versions, then, sums)
        rows += statement(versions, then, lines, read_stated([*stated_rows, *rows]))
    return rows


def _stated_before(inputs: StageInput, contract_id: str) -> list[PayoutRow]:
    """The rows of earlier nights that may have stated something for a contract."""
    before = inputs.history["payout"].filter(
        (pl.col("contract") == contract_id) & (pl.col("state") != StatementState.PREVIEW.value)
    )
    names = [column.name for column in TABLES["payout"].columns]
    return [PayoutRow(**row) for row in before.select(names).collect().iter_rows(named=True)]


def _difference(now: pl.DataFrame, inputs: StageInput) -> pl.DataFrame:
    """What must be added to the contributions of earlier nights to give those that hold now.

    A new contribution is added, one that is withdrawn is added with the opposite sign, one that changes is added with
    the change; one that moves to another period or selector does both.
    """
    columns = TABLES["rated"].schema.names()
    fresh, gone = _without_equals(now.select(columns), inputs.history["rated"].select(columns).collect())
    both = pl.concat([fresh, gone.with_columns(-pl.col("quantity"))])
    # Rows of different hashes have different keys: few are left to be added up.
    hashes = both.select(_KEY).hash_rows()
    ascending = np.sort(hashes.to_numpy())
    repeated = pl.Series(ascending[1:][ascending[1:] == ascending[:-1]], dtype=pl.UInt64)
    again = hashes.is_in(repeated.implode())
    added = both.filter(again).group_by(_KEY).agg(pl.col("quantity").sum())
    changes = pl.concat([both.lazy().filter(~again), added.lazy().select(columns)]).filter(pl.col("quantity") != 0)
    return in_order(changes.collect())


def _without_equals(now: pl.DataFrame, before: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What of both is left when each row of one side that stands on the other too is taken away with its equal."""
    if now.is_empty() or before.is_empty():
        return now, before
    # An empty value is one that no other is equal to, and a row with one would have no digest.
    filled = (pl.col("file", "account_id").fill_null("\0"), pl.col("record").fill_null(-1))
    secret = radix.PROCESS_SECRET
    ours, theirs = (
        radix.digest_rows(rows.with_columns(filled).get_columns(), secret=secret, threads=cores())
        for rows in (now, before)
    )
    left, right = radix.open_rows(radix.pair_equal(*ours, *theirs, threads=cores()), before.height)
    return now[left], before[right]
