"""Writes the Mastercard-style clearing file: EBCDIC messages with a binary bitmap, in blocks of 1,014.

The encoder stands alone: nothing of the parser is used, so that each can be tested against the other.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from settlement.sample.clock import clock_digits, short_dates
from settlement.sample.codes import arns, auth_codes, card_numbers
from settlement.sample.columns import Bytes, Column, Flags, Ints, digits, fixed, joined, optional, texts, with_length
from settlement.sample.events import JPY, KWD, Rates
from settlement.sample.world import World
from settlement.sample.written import ROWS_AT_A_TIME, Blocks, Written

_EBCDIC: Final = np.frombuffer(bytes(range(256)).decode("latin-1").encode("cp500"), dtype=np.uint8)
_PROCESSOR: Final = "00000777001"
_ISSUER: Final = "555550"
_NETWORK: Final = "777001"
_PROCESSING: Final = {"PURCHASE": 0, "CASH": 10_000, "REFUND": 200_000, "REVERSAL": 0, "CHARGEBACK": 0}
_DE: Final = (2, 3, 4, 5, 6, 9, 10, 12, 22, 24, 26, 31, 32, 33, 37, 38, 41, 43, 48, 49, 50, 51, 63, 71, 93, 94)
_VARIABLE: Final = {2: 2, 31: 2, 32: 2, 33: 2, 43: 2, 48: 3, 54: 3, 63: 3, 72: 3, 93: 2, 94: 2}
_FEES: Final = ((190_000, 12_000, "NETWORK ACCESS FEE"), (290_000, 3_300, "FEE CORRECTION"))


def totals_of(bank: pl.DataFrame) -> pl.DataFrame:
    """``bank`` with direction (+1 the issuer pays) and fee (interchange in USD minor units, + the issuer earns)."""
    kind = pl.col("kind")
    fee = (pl.col("amount") * 15 + 500) // 1000
    return bank.with_columns(
        direction=pl.when(kind.is_in(["PURCHASE", "CASH"])).then(1).otherwise(-1),
        fee=pl.when(kind == "PURCHASE").then(fee).when(kind == "CHARGEBACK").then(0).otherwise(-fee),
    )


def write_ipm(path: Path, bank: pl.DataFrame, world: World, rates: Rates, business_date: date) -> Written:
    """Write the Mastercard records of ``bank``, in their order, as messages 2 and on."""
    bank = totals_of(bank)
    file_id = f"001{business_date:%y%m%d}{_PROCESSOR}00001"
    charged = [amount + business_date.day for _, amount, _ in _FEES]
    with Blocks(path) as out:
        out.write(message("1644", {24: "697", 48: pds({"0105": file_id, "0122": "T"}), 71: f"{1:08d}"}))
        for start in range(0, len(bank), ROWS_AT_A_TIME):
            out.write(_details(bank[start : start + ROWS_AT_A_TIME], world, rates, start + 2))
        number = len(bank) + 2
        for (processing, _, text), amount in zip(_FEES, charged, strict=True):
            out.write(message("1740", _fee_elements(processing, amount, text, number)))
            number += 1
        for currency, totals in sorted(bank.group_by("currency"), key=lambda group: group[0]):
            elements = {
                24: "685",
                48: _position(file_id, totals),
                49: f"{currency[0]:03d}",
                50: "840",
                71: f"{number:08d}",
            }
            out.write(message("1644", elements))
            number += 1
        checksum = int(bank["foreign"].sum()) + sum(charged)
        trailer = pds({"0105": file_id, "0301": f"{checksum:016d}", "0306": f"{number:08d}"})
        out.write(message("1644", {24: "695", 48: trailer, 71: f"{number:08d}"}))
        out.write(bytes(4))
    net = int((bank["amount"] * bank["direction"] - bank["fee"]).sum()) + charged[0] - charged[1]
    controls = f"PDS0301={checksum};PDS0306={number};net_settlement_minor={net}"
    return Written(path=path, records=number, controls=controls, net_minor=net)


def message(mti: str, elements: dict[int, str]) -> bytes:
    """One message with its four-byte length; lengths of variable elements are put before them."""
    bitmap = 1 << 127
    content = ""
    for element, value in sorted(elements.items()):
        bitmap |= 1 << (128 - element)
        width = _VARIABLE.get(element)
        content += value if width is None else f"{len(value):0{width}d}{value}"
    whole = mti.encode("cp500") + bitmap.to_bytes(16, "big") + content.encode("cp500")
    return len(whole).to_bytes(4, "big") + whole


def pds(values: dict[str, str]) -> str:
    """Private data: tag, length and value, one after the other."""
    return "".join(f"{tag}{len(value):03d}{value}" for tag, value in values.items())


def _fee_elements(processing: int, amount: int, text: str, number: int) -> dict[int, str]:
    reference = pds({"0137": f"{number:020d}"})
    both = {4: f"{amount:012d}", 5: f"{amount:012d}", 49: "840", 50: "840"}
    ids = {33: _ISSUER, 93: _NETWORK, 94: _ISSUER}
    rest = {3: f"{processing:06d}", 24: "700", 25: "7600", 48: reference, 71: f"{number:08d}", 72: text}
    return both | ids | rest


def _position(file_id: str, totals: pl.DataFrame) -> str:
    """The private data of a financial position: what the details of one transaction currency add up to."""
    debit, credit = totals.filter(pl.col("direction") == 1), totals.filter(pl.col("direction") == -1)
    sums: dict[str, str] = {}
    for tags, column in ((("0380", "0381", "0384"), "foreign"), (("0390", "0391", "0394"), "amount")):
        charged, credited = int(debit[column].sum()), int(credit[column].sum())
        net = charged - credited
        sums |= {tags[0]: f"D{charged:016d}", tags[1]: f"C{credited:016d}", tags[2]: _signed(net)}
    fees = int(totals["fee"].sum())
    return pds(
        {
            "0300": file_id,
            **sums,
            "0395": _signed(-fees),
            "0396": _signed(net - fees),
            "0400": f"{len(debit):010d}",
            "0401": f"{len(credit):010d}",
            "0402": f"{len(totals):010d}",
        }
    )


def _signed(value: int) -> str:
    return f"{'C' if value < 0 else 'D'}{abs(value):016d}"


def _details(bank: pl.DataFrame, world: World, rates: Rates, first: int) -> bytes:
    """Detail messages with the numbers ``first`` and on, as bytes with their lengths."""
    rows = len(bank)
    number = {name: bank[name].to_numpy().astype(np.int64) for name in _NUMBERS}
    kind, bad = bank["kind"], bank["bad"]
    flags = {
        "charged_back": (kind == "CHARGEBACK").to_numpy(),
        "reversed": (kind == "REVERSAL").to_numpy(),
        "cashback": (bank["cashback"] > 0).to_numpy(),
        "bad_date": (bad == "BAD_DATE").to_numpy(),
        "bad_luhn": (bad == "BAD_LUHN").to_numpy(),
        "numbered": (world.merchants["number"] != "").to_numpy()[number["merchant"]],
    }
    processing = kind.replace_strict(_PROCESSING, return_dtype=pl.Int64).to_numpy()
    processing = np.where(flags["cashback"], 90_000, processing)
    head = joined([fixed("1", rows), Column(content=digits(np.where(flags["charged_back"], 442, 240), 3))])
    body = joined(
        [
            *_first_elements(number, flags, world, rates, processing),
            *_last_elements(number, flags, world, processing, first),
        ]
    )
    content = joined([head, body])
    counts = np.ones(content.content.shape, dtype=np.bool_) if content.counts is None else content.counts
    length = counts.sum(axis=1) + 16
    size = np.ascontiguousarray(length.astype(">u4")).view(np.uint8).reshape(rows, 4)
    text = _EBCDIC[content.content]
    whole = np.hstack([size, text[:, :4], _bitmaps(rows, flags), text[:, 4:]])
    always = np.ones((rows, 16), dtype=np.bool_)
    mask = np.hstack([always[:, :4], counts[:, :4], always, counts[:, 4:]])
    return bytes(whole[mask].tobytes())


_NUMBERS: Final = (
    *("event", "card", "merchant", "day", "second", "arn", "arn_day", "auth", "amount", "cashback", "currency"),
    *("foreign", "life", "fee"),
)


def _bitmaps(rows: int, flags: dict[str, Flags]) -> Bytes:
    base = np.zeros((rows, 128), dtype=np.uint8)
    base[:, 0] = 1
    base[:, [element - 1 for element in _DE]] = 1
    for element, flag in ((25, "charged_back"), (30, "charged_back"), (42, "numbered"), (54, "cashback")):
        base[:, element - 1] = flags[flag]
    return np.packbits(base, axis=1)


def _first_elements(
    number: dict[str, Ints], flags: dict[str, Flags], world: World, rates: Rates, processing: Ints
) -> list[Column]:
    """Elements 2 to 38."""
    rows = len(processing)
    amount, foreign, currency = number["amount"], number["foreign"], number["currency"]
    choices = [70_000_000 + rates.jpy, 60_000_000 + rates.kwd]
    rate = np.select([currency == JPY, currency == KWD], choices, 61_000_000)
    back = flags["charged_back"]
    return [
        with_length(Column(content=card_numbers(world, number["card"], flags["bad_luhn"])), 2),
        Column(content=digits(processing, 6)),
        *(Column(content=digits(value, 12)) for value in (foreign, amount, amount)),
        *(Column(content=digits(rate, 8)) for _ in range(2)),
        Column(content=_local_times(number["day"], number["second"], flags["bad_date"])),
        fixed("51010151134C", rows),
        Column(content=digits(np.where(back, 450, 200), 3)),
        optional(fixed("4837", rows), back),
        Column(content=digits(world.merchants["mcc"].to_numpy()[number["merchant"]], 4)),
        *(optional(Column(content=digits(value, 12)), back) for value in (foreign, amount)),
        with_length(Column(content=arns(number["arn"], number["arn_day"], np.zeros(rows, dtype=np.bool_))), 2),
        *(with_length(fixed(_ISSUER, rows), 2) for _ in range(2)),
        Column(content=digits(number["life"] % 10**12, 12)),
        auth_codes(number["auth"], world.rows),
    ]


def _last_elements(
    number: dict[str, Ints], flags: dict[str, Flags], world: World, processing: Ints, first: int
) -> list[Column]:
    """Elements 41 to 94."""
    rows = len(processing)
    merchant, currency = number["merchant"], number["currency"]
    merchant_numbers = texts(world.merchants["number"].to_list(), 15)
    return [
        fixed("T", rows),
        Column(content=digits(merchant, 7)),
        optional(merchant_numbers.padded(merchant), flags["numbered"]),
        with_length(_name_and_place(merchant, currency, world), 2),
        with_length(_private(number, flags, processing), 3),
        Column(content=digits(currency, 3)),
        *(fixed("840", rows) for _ in range(2)),
        optional(
            joined([fixed("0200040840D", rows), Column(content=digits(number["cashback"], 12))]), flags["cashback"]
        ),
        with_length(Column(content=digits(10**15 + number["life"], 16)), 3),
        Column(content=digits(np.arange(first, first + rows), 8)),
        with_length(fixed(_NETWORK, rows), 2),
        with_length(fixed(_ISSUER, rows), 2),
    ]


def _name_and_place(merchant: Ints, currency: Ints, world: World) -> Column:
    shops = world.merchants
    rows = len(merchant)
    names = texts(shops["name"].to_list(), 22)
    places = texts([f"{row['zip']:<10}{row['state']:<3}" for row in shops.iter_rows(named=True)], 13)
    countries = texts(["USA", "JPN", "KWT"], 3)
    country = np.where(currency == JPY, 1, np.where(currency == KWD, 2, 0))
    middle = fixed("\\STREET\\TOWN\\", rows)
    return joined([names.at(merchant), middle, places.padded(merchant), countries.padded(country)])


def _private(number: dict[str, Ints], flags: dict[str, Flags], processing: Ints) -> Column:
    """Element 48: reversal, interchange and exponent."""
    rows = len(processing)
    currency, fee = number["currency"], np.abs(number["fee"])
    exponent = np.where(currency == JPY, 0, np.where(currency == KWD, 3, 2))
    day = short_dates(number["arn_day"])
    return joined(
        [
            optional(joined([fixed("0025007R", rows), Column(content=day)]), flags["reversed"]),
            fixed("014603600", rows),
            Column(content=digits(processing // 10_000, 2)),
            fixed("00", rows),
            Column(content=digits(currency, 3)),
            Column(content=digits(fee, 12)),
            fixed("840", rows),
            Column(content=digits(fee, 12)),
            fixed("0148004", rows),
            Column(content=digits(currency, 3)),
            Column(content=digits(exponent, 1)),
        ]
    )


def _local_times(days: Ints, seconds: Ints, impossible: Flags) -> Bytes:
    """YYMMDDhhmmss; a day that no month has where ``impossible``."""
    dates = short_dates(days)
    dates[impossible, 2:] = np.frombuffer(b"1332", dtype=np.uint8)
    return np.hstack([dates, clock_digits(seconds)])
