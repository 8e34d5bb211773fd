"""What a range of nights would come to under the present configuration: replayed in a scratch home, and compared.

Every night from the first one to the last settled one is performed again from its landed bytes, each upon the nights
performed before it: what an earlier night leaves open is what a later one takes up, so the range alone is not enough.
The standing home is read and never written.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import polars as pl

from settlement import books, reperform, runner, store
from settlement.errors import TerminalError
from settlement.model.clearing import TOLD_ONLY
from settlement.model.dates import delivered_on
from settlement.model.restatement import Difference, Subject
from settlement.model.stage import Progress
from settlement.model.statement_lines import SHARE
from settlement.stages import stage_named
from settlement.store import Home

_SETTLED: Final = "pay"
_DAY: Final = timedelta(days=1)
_READ: Final = tuple(name for name in stage_named("check").writes if name not in {"finding", "card_token"})
"""Tables of what files say. Another reading of a file is no restatement: it is a repair or a corrected file."""
_RECORD: Final = ["file", "record"]
AMOUNT: Final = ["standing", "performed", "difference"]
"""The columns of every comparison: as it stands, as performed again, and the second less the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What differs, as known after the last settled night; each table is empty where nothing does.

    Attributes
    ----------
    nights:
        The nights performed again, in order.
    read:
        Tables of what files say that differ, by night: ``night`` and ``table``.
    matches:
        By ``night`` and ``leg``: matches that stand, matches performed, those that would be ``taken_back`` and ``new``.
    cash:
        Bank entries that are judged otherwise: ``camt_file``, ``entry``, and both judgements.
    breaks:
        By ``leg`` and ``reason``: open items, with ``AMOUNT``.
    rated:
        By ``contract``, ``period``, ``term``, ``selector`` and ``unit``: quantities to date, with ``AMOUNT``.
    statements:
        By ``contract``, ``period``, ``line`` and ``currency``: minor units as last told, with ``AMOUNT``.
    partners:
        By ``partner`` (contract and beneficiary) and ``currency``: minor units of all its shares, with ``AMOUNT``.
    balances:
        By ``account`` and ``currency``: minor units, debit positive, with ``AMOUNT``.
    contracts:
        Contracts whose files are not those the last night was rated by: the next night rates them anew by itself.
    """

    nights: Sequence[date]
    read: pl.DataFrame
    matches: pl.DataFrame
    cash: pl.DataFrame
    breaks: pl.DataFrame
    rated: pl.DataFrame
    statements: pl.DataFrame
    partners: pl.DataFrame
    balances: pl.DataFrame
    contracts: Sequence[str]

    @property
    def differences(self) -> tuple[Difference, ...]:
        """What accounts and partners' shares come to, where that differs, in the order of their names."""
        told = ((Subject.ACCOUNT, "account", self.balances), (Subject.PARTNER, "partner", self.partners))
        return tuple(
            Difference(
                subject=subject,
                name=row[name],
                unit=row["currency"],
                standing_minor=row["standing"],
                performed_minor=row["performed"],
            )
            for subject, name, table in told
            for row in table.iter_rows(named=True)
        )

    @property
    def nothing(self) -> bool:
        """Whether the nights come to the same facts; statements of restated nights tell these in another form."""
        tables = (self.read, self.matches, self.cash, self.breaks, self.rated)
        return not self.contracts and all(table.is_empty() for table in tables)


def nights_from(home: Home, first: date, last: date) -> list[date]:
    """The settled nights from the first of a range to the latest one.

    Raises TerminalError where the range begins or ends with a night that is not settled, or ends before it begins.
    """
    settled = books.nights_of(books.connect(home), _SETTLED)
    for night in (first, last):
        if night not in settled:
            told = f"{settled[0]} to {settled[-1]}" if settled else "none"
            raise TerminalError(f"The night {night} is not settled: name settled nights; these are {told}.")
    if last < first:
        raise TerminalError(f"--from {first} lies after --to {last}: write the earlier night as --from.")
    return [night for night in settled if night >= first]


@contextmanager
def performed(home: Home, nights: Sequence[date], progress: Progress | None = None) -> Iterator[Home]:
    """A scratch home in which the nights are performed again, one upon the other; behind the block it is gone."""
    with tempfile.TemporaryDirectory(prefix="settle-restate-") as scratch:
        latest = home
        for night in nights:
            latest = reperform.scratch_home(home, night, Path(scratch) / str(night), earlier=latest)
            runner.run_night(latest, night, progress, until=_SETTLED)
        yield latest


def compare(home: Home, other: Home, nights: Sequence[date]) -> Trial:
    """What differs between a home and the same nights performed again."""
    sides, last = (home, other), nights[-1]
    return Trial(
        nights=nights,
        read=_read_otherwise(sides, nights),
        matches=_matches(sides, nights),
        cash=_cash(sides, last),
        breaks=_compared([_breaks(side, last) for side in sides], ["leg", "reason"]),
        rated=_compared([_rated(side, last) for side in sides], ["contract", "period", "term", "selector", "unit"]),
        statements=_compared([_statements(side, last) for side in sides], ["contract", "period", "line", "currency"]),
        partners=_compared([_shares(side, last) for side in sides], ["partner", "currency"]),
        balances=_compared([_balances(side, last) for side in sides], ["account", "currency"]),
        contracts=_rated_otherwise(sides, last),
    )


def attempt(home: Home, nights: Sequence[date], progress: Progress | None = None) -> Trial:
    """Perform the nights again and tell what differs. Nothing is posted."""
    with performed(home, nights, progress) as other:
        return compare(home, other, nights)


def _read_otherwise(sides: tuple[Home, Home], nights: Sequence[date]) -> pl.DataFrame:
    found = [
        (night, table)
        for night in nights
        for table in _READ
        if not store.read_table(sides[0], table, night).equals(store.read_table(sides[1], table, night))
    ]
    return pl.DataFrame(found, schema={"night": pl.Date, "table": pl.String}, orient="row")


def _matches(sides: tuple[Home, Home], nights: Sequence[date]) -> pl.DataFrame:
    """Matches that one side alone has: those of the same members, kind and residual are the same, whatever their id."""
    found = [_told_matches(side, nights[-1]).filter(pl.col("night") >= nights[0]) for side in sides]
    counted = []
    for name, (one, beside) in {"taken_back": found, "new": found[::-1]}.items():
        alone = one.join(beside, on=["leg", "told"], how="anti")
        counted.append(alone.group_by("night", "leg").agg(pl.len().cast(pl.Int64).alias(name)))
    totals = [
        side.group_by("night", "leg").agg(pl.len().cast(pl.Int64).alias(name))
        for side, name in zip(found, AMOUNT, strict=False)
    ]
    both = counted[0].join(counted[1], on=["night", "leg"], how="full", coalesce=True)
    for total in totals:
        both = both.join(total, on=["night", "leg"], how="left")
    return both.fill_null(0).sort("night", "leg")


def _told_matches(home: Home, last: date) -> pl.DataFrame:
    """The matches that hold after a night by what they are, each of the night that brought its last record."""
    match, members, gone = (
        store.scan_history(home, name, last + _DAY) for name in ("match", "match_member", "match_taken_back")
    )
    own = members.sort("match_id", *_RECORD).select(
        "match_id", told=pl.format("{}#{}", *_RECORD), night=delivered_on(pl.col("file"))
    )
    joined = own.group_by("match_id").agg(pl.col("told").str.join(" "), pl.col("night").max())
    held = match.join(gone, on="match_id", how="anti").drop("business_date").join(joined, on="match_id")
    return held.select("leg", "night", told=pl.format("{} {} {}", "kind", "residual_minor", "told")).collect()


def _cash(sides: tuple[Home, Home], last: date) -> pl.DataFrame:
    place = ["camt_file", "entry"]
    told = [
        store.scan_history(side, "cash_tie", last + _DAY)
        .filter(pl.col("business_date") == pl.col("business_date").max().over(place))
        .select(*place, pl.concat_str(["status", "ties_to"], separator=" ", ignore_nulls=True).alias(name))
        .collect()
        for side, name in zip(sides, AMOUNT, strict=False)
    ]
    both = told[0].join(told[1], on=place, how="full", coalesce=True)
    return both.filter(pl.col("standing").ne_missing(pl.col("performed"))).sort(place)


def _breaks(home: Home, night: date) -> pl.DataFrame:
    items = store.read_table(home, "open_item", night)
    return items.group_by("leg", "reason").agg(pl.len().cast(pl.Int64).alias("amount"))


def _rated(home: Home, night: date) -> pl.DataFrame:
    rated = store.scan_history(home, "rated", night + _DAY)
    key = ["contract", "period", "term", "selector", "unit"]
    return rated.group_by(key).agg(pl.col("quantity").sum().alias("amount")).collect()


def _statements(home: Home, night: date) -> pl.DataFrame:
    line = pl.concat_str(["term", "adjusts", "beneficiary"], separator=" ", ignore_nulls=True)
    return _last_told(home, night).select("contract", "period", "currency", line=line, amount="amount_minor").collect()


def _shares(home: Home, night: date) -> pl.DataFrame:
    """What the shares of each beneficiary of a contract come to, over all its periods."""
    partner = pl.concat_str(["contract", "beneficiary"], separator=" ")
    shares = _last_told(home, night).filter(pl.col("term") == SHARE)
    return shares.group_by("currency", partner=partner).agg(pl.col("amount_minor").sum().alias("amount")).collect()


def _last_told(home: Home, night: date) -> pl.LazyFrame:
    """Every line as its statement told it last."""
    rows = store.scan_history(home, "payout", night + _DAY).filter(~pl.col("state").is_in(TOLD_ONLY))
    return rows.filter(pl.col("business_date") == pl.col("business_date").max().over("contract", "period"))


def _balances(home: Home, night: date) -> pl.DataFrame:
    return store.read_table(home, "trial_balance", night).select("account", "currency", amount="balance_minor")


def _rated_otherwise(sides: tuple[Home, Home], night: date) -> list[str]:
    mine, theirs = (store.read_table(side, "rated_basis", night) for side in sides)
    return sorted(theirs.join(mine, on=["contract", "basis"], how="anti")["contract"])


def _compared(sides: Sequence[pl.DataFrame], key: Sequence[str]) -> pl.DataFrame:
    """The rows of both sides whose amounts differ; one that is missing is zero."""
    standing, again = (rows.rename({"amount": name}) for rows, name in zip(sides, AMOUNT, strict=False))
    both = standing.join(again, on=key, how="full", coalesce=True, nulls_equal=True)
    amounts = [pl.col(name).fill_null(0) for name in AMOUNT[:2]]
    told = both.with_columns(amounts).with_columns(difference=pl.col("performed") - pl.col("standing"))
    return told.filter(pl.col("difference") != 0).select(*key, *AMOUNT).sort(key)
