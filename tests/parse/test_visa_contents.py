"""What stands in a Visa file, by transaction code: every record lands in one place, with kind, sign and reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from made_clearing import (
    card_number,
    tcr,
    visa_bytes,
    visa_fee,
    visa_lines,
    visa_report,
    visa_returned,
    visa_transaction,
)
from read_file import Read, read_file, source_of

from settlement.errors import TerminalError
from settlement.parse import visa_ctf
from settlement.parse.source import Parsed

NAME = "VISA_CTF_20101229_01.ctf"
SALE = visa_transaction(1, 1000)


def _read(transactions: Sequence[Sequence[str]], end: str = "\n") -> Read:
    read = read_file(NAME, visa_bytes(visa_lines(transactions), end))
    places = [row["record"] for table in ("clearing", "reject", "control_record") for row in read.rows(table)]
    assert sorted(places) == list(range(1, int(str(read.file["records"])) + 1))
    counted = [read.file[f"{part}_bytes"] for part in ("accepted", "rejected", "control", "padding")]
    assert sum(int(str(part)) for part in counted) == read.file["content_bytes"]
    return read


@pytest.mark.parametrize(
    ("code", "usage", "kind", "direction"),
    [
        ("05", "1", "purchase", 1), ("06", "1", "refund", -1), ("07", "1", "cash_advance", 1),
        ("05", "2", "second_presentment", 1), ("06", "2", "second_presentment", -1),
        ("07", "2", "second_presentment", 1),
        ("15", "1", "chargeback", -1), ("16", "1", "chargeback", 1), ("17", "1", "chargeback", -1),
        ("15", "2", "chargeback", -1),
        ("25", "1", "reversal", -1), ("26", "1", "reversal", 1), ("27", "1", "reversal", -1),
        ("35", "1", "chargeback_reversal", 1), ("36", "1", "chargeback_reversal", -1),
        ("37", "1", "chargeback_reversal", 1),
    ],
)  # fmt: skip
def test_kind_and_direction_by_transaction_code_and_usage(code: str, usage: str, kind: str, direction: int) -> None:
    read = _read([visa_transaction(1, 1000, code, usage=usage, reason="83", sign=" ", interchange="0" * 15)])
    assert read.file["fault"] is None, read.file["detail"]
    row = read.rows("clearing")[0]
    assert (row["kind"], row["direction"], row["amount_minor"]) == (kind, direction, 1000)
    reasoned = kind in {"second_presentment", "chargeback", "chargeback_reversal"}
    assert row["reason_code"] == ("83" if reasoned else None)
    assert read.file["net_settlement_minor"] == -direction * 1000
    assert (read.file["accepted_bytes"], read.file["rejected_bytes"]) == (3 * 169, 0)


@pytest.mark.parametrize(("code", "direction"), [("10", 1), ("20", -1)])
def test_fees_are_charged_and_funds_are_credited(code: str, direction: int) -> None:
    read = _read([SALE, visa_fee(code, 250, source_currency="978", src=f"{200:012d}"), visa_fee(code, 30)])
    assert read.file["fault"] is None, read.file["detail"]
    row = read.rows("clearing")[1]
    assert {name: value for name, value in row.items() if value is not None} == {
        "file": f"2010-12-29/{NAME}", "record": 5, "side": "bank", "feed": "visa_clearing",
        "delivered_on": date(2010, 12, 29), "posting_date": date(2010, 12, 29), "kind": "fee_collection",
        "direction": direction, "amount_minor": 250, "currency": "USD", "total_minor": 250,
        "transaction_amount_minor": 200, "transaction_currency": "EUR", "transaction_date": date(2010, 12, 28),
        "processing_date": date(2010, 12, 29), "lifecycle_id": "000000000000777", "reason_code": "5010",
    }  # fmt: skip
    assert read.file["net_settlement_minor"] == -1000 + 15 - direction * 280


def test_a_fee_about_a_card_names_it_and_zeros_name_none() -> None:
    card = card_number(7, "41111101")
    read = _read([visa_fee("10", 1, card=card), visa_fee("10", 2, card=" " * 16), visa_fee("10", 3, date="0000")])
    rows = read.rows("clearing")
    assert [row["card_masked"] for row in rows] == [f"411111******{card[-4:]}", None, None]
    assert [row["card_ref"] is None for row in rows] == [False, True, True]
    assert [row["transaction_date"] for row in rows] == [date(2010, 12, 28), date(2010, 12, 28), None]


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"dest": "00000000x100"}, "NON_NUMERIC_AMOUNT", "dest"),
        ({"src": " " * 12}, "NON_NUMERIC_AMOUNT", "src"),
        ({"currency": "988"}, "UNKNOWN_CURRENCY", "dest_currency"),
        ({"source_currency": "   "}, "UNKNOWN_CURRENCY", "src_currency"),
        ({"date": "0230"}, "BAD_DATE", "date"),
        ({"processed": "0367"}, "BAD_DATE", "processed"),
        ({"card": "4111110100000019"}, "BAD_LUHN", "card"),
        ({"card": "41111101000000x9"}, "BAD_LUHN", "card"),
    ],
)
def test_a_bad_fee_is_a_reject(changes: dict[str, str], reason: str, field: str) -> None:
    read = _read([visa_fee("10", 100, **changes), SALE])
    assert read.file["fault"] is None, read.file["detail"]
    row = read.rows("reject")[0]
    assert (row["record"], row["reason"], row["field"]) == (2, reason, field)
    assert "4111110100000019" not in str(read.rows("reject"))
    assert read.file["rejected_bytes"] == 169


def test_settlement_reports_are_the_networks_own_totals() -> None:
    reports = [
        visa_report(9, 500, 90_000),
        visa_report(9, 700, 0, type="F"),
        visa_report(0, 0, 0, type="T", mode="3"),
        [*visa_report(0, 0, 0, group="V4", number="120", currency="   "), tcr({1: "4601"})],
        visa_report(0, 0, 0, empty="Y", settled=" " * 7),
    ]
    read = _read([SALE, *reports])
    assert read.file["fault"] is None, read.file["detail"]
    rows = [row for row in read.rows("control_record") if row["class"] == "SETTLEMENT_REPORT"]
    assert [(row["record"], row["amount_minor"], row["currency"], row["text"]) for row in rows] == [
        (5, -89_500, "USD", "VSS-110 I2 of 2010-12-29: 9 transactions, credit 500, debit 90000"),
        (6, 700, "USD", "VSS-110 F2 of 2010-12-29: 9 transactions, credit 700, debit 0"),
        (7, 0, "USD", "VSS-110 T3 of 2010-12-29: 0 transactions, credit 0, debit 0"),
        (8, None, None, "VSS-120"),
        (10, None, None, "VSS-110"),
    ]
    assert read.file["control_bytes"] == 169 * (3 + 6)
    assert not [c for c in read.tables["parsed_control_total"]["control"] if "VSS" in c]


def test_a_report_of_just_this_file_ties_with_its_transactions() -> None:
    refund = visa_transaction(2, 300, "06", sign="D")
    ties = _read([SALE, refund, visa_report(2, 300, 1000)])
    assert ties.file["fault"] is None, ties.file["detail"]
    totals = {c["control"]: c["computed"] for c in ties.tables["parsed_control_total"].to_dicts()}
    assert (totals["record 8 VSS-110 credit"], totals["record 8 VSS-110 debit"]) == (300, 1000)
    differs = _read([SALE, refund, visa_report(2, 300, 1001)])
    assert differs.file["fault"] == "CONTROL_TOTAL_MISMATCH"
    assert differs.differing() == ["record 8 VSS-110 debit"]


@pytest.mark.parametrize(
    "changes",
    [
        {"settled": "2010362"},
        {"mode": "1"},
        {"type": "F"},
        {"number": "111"},
        {"currency": "978"},
        {"count": f"{3:015d}"},
    ],
)
def test_a_report_of_something_else_is_only_kept(changes: dict[str, str]) -> None:
    read = _read([SALE, visa_transaction(2, 300, "06", sign="D"), visa_report(2, 1, 2, **changes)])
    assert read.file["fault"] is None, read.file["detail"]
    assert not [c for c in read.tables["parsed_control_total"]["control"] if "VSS" in c]


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"credit": "x" * 15}, "NON_NUMERIC_AMOUNT", "credit"),
        ({"count": " " * 15}, "NON_NUMERIC_AMOUNT", "count"),
        ({"currency": "000"}, "UNKNOWN_CURRENCY", "currency"),
        ({"settled": "2010367"}, "BAD_DATE", "settled"),
        ({"settled": "1910363"}, "BAD_DATE", "settled"),
        ({"sign": "XX"}, "MALFORMED", "net_sign"),
        ({"sign": "  "}, "MALFORMED", "net_sign"),
        ({"sign": "CR"}, "MALFORMED", "net"),
        ({"net": f"{998:015d}"}, "MALFORMED", "net"),
        ({"group": "  "}, "MALFORMED", "group"),
    ],
)
def test_a_report_that_does_not_add_up_is_a_reject(changes: dict[str, str], reason: str, field: str) -> None:
    read = _read([visa_report(9, 1, 1000, **changes), SALE])
    assert read.file["fault"] is None, read.file["detail"]
    row = read.rows("reject")[0]
    assert (row["record"], row["reason"], row["field"]) == (2, reason, field)


def test_what_the_network_sends_back_tells_its_reasons() -> None:
    read = _read([visa_returned(5, 700, reasons="123000456"), SALE, visa_returned(6, 800, "01", "16", "999")])
    assert read.file["fault"] is None, read.file["detail"]
    rows = [row for row in read.rows("control_record") if row["class"] == "RETURNED"]
    assert [(row["record"], row["amount_minor"], row["currency"], row["text"]) for row in rows] == [
        (2, 700, "USD", "TC 15 returned for 123 456"),
        (9, 800, "USD", "TC 16 returned for 999"),
    ]
    assert [row["record"] for row in read.rows("clearing")] == [6]
    assert read.file["net_settlement_minor"] == -1000 + 15


@pytest.mark.parametrize(("reasons", "keep", "field"), [("000", 4, "reason_1"), ("123", 3, "TCR")])
def test_a_return_without_a_reason_is_a_reject(reasons: str, keep: int, field: str) -> None:
    read = _read([visa_returned(5, 700, reasons=reasons)[:keep], SALE])
    row = read.rows("reject")[0]
    assert (row["record"], row["reason"], row["field"]) == (2, "MALFORMED", field)


@pytest.mark.parametrize("code", ["04", "33", "40", "44", "47", "50", "51", "52", "53", "56"])
def test_a_notice_is_kept_and_no_trailer_counts_it_as_money(code: str) -> None:
    read = _read([[tcr({1: f"{code}00", 62: "9" * 12, 77: "9" * 12}), tcr({1: f"{code}01"})], SALE])
    assert read.file["fault"] is None, read.file["detail"]
    rows = read.rows("control_record")
    assert (rows[1]["class"], str(rows[1]["text"])[:5]) == ("NOTICE", f"TC {code}")
    assert rows[2]["class"] == "CONTINUATION_TCR"


@pytest.mark.parametrize("qualifier", ["1", "2", "x"])
def test_a_qualifier_that_no_edition_knows_is_a_reject(qualifier: str) -> None:
    lines = [line[:2] + qualifier + line[3:] for line in visa_transaction(2, 500, "06", sign="D")]
    read = _read([SALE, lines])
    assert [(row["reason"], row["field"]) for row in read.rows("reject")][:1] == [("MALFORMED", "TC")]
    assert [row["record"] for row in read.rows("clearing")] == [2]


def test_clearings_of_one_authorisation_tell_their_number_and_count() -> None:
    parts = [visa_transaction(7, 100 + n, parts=f"{n:02d}03") for n in (1, 2, 3)]
    read = _read([*parts, visa_transaction(8, 1, parts="0000"), visa_transaction(9, 1, parts="0200")])
    told = [(row["lifecycle_id"], row["clearing_sequence"], row["clearing_count"]) for row in read.rows("clearing")]
    assert told == [
        *[("000000000000007", n, 3) for n in (1, 2, 3)],
        ("000000000000008", None, None),
        ("000000000000009", 2, None),
    ]


@pytest.mark.parametrize(
    ("on", "written", "completed"),
    [
        ("2011-01-01", "0365", date(2010, 12, 31)),
        ("2011-01-01", "1001", date(2011, 1, 1)),
        ("2020-02-29", "0060", date(2020, 2, 29)),
        ("2020-12-31", "0366", date(2020, 12, 31)),
        ("2020-01-02", "9365", date(2019, 12, 31)),
        ("2020-12-31", "0000", None),
    ],
)
def test_the_processing_date_is_in_the_year_before_the_file(on: str, written: str, completed: date | None) -> None:
    day = date.fromisoformat(on)
    lines = visa_lines([visa_transaction(1, 100, processed=written)], day)
    read = read_file(f"VISA_CTF_{day:%Y%m%d}_01.ctf", visa_bytes(lines), on)
    assert read.file["fault"] is None, read.file["detail"]
    assert [row["processing_date"] for row in read.rows("clearing")] == [completed]


MANY = [
    visa_transaction(1, 100, cashback="000000050"), visa_transaction(2, 200, "06", sign="D"), visa_fee("10", 5),
    visa_report(9, 1, 1000), visa_returned(3, 70), visa_transaction(4, 9, dest_currency="988"),
]  # fmt: skip


def _itf(lines: Sequence[str], gap: str = "\x00\x07") -> list[str]:
    return [line[:2] + gap + line[2:] for line in lines]


@pytest.mark.parametrize("encoding", ["latin-1", "cp500"])
@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("trimmed", [False, True])
def test_every_form_of_a_file_gives_the_same_rows(encoding: str, long: bool, end: str, trimmed: bool) -> None:
    if trimmed and not end:
        pytest.skip("records without line ends cannot be trimmed")
    plain = _read(MANY)
    lines = _itf(visa_lines(MANY)) if long else visa_lines(MANY)
    lines = [line.rstrip() for line in lines] if trimmed else lines
    content = "".join(line + end for line in lines).encode(encoding)
    read = read_file(NAME, content)
    assert read.file["fault"] is None, read.file["detail"]
    for table in ("clearing", "reject", "control_record"):
        assert read.tables[f"parsed_{table}"].equals(plain.tables[f"parsed_{table}"])
    sizes = [len(line + end) for line in lines]
    first, bad = 1, 1 + 3 + 3 + 1 + 1 + 4
    assert read.file["accepted_bytes"] == sum(sizes[first : first + 7])
    assert read.file["rejected_bytes"] == sum(sizes[bad : bad + 3])
    assert read.file["control_bytes"] == len(content) - sum(sizes[first : first + 7]) - sum(sizes[bad : bad + 3])
    assert {visa_ctf.read(source_of(NAME, content[:-cut])).fault for cut in (1 + len(end), 90, 300)} == {"TRUNCATED"}


def test_an_interchange_file_has_a_name_of_its_own() -> None:
    content = "".join(_itf(visa_lines(MANY), "99")).encode("cp500")
    read = read_file("VISA_ITF_20101229_01.itf", content)
    assert (read.file["fault"], len(read.rows("clearing"))) == (None, 3)


@pytest.mark.parametrize("fill", [b"\x00" * 200_000, b"\x1a", b"\r\n\r\n\n"])
@pytest.mark.parametrize("end", ["", "\n"])
def test_what_only_fills_up_is_padding(fill: bytes, end: str) -> None:
    content = visa_bytes(visa_lines([SALE]), end)
    read = read_file(NAME, content + fill)
    assert read.file["fault"] is None, read.file["detail"]
    assert read.file["padding_bytes"] == len(fill)
    assert read.file["accepted_bytes"] == 3 * (168 + len(end))


def test_the_code_page_of_one_record_does_not_let_another_in() -> None:
    lines = visa_lines([SALE])
    content = lines[0].encode("cp500") + "".join(lines[1:]).encode()
    assert read_file(NAME, content).file["fault"] == "TRUNCATED"


def _with_editions(*editions: dict[str, Any]) -> Parsed:
    source = source_of(NAME, visa_bytes(visa_lines([visa_transaction(1, 100)])))
    spec = {**source.layout.spec, "edition": [*source.layout.spec["edition"], *editions]}
    return visa_ctf.read(replace(source, layout=replace(source.layout, spec=spec)))


def _new(day: date, **changes: object) -> dict[str, Any]:
    return {"valid_from": day, "source": "made for a test", **changes}


def test_a_file_is_read_by_the_edition_of_its_own_date() -> None:
    refunds = {"05": {"kind": "refund", "direction": -1}}
    for day, kind in ((date(2010, 12, 29), "refund"), (date(2010, 12, 30), "purchase")):
        assert _with_editions(_new(day, transactions=refunds)).tables["clearing"]["kind"].to_list() == [kind]


def test_a_file_from_before_the_first_edition_stays_out() -> None:
    content = visa_bytes(visa_lines([SALE]))
    source = source_of(NAME, content)
    spec = {**source.layout.spec, "edition": [{**source.layout.spec["edition"][0], "valid_from": date(2011, 1, 1)}]}
    read = visa_ctf.read(replace(source, layout=replace(source.layout, spec=spec)))
    assert read.fault == "UNREADABLE"
    assert "no edition for 2010-12-29" in str(read.detail)


@pytest.mark.parametrize(
    ("edition", "sentence"),
    [
        ({"valid_from": date(2020, 1, 1)}, "name its valid_from and its source"),
        (_new(date(2000, 1, 1)), "in the order of valid_from"),
        (_new(date(2020, 1, 1), needs="one"), "edition.1.needs"),
        (_new(date(2020, 1, 1), transactions={"5": {"kind": "refund", "direction": -1}}), "edition.1.transactions"),
    ],
)
def test_an_edition_that_does_not_hold_is_told(edition: dict[str, Any], sentence: str) -> None:
    with pytest.raises(TerminalError, match=sentence):
        _with_editions(edition)
