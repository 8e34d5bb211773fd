"""Writes the Visa BASE II style clearing file: records of 168 bytes, three a transaction, with line ends or without."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from settlement.sample.clock import month_days, year_days
from settlement.sample.codes import arns, auth_codes, card_numbers
from settlement.sample.columns import Bytes, Flags, Ints, digits, texts
from settlement.sample.events import day_number
from settlement.sample.world import World
from settlement.sample.written import ROWS_AT_A_TIME, Written

_WIDTH: Final = 168
_TRANSACTION_CODES: Final = {"PURCHASE": 5, "REFUND": 6, "CASH": 7, "CHARGEBACK": 15, "REVERSAL": 25}
_BIN: Final = "400077"
_UNREADABLE: Final = "0000000O12 4"
_MICRO_FOR_A_MINOR: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Totals:
    amount: int
    net_minor: int
    transactions: int


def write_visa(path: Path, bank: pl.DataFrame, world: World, business_date: date, *, line_ends: bool) -> Written:
    """Write the Visa records of ``bank`` in their order; the first is TCR 2 of the file."""
    totals = _totals(bank)
    bank = bank.with_columns(authorised=_authorised())
    end = b"\n" if line_ends else b""
    with path.open("wb") as out:
        out.write(_header(business_date).encode("ascii") + end)
        for start in range(0, len(bank), ROWS_AT_A_TIME):
            out.write(_details(bank[start : start + ROWS_AT_A_TIME], world, business_date, line_ends=line_ends))
        for code, extra in ((91, 1), (92, 2)):
            out.write(trailer(code, extra, totals.amount, totals.transactions, business_date).encode("ascii") + end)
    count = totals.transactions
    controls = (
        f"dest={totals.amount};src={totals.amount};monetary={count};tcr={count * 3 + 2};trans={count + 2};"
        f"net_settlement_minor={totals.net_minor}"
    )
    return Written(path=path, records=count * 3 + 3, controls=controls, net_minor=totals.net_minor)


def _totals(bank: pl.DataFrame) -> _Totals:
    readable = bank.filter(pl.col("bad") != "NON_NUMERIC_AMOUNT")
    sums = {kind: int(readable.filter(pl.col("kind") == kind)["amount"].sum()) for kind in _TRANSACTION_CODES}
    charged, earned = sums["PURCHASE"] + sums["CASH"], sums["PURCHASE"]
    credited = sums["REFUND"] + sums["REVERSAL"] + sums["CHARGEBACK"]
    paid = sums["CASH"] + sums["REFUND"] + sums["REVERSAL"]
    micro = (charged - credited) * _MICRO_FOR_A_MINOR - (earned - paid) * 150
    whole, rest = divmod(abs(micro), _MICRO_FOR_A_MINOR)
    size = whole + (1 if rest * 2 >= _MICRO_FOR_A_MINOR else 0)
    return _Totals(
        amount=int(readable["amount"].sum()), net_minor=size if micro >= 0 else -size, transactions=len(bank)
    )


def _placed(fields: dict[int, str]) -> str:
    """One record from texts by their first position, counted from 1."""
    line = ""
    for position, text in sorted(fields.items()):
        line = line.ljust(position - 1) + text
    return line.ljust(_WIDTH)


def _header(business_date: date) -> str:
    day = f"{business_date:%y%j}"
    return _placed({1: f"90{_BIN}", 9: day, 20: day, 27: "010", 30: "TEST", 77: "001"})


def trailer(code: int, extra: int, amount: int, transactions: int, business_date: date) -> str:
    """TC91 or TC92; ``extra`` are the trailer records counted as TCRs and transactions."""
    return _placed(
        {
            1: f"{code}00{_BIN}{business_date:%y%j}{amount:015d}{transactions:012d}",
            43: f"000001{transactions * 3 + extra:012d}",
            67: f"BATCH001{transactions + extra:09d}",
            102: f"{amount:015d}",
        }
    )


def _details(bank: pl.DataFrame, world: World, business_date: date, *, line_ends: bool) -> bytes:
    rows = len(bank)
    number = {name: bank[name].to_numpy().astype(np.int64) for name in _NUMBERS}
    code = bank["kind"].replace_strict(_TRANSACTION_CODES, return_dtype=pl.Int64).to_numpy()
    content = np.full((rows, 3, _WIDTH + line_ends), ord(" "), dtype=np.uint8)
    if line_ends:
        content[:, :, _WIDTH] = ord("\n")
    for place, tcr in enumerate((0, 1, 5)):
        _put(content[:, place], 1, digits(code * 100 + tcr, 4))
    _put_tcr0(content[:, 0], number, bank, world, business_date)
    _put_tcr1(content[:, 1], number, world)
    _put_tcr5(content[:, 2], number, bank)
    return content.tobytes()


_NUMBERS: Final = (
    *("event", "card", "merchant", "day", "arn", "arn_day", "auth", "amount", "cashback", "life"),
    *("part", "parts", "authorised"),
)


def _put(content: Bytes, position: int, column: Bytes) -> None:
    content[:, position - 1 : position - 1 + column.shape[1]] = column


def _text(content: Bytes, position: int, text: str) -> None:
    content[:, position - 1 : position - 1 + len(text)] = np.frombuffer(text.encode("ascii"), dtype=np.uint8)


def _put_tcr0(content: Bytes, number: dict[str, Ints], bank: pl.DataFrame, world: World, business_date: date) -> None:
    rows, shops, merchant = len(content), world.merchants, number["merchant"]
    _put(content, 5, card_numbers(world, number["card"], (bank["bad"] == "BAD_LUHN").to_numpy()))
    _text(content, 21, "000")
    _put(content, 27, arns(number["arn"], number["arn_day"], np.ones(rows, dtype=np.bool_)))
    _text(content, 50, "40007701")
    _put(content, 58, month_days(number["day"]))
    for position in (62, 77):
        _put(content, position, digits(number["amount"], 12))
        _text(content, position + 12, "840")
    _put(content, 92, texts(shops["name"].to_list(), 25).padded(merchant).content)
    _text(content, 117, "TOWN")
    _text(content, 130, "US ")
    _put(content, 133, digits(shops["mcc"].to_numpy()[merchant], 4))
    _put(content, 137, texts(shops["zip"].to_list(), 5).padded(merchant).content)
    _put(content, 142, texts(shops["state"].to_list(), 3).padded(merchant).content)
    _text(content, 147, "1008")
    _put(content, 152, auth_codes(number["auth"], world.rows).content)
    _text(content, 162, "05")
    _put(content, 164, year_days(np.full(rows, day_number(business_date))))
    _text(content, 168, "A")
    for flag, position, text in (
        ("BAD_DATE", 58, "1332"),
        ("NON_NUMERIC_AMOUNT", 62, _UNREADABLE),
        ("NON_NUMERIC_AMOUNT", 77, _UNREADABLE),
    ):
        _text_where(content, (bank["bad"] == flag).to_numpy(), position, text)
    _text_where(content, (bank["kind"] == "CHARGEBACK").to_numpy(), 148, "83")


def _text_where(content: Bytes, rows: Flags, position: int, text: str) -> None:
    content[rows, position - 1 : position - 1 + len(text)] = np.frombuffer(text.encode("ascii"), dtype=np.uint8)


def _put_tcr1(content: Bytes, number: dict[str, Ints], world: World) -> None:
    merchant = number["merchant"]
    _text(content, 76, "111")
    _put(content, 81, texts(world.merchants["number"].to_list(), 15).padded(merchant).content)
    _text(content, 96, "V")
    _put(content, 97, digits(merchant, 7))
    _text(content, 104, "000000000000")
    _put(content, 158, digits(number["cashback"], 9))


def _put_tcr5(content: Bytes, number: dict[str, Ints], bank: pl.DataFrame) -> None:
    kind = bank["kind"]
    _put(content, 5, digits(number["life"], 15))
    _put(content, 20, digits(number["amount"], 12))
    _text(content, 32, "840")
    _put(content, 45, digits((number["part"] + 1) * 100 + number["parts"], 4))
    _put(content, 50, digits(number["authorised"], 12))
    interchange = np.where((kind == "CHARGEBACK").to_numpy(), 0, number["amount"] * 150)
    _put(content, 92, digits(interchange, 15))
    _text_where(content, (kind == "PURCHASE").to_numpy(), 107, "C")
    _text_where(content, kind.is_in(["CASH", "REFUND", "REVERSAL"]).to_numpy(), 107, "D")
    _text(content, 136, "A")


def _authorised() -> pl.Expr:
    """What was authorised: the sum over the partial clearings of one authorisation, else the amount."""
    total = pl.col("amount").sum().over("event", "copy")
    return pl.when(pl.col("parts") > 1).then(total).otherwise("amount")
