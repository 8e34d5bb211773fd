"""Visa files written from values read as these values; mutated ones never get past the accounts."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_clearing import (
    card_number,
    visa_fee,
    visa_lines,
    visa_report,
    visa_returned,
    visa_transaction,
)
from random_cases import batches, examples
from read_file import source_of

from settlement.parse import visa_ctf
from settlement.parse.source import Parsed

NAME = "VISA_CTF_20101229_01.ctf"
DAY = date(2010, 12, 29)
# Code, usage: kind, direction, whether it tells a reason.
CODES = {
    ("05", "1"): ("purchase", 1, False), ("06", " "): ("refund", -1, False), ("07", "1"): ("cash_advance", 1, False),
    ("05", "2"): ("second_presentment", 1, True), ("15", "1"): ("chargeback", -1, True),
    ("16", "1"): ("chargeback", 1, True), ("25", "1"): ("reversal", -1, False),
    ("26", "1"): ("reversal", 1, False), ("27", "1"): ("reversal", -1, False),
    ("35", "1"): ("chargeback_reversal", 1, True), ("36", "1"): ("chargeback_reversal", -1, True),
}  # fmt: skip
CURRENCIES = {"840": "USD", "392": "JPY", "414": "KWD", "156": "CNY"}

transaction = st.fixed_dictionaries(
    {
        "code": st.sampled_from(sorted(CODES)),
        "dest": st.integers(0, 10**12 - 1),
        "src": st.integers(0, 10**12 - 1),
        "dest_currency": st.sampled_from(sorted(CURRENCIES)),
        "src_currency": st.sampled_from(sorted(CURRENCIES)),
        "ago": st.integers(0, 364),
        "processed_ago": st.integers(0, 364),
        "cashback_ppm": st.integers(0, 10**6),
        "interchange": st.integers(0, 10**15 - 1),
        "sign": st.sampled_from("CD"),
        "sequence": st.integers(1, 99),
        "more": st.integers(0, 98),
        "reason": st.integers(0, 99),
    }
)


def _written(number: int, told: dict[str, Any]) -> list[str]:
    code, usage = told["code"]
    processed = DAY - timedelta(days=told["processed_ago"])
    return visa_transaction(
        number, 0, code, usage=usage, dest=f"{told['dest']:012d}", src=f"{told['src']:012d}",
        dest_currency=told["dest_currency"], src_currency=told["src_currency"],
        date=f"{DAY - timedelta(days=told['ago']):%m%d}", processed=f"{processed.year % 10}{processed:%j}",
        cashback=f"{_cashback(told):09d}", interchange=f"{told['interchange']:015d}", sign=told["sign"],
        parts=f"{told['sequence']:02d}{_count(told):02d}", reason=f"{told['reason']:02d}",
    )  # fmt: skip


def _cashback(told: dict[str, Any]) -> int:
    return min(told["dest"] * told["cashback_ppm"] // 10**6, 10**9 - 1)


def _count(told: dict[str, Any]) -> int:
    return min(99, told["sequence"] + told["more"])


def _expected(number: int, told: dict[str, Any]) -> dict[str, object]:
    kind, direction, reasoned = CODES[told["code"]]
    return {
        "record": 3 * number + 2, "kind": kind, "direction": direction, "amount_minor": told["dest"],
        "currency": CURRENCIES[told["dest_currency"]], "transaction_amount_minor": told["src"],
        "transaction_currency": CURRENCIES[told["src_currency"]], "cashback_minor": _cashback(told),
        "interchange_micro": told["interchange"] * (1 if told["sign"] == "C" else -1),
        "transaction_date": DAY - timedelta(days=told["ago"]),
        "processing_date": DAY - timedelta(days=told["processed_ago"]),
        "clearing_sequence": told["sequence"], "clearing_count": _count(told),
        "reason_code": f"{told['reason']:02d}" if reasoned else None,
        "card_masked": f"411111******{card_number(number, '41111101')[-4:]}", "lifecycle_id": f"{number:015d}",
    }  # fmt: skip


@given(
    st.lists(transaction, max_size=12),
    st.sampled_from(["", "\n", "\r\n"]),
    st.sampled_from(["latin-1", "cp500"]),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=examples(40), deadline=None)
def test_what_is_written_is_what_is_read(
    values: list[dict[str, Any]], end: str, encoding: str, long: bool, trimmed: bool
) -> None:
    lines = visa_lines([_written(number, told) for number, told in enumerate(values)])
    if long:
        lines = [f"{line[:2]}..{line[2:]}" for line in lines]
    if trimmed and end:
        lines = [line.rstrip() for line in lines]
    content = "".join(line + end for line in lines).encode(encoding)
    read = visa_ctf.read(source_of(NAME, content))
    assert read.fault is None, read.detail
    assert all(total.agrees for total in read.controls)
    assert read.tables["reject"].is_empty()
    expected = [_expected(number, told) for number, told in enumerate(values)]
    found = read.tables["clearing"].to_dicts()
    assert [{name: row[name] for name in wanted} for row, wanted in zip(found, expected, strict=True)] == expected
    currencies = {told["dest_currency"] for told in values}
    if currencies == {"840"}:
        paid = sum(10**4 * told["dest"] * CODES[told["code"]][1] for told in values)
        earned = sum(told["interchange"] * (1 if told["sign"] == "C" else -1) for told in values)
        assert read.net_settlement_minor is not None
        assert abs(10**4 * read.net_settlement_minor - (earned - paid)) <= 5000
    _assert_accounts(read, content)


def _assert_accounts(read: Parsed, content: bytes) -> None:
    """Each record is in one place, and each byte in one of four."""
    if read.fault is not None:
        assert read.detail is not None
        assert read.detail.endswith(".")
        return
    places = [record for table in ("clearing", "reject", "control_record") for record in read.tables[table]["record"]]
    assert sorted(places) == list(range(1, int(str(read.records)) + 1))
    count = read.bytes
    assert count is not None
    assert min(count.accepted, count.rejected, count.control, count.padding) >= 0
    assert count.accepted + count.rejected + count.control + count.padding == len(content)


def _some(seed: int) -> list[list[str]]:
    """A few of everything, as transactions."""
    return [
        *(visa_transaction(seed + n, 100 * n, code, parts="0102") for n, (code, _) in enumerate(sorted(CODES))),
        visa_fee("10", 5), visa_fee("20", 7, card=card_number(seed)), visa_report(9, 1, 1000),
        visa_returned(seed, 70), [f"5000{'TEXT':<164}"],
    ]  # fmt: skip


def _mutated(draw: random.Random, record: bytes) -> bytes:
    """The record with some bytes changed, most often digits and the head; one in six is shorter."""
    changed = bytearray(record)
    for _ in range(draw.choice((1, 1, 2, 5))):
        at = draw.randrange(4) if draw.random() < 0.3 else draw.randrange(len(changed))
        changed[at] = draw.choice((draw.randrange(256), draw.choice(b"0123456789"), draw.choice(b"0123456789 ")))
    return bytes(changed)


@pytest.mark.parametrize("encoding", ["latin-1", "cp500"])
def test_mutated_records_are_accounted_for(encoding: str) -> None:
    """Records without line ends: whatever stands in one, the file is read, and every byte is somewhere."""
    framing = [code.encode(encoding) for code in ("90", "91", "92")]
    for number, size in batches(5_000, 1_000):
        draw = random.Random(f"visa {encoding} {number}")
        lines = visa_lines([lines for seed in range(size // 46 + 1) for lines in _some(seed)])
        records = [line.encode(encoding) for line in lines]
        for at in draw.sample(range(1, len(records) - 2), min(size, len(records) - 3)):
            mutated = _mutated(draw, records[at])
            if mutated[:2] not in framing:
                records[at] = mutated
        content = b"".join(records)
        read = visa_ctf.read(source_of(NAME, content))
        assert read.fault is None, read.detail
        _assert_accounts(read, content)


def test_mutated_files_of_lines_are_accounted_for() -> None:
    """Lines: a byte may end one, cut it or make it too long; the file stays out, or all is accounted for."""
    faults = set()
    for number, size in batches(500, 50):
        draw = random.Random(f"visa lines {number}")
        for case in range(size // 10):
            lines = [line.rstrip().encode() for line in visa_lines(_some(case))]
            for _ in range(10):
                at = draw.randrange(len(lines))
                how = draw.randrange(5)
                if how == 0:
                    lines[at : at + 1] = [lines[at], lines[at]]
                elif how == 1:
                    lines[at] = lines[at][: draw.randrange(len(lines[at]) + 1)]
                elif lines[at]:
                    lines[at] = _mutated(draw, lines[at])
            content = b"\n".join([*lines, b""])
            read = visa_ctf.read(source_of(NAME, content))
            faults.add(read.fault)
            _assert_accounts(read, content)
    assert {"UNREADABLE", None} <= faults
