"""BAI2: three levels of totals, continuations, funds types, type codes, and records that cannot stand where they do."""

from __future__ import annotations

from datetime import date

import pytest
from bai2 import bai2 as package
from bank_files import Entry, Statement, bai2
from layout_files import LAYOUTS, layout, layout_of, read

from settlement.model.clearing import Why
from settlement.parse.source import Parsed

HEAD = "01,BANK,US,240302,0400,77,,,2/\n"


def made(*entries: str, group: str = "US,BANK,1,240301,2400,USD,2", account: str = "ACC,,010,100,,,015,200,,") -> str:
    """A file of one account with the right counts; its summaries are taken to add up to 300."""
    lines = "\n".join([f"02,{group}/", f"03,{account}/", *entries]).split("\n")
    total, count = 300 + sum(map(amount_of, lines)), len(lines)
    ends = (f"49,{total},{count}/", f"98,{total},1,{count + 2}/", f"99,{total},1,{count + 4}/")
    return HEAD + "".join(f"{line}\n" for line in (*lines, *ends))


def amount_of(line: str) -> int:
    parts = line.split(",")
    return int(parts[2].strip("/") or 0) if parts[0] == "16" and parts[2].strip("/").isdigit() else 0


def read_bai(content: str | bytes, spec: str = "", name: str = "BAI2_20240301.bai") -> Parsed:
    text = (LAYOUTS / "bank_statement_bai2.toml").read_text(encoding="utf-8")
    return read(layout_of(text + spec + "\n") if spec else layout("bank_statement_bai2"), name, content)


def rows(parsed: Parsed) -> list[dict[str, object]]:
    assert parsed.fault is None, parsed.detail
    assert [total for total in parsed.controls if not total.agrees] == []
    return parsed.tables["statement_entry"].sort("record").rows(named=True)


def test_a_transaction_with_all_of_its_parts() -> None:
    content = made("16,195,1050,V,240305,,BANKREF,CUSTREF,PAID, card 5555550100003310/\n88,and more")
    [row] = rows(read_bai(content))
    assert row == {
        "file": "2024-03-01/BAI2_20240301.bai",
        "record": 1,
        "account": "ACC",
        "entry_ref": "BANKREF",
        "booked_on": date(2024, 3, 1),
        "value_on": date(2024, 3, 5),
        "direction": 1,
        "amount_minor": 1050,
        "currency": "USD",
        "code": "195",
        "end_to_end_id": "CUSTREF",
        "remittance": "PAID, card 555555******3310 and more",
        "bank_ref": "BANKREF",
        "message_id": None,
        "payment_id": None,
        "details": None,
        "charges_minor": None,
        "reversal": None,
        "availability": "V 240305",
    }


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("16,495,5,,,,/", (-1, 5, "2024-03-01", None, None)),
        ("16,195,5,Z,,C1,T/", (1, 5, "2024-03-01", "Z", "C1")),
        ("16,195,5,2,B,C1/", (1, 5, "2024-03-01", "2", "C1")),
        ("16,195,5,S,1,2,2,B,C1,T/", (1, 5, "2024-03-01", "S 1 2 2", "C1")),
        ("16,195,5,D,2,0,1,1,4,B,C1,T/", (1, 5, "2024-03-01", "D 2 0 1 1 4", "C1")),
        ("16,195,5,V,240229,2400,B,C1/", (1, 5, "2024-02-29", "V 240229 2400", "C1")),
        ("16,921,5,,B,C1/", (1, 5, "2024-03-01", None, "C1")),
        ("16,699,5,,,/\n88,,TEXT", (-1, 5, "2024-03-01", None, None)),
    ],
)
def test_types_and_funds(entry: str, expected: tuple[object, ...]) -> None:
    [row] = rows(read_bai(made(entry), "directions = { 921 = 1 }"))
    names = ("direction", "amount_minor", "value_on", "availability", "end_to_end_id")
    assert tuple(str(row[name]) if name == "value_on" else row[name] for name in names) == expected


@pytest.mark.parametrize(
    ("entry", "reason", "field"),
    [
        ("16,100,5,,,/", "MALFORMED", "16/type"),
        ("16,015,5,,,/", "MALFORMED", "16/type"),
        ("16,921,5,,,/", "MALFORMED", "16/type"),
        ("16,XYZ,5,,,/", "MALFORMED", "16/type"),
        ("16,195,5,Q,,/", "MALFORMED", "16/funds"),
        ("16,195,5,D,x,/", "MALFORMED", "16/funds"),
        ("16,195,5,V,240230,,,/", "BAD_DATE", "16/value date"),
        ("16,195,5.0,,,/", "NON_NUMERIC_AMOUNT", "16/amount"),
        ("16,195,-5,,,/", "NON_NUMERIC_AMOUNT", "16/amount"),
    ],
)
def test_a_transaction_that_cannot_be_used_is_rejected(entry: str, reason: str, field: str) -> None:
    parsed = read_bai(made(entry, "16,195,7,,,/"))
    assert parsed.tables["reject"].select("record", "reason", "field").rows() == [(1, reason, field)]
    assert parsed.tables["statement_entry"]["record"].to_list() == [2]
    assert parsed.bytes is not None
    assert parsed.bytes.rejected == len(entry) + 1


@pytest.mark.parametrize(
    ("group", "entry", "table"),
    [
        ("US,BANK,1,240301,,USD,3", "16,195,5,,,/", "control_record"),
        ("US,BANK,1,240301,,USD,1", "16,195,5,,,/", "control_record"),
        ("US,BANK,1,240301,,,4", "16,890,,,,,NOTE/", "control_record"),
        ("US,BANK,2,240301,,USD,2", "16,195,5,,,/", "reject"),
        ("US,BANK,3,240301,,USD,2", "16,195,5,,,/", "reject"),
        ("US,BANK,4,240301,,,", "16,195,5,,,/", "statement_entry"),
    ],
)
def test_what_is_not_final_or_takes_back_is_no_cash(group: str, entry: str, table: str) -> None:
    parsed = read_bai(made(entry, group=group))
    assert parsed.fault is None
    for name in ("control_record", "reject", "statement_entry"):
        assert parsed.tables[name].height == (name == table)
    assert parsed.mode == ("T" if ",4,24" in group else "P")


@pytest.mark.parametrize(
    "account",
    [
        "ACC,,010,100,,,015,200,,",
        "ACC,USD,,,,,010,+100,,,015,200,3,Z",
        "ACC,USD,010,100,,,,015,200,,,".replace(",,,,015", ",,/\n88,015"),
        "ACC,,010,100,,,/\n88,015,200,,,",
        "ACC,,010,100,,,015,-300,,/\n88,045,500,4,S,1,2,3",
        "ACC,,010,100,,,015/\n88,200,4,V,240301,2400",
        "ACC,,010,100,,,015,200,2,D,2,0,100,/\n88,1,100",
    ],
)
def test_summaries_may_end_and_go_on_anywhere(account: str) -> None:
    assert len(rows(read_bai(made("16,195,5,,,/", account=account)))) == 1


def test_a_summary_that_is_cut_breaks_the_totals_of_all_levels() -> None:
    parsed = read_bai(made("16,195,5,,,/", account="ACC,,010,10"))
    wrong = [total.control for total in parsed.controls if not total.agrees]
    assert wrong == ["group 1 account 1 total", "group 1 total", "file total"]


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("49,305,3", "49,306,3", ["group 1 account 1 total"]),
        ("49,305,3", "49,305,4", ["group 1 account 1 records"]),
        ("98,305,1,5", "98,304,1,5", ["group 1 total"]),
        ("98,305,1,5", "98,305,2,5", ["group 1 accounts"]),
        ("98,305,1,5", "98,305,1,4", ["group 1 records"]),
        ("99,305,1,7", "99,300,1,7", ["file total"]),
        ("99,305,1,7", "99,305,2,7", ["file groups"]),
        ("99,305,1,7", "99,305,1,8", ["file records"]),
        ("16,195,5", "16,195,6", ["group 1 account 1 total", "group 1 total", "file total"]),
    ],
)
def test_totals_and_counts_of_all_levels_are_controls(old: str, new: str, wrong: list[str]) -> None:
    parsed = read_bai(made("16,195,5,,,/").replace(old, new))
    assert [total.control for total in parsed.controls if not total.agrees] == wrong


@pytest.mark.parametrize(
    ("old", "new", "why", "words"),
    [
        ("16,195", "17,195", Why.UNREADABLE, "line 4 is no BAI2 record"),
        ("16,195", "88:195", Why.UNREADABLE, "line 4 is no BAI2 record"),
        ("03,ACC", "16,195,5,,,/\n03,ACC", Why.UNREADABLE, "line 3 (record 16) cannot follow a record 02"),
        ("02,US", "03,US", Why.UNREADABLE, "line 2 (record 03) cannot follow a record 01"),
        ("01,BANK", "02,BANK", Why.UNREADABLE, "does not begin with a BAI2 file header"),
        (",77,,,2/", ",77,,,3/", Why.UNREADABLE, "version 3"),
        ("1,240301", "1,240231", Why.UNREADABLE, "line 2 (record 02) has no date"),
        ("BANK,1,24", "BANK,7,24", Why.UNREADABLE, "line 2 (record 02) has no status"),
        ("2400,USD,2", "2400,USD,9", Why.UNREADABLE, "as-of modifier"),
        ("2400,USD,2", "2400,XXX,2", Why.UNREADABLE, "line 3 (record 03) has no currency that is known (XXX)"),
        ("03,ACC", "03,", Why.UNREADABLE, "line 3 (record 03) has no account"),
        ("010,100,", "010,1e2,", Why.UNREADABLE, "line 3 (record 03) has a summary that cannot be read (1e2)"),
        ("010,100,,,", "010,100,,Q,", Why.UNREADABLE, "cannot be read (Q)"),
        ("010,100", "ABC,100", Why.UNREADABLE, "cannot be read (ABC)"),
        ("98,305,1,5/", "98,305,1,/", Why.UNREADABLE, "line 6 (record 98) has no records"),
        ("99,305,1,7/\n", "", Why.TRUNCATED, "without a file trailer"),
        ("99,305,1,7/\n", "99,305,1,7", Why.TRUNCATED, "inside its file trailer"),
        ("99,305,1,7/\n", "99,305,1,7/\n01,X/\n", Why.UNREADABLE, "line 8 follows the file's trailer"),
        ("ACC", "A\xdfC", None, ""),
    ],
)
def test_a_record_that_cannot_stand_there_stops_the_file(old: str, new: str, why: Why | None, words: str) -> None:
    parsed = read_bai(made("16,195,5,,,/").replace(old, new, 1).encode("latin-1"))
    assert parsed.fault is why
    assert words in (parsed.detail or "")


def test_accounts_and_groups_have_their_own_currencies() -> None:
    content = (
        "01,B,U,240302,,1,,,2/\r\n02,U,B,1,240301,,JPY,2/\r\n03,A1,/\r\n16,195,5,,,/\r\n49,5,3/\r\n03,A2,KWD/\r\n49,,2/\r\n"
        "98,5,2,7/\r\n02,U,B,1,240301,,,2/\r\n03,A3,/\r\n16,495,9,,,/\r\n49,9,3/\r\n98,9,1,5/\r\n99,14,2,14/\r\n\r\n"
    )
    parsed = read_bai(content)
    assert [(row["account"], row["currency"]) for row in rows(parsed)] == [("A1", "JPY"), ("A3", "USD")]
    assert parsed.tables["bank_statement"]["currency"].to_list() == ["JPY", "KWD", "USD"]
    assert parsed.bytes is not None
    assert (parsed.bytes.accepted, parsed.bytes.padding) == (28, 2)


def test_codes_are_told_by_the_layout() -> None:
    assert rows(read_bai(made("16,195,5,,,/"), 'codes = { 195 = "ACQP" }'))[0]["code"] == "ACQP"


def test_the_package_reads_the_same_from_what_we_write() -> None:
    """An independent reading of the same file, with its own check of the totals."""
    entries = [Entry(amount_minor=minor, remittance=f"TEXT {minor}", bank_ref=f"B{minor}") for minor in (1050, -7, 30)]
    content = bai2([Statement(opening_minor=5, entries=entries), Statement(account="A2", currency="JPY")])
    theirs = package.parse_from_string(content)
    told = [
        (entry.amount, entry.type_code.code, entry.bank_reference, entry.text)
        for group in theirs.children
        for account in group.children
        for entry in account.children
    ]
    ours = rows(read_bai(content))
    assert told == [(row["amount_minor"], row["code"], row["bank_ref"], row["remittance"]) for row in ours]
