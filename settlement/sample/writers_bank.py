"""Writes the bank statement (camt.053.001.08): one statement in dollars with its entries, one in yuan without."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from settlement.sample.written import Written

_OPENING: Final = {"USD": 500_000_000_00, "CNY": 80_000_000_00}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One booking: amount with sign (+ to our account) in USD minor units, what it is for and what should have come."""

    amount_minor: int
    expected_minor: int
    code: str
    end_to_end_id: str
    remittance: str


def write_statement(path: Path, entries: list[Entry], before_minor: int, business_date: date) -> Written:
    """Write the statement of a day; ``before_minor`` is the sum of all earlier entries."""
    day = f"{business_date:%Y%m%d}"
    body = "".join(_entry(entry, day, number, business_date) for number, entry in enumerate(entries, 1))
    opening = _OPENING["USD"] + before_minor
    closing = opening + sum(entry.amount_minor for entry in entries)
    statements = [
        _statement("USD", opening, closing, body, business_date),
        _statement("CNY", _OPENING["CNY"], _OPENING["CNY"], "", business_date),
    ]
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>\n'
        f"<GrpHdr><MsgId>STMT{day}</MsgId><CreDtTm>{business_date}T23:59:00Z</CreDtTm></GrpHdr>\n"
        f"{''.join(statements)}</BkToCstmrStmt></Document>\n"
    )
    path.write_text(text, encoding="utf-8")
    return Written(path=path, records=len(entries), controls=f"entries={len(entries)}")


def entry_reference(day: str, number: int) -> str:
    """The bank's reference of an entry."""
    return f"{day}{number:04d}"


def _major(minor: int) -> str:
    return f"{abs(minor) // 100}.{abs(minor) % 100:02d}"


def _direction(minor: int) -> str:
    return "CRDT" if minor >= 0 else "DBIT"


def _statement(currency: str, opening: int, closing: int, entries: str, business_date: date) -> str:
    account = f"SAMPLE-SETTLEMENT-{currency}"
    balances = "".join(
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="{currency}">{_major(amount)}</Amt><CdtDbtInd>{_direction(amount)}</CdtDbtInd>'
        f"<Dt><Dt>{business_date}</Dt></Dt></Bal>"
        for code, amount in (("OPBD", opening), ("CLBD", closing))
    )
    return (
        f"<Stmt><Id>{account}-{business_date:%Y%m%d}</Id><ElctrncSeqNb>{business_date:%j}</ElctrncSeqNb>"
        f"<CreDtTm>{business_date}T23:59:00Z</CreDtTm>"
        f"<Acct><Id><Othr><Id>{account}</Id></Othr></Id><Ccy>{currency}</Ccy></Acct>{balances}\n{entries}</Stmt>\n"
    )


def _entry(entry: Entry, day: str, number: int, business_date: date) -> str:
    reference = entry_reference(day, number)
    return (
        f'<Ntry><NtryRef>{reference}</NtryRef><Amt Ccy="USD">{_major(entry.amount_minor)}</Amt>'
        f"<CdtDbtInd>{_direction(entry.amount_minor)}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>"
        f"<BookgDt><Dt>{business_date}</Dt></BookgDt><ValDt><Dt>{business_date}</Dt></ValDt>"
        f"<AcctSvcrRef>BK{reference}</AcctSvcrRef><BkTxCd><Prtry><Cd>{entry.code}</Cd></Prtry></BkTxCd>"
        f"<NtryDtls><TxDtls><Refs><EndToEndId>{entry.end_to_end_id}</EndToEndId></Refs>"
        f"<RmtInf><Ustrd>{entry.remittance}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n"
    )
