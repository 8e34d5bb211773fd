"""The reader of Visa CTF files, on small files written here and on the acceptance nights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from itertools import accumulate
from typing import Any

import pytest
from acceptance import nights_dir, truth
from made_clearing import card_number, tcr, visa_bytes, visa_lines, visa_transaction
from random_cases import cuts
from read_file import Read, read_file, source_of

from settlement.parse import visa_ctf

NAME = "VISA_CTF_20101229_01.ctf"


def _read(transactions: Sequence[Sequence[str]], **changes: int) -> Read:
    return read_file(NAME, visa_bytes(visa_lines(transactions, **changes)))


def test_a_sale_in_every_column() -> None:
    read = _read([visa_transaction(1, 40522)])
    assert read.file | {"file": ""} == {
        "file": "", "sender": "VISA", "file_date": date(2010, 12, 29), "internal_id": "001-10363-400001", "mode": "T",
        "records": 6, "net_settlement_minor": -(40522 - 608), "net_settlement_currency": "USD", "payout_text": None,
        "fault": None, "detail": None,
        "content_bytes": 1014, "content_sha256": "0" * 64,
        "accepted_bytes": 507, "rejected_bytes": 0, "control_bytes": 507, "padding_bytes": 0,
    }  # fmt: skip
    assert [(r["record"], r["class"], r["text"]) for r in read.rows("control_record")] == [
        (1, "HEADER", None),
        (3, "CONTINUATION_TCR", "TCR 1"),
        (4, "CONTINUATION_TCR", "TCR 5"),
        (5, "TRAILER", "BATCH001"),
        (6, "TRAILER", None),
    ]
    row = read.rows("clearing")[0]
    assert row.pop("card_ref").startswith("test-")
    assert {name: value for name, value in row.items() if value is not None} == {
        "file": f"2010-12-29/{NAME}", "record": 2, "side": "bank", "feed": "visa_clearing",
        "delivered_on": date(2010, 12, 29), "posting_date": date(2010, 12, 29), "kind": "purchase", "direction": 1,
        "amount_minor": 40522, "currency": "USD", "transaction_amount_minor": 40522, "transaction_currency": "USD",
        "cashback_minor": 0, "total_minor": 40522, "interchange_micro": 6_078_300,
        "transaction_date": date(2010, 12, 28), "card_masked": f"411111******{card_number(1, '41111101')[-4:]}",
        "arn": "24111100362010000000001", "authorisation_code": "EF34GH", "lifecycle_id": "000000000000001",
        "mcc": "5411", "merchant_number": "6899653066663", "merchant_name": "CORNER SHOP", "terminal": "V0000001",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("code", "changes", "kind", "direction", "micro", "net"),
    [
        ("05", {}, "purchase", 1, 150_000, -1000 + 15),
        ("05", {"cashback": "000000300"}, "purchase", 1, 150_000, -1000 + 15),
        ("06", {"sign": "D"}, "refund", -1, -150_000, 1000 - 15),
        ("07", {"sign": "D"}, "cash_advance", 1, -150_000, -1000 - 15),
        ("25", {"sign": "D"}, "reversal", -1, -150_000, 1000 - 15),
        ("15", {"sign": " ", "interchange": "0" * 15, "reason": "83"}, "chargeback", -1, None, 1000),
    ],
)
def test_kinds_directions_and_interchange(  # noqa: PLR0917 (columns of the table above)
    code: str, changes: dict[str, str], kind: str, direction: int, micro: int | None, net: int
) -> None:
    read = _read([visa_transaction(1, 1000, code, **changes)])
    assert read.file["fault"] is None, read.file["detail"]
    row = read.rows("clearing")[0]
    assert (row["kind"], row["direction"], row["interchange_micro"]) == (kind, direction, micro)
    assert row["cashback_minor"] == int(changes.get("cashback", "0"))
    assert row["reason_code"] == (changes.get("reason") if code == "15" else None)
    assert read.file["net_settlement_minor"] == net


@pytest.mark.parametrize(
    ("interchange", "sign", "net"),
    [
        ([5_000], "C", -100 + 1),
        ([4_999], "C", -100),
        ([5_000], "D", -100 - 1),
        ([2_500, 2_500], "C", -200 + 1),
        ([15_000], "C", -100 + 2),
    ],
)
def test_interchange_is_rounded_once_a_file_half_away_from_zero(interchange: list[int], sign: str, net: int) -> None:
    sales = [visa_transaction(n, 100, interchange=f"{micro:015d}", sign=sign) for n, micro in enumerate(interchange)]
    # Half a cent earned on 100 cents paid is -99.5, which goes away from zero to -100.
    halves = {(5_000,): -100, (2_500, 2_500): -200, (15_000,): -99}
    wanted = halves.get(tuple(interchange), net) if sign == "C" else net
    assert _read(sales).file["net_settlement_minor"] == wanted


@pytest.mark.parametrize(
    ("on", "written", "completed"),
    [
        ("2011-01-01", "1231", date(2010, 12, 31)),
        ("2011-01-01", "0101", date(2011, 1, 1)),
        ("2010-12-29", "1230", date(2009, 12, 30)),
        ("2011-02-28", "0229", date(2008, 2, 29)),
        ("2012-02-29", "0229", date(2012, 2, 29)),
    ],
)
def test_the_year_is_the_latest_that_fits(on: str, written: str, completed: date) -> None:
    day = date.fromisoformat(on)
    content = visa_bytes(visa_lines([visa_transaction(1, 100, date=written)], day))
    read = read_file(f"VISA_CTF_{day:%Y%m%d}_01.ctf", content, on)
    assert read.rows("clearing")[0]["transaction_date"] == completed


def test_a_long_card_number_uses_the_extension() -> None:
    read = _read([visa_transaction(1, 100, card="4000000000000000", extension="006")])
    assert read.rows("clearing")[0]["card_masked"] == "400000*********0006"


@pytest.mark.parametrize(
    ("changes", "reason", "field", "preview"),
    [
        ({"dest": "0000000A12 4", "src": "0000000A12 4"}, "NON_NUMERIC_AMOUNT", "dest", "0000000A12 4"),
        ({"src": " " * 12}, "NON_NUMERIC_AMOUNT", "src", ""),
        ({"cashback": "00000x000"}, "NON_NUMERIC_AMOUNT", "cashback", "00000x000"),
        ({"cashback": "000000999"}, "MALFORMED", "cashback", "000000999"),
        ({"interchange": "00000000000000x"}, "NON_NUMERIC_AMOUNT", "interchange", "000000****0000x"),
        ({"sign": " "}, "MALFORMED", "interchange_sign", ""),
        ({"sign": "X"}, "MALFORMED", "interchange_sign", "X"),
        ({"dest_currency": "988"}, "UNKNOWN_CURRENCY", "dest_currency", "988"),
        ({"src_currency": "988"}, "UNKNOWN_CURRENCY", "src_currency", "988"),
        ({"date": "1332"}, "BAD_DATE", "date", "1332"),
        ({"date": "0230"}, "BAD_DATE", "date", "0230"),
        ({"date": "0000"}, "BAD_DATE", "date", "0000"),
        ({"date": "12x8"}, "BAD_DATE", "date", "12x8"),
        ({"card": "4111110100000019"}, "BAD_LUHN", "card", "411111******0019"),
        ({"card": " " * 16}, "BAD_LUHN", "card", ""),
        ({"usage": "3"}, "MALFORMED", "usage", "3"),
        ({"processed": "0364"}, "BAD_DATE", "processed", "0364"),
        ({"processed": "9362"}, "BAD_DATE", "processed", "9362"),
        ({"processed": "03x3"}, "BAD_DATE", "processed", "03x3"),
        ({"parts": "0302"}, "MALFORMED", "sequence", "03"),
        ({"parts": "x102"}, "MALFORMED", "sequence", "x1"),
        ({"parts": "010x"}, "MALFORMED", "count", "0x"),
        ({"code": "18"}, "MALFORMED", "TC", "TC 18 TCR 0"),
        ({"code": "99"}, "MALFORMED", "TC", "TC 99 TCR 0"),
        ({"code": "xx"}, "MALFORMED", "TC", "TC xx TCR 0"),
    ],
)
def test_a_bad_row_is_a_reject_and_the_file_stays(
    changes: dict[str, Any], reason: str, field: str, preview: str
) -> None:
    read = _read([visa_transaction(1, 500, **changes), visa_transaction(2, 1000)])
    assert read.file["fault"] is None, read.file["detail"]
    assert [row["record"] for row in read.rows("clearing")] == [5]
    row = read.rows("reject")[0]
    assert (row["record"], row["reason"], row["field"], row["preview"]) == (2, reason, field, preview)
    _assert_every_record_in_one_place(read)


def _assert_every_record_in_one_place(read: Read) -> None:
    places = [row["record"] for table in ("clearing", "reject", "control_record") for row in read.rows(table)]
    assert sorted(places) == list(range(1, int(str(read.file["records"])) + 1))


def test_an_amount_that_is_no_number_adds_nothing_and_other_bad_rows_do() -> None:
    bad = [visa_transaction(1, 500, dest="0000000A12 4", src="0000000A12 4"), visa_transaction(2, 1000, date="1332")]
    read = _read([*bad, visa_transaction(3, 2000)])
    assert read.file["fault"] is None
    assert read.file["net_settlement_minor"] == -(1000 + 2000) + 15 + 30


FIRST = visa_transaction(1, 100)
SECOND = visa_transaction(2, 200)


@pytest.mark.parametrize(
    ("records", "rejected", "good"),
    [
        ([*FIRST[:2], *SECOND], {2}, [4]),
        ([FIRST[0], FIRST[2], *SECOND], {2}, [4]),
        ([FIRST[0], *SECOND], {2}, [3]),
        ([*FIRST, FIRST[2], *SECOND], {2}, [6]),
        ([FIRST[1], FIRST[2], *SECOND], {2, 3}, [4]),
        ([*FIRST, *[line.replace("05", "06", 1) for line in SECOND[1:]]], {5, 6}, [2]),
        ([*FIRST, tcr({1: "0503"}), *SECOND], set(), [2, 6]),
        ([*FIRST, tcr({1: "0515"}), *SECOND], {5}, [2, 6]),
        ([*FIRST, "", *SECOND], {5}, [2, 6]),
    ],
)
def test_records_that_make_no_transaction(records: list[str], rejected: set[int], good: list[int]) -> None:
    read = _read([records])
    assert {row["record"] for row in read.rows("reject")} == rejected
    assert [row["record"] for row in read.rows("clearing")] == good
    assert {row["reason"] for row in read.rows("reject")} <= {"MALFORMED"}
    _assert_every_record_in_one_place(read)


def test_no_card_number_gets_out() -> None:
    pan = card_number(77, "41111101")
    transactions = [
        visa_transaction(77, 100, dest_currency="988"),
        visa_transaction(77, 100, src=pan[:11] + "x"),
        visa_transaction(77, 100, code="18"),
        [visa_transaction(77, 100)[0].replace("CORNER SHOP       ", f"A {pan}"), *visa_transaction(77, 100)[1:]],
    ]
    read = _read(transactions)
    assert read.file["records"] == 15
    written = "".join(frame.write_csv() for frame in read.tables.values())
    assert pan not in written
    assert pan[:12] not in written


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
@pytest.mark.parametrize("trimmed", [False, True])
def test_with_and_without_line_ends_and_trimmed(end: str, trimmed: bool) -> None:
    if trimmed and not end:
        pytest.skip("records without line ends cannot be trimmed")
    transactions = [visa_transaction(n, 100 * n, cashback="000000050") for n in range(1, 4)]
    lines = visa_lines(transactions)
    read = read_file(NAME, visa_bytes([line.rstrip() for line in lines] if trimmed else lines, end))
    assert read.file["fault"] is None, read.file["detail"]
    assert read.tables["parsed_clearing"].equals(_read(transactions).tables["parsed_clearing"])


@pytest.mark.parametrize(
    ("end", "trimmed"), [("\n", False), ("\r\n", False), ("", False), ("\n", True), ("\r\n", True)]
)
def test_a_cut_file_is_never_accepted(end: str, trimmed: bool) -> None:
    lines = visa_lines([visa_transaction(1, 100)])
    lines = [line.rstrip() if trimmed else line for line in lines]
    whole = visa_bytes(lines, end)
    assert visa_ctf.read(source_of(NAME, whole)).fault is None
    ends = accumulate(len(line) + len(end) for line in lines)
    sizes = [size for size in cuts(len(whole), ends) if 3 <= size < len(whole)]
    assert {visa_ctf.read(source_of(NAME, whole[:size])).fault for size in sizes} == {"TRUNCATED"}


def _at(row: int, first: int, text: str) -> Callable[[list[str]], list[str]]:
    def change(lines: list[str]) -> list[str]:
        line = lines[row]
        lines[row] = line[: first - 1] + text + line[first - 1 + len(text) :]
        return lines

    return change


@pytest.mark.parametrize(
    ("change", "fault", "sentence"),
    [
        (lambda lines: lines[:-1], "TRUNCATED", "TC 92"),
        (lambda lines: lines[1:], "UNREADABLE", "TC 90"),
        (lambda lines: [lines[0], *lines], "UNREADABLE", "TC 90"),
        (lambda lines: [*lines, lines[1]], "UNREADABLE", "follow the trailer"),
        (lambda lines: [*lines, lines[-1]], "UNREADABLE", "follow the trailer"),
        (lambda lines: [lines[0], lines[1] + "9" * 9, *lines[2:]], "UNREADABLE", "longer than 168"),
        (_at(0, 9, "10364"), "UNREADABLE", "2010-12-30"),
        (_at(0, 9, "10366"), "UNREADABLE", "date"),
        (_at(0, 9, "1036x"), "UNREADABLE", "date"),
        (_at(0, 77, "   "), "UNREADABLE", "file id"),
        (_at(0, 30, "LIVE"), "UNREADABLE", "mode"),
        (_at(-1, 5, "400002"), "UNREADABLE", "another bin"),
        (_at(-2, 11, "10364"), "UNREADABLE", "another date"),
        (_at(-1, 16, "x"), "UNREADABLE", "dest"),
        (_at(-2, 75, " " * 9), "UNREADABLE", "trans"),
    ],
)
def test_a_file_that_does_not_hold_together(
    change: Callable[[list[str]], list[str]], fault: str, sentence: str
) -> None:
    read = read_file(NAME, visa_bytes(change(visa_lines([visa_transaction(1, 100)]))))
    assert read.file["fault"] == fault
    assert sentence in str(read.file["detail"])
    assert read.rows("clearing") == []


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "EMPTY"),
        (b"9" * 167, "UNREADABLE"),
        (b"90" + b"9" * 165, "TRUNCATED"),
        (visa_bytes(visa_lines([])) + b"x", "TRUNCATED"),
        (b"\n", "UNREADABLE"),
        (b"\n\n\n", "UNREADABLE"),
        (b"\r\n", "UNREADABLE"),
        (b"\xff" * 168, "UNREADABLE"),
        (visa_bytes(visa_lines([])).decode().encode("cp500")[2:], "UNREADABLE"),
        (visa_bytes(visa_lines([])).decode().encode("utf-16"), "UNREADABLE"),
        (b"\xef\xbb\xbf" + visa_bytes(visa_lines([])), "UNREADABLE"),
        (
            visa_bytes(visa_lines([]), "").decode().encode("cp500")[:168] + visa_bytes(visa_lines([])[1:], ""),
            "TRUNCATED",
        ),
    ],
)
def test_what_is_no_clearing_file(content: bytes, fault: str) -> None:
    assert read_file(NAME, content).file["fault"] == fault


def test_a_blank_mode_is_production() -> None:
    lines = _at(0, 30, "    ")(visa_lines([visa_transaction(1, 100)]))
    assert read_file(NAME, visa_bytes(lines)).file["mode"] == "P"


@pytest.mark.parametrize("total", ["dest", "src", "monetary", "tcr", "trans"])
def test_each_total_of_the_trailer_is_checked(total: str) -> None:
    read = _read([visa_transaction(1, 100)], **{total: 99})
    assert read.file["fault"] == "CONTROL_TOTAL_MISMATCH"
    assert read.differing() == [total]


def test_each_batch_has_its_totals() -> None:
    one, two = visa_lines([visa_transaction(1, 100)]), visa_lines([visa_transaction(2, 200), visa_transaction(3, 400)])
    whole = visa_lines([visa_transaction(1, 100), visa_transaction(2, 200), visa_transaction(3, 400)])
    lines = [*one[:5], *two[1:8], whole[-1]]
    _at(-1, 49, f"{12:012d}")(lines)
    _at(-1, 75, f"{6:09d}")(lines)
    read = read_file(NAME, visa_bytes(lines))
    assert read.file["fault"] is None, read.file["detail"]
    totals = {c["control"]: c["computed"] for c in read.tables["parsed_control_total"].to_dicts()}
    assert (totals["batch 1 dest"], totals["batch 2 dest"], totals["dest"]) == (100, 600, 700)
    assert (totals["batch 1 tcr"], totals["batch 2 tcr"], totals["tcr"]) == (4, 7, 12)
    assert (totals["batch 1 trans"], totals["batch 2 trans"], totals["trans"]) == (2, 3, 6)
    _at(4, 16, f"{101:015d}")(lines)
    assert read_file(NAME, visa_bytes(lines)).differing() == ["batch 1 dest"]


EVENTS = {"PURCHASE": "purchase", "REFUND": "refund", "REVERSAL": "reversal", "CHARGEBACK": "chargeback",
          "CASH": "cash_advance"}  # fmt: skip


@pytest.mark.parametrize("night", ["2010-12-29", "2010-12-30", "2010-12-31"])
def test_the_acceptance_nights(night: str) -> None:
    rejected = {(r["file"], int(r["rec"])): r["reason"] for r in truth(night, "rows_rejected")}
    other = {(r["file"], int(r["rec"])): r["class"] for r in truth(night, "other")}
    events = {(e["file"], int(e["rec"])): e for e in truth(night, "events")}
    files = [row for row in truth(night, "files") if "/VISA_" in row["file"]]
    assert files
    for row in files:
        read = read_file(row["file"].split("/")[1], (nights_dir() / row["file"]).read_bytes(), night)
        assert read.file["records"] == int(row["records"])
        assert read.file["fault"] == (None if row["fate"] == "accepted" else row["why"])
        if row["fate"] != "accepted":
            continue
        controls = {key: int(value) for key, value in (part.split("=") for part in row["controls"].split(";"))}
        assert read.file["net_settlement_minor"] == -controls.pop("net_settlement_minor")
        found = {c["control"]: c["computed"] for c in read.tables["parsed_control_total"].to_dicts()}
        assert controls.items() <= found.items()
        assert _keyed(read, "reject", "reason") == _of(rejected, row["file"])
        framing = {key: kind for key, kind in _of(other, row["file"]).items() if kind != "CASH_ADVANCE"}
        assert _keyed(read, "control_record", "class") == framing
        assert _events(read) == {key: _told(event) for key, event in _of(events, row["file"]).items()}


def _of(rows: dict[tuple[str, int], Any], file: str) -> dict[tuple[str, int], Any]:
    return {key: value for key, value in rows.items() if key[0] == file}


def _keyed(read: Read, table: str, column: str) -> dict[tuple[object, object], object]:
    return {(r["file"], r["record"]): r[column] for r in read.rows(table)}


def _events(read: Read) -> dict[tuple[object, object], tuple[object, ...]]:
    return {
        (r["file"], r["record"]): (
            r["kind"], r["amount_minor"], r["cashback_minor"], r["currency"], str(r["transaction_date"]), r["mcc"],
            r["merchant_number"] or "",
        )
        for r in read.rows("clearing")
    }  # fmt: skip


def _told(event: dict[str, str]) -> tuple[object, ...]:
    return (
        EVENTS[event["type"]], int(event["amount_minor"]), int(event["cashback_minor"]), event["currency"],
        event["txn_date"], event["mcc"], event["merchant_no"],
    )  # fmt: skip


def test_the_later_acceptance_nights_are_read() -> None:
    paths = sorted(nights_dir().glob("2011-*/VISA_*"))
    assert len(paths) == 2
    for path in paths:
        assert read_file(path.name, path.read_bytes(), path.parent.name).file["fault"] is None
