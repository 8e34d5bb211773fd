"""What the rating bench rates: events of one card programme in a year, in the form that contracts are rated on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.rate.facts import Facts, no_facts

SEED: Final = 20_100_401
FIRST: Final = date(2010, 1, 1)
LAST: Final = date(2010, 12, 31)
PROGRAMME: Final = "BENCH"
CLASSES: Final = ("GOLD", "STANDARD", "STUDENT")

_KINDS: Final = pl.Series(["purchase", "refund", "reversal", "chargeback"])
_ORIGIN: Final = ("origin_file", "origin_record", "origin_posting_date", "origin_transaction_date")
_STORES: Final = 5_000

Numbers = NDArray[np.int64]


def make_facts(events: int, folder: Path) -> Facts:
    """Facts with so many counting records, made once and kept in ``folder``; the same number always gives the same.

    Of the events 94 % are purchases; the others take back all or a part of an earlier one, but every tenth refund
    names none. Amounts are lognormal and in whole minor units.
    """
    path = folder / f"events-{events}.parquet"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _events(events).write_parquet(path, compression="lz4")
    return replace(no_facts(LAST, FIRST, {}), records=pl.read_parquet(path).rechunk())


def _events(events: int) -> pl.DataFrame:
    random = np.random.default_rng(SEED)
    posted = np.sort(random.integers(0, (LAST - FIRST).days + 1, events))
    transacted = posted - random.integers(0, 3, events)
    kind = np.searchsorted([94, 97, 98], random.integers(0, 100, events), side="right")
    kind[0] = 0
    bought = np.flatnonzero(kind == 0)
    earlier = np.searchsorted(bought, np.arange(events))
    origin = bought[(random.random(events) * earlier).astype(np.int64)]
    linked = (kind > 0) & ((kind > 1) | (random.integers(0, 10, events) > 0))
    amount = np.maximum(random.lognormal(8.0, 1.1, events).astype(np.int64), 1)
    amount = np.where(linked, np.maximum(amount[origin] // random.integers(1, 4, events), 1), amount)
    account = random.integers(0, max(events // 20, 10), events)
    account = np.where(linked, account[origin], account)
    store = random.integers(0, _STORES, events)
    files = pl.Series([f"{day}/clearing.dat" for day in pl.date_range(FIRST, LAST, eager=True)])
    return pl.DataFrame(
        {
            "file": files.gather(posted),
            "record": np.arange(events),
            "posting_date": _days(posted),
            "transaction_date": _days(transacted),
            "currency": pl.repeat("USD", events, eager=True),
            "mcc": pl.Series(np.where(store % 7 == 0, 6_010 + store % 3, 3_000 + store % 2_500)).cast(pl.String),
            "merchant_number": _named("M", store),
            "kind": _KINDS.gather(kind),
            "origin_file": files.gather(posted[origin]),
            "origin_record": origin,
            "origin_posting_date": _days(posted[origin]),
            "origin_transaction_date": _days(transacted[origin]),
            "account_id": _named("A", account),
            "programme": pl.repeat(PROGRAMME, events, eager=True),
            "account_class": pl.Series(CLASSES).gather(account % len(CLASSES)),
            "own_store": store % 4 == 0,
            "net_minor": np.where(kind == 0, amount, -amount),
            "disputed_file": pl.repeat(None, events, dtype=pl.String, eager=True),
            "disputed_record": pl.repeat(None, events, dtype=pl.Int64, eager=True),
            "disputed_minor": pl.repeat(None, events, dtype=pl.Int64, eager=True),
        }
    ).with_columns(pl.when(pl.lit(pl.Series(linked))).then(name).alias(name) for name in _ORIGIN)


def _named(letter: str, numbers: Numbers) -> pl.Series:
    return pl.select(pl.format("{}{}", pl.lit(letter), pl.lit(pl.Series(numbers)))).to_series()


def _days(days: Numbers) -> pl.Series:
    return pl.Series(np.datetime64(FIRST, "D") + days)
