"""Writes the two merchant-side files: the retailer's capture of its stores and the acquirer's settlement details."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from settlement.sample.clock import DAY_SECONDS, HOME_ZONE, acquirer_times, iso_times, utc_offsets
from settlement.sample.codes import (
    arns,
    auth_codes,
    is_visa,
    masked_cards,
    modification_references,
    order_ids,
    psp_references,
)
from settlement.sample.columns import Column, Flags, Ints, digits, fixed, joined, major, optional, pack, plain, texts
from settlement.sample.events import JPY, KWD, Rates
from settlement.sample.records import UNKNOWN_NUMERIC
from settlement.sample.world import World
from settlement.sample.written import ROWS_AT_A_TIME, Written

_RETAILER: Final = "HARBOR-RETAIL"
_ACQUIRER: Final = "MERIDIANPAY_US"
_COMPANY: Final = "SampleProgramme"
_RETAIL_COLUMNS: Final = (
    "order_id;shipment_no;store_id;merchant_no;masked_pan;auth_code;local_datetime;type;amount_minor;tip_minor;"
    "cashback_minor;currency;orig_order_id"
)
_RETAIL_TYPES: Final = ("SALE", "REFUND", "VOID", "CBK")
_KINDS: Final = {"SALE": 0, "REFUND": 1, "REVERSAL": 2, "CHARGEBACK": 3}
_ACQUIRER_TYPES: Final = ("Settled", "Refunded", "Refunded", "Chargeback")
_ACQUIRER_COLUMNS: Final = (
    "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,TimeZone,Type,"
    "Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,"
    "Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),"
    "Payment Method Variant,Batch Number,Reserved4,Reserved5,Reserved6,Reserved7,Reserved8,Reserved9,Reserved10,"
    "Modification Merchant Reference,Booking Date,Booking Date TimeZone"
)
_FIRST_BATCH: Final = 4_001
_NUMBERS: Final = (
    *("event", "card", "merchant", "day", "second", "arn", "arn_day", "auth", "order", "original", "shipment"),
    *("amount", "tip", "cashback", "currency", "place", "worth", "row"),
)
# Fees of the acquirer in thousandths of the converted gross.
_MARKUP, _SCHEME, _INTERCHANGE = 3, 1, 12


def write_retail(path: Path, merchant: pl.DataFrame, world: World, business_date: date) -> Written:
    """Write the rows of own stores in their order; the first is line 3."""
    readable = merchant.filter(pl.col("bad") != "NON_NUMERIC_AMOUNT")
    paid = pl.col("amount") + pl.col("tip").clip(0) + pl.col("cashback").clip(0)
    debit = int(readable.filter(pl.col("kind") == "SALE").select(paid.sum()).item())
    credit = int(readable.filter(pl.col("kind") != "SALE").select(paid.sum()).item())
    with path.open("wb") as out:
        out.write(f"H;{_RETAILER};{business_date:%Y%m%d};0001;1.2;USD;{HOME_ZONE}\n#;{_RETAIL_COLUMNS}\n".encode())
        for start in range(0, len(merchant), ROWS_AT_A_TIME):
            out.write(_retail_lines(merchant[start : start + ROWS_AT_A_TIME], world))
        out.write(f"T;{len(merchant)};{debit};{credit}\n".encode())
    return Written(
        path=path, records=len(merchant) + 3, controls=f"count={len(merchant)};debit={debit};credit={credit}"
    )


def _retail_lines(merchant: pl.DataFrame, world: World) -> bytes:
    rows = len(merchant)
    number = _numbers(merchant)
    kind = _kinds(merchant)
    bad = _bad(merchant)
    shops, shop = world.merchants, number["merchant"]
    unknown = bad["UNKNOWN_CURRENCY"].astype(np.int64)
    return _lines(
        [
            fixed("D", rows),
            order_ids(number["order"], "HR"),
            plain(number["shipment"], 2),
            texts(shops["store"].to_list(), 6).at(shop),
            texts(shops["number"].to_list(), 15).at(shop),
            Column(content=masked_cards(world, number["card"], number["event"])),
            auth_codes(number["auth"], world.rows),
            _retail_times(number, bad["BAD_DATE"]),
            texts(list(_RETAIL_TYPES), 6).at(kind),
            _with_bad(plain(number["amount"], 12), bad["NON_NUMERIC_AMOUNT"], "12,3x"),
            optional(plain(np.maximum(number["tip"], 0), 9), number["tip"] > 0),
            optional(plain(np.maximum(number["cashback"], 0), 9), number["cashback"] > 0),
            texts(["USD", "QQQ"], 3).at(unknown),
            order_ids(number["original"], "HR"),
        ],
        ";",
    )


def _retail_times(number: dict[str, Ints], impossible: Flags) -> Column:
    wall = number["day"] * DAY_SECONDS + number["second"]
    offset = utc_offsets(wall, HOME_ZONE)
    times = iso_times(wall, "T").content.copy()
    times[impossible, 5:10] = np.frombuffer(b"02-30", dtype=np.uint8)
    rows = len(wall)
    hours = [fixed("-", rows), Column(content=digits(-offset // 3600, 2)), fixed(":00", rows)]
    return joined([Column(content=times), *hours])


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """What the acquirer pays for one file and the text under which the bank shows it."""

    written: Written
    amount_minor: int
    reference: str
    text: str


def write_acquirer(path: Path, merchant: pl.DataFrame, world: World, rates: Rates, night: int) -> Payout:
    """Write the rows of all other merchants in their order; the first is line 2. Fee and payout close the file."""
    business_date = world.night(night)
    fee = 1_000 + night + 1
    net = int(_net(merchant).sum())
    amount = net - fee
    batch = _FIRST_BATCH + night
    reference = f"TX{business_date:%Y%m%d}XT"
    text = f"{reference} batch {batch}, {_ACQUIRER}"
    with path.open("wb") as out:
        out.write(f"{_ACQUIRER_COLUMNS}\n".encode())
        for start in range(0, len(merchant), ROWS_AT_A_TIME):
            chunk = merchant[start : start + ROWS_AT_A_TIME]
            out.write(_acquirer_lines(chunk, world, rates, batch, business_date))
        tail = f"{batch},,,,,,,,,{business_date} 23:55:00,CET"
        out.write(_closing_line("Fee", f"Transaction Fees {business_date}", fee, tail))
        out.write(_closing_line("MerchantPayout", f'"{text}"', amount, tail))
    written = Written(path=path, records=len(merchant) + 3, controls=f"payout_minor={amount};batch={batch}")
    return Payout(written=written, amount_minor=amount, reference=reference, text=text)


def _net(merchant: pl.DataFrame) -> pl.Series:
    """Net credit (+) or debit (-) of each row in USD minor units; nothing for an unreadable amount."""
    worth, kind = pl.col("worth"), pl.col("kind")
    fees = sum(((worth * share + 500) // 1000 for share in (_MARKUP, _SCHEME, _INTERCHANGE)), start=pl.lit(0))
    net = pl.when(kind == "SALE").then(worth - fees).otherwise(-worth)
    return merchant.select(net=pl.when(pl.col("bad") == "NON_NUMERIC_AMOUNT").then(0).otherwise(net)).to_series()


def _closing_line(type_: str, reference: str, amount: int, tail: str) -> bytes:
    shown = pack(major(np.array([abs(amount)], dtype=np.int64), np.array([2], dtype=np.int64))).decode("ascii")
    debit, credit = (shown, "") if amount >= 0 else ("", shown)
    at = tail[-23:]
    line = f"{_COMPANY},{_ACQUIRER},,,,{at},{type_},{reference},,,,,USD,{debit},{credit},,,,,,{tail}\n"
    return line.encode("ascii")


def _acquirer_lines(merchant: pl.DataFrame, world: World, rates: Rates, batch: int, business_date: date) -> bytes:
    rows = len(merchant)
    number, kind, bad = _numbers(merchant), _kinds(merchant), _bad(merchant)
    sale = kind == 0
    visa = is_visa(world, number["card"])
    known = np.where(number["original"] > 0, number["original"], number["event"])
    readable = ~bad["NON_NUMERIC_AMOUNT"]
    wall = acquirer_times(number["day"] * DAY_SECONDS + number["second"], number["place"])
    created = iso_times(wall, " ").content.copy()
    created[bad["BAD_DATE"]] = np.frombuffer(b"2025-13-32 10:00:00", dtype=np.uint8)
    exponents = np.where(number["currency"] == JPY, 0, np.where(number["currency"] == KWD, 3, 2))
    gross = _with_bad(major(number["amount"], exponents), ~readable, "#VALUE!")
    net = major(np.abs(_net(merchant).to_numpy()), np.full(rows, 2))
    nothing = fixed("", rows)
    fees = [_fee(number["worth"], share, sale) for share in (_MARKUP, _SCHEME, _INTERCHANGE)]
    arn = Column(content=arns(np.maximum(number["arn"], 0), number["arn_day"], visa))
    return _lines(
        [
            fixed(f"{_COMPANY},{_ACQUIRER}", rows),
            psp_references(known),
            order_ids(known, "HO"),
            texts(["mc", "visa"], 4).at(visa.astype(np.int64)),
            Column(content=created),
            fixed("CET", rows),
            texts(list(_ACQUIRER_TYPES), 10).at(kind),
            modification_references(number["row"]),
            texts(["USD", "JPY", "KWD", "XQX"], 3).at(_currency_places(number["currency"])),
            *(optional(gross, ~sale), optional(gross, sale)),
            _rate_column(number["currency"], rates),
            fixed("USD", rows),
            *(optional(net, ~sale & readable), optional(net, sale & readable)),
            *(nothing, *fees),
            texts(["mcstandardcredit", "visastandardcredit"], 18).at(visa.astype(np.int64)),
            fixed(str(batch), rows),
            optional(arn, number["arn"] >= 0),
            Column(content=masked_cards(world, number["card"], number["event"])),
            auth_codes(number["auth"], world.rows),
            fixed(f",,,,<auto>,{business_date} 23:50:00,CET", rows),
        ],
        ",",
    )


def _fee(worth: Ints, share: int, sale: Flags) -> Column:
    return optional(major((worth * share + 500) // 1000, np.full(len(worth), 2)), sale)


def _currency_places(currency: Ints) -> Ints:
    return np.select([currency == JPY, currency == KWD, currency == UNKNOWN_NUMERIC], [1, 2, 3], 0)


def _rate_column(currency: Ints, rates: Rates) -> Column:
    place = np.where(currency == JPY, 1, np.where(currency == KWD, 2, 0))
    return texts(["1", rate_text(rates.jpy, 7), rate_text(rates.kwd, 6)], 12).at(place)


def rate_text(rate: int, decimals: int) -> str:
    """A rate counted in units of the last decimal, written out."""
    whole, rest = divmod(rate, 10**decimals)
    return f"{whole}.{rest:0{decimals}d}"


def _numbers(merchant: pl.DataFrame) -> dict[str, Ints]:
    return {name: merchant[name].to_numpy().astype(np.int64) for name in _NUMBERS}


def _kinds(merchant: pl.DataFrame) -> Ints:
    return merchant["kind"].replace_strict(_KINDS, return_dtype=pl.Int64).to_numpy()


def _bad(merchant: pl.DataFrame) -> dict[str, Flags]:
    reasons = ("BAD_DATE", "NON_NUMERIC_AMOUNT", "UNKNOWN_CURRENCY")
    return {reason: (merchant["bad"] == reason).to_numpy() for reason in reasons}


def _with_bad(column: Column, unreadable: Flags, text: str) -> Column:
    return joined([optional(column, ~unreadable), optional(fixed(text, len(unreadable)), unreadable)])


def _lines(fields: list[Column], separator: str) -> bytes:
    """Lines of a delimited file."""
    rows = len(fields[0].content)
    between, end = fixed(separator, rows), fixed("\n", rows)
    columns = [column for field in fields for column in (field, between)]
    return pack(joined([*columns[:-1], end]))
