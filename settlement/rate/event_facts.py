"""The facts of one contract as known after a day, from an events table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Final

import polars as pl

from settlement.errors import TerminalError
from settlement.model.contract import Contract, ContractVersion
from settlement.model.contract_measures import openings
from settlement.model.events import ACCOUNTS, DAYS, LINE, RECORDS, STANDING, EventKind, Events
from settlement.rate.contract_words import nearest
from settlement.rate.dating import ACCOUNT_DAY
from settlement.rate.disputes import AMOUNT, DISPUTED, RESTORING, in_dispute
from settlement.rate.facts import Calendars, Facts
from settlement.rate.links import ORIGIN

OF_ACCOUNT: Final = ("programme", "account_class", "channel")
"""What the events of an account, or the contract, tell where an event leaves it out."""
_ON: Final[Mapping[str, EventKind]] = {
    "opened_on": EventKind.ACCOUNT_OPENED,
    "closed_on": EventKind.ACCOUNT_CLOSED,
    "first_purchase_on": EventKind.ACCOUNT_FIRST_USED,
}
_NEVER_CONVERTED: Final = (EventKind.BALANCE, EventKind.PROFIT_LINE)
_IN_MONEY: Final = (*RECORDS, *_NEVER_CONVERTED)
_OPENING: Final = "opening_"
"""Begins the key of a term or a beneficiary that names an opening position."""
_MESSAGES: Final = (EventKind.CHARGEBACK.value, *RESTORING)
_MOST_REFERENCES: Final = 12
"""How many events may stand one after the other, each referring to the one before."""
_LOCATED: Final = (pl.col("event_id").alias("file"), pl.col(LINE).alias("record"))
"""An event is told as a file of its own, whose record is the line it stands on."""


def facts_on(events: Events, versions: Sequence[ContractVersion], day: date) -> Facts:
    """What is known after ``day`` of all that the versions of one contract measure.

    A negative event counts once the event it refers to stands. The first night, to which opening positions belong, is
    the day of the ``opening`` events; where there are none, the first day of the contract.

    Raises
    ------
    TerminalError
        Where an event contradicts another, or does not fit the contract.
    """
    rows = _of_programme(events, versions, events.standing(day))
    of = {kind: rows.filter(pl.col("kind") == kind) for kind in EventKind}
    accounts = _accounts(rows)
    told = _events(events, rows, accounts)
    return Facts(
        day=day,
        first_night=first_day(events, versions),
        records=_records(told),
        holders=pl.DataFrame(schema={"card_ref": pl.String}),
        stores=pl.Series(dtype=pl.String),
        accounts=accounts,
        balances=_balances(events, of[EventKind.BALANCE]),
        profits=_profits(events, of[EventKind.PROFIT_LINE]),
        opening=_opening(events, versions, of[EventKind.OPENING]),
        rates=_rates(events, of[EventKind.FX_RATE]),
        events=told,
        calendars=_calendars(events, rows.filter(pl.col("kind").is_in(DAYS))),
    )


def first_day(events: Events, versions: Sequence[ContractVersion]) -> date:
    """The first night of a contract: the one day of its opening positions, or the first day in force."""
    rows = events.rows.filter((pl.col("kind") == EventKind.OPENING) & _of_contract(versions))
    days = rows["event_date"].unique().sort().to_list()
    if len(days) > 1:
        line = rows.filter(pl.col("event_date") != days[0]).select(pl.col(LINE).min()).item()
        raise TerminalError(
            f"{events.at(line)}: opening positions are of {days[0]} and of {days[1]}; what was settled elsewhere ends "
            "on one day: give all the same event_date."
        )
    return days[0] if days else versions[0].effective


def _of_contract(versions: Sequence[ContractVersion]) -> pl.Expr:
    return (pl.col("contract") == versions[0].contract.id).fill_null(value=True)


def _of_programme(events: Events, versions: Sequence[ContractVersion], rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with their programme, the contract's where they say none.

    All money of it is in the contract's currency, but what a volume may convert: records in other currencies.
    """
    contracts = [version.contract for version in versions]
    programmes = sorted({contract.programme for contract in contracts})
    silent = rows.filter(pl.col("programme").is_null() & ~pl.col("kind").is_in(STANDING)).sort(LINE)
    if len(programmes) > 1 and silent.height:
        raise TerminalError(
            f"{events.at(silent[LINE][0])}: contract {contracts[0].id} is of {' and '.join(programmes)}: say "
            "the programme of each event."
        )
    told = rows.with_columns(pl.col("programme").fill_null(programmes[0]))
    currencies = {contract.currency for contract in contracts}
    kinds = _NEVER_CONVERTED if any(contract.exchange_dates for contract in contracts) else _IN_MONEY
    foreign = told.filter(
        pl.col("programme").is_in(programmes)
        & pl.col("kind").is_in(kinds)
        & ~pl.col("currency").is_in(list(currencies))
    ).sort(LINE)
    for row in foreign.head(1).iter_rows(named=True):
        raise TerminalError(
            f"{events.at(row[LINE])}: {row['kind']} {row['event_id']} is in {row['currency']}, but contract "
            f"{contracts[0].id} is settled in {' and '.join(sorted(currencies))}: write the amount in that, or the "
            "programme of another contract."
        )
    return told


def _events(events: Events, rows: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """All events that stand, in the shape of ``Facts.records``, with the event that each refers to at last.

    ``original_kind`` is the kind of what an event refers to, ``origin_kind`` that of what this refers to in turn, and
    so on; ``origin_file`` and the dates are those of the last. What refers to an event that does not stand waits.
    """
    origins = _origins(events, rows)
    named = rows.select(refers_to="event_id", original_kind="kind")
    last = rows.select(
        origin_file="event_id",
        origin_record=LINE,
        origin_kind="kind",
        origin_posting_date="posting_date",
        origin_transaction_date="event_date",
        origin_settlement_date="settlement_date",
    )
    told = (
        rows.join(origins, on="event_id", how="left")
        .filter(pl.col("refers_to").is_null() | pl.col("origin_file").is_not_null())
        .join(named, on="refers_to", how="left")
        .join(last, on="origin_file", how="left")
        .join(_of_account(accounts), on="account_id", how="left")
        .with_columns(
            *_LOCATED,
            pl.col("account_class").fill_null(pl.col("class_of_account")),
            transaction_date="event_date",
        )
        .drop("class_of_account")
    )
    return _in_dispute(told)


def _of_account(accounts: pl.DataFrame) -> pl.DataFrame:
    """What an event has of its account."""
    opened = pl.col("opened_on").alias(ACCOUNT_DAY)
    return accounts.select("account_id", opened, class_of_account="account_class")


def _in_dispute(events: pl.DataFrame) -> pl.DataFrame:
    """The events with what disputes of several messages are about, and its kind: ``about_kind``."""
    answered = events.filter(pl.col("kind") == EventKind.CHARGEBACK)
    about = pl.when(pl.col("kind").is_in(RESTORING)).then("about_file").otherwise("refers_to")
    things = events.select(
        pl.col("file").alias(DISPUTED[0]),
        pl.col("record").alias(DISPUTED[1]),
        pl.when(pl.col("kind") == EventKind.PURCHASE)
        .then("amount_minor")
        .otherwise(-pl.col("amount_minor"))
        .alias(AMOUNT),
        about_kind="kind",
    )
    told = (
        events.join(answered.select(refers_to="event_id", about_file="refers_to"), on="refers_to", how="left")
        .with_columns(pl.when(pl.col("kind").is_in(_MESSAGES)).then(about).alias(DISPUTED[0]))
        .join(things.drop(AMOUNT), on=DISPUTED[0], how="left")
    )
    return in_dispute(told, things.drop("about_kind"))


def _origins(events: Events, rows: pl.DataFrame) -> pl.DataFrame:
    """By ``event_id`` the event at the end of what it refers to, as ``origin_file``; none where one does not stand."""
    told = rows.select(target="event_id", further="refers_to")
    waiting = rows.filter(pl.col("refers_to").is_not_null()).select("event_id", target="refers_to")
    found = [pl.DataFrame(schema={"event_id": pl.String, "origin_file": pl.String})]
    for _ in range(_MOST_REFERENCES):
        met = waiting.join(told, on="target")
        found.append(met.filter(pl.col("further").is_null()).select("event_id", origin_file="target"))
        waiting = met.filter(pl.col("further").is_not_null()).select("event_id", target="further")
    if waiting.height:
        (line,) = rows.join(waiting, on="event_id", how="semi").select(pl.col(LINE).min()).row(0)
        raise TerminalError(f"{events.at(line)}: its refers_to leads on and on, perhaps in a circle: correct it.")
    return pl.concat(found)


def _records(events: pl.DataFrame) -> pl.DataFrame:
    """Card events that count, signed; of what takes back, the purchase that it takes back or gives back."""
    restored = pl.col("kind").is_in(RESTORING) & (pl.col("about_kind") == EventKind.PURCHASE)
    of_refund = (pl.col("original_kind") == EventKind.REFUND).fill_null(value=False)
    charged = (pl.col("kind") == EventKind.PURCHASE) | of_refund | restored
    bought = pl.col("origin_kind") == EventKind.PURCHASE
    return events.filter(pl.col("kind").is_in(RECORDS)).select(
        *("file", "record", "kind", "account_id", "account_class", "currency", "programme", "mcc"),
        *("posting_date", "transaction_date", "settlement_date", ACCOUNT_DAY, *DISPUTED, AMOUNT),
        *(pl.when(bought).then(name).alias(name) for name in ORIGIN),
        own_store=(pl.col("own_store") == "true").fill_null(value=False),
        net_minor=pl.when(charged).then("amount_minor").otherwise(-pl.col("amount_minor")),
    )


def _accounts(rows: pl.DataFrame) -> pl.DataFrame:
    """The state of each account: of every field what the latest event tells, and the days of its events."""
    of_kind = {name: pl.when(pl.col("kind") == kind).then("event_date") for name, kind in _ON.items()}
    return (
        rows.filter(pl.col("kind").is_in(ACCOUNTS))
        .sort("event_date", "event_id")
        .with_columns(**of_kind)
        .group_by("account_id", maintain_order=True)
        .agg(pl.col(name).drop_nulls().last() for name in (*OF_ACCOUNT, *_ON))
        .sort("account_id")
    )


def _once(events: Events, rows: pl.DataFrame, key: Sequence[str], what: str) -> None:
    """Refuse two events that tell the same."""
    for row in rows.filter(~pl.struct(key).is_first_distinct()).sort(LINE).head(1).iter_rows(named=True):
        raise TerminalError(
            f"{events.at(row[LINE])}: {row['event_id']} tells {what} that another event tells too: keep one "
            "of them, or give the later the event_id of the earlier."
        )


def _balances(events: Events, rows: pl.DataFrame) -> pl.DataFrame:
    _once(events, rows, ["account_id", "event_date"], "the balance of an account and day")
    return rows.select(
        *_LOCATED,
        *("account_id", "programme"),
        effective_on="event_date",
        statement_balance_minor="amount_minor",
    )


def _profits(events: Events, rows: pl.DataFrame) -> pl.DataFrame:
    lines = rows.with_columns(
        month=pl.col("event_date").dt.strftime("%Y-%m"), version=pl.col("version").cast(pl.Int64).fill_null(1)
    )
    _once(events, lines, ["programme", "month", "version", "item"], "the line of a month")
    highest = lines.filter(pl.col("version") == pl.col("version").max().over("programme", "month"))
    return highest.select(*_LOCATED, *("programme", "month", "version", "currency", "amount_minor"), line="item")


def _opening(events: Events, versions: Sequence[ContractVersion], rows: pl.DataFrame) -> dict[tuple[str, str], int]:
    """Opening positions: minor units, or a whole number of things."""
    own = rows.filter(_of_contract(versions))
    _once(events, own, ["item"], "the opening position")
    known = sorted({item for version in versions for item in opening_items(version.contract)})
    found = {}
    for row in own.sort(LINE).iter_rows(named=True):
        where = events.at(row[LINE])
        if row["item"] not in known:
            remedy = nearest(row["item"], known) if known else "leave the row out."
            raise TerminalError(f"{where}: the contract has no opening position `{row['item']}`; {remedy}")
        value = row["amount_minor"]
        if value is None:
            if "." in row["quantity"]:
                raise TerminalError(f"{where}: quantity {row['quantity']} is no whole number: write one, or an amount.")
            value = int(row["quantity"])
        found[versions[0].contract.id, row["item"]] = value
    return found


def opening_items(contract: Contract) -> set[str]:
    """The opening positions that a contract names."""
    found = {opening.item for measure in contract.measures.values() for opening in openings(measure)}
    for one in (*contract.terms, *contract.beneficiaries):
        said = {field.name: getattr(one, field.name) for field in fields(one) if field.name.startswith(_OPENING)}
        found |= {item for name, item in said.items() if item is not None and name != "opening_rate_date"}
    return found


def _rates(events: Events, rows: pl.DataFrame) -> pl.DataFrame:
    _once(events, rows, ["from_currency", "to_currency", "event_date"], "the rate of two currencies and a day")
    return rows.select("from_currency", "to_currency", "rate", rate_date="event_date")


def _calendars(events: Events, rows: pl.DataFrame) -> Calendars:
    _once(events, rows, ["calendar", "event_date"], "the day of a bank calendar")

    def told(calendar: str, _: date) -> dict[date, bool]:
        own = rows.filter(pl.col("calendar") == calendar)
        return {day: kind == EventKind.OPEN_DAY for day, kind in own.select("event_date", "kind").iter_rows()}

    return told
