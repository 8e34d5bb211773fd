"""The facts of nights written as an events table: what a home knows, for whoever has none."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, Final

import polars as pl

from settlement.rate.disputes import RESTORING
from settlement.rate.facts import Facts

Row = dict[str, Any]
COLUMNS: Final = (
    *("event_id", "kind", "known_on", "event_date", "posting_date", "settlement_date"),
    *("amount_minor", "currency", "quantity"),
    *("account_id", "refers_to", "programme", "account_class", "channel", "mcc", "own_store", "item", "version"),
    *("contract", "from_currency", "to_currency", "rate", "calendar"),
)
CURRENCIES: Final = {"CLB": "CNY"}
"""The currencies of programmes that are not in USD: a balance of a home has none of its own."""
CALENDAR: Final = "CN-BANKS"
"""The bank calendar that contracts of tests name."""
_DAYS: Final = {"opened_on": "opened", "closed_on": "closed", "first_purchase_on": "first_used"}


def exported(nights: Sequence[Facts]) -> bytes:
    """The events of nights, each known from the first night that has it: what changes comes again, what goes is out."""
    rows: list[Row] = []
    before: dict[str, Row] = {}
    for facts in nights:
        now = {row["event_id"]: row for row in _events(facts)}
        rows += [row | {"known_on": facts.day} for name, row in now.items() if before.get(name) != row]
        gone = before.keys() - now.keys()
        rows += [{"event_id": name, "kind": "retracted", "known_on": facts.day} for name in sorted(gone)]
        before = now
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _events(facts: Facts) -> Iterator[Row]:
    yield from _records(facts.records)
    for row in facts.accounts.iter_rows(named=True):
        state = {name: row[name] for name in ("account_id", "programme", "account_class", "channel")}
        for column, word in _DAYS.items():
            if row[column] is not None:
                name = f"{row['account_id']}/{word}"
                yield {"event_id": name, "kind": f"account_{word}", "event_date": row[column], **state}
    for row in facts.balances.iter_rows(named=True):
        name = f"{row['account_id']}/{row['effective_on']}"
        told = {"account_id": row["account_id"], "programme": row["programme"], "event_date": row["effective_on"]}
        money = {"amount_minor": row["statement_balance_minor"], "currency": CURRENCIES.get(row["programme"], "USD")}
        yield {"event_id": name, "kind": "balance", **told, **money}
    for row in facts.profits.iter_rows(named=True):
        name = f"{row['programme']}/{row['month']}/{row['line']}"
        told = {key: row[key] for key in ("programme", "version", "currency", "amount_minor")}
        yield {"event_id": name, "kind": "profit_line", "item": row["line"], "event_date": f"{row['month']}-01", **told}
    for (contract, item), value in facts.opening.items():
        told = {"contract": contract, "item": item, "quantity": value, "event_date": facts.first_night}
        yield {"event_id": f"{contract}/{item}", "kind": "opening", **told}
    for row in facts.rates.iter_rows(named=True):
        pair = {key: row[key] for key in ("from_currency", "to_currency", "rate")}
        name = f"{row['from_currency']}/{row['to_currency']}/{row['rate_date']}"
        yield {"event_id": name, "kind": "fx_rate", "event_date": row["rate_date"], **pair}
    for day, is_open in facts.open_days(CALENDAR).items():
        kind = "open_day" if is_open else "closed_day"
        yield {"event_id": f"{CALENDAR}/{day}", "kind": kind, "event_date": day, "calendar": CALENDAR}


def _records(records: pl.DataFrame) -> Iterator[Row]:
    rows = records.sort("file", "record").rows(named=True)
    refunds = {(row["origin_file"], row["origin_record"]): _name(row) for row in rows if row["kind"] == "refund"}
    disputed = {_about(row): _name(row) for row in rows if row["kind"] == "chargeback"}
    for row in rows:
        origin = (row["origin_file"], row["origin_record"])
        refers = None if origin[0] is None else f"{origin[0]}#{origin[1]}"
        if row["kind"] in ("reversal", "chargeback") and row["net_minor"] > 0:
            # It takes back a refund; facts tell the purchase, and which of its refunds it was makes no difference.
            refers = refunds[origin]
        if row["kind"] in RESTORING:
            # Which chargeback of the dispute it was makes no difference.
            refers = disputed[_about(row)]
        yield {
            "event_id": _name(row),
            "event_date": row["transaction_date"] or row["posting_date"],
            "amount_minor": abs(row["net_minor"]),
            "refers_to": refers,
            "own_store": str(row["own_store"]).lower(),
            **{key: row[key] for key in ("kind", "posting_date", "settlement_date", "currency", "account_id")},
            **{key: row[key] for key in ("programme", "mcc", "account_class")},
        }


def _about(row: Row) -> tuple[str, int]:
    return row["disputed_file"], row["disputed_record"]


def _name(row: Row) -> str:
    return f"{row['file']}#{row['record']}"
