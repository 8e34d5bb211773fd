"""The facts known at a night: what counts, accounts, balances, profits and opening positions, from all nights so far.

``gather`` reads the tables of this night and of the nights before it and folds them. With an earlier day of knowledge
it leaves out what came later, as if that day were tonight: a statement that nobody could close on its last day, because
no files came, is closed as known then. ``with_records`` describes the records that a night reaches, and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Final

import polars as pl

from settlement.model.packs import PACKED
from settlement.model.stage import StageInput
from settlement.model.tables import TABLES
from settlement.model.versions import latest, open_days, standing
from settlement.rate.dating import ACCOUNT_DAY
from settlement.rate.links import KINDS, LOCATOR, MERCHANT_LEG, counting_records

_BANK: Final = [
    *LOCATOR,
    *("direction", "posting_date", "transaction_date", "settlement_date"),
    *("amount_minor", "cashback_minor", "currency"),
    *("card_ref", "arn", "rrn", "mcc", "merchant_number"),
]
_MERCHANT: Final = [*LOCATOR, "feed", "order_ref", "original_ref"]
CLEARING: Final = [*dict.fromkeys((*_BANK, *_MERCHANT, "side", "kind"))]
"""The columns of clearing records that are asked for."""
_ACCOUNT_STATE: Final = ["programme", "account_class", "channel", "opened_on", "closed_on", "first_purchase_on"]
REFERENCES: Final = ("file", "account_event", "enrolment", "store", "opening_position", "fx_rate", "pnl")
"""The tables that ``standing_facts`` reads."""


Calendars = Callable[[str, date], Mapping[date, bool]]
"""The days that a bank calendar has told up to a day, and whether each is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known after the night of ``day``.

    Attributes
    ----------
    records:
        Counting clearing records with ``programme``, ``account_id``, ``account_class``, ``own_store``, ``net_minor``
        (without cash-back, positive where the cardholder is charged, as by a purchase or by the reversal of a refund,
        negative where it is credited), ``ACCOUNT_DAY``, the dates of the purchase referred to, and of the messages of a
        dispute what it is about (``disputes``).
    holders:
        One row a card and span of days: account, class, ``ACCOUNT_DAY`` and programme.
    stores:
        The merchant numbers of the partners' stores.
    accounts:
        One row an account: class, channel, opening, closing and first purchase date.
    balances:
        One row an account and month-end, ``statement_balance_minor``.
    profits:
        Profit-and-loss lines of the highest version known of each programme and month.
    opening:
        Opening positions by contract and item; an item that has not come is 0.
    rates:
        One row a pair of currencies and date, the exchange rate as the latest file told it.
    calendars:
        Tells the days of bank calendars; None where nothing tells any. It is asked where a contract names a bank
        calendar, and nowhere else.
    events:
        All events of an events table, with their attributes; None in a night, where the other facts tell them.
    """

    day: date
    first_night: date
    records: pl.DataFrame
    holders: pl.DataFrame
    stores: pl.Series
    accounts: pl.DataFrame
    balances: pl.DataFrame
    profits: pl.DataFrame
    opening: Mapping[tuple[str, str], int]
    rates: pl.DataFrame
    events: pl.DataFrame | None = None
    calendars: Calendars | None = None

    def rates_of(self, one: str, other: str) -> Mapping[date, str]:
        """Units of ``other`` for one of ``one`` by date, as the feed writes them."""
        told = (pl.col("from_currency") == one) & (pl.col("to_currency") == other)
        return dict(self.rates.filter(told).select("rate_date", "rate").iter_rows())

    def open_days(self, calendar: str) -> Mapping[date, bool]:
        """Of a bank calendar the days that are told, and whether each is open, as known after the facts' day."""
        return {} if self.calendars is None else self.calendars(calendar, self.day)


def no_facts(day: date, first_night: date, opening: Mapping[tuple[str, str], int]) -> Facts:
    """Facts after ``day`` of which nothing is told but opening positions."""
    nothing = pl.DataFrame()
    return Facts(
        day=day,
        first_night=first_night,
        records=nothing,
        holders=nothing,
        stores=pl.Series(dtype=pl.String()),
        accounts=nothing,
        balances=nothing,
        profits=nothing,
        opening=opening,
        rates=nothing,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Clearing records of both sides and members of their matches, each with the night on which it became known.

    No record outside is joined with one inside by a reference, a match or an order: what counts of them, and which
    purchase each refers to, follows from them alone.
    """

    clearing: pl.LazyFrame
    members: pl.LazyFrame


def gather(inputs: StageInput, day: date) -> Facts:
    """The facts known after ``day``, which is this night or an earlier day."""
    return with_all_records(gather_standing(inputs, day), inputs)


def gather_standing(inputs: StageInput, day: date) -> Facts:
    """The same with no record."""
    told = {name: known(inputs, name, PACKED[name]) for name in REFERENCES}
    facts = standing_facts(told, first_night(told["file"], inputs.business_date), day)
    return replace(facts, calendars=calendars(inputs, told["file"]))


def calendars(inputs: StageInput, files: pl.LazyFrame) -> Calendars:
    """What the feeds of bank calendars have told; it is read as it is asked for, once for each calendar and day."""
    rows = cache(lambda: known(inputs, "calendar_day", ["file", "record", "retracted", "calendar", "day", "kind"]))
    return cache(lambda calendar, day: open_days(rows(), files, calendar, day))


def with_all_records(facts: Facts, inputs: StageInput) -> Facts:
    """The facts with all that counts, as known after the facts' day."""
    counts = known(inputs, "clearing", CLEARING).filter(pl.col("kind").is_in(KINDS))
    members = merchant_members(*standing_matches(inputs, facts.day))
    return with_records(facts, Reached(clearing=counts, members=members))


def with_records(facts: Facts, reached: Reached) -> Facts:
    """The facts with what counts of the records reached, as known after the facts' day."""
    then = pl.col("business_date") <= facts.day
    clearing, members = reached.clearing.filter(then), reached.members.filter(then)
    bank, merchant = (
        clearing.filter(pl.col("side") == side).select(*columns, "kind").collect()
        for side, columns in (("bank", _BANK), ("merchant", _MERCHANT))
    )
    records = counting_records(bank, merchant, members.drop("business_date").collect())
    return replace(facts, records=_describe(records, facts.holders, facts.stores))


def standing_facts(references: Mapping[str, pl.LazyFrame], first: date, day: date) -> Facts:
    """The facts known after ``day`` with no record: what grows with accounts and days, not with records.

    Parameters
    ----------
    references:
        The rows of ``REFERENCES``, each with the ``business_date`` on which it became known.
    first:
        The first night.
    """
    told = {name: rows.filter(pl.col("business_date") <= day) for name, rows in references.items()}
    files = told["file"]
    events = standing("account_event", told["account_event"], files).collect()
    accounts = _fold_accounts(events)
    holders = _holders(latest("enrolment", told["enrolment"], files).collect(), accounts)
    own = latest("store", told["store"], files).select("merchant_number").collect()["merchant_number"]
    opening = latest("opening_position", told["opening_position"], files).collect()
    return Facts(
        day=day,
        first_night=first,
        records=_describe(_no_record(), holders, own),
        holders=holders,
        stores=own,
        accounts=accounts,
        balances=_balances(events),
        profits=_profits(standing("pnl", told["pnl"], files).collect()),
        opening={(row["contract"], row["item"]): row["value"] for row in opening.iter_rows(named=True)},
        rates=latest("fx_rate", told["fx_rate"], files).collect(),
    )


def first_night(files: pl.LazyFrame, night: date) -> date:
    """The first night that brought a file here, whose periods the opening positions belong to.

    ``files`` has the ``business_date`` of all files; where there is none, this night is the first.
    """
    return files.select(pl.col("business_date").min()).collect().item() or night


def known(
    inputs: StageInput, table: str, columns: Sequence[str], nights: Collection[date] | None = None
) -> pl.LazyFrame:
    """Rows of a table, all or those of some nights, with the ``business_date`` on which they became known."""
    earlier = inputs.history[table] if nights is None else inputs.of_nights(table, nights)
    told = [earlier.select(*columns, "business_date")]
    if nights is None or inputs.business_date in nights:
        tonight = inputs.tonight(table).with_columns(pl.lit(inputs.business_date, pl.Date).alias("business_date"))
        told.append(tonight.select(*columns, "business_date"))
    return pl.concat(told)


def standing_matches(
    inputs: StageInput, day: date, nights: Collection[date] | None = None
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Matches of all or of some nights, with their leg, and their members, without what was taken back up to a day."""
    matches = known(inputs, "match", ["match_id", "leg"], nights)
    members = known(inputs, "match_member", ["match_id", "side", *LOCATOR], nights)
    # Other nights than those that restate take nothing back, and are not opened.
    restating = [one.business_date for one in inputs.restatements if one.business_date <= day]
    if not restating:
        return matches, members
    gone = known(inputs, "match_taken_back", ["match_id"], restating).collect()["match_id"]
    stand = ~pl.col("match_id").is_in(gone.implode())
    return matches.filter(stand), members.filter(stand)


def merchant_members(matches: pl.LazyFrame, members: pl.LazyFrame) -> pl.LazyFrame:
    """The members of matches with the merchant side: those of few matches, of other legs, are left out."""
    others = matches.filter(pl.col("leg") != MERCHANT_LEG).select("match_id").collect()
    return members.join(others.lazy(), on="match_id", how="anti") if others.height else members


def _fold_accounts(events: pl.DataFrame) -> pl.DataFrame:
    """The state of each account: of every field the value that the latest event tells."""
    return (
        events.sort("effective_on", maintain_order=True)
        .group_by("account_id", maintain_order=True)
        .agg(pl.col(name).drop_nulls().last() for name in _ACCOUNT_STATE)
        .sort("account_id")
    )


def _balances(events: pl.DataFrame) -> pl.DataFrame:
    told = events.filter((pl.col("event") == "STATEMENT") & pl.col("statement_balance_minor").is_not_null())
    return told.unique(subset=["account_id", "effective_on"], keep="last", maintain_order=True).select(
        *LOCATOR, "account_id", "programme", "effective_on", "statement_balance_minor"
    )


def _profits(lines: pl.DataFrame) -> pl.DataFrame:
    highest = lines.filter(pl.col("version") == pl.col("version").max().over("programme", "month"))
    return highest.unique(subset=["programme", "month", "line"], keep="last", maintain_order=True)


def _holders(enrolment: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """The account that holds each card from ``starts`` to the day before ``ends``, its programme and class."""
    spans = enrolment.sort("card_ref", "valid_from").select(
        *("card_ref", "account_id", "programme"),
        # A card belongs to its first account from the beginning, so that no record falls out for a late enrolment.
        starts=pl.when(pl.col("card_ref").is_first_distinct())
        .then(pl.lit(date.min, pl.Date))
        .otherwise(pl.col("valid_from")),
        ends=pl.col("valid_from").shift(-1, fill_value=date.max).over("card_ref"),
    )
    told = accounts.select("account_id", "account_class", pl.col("opened_on").alias(ACCOUNT_DAY))
    return spans.join(told, on="account_id", how="left")


@cache
def _no_record() -> pl.DataFrame:
    """Counting records before there are any, which nobody changes."""
    schemas = TABLES["clearing"].schema, TABLES["clearing"].schema, TABLES["match_member"].schema
    columns = (*_BANK, "kind"), (*_MERCHANT, "kind"), ("match_id", "side", *LOCATOR)
    bank, merchant, members = (
        pl.DataFrame(schema={name: schema[name] for name in names})
        for schema, names in zip(schemas, columns, strict=True)
    )
    return counting_records(bank, merchant, members)


def _describe(records: pl.DataFrame, holders: pl.DataFrame, stores: pl.Series) -> pl.DataFrame:
    """Add to each record its account, programme and class, whether the store is the partner's, and its net amount."""
    day = pl.coalesce("transaction_date", "posting_date")
    amount = pl.col("amount_minor") - pl.col("cashback_minor").fill_null(0)
    gone = ("direction", "starts", "ends", "card_ref", "amount_minor", "cashback_minor")
    return (
        records.lazy()
        .join(holders.lazy(), on="card_ref")
        .filter((pl.col("starts") <= day) & (day < pl.col("ends")))
        .with_columns(
            own_store=pl.col("merchant_number").is_in(stores.implode()).fill_null(value=False),
            net_minor=pl.col("direction") * amount,
        )
        .drop(gone)
        .collect()
    )
