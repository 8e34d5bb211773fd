"""Bank statements in BAI2, version 2: totals and counts re-added for each account, each group and the file.

The reader is the project's own: the kept package ``bai2`` (in tests an independent reader) ends at the first unknown
type code, passes over what follows the trailer and cannot say which bytes went where. Its table of type codes is used
here: a code tells the direction of a transaction, and whether it may stand in one at all.

Amounts are minor units of the account's currency (its group's, else USD). Data of a day that is not over (as-of
modifier 1 or 3) is announced, not booked; a group that deletes or corrects what was sent before is rejected entry by
entry, for nothing here can take an entry back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from bai2.constants import TypeCodeLevel, TypeCodes, TypeCodeTransaction
from pydantic import BaseModel, ConfigDict

from settlement.model.clearing import RejectReason, Why
from settlement.model.layout import read_spec
from settlement.model.money import is_currency
from settlement.parse.bai2_records import Account, File, Group, Record, Token, read_records
from settlement.parse.cards import mask_reference, mask_text
from settlement.parse.source import Parsed, Source
from settlement.parse.statements import (
    Collected,
    Money,
    NotBooked,
    UnreadableError,
    Unusable,
    fault,
)

_SIGNED: Final = re.compile(r"[+-]?[0-9]{0,18}")
_UNSIGNED: Final = re.compile(r"\+?[0-9]{0,18}")
_COUNT: Final = re.compile(r"[0-9]{1,9}")
_TYPE: Final = re.compile(r"[0-9]{3}")
_DAY: Final = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{2})")
_DIRECTIONS: Final = {TypeCodeTransaction.credit: 1, TypeCodeTransaction.debit: -1}
_RANGES: Final = (("100", "399", 1), ("400", "699", -1))
_OPENING, _CLOSING = "010", "015"
_NO_MONEY: Final = "890"
_STATUS: Final = {"1": "update", "2": "deletion", "3": "correction", "4": "test"}
_NOT_FINAL: Final = {"1": "INTERIM PREVIOUS DAY", "3": "INTERIM SAME DAY"}
_TAKING_BACK: Final = ("2", "3")
_MODIFIERS: Final = ("", "1", "2", "3", "4")
_VERSION: Final = "2"


class Bai2Spec(BaseModel):
    """The part of a layout that this format understands.

    ``codes`` gives the code of an entry by its type code, which is the code itself where nothing is said;
    ``directions`` the direction (+1 credit, -1 debit) of the bank's own type codes (900 and above).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoding: str = "latin-1"
    codes: dict[str, str] = {}
    directions: dict[str, Literal[1, -1]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    """What a group says of all of its entries."""

    as_of: date
    status: str
    modifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """An account's number and currency, and its summaries: type code and signed amount."""

    account: str
    currency: str
    summaries: Sequence[tuple[str, int]]


def read(source: Source) -> Parsed:
    """Read one file. Its records are transactions (16), located by their number in the file, from 1."""
    spec = read_spec(source.layout, Bai2Spec)
    found = Collected(source.file)
    try:
        file = read_records(source.content, spec.encoding)
        identity = _identity(file.head)
        groups = [(group, *_group_head(group.head)) for group in file.groups]
        heads = {id(one): _account_head(one.head, currency) for group, _, currency in groups for one in group.accounts}
        _totals(found, file, heads)
    except UnreadableError as error:
        return fault(source, error.why, error.detail)
    for group, day, _ in groups:
        found.days.add(day.as_of)
        for account in group.accounts:
            _take(account, heads[id(account)], day, spec, found)
    test = any(day.status == "4" for _, day, _ in groups)
    return found.parsed(
        source,
        internal_id=identity,
        bytes_=found.byte_count(len(source.content), file.padding),
        mode="T" if test else "P",
    )


def _identity(head: Record) -> str:
    """Sender, date and id of the file; UnreadableError where it is of another version."""
    told = [token.text.strip() for token in head.fields()]
    sender, day, number, version = (_at(told, place) for place in (0, 2, 4, 7))
    if version != _VERSION:
        what = f"it is version {version or 'of no number'} of BAI's format, this layout reads version {_VERSION}"
        raise UnreadableError(Why.UNREADABLE, what)
    return " ".join(mask_reference(part) for part in (sender, day, number) if part)


def _group_head(head: Record) -> tuple[_Day, str]:
    told = [token.text.strip() for token in head.fields()]
    status, text, currency, modifier = (_at(told, place) for place in (2, 3, 5, 6))
    day = _day(text)
    if day is None or status not in _STATUS or modifier not in _MODIFIERS:
        what = "date" if day is None else "status" if status not in _STATUS else "as-of modifier"
        raise UnreadableError(Why.UNREADABLE, f"line {head.line} (record 02) has no {what} that can be read")
    return _Day(as_of=day, status=status, modifier=modifier), currency or "USD"


def _account_head(head: Record, currency: str) -> _Head:
    """Account, currency and summaries of a record 03. Raises UnreadableError naming its line."""
    tokens = head.fields()
    account = tokens[0].text.strip() if tokens else ""
    code = (tokens[1].text.strip() if len(tokens) > 1 else "") or currency
    if not account or not is_currency(code):
        what = f"currency that is known ({code})" if account else "account"
        raise UnreadableError(Why.UNREADABLE, f"line {head.line} (record 03) has no {what}")
    try:
        summaries = tuple(_summaries(tokens[2:]))
    except ValueError as error:
        what = f"line {head.line} (record 03) has a summary that cannot be read ({error})"
        raise UnreadableError(Why.UNREADABLE, what) from None
    return _Head(account=mask_reference(account), currency=code, summaries=summaries)


def _summaries(tokens: Sequence[Token]) -> Iterator[tuple[str, int]]:
    """Type code and signed amount of each summary. Raises ValueError with the field that does not fit."""
    place = 0
    while place < len(tokens):
        code, last = tokens[place].text.strip(), tokens[place].last
        if not code and last:
            # One comma too many at a line's end, as some banks write.
            place += 1
            continue
        amount, count, funds = (_text(tokens, place + step) for step in (1, 2, 3))
        if not code and (amount or count or funds):
            raise ValueError(amount or count or funds)
        for text, pattern in ((code or "000", _TYPE), (amount, _SIGNED), (count or "0", _COUNT)):
            if pattern.fullmatch(text) is None:
                raise ValueError(text)
        if code:
            yield code, int(amount) if amount.strip("+-") else 0
        place += 4 + _availability(tokens, place + 4, funds)


def _availability(tokens: Sequence[Token], place: int, funds: str) -> int:
    """How many fields tell when funds can be used, by their type. Raises ValueError for an unknown one."""
    if funds in {"", "Z", "0", "1", "2"}:
        return 0
    if funds == "S":
        return 3
    if funds == "V":
        return 2
    count = _text(tokens, place)
    if funds != "D" or _COUNT.fullmatch(count) is None:
        raise ValueError(funds if funds != "D" else count)
    return 1 + 2 * int(count)


def _totals(found: Collected, file: File, heads: Mapping[int, _Head]) -> None:
    """Totals and counts of all three levels."""
    lines, total = file.head.lines + file.trailer.lines, 0
    for number, group in enumerate(file.groups, start=1):
        group_lines, group_total = _group_totals(found, f"group {number}", group, heads)
        lines += group_lines
        total += group_total
    _trailer(found, "file", file.trailer, (("total", total), ("groups", len(file.groups)), ("records", lines)))


def _group_totals(found: Collected, name: str, group: Group, heads: Mapping[int, _Head]) -> tuple[int, int]:
    lines, total = group.head.lines + group.trailer.lines, 0
    for number, account in enumerate(group.accounts, start=1):
        own_lines = account.head.lines + account.trailer.lines + sum(entry.lines for entry in account.entries)
        own = sum(amount for _, amount in heads[id(account)].summaries)
        own += sum(_entry_amount(entry) or 0 for entry in account.entries)
        _trailer(found, f"{name} account {number}", account.trailer, (("total", own), ("records", own_lines)))
        lines += own_lines
        total += own
    accounts = len(group.accounts)
    _trailer(found, name, group.trailer, (("total", total), ("accounts", accounts), ("records", lines)))
    return lines, total


def _trailer(found: Collected, name: str, trailer: Record, totals: Sequence[tuple[str, int]]) -> None:
    """What a trailer declares against what was computed. Raises UnreadableError where it declares no number."""
    told = trailer.fields()
    for place, (word, computed) in enumerate(totals):
        text = _text(told, place)
        pattern = _SIGNED if word == "total" else _COUNT
        if pattern.fullmatch(text) is None:
            what = f"line {trailer.line} (record {trailer.code}) has no {word} that can be read"
            raise UnreadableError(Why.UNREADABLE, what)
        found.control(f"{name} {word}", int(text) if text.strip("+-") else 0, computed)


def _take(account: Account, head: _Head, day: _Day, spec: Bai2Spec, found: Collected) -> None:
    """The entries of one account, and its statement."""
    booked = 0
    for entry in account.entries:
        record = found.number()
        told = _row(entry, head, day, spec)
        if isinstance(told, Unusable):
            found.reject(record, told)
            booked += told.money.amount_minor if told.money else 0
        elif isinstance(told, NotBooked):
            found.not_booked(record, told)
        else:
            found.entry(record, {**told[0], "entry_ref": told[0]["bank_ref"] or str(record)})
            booked += told[1].amount_minor
        found.count_bytes(record, entry.size)
    summaries = dict(head.summaries)
    found.statement(
        {
            "account": head.account,
            "currency": head.currency,
            "page": 1,
            "last_page": True,
            "opening_on": day.as_of if _OPENING in summaries else None,
            "opening_minor": summaries.get(_OPENING),
            "closing_on": day.as_of,
            "closing_minor": summaries.get(_CLOSING),
            "entries": len(account.entries),
            "entries_minor": booked,
        }
    )


def _row(
    entry: Record, head: _Head, day: _Day, spec: Bai2Spec
) -> tuple[dict[str, object], Money] | Unusable | NotBooked:
    """One transaction as a row of ``statement_entry``, or why it is none."""
    tokens = entry.fields()
    code, amount = _text(tokens, 0), _entry_amount(entry)
    if code == _NO_MONEY:
        money = Money(amount_minor=0, currency=head.currency)
        return NotBooked(status="NON-MONETARY", reference=None, money=money)
    direction = spec.directions.get(code) or _direction(code)
    if amount is None or direction is None:
        reason = RejectReason.MALFORMED if direction is None else RejectReason.NON_NUMERIC_AMOUNT
        field, place = ("16/type", 0) if direction is None else ("16/amount", 1)
        return Unusable(reason=reason, field=field, text=_text(tokens, place))
    money = Money(amount_minor=direction * amount, currency=head.currency)
    used = _used_by_funds(tokens)
    value_on = _day(_text(tokens, 3)) if _text(tokens, 2) == "V" else day.as_of
    for reason, field, text, wrong in (
        (RejectReason.MALFORMED, "16/funds", _text(tokens, 2), used is None),
        (RejectReason.MALFORMED, "02/status", _STATUS[day.status], day.status in _TAKING_BACK),
        (RejectReason.BAD_DATE, "16/value date", _text(tokens, 3), value_on is None),
    ):
        if wrong:
            return Unusable(reason=reason, field=field, text=text, money=money)
    funds = used or 0
    bank_ref, customer_ref = (_text(tokens, 3 + funds + step) or None for step in range(2))
    if day.modifier in _NOT_FINAL:
        return NotBooked(status=_NOT_FINAL[day.modifier], reference=bank_ref, money=money)
    available = " ".join(filter(None, (_text(tokens, place) for place in range(2, 3 + funds))))
    row: dict[str, object] = {
        "account": head.account,
        "booked_on": day.as_of,
        "value_on": value_on,
        "direction": direction,
        "amount_minor": amount,
        "currency": head.currency,
        "code": spec.codes.get(code, code),
        "end_to_end_id": customer_ref and mask_reference(customer_ref),
        "remittance": _remittance(tokens[5 + funds :]),
        "bank_ref": bank_ref and mask_reference(bank_ref),
        "availability": available or None,
    }
    return row, money


def _direction(code: str) -> int | None:
    """Direction of a transaction by its type code; None where the code is none of a transaction."""
    known = TypeCodes.get(code)
    if known is not None:
        return _DIRECTIONS.get(known.transaction) if known.level is TypeCodeLevel.detail else None
    if _TYPE.fullmatch(code) is None:
        return None
    return next((direction for first, last, direction in _RANGES if first <= code <= last), None)


def _used_by_funds(tokens: Sequence[Token]) -> int | None:
    """How many fields of a transaction tell when funds can be used; None where they cannot be read."""
    try:
        return _availability(tokens, 3, _text(tokens, 2))
    except ValueError:
        return None


def _entry_amount(entry: Record) -> int | None:
    """The unsigned amount of a transaction, 0 where it is left out; None where it is no number."""
    text = _text(entry.fields(), 1)
    if _UNSIGNED.fullmatch(text) is None:
        return None
    return int(text) if text.strip("+") else 0


def _remittance(tokens: Sequence[Token]) -> str | None:
    """The text: what stood between commas of one line belongs together, lines are parted by a blank."""
    text = ""
    for token in tokens:
        text += (" " if token.first else ",") + token.text if text else token.text
    return mask_text(" ".join(text.split())) or None


def _text(tokens: Sequence[Token], place: int) -> str:
    """The field at a place without its blanks; empty where the record ends before."""
    return tokens[place].text.strip() if place < len(tokens) else ""


def _at(texts: Sequence[str], place: int) -> str:
    return texts[place] if place < len(texts) else ""


def _day(text: str) -> date | None:
    """A date YYMMDD of this century."""
    found = _DAY.fullmatch(text)
    try:
        return date(2000 + int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        return None
