"""Status reports: each level that tells a status becomes one, unknown codes stay unknown, wrong totals are refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_payments import batch, payment

from settlement.errors import TerminalError
from settlement.model.payment_status import BankReply, Outcome, Scope
from settlement.model.reason_codes import ISO_STATUSES
from settlement.parse.pain002 import read_pain002
from settlement.pay.replies import assign

VERSIONS = ("03", "10")
URN = "urn:iso:std:iso:20022:tech:xsd:pain.002.001."
REASON = "<StsRsnInf><Rsn><Cd>{}</Cd></Rsn><AddtlInf>{}</AddtlInf></StsRsnInf>"


def transaction(name: str, code: str | None = None, more: str = "", amount: str = "") -> str:
    status = "" if code is None else f"<TxSts>{code}</TxSts>"
    original = f'<OrgnlTxRef><Amt><InstdAmt Ccy="EUR">{amount}</InstdAmt></Amt></OrgnlTxRef>' if amount else ""
    return f"<TxInfAndSts><OrgnlEndToEndId>{name}</OrgnlEndToEndId>{status}{more}{original}</TxInfAndSts>"


def counted(count: int, code: str, total: str) -> str:
    told = f"<DtldNbOfTxs>{count}</DtldNbOfTxs><DtldSts>{code}</DtldSts><DtldCtrlSum>{total}</DtldCtrlSum>"
    return f"<NbOfTxsPerSts>{told}</NbOfTxsPerSts>"


def report(
    *transactions: str, group: str = "", block: str | None = "", version: str = "10", message: str = "M-2024-05-31-1"
) -> str:
    inside = f"<OrgnlPmtInfId>{message}</OrgnlPmtInfId>{block}{''.join(transactions)}"
    blocks = "" if block is None else f"<OrgnlPmtInfAndSts>{inside}</OrgnlPmtInfAndSts>"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{URN}{version}">'
        "<CstmrPmtStsRpt><GrpHdr><MsgId>STATUS-77</MsgId><CreDtTm>2024-06-03T08:30:00+02:00</CreDtTm></GrpHdr>"
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{message}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>{group}"
        f"</OrgnlGrpInfAndSts>{blocks}</CstmrPmtStsRpt></Document>"
    )


def read(content: str) -> BankReply:
    return read_pain002(content.encode(), file="STATUS.xml")


def outcomes(reply: BankReply) -> list[tuple[str | None, str]]:
    return [(status.end_to_end_id, status.outcome.value) for status in reply.statuses]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_rejection_of_the_whole_message_covers_every_payment(version: str) -> None:
    group = "<OrgnlNbOfTxs>2</OrgnlNbOfTxs><OrgnlCtrlSum>52.0</OrgnlCtrlSum><GrpSts>RJCT</GrpSts>"
    group += REASON.format("FF01", "line 3")
    reply = read(report(group=group, block=None, version=version))
    (status,) = reply.statuses
    assert (status.outcome, status.code, status.scope) == (Outcome.REJECTED, "RJCT", Scope.MESSAGE)
    assert (status.on, reply.reply_id, reply.message_id) == (date(2024, 6, 3), "STATUS-77", "M-2024-05-31-1")
    assert (reply.declared_count, reply.declared_sum) == (2, Decimal("52.0"))
    assert [(r.code, r.meaning, r.known, r.words) for r in status.reasons] == [
        ("FF01", "the form of the file is wrong", True, "line 3")
    ]
    found = assign(batch(payment(), payment("P-2", 3470)), reply)
    assert found.told == (("P-1", status), ("P-2", status))
    assert (found.astray, found.notes) == ((), ())


def test_in_a_part_each_named_payment_has_its_own_status_and_the_others_are_pending() -> None:
    counts = counted(1, "RJCT", "34.70")
    rejected = transaction("P-2", "RJCT", REASON.format("AC04", ""), "34.7")
    reply = read(report(rejected, group="<GrpSts>PART</GrpSts>", block=f"<PmtInfSts>PART</PmtInfSts>{counts}"))
    found = assign(batch(payment(), payment("P-2", 3470), payment("P-3")), reply)
    told = [(name, s.outcome, s.code, s.scope) for name, s in found.told]
    assert told == [
        ("P-1", Outcome.PENDING, "PART", Scope.BLOCK),
        ("P-2", Outcome.REJECTED, "RJCT", Scope.PAYMENT),
        ("P-3", Outcome.PENDING, "PART", Scope.BLOCK),
    ]
    (status,) = (status for name, status in found.told if name == "P-2")
    assert (status.amount_minor, status.currency, status.reasons[0].meaning) == (3470, "EUR", "the account is closed")


def test_the_status_of_the_block_is_nearer_than_that_of_the_message() -> None:
    reply = read(report(group="<GrpSts>ACTC</GrpSts>", block="<PmtInfSts>ACSP</PmtInfSts>"))
    assert [(name, s.code) for name, s in assign(batch(), reply).told] == [("P-1", "ACSP")]


@pytest.mark.parametrize(("code", "outcome"), ISO_STATUSES.items())
def test_each_status_of_the_list_has_its_outcome(code: str, outcome: Outcome) -> None:
    (status,) = read(report(block=None, group=f"<GrpSts>{code}</GrpSts>")).statuses
    assert (status.code, status.outcome) == (code, outcome)


def test_unknown_codes_are_kept_and_told_as_unknown() -> None:
    own = "<StsRsnInf><Rsn><Prtry>HOUSE7</Prtry></Rsn></StsRsnInf>"
    reply = read(report(transaction("P-1", "ACXX", REASON.format("ZZ99", "see desk") + own)))
    (status,) = reply.statuses
    assert (status.outcome, status.code) == (Outcome.UNCLEAR, "ACXX")
    assert [(r.code, r.known) for r in status.reasons] == [("ACXX", False), ("ZZ99", False), ("HOUSE7", False)]
    assert all("is not in the ISO 20022 list" in r.meaning for r in status.reasons)
    assert status.reasons[1].words == "see desk"


def test_a_payment_without_a_status_has_that_of_its_block() -> None:
    reply = read(report(transaction("P-1", None, REASON.format("AM04", "")), block="<PmtInfSts>RJCT</PmtInfSts>"))
    assert outcomes(reply) == [(None, "REJECTED"), ("P-1", "REJECTED")]
    assert reply.statuses[1].reasons[0].code == "AM04"


def test_words_without_a_code_stay_and_card_numbers_do_not() -> None:
    words = "<StsRsnInf><AddtlInf>card 4111111111111111</AddtlInf></StsRsnInf>"
    (status,) = read(report(transaction("P-1", "RJCT", words))).statuses
    assert (status.reasons[0].code, status.reasons[0].words) == ("", "card 411111******1111")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (report(block=None), "it tells no status at all"),
        (report(transaction("P-1")), "the payment P-1 has no status"),
        (report(transaction("P-1"), block="<PmtInfSts>PART</PmtInfSts>"), "the payment P-1 has no status"),
        (report(transaction("P-1", "ACCP"), group="<GrpSts>RJCT</GrpSts>"), "P-1 has the status ACCP under RJCT"),
        (report(transaction("P-1", "RJCT"), group="<GrpSts>ACCP</GrpSts>"), "P-1 has the status RJCT under ACCP"),
        (report(group="<GrpSts>RJCT</GrpSts>", block="<PmtInfSts>ACSC</PmtInfSts>"), "the block M-2024-05-31-1 has"),
        (report(transaction("P-1", "ACCP", amount="17.301")), "is '17.301', which is no amount in its currency"),
        (report(transaction("P-1", "ACCP", amount="1e9")), "which is no amount"),
        (report(group="<OrgnlNbOfTxs>two</OrgnlNbOfTxs><GrpSts>ACCP</GrpSts>"), "'two', which is no number"),
        (report(group="<OrgnlCtrlSum>-1</OrgnlCtrlSum><GrpSts>ACCP</GrpSts>"), "'-1', which is no amount"),
        (report(version="99"), "no pain.002 message of one of the versions 03, 10"),
        (report().replace("pain.001.001.09", "pain.008.001.08"), "it answers pain.008.001.08"),
        (report().replace("<MsgId>STATUS-77</MsgId>", ""), "does not tell its own id"),
        (report().replace("CstmrPmtStsRpt", "FIToFIPmtStsRpt"), "it has no CstmrPmtStsRpt"),
        ("", "it ends before its document does"),
        (report()[:-20], "it ends before its document does"),
        (report().replace("</GrpHdr>", "</Grp>"), "no well-formed XML"),
        ("101 091000019", "it is no XML document"),
        (report().replace("<Document", '<!DOCTYPE D [<!ENTITY x SYSTEM "file:///etc/passwd">]><Document'), "declares"),
        (report().replace("UTF-8", "UTF-7"), "written in utf-7"),
        (f"<a>{report()[38:]}{report()[38:]}</a>", "several messages"),
    ],
)
def test_what_cannot_be_believed_is_refused_whole(content: str, told: str) -> None:
    with pytest.raises(TerminalError) as refused:
        read(content)
    sentence = str(refused.value)
    assert told in sentence
    assert sentence.startswith("STATUS.xml was not read and says nothing of any payment: ")
    assert sentence.endswith(" Ask the bank to send it anew.")


@pytest.mark.parametrize(
    ("count", "total", "code"), [(3, "52", "RJCT"), (1, "52", "RJCT"), (2, "52.01", "RJCT"), (1, "5", "ACCP")]
)
def test_counts_and_sums_by_status_must_be_those_of_what_is_named(count: int, total: str, code: str) -> None:
    named = (transaction("P-1", code, amount="17.30"), transaction("P-2", code, amount="34.70"))
    for place in ("group", "block"):
        head = {"group": "<GrpSts>PART</GrpSts>", "block": "<PmtInfSts>PART</PmtInfSts>"}
        assert len(read(report(*named, **head | {place: head[place] + counted(2, code, "52.00")})).statuses) == 4
        with pytest.raises(TerminalError, match=r"it counts|it adds up"):
            read(report(*named, **head | {place: head[place] + counted(count, code, total)}))


def test_what_fits_no_payment_is_kept_with_its_reason() -> None:
    ordered = batch(payment(), payment("P-2"))
    reply = read(
        report(
            transaction("P-9", "ACSC"),
            transaction("P-1", "ACSC", amount="17.31"),
            transaction("NOTPROVIDED", "RJCT"),
            transaction("P-2", "ACCP", amount="17.3"),
            transaction("P-2", "ACSC"),
            group="<OrgnlNbOfTxs>5</OrgnlNbOfTxs><OrgnlCtrlSum>1</OrgnlCtrlSum>",
        )
    )
    found = assign(ordered, reply)
    assert [(name, s.code) for name, s in found.told] == [("P-2", "ACCP"), ("P-2", "ACSC")]
    assert "P-1" not in dict(found.told)
    assert [a.why for a in found.astray] == [
        "no payment of the batch has the id P-9",
        "it speaks of 1731 minor units of EUR, and P-1 is of 1730 of EUR",
        "no payment of the batch has the id None",
    ]
    assert found.notes == (
        "the bank has read 5 payments, and 2 were ordered",
        "the bank has read a sum of 1, and 34.60 EUR was ordered",
    )
    other = assign(replace(ordered, message_id="M-2"), reply)
    assert (len(other.astray), other.told) == (5, ())
    assert other.astray[0].why == "it speaks of the message M-2024-05-31-1, and this is M-2"


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_mutated_reports_are_read_or_refused_in_a_sentence(data: st.DataObject) -> None:
    content = bytearray(
        report(
            transaction("P-1", "RJCT", REASON.format("AC04", "x"), "17.30"), block="<PmtInfSts>PART</PmtInfSts>"
        ).encode()
    )
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=6))
    refused, reply = "", None
    try:
        reply = read_pain002(bytes(content), file="STATUS.xml")
    except TerminalError as error:
        refused = str(error)
    assert reply.statuses if reply else refused.startswith("STATUS.xml was not read")
