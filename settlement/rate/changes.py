"""What a night changes of one contract: contributions, the totals to date, and what accounts have under a limit.

A night is rated by what it touches: the contributions of the records reached are made as known before the night and as
known after it, and the totals of the night before change by the difference. So are those of the accounts and balances
that differ; of profits, which are few, all are made. What limits an account follows from all its units in the period:
these are kept as they are added, night by night.

``rated_from_all`` makes the same from all facts, for a contract that has no totals yet or whose basis has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import polars as pl

from settlement.model.contract import ContractVersion
from settlement.model.contract_measures import EventAccounts
from settlement.model.tables import TABLES
from settlement.rate.condensed import sums_of_all
from settlement.rate.facts import Facts
from settlement.rate.measures import ACCOUNT, by_account, limits, unlimited
from settlement.rate.reference_measures import days_reached
from settlement.rate.sums import SELECTOR, Sums, counted, in_64_bits, summed, sums_of

_TERM: Final = ["term", "period"]
_TOTAL: Final = [name for name in TABLES["rated_total"].schema if name != "contract"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """One contract after a night.

    Attributes
    ----------
    now, before:
        Contributions that hold now, and those that held before, of all that the night reaches.
    totals:
        The totals to date: table ``rated_total`` without the contract.
    accounts:
        What the night adds to the units of accounts: ``ACCOUNT``, ``units`` and ``rows``.
    """

    now: pl.DataFrame
    before: pl.DataFrame
    totals: pl.DataFrame
    accounts: pl.DataFrame

    @property
    def sums(self) -> Sums:
        """The totals as terms see them."""
        return sums_from(self.totals)


def by_change(versions: Sequence[ContractVersion]) -> bool:
    """Whether a contract counts what its records count together: accounts that count once are no such sum."""
    measures = [measure for version in versions for measure in version.contract.measures.values()]
    return not any(isinstance(measure, EventAccounts) for measure in measures)


def rated_from_all(
    versions: Sequence[ContractVersion], facts: Facts, rated: pl.DataFrame, units: pl.LazyFrame
) -> Rated:
    """One contract rated from all facts.

    Parameters
    ----------
    versions:
        The versions of the contract.
    facts:
        All that is known.
    rated:
        The contributions of earlier nights: what they add up to held before.
    units:
        What earlier nights have added to the units of accounts.
    """
    rows = unlimited(versions, facts)
    held = by_account(versions, rows)
    now = pl.concat([rows, limits(versions, held)])
    return Rated(
        now=now,
        before=rated,
        totals=_totals([summed(now)], counted(held)),
        accounts=_added([held, _negative(units.select(*ACCOUNT, "units", "rows").collect())]),
    )


def rated_by_change(
    versions: Sequence[ContractVersion], before: Facts, now: Facts, totals: pl.DataFrame, units: pl.LazyFrame
) -> Rated:
    """One contract rated by what a night reaches.

    Parameters
    ----------
    versions:
        The versions of the contract, the same as in the night before.
    before, now:
        The facts as known after the night before and after this one, with the records reached.
    totals:
        Table ``rated_total`` of the night before.
    units:
        What earlier nights have added to the units of accounts.
    """
    left, right = (unlimited(versions, facts) for facts in narrowed(versions, before, now))
    added = _added([by_account(versions, right), _negative(by_account(versions, left))])
    was = _units_of(added, units) if added.height else added
    held = _added([was, added])
    left, right = pl.concat([left, limits(versions, _held(was))]), pl.concat([right, limits(versions, _held(held))])
    counts = pl.concat([counted(_held(held)), counted(_held(was)).with_columns(-pl.col("accounts"))])
    return Rated(
        now=right,
        before=left,
        totals=_totals([_sums(totals), summed(right), _minus(summed(left))], counts, totals),
        accounts=added,
    )


def narrowed(versions: Sequence[ContractVersion], before: Facts, now: Facts) -> tuple[Facts, Facts]:
    """Both facts without the accounts and balances that give on both sides the same.

    An account gives something else where its state is another, or where a day on which it comes to count has come.
    """
    comes = _comes(versions, before.day, now.day)
    accounts = [_unlike(before.accounts, now.accounts), _unlike(now.accounts, before.accounts)]
    ids = pl.concat([rows["account_id"] for rows in (*accounts, now.accounts.filter(comes))]).implode()
    left, right = (
        replace(
            one,
            accounts=one.accounts.filter(pl.col("account_id").is_in(ids)),
            balances=_unlike(one.balances, other.balances),
        )
        for one, other in ((before, now), (now, before))
    )
    return left, right


def _unlike(rows: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """The rows that are not among others."""
    if rows is others:
        return rows.clear()
    return rows.join(others, on=rows.columns, how="anti", nulls_equal=True, maintain_order="left")


def _units_of(accounts: pl.DataFrame, units: pl.LazyFrame) -> pl.DataFrame:
    """What earlier nights have added up to for some accounts."""
    wanted = [pl.col(name).is_in(accounts[name].unique().implode()) for name in ("term", "period", "account_id")]
    some = units.filter(wanted).join(accounts.lazy(), on=ACCOUNT, how="semi").select(*ACCOUNT, "units", "rows")
    return _added([some.collect()])


def totals_on(versions: Sequence[ContractVersion], facts: Facts, totals: pl.DataFrame, day: date) -> pl.DataFrame:
    """The totals as known on a day between two nights, which brings no facts: accounts alone come to their day.

    ``facts`` and ``totals`` are those of a day before it. Where no account comes to a day, the same totals are given.
    """
    if not any_comes(versions, facts, day):
        return totals
    before = replace(facts, records=facts.records.clear())
    left, right = (summed(unlimited(versions, one)) for one in narrowed(versions, before, replace(before, day=day)))
    return _totals([_sums(totals), right, _minus(left)], totals.select(*_TERM, "accounts").clear(), totals)


def any_comes(versions: Sequence[ContractVersion], facts: Facts, day: date) -> bool:
    """Whether an account comes to a day on which it counts, or counts no more, by a day that brings no facts.

    ``facts`` are those of a day before it. Of all that is counted accounts alone ask what day it is.
    """
    return not facts.accounts.filter(_comes(versions, facts.day, day)).is_empty()


def sums_day_by_day(
    versions_of: Callable[[date], tuple[ContractVersion, ...]], facts_of: Callable[[date], Facts]
) -> Callable[[date], Sums]:
    """The sums of all facts as known after days that are asked for in their order.

    A day on which nothing can have changed has the sums of the one before: where the versions and the very records are
    the same, and no account comes to its day.
    """
    told: tuple[Facts, tuple[ContractVersion, ...], Sums] | None = None

    def sums(day: date) -> Sums:
        nonlocal told
        facts, known = facts_of(day), versions_of(day)
        if told is not None:
            before, versions, found = told
            if facts.records is before.records and known == versions and not any_comes(known, before, day):
                told = facts, known, found
                return found
        told = facts, known, sums_of_all(known, facts)
        return told[-1]

    return sums


def _comes(versions: Sequence[ContractVersion], before: date, now: date) -> pl.Expr:
    """Whether an account comes to such a day after a day and by a later one."""
    days = days_reached((version.contract for version in versions), pl.col("opened_on"))
    days += [pl.col("closed_on"), pl.col("first_purchase_on")]
    return pl.any_horizontal((one > before) & (one <= now) for one in days).fill_null(value=False)


def sums_from(totals: pl.DataFrame) -> Sums:
    """The sums of one contract as terms see them, from its totals."""
    return sums_of(totals, totals.select(*_TERM, "accounts").unique())


def _totals(parts: Sequence[pl.DataFrame], counts: pl.DataFrame, before: pl.DataFrame | None = None) -> pl.DataFrame:
    """The totals that parts come to, with the accounts counted; what has no contribution any more is gone."""
    told = [counts] if before is None else [before.select(*_TERM, "accounts").unique(), counts]
    accounts = pl.concat(told).group_by(_TERM).agg(pl.col("accounts").sum())
    return in_64_bits(
        pl.concat(parts)
        .group_by(SELECTOR)
        .agg(pl.col("quantity", "rows").sum())
        .filter(pl.col("rows") > 0)
        .join(accounts, on=_TERM, how="left")
        .with_columns(pl.col("accounts").fill_null(0))
        .select(_TOTAL)
        .sort(SELECTOR)
    )


def _sums(totals: pl.DataFrame) -> pl.DataFrame:
    return totals.select(*SELECTOR, pl.col("quantity").cast(pl.Int128()), "rows")


def _minus(totals: pl.DataFrame) -> pl.DataFrame:
    # Polars has no sign for 128 bits.
    return totals.with_columns(pl.col("quantity", "rows") * -1)


def _negative(accounts: pl.DataFrame) -> pl.DataFrame:
    return accounts.with_columns(-pl.col("units", "rows"))


def _added(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The units of accounts of several parts added up; what comes to nothing is left out."""
    added = pl.concat(parts).group_by(ACCOUNT).agg(pl.col("units", "rows").sum())
    return added.filter((pl.col("units") != 0) | (pl.col("rows") != 0))


def _held(accounts: pl.DataFrame) -> pl.DataFrame:
    """The accounts that have a contribution: of others no limit is asked."""
    return accounts.filter(pl.col("rows") > 0)
