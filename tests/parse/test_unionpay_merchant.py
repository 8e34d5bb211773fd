"""UnionPay's files for a merchant: transactions (ZM) and errors and disputes (ZME), and whose view they take."""

from __future__ import annotations

import random
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layout_files import layout, read
from random_cases import cuts, examples

from settlement.model.clearing import Why
from settlement.parse.source import Parsed

CARD = "6222020119096198229"
SALES = layout("unionpay_merchant")
ERRORS = layout("unionpay_error")
SALE = {
    1: "S22", 2: "48021000", 4: "000025", 5: "0228214113", 6: CARD, 7: "000000016798", 8: "5111", 9: "07",
    10: "202402282141130000258", 12: "ORDER-1", 14: "000000", 15: "0000000000", 16: "D000000000098",
    17: "C000000016700", 20: "01", 21: "01", 22: "000201", 28: "777290058110048", 31: "锦绣家居", 34: "07000001",
}  # fmt: skip
REFUND = {16: "C000000000098", 17: "D000000016700", 20: "04", 27: "202402282141130000258", 10: "202403010000000000267"}
CHARGEBACK = {
    1: "E23", 2: "48021000", 4: "000031", 5: "0301101500", 6: CARD, 7: "000000016798", 8: "5111", 9: "07",
    11: "000025", 12: "0228214113", 13: "4502", 15: "C000000000098", 16: "D000000016700", 17: "777290058110048",
}  # fmt: skip
ERROR_CODES = {
    "E22": ("purchase", 1), "E23": ("chargeback", -1), "E24": ("second_presentment", 1), "E25": ("chargeback", -1),
    "E32": ("refund", -1), "E74": ("refund", -1), "E84": ("refund", -1),
}  # fmt: skip
SALE_TYPES = {
    "01": ("purchase", 1), "03": ("purchase", 1), "04": ("refund", -1), "31": ("reversal", -1), "33": ("reversal", -1),
}  # fmt: skip


def _line(of: str, fields: dict[int, str]) -> bytes:
    widths = (SALES if of == "ZM" else ERRORS).spec["widths"]
    told = (SALE if of == "ZM" else CHARGEBACK) | fields
    return b" ".join(told.get(n, "").encode("gbk").ljust(width) for n, width in enumerate(widths, start=1)) + b"\n"


def _read(of: str, *lines: bytes, business_date: str = "20240301") -> Parsed:
    return read(SALES if of == "ZM" else ERRORS, f"UPI_{of}_{business_date}_01.txt", b"".join(lines))


def _row(parsed: Parsed, number: int = 0) -> dict[str, object]:
    assert parsed.fault is None, parsed.detail
    return parsed.tables["clearing"].row(number, named=True)


def test_the_widths_are_the_lines() -> None:
    for one in (SALES, ERRORS):
        assert one.spec["line_length"] == sum(one.spec["widths"]) + len(one.spec["widths"]) - 1


def test_a_sale_and_its_refund() -> None:
    parsed = _read("ZM", _line("ZM", {}), _line("ZM", REFUND))
    sale, refund = _row(parsed), _row(parsed, 1)
    assert (sale["side"], sale["kind"], sale["amount_minor"], sale["net_minor"]) == (
        "merchant",
        "purchase",
        16798,
        16700,
    )
    assert (sale["order_ref"], sale["part_ref"], sale["merchant_name"]) == (
        "202402282141130000258",
        "ORDER-1",
        "锦绣家居",
    )
    assert (sale["card_ref"], sale["card_masked"]) == (None, "622202*********8229")
    assert (refund["kind"], refund["direction"], refund["net_minor"]) == ("refund", -1, -16700)
    assert refund["original_ref"] == sale["order_ref"]
    assert {one.control: one.computed for one in parsed.controls} == {"lines": 2, "gross": 0, "fee": 0, "net": 0}


def test_a_chargeback() -> None:
    row = _row(_read("ZME", _line("ZME", {})))
    told = ("kind", "direction", "amount_minor", "reason_code", "original_ref", "net_minor", "transaction_date")
    assert [row[name] for name in told] == [
        *("chargeback", -1, 16798, "4502", "000025/0228214113", -16700, date(2024, 3, 1))
    ]


@pytest.mark.parametrize("code", ERROR_CODES)
def test_each_error_has_its_kind_and_direction(code: str) -> None:
    row = _row(_read("ZME", _line("ZME", {1: code})))
    assert (row["kind"], row["direction"]) == ERROR_CODES[code]


@pytest.mark.parametrize("kind", SALE_TYPES)
def test_each_type_has_its_kind_and_direction(kind: str) -> None:
    row = _row(_read("ZM", _line("ZM", {20: kind})))
    assert (row["kind"], row["direction"]) == SALE_TYPES[kind]


def test_signs_are_the_merchants() -> None:
    """C pays the merchant and D takes from it; another sign is no amount, and none is no sign."""
    for of, place in (("ZM", 17), ("ZME", 16)):
        nets = [_row(_read(of, _line(of, {place: f"{sign}000000000007"})))["net_minor"] for sign in "CD"]
        assert nets == [7, -7]
        for sign in "+- X":
            rejects = _read(of, _line(of, {place: f"{sign}000000000007"})).tables["reject"]
            assert rejects.select("reason", "field").rows() == [("NON_NUMERIC_AMOUNT", "net_amount")], sign


@pytest.mark.parametrize("code", ["E05", "E73", "E33", "S22", "   "])
def test_a_code_that_is_no_clearing_is_loud(code: str) -> None:
    parsed = _read("ZME", _line("ZME", {}), _line("ZME", {1: code}))
    assert parsed.tables["reject"].select("record", "reason", "field").rows() == [(2, "MALFORMED", "line")]


@pytest.mark.parametrize(
    ("business_date", "told", "found"),
    [("20240301", "0301", "2024-03-01"), ("20240101", "1231", "2023-12-31"), ("20250301", "0229", "2024-02-29")],
)
@pytest.mark.parametrize("of", ["ZM", "ZME"])
def test_the_year_is_completed(of: str, business_date: str, told: str, found: str) -> None:
    parsed = _read(of, _line(of, {5: f"{told}101500"}), business_date=business_date)
    assert str(_row(parsed)["transaction_date"]) == found


@pytest.mark.parametrize("of", ["ZM", "ZME"])
def test_only_a_cut_at_a_line_end_leaves_a_file(of: str) -> None:
    whole = _line(of, {}) + _line(of, {})
    width = len(whole) // 2
    kept = []
    for length in cuts(len(whole), [width]):
        parsed = _read(of, whole[:length])
        if parsed.fault is None:
            kept.append(length)
        else:
            assert parsed.fault in {Why.TRUNCATED, Why.EMPTY}
    assert kept == [width, 2 * width]


@settings(max_examples=examples(15), deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(ERROR_CODES)), st.integers(0, 10**12 - 1), st.integers(-(10**12) + 1, 10**12 - 1)
        ),
        min_size=1,
        max_size=8,
    )
)
def test_what_is_written_is_read(rows: list[tuple[str, int, int]]) -> None:
    def signed(net: int) -> str:
        return f"{'C' if net >= 0 else 'D'}{abs(net):012d}"

    parsed = _read(
        "ZME", *(_line("ZME", {1: code, 7: f"{amount:012d}", 16: signed(net)}) for code, amount, net in rows)
    )
    assert parsed.fault is None, parsed.detail
    found = parsed.tables["clearing"].select("record", "kind", "direction", "amount_minor", "net_minor").rows()
    assert found == [(n, *ERROR_CODES[code], amount, net) for n, (code, amount, net) in enumerate(rows, start=1)]
    assert {one.control: one.computed for one in parsed.controls}["net"] == sum(net for _, _, net in rows)
    assert parsed.bytes is not None
    assert parsed.bytes.accepted == len(rows) * len(_line("ZME", {}))


@pytest.mark.parametrize("of", ["ZM", "ZME"])
def test_mutated_records_end_in_one_place_with_all_their_bytes(of: str) -> None:
    """Two thousand lines with one to three bytes changed: a record or a reject each, every byte counted, no card."""
    draw = random.Random(20260131)
    lines = []
    for _ in range(2000):
        data = bytearray(_line(of, {})[:-1])
        for _ in range(draw.randint(1, 3)):
            data[draw.randrange(len(data))] = draw.choice(b"0129 CDEX.-+\xb0\xff")
        lines.append(bytes(data) + b"\n")
    parsed = _read(of, *lines)
    assert parsed.fault is None, parsed.detail
    placed = pl.concat([parsed.tables[name]["record"] for name in ("clearing", "reject")])
    assert sorted(placed.to_list()) == list(range(1, 2001))
    count = parsed.bytes
    assert count is not None
    assert count.accepted + count.rejected + count.control + count.padding == sum(map(len, lines))
    assert count.rejected == parsed.tables["reject"].height * len(lines[0])
    for table in parsed.tables.values():
        texts = table.select(pl.selectors.string().fill_null(""))
        assert not any(texts[name].str.contains(CARD, literal=True).any() for name in texts.columns)
