"""Copies of a good file as they are delivered: whole, cut short, with a wrong total, or with other content."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from settlement.sample.faults import Form

_KEPT_PERCENT: Final = 57
_WRONG_BY: Final = 100
_TCR: Final = 168
_AMOUNT_AT: Final = 15
_DETAIL_AT: Final = 184
"""Bytes before the approval code in a presentment, its length included."""
_CHARGEBACK_MORE: Final = 28
"""A chargeback has elements 25 and 30 before it."""


def make_copy(source: Path, copy: Path, form: Form) -> None:
    """Write a copy of ``source`` in the given form; the form decides what kind of file it must be.

    A wrong total is put into the last record (a Visa file or the retailer's capture), an alteration into the first
    approval code of a Mastercard file, where it leaves all totals right.
    """
    shutil.copyfile(source, copy)
    if form is Form.TRUNCATED:
        _cut(copy)
    elif form is Form.WRONG_TOTAL:
        _falsify(copy)
    elif form is Form.ALTERED:
        _alter(copy)


def _cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(0, 2)
        # An odd byte more or less: the cut never falls between two records.
        file.truncate(file.tell() * _KEPT_PERCENT // 100 // _TCR * _TCR - 1)


def _falsify(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(0, 2)
        start = max(file.tell() - _TCR - 1, 0)
        file.seek(start)
        tail = file.read()
        kept, record = (tail[: tail.rindex(b"T;")], tail[tail.rindex(b"T;") :]) if b"T;" in tail else _last_tcr(tail)
        file.seek(start)
        file.truncate()
        file.write(kept + _with_more(record))


def _last_tcr(tail: bytes) -> tuple[bytes, bytes]:
    at = tail.rindex(b"9200")
    return tail[:at], tail[at:]


def _with_more(record: bytes) -> bytes:
    """The trailer with a greater debit or destination amount."""
    if record.startswith(b"T;"):
        kind, count, debit, credit = record.decode("ascii").split(";")
        return ";".join([kind, count, str(int(debit) + _WRONG_BY), credit]).encode("ascii")
    amount = int(record[_AMOUNT_AT : _AMOUNT_AT + 15]) + _WRONG_BY
    return record[:_AMOUNT_AT] + f"{amount:015d}".encode("ascii") + record[_AMOUNT_AT + 15 :]


def _alter(path: Path) -> None:
    with path.open("r+b") as file:
        head = file.read(1012)
        first = int.from_bytes(head[:4], "big") + 4
        mti = head[first + 4 : first + 8].decode("cp500")
        at = first + _DETAIL_AT + (_CHARGEBACK_MORE if mti == "1442" else 0) + 5
        file.seek(at)
        file.write(("X" if head[at : at + 1].decode("cp500") != "X" else "Y").encode("cp500"))
