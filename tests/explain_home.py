"""Homes for explanations: small tables written by hand, and nights that are rated alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
from payout_frames import night
from rate.histories import Night, rate_history, tables_of

from settlement.model.tables import TABLES
from settlement.store import Home

C2 = "C2-RET-COBRAND"
BANK, SHOP = "2010-12-29/MC.ipm", "2010-12-29/RET.csv"


def write(home: Home, table: str, number: int, rows: list[Mapping[str, object]]) -> None:
    """Rows of one table of one night; what a row leaves out is empty, or a plain value where it must not be."""
    plain = {"text": "-", "int": 0, "date": night(number), "flag": False, "time": None}
    must = {column.name: plain[column.type] for column in TABLES[table].columns if not column.nullable}
    folder = home.partition(table, night(number))
    folder.mkdir(parents=True, exist_ok=True)
    frame = pl.DataFrame([must | dict(row) for row in rows], schema=TABLES[table].schema)
    frame.write_parquet(folder / "part-00000.parquet")


def write_rated(home: Home, nights: list[Night], contracts: Mapping[str, str] | None = None) -> None:
    """Nights as they were told and rated, under these contract files, which the home then has, or under the usual."""
    for source, text in (contracts or {}).items():
        file = home.config / source
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")
    for then, output in zip(nights, rate_history(nights, contracts), strict=True):
        for name, frame in (tables_of(then) | output).items():
            home.partition(name, then.day).mkdir(parents=True)
            frame.write_parquet(home.partition(name, then.day) / "part-00000.parquet")


def clearing(file: str, record: int, amount: int, **more: object) -> dict[str, object]:
    return {
        "file": file,
        "record": record,
        "side": "bank" if file == BANK else "merchant",
        "kind": "purchase",
        "direction": 1,
        "amount_minor": amount,
        "currency": "USD",
        "card_masked": "555555******1234",
        "transaction_date": date(2010, 12, 28),
        "merchant_name": "STORE 7",
    } | more


def rated(record: int | None, quantity: int, *, contract: str = C2, **more: object) -> dict[str, object]:
    return {
        "contract": contract,
        "version": date(2009, 1, 1),
        "clause": "1",
        "term": "own_store_rate",
        "period": "2010-Q4",
        "selector": "",
        "file": BANK,
        "record": record,
        "quantity": quantity,
        "unit": "USD",
    } | more


def matched(match_id: str, records: Mapping[str, tuple[int, int]], **more: object) -> tuple[dict[str, Any], ...]:
    """A match row and its member rows, from file to record and amount."""
    match = {"match_id": match_id, "pass": "strong", "leg": "MERCHANT", "cardinality": "1:1", "kind": "EXACT"}
    members = [
        {"match_id": match_id, "side": "bank" if file == BANK else "merchant", "file": file, "record": record}
        | {"amount_minor": amount, "currency": "USD"}
        for file, (record, amount) in records.items()
    ]
    return match | {"currency": "USD", "by_order": False} | more, *members
