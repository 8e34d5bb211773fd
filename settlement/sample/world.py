"""The programme that the sample is about: accounts, cards, merchants and days. Everything is invented.

Card numbers lie in the test ranges of the sample programme and are Luhn-valid. Account, merchant and store lists
are a function of the seed and of the number of rows, so that each night finds the same world.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import polars as pl

from settlement.sample.columns import Bytes, Ints, digits, with_check_digit

AIR, RET, UNI = 0, 1, 2
PROGRAMMES: Final[tuple[str, ...]] = ("AIR", "RET", "UNI")
PRODUCTS: Final[tuple[str, ...]] = ("AIR-GOLD", "RET-PLUS", "UNI-CLASSIC")
GROUPS: Final[tuple[str, ...]] = ("NORTHWIND", "HARBOR", "ALMA-MATER")
BINS: Final[tuple[int, ...]] = (55555501, 55555502, 41111101)
_SHARES: Final[tuple[float, ...]] = (0.38, 0.38, 0.24)
_CHANNELS: Final[tuple[str, ...]] = ("ONLINE", "STORE", "BRANCH", "AIRPORT", "GIP")
_GIP: Final = 4
FOREIGN_BIN: Final = 40000099
_CARD_STEP: Final = 7_368_787
_CARD_SPACE: Final = 10_000_000

_FIRST: Final = (
    *("Quillmark", "Brightwater", "Stonebridge", "Larkspur", "Copperfield", "Maplewood", "Bluefin", "Tallow"),
    *("Juniper", "Redgate", "Ironleaf", "Pebble", "Saltmarsh", "Windrose", "Foxglove", "Hazel", "Umber"),
    *("Kestrel", "Gantry", "Lantern", "Mooring", "Thistle", "Orchard", "Cobalt", "Velvet", "Anvil"),
)
_OWN_LINES: Final = (("HARBOR HOME", 5200), ("HARBOR GARDEN", 5261), ("HARBOR KITCHEN", 5719), ("HARBOR FOOD", 5411))
_LINES: Final = (
    *(("BOOKS", 5942), ("GROCERY", 5411), ("OPTICS", 8043), ("CAFE", 5814), ("GRILL", 5812), ("SHOES", 5661)),
    *(("PHARMACY", 5912), ("FUEL", 5541), ("TOOLS", 5251), ("MUSIC", 5733), ("TRAVEL", 4722), ("INN", 7011)),
    *(("CINEMA", 7832), ("PARTS", 5533), ("OFFICE", 5943), ("TOYS", 5945), ("CLINIC", 8011), ("COURIER", 4215)),
)
# An airline range and two classes that contracts exclude, so that merchant classes matter to the rates.
_SPECIAL: Final = (
    *(("NORTHWIND AIRWAYS", 3058), ("PELICAN AIR", 4511), ("PELICAN AIR ONLINE", 4511)),
    *(("CASTELLAN GAMES HALL", 7995), ("QUICKCOIN EXCHANGE", 6051), ("WIREPOST TRANSFER", 4829)),
)
_CASH_LINES: Final = (("LANTERN CASH POINT", 6011), ("COPPERFIELD CASH DESK", 6010))
SPECIAL_MERCHANTS: Final = len(_SPECIAL)
"""Merchants of classes that contracts treat apart; they follow the stores in the list."""
CASH_MERCHANTS: Final = len(_CASH_LINES)
"""Places that only pay out cash, at the end of the list."""
_PLACES: Final = (("04101", "ME"), ("05401", "VT"), ("19801", "DE"), ("28401", "NC"), ("49770", "MI"), ("97103", "OR"))
_MISSING_NUMBER_EVERY: Final = 17
"""Each n-th merchant shows no merchant number on the bank side, as happens in real files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Who buys where. Row numbers of ``accounts`` and ``merchants`` are the ids used by the events.

    Attributes
    ----------
    accounts
        One row an account, one card each: account, programme (0 AIR, 1 RET, 2 UNI), class, channel, member, opened,
        activated, closed (empty here), first_purchase.
    pans
        Card numbers, ASCII digits of shape (accounts, 16).
    masks
        First six and last four digits as one number: programme prefix * 10,000 + last four.
    merchants
        number (empty where not shown), name, zip, state, mcc, own, store.
    first_night, nights, rows
        The arguments of the run.
    """

    accounts: pl.DataFrame
    pans: Bytes
    masks: Ints
    merchants: pl.DataFrame
    first_night: date
    nights: int
    rows: int

    def night(self, index: int) -> date:
        """Delivery and business date of night ``index``, from 0."""
        return self.first_night + timedelta(days=index)


def make_world(*, seed: int, rows: int, nights: int, first_night: date) -> World:
    """Make the world of one run."""
    rng = np.random.default_rng([seed, 1])
    count = min(max(rows * 6 // 10, 240), 60_000)
    programme = rng.choice(3, size=count, p=_SHARES)
    accounts = _accounts(rng, programme, first_night, nights)
    serial = (np.arange(count, dtype=np.int64) * _CARD_STEP + seed % _CARD_SPACE) % _CARD_SPACE
    bins = np.array(BINS, dtype=np.int64)[programme]
    pans = with_check_digit(np.hstack([digits(bins, 8), digits(serial, 7)]))
    last_four = (pans[:, 12:] - ord("0")).astype(np.int64) @ np.array([1000, 100, 10, 1])
    return World(
        accounts=accounts,
        pans=pans,
        masks=(programme == UNI) * 10_000 + last_four,
        merchants=_merchants(rows),
        first_night=first_night,
        nights=nights,
        rows=rows,
    )


def mask_text(mask: pl.Expr) -> pl.Expr:
    """The masked card number of a mask number (see ``World.masks``; 2 stands for a card of no programme)."""
    prefix = mask // 10_000
    first_six = pl.when(prefix == 0).then(pl.lit("555555")).when(prefix == 1).then(pl.lit("411111"))
    last_four = (mask % 10_000).cast(pl.String).str.zfill(4)
    return pl.concat_str(first_six.otherwise(pl.lit("400000")), pl.lit("******"), last_four)


def _accounts(rng: np.random.Generator, programme: Ints, first_night: date, nights: int) -> pl.DataFrame:
    count = len(programme)
    age = rng.integers(120, 1100, size=count)
    # One in twelve was opened some ninety days ago, so that opening bounties fall due during the nights.
    recent = rng.random(count) < 1 / 12
    age[recent] = rng.integers(max(88 - nights, 30), 94, size=count)[recent]
    purchase = 5 + rng.integers(1, 120, size=count)
    # Group incentives win two in five of the alumni's accounts and none of the others.
    invited = (programme == UNI) & (rng.random(count) < 0.4)  # noqa: PLR2004
    channel = np.where(invited, _GIP, rng.integers(0, _GIP, size=count))
    student = (programme == UNI) & (rng.random(count) < 0.3)  # noqa: PLR2004 - three in ten
    member_base = rng.permutation(count) + 100_000_003 // 7
    member = [
        f"{value:09d}{value % 7}" if kind == AIR else "" for value, kind in zip(member_base, programme, strict=True)
    ]
    frame = pl.DataFrame(
        {
            "account": [f"{PROGRAMMES[kind][0]}{row:09d}" for row, kind in enumerate(programme)],
            "programme": programme,
            "account_class": np.where(student, "STUDENT", "STANDARD"),
            "channel": np.array(_CHANNELS)[channel],
            "member": member,
            "age": age,
            "first_use": purchase,
        }
    )
    opened = pl.lit(first_night) - pl.duration(days=pl.col("age"))
    first_use = opened + pl.duration(days=pl.col("first_use"))
    return frame.with_columns(
        opened.cast(pl.Date).alias("opened"),
        (opened + pl.duration(days=5)).cast(pl.Date).alias("activated"),
        pl.when(first_use < pl.lit(first_night)).then(first_use.cast(pl.Date)).alias("first_purchase"),
    ).drop("age", "first_use")


def _merchants(rows: int) -> pl.DataFrame:
    stores = min(max(rows // 40, 12), 60)
    others = min(max(rows // 5, 60), 450)
    found = []
    for row in range(stores):
        line, mcc = _OWN_LINES[row % len(_OWN_LINES)]
        found.append((f"{line} {row + 101}", mcc, True))
    found += [(name, mcc, False) for name, mcc in _SPECIAL]
    for row in range(others - len(_SPECIAL)):
        line, mcc = _LINES[(row * 5) % len(_LINES)]
        found.append((f"{_FIRST[row % len(_FIRST)].upper()} {line} {row // len(_FIRST) + 1}", mcc, False))
    found += [(name, mcc, False) for name, mcc in _CASH_LINES]
    numbers = [
        f"77{row:03d}{(row * 7919) % 10_000:04d}{row % 97:03d}" if own or row % _MISSING_NUMBER_EVERY else ""
        for row, (_, _, own) in enumerate(found)
    ]
    places = [_PLACES[(row * 11) % len(_PLACES)] for row in range(len(found))]
    return pl.DataFrame(
        {
            "number": numbers,
            "name": [name[:22] for name, _, _ in found],
            "zip": [place[0] for place in places],
            "state": [place[1] for place in places],
            "mcc": [mcc for _, mcc, _ in found],
            "own": [own for _, _, own in found],
            "store": [f"S{row + 101:04d}" if own else "" for row, (_, _, own) in enumerate(found)],
        }
    )
