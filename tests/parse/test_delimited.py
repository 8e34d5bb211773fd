"""Delimited layouts: the files that come with the product, and what happens to bad lines and bad files."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layout_files import layout, layout_of, read

from settlement.errors import TerminalError
from settlement.model.clearing import Why
from settlement.parse.source import Parsed

NAME = "RET_CAPTURE_20240301_01.csv"
HEAD = (
    "H;HARBOR-RETAIL;20240301;0001;1.2;USD;America/New_York\n"
    "#;order_id;shipment_no;store_id;merchant_no;masked_pan;auth_code;local_datetime;type;amount_minor;tip_minor;"
    "cashback_minor;currency;orig_order_id\n"
)
SALE = "D;O1;1;S1;4503082649100;555555******9773;A1B2C3;2024-02-29T23:18:37-05:00;SALE;20278;150;;USD;\n"
REFUND = "D;O2;1;S1;4503082649100;555555******9773;;2024-03-01T08:00:00-05:00;REFUND;500;;;USD;O1\n"


def capture(*lines: str, count: int | None = None, debit: int = 0, credit: int = 0) -> str:
    return HEAD + "".join(lines) + f"T;{len(lines) if count is None else count};{debit};{credit}\n"


def capture_read(content: str | bytes) -> Parsed:
    return read(layout("retailer_capture"), NAME, content)


def rejected(parsed: Parsed) -> list[tuple[object, ...]]:
    return parsed.tables["reject"].select("record", "reason", "field", "preview").rows()


def disagreeing(parsed: Parsed) -> list[str]:
    return [total.control for total in parsed.controls if not total.agrees]


def test_a_capture_file_is_read_column_by_column() -> None:
    parsed = capture_read(capture(SALE, REFUND, debit=20428, credit=500))
    assert (parsed.fault, disagreeing(parsed), parsed.records) == (None, [], 5)
    assert (parsed.sender, parsed.file_date) == ("HARBOR-RETAIL", date(2024, 3, 1))
    assert parsed.internal_id == "HARBOR-RETAIL-20240301-0001"
    sale, refund = parsed.tables["clearing"].rows(named=True)
    filled = {name: value for name, value in sale.items() if value is not None}
    assert filled == {
        "file": "2024-03-01/RET_CAPTURE_20240301_01.csv",
        "record": 3,
        "side": "merchant",
        "feed": "retailer_capture",
        "delivered_on": date(2024, 3, 1),
        "posting_date": date(2024, 3, 1),
        "kind": "purchase",
        "direction": 1,
        "amount_minor": 20278,
        "currency": "USD",
        "transaction_amount_minor": 20278,
        "transaction_currency": "USD",
        "tip_minor": 150,
        "total_minor": 20428,
        "transaction_date": date(2024, 2, 29),
        "local_time": datetime(2024, 2, 29, 23, 18, 37),  # noqa: DTZ001 (a local time has no zone)
        "zone": "America/New_York",
        "card_masked": "555555******9773",
        "authorisation_code": "A1B2C3",
        "merchant_number": "4503082649100",
        "order_ref": "O1",
        "part_ref": "1",
    }
    assert (refund["kind"], refund["direction"], refund["original_ref"]) == ("refund", -1, "O1")
    assert parsed.tables["control_record"].select("record", "class").rows() == [
        (1, "HEADER"),
        (2, "HEADER"),
        (5, "TRAILER"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "reason", "field", "preview"),
    [
        ("2024-02-29T", "2024-02-30T", "BAD_DATE", "local_datetime", "2024-02-30T23:18:37-05:00"),
        ("-05:00", "", "BAD_DATE", "local_datetime", "2024-02-29T23:18:37"),
        ("20278", "12,3x", "NON_NUMERIC_AMOUNT", "amount_minor", "12,3x"),
        ("20278", "-20278", "NON_NUMERIC_AMOUNT", "amount_minor", "-20278"),
        ("20278", "", "NON_NUMERIC_AMOUNT", "amount_minor", ""),
        (";150;", ";1.5;", "NON_NUMERIC_AMOUNT", "tip_minor", "1.5"),
        (";USD;", ";QQQ;", "UNKNOWN_CURRENCY", "currency", "QQQ"),
        (";USD;", ";usd;", "UNKNOWN_CURRENCY", "currency", "usd"),
        (";SALE;", ";GIFT;", "MALFORMED", "type", "GIFT"),
        ("555555******9773", "5555550100003310", "MALFORMED", "masked_pan", "555555******3310"),
        (";USD;\n", ";USD\n", "MALFORMED", "line", None),
        (";USD;\n", ";USD;;\n", "MALFORMED", "line", None),
        ("D;", "X;", "MALFORMED", "line", None),
    ],
)
def test_a_bad_line_is_a_reject_that_names_its_field(
    old: str, new: str, reason: str, field: str, preview: str | None
) -> None:
    parsed = capture_read(capture(SALE.replace(old, new, 1), REFUND, credit=500))
    assert parsed.fault is None
    [(record, found_reason, found_field, found_preview)] = rejected(parsed)
    assert (record, found_reason, found_field) == (3, reason, field)
    assert preview is None or found_preview == preview
    assert "5555550100003310" not in str(parsed.tables)
    assert parsed.tables["clearing"]["record"].to_list() == [4]


def test_a_line_without_a_character_is_padding() -> None:
    parsed = capture_read(capture("\n", REFUND, count=1, credit=500) + "\n\r\n")
    assert (parsed.fault, disagreeing(parsed), rejected(parsed)) == (None, [], [])
    assert parsed.tables["clearing"]["record"].to_list() == [4]
    assert parsed.bytes is not None
    assert parsed.bytes.padding == 4


def test_bad_lines_stay_in_the_totals_and_unreadable_amounts_add_nothing() -> None:
    bad_date = SALE.replace("2024-02-29", "2024-02-30")
    parsed = capture_read(capture(SALE, bad_date, SALE.replace("20278", "x"), debit=2 * 20428))
    assert disagreeing(parsed) == []
    assert [row[1] for row in rejected(parsed)] == ["BAD_DATE", "NON_NUMERIC_AMOUNT"]


@pytest.mark.parametrize(("key", "wrong"), [("count", 2), ("debit", 1), ("credit", 1)])
def test_a_total_that_does_not_re_add_is_told(key: str, wrong: int) -> None:
    given_totals = {"debit": 20428, "credit": 0} | {key: wrong}
    assert disagreeing(capture_read(capture(SALE, **given_totals))) == [key]


@pytest.mark.parametrize(
    ("content", "why", "words"),
    [
        (b"", Why.EMPTY, "no lines"),
        (HEAD.encode(), Why.TRUNCATED, "ends without its last line `T`"),
        (capture(SALE, debit=20428)[:-1].encode(), Why.TRUNCATED, "no end"),
        (capture(SALE)[len(HEAD) :].encode(), Why.UNREADABLE, "line 1 should be `H`"),
        ((capture(SALE, debit=20428) + SALE).encode(), Why.UNREADABLE, "lines follow its last line"),
        (capture(SALE).encode() * 2, Why.UNREADABLE, "more than once"),
        (capture(SALE).replace("T;1;0;0", "T;1;0").encode(), Why.UNREADABLE, "not the fields of its layout"),
        (capture(SALE).replace("T;1;0;0", "T;1;0;none").encode(), Why.UNREADABLE, "`credit` is no number: `none`"),
        (capture(SALE).replace(";20240301;", ";20240230;").encode(), Why.UNREADABLE, "`20240230` is no date"),
        (capture(SALE).replace(";20240301;", ";20240229;").encode(), Why.UNREADABLE, "its name says 2024-03-01"),
        (capture(SALE).encode("utf-16"), Why.UNREADABLE, "byte 1 is not utf-8"),
        (HEAD.encode() + b"D;caf\xe9;", Why.UNREADABLE, f"byte {len(HEAD) + 6}"),
        (HEAD.encode() + b"D;caf\xc3", Why.TRUNCATED, "inside a character"),
    ],
)
def test_a_bad_file_has_one_fault_and_one_sentence(content: bytes, why: Why, words: str) -> None:
    parsed = capture_read(content)
    assert parsed.fault is why
    assert words in (parsed.detail or "")
    assert (parsed.detail or "").endswith("Ask HARBOR-RETAIL to send it again.")
    assert not parsed.tables


def test_no_cut_of_a_file_is_taken_for_a_whole_one() -> None:
    whole = capture(SALE.replace("O1", "Ö1"), REFUND, debit=20428, credit=500).encode()
    assert capture_read(whole).fault is None
    for length in range(len(whole)):
        parsed = capture_read(whole[:length])
        assert parsed.fault in {Why.TRUNCATED, Why.EMPTY}, whole[:length]


def test_a_cut_file_still_tells_its_identity() -> None:
    parsed = capture_read(capture(SALE)[:-30])
    assert (parsed.fault, parsed.internal_id) == (Why.TRUNCATED, "HARBOR-RETAIL-20240301-0001")


def test_hostile_text_stays_text() -> None:
    hostile = "=cmd|' /C calc'!A0\x0b\x85\u2028\u202e\x00'\"<b>"
    parsed = capture_read(capture(SALE.replace("O1", hostile), debit=20428))
    assert parsed.tables["clearing"]["order_ref"].to_list() == [hostile]


def test_line_ends_of_windows_and_a_byte_order_mark_change_nothing() -> None:
    plain = capture(SALE, debit=20428)
    other = capture_read(b"\xef\xbb\xbf" + plain.replace("\n", "\r\n").encode())
    assert other.tables["clearing"].equals(capture_read(plain).tables["clearing"])


ACQUIRER = (
    "Type,Merchant Account,Psp Reference,Merchant Reference,Creation Date,TimeZone,Modification Reference,"
    "Gross Currency,Gross Debit (GC),Gross Credit (GC),Net Currency,Net Debit (NC),Net Credit (NC),Batch Number,"
    "Reserved4,Reserved5,Reserved6\n"
)
PAYOUT = 'MerchantPayout,MERIDIANPAY_US,,,2024-03-01 23:55:00,CET,"TX1, batch 7",,,,USD,{},,7,,,\n'


def settled(currency: str = "USD", gross: str = "17.3", net: str = "17", at: str = "2024-03-01 03:30:00") -> str:
    return (
        f"Settled,MERIDIANPAY_US,8,R1,{at},CET,9,{currency},,{gross},USD,,{net},7,"
        "25555500362010000010294,555555******1818,GKV709\n"
    )


def acquirer_read(*lines: str, head: str = ACQUIRER) -> Parsed:
    return read(layout("acquirer_us"), "ACQ_SETTLEMENT_US_20240301.csv", head + "".join(lines))


def test_the_acquirer_report_is_read_by_the_names_of_its_columns() -> None:
    fee = "Fee,MERIDIANPAY_US,,,2024-03-01 23:55:00,CET,Fees,,,,USD,1.5,,7,,,\n"
    refund = settled().replace("Settled", "Refunded").replace(",,17.3,USD,,17,", ",17.3,,USD,17.3,,")
    lines = (settled(), settled("JPY", "500", "4"), settled("KWD", "1.234", "4"), refund, fee)
    parsed = acquirer_read(*lines, PAYOUT.format("6.2"))
    assert (parsed.fault, disagreeing(parsed), rejected(parsed)) == (None, [], [])
    assert (parsed.net_settlement_minor, parsed.net_settlement_currency) == (620, "USD")
    assert (parsed.payout_text, parsed.internal_id, parsed.records) == ("TX1, batch 7", "MERIDIANPAY_US-7", 7)
    rows = parsed.tables["clearing"]
    assert rows["amount_minor"].to_list() == [1730, 500, 1234, 1730]
    assert rows["kind"].to_list() == ["purchase", "purchase", "purchase", "refund"]
    assert rows["transaction_date"].to_list() == [date(2024, 2, 29), *[date(2024, 3, 1)] * 2, date(2024, 2, 29)]
    assert rows["local_time"].dt.hour().to_list() == [21, 11, 5, 21]
    assert rows["order_ref"].to_list() == ["R1/8"] * 4
    assert rows["original_ref"].to_list() == [None, None, None, "R1/8"]
    assert parsed.tables["control_record"].select("record", "class", "amount_minor", "text").rows() == [
        (1, "HEADER", None, None),
        (6, "ACQ_FEE", -150, "Fees"),
        (7, "PAYOUT", -620, "TX1, batch 7"),
    ]


def test_each_line_of_a_batch_tells_what_is_settled_for_it() -> None:
    """Records and rejects at their net amounts, and the lines that are no transactions."""
    carried = "Balancetransfer,MERIDIANPAY_US,,,2024-03-01 23:55:00,CET,{},,,,USD,{},{},7,,,\n"
    refund = settled().replace("Settled", "Refunded").replace(",,17.3,USD,,17,", ",17.3,,USD,17.3,,")
    bad = settled(gross="1E2", net="3.05")
    unread = settled(gross="#VALUE!", net="")
    lines = (carried.format("from batch 6", "", "2"), settled(), refund, bad, unread)
    parsed = acquirer_read(*lines, carried.format("to batch 8", "4.75", ""))
    assert (parsed.fault, disagreeing(parsed)) == (None, [])
    assert (parsed.net_settlement_minor, parsed.payout_text) == (None, None)
    net = ("record", "batch", "net_minor", "net_currency")
    assert parsed.tables["clearing"].select(net).rows() == [(3, "7", 1700, "USD"), (4, "7", -1730, "USD")]
    assert parsed.tables["reject"].select(net).rows() == [(5, "7", 305, "USD"), (6, "7", None, "USD")]
    assert parsed.tables["control_record"].select("record", "class", "amount_minor", "batch").rows() == [
        (1, "HEADER", None, None),
        (2, "BALANCE", 200, "7"),
        (7, "BALANCE", -475, "7"),
    ]


def test_columns_may_change_their_order_and_new_ones_may_come() -> None:
    lines = [ACQUIRER, settled(), "MerchantPayout,MERIDIANPAY_US,,,x,CET,TX,,,,USD,17,,7,,,\n"]
    turned = "".join(",".join(["new", *reversed(line.strip().split(","))]) + "\n" for line in lines)
    parsed = read(layout("acquirer_us"), "ACQ_SETTLEMENT_US_20240301.csv", turned)
    before = acquirer_read(*lines[1:])
    assert parsed.tables["clearing"].equals(before.tables["clearing"])


@pytest.mark.parametrize(
    ("line", "reason", "field", "payout"),
    [
        (settled(gross="#VALUE!", net=""), "NON_NUMERIC_AMOUNT", "Gross Credit (GC)", "17"),
        (settled(gross="1.005"), "NON_NUMERIC_AMOUNT", "Gross Credit (GC)", "34"),
        (settled(gross="1E2"), "NON_NUMERIC_AMOUNT", "Gross Credit (GC)", "34"),
        (settled("JPY", "1.5"), "NON_NUMERIC_AMOUNT", "Gross Credit (GC)", "34"),
        (settled("XQX"), "UNKNOWN_CURRENCY", "Gross Currency", "34"),
        (settled("EUR"), "MALFORMED", "Gross Currency", "34"),
        (settled(at="2010-13-32 10:00:00"), "BAD_DATE", "Creation Date", "34"),
        (settled(at="2024-03-31 02:30:00"), "BAD_DATE", "Creation Date", "34"),
        (settled().replace("CET", "PST"), "MALFORMED", "TimeZone", "34"),
        (settled().replace("Settled", "Mystery"), "MALFORMED", "Type", "34"),
        (settled().replace(",GKV709", ""), "MALFORMED", "line", "17"),
        (settled().replace("GKV709", "GKV709,"), "MALFORMED", "line", "17"),
    ],
)
def test_a_bad_line_of_the_report_is_in_the_payout(line: str, reason: str, field: str, payout: str) -> None:
    parsed = acquirer_read(settled(), line, PAYOUT.format(payout))
    assert (parsed.fault, disagreeing(parsed)) == (None, [])
    assert [row[:3] for row in rejected(parsed)] == [(3, reason, field)]


def test_a_batch_ends_in_a_payout_or_in_a_balance_carried_over() -> None:
    carried = "Balancetransfer,MERIDIANPAY_US,,,x,CET,Balancetransfer batch 8,,,,USD,17,,7,,,\n"
    parsed = acquirer_read(settled(), carried)
    assert (parsed.fault, disagreeing(parsed), parsed.net_settlement_minor) == (None, [], None)
    assert acquirer_read(settled()).fault is Why.TRUNCATED
    assert disagreeing(acquirer_read(settled(), settled(), carried)) == ["payout_minor"]


def test_lines_of_two_batches_do_not_make_one_file() -> None:
    other = settled().replace(",7,2555", ",8,2555")
    assert disagreeing(acquirer_read(settled(), other, PAYOUT.format("34"))) == ["batches"]


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (ACQUIRER.replace("Reserved4", "Reserve 4"), "does not name the field `Reserved4`"),
        (ACQUIRER.replace("Reserved4", "Reserved5"), "names the field `Reserved5` more than once"),
        (ACQUIRER.replace("Type", '"Type'), "quote"),
    ],
)
def test_a_report_without_its_columns_is_refused(head: str, words: str) -> None:
    parsed = acquirer_read(settled(), PAYOUT.format("17"), head=head)
    assert parsed.fault is Why.UNREADABLE
    assert words in (parsed.detail or "")


def test_a_quoted_line_break_keeps_the_line_numbers_right() -> None:
    broken = settled().replace(",R1,", ',"R\n,1""",')
    parsed = acquirer_read(settled(), broken, settled(), PAYOUT.format("51"))
    assert (parsed.fault, parsed.records) == (None, 6)
    assert parsed.tables["clearing"].select("record", "order_ref").rows() == [
        (2, "R1/8"),
        (3, 'R\n,1"/8'),
        (5, "R1/8"),
    ]
    open_quote = acquirer_read(settled().replace(",R1,", ',"R1,'), settled(), PAYOUT.format("34"))
    assert open_quote.fault is Why.UNREADABLE
    assert "line 2" in (open_quote.detail or "")


def test_the_enrolment_feed_keeps_no_card_number() -> None:
    content = (
        "pan;account_id;programme;member_id;valid_from\n"
        "5555550100003310;A1;AIR;0000000313;2010-04-20\n"
        "5555550100003311;A2;AIR;;2010-04-20\n"
        "5555550100003310;;AIR;;2010-04-20\n"
    )
    parsed = read(layout("enrolment"), "ENROLMENT_20240301.csv", content)
    [row] = parsed.tables["enrolment"].rows(named=True)
    assert row["card_masked"] == "555555******3310"
    assert row["card_ref"].startswith("test-")
    assert rejected(parsed) == [
        (3, "BAD_LUHN", "pan", "555555******3311"),
        (4, "MALFORMED", "account_id", ""),
    ]
    shown = str([frame.rows() for frame in parsed.tables.values()])
    assert "5555550100003310" not in shown
    assert "5555550100003311" not in shown


def test_reference_feeds_are_read() -> None:
    fx = read(layout("fx"), "FX_20240301.csv", "date;from;to;rate\n2024-03-01;KWD;USD;3.55456\n2024-03-01;KWD;USD;x\n")
    assert fx.tables["fx_rate"].drop("file", "retracted").rows() == [(2, date(2024, 3, 1), "KWD", "USD", "3.55456")]
    assert rejected(fx) == [(3, "NON_NUMERIC_AMOUNT", "rate", "x")]
    loose = read(layout("fx"), "FX_20240301.csv", "date;from;to;rate\n2024-3-1;KWD;USD;1\n 2024-03-01;KWD;USD;1\n")
    assert [row[1] for row in rejected(loose)] == ["BAD_DATE", "BAD_DATE"]
    pnl = "programme;month;version;line;amount_minor;currency\nAIR;2024-02;2;FEES;100;USD\nAIR;2024-13;2;GIFTS;1;USD\n"
    parsed = read(layout("profit_and_loss"), "PNL_202402_v2.csv", pnl)
    assert (parsed.internal_id, parsed.file_date) == ("2024-02-2", None)
    assert parsed.tables["pnl"].drop("file", "retracted").rows() == [(2, "AIR", "2024-02", 2, "FEES", 100, "USD")]
    assert rejected(parsed) == [(3, "MALFORMED", "month", "2024-13")]
    positions = "contract;item;value;unit\nC1;carry_forward;-2500;USD minor\n"
    parsed = read(layout("opening_positions"), "OPENING_POSITIONS_20240301.csv", positions)
    assert parsed.tables["opening_position"]["value"].to_list() == [-2500]


PROPERTY_LAYOUT = layout_of("""
layout = "made"
version = "1"
source = "test"
feed = "made"
sender = "MADE"
names = ["MADE_{date}.csv"]
format = "delimited"
[spec]
separator = ","
quote = '"'
names_line = true
[[spec.lines]]
table = "opening_position"
[spec.lines.columns]
contract = { from = "a" }
item = { from = "b" }
value = { from = "c", type = "minor", signed = true }
unit = { from = "d" }
[[spec.controls]]
name = "sum"
of = { lines = ["line"], add = ["c"] }
""")
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), min_size=1, max_size=8).filter(
    lambda text: text != "\ufeff"
)
ROWS = st.lists(st.tuples(TEXTS, TEXTS, st.integers(-(10**15) + 1, 10**15 - 1), TEXTS), max_size=12)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_what_is_written_is_read(rows: list[tuple[str, str, int, str]]) -> None:
    quoted = [",".join('"' + str(value).replace('"', '""') + '"' for value in row) for row in rows]
    content = "\n".join(["a,b,c,d", *quoted, ""])
    parsed = read(PROPERTY_LAYOUT, "MADE_20240301.csv", content)
    assert parsed.fault is None, parsed.detail
    assert parsed.tables["opening_position"].drop("file", "record", "retracted").rows() == rows
    assert parsed.controls[1].computed == sum(row[2] for row in rows)
    numbers, line = [], 2
    for text in quoted:
        numbers.append(line)
        line += 1 + text.count("\n")
    assert parsed.tables["opening_position"]["record"].to_list() == numbers


def test_the_order_of_lines_changes_no_row() -> None:
    one = capture_read(capture(SALE, REFUND, debit=20428, credit=500)).tables["clearing"].drop("record")
    other = capture_read(capture(REFUND, SALE, debit=20428, credit=500)).tables["clearing"].drop("record")
    assert one.sort("order_ref").equals(other.sort("order_ref"))
    assert one.height == 2
    assert isinstance(one, pl.DataFrame)


GOOD = (
    'layout = "made"\nversion = "1"\nsource = "t"\nfeed = "made"\nsender = "M"\nnames = ["M_{date}.csv"]\n'
    'format = "delimited"\n[spec]\nseparator = ";"\nnames_line = true\n[[spec.lines]]\ntable = "store"\n'
    '[spec.lines.columns]\nmerchant_number = { from = "m" }\nstore_id = { from = "s" }\nname = { from = "n" }\n'
)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('separator = ";"', 'separator = ";;"', "spec.separator"),
        ('separator = ";"', 'seperator = ";"', "spec.separator"),
        ('"store"', '"shop"', "no table `shop`"),
        ("store_id =", "shop_id =", "takes no such column"),
        ('name = { from = "n" }\n', "", "`name` must be given"),
        ('{ from = "n" }', '{ from = "n", type = "minor" }', "type `minor` gives no text"),
        ('{ from = "n" }', '{ from = "n", type = "code" }', "needs `map`"),
        ('{ from = "n" }', '{ from = "n", type = "code", map = "names" }', "no map `names`"),
        ('{ from = "n" }', '{ from = "n", value = "x" }', "exactly one of"),
        ('{ from = "n" }', '{ from = "n", pattern = "(" }', "no regular expression"),
        ('separator = ";"', 'separator = ";"\nencoding = "utf-99"', "utf-99"),
        ('separator = ";"', 'separator = ";"\nlast = ["T"]', "no kind of lines has the tag `T`"),
    ],
)
def test_a_bad_layout_is_one_sentence(old: str, new: str, words: str) -> None:
    assert read(layout_of(GOOD), "M_20240301.csv", "m;s;n\n1;2;3\n").fault is None
    with pytest.raises(TerminalError, match="Layout made: spec") as caught:
        read(layout_of(GOOD.replace(old, new)), "M_20240301.csv", "m;s;n\n")
    assert words in str(caught.value)
