"""Partners' files in tests: a night of one contract with two beneficiaries, and layouts to read the files back."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import polars as pl
from payout_frames import line, night, past, payout

from settlement.model.stage import StageInput, StageOutput
from settlement.model.tables import TABLES
from settlement.pay import files

SHIPPED = (Path(__file__).parents[1] / "contracts" / "partners.toml").read_text(encoding="utf-8")
CONTRACT = """
id = "C9-TEST"
title = "A card of two"
payer = "the bank"
programme = "AIR"
currency = "USD"

[clauses]
1 = "0.30 % of volume, rounded once per quarter."
2 = "1.00 for each account."
statement = "Split 2 : 1. 1.00 or more is paid."
adjustment = "What changes afterwards."

[[terms]]
id = "rate"
form = "rate"
clause = "1"
measure = "volume"
rate = 0.0030
rounding = { unit = "minor", mode = "half_away", scope = "period" }

[[terms]]
id = "bounty"
form = "bounty"
clause = "2"
amount = 1.00

[[beneficiaries]]
id = "A"
name = "Alpha"
weight = 2

[[beneficiaries]]
id = "B"
name = "Beta"
weight = 1

[settlement]
clause = "statement"
taxes = [{ beneficiaries = ["B"], rate = 0.10 }, { beneficiaries = ["A", "B"], rate = 0.00 }]
advance = { paid = [{ on = 2010-11-01, amount = 5.00, to = "B" }] }
"""
PATH = "contracts/test/2009-01-01.toml"
READ = ("clearing", "rated", "store", "file")
EARLIER = (*READ, "rated_basis", "rated_total")


def documents(partners: str = "", contract: str = CONTRACT) -> dict[str, str]:
    return {PATH: contract, "partners.toml": partners}


def only(*names: str, shipped: str = SHIPPED) -> str:
    """The shipped layouts of these names, as the directory writes them."""
    assert set(names) <= set(tomllib.loads(shipped)["layouts"])
    parts = shipped.split("\n[layouts.")[1:]
    return "".join(f"\n[layouts.{part}" for part in parts if part.split("]")[0].split(".")[0] in names)


def statement_rows(share_b: int = 800, carry_b: int = 0) -> list[dict[str, object]]:
    """A closed statement: two terms, an adjustment with what it is made of, and the lines of A and B."""
    lines = [
        line("rate", 1600, clause="1", quantities="volume=533333"),
        line("bounty", 900, clause="2", quantities="accounts=9"),
        line(
            "adjustment",
            -100,
            clause="adjustment",
            adjusts="2010-Q3",
            quantities="period=2010-Q3;restated=1;stated=101",
        ),
    ]
    for who, share, carried in (("A", 1600, -250), ("B", share_b, carry_b)):
        amounts = {"share": share, "carry_in": carried, "payout": share + carried, "carry_out": 0}
        lines += [line(term, amount, who, clause="statement") for term, amount in amounts.items()]
    closed = [row | {"state": "CLOSED"} for row in lines]
    restated = [line("rate", 1, period="2010-Q3", state="RESTATED", quantities="volume=333")]
    return [*closed, *restated]


def stated_before() -> list[dict[str, object]]:
    """The statement of the quarter before, of which the adjustment is."""
    lines = [line("rate", 101, period="2010-Q3", quantities="volume=33666")]
    for who, share in (("A", 67), ("B", 34)):
        lines += [
            line(term, amount, who, period="2010-Q3") for term, amount in (("share", share), ("carry_out", share))
        ]
    return [row | {"state": "CLOSED"} for row in lines]


def given(
    rows: list[dict[str, object]],
    partners: str = "",
    tables: Mapping[str, pl.DataFrame] | None = None,
    *,
    contract: str = CONTRACT,
    before: Mapping[int, list[dict[str, object]]] | None = None,
    number: int = 3,
) -> StageInput:
    """The stage's input; ``tables`` are tonight's of those that are scanned."""
    told = {1: stated_before()} if before is None else before
    tonight = {name: (tables or {}).get(name, TABLES[name].empty()) for name in READ}
    return StageInput(
        business_date=night(number),
        unit="C9-TEST",
        documents=documents(partners, contract),
        tables={"payout": payout(night(number), rows)},
        scans={name: frame.lazy() for name, frame in tonight.items()},
        history={
            "payout": past("payout", {night(n): payout(night(n), lines) for n, lines in told.items()}),
            **{name: past(name, {}) for name in EARLIER},
        },
    )


def pay(*args: object, **named: object) -> StageOutput:
    return files.run(given(*args, **named))  # type: ignore[arg-type]


def clearing(*rows: Mapping[str, object]) -> pl.DataFrame:
    """Records of table ``clearing``; what a row does not say has a value of its type."""
    usual = {
        "file": "2010-12-31/F",
        "side": "bank",
        "feed": "f",
        "delivered_on": date(2010, 12, 31),
        "posting_date": date(2010, 12, 31),
        "kind": "purchase",
        "direction": 1,
        "currency": "USD",
        "transaction_currency": "USD",
        "transaction_date": date(2010, 12, 30),
    }
    schema = TABLES["clearing"].schema
    filled = [
        usual | {"transaction_amount_minor": row["amount_minor"], "total_minor": row["amount_minor"]} | row
        for row in rows
    ]
    return pl.DataFrame(filled, schema=schema)


def rated(*rows: Mapping[str, object]) -> pl.DataFrame:
    """Rows of table ``rated`` of the term ``rate``."""
    usual = {
        "contract": "C9-TEST",
        "version": date(2009, 1, 1),
        "clause": "1",
        "term": "rate",
        "period": "2010-Q4",
        "selector": "",
        "file": "2010-12-31/F",
        "unit": "USD",
    }
    return pl.DataFrame([usual | row for row in rows], schema=TABLES["rated"].schema)
