"""MT940: fields and lines, marks and dates, pages, texts in their three forms, and lines that belong nowhere."""

from __future__ import annotations

from datetime import date

import mt940 as package
import pytest
from bank_files import Entry, Statement, mt940
from layout_files import LAYOUTS, layout, layout_of, read

from settlement.model.clearing import Why
from settlement.parse.mt940_text import Told, plain, read_text
from settlement.parse.source import Parsed

HEAD = ":20:REF1\n:25:BANK/1234567\n:28C:5/1\n:60F:C240229EUR100,\n"
LINE = ":61:2403010301C10,NTRFCUSTOMER1//BANK1\n"
TAIL = ":62F:C240301EUR110,\n-\n"


def read_swift(content: str | bytes, spec: str = "", name: str = "MT940_20240301.sta") -> Parsed:
    text = (LAYOUTS / "bank_statement_mt940.toml").read_text(encoding="utf-8")
    of = layout_of(text[: text.index("[spec]")] + f"[spec]\n{spec}\n") if spec else layout("bank_statement_mt940")
    return read(of, name, content)


def rows(parsed: Parsed) -> list[dict[str, object]]:
    assert parsed.fault is None, parsed.detail
    return parsed.tables["statement_entry"].sort("record").rows(named=True)


def test_a_statement_line_with_all_of_its_parts() -> None:
    text = ":86:166?00CREDIT?100599?20EREF+E2E-1?21SVWZ+PAID card 55555501?220000 3310?30BANKDE?32MUELLER?60 OK\n"
    [row] = rows(read_swift(HEAD + LINE + text + TAIL))
    assert row == {
        "file": "2024-03-01/MT940_20240301.sta",
        "record": 1,
        "account": "BANK/1234567",
        "entry_ref": "BANK1",
        "booked_on": date(2024, 3, 1),
        "value_on": date(2024, 3, 1),
        "direction": 1,
        "amount_minor": 1000,
        "currency": "EUR",
        "code": "NTRF",
        "end_to_end_id": "E2E-1",
        "remittance": "PAID card 555555******3310 OK",
        "bank_ref": "BANK1",
        "message_id": None,
        "payment_id": None,
        "details": None,
        "charges_minor": None,
        "reversal": False,
        "availability": None,
    }


@pytest.mark.parametrize(
    ("mark", "direction", "reversal"),
    [("C", 1, False), ("D", -1, False), ("RD", 1, True), ("RC", -1, True), ("CR", 1, False), ("DF", -1, False)],
)
def test_marks_and_funds_codes(mark: str, direction: int, reversal: bool) -> None:
    tail = TAIL if direction > 0 else TAIL.replace("110,", "90,")
    [row] = rows(read_swift(HEAD + LINE.replace("C10,", f"{mark}10,") + tail))
    assert (row["direction"], row["reversal"]) == (direction, reversal)


@pytest.mark.parametrize(
    ("closing", "dates", "booked"),
    [
        ("240102", "2312311231", date(2023, 12, 31)),
        ("240102", "2312300102", date(2024, 1, 2)),
        ("231231", "2401021231", date(2023, 12, 31)),
        ("240301", "2301050229", date(2024, 2, 29)),
        ("240301", "240301", date(2024, 3, 1)),
        ("240301", "240301    ", date(2024, 3, 1)),
    ],
)
def test_an_entry_date_has_the_year_of_its_statement(closing: str, dates: str, booked: date) -> None:
    content = HEAD + LINE.replace("2403010301", dates) + TAIL.replace("240301", closing)
    assert rows(read_swift(content, name=f"MT940_20{closing}.sta"))[0]["booked_on"] == booked


@pytest.mark.parametrize(
    ("line", "reason", "agrees"),
    [
        (":61:2402300301C10,NTRFX\n", "BAD_DATE", True),
        (":61:2403011301C10,NTRFX\n", "BAD_DATE", True),
        (":61:2403010301C10,001NTRFX\n", "NON_NUMERIC_AMOUNT", False),
        (":61:2403010301C,10NTRFX\n", "NON_NUMERIC_AMOUNT", False),
        (":61:2403010301XC10,NTRFX\n", "MALFORMED", False),
        (":61:2403010301C10,NTRFX\nsecond\nthird\n", "MALFORMED", False),
        (":61:2403010301C10,\n", "MALFORMED", True),
    ],
)
def test_a_line_that_cannot_be_used_is_rejected_and_counted(line: str, reason: str, agrees: bool) -> None:
    parsed = read_swift(HEAD + line + TAIL)
    assert parsed.fault is None
    assert parsed.tables["reject"].select("record", "reason").rows() == [(1, reason)]
    assert all(total.agrees for total in parsed.controls) is agrees
    assert parsed.bytes is not None
    assert parsed.bytes.rejected == len(line)


def test_statements_and_pages_follow_each_other_in_one_file() -> None:
    content = (
        "{1:F01BANKDEFFXXXX0000000000}{2:O940BANKDEFFXXXXN}{3:{108:X}}{4:\r\n"
        ":20:A\r\n:25:ACC1\r\n:28C:7/1\r\n:60F:D240301JPY5,\r\n:61:240301C10,NTRFX\r\n:62M:C240301JPY5,\r\n-}{5:{CHK:1}}\r\n"
        "{1:F01BANKDEFFXXXX0000000000}{2:O940BANKDEFFXXXXN}{4:\r\n"
        ":20:B\r\n:25:ACC1\r\n:28C:7/2\r\n:60M:C240301JPY5,\r\n:62F:C240301JPY5,\r\n:64:C240301JPY5,\r\n-}\r\n\r\n"
        "BANKDEFF\r\n940\r\n:20:C\r\n:25P:ACC2\r\nBANKDEFF\r\n:60F:C240301KWD0,\r\n:62F:C240301KWD0,\r\n:86:BYE\r\n-\r\n\x1a"
    )
    parsed = read_swift(content)
    assert len(rows(parsed)) == 1
    assert all(total.agrees for total in parsed.controls)
    told = parsed.tables["bank_statement"].select(
        "account", "currency", "sequence", "page", "last_page", "closing_minor"
    )
    assert told.rows() == [
        ("ACC1", "JPY", 7, 1, False, 5),
        ("ACC1", "JPY", 7, 2, True, 5),
        ("ACC2", "KWD", None, 1, True, 0),
    ]
    assert parsed.bytes is not None
    assert (parsed.bytes.accepted, parsed.bytes.padding) == (len(":61:240301C10,NTRFX\r\n"), 3)
    assert sum((parsed.bytes.accepted, parsed.bytes.control, parsed.bytes.padding)) == len(content)


def test_lines_that_banks_write_around_a_message_are_the_envelope() -> None:
    head = "0000 01INGBNL2AXXXX00001\n0000 01INGBNL2AXXXX00001\n940 00\n"
    content = head + HEAD + LINE + TAIL.replace("-\n", "-XXX\n") + ":940:\n" + HEAD + LINE + TAIL
    parsed = read_swift(content)
    assert len(rows(parsed)) == 2
    assert parsed.bytes is not None
    assert parsed.bytes.accepted == 2 * len(LINE)


def test_declared_counts_and_sums_are_controls() -> None:
    sums = ":90D:0EUR0,\n:90C:{}EUR{}\n"
    for count, amount, wrong in (("1", "10,", []), ("2", "10,", ["count C"]), ("1", "11,", ["sum C"])):
        content = HEAD + LINE + TAIL.replace("-\n", sums.format(count, amount) + "-\n")
        differing = [total.control for total in read_swift(content).controls if not total.agrees]
        assert [" ".join(control.split()[:2]) for control in differing] == wrong


@pytest.mark.parametrize(
    ("content", "why", "words"),
    [
        (HEAD + LINE + "stray\nlines\n" + TAIL, None, ""),
        (HEAD + ":77X:what\n" + LINE + TAIL, Why.UNREADABLE, "line 5 is no field"),
        (HEAD + LINE + ":61;2403010301C10,NTRFX\n" + TAIL, Why.UNREADABLE, "line 6 is no field"),
        (HEAD + "text\n" + LINE + TAIL, Why.UNREADABLE, "line 5 belongs to no field"),
        (HEAD + LINE + TAIL + LINE, Why.UNREADABLE, "line 8 stands outside"),
        (HEAD + LINE + TAIL.replace("-\n", LINE + "-\n"), Why.UNREADABLE, "line 7 (:61:) stands where"),
        (LINE + HEAD + TAIL, Why.UNREADABLE, "line 1 stands outside"),
        (HEAD + ":60F:C240229EUR100,\n" + LINE + TAIL, Why.UNREADABLE, "line 5 (:60F:) stands where"),
        (HEAD.replace("EUR100,", "EUR100,x") + LINE + TAIL, Why.UNREADABLE, "line 4 (:60F:) cannot be read"),
        (HEAD.replace("EUR", "DEM") + LINE + TAIL, Why.UNREADABLE, "line 4 (:60F:) is no balance"),
        (HEAD.replace("240229", "240230") + LINE + TAIL, Why.UNREADABLE, "line 4 (:60F:) is no balance"),
        (HEAD.replace("5/1", "five") + LINE + TAIL, Why.UNREADABLE, "line 3 is no statement number"),
        (HEAD + LINE + TAIL.replace("EUR", "USD"), Why.CONTROL_TOTAL_MISMATCH, "opens in EUR and closes in USD"),
        (HEAD.replace(":25:BANK/1234567\n", "") + LINE + TAIL, Why.UNREADABLE, "no account (:25:)"),
        (HEAD.replace(":60F:C240229EUR100,\n", "") + TAIL, Why.TRUNCATED, "no opening balance"),
        (HEAD + LINE + "-\n", Why.TRUNCATED, "no closing balance"),
        (HEAD + LINE + TAIL.removesuffix("-\n"), Why.TRUNCATED, 'end_line = "optional"'),
        ("{4:\n" + HEAD + LINE + TAIL, Why.UNREADABLE, "line 8 belongs to no field"),
        ("{4:\n" + HEAD + LINE + TAIL.removesuffix("-\n"), Why.TRUNCATED, "block is not closed"),
        ("nothing of the kind\n", Why.UNREADABLE, "line 1 stands outside"),
        (":20:MT942\n:25:A\n:28C:1\n:34F:EUR0,\n:13D:2403011200+0100\n-\n", Why.TRUNCATED, "no opening balance"),
    ],
)
def test_a_line_that_belongs_nowhere_stops_the_file(content: str, why: Why | None, words: str) -> None:
    parsed = read_swift(content)
    assert parsed.fault is why
    assert words in (parsed.detail or "")


def test_lines_that_continue_a_statement_line_too_long_make_it_a_reject_not_a_text() -> None:
    parsed = read_swift(HEAD + LINE + "stray\nlines\n" + TAIL)
    assert parsed.tables["reject"]["field"].to_list() == ["61"]


def test_a_bank_that_writes_no_end_lines_needs_a_layout_that_says_so() -> None:
    content = HEAD + LINE + TAIL.removesuffix("-\n")
    assert len(rows(read_swift(content * 2, 'end_line = "optional"'))) == 2
    assert read_swift(TAIL.join([HEAD + LINE, HEAD + LINE]), 'end_line = "optional"').fault is Why.TRUNCATED


def test_codes_are_told_by_the_layout_and_stay_what_they_are_without() -> None:
    text = ":86:166?00CREDIT?20SVWZ+X\n"
    for spec, code in (
        ("", "NTRF"),
        ('codes = { NTRF = "ACQP" }', "ACQP"),
        ('codes = { NTRF = "ACQP", 166 = "NETW" }', "NETW"),
    ):
        assert rows(read_swift(HEAD + LINE + text + TAIL, spec))[0]["code"] == code


def test_encodings_are_tried_in_their_order_and_told() -> None:
    content = (HEAD + LINE + ":86:M\xfcller\n" + TAIL).encode("latin-1")
    assert rows(read_swift(content))[0]["remittance"] == "M\xfcller"
    parsed = read_swift(content, 'encodings = ["ascii", "utf-8"]')
    assert (parsed.fault, "line 6 is not written in ascii or utf-8" in str(parsed.detail)) == (Why.UNREADABLE, True)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["PLAIN  text", "second"], Told(remittance="PLAIN text second")),
        (["A" * 65, "B"], Told(remittance="A" * 65 + "B")),
        (["A" * 64 + " ", "B"], Told(remittance="A" * 64 + " B")),
        (["/EREF/R1/REMI/USTD//ALL PA", "ID/"], Told(end_to_end_id="R1", remittance="ALL PAID")),
        (["/TRCD/00100/BENM//NAME/X/REMI/OK/EREF/NOTPROVIDED"], Told(remittance="OK")),
        (
            ["000>100987654321", ">20TEXT A>21ND MORE>310390123456"],
            Told(remittance="TEXT AND MORE", business_code="000"),
        ),
        (["166?00X?20KREF+K?21SVWZ+TEX", "T?22 B?34914"], Told(remittance="TEXT B", business_code="166")),
        (
            ["166?00X?20before EREF+ab?21cd?22SVWZ+"],
            Told(end_to_end_id="abcd", remittance="before", business_code="166"),
        ),
        ([], Told()),
        (["", " "], Told()),
    ],
)
def test_texts_in_their_three_forms(lines: list[str], told: Told) -> None:
    assert read_text(lines) == told


def test_plain_lines_do_not_run_together() -> None:
    assert plain(["one ", " two"]) == "one two"


def test_the_package_reads_the_same_money_from_what_we_write() -> None:
    """An independent reading of the same file: amounts with their sign, and value dates."""
    entries = [
        Entry(amount_minor=minor, remittance="X", bank_ref=f"B{minor}", reversal=reversal)
        for minor, reversal in ((1050, False), (-7, False), (30, True), (-1, True))
    ]
    content = mt940([Statement(opening_minor=5, entries=entries)])
    theirs = package.parse(content, options=package.Options.all())
    ours = rows(read_swift(content))
    assert [int(one.data["amount"].amount * 100) for one in theirs] == [
        int(str(row["direction"])) * int(str(row["amount_minor"])) for row in ours
    ]
    assert [str(one.data["date"]) for one in theirs] == [str(row["value_on"]) for row in ours]
