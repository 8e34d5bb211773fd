"""Notifications: what they tell of an entry is a detail, in every version, and never cash."""

from __future__ import annotations

import pytest
from bank_files import Entry, Statement, camt054
from layout_files import layout, read

from settlement.model.clearing import Why
from settlement.parse.source import Parsed

URN = "urn:iso:std:iso:20022:tech:xsd:camt.054.001."
BATCH = (
    '<Ntry><NtryRef>N1</NtryRef><Amt Ccy="CHF">6.3</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>{status}</Sts>{booked}'
    "<AcctSvcrRef>BANK1</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>DMCT</SubFmlyCd></Fmly>"
    "</Domn></BkTxCd><NtryDtls><Btch><MsgId>MSG1</MsgId><PmtInfId>PAY1</PmtInfId><NbOfTxs>2</NbOfTxs></Btch>"
    "<TxDtls><Refs><EndToEndId>E1</EndToEndId></Refs>{first}</TxDtls>"
    "<TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>{second}</TxDtls></NtryDtls></Ntry>"
)
BOOKED = "<BookgDt><Dt>2024-03-01</Dt></BookgDt>"


def own(amount: str, currency: str = "CHF") -> str:
    return f'<Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>DBIT</CdtDbtInd>'


def old(amount: str) -> str:
    return f'<AmtDtls><TxAmt><Amt Ccy="CHF">{amount}</Amt></TxAmt></AmtDtls>'


def notification(*entries: str, version: str = "08", more: str = "") -> str:
    return (
        f'<Document xmlns="{URN}{version}"><BkToCstmrDbtCdtNtfctn><GrpHdr><MsgId>M9</MsgId></GrpHdr><Ntfctn><Id>N</Id>'
        f"<CreDtTm>2024-03-02T01:00:00</CreDtTm><Acct><Id><IBAN>CH28</IBAN></Id></Acct>{more}{''.join(entries)}"
        "</Ntfctn></BkToCstmrDbtCdtNtfctn></Document>"
    )


def batch(version: str = "08", booked: str = BOOKED, **parts: str) -> str:
    amount = old if version == "02" else own
    status = "<Cd>BOOK</Cd>" if version in {"08", "13"} else "BOOK"
    told = {"status": status, "booked": booked, "first": amount("3.1"), "second": amount("3.2")}
    return BATCH.format(**(told | parts))


def read_notice(content: str) -> Parsed:
    return read(layout("bank_notification"), "CAMT054_20240301.xml", content)


@pytest.mark.parametrize("version", ["02", "04", "06", "08", "13"])
def test_a_batch_is_told_transaction_by_transaction_in_every_version(version: str) -> None:
    content = notification(batch(version), version=version)
    parsed = read_notice(content)
    assert (parsed.fault, parsed.internal_id, parsed.records) == (None, "M9", 1)
    assert parsed.tables["statement_entry"].is_empty()
    rows = parsed.tables["bank_detail"].rows(named=True)
    assert [(r["record"], r["entry"], r["direction"], r["amount_minor"], r["end_to_end_id"]) for r in rows] == [
        (1, 1, -1, 310, "E1"),
        (2, 1, -1, 320, None),
    ]
    names = (
        "told_by",
        "account",
        "entry_ref",
        "bank_ref",
        "payment_id",
        "message_id",
        "entry_minor",
        "entry_direction",
    )
    assert {tuple(row[name] for name in names) for row in rows} == {
        ("notification", "CH28", "N1", "BANK1", "PAY1", "MSG1", 630, -1)
    }
    assert parsed.bytes is not None
    assert parsed.bytes.accepted == len(batch(version))
    assert parsed.bytes.control == len(content) - len(batch(version))


def test_entries_without_transactions_are_told_themselves() -> None:
    content = camt054([Statement(entries=(Entry(amount_minor=500, bank_ref="B7", remittance="ALL OF IT"),))])
    content = content.replace("<NtryDtls><TxDtls><RmtInf><Ustrd>ALL OF IT</Ustrd></RmtInf></TxDtls></NtryDtls>", "")
    [row] = read_notice(content).tables["bank_detail"].rows(named=True)
    assert (row["amount_minor"], row["direction"], row["bank_ref"], row["transaction_id"]) == (500, 1, "B7", "B7")


def test_a_notification_without_booking_date_has_the_day_on_which_it_was_made() -> None:
    rows = read_notice(notification(batch(booked=""))).tables["bank_detail"]
    assert [str(day) for day in rows["booked_on"]] == ["2024-03-02", "2024-03-02"]


def test_announced_and_unreadable_entries_have_their_place() -> None:
    content = notification(batch(status="PDNG"), batch().replace(">6.3<", ">6.333<"), batch())
    parsed = read_notice(content)
    assert parsed.tables["control_record"].select("record", "class").rows() == [(1, "NOT_BOOKED")]
    assert parsed.tables["reject"].select("record", "reason").rows() == [(2, "NON_NUMERIC_AMOUNT")]
    assert parsed.tables["bank_detail"]["entry"].unique().to_list() == [3]
    assert parsed.bytes is not None
    assert (parsed.bytes.accepted, parsed.bytes.rejected) == (len(batch()), len(batch()) + 2)


def test_a_declared_count_is_a_control() -> None:
    summary = "<TxsSummry><TtlNtries><NbOfNtries>2</NbOfNtries></TtlNtries></TxsSummry>"
    parsed = read_notice(notification(batch(), more=summary))
    assert [total.control for total in parsed.controls if not total.agrees] == ["entries 1 CH28"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (notification().replace("<Acct>", "<Accd>").replace("</Acct>", "</Accd>"), "notification 1 has no account"),
        (notification().replace("Ntfctn>", "Other>"), "no notification"),
        (notification(version="99"), "no camt.054 message of one of the versions"),
        (notification().replace("camt.054", "camt.053"), "no camt.054 message"),
        ("<!DOCTYPE a>" + notification(), "document type"),
    ],
)
def test_a_message_that_is_none_is_told(content: str, words: str) -> None:
    parsed = read_notice(content)
    assert parsed.fault is Why.UNREADABLE
    assert words in (parsed.detail or "")
