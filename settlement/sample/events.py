"""The economic events of a night: sales with their planted faults, cash advances, and what takes sales back.

Events carry whole numbers only. Days are counted from 1970-01-01, times are seconds of the local day, amounts are
minor units. An event's number is night * 10**8 + its place, so references, codes and ids can be
computed from it anywhere (see ``codes``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import polars as pl

from settlement.sample import faults
from settlement.sample.columns import Flags, Ints
from settlement.sample.faults import PLANTS, Fault, count_of
from settlement.sample.world import CASH_MERCHANTS, RET, SPECIAL_MERCHANTS, UNI, World

EVENTS_A_NIGHT: Final = 10**8
USD, JPY, KWD = 840, 392, 414
_KEY: Final = 1 << 34
_EPOCH: Final = date(1970, 1, 1)
_OWN_SHARE: Final = (15, 42, 12)
"""Of a hundred sales with a card of the programme, those in an own store."""

# Amounts in minor units: upper bound of a bracket and its weight per thousand, with a heavy tail.
_BRACKETS: Final = (
    *((200, 0), (500, 80), (1_000, 90), (2_500, 190), (5_000, 190), (10_000, 180), (25_000, 150)),
    *((50_000, 62), (150_000, 40), (500_000, 14), (1_500_000, 3), (4_500_000, 1)),
)
_PRICES: Final = (499, 999, 1_250, 1_999, 2_500, 4_999, 5_000, 9_999, 10_000, 25_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Exchange rates of a night: millionths (KWD) and ten-millionths (JPY, CNY) of a dollar for one unit."""

    jpy: int
    kwd: int
    cny: int


def rates_of(seed: int, night: int) -> Rates:
    """Invented rates of a night, near to each other."""
    rng = np.random.default_rng([seed, 3, night])
    return Rates(
        jpy=63_500 + int(rng.integers(0, 900)),
        kwd=3_245_000 + int(rng.integers(0, 12_000)),
        cny=1_402_000 + int(rng.integers(0, 4_000)),
    )


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def keys(world: World, cards: Ints, amounts: Ints) -> Ints:
    """Masked card and amount as one number: all that a record without codes shows."""
    return world.masks[cards] * _KEY + amounts


def key_of(mask: str, amount: str) -> pl.Expr:
    """The same number from columns."""
    return pl.col(mask) * _KEY + pl.col(amount)


def draw_sales(world: World, night: int, rng: np.random.Generator, taken: Ints) -> pl.DataFrame:
    """The sales of a night with one fault each.

    Parameters
    ----------
    world
        The world of the run.
    night
        Number of the night, from 0.
    rng
        Random source of the night's sales.
    taken
        Keys (masked card and amount) of earlier nights that are still open; no sale of this night repeats one.

    Returns
    -------
    pl.DataFrame
        event, card, merchant, own, day, second, amount, tip, cashback, currency, foreign, fault, shift, parts,
        shipments, cut: amount is what the cardholder pays in USD minor units, foreign the same in ``currency``.
    """
    # Duplicates, partial clearings and the like add a few records to each side: sales are a little fewer than rows.
    count = max(world.rows * 97 // 100, 1)
    programme = world.accounts["programme"].to_numpy()
    card = rng.integers(0, len(programme), size=count)
    own = rng.integers(0, 100, size=count) < np.array(_OWN_SHARE)[programme[card]]
    sales = {
        "card": card,
        "merchant": _merchants(world, own, rng),
        "own": own,
        "day": day_number(world.night(night)) - rng.choice([1, 2, 3], size=count, p=[0.82, 0.13, 0.05]),
        "second": rng.integers(8 * 3600, 22 * 3600, size=count),
        "amount": _free_amounts(world, card, _amounts(rng, count), taken),
    }
    fault = _plant(world, sales, rng)
    twins = np.flatnonzero(fault == Fault.TWIN)
    both = np.concatenate([np.arange(count), twins])
    sales = {name: column[both] for name, column in sales.items()}
    sales["second"][count:] = 8 * 3600 + (sales["second"][count:] + 1800) % (14 * 3600)
    return _detailed(sales, fault[both], night, rng)


def _amounts(rng: np.random.Generator, count: int) -> Ints:
    bounds = np.array([bound for bound, _ in _BRACKETS], dtype=np.int64)
    weights = np.array([weight for _, weight in _BRACKETS], dtype=np.int64)
    bracket = np.searchsorted(weights.cumsum(), rng.integers(0, weights.sum(), size=count), side="right")
    drawn = rng.integers(bounds[bracket - 1], bounds[bracket])
    style = rng.integers(0, 100, size=count)
    drawn = np.where(style < 15, (drawn + 99) // 100 * 100, drawn)  # noqa: PLR2004 - whole dollars
    return np.where(style >= 94, rng.choice(_PRICES, size=count), drawn)  # noqa: PLR2004 - popular prices


def _free_amounts(world: World, card: Ints, amount: Ints, taken: Ints) -> Ints:
    while (clash := np.isin(keys(world, card, amount), taken)).any():
        amount = amount + clash
    return amount


def _merchants(world: World, own: Flags, rng: np.random.Generator) -> Ints:
    stores = int(world.merchants["own"].sum())
    others = len(world.merchants) - CASH_MERCHANTS - stores
    rank = np.arange(others - SPECIAL_MERCHANTS) + 4.0
    common = stores + SPECIAL_MERCHANTS + rng.choice(len(rank), size=len(own), p=(1 / rank) / (1 / rank).sum())
    special = stores + rng.integers(0, SPECIAL_MERCHANTS, size=len(own))
    elsewhere = np.where(rng.integers(0, 100, size=len(own)) < 4, special, common)  # noqa: PLR2004 - four in a hundred
    return np.where(own, rng.integers(0, stores, size=len(own)), elsewhere)


def _plant(world: World, sales: dict[str, Ints], rng: np.random.Generator) -> Ints:
    count = len(sales["card"])
    order = rng.permutation(count)
    fault = np.zeros(count, dtype=np.int64)
    amount, own = sales["amount"], sales["own"].astype(np.bool_)
    mastercard = world.accounts["programme"].to_numpy()[sales["card"]] != UNI
    _, place, seen = np.unique(keys(world, sales["card"], amount), return_inverse=True, return_counts=True)
    lonely = seen[place] == 1
    for plant in PLANTS:
        fits = (amount >= plant.least_minor) & (amount <= plant.most_minor)
        fits &= mastercard | (not plant.mastercard)
        fits &= lonely | (not plant.lonely)
        for leg, share in ((own, plant.stores), (~own, plant.acquirer)):
            free = order[(fits & leg & (fault == 0))[order]]
            fault[free[: count_of(share, count)]] = plant.fault
    return fault


def _detailed(sales: dict[str, Ints], fault: Ints, night: int, rng: np.random.Generator) -> pl.DataFrame:
    count = len(fault)
    amount = sales["amount"]
    tip = np.where(
        np.isin(fault, (Fault.TIP_TOLD, Fault.TIP_UNTOLD)), amount * rng.integers(9, 15, size=count) // 100, 0
    )
    told = np.isin(fault, (Fault.CASHBACK_TOLD, Fault.CASHBACK_UNTOLD))
    cashback = np.where(told, 2_000 * rng.integers(1, 5, size=count), 0)
    away = np.isin(fault, (Fault.FOREIGN_OWN_CURRENCY, Fault.FOREIGN_CONVERTED))
    shift = rng.integers(1, 4, size=count) * rng.choice([-1, 1], size=count)
    several = rng.integers(2, 4, size=count)
    return pl.DataFrame(
        {
            "event": (night + 1) * EVENTS_A_NIGHT + 1 + np.arange(count),
            **sales,
            "amount": amount + cashback,
            "tip": tip,
            "cashback": cashback,
            "currency": np.where(away, rng.choice([JPY, JPY, KWD], size=count), USD),
            "fault": fault,
            "shift": np.where(fault == Fault.DATE_SHIFT, shift, 0),
            "parts": np.where(fault == Fault.PARTIAL_CLEARING, several, 1),
            "shipments": np.where(fault == Fault.SPLIT_SHIPMENT, several, 1),
            "cut": rng.integers(30, 71, size=count),
            "odd": rng.choice([-2, -1, 1, 2], size=count),
        }
    )


def in_currency(sales: pl.DataFrame, rates: Rates) -> pl.DataFrame:
    """Give foreign sales an amount in their own currency, and the dollars that it is worth, rounded half up."""
    yen = (pl.col("amount") * 100_000 // rates.jpy).clip(1)
    fils = (pl.col("amount") * 10**7 // rates.kwd).clip(1)
    foreign = pl.when(pl.col("currency") == JPY).then(yen).when(pl.col("currency") == KWD).then(fils)
    sales = sales.with_columns(foreign.otherwise("amount").alias("foreign"))
    return sales.with_columns(worth("foreign", "currency", rates).alias("amount"))


def worth(amount: str, currency: str, rates: Rates) -> pl.Expr:
    """The column ``amount`` of ``currency`` in USD minor units, rounded half up."""
    yen = (pl.col(amount) * rates.jpy + 50_000) // 100_000
    fils = (pl.col(amount) * rates.kwd + 5 * 10**6) // 10**7
    return pl.when(pl.col(currency) == JPY).then(yen).when(pl.col(currency) == KWD).then(fils).otherwise(amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """Events of a night beside its sales, in frames with event, card, merchant, own, day, second, amount.

    ``negatives`` has also kind (REFUND, REVERSAL or CHARGEBACK), original (event taken back, 0 without) and
    original_day; ``bad`` has side (MC, VISA, RET or ACQ) and reason.
    """

    cash: pl.DataFrame
    negatives: pl.DataFrame
    foreign_cards: pl.DataFrame
    bad: pl.DataFrame


def draw_others(
    world: World, night: int, rng: np.random.Generator, first_event: int, returnable: pl.DataFrame
) -> Others:
    """The other events of a night, numbered from ``first_event``; ``returnable`` are sales that may be taken back."""
    count = max(world.rows, 1)
    cash = _plain(world, night, rng, count_of(faults.CASH_ADVANCES, count)).with_columns(own=pl.lit(value=False))
    merchants = len(world.merchants)
    at = pl.Series(rng.integers(merchants - CASH_MERCHANTS, merchants, size=len(cash)), dtype=pl.Int64)
    cash = cash.with_columns(merchant=at, amount=(pl.col("amount") // 2_000 + 1) * 2_000)
    alone = _plain(world, night, rng, count_of(faults.REFUNDS_WITHOUT_SALE, count))
    negatives = pl.concat([_back(world, night, rng, returnable), _refund_alone(alone)])
    foreign = _plain(world, night, rng, count_of(faults.FOREIGN_CARDS, count))
    stores = int(world.merchants["own"].sum())
    foreign = foreign.with_columns(
        merchant=pl.Series(rng.integers(0, stores, size=len(foreign)), dtype=pl.Int64), own=pl.lit(value=True)
    )
    numbered = []
    for frame in (cash, negatives, foreign, _bad(world, night, rng)):
        numbers = pl.int_range(first_event, first_event + len(frame), dtype=pl.Int64, eager=True)
        numbered.append(frame.with_columns(event=numbers))
        first_event += len(frame)
    return Others(cash=numbered[0], negatives=numbered[1], foreign_cards=numbered[2], bad=numbered[3])


def _plain(world: World, night: int, rng: np.random.Generator, count: int) -> pl.DataFrame:
    programme = world.accounts["programme"].to_numpy()
    card = rng.integers(0, len(programme), size=count)
    own = rng.integers(0, 100, size=count) < np.array(_OWN_SHARE)[programme[card]]
    return pl.DataFrame(
        {
            "card": card,
            "merchant": _merchants(world, own, rng),
            "own": own,
            "day": np.full(count, day_number(world.night(night)) - 1),
            "second": rng.integers(9 * 3600, 21 * 3600, size=count),
            "amount": _amounts(rng, count),
        }
    )


def _refund_alone(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(kind=pl.lit("REFUND"), original=pl.lit(0, pl.Int64), original_day=pl.col("day"))


def _back(world: World, night: int, rng: np.random.Generator, returnable: pl.DataFrame) -> pl.DataFrame:
    """Refunds, reversals and chargebacks of earlier sales; each sale is taken back once at most."""
    wanted = [
        (kind, count_of(share, world.rows))
        for kind, share in (
            ("REFUND", faults.REFUNDS),
            ("REVERSAL", faults.REVERSALS),
            ("CHARGEBACK", faults.CHARGEBACKS),
        )
    ]
    chosen = returnable[rng.permutation(len(returnable))[: sum(number for _, number in wanted)]]
    kinds = [kind for kind, number in wanted for _ in range(number)]
    part = pl.Series(rng.integers(20, 100, size=len(chosen)), dtype=pl.Int64)
    whole = pl.Series(rng.integers(0, 100, size=len(chosen)) < 60, dtype=pl.Boolean)  # noqa: PLR2004 - six in ten
    frame = chosen.with_columns(kind=pl.Series(rng.permutation(kinds)[: len(chosen)], dtype=pl.String))
    partial = (pl.col("kind") == "REFUND") & ~whole
    return frame.select(
        "card",
        "merchant",
        "own",
        pl.lit(day_number(world.night(night)) - 1, pl.Int64).alias("day"),
        pl.Series("second", rng.integers(9 * 3600, 21 * 3600, size=len(chosen)), dtype=pl.Int64),
        pl.when(partial).then(pl.col("amount") * part // 100 + 1).otherwise("amount").alias("amount"),
        "kind",
        pl.col("event").alias("original"),
        pl.col("day").alias("original_day"),
    )


def _bad(world: World, night: int, rng: np.random.Generator) -> pl.DataFrame:
    times = 1 + world.rows // 4_000
    wanted = [
        (side, reason)
        for side, reasons in (
            ("MC", faults.BAD_MASTERCARD),
            ("VISA", faults.BAD_VISA),
            ("RET", faults.BAD_MERCHANT),
            ("ACQ", faults.BAD_MERCHANT),
        )
        for reason in reasons * times
    ]
    frame = _plain(world, night, rng, len(wanted))
    sides = np.array([side for side, _ in wanted])
    programme = world.accounts["programme"].to_numpy()
    visa, mastercard = np.flatnonzero(programme == UNI), np.flatnonzero(programme == RET)
    stores = int(world.merchants["own"].sum())
    elsewhere = stores + SPECIAL_MERCHANTS + rng.integers(0, 20, size=len(wanted))
    return frame.with_columns(
        card=np.where(sides == "VISA", rng.choice(visa, size=len(wanted)), rng.choice(mastercard, size=len(wanted))),
        merchant=np.where(sides == "RET", rng.integers(0, stores, size=len(wanted)), elsewhere),
        own=sides == "RET",
        side=pl.Series(sides),
        reason=pl.Series([reason for _, reason in wanted]),
    )
