"""Returns in notifications: what came back, why, and to which payment; anything half read is refused."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_payments import batch, payment

from settlement.errors import TerminalError
from settlement.model.payment_status import BankReply, Outcome
from settlement.parse.camt054_returns import read_camt054_returns
from settlement.pay.replies import assign

VERSIONS = ("02", "04", "06", "08", "13")
RETURN = "<RtrInf><Rsn><Cd>{}</Cd></Rsn><AddtlInf>{}</AddtlInf></RtrInf>"


def details(name: str, amount: str = "17.30", more: str = "", direction: str = "CRDT") -> str:
    return (
        f"<TxDtls><Refs><MsgId>M-2024-05-31-1</MsgId><AcctSvcrRef>BANK9</AcctSvcrRef><EndToEndId>{name}</EndToEndId></Refs>"
        f'<Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd>{more}</TxDtls>'
    )


def entry(*transactions: str, amount: str = "17.30", direction: str = "CRDT", status: str = "BOOK") -> str:
    return (
        f'<Ntry><NtryRef>1</NtryRef><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd><Sts>{status}</Sts>'
        "<BookgDt><Dt>2024-06-05</Dt></BookgDt><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd>"
        "<SubFmlyCd>RRTN</SubFmlyCd></Fmly></Domn></BkTxCd>"
        f"<NtryDtls>{''.join(transactions)}</NtryDtls></Ntry>"
    )


def message(*entries: str, version: str = "08", summary: str = "") -> str:
    return (
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.{version}"><BkToCstmrDbtCdtNtfctn><GrpHdr>'
        "<MsgId>NOTICE-5</MsgId><CreDtTm>2024-06-05T20:00:00</CreDtTm></GrpHdr><Ntfctn><Id>N</Id>"
        f"<Acct><Id><IBAN>FR1420041010050500013M02606</IBAN></Id></Acct>{summary}{''.join(entries)}"
        "</Ntfctn></BkToCstmrDbtCdtNtfctn></Document>"
    )


def read(content: str) -> BankReply:
    return read_camt054_returns(content.encode(), file="NOTICE.xml")


RETURNED = entry(details("P-1", more=RETURN.format("AC04", "closed in May")))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_return_tells_what_came_back_and_why_in_every_version(version: str) -> None:
    plain = entry(details("IN-1"), details("P-2", "1.00", RETURN.format("MS03", "")))
    reply = read(message(RETURNED, plain, version=version))
    first, second = reply.statuses
    assert (first.outcome, first.code, first.end_to_end_id) == (Outcome.RETURNED, "RtrInf", "P-1")
    assert (first.amount_minor, first.currency, first.on) == (1730, "EUR", date(2024, 6, 5))
    assert (first.message_id, first.bank_reference) == ("M-2024-05-31-1", "BANK9")
    assert [(r.code, r.meaning, r.words) for r in first.reasons] == [("AC04", "the account is closed", "closed in May")]
    assert (second.end_to_end_id, second.amount_minor, second.reasons[0].code) == ("P-2", 100, "MS03")
    assert (reply.reply_id, reply.notes) == ("NOTICE-5", ())


def test_less_may_come_back_and_never_more() -> None:
    ordered = batch(payment(), payment("P-2"))
    less = entry(details("P-1", "15.30", RETURN.format("AC04", "")))
    more = entry(details("P-2", "17.31", RETURN.format("AC04", "")))
    found = assign(ordered, read(message(less, more)))
    assert [(name, s.amount_minor) for name, s in found.told] == [("P-1", 1530)]
    assert [a.why for a in found.astray] == ["it speaks of 1731 minor units of EUR, and P-2 is of 1730 of EUR"]


def test_returns_that_are_announced_or_take_money_are_notes() -> None:
    more = RETURN.format("AC04", "")
    reply = read(
        message(
            entry(details("P-1", more=more), status="PDNG"),
            entry(details("D-1", more=more, direction="DBIT"), direction="DBIT"),
        )
    )
    assert reply.statuses == ()
    assert reply.notes == (
        "entry 1 announces a return and is not booked (PDNG)",
        "entry 2 takes money for a return: no payment of ours came back by it",
    )


def test_an_unknown_reason_is_kept_and_told_as_unknown() -> None:
    (status,) = read(message(entry(details("P-1", more=RETURN.format("QQ01", ""))))).statuses
    assert [(r.code, r.known) for r in status.reasons] == [("QQ01", False)]
    assert status.outcome is Outcome.RETURNED


def summary(name: str, count: str, total: str) -> str:
    return f"<TxsSummry><{name}><NbOfNtries>{count}</NbOfNtries><Sum>{total}</Sum></{name}></TxsSummry>"


@pytest.mark.parametrize("name", ["TtlNtries", "TtlCdtNtries"])
def test_the_messages_own_number_and_sum_must_hold(name: str) -> None:
    assert read(message(RETURNED, summary=summary(name, "1", "17.3"))).statuses
    for count, total in (("2", "17.30"), ("1", "17.31"), ("one", "17.30"), ("1", "x")):
        with pytest.raises(TerminalError, match=r"counts 2|adds up|which is no"):
            read(message(RETURNED, summary=summary(name, count, total)))
    with pytest.raises(TerminalError, match="TtlDbtNtries counts 1 entries, and there are 0"):
        read(message(RETURNED, summary=summary("TtlDbtNtries", "1", "17.30")))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (message(RETURNED).replace("17.30", "17.301"), "of entry 1 is '17.301', which cannot be read"),
        (message(entry(details("P-1", "x", RETURN.format("AC04", "")))), "a return in entry 1 has no amount"),
        (message(entry(status="????")), "Ntry/Sts of entry 1"),
        (message(RETURNED).replace("<IBAN>FR1420041010050500013M02606</IBAN>", ""), "a notification has no account"),
        (message(RETURNED).replace("<MsgId>NOTICE-5</MsgId>", ""), "does not tell its own id"),
        (message(RETURNED, version="99"), "no camt.054 message of one of the versions"),
        (message(RETURNED)[:-9], "it ends before its document does"),
        (message(RETURNED).replace("<Document", "<!DOCTYPE D [<!ENTITY a 'b'>]><Document"), "declares a document type"),
    ],
)
def test_what_cannot_be_believed_is_refused_whole(content: str, told: str) -> None:
    with pytest.raises(TerminalError) as refused:
        read(content)
    assert told in str(refused.value)
    assert str(refused.value).startswith("NOTICE.xml was not read and says nothing of any payment: ")


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_mutated_messages_are_read_or_refused_in_a_sentence(data: st.DataObject) -> None:
    content = bytearray(message(RETURNED, summary=summary("TtlNtries", "1", "17.30")).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=6))
    refused = ""
    try:
        read_camt054_returns(bytes(content), file="NOTICE.xml")
    except TerminalError as error:
        refused = str(error)
    assert not refused or refused.startswith("NOTICE.xml was not read")
