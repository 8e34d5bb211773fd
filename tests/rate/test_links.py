"""Which records count and what a negative event refers to: a row for every case, the last column the outcome."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from settlement.model.tables import TABLES
from settlement.rate.links import counting_records

DAY = date(2010, 12, 29)


def bank(record: int, kind: str, **more: Any) -> dict[str, Any]:
    told = {
        "side": "bank",
        "file": "b",
        "card_ref": "c1",
        "arn": f"a{record}",
        "direction": 1 if kind == "purchase" else -1,
        "amount_minor": 100,
        "posting_date": DAY,
    }
    return told | {"record": record, "kind": kind} | more


def merchant(record: int, kind: str, order: str, original: str | None = None, feed: str = "f") -> dict[str, Any]:
    told = {"side": "merchant", "file": "m", "amount_minor": 100, "posting_date": DAY, "feed": feed}
    return told | {"record": record, "kind": kind, "order_ref": order, "original_ref": original}


def origins(rows: list[dict[str, Any]], groups: list[list[tuple[str, int]]]) -> dict[int, int | None]:
    """Counting bank records and the record each refers to; ``groups`` are matches of (file, record)."""
    columns = [name for name in TABLES["clearing"].schema if name != "delivered_on"]
    schema = {name: TABLES["clearing"].schema[name] for name in columns}
    clearing = pl.DataFrame([{name: row.get(name) for name in columns} for row in rows], schema=schema)
    members = pl.DataFrame(
        [
            {"match_id": f"m{number}", "side": "bank" if file == "b" else "merchant", "file": file, "record": record}
            for number, group in enumerate(groups)
            for file, record in group
        ],
        schema={"match_id": pl.String, "side": pl.String, "file": pl.String, "record": pl.Int64},
    )
    bank_rows, merchant_rows = (clearing.filter(pl.col("side") == side) for side in ("bank", "merchant"))
    found = counting_records(bank_rows, merchant_rows, members)
    return dict(found.sort("record").select("record", "origin_record").iter_rows())


SALE = [bank(1, "purchase"), merchant(1, "purchase", "o1")]
TIED = [("b", 1), ("m", 1)]


@pytest.mark.parametrize(
    ("case", "rows", "groups", "outcome"),
    [
        ("a purchase waits for its match", SALE, [], {}),
        ("a purchase counts once matched", SALE, [TIED], {1: None}),
        (
            "a reversal counts with its purchase",
            [*SALE, bank(2, "reversal", arn="a1"), merchant(2, "reversal", "x")],
            [TIED, [("b", 2), ("m", 2)]],
            {1: None, 2: 1},
        ),
        (
            "a chargeback of a purchase that does not count does not count",
            [*SALE, bank(2, "chargeback", arn="a1"), merchant(2, "chargeback", "x")],
            [[("b", 2), ("m", 2)]],
            {},
        ),
        (
            "a chargeback that is not reconciled does not count",
            [*SALE, bank(2, "chargeback", arn="a1")],
            [TIED],
            {1: None},
        ),
        (
            "a chargeback whose purchase is unheard of does not count",
            [bank(2, "chargeback", arn="zz"), merchant(2, "chargeback", "x")],
            [[("b", 2), ("m", 2)]],
            {},
        ),
        (
            "a reversal that charges takes back the refund of its ARN and refers to the refund's purchase",
            [
                *(*SALE, bank(2, "refund"), merchant(2, "refund", "r2", "o1")),
                *(bank(3, "reversal", arn="a2", direction=1), merchant(3, "reversal", "x")),
            ],
            [TIED, [("b", 2), ("m", 2)], [("b", 3), ("m", 3)]],
            {1: None, 2: 1, 3: 1},
        ),
        (
            "a chargeback of a refund that refers to no purchase counts with the refund",
            [
                *(bank(2, "refund"), merchant(2, "refund", "r2")),
                *(bank(3, "chargeback", arn="a2", direction=1), merchant(3, "chargeback", "x")),
            ],
            [[("b", 2), ("m", 2)], [("b", 3), ("m", 3)]],
            {2: None, 3: None},
        ),
        (
            "a reversal of a refund that does not count does not count, and never takes back a purchase",
            [
                *(*SALE, bank(2, "refund", arn="a1")),
                *(bank(3, "reversal", arn="a1", direction=1), merchant(3, "reversal", "x")),
            ],
            [TIED, [("b", 3), ("m", 3)]],
            {1: None},
        ),
        (
            "a second presentment counts with its chargeback, though no merchant tells of it",
            [
                *(*SALE, bank(2, "chargeback", arn="a1"), merchant(2, "chargeback", "x")),
                bank(3, "second_presentment", arn="a1", direction=1),
            ],
            [TIED, [("b", 2), ("m", 2)]],
            {1: None, 2: 1, 3: 1},
        ),
        (
            "a second presentment waits while its chargeback does not count",
            [
                *(*SALE, bank(2, "chargeback", arn="a1")),
                bank(3, "second_presentment", arn="a1", direction=1),
            ],
            [TIED],
            {1: None},
        ),
        (
            "a reversal of a chargeback goes the other way than the chargeback it refers to",
            [
                *(*SALE, bank(2, "refund", arn="a1"), merchant(2, "refund", "r2", "o1")),
                *(bank(3, "chargeback", arn="a1", direction=1), merchant(3, "chargeback", "x")),
                *(bank(4, "chargeback_reversal", arn="a1", direction=1), bank(5, "chargeback_reversal", arn="a1")),
            ],
            [TIED, [("b", 2), ("m", 2)], [("b", 3), ("m", 3)]],
            {1: None, 2: 1, 3: 1, 5: 1},
        ),
        (
            "of several chargebacks a second presentment answers the one of its amount",
            [
                *(bank(1, "purchase", amount_minor=60), bank(3, "purchase", arn="a1", amount_minor=40)),
                *(merchant(1, "purchase", "o1"), bank(2, "chargeback", arn="a1", amount_minor=60)),
                *(merchant(2, "chargeback", "x"), bank(4, "chargeback", arn="a1", amount_minor=40)),
                *(
                    merchant(4, "chargeback", "y"),
                    bank(5, "second_presentment", arn="a1", direction=1, amount_minor=40),
                ),
            ],
            [[("b", 1), ("b", 3), ("m", 1)], [("b", 2), ("m", 2)], [("b", 4), ("m", 4)]],
            {1: None, 2: 1, 3: None, 4: 3, 5: 3},
        ),
        (
            "of two equal records the reconciled one is meant",
            [*SALE, bank(3, "purchase", arn="a1"), bank(4, "reversal", arn="a1"), merchant(4, "reversal", "x")],
            [[("b", 3), ("m", 1)], [("b", 4), ("m", 4)]],
            {3: None, 4: 3},
        ),
        (
            "of two cards with one ARN the same card is meant",
            [
                *SALE,
                *(bank(3, "purchase", arn="a1", card_ref="c2"), merchant(3, "purchase", "o3")),
                *(bank(4, "reversal", arn="a1", card_ref="c2"), merchant(4, "reversal", "x")),
            ],
            [TIED, [("b", 3), ("m", 3)], [("b", 4), ("m", 4)]],
            {1: None, 3: None, 4: 3},
        ),
        (
            "a refund refers to the purchase of the sale that its merchant names",
            [*SALE, bank(2, "refund"), merchant(2, "refund", "r2", "o1")],
            [TIED, [("b", 2), ("m", 2)]],
            {1: None, 2: 1},
        ),
        (
            "of the parts of a sale the one of the same amount is meant",
            [
                *(bank(1, "purchase", amount_minor=60), bank(3, "purchase", amount_minor=40)),
                *(merchant(1, "purchase", "o1"), bank(2, "refund", amount_minor=40), merchant(2, "refund", "r2", "o1")),
            ],
            [[("b", 1), ("b", 3), ("m", 1)], [("b", 2), ("m", 2)]],
            {1: None, 2: 3, 3: None},
        ),
        (
            "a refund whose sale is not reconciled waits",
            [*SALE, bank(2, "refund"), merchant(2, "refund", "r2", "o1")],
            [[("b", 2), ("m", 2)]],
            {},
        ),
        (
            "a refund that names no sale counts by itself",
            [bank(2, "refund"), merchant(2, "refund", "r2")],
            [[("b", 2), ("m", 2)]],
            {2: None},
        ),
        (
            "an acquirer's refund that repeats a reference no sale carries counts by itself",
            [bank(2, "refund"), merchant(2, "refund", "o9", "o9")],
            [[("b", 2), ("m", 2)]],
            {2: None},
        ),
        (
            "a refund that names an order which has not come waits",
            [bank(2, "refund"), merchant(2, "refund", "r2", "o9")],
            [[("b", 2), ("m", 2)]],
            {},
        ),
        (
            "a sale of another feed with the same reference is another sale",
            [
                bank(1, "purchase"),
                merchant(1, "purchase", "o1", feed="g"),
                bank(2, "refund"),
                merchant(2, "refund", "o1", "o1"),
            ],
            [TIED, [("b", 2), ("m", 2)]],
            {1: None, 2: None},
        ),
    ],
)
def test_what_counts(
    case: str, rows: list[dict[str, Any]], groups: list[list[tuple[str, int]]], outcome: dict[int, int | None]
) -> None:
    assert origins(rows, groups) == outcome, case
