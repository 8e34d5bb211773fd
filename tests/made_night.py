"""A small made-up night: every table that quality and report read, consistent with itself, without a parser.

Fifty sales on each side of one programme: most match, one leaves a tip as residual, two stay open, one file is
refused, one row is rejected, and a quarter's statement is closed. ``made_night(date)`` gives tables by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

import polars as pl

from settlement import store
from settlement.model.stage import StageInput
from settlement.model.tables import TABLES

Rows = list[dict[str, object]]
NIGHT = date(2024, 5, 31)
SALES = 50


def frame(table: str, rows: Rows) -> pl.DataFrame:
    """Rows as a frame of that table: left-out columns are empty where they may be."""
    columns = TABLES[table].schema
    full = [{name: row.get(name) for name in columns} for row in rows]
    return store.checked(TABLES[table], pl.DataFrame(full, schema=columns))


def made_night(night: date = NIGHT) -> dict[str, pl.DataFrame]:
    """All tables of the night."""
    bank, shop, camt = (
        f"{night}/BANK_{night:%Y%m%d}.ipm",
        f"{night}/SHOP_{night:%Y%m%d}.csv",
        f"{night}/CAMT_{night:%Y%m%d}.xml",
    )
    refused = f"{night}/SHOP_{night:%Y%m%d}_02.csv"
    clearing = [_sale(night, bank, "bank", "card_network", n) for n in range(1, SALES + 1)]
    clearing += [_sale(night, shop, "merchant", "shop", n) for n in range(1, SALES + 1)]
    made = {
        "file": _files(bank, shop, camt, refused, night),
        "finding": [
            {
                "check": "control_totals",
                "subject": refused,
                "severity": "error",
                "text": f"{refused} is refused: its trailer says 51 rows, it holds 50. Ask the sender for a new copy.",
            },
            {"check": "completeness", "subject": "fx", "severity": "warning", "text": "No file of feed fx came."},
        ],
        "rate_finding": [
            {
                "check": "bank_calendar_untold",
                "subject": "C1 2024-05 [settlement.hold]",
                "severity": "warning",
                "text": "The bank calendar US-FED tells no day of 2024.",
            }
        ],
        "control_total": [
            {"file": bank, "control": "PDS0301", "declared": 500000, "computed": 500000, "agrees": True},
            {"file": shop, "control": "count", "declared": SALES, "computed": SALES, "agrees": True},
            {"file": refused, "control": "count", "declared": 51, "computed": 50, "agrees": False},
        ],
        "reject": [
            {
                "file": shop,
                "record": 90,
                "reason": "BAD_DATE",
                "field": "local_datetime",
                "preview": "2024-02-30T10:00:00+00:00",
                "amount_minor": 1500,
                "currency": "USD",
            }
        ],
        "control_record": [{"file": shop, "record": 91, "class": "TRAILER"}],
        "clearing": clearing,
        **_matched(night, bank, shop, clearing),
        **_cash(night, bank, shop, camt),
        **_reference(night),
        **_statement(night, bank),
    }
    return {name: frame(name, rows) if isinstance(rows, list) else rows for name, rows in made.items()}


def made_inputs(
    tables: Mapping[str, pl.DataFrame], night: date = NIGHT, history: Mapping[str, pl.DataFrame] | None = None
) -> StageInput:
    """Stage input over these tables; ``history`` holds frames with ``business_date``, none by default."""
    empty = {
        name: TABLES[name].empty().with_columns(business_date=pl.lit(None, pl.Date))
        for name in ("file", "match", "open_item", "payout", "clearing", "batch_tie")
    }
    return StageInput(
        business_date=night,
        unit="all",
        documents={"programme.toml": 'name = "Made programme"\n'},
        tables=tables,
        history={name: table.lazy() for name, table in (empty | dict(history or {})).items()},
    )


def _sale(night: date, file: str, side: str, feed: str, number: int) -> dict[str, object]:
    amount, tip = 1000 + 37 * number, 200 if number == SALES else 0
    bank = side == "bank"
    return {
        "file": file,
        "record": number + 1,
        "side": side,
        "feed": feed,
        "delivered_on": night,
        "posting_date": night,
        "kind": "purchase",
        "direction": 1,
        "amount_minor": amount + tip if bank else amount,
        "currency": "USD",
        "transaction_amount_minor": amount + tip if bank else amount,
        "transaction_currency": "USD",
        "total_minor": amount + tip if bank else amount,
        "transaction_date": night - timedelta(days=1),
        "local_time": datetime.combine(night - timedelta(days=1), time(10, number)),
        "card_ref": f"k1:{number:032x}" if bank else None,
        "card_masked": f"555555******{number:04d}",
        "arn": f"2{number:022d}" if bank else None,
        "authorisation_code": f"A{number:05d}",
        "mcc": "5411",
        "merchant_number": f"M{number:06d}",
        "merchant_name": f"Corner shop {number}",
        "order_ref": None if bank else f"O{number:07d}",
    }


def _files(bank: str, shop: str, camt: str, refused: str, night: date) -> Rows:
    rows = []
    for number, (file, feed) in enumerate(
        ((bank, "card_network"), (shop, "shop"), (camt, "bank_statement"), (refused, "shop")), start=1
    ):
        rows.append(
            {
                "file": file,
                "fate": "rejected" if file == refused else "accepted",
                "why": "CONTROL_TOTAL_MISMATCH" if file == refused else None,
                "sha256": f"{number:064x}",
                "records": SALES + 2,
                "size_bytes": 12_345,
                "feed": feed,
                "sender": "SENDER",
                "file_date": night,
                "identity": f"{feed}-{number}",
                "net_settlement_minor": -93_000 if file == bank else None,
                "net_settlement_currency": "USD" if file == bank else None,
            }
        )
    return rows


def _matched(night: date, bank: str, shop: str, clearing: Rows) -> dict[str, Rows]:
    amounts = {(row["file"], row["record"]): int(str(row["amount_minor"])) for row in clearing}
    matches, members, opened = [], [], []
    for record in range(2, SALES + 2):
        left, right = amounts[bank, record], amounts[shop, record]
        if record == 2:
            for file, side, reason in ((bank, "bank", "MISSING_MERCHANT"), (shop, "merchant", "MISSING_BANK")):
                opened.append(
                    {
                        "leg": "MERCHANT",
                        "reason": reason,
                        "opened_on": night - timedelta(days=5 if side == "bank" else 0),
                        "age_days": 5 if side == "bank" else 0,
                        "age_bucket": "4-7" if side == "bank" else "0-1",
                        "state": "open",
                        "file": file,
                        "record": record,
                        "side": side,
                        "amount_minor": left,
                        "currency": "USD",
                        "note": "no record of the other side comes near",
                    }
                )
            continue
        match_id = f"{night}-{record:06d}"
        matches.append(
            {
                "match_id": match_id,
                "pass": "arn" if left == right else "tolerance",
                "leg": "MERCHANT",
                "cardinality": "1:1",
                "kind": "EXACT" if left == right else "AMOUNT_DIFF",
                "residual_minor": right - left,
                "residual_reason": None if left == right else "TIP",
                "currency": "USD",
                "by_order": False,
            }
        )
        for file, side, amount in ((bank, "bank", left), (shop, "merchant", right)):
            members.append(
                {
                    "match_id": match_id,
                    "side": side,
                    "file": file,
                    "record": record,
                    "amount_minor": amount,
                    "currency": "USD",
                }
            )
    used = [
        {"leg": "MERCHANT", "pass": name, "matches": number, "last_on": night, "idle_nights": 0, "stale": False}
        for name, number in (("arn", SALES - 2), ("tolerance", 1))
    ]
    return {"match": matches, "match_member": members, "open_item": opened, "pass_use": used}


def _cash(night: date, bank: str, shop: str, camt: str) -> dict[str, Rows]:
    entries, ties = [], []
    for number, (file, direction, amount, expected) in enumerate(
        ((bank, -1, 93_000, 93_000), (shop, 1, 80_000, 80_100)), 1
    ):
        same = {"entry_ref": f"E{number}", "currency": "USD", "direction": direction, "amount_minor": amount}
        entries.append(
            {
                "file": camt,
                "record": number,
                "account": "ACCT-1",
                "booked_on": night,
                "value_on": night,
                "code": "NETW",
                **same,
            }
        )
        diff = direction * (amount - expected)
        ties.append(
            {
                "camt_file": camt,
                "entry": number,
                "ties_to": file,
                "expected_minor": expected,
                "diff_minor": diff,
                "status": "SHORT_BY_FEE" if diff else "TIED",
                **same,
            }
        )
    batch = {
        "file": shop,
        "batch": "7",
        "currency": "USD",
        "transactions": SALES,
        "transactions_minor": 80_200,
        "rejected": 1,
        "rejected_minor": 0,
        "fees_minor": -100,
        "balance_minor": 0,
        "batch_minor": 80_100,
        "closing_record": SALES + 2,
        "closing_minor": 80_100,
        "residual_minor": 0,
        "lines_minor": 80_100,
        "lines_residual_minor": 0,
        "state": "TIED",
        "closed_by": "PAYOUT",
        "feed": None,
    }
    return {"statement_entry": entries, "cash_tie": ties, "detail_tie": [], "batch_tie": [batch]}


def _reference(night: date) -> dict[str, Rows]:
    return {
        "account_event": [
            {
                "file": f"{night}/ACCOUNTS.csv",
                "record": 2,
                "event": "OPEN",
                "effective_on": night,
                "account_id": "A1",
                "programme": "SHOP",
                "opened_on": night,
            }
        ],
        "enrolment": [
            {
                "file": f"{night}/ENROLMENT.csv",
                "record": 2,
                "card_ref": f"k1:{1:032x}",
                "card_masked": "555555******0001",
                "account_id": "A1",
                "programme": "SHOP",
                "valid_from": night,
            }
        ],
        "store": [
            {"file": f"{night}/STORES.csv", "record": 2, "merchant_number": "M000001", "store_id": "S1", "name": "One"}
        ],
        "fx_rate": [
            {
                "file": f"{night}/FX.csv",
                "record": 2,
                "rate_date": night,
                "from_currency": "JPY",
                "to_currency": "USD",
                "rate": "0.0064",
            }
        ],
        "opening_position": [
            {
                "file": f"{night}/OPENING.csv",
                "record": 2,
                "contract": "C9",
                "item": "carry",
                "value": 5,
                "unit": "USD minor",
            }
        ],
        "pnl": [],
    }


def _statement(night: date, bank: str) -> dict[str, Rows]:
    lines = [
        ("own_rate", None, 10_001, "CLOSED", "own_volume=3333667"),
        ("adjustment", None, -1, "CLOSED", "period=2024-Q1;restated=99;stated=100"),
        ("share", "PARTNER-A", 6_667, "CLOSED", "of=10000"),
        ("share", "PARTNER-B", 3_333, "CLOSED", "of=10000"),
        ("carry_in", "PARTNER-A", 0, "CLOSED", ""),
        ("carry_in", "PARTNER-B", 20, "CLOSED", ""),
        ("payout", "PARTNER-A", 6_667, "CLOSED", ""),
        ("payout", "PARTNER-B", 0, "CLOSED", ""),
        ("carry_out", "PARTNER-A", 0, "CLOSED", ""),
        ("carry_out", "PARTNER-B", 3_353, "CLOSED", ""),
    ]
    return {
        "rated": [
            {
                "contract": "C9",
                "version": date(2024, 1, 1),
                "clause": "1",
                "term": "own_rate",
                "period": "2024-Q2",
                "selector": "",
                "file": bank,
                "record": record,
                "quantity": 1000,
                "unit": "USD",
            }
            for record in range(2, 12)
        ],
        "payout": [
            {
                "as_of": night,
                "contract": "C9",
                "period": "2024-Q2",
                "term": term,
                "beneficiary": beneficiary,
                "amount_minor": amount,
                "currency": "USD",
                "state": state,
                "quantities": quantities,
                "clause": "1" if beneficiary is None else "settlement",
                "adjusts": "2024-Q1" if term == "adjustment" else None,
            }
            for term, beneficiary, amount, state, quantities in lines
        ],
        "trial_balance": [
            {
                "account": "clearing:network",
                "currency": "USD",
                "debit_minor": 93_000,
                "credit_minor": 0,
                "balance_minor": 93_000,
            },
            {"account": "bank", "currency": "USD", "debit_minor": 0, "credit_minor": 93_000, "balance_minor": -93_000},
        ],
        "payable": [
            {
                "beneficiary": name,
                "contract": "C9",
                "period": "2024-Q2",
                "currency": "USD",
                "amount_minor": amount,
                "carry_minor": carry,
                "state": "CLOSED",
            }
            for name, amount, carry in (("PARTNER-A", 6_667, 0), ("PARTNER-B", 0, 3_353))
        ],
        "settlement_file": [
            {
                "path": "PARTNER-A/C9_2024-Q2.csv",
                "beneficiary": "PARTNER-A",
                "contract": "C9",
                "period": "2024-Q2",
                "sha256": "ab" * 32,
                "lines": 3,
                "total_minor": 6_667,
                "currency": "USD",
                "told": "settlement",
                "format": "delimited",
                "sequence": 1,
            }
        ],
        "expectation": [
            {
                "suite": "match",
                "expectation": "unique",
                "column": "match_id",
                "success": True,
                "rows": 49,
                "unexpected": 0,
            }
        ],
    }
