"""Bank statements: entries, directions, balances that must add up, and documents that must not be opened."""

from __future__ import annotations

from datetime import date

import pytest
from layout_files import layout, read

from settlement.model.clearing import Why
from settlement.parse.source import Parsed

URN = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


def balance(code: str, amount: str, currency: str = "USD", sign: str = "CRDT") -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="{currency}">{amount}</Amt>'
        f"<CdtDbtInd>{sign}</CdtDbtInd><Dt><Dt>2024-03-01</Dt></Dt></Bal>"
    )


def entry(amount: str = "10.00", sign: str = "CRDT", currency: str = "USD", more: str = "") -> str:
    return (
        f'<Ntry><NtryRef>R1</NtryRef><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>{more}'
        "<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2024-03-01</Dt></BookgDt><ValDt><Dt>2024-03-02</Dt></ValDt>"
        "<BkTxCd><Prtry><Cd>NETW</Cd></Prtry></BkTxCd><NtryDtls><TxDtls><Refs><EndToEndId>E1</EndToEndId></Refs>"
        "<RmtInf><Ustrd>PAID</Ustrd><Ustrd>card 5555550100003310</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
    )


def statement(opening: str, closing: str, *entries: str, currency: str = "USD", more: str = "") -> str:
    return (
        f"<Stmt><Id>S</Id><Acct><Id><Othr><Id>ACCOUNT-{currency}</Id></Othr></Id></Acct>"
        f"{balance('OPBD', opening, currency)}{balance('CLBD', closing, currency)}{more}{''.join(entries)}</Stmt>"
    )


def message(*statements: str, urn: str = URN) -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{urn}"><BkToCstmrStmt>'
        f"<GrpHdr><MsgId>M1</MsgId></GrpHdr>{''.join(statements)}</BkToCstmrStmt></Document>\n"
    )


def camt_read(content: str | bytes) -> Parsed:
    return read(layout("bank_statement"), "CAMT053_20240301.xml", content)


def test_entries_are_numbered_over_all_statements() -> None:
    parsed = camt_read(
        message(
            statement("100.00", "105.50", entry("10.00"), entry("4.50", "DBIT")),
            statement("7", "1007", entry("1000.000", "CRDT", "JPY"), currency="JPY"),
        )
    )
    assert (parsed.fault, parsed.records, parsed.internal_id, parsed.file_date) == (None, 3, "M1", date(2024, 3, 1))
    assert all(total.agrees for total in parsed.controls)
    assert {total.control: total.computed for total in parsed.controls} == {
        "entries": 3,
        "closing 1 ACCOUNT-USD USD": 10550,
        "closing 2 ACCOUNT-JPY JPY": 1007,
    }
    first, second, third = parsed.tables["statement_entry"].rows(named=True)
    assert first == {
        "file": "2024-03-01/CAMT053_20240301.xml",
        "record": 1,
        "account": "ACCOUNT-USD",
        "entry_ref": "R1",
        "booked_on": date(2024, 3, 1),
        "value_on": date(2024, 3, 2),
        "direction": 1,
        "amount_minor": 1000,
        "currency": "USD",
        "code": "NETW",
        "end_to_end_id": "E1",
        "remittance": "PAID card 555555******3310",
    }
    assert (second["direction"], second["amount_minor"]) == (-1, 450)
    assert (third["record"], third["amount_minor"]) == (3, 1000)


@pytest.mark.parametrize("version", ["02", "04", "06", "08", "13"])
def test_versions_are_told_by_the_namespace(version: str) -> None:
    content = message(statement("0.00", "10.00", entry()), urn=URN[:-2] + version)
    if version == "02":
        content = content.replace("<Sts><Cd>BOOK</Cd></Sts>", "<Sts>BOOK</Sts>")
    assert camt_read(content).tables["statement_entry"].height == 1


def test_a_reversal_has_the_direction_that_is_written() -> None:
    parsed = camt_read(message(statement("0.00", "10.00", entry(more="<RvslInd>true</RvslInd>"))))
    assert all(total.agrees for total in parsed.controls)
    assert parsed.tables["statement_entry"]["direction"].to_list() == [1]


def test_a_domain_code_and_date_times_are_read() -> None:
    code = "<Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn>"
    content = message(statement("0.00", "10.00", entry()))
    content = content.replace("<Prtry><Cd>NETW</Cd></Prtry>", code)
    content = content.replace("<BookgDt><Dt>2024-03-01</Dt>", "<BookgDt><DtTm>2024-03-01T23:59:00-05:00</DtTm>")
    [row] = camt_read(content).tables["statement_entry"].rows(named=True)
    assert (row["code"], row["booked_on"]) == ("PMNT/RCDT/ESCT", date(2024, 3, 1))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (">10.00<", ">10.001<", "NON_NUMERIC_AMOUNT"),
        (">10.00<", ">1_0<", "NON_NUMERIC_AMOUNT"),
        (">10.00<", ">-10.00<", "NON_NUMERIC_AMOUNT"),
        (">10.00<", "><", "NON_NUMERIC_AMOUNT"),
        ('<NtryRef>R1</NtryRef><Amt Ccy="USD">', '<Amt Ccy="USX">', "UNKNOWN_CURRENCY"),
        ('<NtryRef>R1</NtryRef><Amt Ccy="USD">', '<Amt Ccy="EUR">', "UNKNOWN_CURRENCY"),
        ("<BookgDt><Dt>2024-03-01", "<BookgDt><Dt>2024-02-30", "BAD_DATE"),
        ("<Cd>BOOK</Cd>", "<Cd>PDNG</Cd>", "MALFORMED"),
        ("<Cd>NETW</Cd>", "", "MALFORMED"),
    ],
)
def test_a_bad_entry_is_a_reject(old: str, new: str, reason: str) -> None:
    content = message(statement("0.00", "1.00", entry("1.00"), entry()))
    parsed = camt_read(content.replace(old, new) if old != "<Cd>BOOK</Cd>" else content[::1].replace(old, new, 1))
    assert parsed.fault is None
    assert reason in parsed.tables["reject"]["reason"].to_list()
    assert parsed.records == 2
    assert parsed.tables["reject"].height + parsed.tables["statement_entry"].height == 2


def test_balances_that_do_not_add_up_are_told() -> None:
    parsed = camt_read(message(statement("0.00", "9.00", entry())))
    assert [total.control for total in parsed.controls if not total.agrees] == ["closing 1 ACCOUNT-USD USD"]
    counted = "<TxsSummry><TtlNtries><NbOfNtries>2</NbOfNtries></TtlNtries></TxsSummry>"
    parsed = camt_read(message(statement("0.00", "10.00", entry(), more=counted)))
    assert [total.control for total in parsed.controls if not total.agrees] == ["entries 1 ACCOUNT-USD USD"]


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><Document xmlns="' + URN + '">&c;</Document>'
)
OUTSIDE = '<!DOCTYPE d SYSTEM "file:///etc/passwd"><Document xmlns="' + URN + '"/>'


@pytest.mark.parametrize(
    ("content", "why", "words"),
    [
        (BOMB.encode(), Why.UNREADABLE, "entities"),
        (BOMB.replace('version="1.0"', 'version="1.0" encoding="UTF-16"').encode("utf-16"), Why.UNREADABLE, "entities"),
        (OUTSIDE.encode(), Why.UNREADABLE, "entities"),
        (b"", Why.TRUNCATED, "ends before"),
        (b"no xml at all", Why.TRUNCATED, "ends before"),
        (message().encode(), Why.UNREADABLE, "no statement"),
        (message(statement("0", "0"), urn=URN[:-2] + "99").encode(), Why.UNREADABLE, "one of the versions"),
        (message(statement("x", "0")).encode(), Why.UNREADABLE, "statement 1 has no opening balance"),
        (message(statement("0", "0")).replace("2024-03-01", "2024-03-02").encode(), Why.UNREADABLE, "its name says"),
        (message(statement("0", "0")).replace("<GrpHdr>", "<GrpHdr").encode(), Why.UNREADABLE, "no well-formed XML"),
        (message(statement("0", "0")).replace("<Id>S<", "<Id>\xe9<").encode("latin-1"), Why.UNREADABLE, "well-formed"),
    ],
)
def test_a_bad_document_is_refused(content: bytes, why: Why, words: str) -> None:
    parsed = camt_read(content)
    assert parsed.fault is why
    assert words in (parsed.detail or "")
    assert not parsed.tables


def test_no_cut_of_a_message_is_taken_for_a_whole_one() -> None:
    whole = message(statement("0.00", "10.00", entry())).encode()
    assert camt_read(whole).fault is None
    for length in range(len(whole) - 1):
        assert camt_read(whole[:length]).fault is Why.TRUNCATED
