"""Payout frames for tests, written by hand or read from the acceptance truth, and nights run one after another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

import polars as pl
from acceptance import truth

from settlement.model.stage import StageInput, StageOutput
from settlement.model.tables import TABLES
from settlement.post import journal

FIRST_NIGHT = date(2010, 12, 29)


def night(number: int) -> date:
    """The n-th night, from 1."""
    return FIRST_NIGHT + timedelta(days=number - 1)


def line(
    term: str,
    amount_minor: int,
    beneficiary: str | None = None,
    *,
    contract: str = "C9-TEST",
    period: str = "2010-Q4",
    currency: str = "USD",
    state: str = "PREVIEW",
    quantities: str = "",
    clause: str = "1",
    adjusts: str | None = None,
) -> dict[str, object]:
    """One payout line without its night."""
    return {
        "contract": contract,
        "period": period,
        "term": term,
        "beneficiary": beneficiary,
        "amount_minor": amount_minor,
        "currency": currency,
        "state": state,
        "quantities": quantities,
        "clause": clause,
        "adjusts": adjusts,
    }


def payout(as_of: date, lines: Iterable[Mapping[str, object]]) -> pl.DataFrame:
    """Lines as one night's payout table."""
    return pl.DataFrame([{"as_of": as_of, **line} for line in lines], schema=TABLES["payout"].schema, orient="row")


def truth_payout(as_of: date, prefixes: tuple[str, ...] = ("C",)) -> pl.DataFrame:
    """The acceptance truth's payout lines of one night, of contracts that start with one of the prefixes."""
    lines = []
    for row in truth(as_of.isoformat(), "payouts"):
        if not row["contract"].startswith(prefixes):
            continue
        adjusts = row["quantities"].split(";")[0].removeprefix("period=") if row["term"] == "adjustment" else None
        lines.append(
            line(
                row["term"],
                int(row["amount_minor"]),
                row["beneficiary"] or None,
                contract=row["contract"],
                period=row["period"],
                currency=row["currency"],
                state=row["state"],
                quantities=row["quantities"],
                adjusts=adjusts,
            )
        )
    return payout(as_of, lines)


def past(table: str, nights: Mapping[date, pl.DataFrame]) -> pl.LazyFrame:
    """Earlier nights' rows of a table as a stage sees them, latest first: no stage may rest on their order."""
    empty = TABLES[table].empty().with_columns(pl.lit(None, pl.Date).alias("business_date"))
    frames = [frame.with_columns(pl.lit(day, pl.Date).alias("business_date")) for day, frame in nights.items()]
    return pl.concat([empty, *reversed(frames)]).lazy()


READ_BY_POST = ("file", "cash_tie", "batch_tie", "batch_carry", "statement_entry", "payout", "ledger")
PAST_OF_POST = ("file", "cash_tie", "batch_tie", "payout", "ledger", "trial_balance")


def post_nights(nights: Sequence[Mapping[str, pl.DataFrame]]) -> list[StageOutput]:
    """Post nights one after another, each with what the earlier ones read and wrote as its history."""
    history: dict[str, dict[date, pl.DataFrame]] = {name: {} for name in PAST_OF_POST}
    outputs = []
    for number, given in enumerate(nights, start=1):
        tables = {name: given.get(name, TABLES[name].empty()) for name in READ_BY_POST}
        output = journal.run(
            StageInput(
                business_date=night(number),
                unit="all",
                documents={},
                tables=tables,
                history={name: past(name, history[name]) for name in PAST_OF_POST},
            )
        )
        for name in PAST_OF_POST:
            history[name][night(number)] = output.tables.get(name, tables.get(name, TABLES[name].empty()))
        outputs.append(output)
    return outputs


def balances(output: StageOutput) -> dict[str, int]:
    """Balance by account after a night, zero ones left out; the currency stands behind the account."""
    rows = output.tables["trial_balance"].select("account", "currency", "balance_minor").rows()
    return {f"{account} {currency}": balance for account, currency, balance in rows if balance}
