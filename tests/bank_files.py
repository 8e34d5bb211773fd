"""Writes bank statements of one content as camt.053, MT940 and BAI2, for tests of what comes back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from xml.sax.saxutils import escape

from settlement.model.money import exponent, to_major

CAMT = "urn:iso:std:iso:20022:tech:xsd:camt.{family}.001.{version}"
_VERSIONS_WITH_PLAIN_STATUS = ("02", "04", "06")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One booking; ``amount_minor`` is + to the account."""

    amount_minor: int
    code: str = "NTRF"
    end_to_end_id: str | None = None
    remittance: str | None = None
    bank_ref: str | None = None
    booked_on: date = date(2024, 3, 1)
    value_on: date = date(2024, 3, 1)
    reversal: bool = False


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of one account."""

    account: str = "ACCOUNT-1"
    currency: str = "USD"
    opening_minor: int = 0
    number: int = 1
    day: date = date(2024, 3, 1)
    entries: Sequence[Entry] = ()

    @property
    def closing_minor(self) -> int:
        return self.opening_minor + sum(entry.amount_minor for entry in self.entries)


def camt053(statements: Sequence[Statement], version: str = "08") -> str:
    """A message; status, parties and charges have the form of the version."""
    urn = CAMT.format(family="053", version=version)
    body = "".join(_statement(one, version) for one in statements)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{urn}"><BkToCstmrStmt>'
        f"<GrpHdr><MsgId>M1</MsgId><CreDtTm>2024-03-01T20:00:00</CreDtTm></GrpHdr>{body}</BkToCstmrStmt></Document>\n"
    )


def camt054(statements: Sequence[Statement], version: str = "08") -> str:
    """The same entries as notifications."""
    text = (
        camt053(statements, version).replace("camt.053", "camt.054").replace("BkToCstmrStmt", "BkToCstmrDbtCdtNtfctn")
    )
    return re.sub(r"<Bal>.*?</Bal>", "", text.replace("Stmt>", "Ntfctn>"))


def _statement(one: Statement, version: str) -> str:
    balances = "".join(
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{_amount(minor, one.currency)}"
        f"<Dt><Dt>{one.day}</Dt></Dt></Bal>"
        for code, minor in (("OPBD", one.opening_minor), ("CLBD", one.closing_minor))
    )
    entries = "".join(_entry(entry, one.currency, version) for entry in one.entries)
    return (
        f"<Stmt><Id>S{one.number}</Id><ElctrncSeqNb>{one.number}</ElctrncSeqNb><Acct><Id><Othr><Id>"
        f"{escape(one.account)}</Id></Othr></Id><Ccy>{one.currency}</Ccy></Acct>{balances}{entries}</Stmt>"
    )


def _amount(minor: int, currency: str) -> str:
    sign = "CRDT" if minor >= 0 else "DBIT"
    return f'<Amt Ccy="{currency}">{to_major(abs(minor), currency)}</Amt><CdtDbtInd>{sign}</CdtDbtInd>'


def _entry(entry: Entry, currency: str, version: str) -> str:
    status = "BOOK" if version in _VERSIONS_WITH_PLAIN_STATUS else "<Cd>BOOK</Cd>"
    bank_ref = f"<AcctSvcrRef>{escape(entry.bank_ref)}</AcctSvcrRef>" if entry.bank_ref else ""
    refs = f"<Refs><EndToEndId>{escape(entry.end_to_end_id)}</EndToEndId></Refs>" if entry.end_to_end_id else ""
    text = f"<RmtInf><Ustrd>{escape(entry.remittance)}</Ustrd></RmtInf>" if entry.remittance else ""
    reversal = "<RvslInd>true</RvslInd>" if entry.reversal else ""
    return (
        f"<Ntry>{_amount(entry.amount_minor, currency)}{reversal}<Sts>{status}</Sts><BookgDt><Dt>{entry.booked_on}</Dt>"
        f"</BookgDt><ValDt><Dt>{entry.value_on}</Dt></ValDt>{bank_ref}<BkTxCd><Prtry><Cd>{entry.code}</Cd></Prtry>"
        f"</BkTxCd><NtryDtls><TxDtls>{refs}{text}</TxDtls></NtryDtls></Ntry>"
    )


def mt940(statements: Sequence[Statement], end: str = "\n") -> str:
    """Messages one after the other, each ended by ``-``; the text stands in words between slashes."""
    return "".join(_message(one) for one in statements).replace("\n", end)


def _message(one: Statement) -> str:
    lines = [f":20:S{one.number}", f":25:{one.account}", f":28C:{one.number}/1"]
    lines.append(f":60F:{_balance(one.opening_minor, one)}")
    for entry in one.entries:
        mark = "C" if entry.amount_minor >= 0 else "D"
        if entry.reversal:
            mark = f"R{'D' if mark == 'C' else 'C'}"
        ref = f"NONREF//{entry.bank_ref}" if entry.bank_ref else "NONREF"
        amount = _comma(abs(entry.amount_minor), one.currency)
        lines.append(f":61:{entry.value_on:%y%m%d}{entry.booked_on:%m%d}{mark}{amount}{entry.code}{ref}")
        told = f"/EREF/{entry.end_to_end_id}" if entry.end_to_end_id else ""
        told += f"/REMI/{entry.remittance}" if entry.remittance else ""
        cut = [told[begin : begin + 65] for begin in range(0, len(told), 65)]
        lines += [f":86:{cut[0]}", *cut[1:]] if cut else []
    lines += [f":62F:{_balance(one.closing_minor, one)}", "-"]
    return "".join(f"{line}\n" for line in lines)


def _balance(minor: int, one: Statement) -> str:
    return f"{'C' if minor >= 0 else 'D'}{one.day:%y%m%d}{one.currency}{_comma(abs(minor), one.currency)}"


def _comma(minor: int, currency: str) -> str:
    text = to_major(minor, currency).replace(".", ",")
    return text if exponent(currency) else f"{text},"


def bai2(statements: Sequence[Statement], codes: tuple[str, str] = ("195", "495")) -> str:
    """One group of accounts; an entry without a type code has one of ``codes``; texts stand in continuations."""
    day = statements[0].day if statements else date(2024, 3, 1)
    lines = [f"02,US,BANK,1,{day:%y%m%d},,USD,2/"]
    total = 0
    for one in statements:
        block = [f"03,{one.account},{one.currency},010,{one.opening_minor:+d},,,015,{one.closing_minor:+d},,/"]
        own = one.opening_minor + one.closing_minor
        for entry in one.entries:
            amount = abs(entry.amount_minor)
            own += amount
            code = entry.code if entry.code.isdigit() else codes[entry.amount_minor < 0]
            refs = f"{entry.bank_ref or ''},{entry.end_to_end_id or ''}"
            block.append(f"16,{code},{amount},V,{entry.value_on:%y%m%d},,{refs}/")
            block += [f"88,{entry.remittance}"] if entry.remittance else []
        block.append(f"49,{own},{len(block) + 1}/")
        total += own
        lines += block
    lines.append(f"98,{total},{len(statements)},{len(lines) + 1}/")
    lines = [f"01,BANK,US,{day:%y%m%d},2000,1,,,2/", *lines]
    lines.append(f"99,{total},1,{len(lines) + 1}/")
    return "".join(f"{line}\n" for line in lines)
