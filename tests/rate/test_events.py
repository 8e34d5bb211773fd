"""An events table is read as it is written, and what is not right is refused with its line and a remedy."""

from __future__ import annotations

import io
import random
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from rate.histories import contract_documents

from settlement.errors import TerminalError
from settlement.rate.contract_file import read_contract
from settlement.rate.event_facts import facts_on
from settlement.rate.events_check import read_events

HEADER = "event_id,kind,event_date,posting_date,known_on,amount,currency,account_id,refers_to,item,quantity"
GOOD = (
    "P1,purchase,2010-10-05,2010-10-06,,1000.00,USD,A1,,,",
    "R1,refund,2010-10-07,,2010-10-09,100.00,USD,A1,P1,,",
    "C1,chargeback,2010-10-08,,,40.00,USD,A1,R1,,",
    "R2,refund,2010-10-08,,,7.00,USD,A1,,,",
    "R1,refund,2010-10-07,,2010-10-12,90.00,USD,A1,P1,,",
    "P1,retracted,,,2010-10-20,,,,,,",
)
SOURCE = "contracts/harbor-retail/2009-01-01.toml"
RETAILER = (read_contract(SOURCE, contract_documents()[SOURCE]),)


def table(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *rows, ""]).encode()


def records(content: bytes, day: str) -> list[tuple[object, ...]]:
    facts = facts_on(read_events("e.csv", content), RETAILER, date.fromisoformat(day))
    told = facts.records.select("file", "net_minor", "origin_file", "origin_posting_date")
    return sorted(told.rows(), key=str)


def test_what_stands_is_what_was_known_last_and_what_it_refers_to_is_there() -> None:
    bought = date(2010, 10, 6)
    content = table(*GOOD)
    # The chargeback of a refund that is not known yet waits with it.
    assert records(content, "2010-10-08") == [("P1", 100_000, None, None), ("R2", -700, None, None)]
    with_refund = [("C1", 4_000, "P1", bought), ("P1", 100_000, None, None), ("R1", -10_000, "P1", bought)]
    assert records(content, "2010-10-09") == [*with_refund, ("R2", -700, None, None)]
    assert ("R1", -9_000, "P1", bought) in records(content, "2010-10-12")
    assert records(content, "2010-10-20") == [("R2", -700, None, None)]


def test_the_order_of_rows_makes_no_difference() -> None:
    rows = list(GOOD)
    facts = [records(table(*rows), day) for day in ("2010-10-09", "2010-10-12")]
    random.Random(5).shuffle(rows)
    assert [records(table(*rows), day) for day in ("2010-10-09", "2010-10-12")] == facts


def test_parquet_tells_the_same() -> None:
    texts = pl.read_csv(io.BytesIO(table(*GOOD)), infer_schema=False)
    typed = texts.with_columns(
        pl.col("event_date", "posting_date", "known_on").str.to_date(), pl.col("amount").cast(pl.Decimal(12, 2))
    )
    for frame in (texts, typed):
        file = io.BytesIO()
        frame.write_parquet(file)
        assert records(file.getvalue(), "2010-10-12") == records(table(*GOOD), "2010-10-12")
    file = io.BytesIO()
    typed.with_columns(pl.col("amount").cast(pl.Float64)).write_parquet(file)
    with pytest.raises(TerminalError, match="column amount: Float64 cells are not exact"):
        read_events("e.parquet", file.getvalue())


def test_a_quantity_stays_as_it_is_written() -> None:
    read = read_events(
        "e.csv", table("M1,minutes,2010-10-05,,,,,,,,0.10", "M2,minutes,2010-10-05,,,,,,,,"), ["minutes"]
    )
    assert [Decimal(text) for text in read.rows["quantity"]] == [Decimal("0.10"), Decimal(1)]


def cases(name: str) -> list[list[str]]:
    """Blocks of lines: what is refused, and in the last line the sentence."""
    text = (Path(__file__).parents[1] / "golden" / "events" / name).read_text("utf-8")
    return [block.splitlines() for block in text.strip().split("\n\n")]


def refusal(content: bytes) -> str:
    with pytest.raises(TerminalError) as refused:
        facts_on(read_events("e.csv", content), RETAILER, date(2010, 12, 31))
    return str(refused.value)


@pytest.mark.parametrize("case", cases("rows.txt"), ids=lambda case: case[-1][:40])
def test_what_is_not_right_is_told_with_its_line(case: list[str]) -> None:
    row, sentence = case
    assert refusal(table(*GOOD, row)) == f"e.csv, line {len(GOOD) + 2}: {sentence}"


@pytest.mark.parametrize("case", cases("files.txt"), ids=lambda case: case[-1][:40])
def test_a_file_that_is_no_table_of_events(case: list[str]) -> None:
    *lines, sentence = case
    assert refusal("\n".join(lines).encode()) == sentence


@pytest.mark.parametrize("case", cases("not_of_the_contract.txt"), ids=lambda case: case[-1][:40])
def test_what_does_not_fit_the_contract(case: list[str]) -> None:
    *rows, sentence = case
    assert refusal(table(*rows)).startswith(sentence)


def test_bytes_that_are_no_table() -> None:
    assert refusal(b"").startswith("e.csv is empty: begin with a header such as event_id,kind,")
    assert refusal(b"event_id,kind,event_date\n\xff") == "e.csv is no UTF-8 text at byte 26: save it as UTF-8."
    assert refusal(b"PAR1") == "e.csv is not readable as Parquet: write it anew."
