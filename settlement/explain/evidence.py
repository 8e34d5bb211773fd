"""The records an amount rests on: contributions of all nights added up, their matches, and their source records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import polars as pl

from settlement import store
from settlement.store import Home

_LOCATOR: Final = ["file", "record"]
_CONTRIBUTION: Final = ["clause", "term", "period", "selector", "file", "record", "account_id", "unit"]

Place = tuple[str, int]
"""File and record number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One record of a delivered file; ``amount_minor`` is signed as the record is: a charge is positive.

    ``counted_minor`` is what a clearing record counts for in a volume: the same without cash-back.
    """

    file: str
    record: int
    what: str
    text: str
    day: date | None
    card_masked: str | None
    amount_minor: int | None
    currency: str | None
    counted_minor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchMember:
    """One record of a match; ``amount_minor`` is unsigned, in the currency in which the sides were compared."""

    side: str
    file: str
    record: int
    amount_minor: int
    currency: str
    source: Source | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchEvidence:
    """The match that a record is in, with all of its records; ``residual_minor`` is merchant less bank side."""

    match_id: str
    found_by: str
    leg: str
    kind: str
    cardinality: str
    known_on: date
    residual_minor: int
    residual_reason: str | None
    currency: str
    members: tuple[MatchMember, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What one record, account or balance adds to a term as known now.

    ``quantity`` is signed, in ``unit``: minor units of a currency, or a number of accounts. ``known_on`` is the night
    on which it first counted, ``changed_on`` the last on which it changed. ``rates`` tell in words at which exchange
    rates its amounts were converted, each with its date and record, and which date picks its rate or price.
    """

    term: str
    period: str
    selector: str
    quantity: int
    unit: str
    known_on: date
    changed_on: date
    file: str | None
    record: int | None
    account_id: str | None
    sources: tuple[Source, ...]
    matches: tuple[MatchEvidence, ...]
    rates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtotal:
    """All contributions of one term and selector added up."""

    term: str
    selector: str
    unit: str
    contributions: int
    quantity: int


def known(home: Home, table: str, night: date) -> pl.LazyFrame:
    """Rows of a table of all nights up to and including ``night``, with their ``business_date``."""
    return store.scan_history(home, table, night + timedelta(days=1))


def net_contributions(rated: pl.LazyFrame, *more: str) -> pl.DataFrame:
    """Contributions added up over the nights, what was taken back left out, the largest first.

    ``more`` are further columns of table ``rated`` by which they are told apart.
    """
    return (
        rated.group_by(*_CONTRIBUTION, *more)
        .agg(
            pl.col("quantity").sum(),
            pl.col("business_date").min().alias("known_on"),
            pl.col("business_date").max().alias("changed_on"),
        )
        .filter(pl.col("quantity") != 0)
        .sort(pl.col("quantity").abs() * -1, *_CONTRIBUTION, nulls_last=True)
        .collect()
    )


def subtotals(contributions: pl.DataFrame) -> tuple[Subtotal, ...]:
    """Contributions added up by term, selector and unit."""
    key = ["term", "selector", "unit"]
    sums = contributions.group_by(key).agg(pl.len().alias("contributions"), pl.col("quantity").sum()).sort(key)
    return tuple(Subtotal(**row) for row in sums.iter_rows(named=True))


def with_evidence(home: Home, night: date, contributions: pl.DataFrame) -> tuple[Contribution, ...]:
    """The contributions with their matches and source records, in the order given."""
    places = contributions.select(_LOCATOR).drop_nulls().unique()
    members, matches = _matches(home, night, places)
    sources = _sources(home, night, pl.concat([places, members.select(_LOCATOR)]).unique())
    evidence = _evidence(members, matches, sources)
    by_account = _account_sources(home, night, contributions)
    found = []
    for row in contributions.iter_rows(named=True):
        place = (row["file"], row["record"])
        own = (sources[place],) if place in sources else by_account.get(row["account_id"], ())
        found.append(
            Contribution(
                **{name: value for name, value in row.items() if name != "clause"},
                sources=own,
                matches=evidence.get(place, ()),
            )
        )
    return tuple(found)


def _matches(home: Home, night: date, places: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All members of the matches that the places are in, and those matches."""
    gone = known(home, "match_taken_back", night).select("match_id")
    members = known(home, "match_member", night).join(gone, on="match_id", how="anti")
    wanted = members.join(places.lazy(), on=_LOCATOR, how="semi").select("match_id").unique()
    found = members.join(wanted, on="match_id", how="semi").sort("match_id", "side", *_LOCATOR).collect()
    matches = known(home, "match", night).join(found.lazy().select("match_id"), on="match_id", how="semi")
    return found, matches.sort("leg", "match_id").collect()


def _evidence(
    members: pl.DataFrame, matches: pl.DataFrame, sources: Mapping[Place, Source]
) -> dict[Place, tuple[MatchEvidence, ...]]:
    """The matches of each record."""
    by_match: dict[str, list[MatchMember]] = {}
    for row in members.iter_rows(named=True):
        by_match.setdefault(row["match_id"], []).append(
            MatchMember(
                **{name: row[name] for name in ("side", "file", "record", "amount_minor", "currency")},
                source=sources.get((row["file"], row["record"])),
            )
        )
    found: dict[Place, tuple[MatchEvidence, ...]] = {}
    same = ("match_id", "leg", "kind", "cardinality", "residual_minor", "residual_reason", "currency")
    for row in matches.iter_rows(named=True):
        group = tuple(by_match[row["match_id"]])
        match = MatchEvidence(
            **{name: row[name] for name in same}, found_by=row["pass"], known_on=row["business_date"], members=group
        )
        for member in group:
            place = (member.file, member.record)
            found[place] = (*found.get(place, ()), match)
    return found


def _sources(home: Home, night: date, places: pl.DataFrame) -> dict[Place, Source]:
    """The records at the places, from whichever table they were read into."""
    found: dict[Place, Source] = {}
    for table, describe in (("clearing", _of_clearing), ("account_event", _of_account), ("pnl", _of_profit)):
        rows = known(home, table, night).join(places.lazy(), on=_LOCATOR, how="semi").collect()
        found |= {(row["file"], row["record"]): describe(row) for row in rows.iter_rows(named=True)}
    return found


def _account_sources(home: Home, night: date, contributions: pl.DataFrame) -> dict[str, tuple[Source, ...]]:
    """What the account feed told of each account that counts without a record of its own, balances left out."""
    accounts = contributions.filter(pl.col("file").is_null()).select("account_id").drop_nulls().unique()
    if accounts.is_empty():
        return {}
    rows = (
        known(home, "account_event", night)
        .join(accounts.lazy(), on="account_id", how="semi")
        .filter(pl.col("event") != "STATEMENT")
        .sort("account_id", "business_date", *_LOCATOR)
        .collect()
    )
    return _by_account(rows)


def account_changes(home: Home, since: date, until: date, accounts: pl.DataFrame) -> dict[str, tuple[Source, ...]]:
    """What the account feed told of accounts after the one night and up to the other, balances left out, by account."""
    rows = (
        known(home, "account_event", until)
        .filter((pl.col("business_date") > since) & (pl.col("event") != "STATEMENT"))
        .join(accounts.lazy().select("account_id"), on="account_id", how="semi")
        .sort("account_id", "business_date", *_LOCATOR)
        .collect()
    )
    return _by_account(rows)


def _by_account(rows: pl.DataFrame) -> dict[str, tuple[Source, ...]]:
    found: dict[str, tuple[Source, ...]] = {}
    for row in rows.iter_rows(named=True):
        found[row["account_id"]] = (*found.get(row["account_id"], ()), _of_account(row))
    return found


def _of_clearing(row: Mapping[str, Any]) -> Source:
    references = (("ARN", row["arn"]), ("order", row["order_ref"]), ("approval", row["authorisation_code"]))
    return Source(
        file=row["file"],
        record=row["record"],
        what=row["kind"],
        text=_join([row["merchant_name"], *(f"{name} {value}" for name, value in references if value)]),
        day=row["transaction_date"],
        card_masked=row["card_masked"],
        amount_minor=row["direction"] * row["amount_minor"],
        currency=row["currency"],
        counted_minor=row["direction"] * (row["amount_minor"] - (row["cashback_minor"] or 0)),
    )


def _of_account(row: Mapping[str, Any]) -> Source:
    told = {
        "class": row["account_class"],
        "channel": row["channel"],
        "opened": row["opened_on"],
        "closed": row["closed_on"],
        "first purchase": row["first_purchase_on"],
    }
    return Source(
        file=row["file"],
        record=row["record"],
        what=f"account {row['event']}",
        text=_join([row["account_id"], *(f"{name} {value}" for name, value in told.items() if value)]),
        day=row["effective_on"],
        card_masked=None,
        amount_minor=row["statement_balance_minor"],
        currency=row["currency"],
    )


def _of_profit(row: Mapping[str, Any]) -> Source:
    return Source(
        file=row["file"],
        record=row["record"],
        what=f"profit and loss {row['line']}",
        text=f"{row['programme']} {row['month']} version {row['version']}",
        day=None,
        card_masked=None,
        amount_minor=row["amount_minor"],
        currency=row["currency"],
    )


def _join(parts: Iterable[str | None]) -> str:
    return ", ".join(part for part in parts if part)
