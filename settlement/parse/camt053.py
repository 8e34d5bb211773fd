"""Bank account statements: camt.053 of ISO 20022, versions 02, 04, 06, 08 and 13 told by the namespace.

An entry (``Ntry``) is one row, numbered over all statements of the message; the transactions inside it are rows of
``bank_detail`` and never cash. The control of a statement is its own arithmetic: opening balance plus booked entries
gives the closing balance. The pages of a statement are one statement; where pages are in other files, the sum is
made when all are there (``check``), and this file's controls are its counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from lxml import etree
from pydantic import BaseModel, ConfigDict

from settlement.model.clearing import Why
from settlement.model.layout import read_spec
from settlement.model.money import to_minor
from settlement.parse.camt_entries import COUNT, Booked, day_of, money_at, read_entry
from settlement.parse.iso20022 import CAMT_VERSIONS, Family, Handlers, Node, entry_sizes, node_of, read_message
from settlement.parse.source import Parsed, Source
from settlement.parse.statements import Balance, Collected, NotBooked, UnreadableError, Unusable, fault

FAMILY: Final = Family(message="camt.053", versions=CAMT_VERSIONS, body="BkToCstmrStmt", section="Stmt")
_OPENING: Final = ("OPBD", "PRCD")
_CLOSING: Final = ("CLBD",)
_INTERIM: Final = "ITBD"
_LAST: Final = {"true": True, "1": True, "false": False, "0": False}


class Camt053Spec(BaseModel):
    """The part of a layout that this format understands.

    ``balances = "optional"`` lets in statements without an opening or closing balance, whose sum nothing proves.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    balances: str = "required"


@dataclass(slots=True, kw_only=True)
class _Sums:
    """What the entries of one statement, or of one page, come to."""

    entries: int = 0
    booked_minor: int = 0
    credits: int = 0
    credit_minor: int = 0
    debits: int = 0
    debit_minor: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """What a statement says of itself before its entries."""

    account: str | None
    opening: Balance | None
    closing: Balance | None
    currency: str | None


@dataclass(slots=True, kw_only=True)
class _Page:
    """One page of a statement."""

    place: int
    frame: _Frame
    sums: _Sums
    key: tuple[str | None, ...]
    number: int
    last: bool


@dataclass(slots=True)
class _Reader:
    """Takes the parts of a message as they stream by."""

    found: Collected
    message_id: str | None = None
    paging: tuple[int, bool] = (1, True)
    pages: list[_Page] = field(default_factory=list)
    _frame: _Frame | None = None
    _sums: _Sums = field(default_factory=_Sums)

    def header(self, header: Node) -> None:
        self.message_id = header.told("MsgId")
        self.paging = paging(header, "MsgPgntn") or (1, True)

    def entry(self, entry: Node, statement: etree._Element) -> int:
        if self._frame is None:
            self._frame = _frame(node_of(statement))
        frame, record = self._frame, self.found.number()
        self._sums.entries += 1
        told = read_entry(
            entry,
            account=frame.account or "",
            currency=frame.currency,
            closing=frame.closing.day if frame.closing else None,
            told_by="statement",
        )
        if isinstance(told, NotBooked):
            self.found.not_booked(record, told)
            return record
        if told.money is not None and frame.currency in {None, told.money.currency}:
            _add(self._sums, told.money.amount_minor)
        if isinstance(told, Unusable):
            self._sums.rejected += 1
            self.found.reject(record, told)
            return record
        self._book(record, told)
        return record

    def _book(self, record: int, told: Booked) -> None:
        self.found.entry(record, {**told.row, "entry_ref": told.row["entry_ref"] or str(record)})
        for detail in told.details:
            self.found.detail({**detail, "entry": record})

    def section(self, statement: Node) -> None:
        """A statement at its end; its balances count from here, wherever they stood in it."""
        frame, sums = _frame(statement), self._sums
        self._frame, self._sums = None, _Sums()
        number, last = paging(statement, "StmtPgntn") or self.paging
        sequence = statement.told("ElctrncSeqNb")
        page = _Page(
            place=len(self.pages) + 1,
            frame=frame,
            sums=sums,
            key=(frame.account, frame.currency, sequence or statement.told("Id")),
            number=number,
            last=last,
        )
        self.pages.append(page)
        if frame.account is None:
            return
        opening, closing = frame.opening, frame.closing
        self.found.statement(
            {
                "account": frame.account,
                "statement_id": statement.told("Id"),
                "currency": frame.currency,
                "sequence": whole(sequence),
                "legal_sequence": whole(statement.told("LglSeqNb")),
                "page": number,
                "last_page": last,
                "opening_on": opening.day if opening else None,
                "opening_minor": opening.money.amount_minor if opening else None,
                "closing_on": closing.day if closing else None,
                "closing_minor": closing.money.amount_minor if closing else None,
                "entries": sums.entries,
                "entries_minor": sums.booked_minor,
            }
        )
        if closing and closing.day:
            self.found.days.add(closing.day)
        _summary_controls(self.found, statement, f"{page.place} {frame.account} {frame.currency}", frame, sums)


def read(source: Source) -> Parsed:
    """Read one message. Its records are the entries of all statements, located by their number from 1."""
    spec = read_spec(source.layout, Camt053Spec)
    reader = _Reader(Collected(source.file))
    handlers = Handlers(header=reader.header, entry=reader.entry, section=reader.section)
    try:
        numbers = read_message(source.content, FAMILY, handlers)
        _require_whole(reader.pages, balances=spec.balances != "optional")
    except UnreadableError as error:
        return fault(source, error.why, error.detail)
    _closing_controls(reader.found, reader.pages)
    for record, size in entry_sizes(source.content, numbers):
        reader.found.count_bytes(record, size)
    count = reader.found.byte_count(len(source.content))
    return reader.found.parsed(source, internal_id=reader.message_id, bytes_=count)


def paging(element: Node, name: str) -> tuple[int, bool] | None:
    """Page number and whether it is the last; None where the element tells no pages."""
    number, last = element.told(f"{name}/PgNb"), element.told(f"{name}/LastPgInd")
    page = whole(number)
    return None if page is None else (page, _LAST.get(last or "true", False))


def whole(text: str | None) -> int | None:
    """A whole number of up to 15 digits."""
    return int(text) if text is not None and COUNT.fullmatch(text) else None


def account_of(section: Node) -> str | None:
    """The account of a statement or notification."""
    return section.told("Acct/Id/IBAN", "Acct/Id/Othr/Id")


def _require_whole(pages: list[_Page], *, balances: bool) -> None:
    """Raise UnreadableError where there is no statement, or one without account or balances."""
    if not pages:
        raise UnreadableError(Why.UNREADABLE, "it has no statement (BkToCstmrStmt/Stmt)")
    for page in pages:
        frame = page.frame
        if frame.account is None:
            raise UnreadableError(Why.UNREADABLE, f"statement {page.place} has no account that can be read")
        if balances and (frame.opening is None or frame.closing is None):
            which = "opening" if frame.opening is None else "closing"
            raise UnreadableError(Why.UNREADABLE, f"statement {page.place} has no {which} balance that can be read")
        if frame.opening and frame.closing and frame.opening.money.currency != frame.closing.money.currency:
            codes = f"opens in {frame.opening.money.currency} and closes in {frame.closing.money.currency}"
            raise UnreadableError(Why.CONTROL_TOTAL_MISMATCH, f"statement {page.place} {codes}")


def _closing_controls(found: Collected, pages: list[_Page]) -> None:
    """Opening balance plus entries against the closing balance, over the pages of a statement that are in the file."""
    groups: dict[tuple[str | None, ...], list[_Page]] = {}
    for page in pages:
        key = page.key if (page.number, page.last) != (1, True) else (*page.key, str(page.place))
        groups.setdefault(key, []).append(page)
    for group in groups.values():
        group.sort(key=lambda page: (page.number, page.place))
        first, last = group[0], group[-1]
        name = f"closing {first.place} {first.frame.account} {first.frame.currency}"
        opening, closing = first.frame.opening, last.frame.closing
        if opening is None or closing is None:
            found.control(name, None, sum(page.sums.booked_minor for page in group))
            continue
        computed = opening.money.amount_minor + sum(page.sums.booked_minor for page in group)
        whole_here = [page.number for page in group] == list(range(1, len(group) + 1)) and last.last
        found.control(name, closing.money.amount_minor if whole_here else None, computed)


def _summary_controls(found: Collected, statement: Node, name: str, frame: _Frame, sums: _Sums) -> None:
    """Counts and sums that the statement declares over its entries."""
    known = sums.credits + sums.debits == sums.entries
    for word, element, count, total in (
        ("entries", "TtlNtries", sums.entries, None),
        ("credits", "TtlCdtNtries", sums.credits, sums.credit_minor),
        ("debits", "TtlDbtNtries", sums.debits, sums.debit_minor),
    ):
        declared = whole(statement.told(f"TxsSummry/{element}/NbOfNtries"))
        # What is announced or cannot be read has no side here: then only the count of all is certain.
        if declared is not None and (known or total is None):
            found.control(f"{word} {name}", declared, count)
        text = statement.told(f"TxsSummry/{element}/Sum")
        minor = None if text is None or frame.currency is None else to_minor(text, frame.currency)
        if minor is not None and total is not None and known:
            found.control(f"sum of {word} {name}", minor, total)


def _add(sums: _Sums, amount_minor: int) -> None:
    sums.booked_minor += amount_minor
    if amount_minor >= 0:
        sums.credits += 1
        sums.credit_minor += amount_minor
    else:
        sums.debits += 1
        sums.debit_minor -= amount_minor


def _frame(statement: Node) -> _Frame:
    """Account and booked balances. Interim booked balances stand in for those of a page in the middle."""
    balances = statement.every("Bal")
    interim = [balance for balance in balances if balance.told("Tp/CdOrPrtry/Cd") == _INTERIM]
    opening = _of_kinds(balances, _OPENING)
    if opening is None and interim:
        opening = interim[0]
    closing = _of_kinds(balances, _CLOSING)
    if closing is None and interim and interim[-1] is not opening:
        closing = interim[-1]
    told = [_balance(balance) for balance in (opening, closing)]
    codes = [one.money.currency for one in reversed(told) if one is not None]
    return _Frame(
        account=account_of(statement),
        opening=told[0],
        closing=told[1],
        currency=codes[0] if codes else statement.told("Acct/Ccy"),
    )


def _of_kinds(balances: Sequence[Node], kinds: tuple[str, ...]) -> Node | None:
    for kind in kinds:
        for balance in balances:
            if balance.told("Tp/CdOrPrtry/Cd") == kind:
                return balance
    return None


def _balance(balance: Node | None) -> Balance | None:
    money = None if balance is None else money_at(balance, "Bal")
    if balance is None or money is None or isinstance(money, Unusable):
        return None
    return Balance(money=money, day=day_of(balance.told("Dt/Dt", "Dt/DtTm")))
