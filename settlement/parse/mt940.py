"""Bank account statements in SWIFT's MT940, alone or many in a file, in one page or several.

Fields are taken apart by the grammar of the kept package ``mt-940`` (its dialects are named in the layout), each one
whole: the package's own parser passes over lines it does not know and over what follows a balance, and it writes what
it cannot read to the log. Which line belongs to which field is decided in ``mt940_lines``. Each message proves itself:
opening balance plus entries gives the closing balance, of a page as of a statement.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from mt940 import tags
from pydantic import BaseModel, ConfigDict

from settlement.model.clearing import RejectReason, Why
from settlement.model.layout import read_spec
from settlement.parse.cards import mask_reference, mask_text
from settlement.parse.mt940_lines import Field, Message, read_lines
from settlement.parse.mt940_text import Told, plain, read_text
from settlement.parse.source import Parsed, Source
from settlement.parse.statements import (
    Balance,
    Collected,
    Money,
    UnreadableError,
    Unusable,
    fault,
    money_of,
)

_AMOUNT: Final = re.compile(r"[0-9]{1,15}(,[0-9]*)?")
_NUMBER: Final = re.compile(r"0*([0-9]{1,15})(/([0-9]{1,7}))?")
_DIRECTIONS: Final = {"C": 1, "RD": 1, "D": -1, "RC": -1}
_OPENING: Final = ("60F", "60M", "60")
_CLOSING: Final = ("62F", "62M", "62")
_TEXTS: Final = ("86", "NS")
_NO_REFERENCE: Final = ("NONREF", "NOTPROVIDED", "KREF+", "EREF+", "NREF", "")
Dialect = Literal["swift", "gls", "asn"]
_DIALECTS: Final[Mapping[str, tags.Statement]] = {
    "swift": tags.Statement(),
    "asn": tags.StatementASNB(),
    "gls": tags.StatementGLS(),
}
_BALANCE: Final = tags.FinalOpeningBalance()
_SUMS: Final = tags.SumEntries()


class Mt940Spec(BaseModel):
    """The part of a layout that this format understands.

    ``dialects`` are the grammars of a statement line; the first that takes a line whole is the line's. ``codes``
    gives the code of an entry by the business code of its text (three digits) or by its type (such as ``NTRF``); a
    type without an entry is the code itself. ``end_line = "optional"`` is for banks that never mark the end of a
    message: a file cut between two fields after the last balance then goes unnoticed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dialects: list[Dialect] = ["swift", "gls", "asn"]
    encodings: list[str] = ["utf-8", "latin-1"]
    end_line: Literal["required", "optional"] = "required"
    codes: dict[str, str] = {}


@dataclass(slots=True, kw_only=True)
class _Entry:
    """A statement line with the texts that follow it."""

    line: Field
    texts: list[Field]

    @property
    def size(self) -> int:
        return self.line.size + sum(text.size for text in self.texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statement:
    """One message, its fields in their places."""

    place: int
    account: str
    reference: str
    number: int | None
    page: int
    last: bool
    opening: Balance
    closing: Balance
    closing_day: date
    entries: Sequence[_Entry]
    sums: Sequence[Field]


def read(source: Source) -> Parsed:
    """Read one file. Its records are statement lines (field 61), located by their number over all messages, from 1."""
    spec = read_spec(source.layout, Mt940Spec)
    found = Collected(source.file)
    try:
        lines = read_lines(source.content, spec.encodings)
        statements = [_statement(place, message) for place, message in enumerate(lines.messages, start=1)]
        _require_ends(lines.messages, spec)
    except UnreadableError as error:
        return fault(source, error.why, error.detail)
    for statement in statements:
        _take(statement, spec, found)
    first = statements[0]
    return found.parsed(
        source,
        internal_id=f"{first.reference} {first.number or 0}/{first.page}",
        bytes_=found.byte_count(len(source.content), lines.padding),
    )


def _require_ends(messages: Sequence[Message], spec: Mt940Spec) -> None:
    """Raise UnreadableError where the last message lacks its end, and so perhaps more."""
    last = messages[-1]
    if last.ended:
        return
    if spec.end_line == "required" or any(message.ended for message in messages):
        what = (
            "it ends without the line that ends a message (- or -}); where the bank never writes one, its layout says "
            'so with `end_line = "optional"`'
        )
        raise UnreadableError(Why.TRUNCATED, what)


def _statement(place: int, message: Message) -> _Statement:
    """The fields of a message in their places. Raises UnreadableError naming the line that has none."""
    heads: dict[str, Field] = {}
    entries: list[_Entry] = []
    sums: list[Field] = []
    for one in message.fields:
        closed = any(tag in heads for tag in _CLOSING)
        if one.tag == "61" and not closed and any(tag in heads for tag in _OPENING):
            entries.append(_Entry(line=one, texts=[]))
        elif one.tag in _TEXTS:
            # Texts after the closing balance and before the first line are the statement's.
            if entries and not closed:
                entries[-1].texts.append(one)
        elif one.tag in {"90C", "90D"}:
            sums.append(one)
        elif one.tag in {"64", "65", "34F"}:
            _require(_BALANCE if one.tag != "34F" else tags.FloorLimitIndicator(), one)
        elif one.tag == "61" or one.tag in heads:
            raise UnreadableError(Why.UNREADABLE, f"line {one.line} (:{one.tag}:) stands where it cannot belong")
        else:
            heads[one.tag] = one
    return _placed(place, heads, entries, sums)


def _placed(place: int, heads: Mapping[str, Field], entries: Sequence[_Entry], sums: Sequence[Field]) -> _Statement:
    account = _head(heads, ("25", "25P"))
    if account is None or not account.value:
        raise UnreadableError(Why.UNREADABLE, f"message {place} has no account (:25:)")
    opening, closing = _head(heads, _OPENING), _head(heads, _CLOSING)
    if opening is None or closing is None:
        which = "opening balance (:60F:)" if opening is None else "closing balance (:62F:)"
        # A message that ends before its closing balance has been cut, or is an interim report.
        raise UnreadableError(Why.TRUNCATED, f"message {place} has no {which}")
    number = _head(heads, ("28C", "28"))
    told = _NUMBER.fullmatch(number.value) if number is not None else None
    if number is not None and told is None:
        raise UnreadableError(Why.UNREADABLE, f"line {number.line} is no statement number (:28C:)")
    (before, _), (after, closing_day) = _balance(opening), _balance(closing)
    if before.money.currency != after.money.currency:
        codes = f"opens in {before.money.currency} and closes in {after.money.currency}"
        raise UnreadableError(Why.CONTROL_TOTAL_MISMATCH, f"message {place} {codes}")
    return _Statement(
        place=place,
        account=mask_reference(account.value.split("\n")[0].strip()),
        reference=heads["20"].value,
        # Number 0 means that the bank does not count.
        number=int(told[1]) or None if told else None,
        page=max(int(told[3] or 1), 1) if told else 1,
        last=closing.tag != "62M",
        opening=before,
        closing=after,
        closing_day=closing_day,
        entries=entries,
        sums=sums,
    )


def _head(heads: Mapping[str, Field], tags_: Sequence[str]) -> Field | None:
    return next((heads[tag] for tag in tags_ if tag in heads), None)


def _require(tag: tags.Tag, one: Field) -> re.Match[str]:
    """The field taken apart by the package's grammar, to its last character."""
    found = tag.re.match(one.value)
    if found is None or found.end() != len(one.value):
        raise UnreadableError(Why.UNREADABLE, f"line {one.line} (:{one.tag}:) cannot be read")
    return found


def _balance(one: Field) -> tuple[Balance, date]:
    """A balance and its day."""
    parts = _require(_BALANCE, one)
    money = _money(parts["amount"], parts["currency"].upper(), _DIRECTIONS[parts["status"].upper()])
    day = _date(2000 + int(parts["year"]), int(parts["month"]), int(parts["day"]))
    if isinstance(money, Unusable) or day is None:
        raise UnreadableError(Why.UNREADABLE, f"line {one.line} (:{one.tag}:) is no balance with a date and a currency")
    return Balance(money=money, day=day), day


def _take(statement: _Statement, spec: Mt940Spec, found: Collected) -> None:
    """The entries of one message, and what they come to against its balances."""
    currency = statement.closing.money.currency
    counts, sums = {"C": 0, "D": 0}, {"C": 0, "D": 0}
    for entry in statement.entries:
        record = found.number()
        told = _row(entry, statement, currency, spec)
        money = told.money if isinstance(told, Unusable) else told[1]
        if isinstance(told, Unusable):
            found.reject(record, told)
        else:
            found.entry(record, {**told[0], "entry_ref": told[0]["bank_ref"] or str(record)})
        found.count_bytes(record, entry.size)
        if money is not None:
            side = "C" if money.amount_minor >= 0 else "D"
            counts[side] += 1
            sums[side] += abs(money.amount_minor)
    name = f"{statement.place} {statement.account} {currency}"
    opening, closing = statement.opening, statement.closing
    booked = sums["C"] - sums["D"]
    found.control(f"closing {name}", closing.money.amount_minor, opening.money.amount_minor + booked)
    for one in statement.sums:
        parts = _SUMS.re.fullmatch(one.value)
        declared = None if parts is None else _money(parts["amount"], parts["currency"].upper(), 1)
        side = one.tag[-1]
        if parts is not None and isinstance(declared, Money):
            found.control(f"count {side} {name}", int(parts["number"] or 0), counts[side])
            found.control(f"sum {side} {name}", declared.amount_minor, sums[side])
        else:
            found.control(f"sum {side} {name}", -1, sums[side])
    found.days.add(statement.closing_day)
    found.statement(
        {
            "account": statement.account,
            "statement_id": mask_reference(statement.reference),
            "currency": currency,
            "sequence": statement.number,
            "page": statement.page,
            "last_page": statement.last,
            "opening_on": opening.day,
            "opening_minor": opening.money.amount_minor,
            "closing_on": closing.day,
            "closing_minor": closing.money.amount_minor,
            "entries": len(statement.entries),
            "entries_minor": booked,
        }
    )


def _row(
    entry: _Entry, statement: _Statement, currency: str, spec: Mt940Spec
) -> tuple[dict[str, object], Money] | Unusable:
    """One statement line as a row of ``statement_entry``, or why it is none."""
    line = entry.line.value
    parts = next(filter(None, (_DIALECTS[dialect].re.fullmatch(line) for dialect in spec.dialects)), None)
    if parts is None:
        return Unusable(reason=RejectReason.MALFORMED, field="61", text=line)
    mark = parts["status"].upper()
    if mark not in _DIRECTIONS:
        return Unusable(reason=RejectReason.MALFORMED, field="61/mark", text=mark)
    money = _money(parts["amount"], currency, _DIRECTIONS[mark])
    if isinstance(money, Unusable):
        return money
    days = _days(parts, statement.closing_day)
    if days is None:
        return Unusable(reason=RejectReason.BAD_DATE, field="61/date", text=line[:10], money=money)
    told = _text(entry, parts["extra_details"])
    kind = (parts["id"] or "").strip().upper()
    code = spec.codes.get(told.business_code or "") or spec.codes.get(kind) or kind or told.business_code
    if not code:
        return Unusable(reason=RejectReason.MALFORMED, field="61/type", text="", money=money)
    customer = (parts["customer_reference"] or "").strip()
    bank = (parts["bank_reference"] or "").strip()
    end_to_end = told.end_to_end_id or (None if customer.upper() in _NO_REFERENCE else customer)
    row: dict[str, object] = {
        "account": statement.account,
        "booked_on": days[1],
        "value_on": days[0],
        "direction": _DIRECTIONS[mark],
        "amount_minor": abs(money.amount_minor),
        "currency": currency,
        "code": code,
        "end_to_end_id": end_to_end and mask_reference(end_to_end),
        "remittance": told.remittance and mask_text(told.remittance),
        "bank_ref": mask_reference(bank) if bank.upper() not in _NO_REFERENCE else None,
        "reversal": mark in {"RC", "RD"},
    }
    return row, money


def _text(entry: _Entry, extra: str | None) -> Told:
    """What the texts of an entry tell; its own second line where it has none."""
    lines = [line for text in entry.texts if text.tag == "86" for line in text.lines]
    told = read_text(lines)
    if any(line.strip() for line in lines):
        return told
    others = [line for text in entry.texts for line in text.lines]
    return Told(remittance=plain([extra or "", *others]) or None)


def _days(parts: re.Match[str], closing: date) -> tuple[date, date] | None:
    """Value date and entry date; None where one of them is no date.

    An entry date has no year: it is the day nearest to the statement's closing, for entries are stated when they are
    booked. (The package takes the year of the value date, which may lie far from it.)
    """
    value = _date(2000 + int(parts["year"]), int(parts["month"]), int(parts["day"]))
    if value is None:
        return None
    month, day = ((parts[name] or "").strip() for name in ("entry_month", "entry_day"))
    if not month or not day:
        # Four blanks stand for no entry date.
        return value, value
    near = [found for year in (-1, 0, 1) if (found := _date(closing.year + year, int(month), int(day)))]
    return (value, min(near, key=lambda found: abs(found - closing))) if near else None


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _money(text: str, currency: str, sign: int) -> Money | Unusable:
    """An amount with its decimal comma."""
    if _AMOUNT.fullmatch(text) is None:
        return Unusable(reason=RejectReason.NON_NUMERIC_AMOUNT, field="61/amount", text=text)
    return money_of(text.replace(",", ".").removesuffix("."), currency, sign, "61/amount")
