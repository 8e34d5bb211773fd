"""Bank account statements: camt.053 of ISO 20022, versions 02 to 13 told by the namespace.

An entry (``Ntry``) is one row, numbered over all statements of the message. The control of a statement is its own
arithmetic: opening balance plus entries gives the closing balance. ``CdtDbtInd`` is the direction of the entry
itself, of a reversal too: ``RvslInd`` only says that it takes back an entry of the other direction.
Documents with a document type or entities are refused before anything in them is resolved.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import polars as pl
from lxml import etree

from settlement.model.clearing import RejectReason, Why
from settlement.model.money import is_currency, to_minor
from settlement.model.tables import TABLES
from settlement.parse.candidates import candidate, shown
from settlement.parse.cards import mask_text
from settlement.parse.source import ControlTotal, Parsed, Source

VERSIONS: Final = ("02", "04", "06", "08", "13")
_NAMESPACE: Final = re.compile(r"urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.([0-9]{2})")
_END: Final = re.compile(rb"</([A-Za-z_][\w.-]*:)?Document\s*>\s*$")
_AMOUNT: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,5})?")
_DAY: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(T.*|Z|[+-][0-9]{2}:[0-9]{2})?")
_COUNT: Final = re.compile(r"[0-9]{1,15}")
_OPENING: Final = ("OPBD", "PRCD")
_CLOSING: Final = ("CLBD",)
_DIRECTIONS: Final = {"CRDT": 1, "DBIT": -1}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Money:
    """A signed amount (+ credit to our account) in minor units."""

    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Balance:
    """A booked balance and its day."""

    money: _Money
    day: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unusable:
    """Why one entry cannot be used."""

    reason: RejectReason
    field: str
    text: str


@dataclass(slots=True, kw_only=True)
class _Found:
    """What the statements of a message gave so far; entries are counted over all of them."""

    entries: int = 0
    rows: list[dict[str, object]] = field(default_factory=list)
    rejects: list[dict[str, object]] = field(default_factory=list)
    controls: list[ControlTotal] = field(default_factory=list)
    days: set[date] = field(default_factory=set)


def read(source: Source) -> Parsed:
    """Read one message. Its records are the entries of all statements, located by their number from 1."""
    root = _root(source)
    if isinstance(root, Parsed):
        return root
    statements = list(_all(root, "BkToCstmrStmt/Stmt"))
    if not statements:
        return _fault(source, Why.UNREADABLE, "it has no statement (BkToCstmrStmt/Stmt)")
    found = _Found()
    for place, statement in enumerate(statements, start=1):
        account = _account(statement)
        opening, closing = _balance(statement, _OPENING), _balance(statement, _CLOSING)
        if account is None or opening is None or closing is None:
            what = "account" if account is None else f"{'opening' if opening is None else 'closing'} balance"
            return _fault(source, Why.UNREADABLE, f"statement {place} has no {what} that can be read")
        _take(statement, f"{place} {account}", account, (opening, closing), found)
    days = sorted(found.days)
    told = days[0] if len(days) == 1 else None
    if told is not None and source.file_date not in {None, told}:
        return _fault(source, Why.UNREADABLE, f"it closes on {told}, its name says {source.file_date}")
    return Parsed(
        sender=source.layout.sender,
        file_date=told or source.file_date,
        internal_id=_text(root, "BkToCstmrStmt/GrpHdr/MsgId"),
        records=found.entries,
        controls=(ControlTotal(control="entries", declared=None, computed=found.entries), *found.controls),
        tables={
            name: candidate(name, source.file, pl.DataFrame(rows, schema=TABLES[f"parsed_{name}"].schema))
            for name, rows in (("statement_entry", found.rows), ("reject", found.rejects))
        },
    )


def _take(
    statement: etree._Element, name: str, account: str, balances: tuple[_Balance, _Balance], found: _Found
) -> None:
    """Take in one statement: its entries, and its closing balance against opening balance plus entries."""
    opening, closing = balances
    total, currency = opening.money.amount_minor, closing.money.currency
    entries = list(_all(statement, "Ntry"))
    for entry in entries:
        found.entries += 1
        row = _entry(entry, account, currency, found.entries)
        if isinstance(row, _Unusable):
            found.rejects.append(_reject(found.entries, row))
            continue
        total += int(str(row["direction"])) * int(str(row["amount_minor"]))
        found.rows.append(row)
    found.controls.append(
        ControlTotal(control=f"closing {name} {currency}", declared=closing.money.amount_minor, computed=total)
    )
    declared = _text(statement, "TxsSummry/TtlNtries/NbOfNtries")
    if declared is not None and _COUNT.fullmatch(declared):
        found.controls.append(
            ControlTotal(control=f"entries {name} {currency}", declared=int(declared), computed=len(entries))
        )
    if closing.day:
        found.days.add(closing.day)


def _fault(source: Source, why: Why, detail: str) -> Parsed:
    sender = source.layout.sender
    sentence = f"The file cannot be used: {detail}. Ask {sender} to send it again."
    return Parsed(sender=sender, file_date=source.file_date, fault=why, detail=sentence)


def _root(source: Source) -> etree._Element | Parsed:
    """The document element; a fault where the content is no camt.053 message or tries to bring entities along."""
    content = bytes(source.content)
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        return _fault(source, Why.UNREADABLE, "it declares a document type or entities, which no statement needs")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        if _END.search(content) is None:
            return _fault(source, Why.TRUNCATED, "it ends before its document does")
        line = getattr(error, "lineno", None)
        return _fault(source, Why.UNREADABLE, f"it is no well-formed XML (line {line})")
    # An encoding that hides the words from the search above does not hide them from the parser.
    if root.getroottree().docinfo.internalDTD is not None or any(True for _ in root.iter(etree.Entity)):
        return _fault(source, Why.UNREADABLE, "it declares a document type or entities, which no statement needs")
    name = etree.QName(root)
    version = _NAMESPACE.fullmatch(name.namespace or "")
    if name.localname != "Document" or version is None or version[1] not in VERSIONS:
        known = ", ".join(VERSIONS)
        return _fault(source, Why.UNREADABLE, f"it is no camt.053 message of one of the versions {known}")
    return root


def _all(element: etree._Element, path: str) -> Iterator[etree._Element]:
    """All elements at a path of local names, in the element's own namespace."""
    namespace = etree.QName(element).namespace
    yield from element.iterfind("/".join(f"{{{namespace}}}{name}" for name in path.split("/")))


def _text(element: etree._Element, path: str) -> str | None:
    """The text at the first such path, without the blanks around it; None where there is none."""
    for found in _all(element, path):
        text = (found.text or "").strip()
        if text:
            return text
    return None


def _first_text(element: etree._Element, *paths: str) -> str | None:
    return next(filter(None, (_text(element, path) for path in paths)), None)


def _account(statement: etree._Element) -> str | None:
    return _first_text(statement, "Acct/Id/IBAN", "Acct/Id/Othr/Id")


def _balance(statement: etree._Element, kinds: tuple[str, ...]) -> _Balance | None:
    for kind in kinds:
        for balance in _all(statement, "Bal"):
            if _text(balance, "Tp/CdOrPrtry/Cd") == kind:
                money = _money(balance)
                if isinstance(money, _Unusable):
                    return None
                return _Balance(money=money, day=_day(_first_text(balance, "Dt/Dt", "Dt/DtTm")))
    return None


def _money(element: etree._Element) -> _Money | _Unusable:
    """The signed amount of a balance or an entry, exact in minor units."""
    amount = next(_all(element, "Amt"), None)
    text = "" if amount is None else (amount.text or "").strip()
    currency = "" if amount is None else str(amount.get("Ccy", ""))
    if not is_currency(currency):
        return _Unusable(reason=RejectReason.UNKNOWN_CURRENCY, field="Ntry/Amt@Ccy", text=currency)
    minor = to_minor(text, currency) if _AMOUNT.fullmatch(text) else None
    if minor is None:
        return _Unusable(reason=RejectReason.NON_NUMERIC_AMOUNT, field="Ntry/Amt", text=text)
    indicator = _text(element, "CdtDbtInd") or ""
    if indicator not in _DIRECTIONS:
        return _Unusable(reason=RejectReason.MALFORMED, field="Ntry/CdtDbtInd", text=indicator)
    return _Money(amount_minor=_DIRECTIONS[indicator] * minor, currency=currency)


def _entry(entry: etree._Element, account: str, currency: str, record: int) -> dict[str, object] | _Unusable:
    """One booked entry as a row of ``statement_entry``, or why it is none."""
    money = _money(entry)
    if isinstance(money, _Unusable):
        return money
    if money.currency != currency:
        return _Unusable(reason=RejectReason.UNKNOWN_CURRENCY, field="Ntry/Amt@Ccy", text=money.currency)
    status = _first_text(entry, "Sts/Cd", "Sts/Prtry", "Sts") or ""
    if status != "BOOK":
        return _Unusable(reason=RejectReason.MALFORMED, field="Ntry/Sts", text=status)
    booked_text = _first_text(entry, "BookgDt/Dt", "BookgDt/DtTm") or ""
    value_text = _first_text(entry, "ValDt/Dt", "ValDt/DtTm") or booked_text
    booked_on, value_on = _day(booked_text), _day(value_text)
    if booked_on is None or value_on is None:
        wrong, text = ("BookgDt", booked_text) if booked_on is None else ("ValDt", value_text)
        return _Unusable(reason=RejectReason.BAD_DATE, field=f"Ntry/{wrong}", text=text)
    code = _text(entry, "BkTxCd/Prtry/Cd") or _domain_code(entry)
    if not code:
        return _Unusable(reason=RejectReason.MALFORMED, field="Ntry/BkTxCd", text="")
    details = list(_all(entry, "NtryDtls/TxDtls"))
    ids = [found for detail in details if (found := _text(detail, "Refs/EndToEndId"))]
    texts = [(line.text or "").strip() for detail in details for line in _all(detail, "RmtInf/Ustrd")]
    return {
        "record": record,
        "account": account,
        "entry_ref": _first_text(entry, "NtryRef", "AcctSvcrRef") or str(record),
        "booked_on": booked_on,
        "value_on": value_on,
        "direction": _DIRECTIONS[_text(entry, "CdtDbtInd") or ""],
        "amount_minor": abs(money.amount_minor),
        "currency": money.currency,
        "code": code,
        # A batch entry has many: then none of them is the entry's.
        "end_to_end_id": ids[0] if len(ids) == 1 else None,
        "remittance": mask_text(" ".join(filter(None, texts))) or None,
    }


def _domain_code(entry: etree._Element) -> str:
    paths = ("BkTxCd/Domn/Cd", "BkTxCd/Domn/Fmly/Cd", "BkTxCd/Domn/Fmly/SubFmlyCd")
    return "/".join(filter(None, (_text(entry, path) for path in paths)))


def _day(text: str | None) -> date | None:
    """The calendar date of a date or date-time as written."""
    found = _DAY.fullmatch(text or "")
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def _reject(record: int, unusable: _Unusable) -> dict[str, object]:
    return {
        "record": record,
        "reason": unusable.reason.value,
        "field": unusable.field,
        "preview": shown(unusable.text),
        "amount_minor": None,
        "currency": None,
    }
