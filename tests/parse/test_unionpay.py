"""UnionPay clearing: numbered fields of byte widths in GBK, days without a year, fees and what the bank will show."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layout_files import layout, read
from random_cases import cuts, examples

from settlement.model.clearing import Why
from settlement.parse.source import Parsed

WIDTHS = [
    *(11, 11, 6, 10, 19, 12, 12, 12, 4, 6, 4, 8, 15, 12, 2, 6, 11, 6, 2, 3, 12),
    *(12, 12, 1, 3, 1, 1, 10, 11, 1, 2, 2, 12, 14, 11, 11, 1, 1, 4, 2, 40, 3),
]
CARD = "6222020119096198229"
PLAIN = {
    1: "48021000", 3: "000025", 4: "0228214113", 5: CARD, 6: "000000016798", 9: "0200", 10: "000000", 11: "5111",
    12: "C0094387", 13: "9104052400000", 14: "362000000025", 16: "9CBUTL", 18: "000000", 21: "000000000076",
    22: "000000000000", 23: "D00000000005", 28: "0000000000", 39: "0301", 41: "锦绣家居广场94387", 42: "156",
}  # fmt: skip
REFUND = {9: "0220", 10: "200000", 21: "000000000000", 22: "000000000090", 23: "C00000000007"}
REVERSAL = {9: "0420", 21: "000000000000", 22: "000000000553", 23: "C00000000040"}


def line(fields: dict[int, str] | None = None) -> bytes:
    told = PLAIN | (fields or {})
    return b" ".join(told.get(number, "").encode("gbk").ljust(width) for number, width in enumerate(WIDTHS, start=1))


def unionpay(*lines: bytes, name: str = "UPI_ACOM_20240301_01.txt") -> Parsed:
    return read(layout("unionpay_acom"), name, b"".join(one + b"\n" for one in lines))


def test_a_purchase() -> None:
    parsed = unionpay(line())
    assert (parsed.fault, parsed.records, parsed.file_date) == (None, 1, date(2024, 3, 1))
    row = parsed.tables["clearing"].row(0, named=True)
    assert row["card_ref"].startswith("test-")
    told = {name: value for name, value in row.items() if value is not None and name not in {"file", "card_ref"}}
    assert told == {
        "record": 1,
        "side": "bank",
        "feed": "unionpay_clearing",
        "delivered_on": date(2024, 3, 1),
        "posting_date": date(2024, 3, 1),
        "kind": "purchase",
        "direction": 1,
        "amount_minor": 16798,
        "currency": "CNY",
        "transaction_amount_minor": 16798,
        "transaction_currency": "CNY",
        "total_minor": 16798,
        "interchange_micro": 760_000,
        "transaction_date": date(2024, 2, 28),
        "local_time": datetime.fromisoformat("2024-02-28T21:41:13"),
        "zone": "Asia/Shanghai",
        "card_masked": "622202*********8229",
        "rrn": "362000000025",
        "authorisation_code": "9CBUTL",
        "mcc": "5111",
        "merchant_number": "9104052400000",
        "merchant_name": "锦绣家居广场94387",
        "terminal": "C0094387",
    }


def test_kinds_and_what_the_bank_will_show() -> None:
    """Credits less debits, fees received less fees paid, switch fees got less switch fees paid."""
    cash = {10: "010000", 6: "000000000500", 21: "000000000000", 22: "000000000002", 23: "D00000000000"}
    parsed = unionpay(line(), line(cash), line(REFUND), line(REVERSAL))
    rows = parsed.tables["clearing"].select("kind", "direction", "interchange_micro").rows()
    assert rows == [
        ("purchase", 1, 760_000),
        ("cash_advance", 1, -20_000),
        ("refund", -1, -900_000),
        ("reversal", -1, -5_530_000),
    ]
    assert {one.control: one.computed for one in parsed.controls} == {
        "lines": 4,
        "debit": 16798 + 500,
        "credit": 2 * 16798,
        "net": 2 * 16798 - 16798 - 500 + 76 - 2 - 90 - 553 - 5 + 7 + 40,
    }
    assert (parsed.net_settlement_minor, parsed.net_settlement_currency, parsed.payout_text) == (15771, "CNY", None)


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({4: "1332143006"}, "BAD_DATE", "time"),
        ({4: "0229253006"}, "BAD_DATE", "time"),
        ({4: "0228"}, "BAD_DATE", "time"),
        ({5: "6222020119096198228"}, "BAD_LUHN", "card"),
        ({5: ""}, "BAD_LUHN", "card"),
        ({42: "999"}, "UNKNOWN_CURRENCY", "currency"),
        ({6: "00000001679x"}, "NON_NUMERIC_AMOUNT", "amount"),
        ({21: "00000000007x"}, "NON_NUMERIC_AMOUNT", "fee_received"),
        ({10: "200000"}, "MALFORMED", "message+processing"),
        ({9: "0100"}, "MALFORMED", "line"),
    ],
)
def test_a_bad_line_is_a_reject(fields: dict[int, str], reason: str, field: str) -> None:
    parsed = unionpay(line(), line(fields), line())
    assert parsed.fault is None
    assert parsed.tables["reject"].select("record", "reason", "field").rows() == [(2, reason, field)]
    assert parsed.tables["clearing"]["record"].to_list() == [1, 3]


def test_bad_lines_are_in_the_totals() -> None:
    parsed = unionpay(line(), line({4: "1332143006"}), line({5: "6222020119096198228"}))
    assert parsed.net_settlement_minor == 3 * (76 - 16798 - 5)


@pytest.mark.parametrize("cut", [line()[:-1], line() + b" ", b" " + line()[:-1], line()[:250] + b"x" + line()[250:-1]])
def test_a_line_of_another_length_or_out_of_place_fits_no_kind(cut: bytes) -> None:
    parsed = unionpay(line(), cut)
    rejects = parsed.tables["reject"]
    assert rejects.select("record", "reason", "field").rows() == [(2, "MALFORMED", "line")]
    assert CARD not in str(rejects.rows())


@pytest.mark.parametrize(
    ("business_date", "told", "found"),
    [
        ("20240301", "0301", "2024-03-01"),
        ("20240301", "0302", "2023-03-02"),
        ("20240101", "1231", "2023-12-31"),
        ("20240301", "0229", "2024-02-29"),
        ("20250301", "0229", "2024-02-29"),
    ],
)
def test_a_day_without_a_year_is_the_latest_not_after_the_business_date(
    business_date: str, told: str, found: str
) -> None:
    parsed = unionpay(line({4: f"{told}000000"}), name=f"UPI_ACOM_{business_date}_01.txt")
    assert str(parsed.tables["clearing"]["transaction_date"][0]) == found


def test_only_a_cut_at_a_line_end_leaves_a_file_and_then_the_net_is_another() -> None:
    """The format tells no totals: whether a file is complete shows in the bank statement."""
    whole = b"".join(one + b"\n" for one in (line(), line(REFUND)))
    nets = {}
    for length in cuts(len(whole), [len(whole) // 2]):
        parsed = read(layout("unionpay_acom"), "UPI_ACOM_20240301_01.txt", whole[:length])
        if parsed.fault is None:
            nets[length] = parsed.net_settlement_minor
        else:
            assert parsed.fault in {Why.TRUNCATED, Why.EMPTY}
    assert nets == {381: -16727, 762: -12}


def test_a_name_cut_inside_a_character_does_not_move_the_fields_behind_it() -> None:
    name = "甲" * 19 + "a" + "乙"
    broken = line({41: ""}).replace(b" " * 40 + b" 156", name.encode("gbk")[:40] + b" 156")
    parsed = unionpay(broken)
    assert parsed.tables["clearing"].select("merchant_name", "currency").rows() == [("甲" * 19 + "a", "CNY")]


def test_a_line_that_is_not_in_its_encoding_is_a_reject() -> None:
    parsed = unionpay(line(), line({41: ""}).replace(b" " * 40 + b" 156", b"\xff\xff" + b" " * 39 + b"156"))
    assert parsed.tables["reject"].select("record", "reason", "field").rows() == [(2, "MALFORMED", "line")]
    assert parsed.tables["clearing"]["record"].to_list() == [1]


AMOUNTS = st.integers(0, 10**12 - 1)
FEES = st.integers(0, 10**11 - 1)
NAMES = st.text(st.sampled_from("云滨店锦绣家居A1 b"), max_size=19).map(str.strip)
CODES = st.text(st.sampled_from("ABC019"), min_size=6, max_size=6)


@settings(max_examples=examples(15), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["0200", "0220", "0420"]), AMOUNTS, FEES, FEES, NAMES, CODES), max_size=8))
def test_what_is_written_is_read(rows: list[tuple[str, int, int, int, str, str]]) -> None:
    lines = [
        line(
            {
                9: message,
                10: "200000" if message == "0220" else "000000",
                6: f"{amount:012d}",
                21: f"{got:012d}",
                22: f"{paid:012d}",
                41: name,
                16: code,
            }
        )
        for message, amount, got, paid, name, code in rows
    ]
    parsed = unionpay(*lines) if lines else unionpay(line())
    assert parsed.fault is None, parsed.detail
    if not rows:
        return
    columns = ("record", "direction", "amount_minor", "interchange_micro", "merchant_name", "authorisation_code")
    assert parsed.tables["clearing"].select(columns).rows() == [
        (number, 1 if message == "0200" else -1, amount, (got - paid) * 10_000, name or None, code)
        for number, (message, amount, got, paid, name, code) in enumerate(rows, start=1)
    ]
    net = sum((-amount if message == "0200" else amount) + got - paid - 5 for message, amount, got, paid, *_ in rows)
    assert parsed.net_settlement_minor == net


def test_no_card_number_leaves_the_reader() -> None:
    parsed = unionpay(line({41: f"店 {CARD}"}), line({9: "9999"}), line({4: "1332143006"}))
    for table in parsed.tables.values():
        texts = table.select(pl.selectors.string().fill_null(""))
        assert not any(texts[name].str.contains(CARD, literal=True).any() for name in texts.columns)
