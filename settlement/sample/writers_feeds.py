"""Writes the reference feeds: accounts, enrolment, stores, rates, opening positions, profit and loss, a notice."""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from settlement.sample.events import Rates
from settlement.sample.world import GROUPS, PRODUCTS, PROGRAMMES, World
from settlement.sample.writers_merchant import rate_text
from settlement.sample.written import Written

_ACCOUNT_COLUMNS: Final = (
    *("event", "effective_on", "account_id", "programme", "product", "affinity_group", "account_class", "channel"),
    *(
        "member_id",
        "opened_on",
        "activated_on",
        "closed_on",
        "first_purchase_on",
        "statement_balance_minor",
        "currency",
    ),
)
_PNL_LINES: Final = (
    *(("INTEREST", 10_400_000, 1_200_000), ("FEES", 1_700_000, 150_000), ("LOSSES", 5_400_000, 3_000_000)),
    *(("COST_OF_FUNDS", 1_300_000, 90_000), ("OPEX", 2_650_000, 120_000)),
)
_LATER_LOSSES: Final = 134_500
"""What the second version of a month's profit and loss adds to the losses."""
_TIERS: Final = ((200_000_000, 10), (400_000_000, 15), (None, 20))
"""Upper bound of the year's volume and rate in parts per ten thousand, to make the opening tier position agree."""


def lines_of(path: Path, frame: pl.DataFrame) -> Written:
    """Write a frame as ``;``-separated text with a header line; empty values stay empty."""
    frame.write_csv(path, separator=";", quote_style="never")
    count = len(frame) + 1
    return Written(path=path, records=count, controls=f"lines={count}")


def account_events(world: World, night: int, seed: int) -> pl.DataFrame:
    """The account events of a night: all accounts on the first, then openings, activations, closures and statements."""
    today = world.night(night)
    frames = [_of(world.accounts, "SNAPSHOT", world.first_night)] if night == 0 else []
    if night:
        closed = _closed(world, night).filter(pl.col("closed") == today)
        frames.append(_of(closed, "CLOSE", today))
        frames.append(_of(opened(world, night - 1).with_columns(activated=pl.lit(today)), "ACTIVATE", today))
    frames.append(_of(opened(world, night), "OPEN", today))
    if (today + timedelta(days=1)).day == 1:
        frames.append(_statements(world, night, seed))
    return pl.concat(frames)


def opened(world: World, night: int) -> pl.DataFrame:
    """The accounts opened on a night, one a programme, as they stand on that night."""
    today = world.night(night)
    return pl.DataFrame(
        {
            "account": [f"{name[0]}9{night:04d}{row:04d}" for row, name in enumerate(PROGRAMMES)],
            "programme": [0, 1, 2],
            "account_class": ["STANDARD", "STANDARD", "STUDENT" if night % 2 else "STANDARD"],
            "channel": ["ONLINE", "STORE", "GIP" if night % 2 == 0 else "ONLINE"],
            "member": ["", "", ""],
            "opened": [today] * 3,
        }
    ).with_columns(
        member=pl.when(pl.col("programme") == 0).then(pl.lit(_member(900_000_000 + night))).otherwise(pl.lit("")),
        activated=pl.lit(None, pl.Date),
        first_purchase=pl.lit(None, pl.Date),
    )


def _member(number: int) -> str:
    return f"{number:09d}{number % 7}"


def _closed(world: World, last: int) -> pl.DataFrame:
    """Accounts closed up to night ``last``: old ones, and some on or around the day their bounty falls due."""
    recent = (pl.lit(world.first_night) - pl.col("opened")).dt.total_days() < 95  # noqa: PLR2004 - see world
    row = pl.int_range(pl.len())
    found = []
    for night in range(1, last + 1):
        chosen = world.accounts.filter(
            (recent & (row % 40 == night % 40)) | (~recent & (row % 401 == (7 + night) % 401))
        )
        found.append(chosen.with_columns(closed=pl.lit(world.night(night))))
    return pl.concat(found).unique("account", keep="first", maintain_order=True)


def _statements(world: World, night: int, seed: int) -> pl.DataFrame:
    """Balances of all open accounts on the last day of a month."""
    accounts = world.accounts
    for earlier in range(night + 1):
        activated = world.night(earlier + 1) if earlier < night else None
        later = opened(world, earlier).with_columns(activated=pl.lit(activated, pl.Date))
        accounts = pl.concat([accounts, later.select(accounts.columns).cast(accounts.schema)])
    if night:
        gone = _closed(world, night).select("account")
        accounts = accounts.join(gone, on="account", how="anti", maintain_order="left")
    rng = np.random.default_rng([seed, 5, night])
    balance = rng.integers(0, 12, size=len(accounts)).clip(0, 9) * rng.integers(500, 60_000, size=len(accounts))
    return _of(accounts.with_columns(balance=pl.Series(balance)), "STATEMENT", world.night(night))


def _of(accounts: pl.DataFrame, event: str, effective_on: date) -> pl.DataFrame:
    """Account rows as lines of one kind of event."""
    programme = pl.col("programme").cast(pl.Int64)
    looked_up = {
        "programme": PROGRAMMES,
        "product": PRODUCTS,
        "affinity_group": GROUPS,
    }
    empty = pl.lit(None, pl.String)
    has = set(accounts.columns)
    return accounts.select(
        pl.lit(event).alias("event"),
        pl.lit(effective_on).cast(pl.String).alias("effective_on"),
        pl.col("account").alias("account_id"),
        *(
            programme.replace_strict(list(range(3)), list(values), return_dtype=pl.String).alias(name)
            for name, values in looked_up.items()
        ),
        pl.col("account_class", "channel").cast(pl.String),
        pl.when(pl.col("member") != "").then("member").alias("member_id"),
        *(
            (pl.col(name).cast(pl.String) if name in has else empty).alias(f"{name}_on")
            for name in ("opened", "activated", "closed", "first_purchase")
        ),
        (pl.col("balance").cast(pl.String) if "balance" in has else empty).alias("statement_balance_minor"),
        pl.lit("USD").alias("currency"),
    ).select(_ACCOUNT_COLUMNS)


def enrolment(world: World) -> pl.DataFrame:
    """The card of each account."""
    pans = [row.tobytes().decode("ascii") for row in world.pans]
    names = pl.col("programme").cast(pl.Int64).replace_strict([0, 1, 2], list(PROGRAMMES), return_dtype=pl.String)
    return world.accounts.select(
        pl.Series("pan", pans),
        pl.col("account").alias("account_id"),
        names.alias("programme"),
        pl.col("member").alias("member_id"),
        pl.col("opened").cast(pl.String).alias("valid_from"),
    )


def stores(world: World) -> pl.DataFrame:
    """The retailer's own stores."""
    own = world.merchants.filter("own")
    return own.select(pl.col("number").alias("merchant_no"), pl.col("store").alias("store_id"), "name")


def exchange_rates(rates: Rates, day: date) -> pl.DataFrame:
    """USD for one unit of each foreign currency."""
    found = {"CNY": rate_text(rates.cny, 7), "JPY": rate_text(rates.jpy, 7), "KWD": rate_text(rates.kwd, 6)}
    return pl.DataFrame({"date": [str(day)] * 3, "from": list(found), "to": ["USD"] * 3, "rate": list(found.values())})


def opening_positions(world: World) -> pl.DataFrame:
    """Balances from before the first night, so that tiers are crossed during the nights of a run of usual size."""
    night = world.rows * 20_000 * 38 // 100
    own, elsewhere = 18_500_000, 31_200_000
    before = max(400_000_000 - own - elsewhere - night * 3 // 2, 150_000_000)
    rate = next(rate for bound, rate in _TIERS if bound is None or before < bound)
    uni_night = world.rows * 20_000 * 24 // 100
    standard = max(50_000_000 - 3_900_000 - uni_night * 3 // 2, 9_000_000)
    airline, retail, alumni, club = "C1-AIR-MILES", "C2-RET-COBRAND", "C3-UNI-ALUMNI", "C4-CLB-CLUB"
    amounts = [
        (airline, "year_earned_through_previous_month", 20_900_000),
        (airline, "advance_unrecouped", 1_650_000),
        (airline, "carry_forward", 0),
        (retail, "quarter_own_volume", own),
        (retail, "quarter_elsewhere_volume", elsewhere),
        (retail, "year_volume_previous_quarters", before),
        (retail, "tier_paid_to_date", (before * rate + 5_000) // 10_000),
        (retail, "carry_forward_HARBOR-RETAIL", -1_800),
        (retail, "carry_forward_HARBOR-LOYALTY", 0),
        (retail, "carry_forward_HARBOR-FOUNDATION", 3_700),
        (alumni, "quarter_standard_volume", standard),
        (alumni, "quarter_student_volume", 3_900_000),
        (alumni, "quarter_earlier_month_end_balances", 28_765_432),
        (alumni, "carry_forward", 0),
        (club, "carry_forward_ORIENT-ESTATE", 0),
        (club, "carry_forward_ORIENT-CLUB", -260),
    ]
    rows = [(airline, "month_to_date_base_miles", 1_180_000, "miles")]
    rows += [(contract, item, value, "USD minor") for contract, item, value in amounts]
    return pl.DataFrame(rows, schema=["contract", "item", "value", "unit"], orient="row")


def profit_and_loss(year: int, month: int, version: int, seed: int) -> pl.DataFrame:
    """A programme's month; a second version differs from the first in its losses."""
    rng = np.random.default_rng([seed, 6, year, month])
    rows = []
    for programme in PROGRAMMES:
        for line, base, spread in _PNL_LINES:
            amount = base + int(rng.integers(-spread, spread + 1))
            amount += _LATER_LOSSES * (version - 1) * (line == "LOSSES")
            rows.append((programme, f"{year}-{month:02d}", version, line, amount, "USD"))
    columns = ["programme", "month", "version", "line", "amount_minor", "currency"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def profit_and_loss_due(world: World, night: int) -> list[tuple[int, int, int]]:
    """(year, month, version) of the profit and loss that is delivered on a night.

    On the first night the earlier months of its quarter, on the last night of a month its first version, and one
    night later its second.
    """
    today = world.night(night)
    due = []
    if night == 0:
        due += [(today.year, month, 1) for month in range((today.month - 1) // 3 * 3 + 1, today.month)]
    if today.day == calendar.monthrange(today.year, today.month)[1]:
        due.append((today.year, today.month, 1))
    if today.day == 1 and night:
        closed = today - timedelta(days=1)
        due.append((closed.year, closed.month, 2))
    return due


def notice(path: Path, day: date) -> Written:
    """A letter that no layout describes, as partners send them."""
    path.write_text(f"Dear colleagues,\nour outlets are closed on {day}.\nKind regards\n", encoding="utf-8")
    return Written(path=path, records=3, controls="")
