"""Reports of acquirers and payment providers: headings in any order and language, batches with their ends."""

from __future__ import annotations

import random
from datetime import date, datetime

import pytest
from layout_files import layout, read
from random_cases import cuts

from settlement.model.clearing import Why
from settlement.parse.source import Parsed

GENERIC = "ACQUIRER_REPORT_20240301.csv"
REPORT = (
    "Type,Date,Currency,Gross,Fee,Net,Reference,Batch,Card,Merchant\n"
    'Sale,2024-02-29,EUR,"1,020.00",10.20,"1,009.80",4000001.0,17.0,555555******1234,900001.0\n'
    "Refund,2024-03-01,EUR,-20.00,0.00,-20.00,4000002.0,17.0,555555******1234,900001.0\n"
    "Fee,,EUR,,,-5.00,monthly,17.0,,\n"
    "Payout,,EUR,,,-984.80,PO 17,17.0,,\n"
)
STRIPE = "STRIPE_PAYOUTS_20240301.csv"
STRIPE_REPORT = (
    "balance_transaction_id,created,currency,gross,fee,net,reporting_category,automatic_payout_id,charge_id\n"
    "txn_1,2024-02-29 10:00:00,usd,100.00,3.20,96.80,charge,po_1,ch_1\n"
    "txn_2,2024-02-29 11:00:00,usd,-40.00,0.00,-40.00,refund,po_1,ch_0\n"
    "txn_3,2024-02-29 12:00:00,usd,-9.00,15.00,-24.00,dispute,,ch_9\n"
    "txn_4,2024-02-29 13:00:00,jpy,500,20,480,charge,po_2,ch_2\n"
    "txn_5,2024-02-29 14:00:00,usd,9.00,0.00,9.00,dispute_reversal,po_1,ch_8\n"
    "txn_6,2024-03-01 00:00:00,usd,-65.80,0.00,-65.80,payout,po_1\n"
)
PAYPAL = "STL-20240301.R.01.011.CSV"
COLUMNS = (
    '"CH","Transaction ID","Invoice ID","PayPal Reference ID","PayPal Reference ID Type","Transaction Event Code",'
    '"Transaction Initiation Date","Transaction Completion Date","Transaction  Debit or Credit",'
    '"Gross Transaction Amount","Gross Transaction Currency","Fee Debit or Credit","Fee Amount","Fee Currency"\n'
)
HEAD = (
    '"RH","2024/03/01 03:00:00 -0800","R","ACCOUNT1","011"\n"FH","01"\n"SH","2024/02/29","2024/02/29","ACCOUNT1",""\n'
)
SALE = (
    '"SB","TX1","INV ""1""","","","T0006","2024/02/29 23:18:37 -0800","2024/02/29 23:18:38 -0800","CR",'
    '10000,"USD","DR",320,"USD"\n'
)
REFUND = (
    '"SB","TX2","","TX0","TXN","T1107","2024/02/29 08:00:00 -0800","2024/02/29 08:00:00 -0800","DR",'
    '500,"JPY","CR",20,"JPY"\n'
)
FOOT = '"SF","USD",10000,0,0,320\n"SF","JPY",0,500,20,0\n"SC",2\n"RF","USD",10000,0,0,320\n"RC",2\n"FF",2\n'


def wrong(parsed: Parsed) -> list[str]:
    return [total.control for total in parsed.controls if not total.agrees]


def rejected(parsed: Parsed) -> list[tuple[object, ...]]:
    return parsed.tables["reject"].select("record", "reason", "field", "preview").rows()


def test_a_generic_report_is_read_to_its_batch() -> None:
    parsed = read(layout("acquirer_generic"), GENERIC, REPORT)
    assert (parsed.fault, wrong(parsed), rejected(parsed)) == (None, [], [])
    sale, refund = parsed.tables["clearing"].rows(named=True)
    assert (sale["amount_minor"], sale["net_minor"], sale["batch"]) == (102000, 100980, "17")
    assert (sale["order_ref"], sale["merchant_number"]) == ("4000001", "900001")
    assert (refund["kind"], refund["direction"], refund["amount_minor"], refund["net_minor"]) == (
        *("refund", -1, 2000, -2000),
    )
    assert parsed.tables["control_record"].select("record", "class", "amount_minor").rows() == [
        (1, "HEADER", None),
        (4, "ACQ_FEE", -500),
        (5, "PAYOUT", -98480),
    ]


def test_a_report_in_another_language_and_order_says_the_same() -> None:
    german = {
        "Type": "Transaktionstyp",
        "Date": "DATUM ",
        "Currency": "Währung",
        "Gross": "Brutto-Betrag",
        "Fee": "Gebühr",
        "Net": "netto",
        "Reference": "Bestellnummer",
        "Batch": "Abrechnungs Nr",
    }
    del german["Batch"]
    rows = [
        line.replace('"1,020.00"', "1020.00").replace('"1,009.80"', "1009.80").split(",")
        for line in REPORT.split("\n")[:-1]
    ]
    order = [*range(len(rows[0]))]
    random.Random(3).shuffle(order)
    rows[0] = [german.get(name, name) for name in rows[0]]
    turned = "".join(",".join(row[place] for place in order) + "\n" for row in rows)
    parsed = read(layout("acquirer_generic"), GENERIC, turned)
    assert (parsed.fault, wrong(parsed)) == (None, [])
    assert parsed.tables["clearing"].equals(read(layout("acquirer_generic"), GENERIC, REPORT).tables["clearing"])


def test_a_batch_may_carry_its_balance_over() -> None:
    carried = REPORT.replace("Payout,", "Carried,")
    parsed = read(layout("acquirer_generic"), GENERIC, carried)
    assert (parsed.fault, wrong(parsed)) == (None, [])
    assert parsed.tables["control_record"]["class"].to_list()[-1] == "BALANCE"


def test_a_batch_without_an_end_is_not_whole() -> None:
    parsed = read(layout("acquirer_generic"), GENERIC, REPORT[: REPORT.index("Payout")])
    assert wrong(parsed) == ["batch_minor[17]"]


def test_lines_that_lost_their_empty_ends_are_the_same_lines() -> None:
    trimmed = "".join(line.rstrip(",") + "\n" for line in REPORT.splitlines())
    assert trimmed != REPORT
    one, other = (read(layout("acquirer_generic"), GENERIC, text) for text in (REPORT, trimmed))
    assert other.tables["clearing"].equals(one.tables["clearing"])
    assert other.tables["control_record"].equals(one.tables["control_record"])


@pytest.mark.parametrize(
    ("old", "new", "reason", "field"),
    [
        ("4000001.0", "4.00E+15", "MALFORMED", "reference"),
        ("4000001.0", "4.5", "MALFORMED", "reference"),
        ("4000001.0", "12345678901234567.0", "MALFORMED", "reference"),
        ("4000001.0", "1.23e+15", "MALFORMED", "reference"),
        ('"1,020.00"', '"1.020,00"', "NON_NUMERIC_AMOUNT", "gross"),
        ('"1,020.00"', '"1,02.00"', "NON_NUMERIC_AMOUNT", "gross"),
        ('"1,020.00"', '"1,020.005"', "NON_NUMERIC_AMOUNT", "gross"),
        ("-20.00,0.00", "20.00,0.00", "NON_NUMERIC_AMOUNT", "gross"),
        ("Sale", "Gift", "MALFORMED", "type"),
        ("2024-02-29", "29.02.2024", "BAD_DATE", "date"),
        ("555555******1234", "5555550100003310", "MALFORMED", "card"),
    ],
)
def test_what_a_spreadsheet_spoilt_is_a_reject(old: str, new: str, reason: str, field: str) -> None:
    parsed = read(layout("acquirer_generic"), GENERIC, REPORT.replace(old, new, 1))
    [(_, found, at, preview)] = rejected(parsed)
    assert (found, at) == (reason, field)
    assert "5555550100003310" not in str(parsed.tables)
    if field in {"reference", "gross"} and len(new) < 17:
        assert preview == new.strip('"').split(",0.00")[0]


def test_stripe_by_payout_and_what_waits_for_one() -> None:
    parsed = read(layout("stripe_payouts"), STRIPE, STRIPE_REPORT)
    assert (parsed.fault, wrong(parsed), rejected(parsed)) == (None, [], [])
    rows = (
        parsed.tables["clearing"].select("kind", "direction", "amount_minor", "currency", "net_minor", "batch").rows()
    )
    assert rows == [
        ("purchase", 1, 10000, "USD", 9680, "po_1"),
        ("refund", -1, 4000, "USD", -4000, "po_1"),
        ("chargeback", -1, 900, "USD", -2400, None),
        ("purchase", 1, 500, "JPY", 480, "po_2"),
    ]
    assert [total.control for total in parsed.controls if total.declared is not None] == [
        *("net_minor[JPY]", "net_minor[USD]"),
    ]
    assert parsed.tables["control_record"]["class"].to_list() == ["HEADER", "ACQ_FEE", "PAYOUT"]


def test_a_word_that_hides_several_things_is_a_reject() -> None:
    parsed = read(layout("stripe_payouts"), STRIPE, STRIPE_REPORT.replace("dispute_reversal", "adjustment"))
    assert rejected(parsed) == [(6, "MALFORMED", "reporting_category", "adjustment")]
    assert wrong(parsed) == []
    assert wrong(read(layout("stripe_payouts"), STRIPE, STRIPE_REPORT.replace("480", "479"))) == ["net_minor[JPY]"]


def test_paypal_by_its_typed_rows() -> None:
    parsed = read(layout("paypal_stl"), PAYPAL, HEAD + COLUMNS + SALE + REFUND + FOOT)
    assert (parsed.fault, wrong(parsed), rejected(parsed)) == (None, [], [])
    assert (parsed.file_date, parsed.internal_id) == (date(2024, 3, 1), "ACCOUNT1-2024/03/01 03:00:00 -0800-01")
    sale, refund = parsed.tables["clearing"].rows(named=True)
    assert (sale["kind"], sale["amount_minor"], sale["net_minor"], sale["order_ref"]) == (
        *("purchase", 10000, 9680, 'INV "1"'),
    )
    assert sale["local_time"] == datetime(2024, 2, 29, 23, 18, 37)  # noqa: DTZ001 (a local time has no zone)
    assert (refund["direction"], refund["amount_minor"], refund["net_minor"], refund["currency"]) == (
        -1,
        500,
        -480,
        "JPY",
    )
    assert {total.control for total in parsed.controls if total.declared is not None} == {
        *("rows", "gross_minor[USD]", "gross_minor[JPY]", "fee_minor[USD]", "fee_minor[JPY]"),
    }


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"T0006"', '"T9999"', [(5, "MALFORMED", "Transaction Event Code", "T9999")]),
        ('"CR",10000', '"C",10000', [(5, "NON_NUMERIC_AMOUNT", "Gross Transaction Amount", "10000")]),
        ('"CR",10000', '"DR",10000', [(5, "NON_NUMERIC_AMOUNT", "Gross Transaction Amount", "10000")]),
        ("23:18:37 -0800", "23:18:37", [(5, "BAD_DATE", "Transaction Initiation Date", "2024/02/29 23:18:37")]),
    ],
)
def test_a_paypal_row_that_is_not_understood_is_a_reject(old: str, new: str, told: list[object]) -> None:
    parsed = read(layout("paypal_stl"), PAYPAL, (HEAD + COLUMNS + SALE + REFUND + FOOT).replace(old, new, 1))
    assert rejected(parsed) == told


def test_a_paypal_footer_that_does_not_re_add_is_told_with_its_currency() -> None:
    parsed = read(layout("paypal_stl"), PAYPAL, HEAD + COLUMNS + SALE + REFUND + FOOT.replace("0,500,20", "0,501,20"))
    assert wrong(parsed) == ["gross_minor[JPY]"]


def test_paypal_columns_come_in_the_order_of_their_row() -> None:
    text = (
        HEAD + COLUMNS.replace('"Transaction ID","Invoice ID"', '"Invoice ID","Transaction ID"') + SALE + REFUND + FOOT
    )
    assert read(layout("paypal_stl"), PAYPAL, text).tables["clearing"]["part_ref"].to_list()[0] == 'INV "1"'
    missing = read(
        layout("paypal_stl"), PAYPAL, (HEAD + COLUMNS + SALE + FOOT).replace("Gross Transaction Amount", "x")
    )
    assert missing.fault is Why.UNREADABLE
    assert "the line `CH` does not name the field `Gross Transaction Amount`" in (missing.detail or "")


@pytest.mark.parametrize(
    ("name", "file", "text"),
    [
        ("acquirer_generic", GENERIC, REPORT),
        ("stripe_payouts", STRIPE, STRIPE_REPORT),
        ("paypal_stl", PAYPAL, HEAD + COLUMNS + SALE + REFUND + FOOT),
    ],
)
def test_every_byte_of_a_report_is_counted(name: str, file: str, text: str) -> None:
    for content in (text.encode(), text.replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + text.encode() + b"\n\n"):
        counted = read(layout(name), file, content).bytes
        assert counted is not None
        assert counted.accepted + counted.rejected + counted.control + counted.padding == len(content)
        assert counted.accepted > counted.padding


@pytest.mark.parametrize("whole", [REPORT.encode(), (HEAD + COLUMNS + SALE + REFUND + FOOT).encode()])
def test_a_report_cut_anywhere_is_not_accepted(whole: bytes) -> None:
    name, file = ("acquirer_generic", GENERIC) if whole.startswith(b"Type") else ("paypal_stl", PAYPAL)
    ends = [at for at, sign in enumerate(whole, start=1) if sign == ord("\n")]
    for size in cuts(len(whole), ends)[:-1]:
        parsed = read(layout(name), file, whole[:size])
        assert parsed.fault is not None or wrong(parsed) or not parsed.tables["clearing"].height, size
