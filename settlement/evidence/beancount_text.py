"""The journal in the language of Beancount, version 3, with every account and commodity told by its own name.

Beancount's names hold letters, digits and dashes, and begin with a capital or a digit. So that two accounts never
become one, and each can be read back (``read_account``), a part of a path is written thus:

    own_store_rate      Own--store--rate     a small first letter before another becomes a capital; ``_`` is ``--``
    C2-RET-COBRAND      C2-RET-COBRAND
    visa#12             Visa-x23-12          what is no letter, digit or dash is its number in hexadecimal digits
    Visa                Z-x56-isa            and so is a first letter that could be misread, behind a Z

The class of an account becomes Beancount's own. Each account says in ``account`` what it is called in the books.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from settlement.errors import TerminalError
from settlement.model.journal import Entry
from settlement.model.money import to_major

_ROOTS: Final = {
    "asset": "Assets",
    "liability": "Liabilities",
    "equity": "Equity",
    "income": "Income",
    "expense": "Expenses",
}
_DIGITS: Final = frozenset("0123456789")
_CAPITALS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_SMALL: Final = frozenset("abcdefghijklmnopqrstuvwxyz")
_PLAIN: Final = _DIGITS | _CAPITALS | _SMALL
_COMMODITY: Final = re.compile(r"[A-Z][A-Z0-9]{0,22}")
_ESCAPED: Final = re.compile(r"-x([0-9a-f]*)-|(--)|(.)", re.DOTALL)


def ledger_text(
    entries: Sequence[Entry],
    clauses: Mapping[str, str],
    last: date,
    totals: Iterable[tuple[str, int, int, int]],
) -> str:
    """Entries in order, each account opened on the night of its first posting, and a control total a currency.

    ``clauses`` are those of entries by their key; ``totals`` are currency, postings, debits and credits in minor units.
    """
    opened: dict[str, date] = {}
    commodities: dict[str, date] = {}
    for entry in entries:
        for posting in entry.postings:
            opened.setdefault(posting.account, entry.business_date)
            commodities.setdefault(posting.currency, entry.business_date)
    lines = [f"{night} commodity {commodity(name)}\n  name: {_quoted(name)}\n" for name, night in commodities.items()]
    lines += [f"{night} open {write_account(name)}\n  account: {_quoted(name)}\n" for name, night in opened.items()]
    lines += [_transaction(entry, clauses.get(entry.key)) for entry in entries]
    for currency, postings, debit, credit in totals:
        sums = f"{_amount(debit, currency)} {_amount(credit, currency)}"
        lines.append(f'{last} custom "control-total" {_quoted(currency)} {postings} {sums}\n')
    return "\n".join(lines)


def _transaction(entry: Entry, clause: str | None) -> str:
    told = {"key": entry.key, "kind": entry.kind, "clause": clause, "corrects": entry.corrects}
    lines = [f"{entry.business_date} * {_quoted(entry.text)}"]
    lines += [f"  {name}: {_quoted(value)}" for name, value in told.items() if value is not None]
    lines += [f"  {write_account(p.account)}  {_amount(p.amount_minor, p.currency)}" for p in entry.postings]
    return "\n".join(lines) + "\n"


def _amount(amount_minor: int, currency: str) -> str:
    """Major units of a currency; other commodities have no parts."""
    return f"{to_major(amount_minor, currency)} {commodity(currency)}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


def commodity(name: str) -> str:
    """A currency or points as Beancount calls them: capitals and digits as they are, else between ``P-`` and ``-P``."""
    if _COMMODITY.fullmatch(name):
        return name
    signs = (sign if sign in _CAPITALS | _DIGITS else f"'{ord(sign):X}'" for sign in name)
    return f"P-{''.join(signs)}-P"


def write_account(account: str) -> str:
    """An account of the books as Beancount calls it; TerminalError where its class is none of the chart's."""
    root, *parts = account.split(":")
    if root not in _ROOTS or not parts:
        raise TerminalError(f"{account!r} has no class that a general ledger knows: {', '.join(_ROOTS)}.")
    return ":".join([_ROOTS[root], *map(_write_part, parts)])


def read_account(name: str) -> str:
    """The account that ``write_account`` wrote."""
    root, *parts = name.split(":")
    roots = {written: told for told, written in _ROOTS.items()}
    return ":".join([roots[root], *map(_read_part, parts)])


def _write_part(text: str) -> str:
    body = _escaped(text)
    first, second = text[:1], text[1:2]
    if first in _SMALL and second in _SMALL:
        return first.upper() + body[1:]
    if (first in _DIGITS or (first in _CAPITALS and second not in _SMALL)) and not body.startswith("Z-x"):
        return body
    return f"Z{_number(first)}{_escaped(text[1:])}"


def _escaped(text: str) -> str:
    return "".join(_sign(sign, text[index + 1 : index + 2]) for index, sign in enumerate(text))


def _sign(sign: str, following: str) -> str:
    if sign in _PLAIN:
        return sign
    if sign == "_":
        return "--"
    # A dash that would be read as the beginning of something else is written as its number.
    alone = not following or (following in _PLAIN and following != "x")
    return "-" if sign == "-" and alone else _number(sign)


def _number(sign: str) -> str:
    return f"-x{ord(sign):x}-" if sign else "-x-"


def _read_part(name: str) -> str:
    if name.startswith("Z-x"):
        return _unescaped(name[1:])
    body = _unescaped(name)
    return body[:1].lower() + body[1:] if body[1:2] in _SMALL and name[1:2] in _SMALL else body


def _unescaped(text: str) -> str:
    def sign(found: re.Match[str]) -> str:
        number, low, plain = found.groups()
        if number is not None:
            return chr(int(number, 16)) if number else ""
        return "_" if low else plain

    return _ESCAPED.sub(sign, text)
