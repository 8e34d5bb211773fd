"""The data-quality suites as data: what each table must be, said in one sentence a rule.

A suite names its table, the rows it judges and its rules. The rules are plain values: ``quality.py`` turns them into
Great Expectations. Only rules that count failing rows are used, none that reports a value it saw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

import polars as pl

from settlement.check import measures
from settlement.model.clearing import (
    BreakReason,
    CashStatus,
    Fate,
    ItemState,
    Kind,
    Nearest,
    RejectReason,
    Side,
    StatementState,
    Why,
)
from settlement.model.dates import PERIOD_TEXT
from settlement.model.money import EXPONENTS

Rows = Callable[[date, measures.Tables], pl.DataFrame]
"""Gives the rows of a suite on a night of its tables."""


class Form(StrEnum):
    """The forms a rule can take."""

    PRESENT = "present"
    UNIQUE = "unique"
    ONE_OF = "one of"
    BETWEEN = "between"
    MATCHES = "matches"
    NEVER_MATCHES = "never matches"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule on one column, or on several that are unique together. ``text`` is what people read."""

    form: Form
    columns: tuple[str, ...]
    text: str
    values: tuple[str, ...] | tuple[int, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    pattern: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One suite: a table, the rows of it that are judged, and the rules for them."""

    name: str
    table: str
    title: str
    rules: tuple[Rule, ...]
    rows: Rows

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rules look at, each once, in order."""
        return tuple(dict.fromkeys(column for rule in self.rules for column in rule.columns))


def present(column: str) -> Rule:
    """The column is never empty."""
    return Rule(form=Form.PRESENT, columns=(column,), text=f"{column} is never empty.")


def unique(*columns: str) -> Rule:
    """No two rows agree on all of these columns."""
    return Rule(form=Form.UNIQUE, columns=columns, text=f"No two rows share the same {', '.join(columns)}.")


def one_of(column: str, words: tuple[str, ...] | tuple[int, ...]) -> Rule:
    """The column is empty or one of the words of a closed list."""
    text = f"{column} is one of: {', '.join(map(str, words))}."
    return Rule(form=Form.ONE_OF, columns=(column,), values=words, text=text)


def currency(column: str = "currency") -> Rule:
    """The column is empty or an ISO 4217 code with minor units."""
    text = f"{column} is a code of ISO 4217 that has minor units."
    return Rule(form=Form.ONE_OF, columns=(column,), values=tuple(sorted(EXPONENTS)), text=text)


def at_least(column: str, minimum: int) -> Rule:
    """The column is empty or at least ``minimum``."""
    return Rule(form=Form.BETWEEN, columns=(column,), minimum=minimum, text=f"{column} is {minimum} or more.")


def zero(column: str, text: str) -> Rule:
    """The column is empty or zero."""
    return Rule(form=Form.BETWEEN, columns=(column,), minimum=0, maximum=0, text=text)


def between(column: str, minimum: int | None, maximum: int | None, text: str) -> Rule:
    """The column is empty or inside the bounds, both included."""
    return Rule(form=Form.BETWEEN, columns=(column,), minimum=minimum, maximum=maximum, text=text)


def told(column: str, instead: str = "") -> Rule:
    """The column of the clearing records, or the one instead of it, is never empty, except for fee collections."""
    other = f" or its {instead}" if instead else ""
    return zero(f"{column}_missing", f"Every record of a transaction tells its {column}{other}.")


def matches(column: str, pattern: str, text: str) -> Rule:
    """The column is empty or matches the pattern."""
    return Rule(form=Form.MATCHES, columns=(column,), pattern=pattern, text=text)


def no_card_number(column: str) -> Rule:
    """The column holds no run of 13 to 19 digits that could be a card number."""
    text = f"{column} holds no run of digits as long as a card number."
    return Rule(form=Form.NEVER_MATCHES, columns=(column,), pattern=r"(?:^|[^0-9])[0-9]{13,19}(?:[^0-9]|$)", text=text)


# Groups without numbers: what asks only whether a text fits warns of others.
_PERIOD: Final = f"^{PERIOD_TEXT}$".replace("(?:", "(").replace("(", "(?:")
_MASKED: Final = matches(
    "card_masked", r"^[0-9]{6}\*{3,9}[0-9]{4}$", "card_masked shows the first six and the last four digits, no more."
)
_FEED: Final = (
    pl.when(pl.col("feed").str.contains(r"^[a-z][a-z0-9_]{0,39}$")).then(pl.col("feed")).otherwise(pl.lit("other"))
)
_SIDE: Final = pl.when(pl.col("side").is_in(list(Side))).then(pl.col("side")).otherwise(pl.lit("other"))
_LOCATED: Final = (present("file"), at_least("record", 1), unique("file", "record"))


def _suite(table: str, title: str, *rules: Rule, rows: Rows | None = None) -> Suite:
    """The suite of a table: of its rows as they are, or as ``rows`` measures them."""
    return Suite(name=table, table=table, title=title, rules=rules, rows=rows or (lambda _, tables: tables[table]))


# Every feed of clearing records is judged by the first list and by the list of its side.
CLEARING: Final[tuple[Rule, ...]] = (
    *_LOCATED,
    one_of("kind", tuple(Kind)),
    one_of("direction", (1, -1)),
    at_least("amount_minor", 0),
    currency(),
    at_least("transaction_amount_minor", 0),
    currency("transaction_currency"),
    at_least("cashback_minor", 0),
    at_least("tip_minor", 0),
    zero("total_off_minor", "What the cardholder paid is the amount plus the tip and cash-back told beside it."),
    told("card_masked", "member_id"),
    told("transaction_date"),
    _MASKED,
    matches("arn", r"^[0-9]{23}$", "An acquirer reference number has 23 digits."),
    matches("mcc", r"^[0-9]{4}$", "A merchant category code has four digits."),
    no_card_number("merchant_name"),
    at_least("delivered_after_days", 0),
    between(
        "posted_after_days",
        -3,
        730,
        "A transaction is posted within two years, and at most three days (zones, clocks) before its own date.",
    ),
)
CLEARING_BY_SIDE: Final[dict[str, tuple[Rule, ...]]] = {
    Side.BANK: (
        told("card_ref"),
        told("arn", "rrn"),
        between("cashback_over_minor", None, 0, "Cash-back is a part of the amount."),
    ),
    Side.MERCHANT: (
        told("order_ref", "member_id"),
        at_least("base_miles", 0),
        at_least("bonus_miles", 0),
        at_least("purchases", 1),
    ),
}

SUITES: Final[tuple[Suite, ...]] = (
    _suite(
        "statement_entry",
        "Bank statement entries",
        *_LOCATED,
        unique("account", "entry_ref"),
        at_least("amount_minor", 1),
        currency(),
        matches(
            "code", r"^[A-Za-z0-9/.-]{1,35}$", "code is a short code of letters and digits, its levels parted by /."
        ),
        between("value_after_days", -31, 31, "Booking and value date lie at most a month apart."),
        rows=measures.statement_entry,
    ),
    _suite(
        "account_event",
        "Account events",
        *_LOCATED,
        present("account_id"),
        present("programme"),
        one_of("event", ("SNAPSHOT", "OPEN", "ACTIVATE", "CLOSE", "STATEMENT")),
        at_least("activated_after_days", 0),
        at_least("closed_after_days", 0),
        zero("statements_without_balance", "Every STATEMENT tells a balance."),
        currency(),
        rows=measures.account_event,
    ),
    _suite(
        "enrolment",
        "Cards of accounts",
        *_LOCATED,
        present("account_id"),
        present("card_ref"),
        unique("card_ref", "valid_from"),
        _MASKED,
    ),
    _suite(
        "store",
        "Own stores",
        *_LOCATED,
        present("merchant_number"),
        unique("merchant_number"),
        present("store_id"),
    ),
    _suite(
        "fx_rate",
        "Exchange rates",
        *_LOCATED,
        unique("rate_date", "from_currency", "to_currency"),
        currency("from_currency"),
        currency("to_currency"),
        matches("rate", r"^0*(?:[1-9][0-9]*(?:\.[0-9]+)?|0?\.[0-9]*[1-9][0-9]*)$", "rate is a decimal above zero."),
    ),
    _suite(
        "opening_position",
        "Balances from before the first night",
        *_LOCATED,
        unique("contract", "item"),
        present("unit"),
    ),
    _suite(
        "pnl",
        "Monthly profit and loss",
        *_LOCATED,
        unique("programme", "month", "version", "line"),
        matches("month", r"^[0-9]{4}-(?:0[1-9]|1[0-2])$", "month is a calendar month, YYYY-MM."),
        one_of("line", ("INTEREST", "FEES", "LOSSES", "COST_OF_FUNDS", "OPEX")),
        at_least("version", 1),
        at_least("amount_minor", 0),
        currency(),
    ),
    _suite(
        "file",
        "Delivered files",
        present("file"),
        unique("file"),
        one_of("fate", tuple(Fate)),
        one_of("why", tuple(Why)),
        matches("sha256", r"^[0-9a-f]{64}$", "sha256 is a digest of 64 hexadecimal digits."),
        at_least("size_bytes", 0),
        at_least("records", 0),
    ),
    _suite(
        "reject",
        "Rows that could not be used",
        *_LOCATED,
        one_of("reason", tuple(RejectReason)),
        no_card_number("preview"),
        currency(),
    ),
    _suite(
        "match",
        "Matches",
        unique("match_id"),
        present("pass"),
        present("leg"),
        one_of("cardinality", ("1:1", "1:N", "N:1")),
        zero("cardinality_wrong", "The cardinality is what the members of the match count to."),
        zero("residual_off_minor", "The residual is the merchant side of the match minus its bank side."),
        zero("exact_residual_minor", "An exact match leaves no residual, and neither does a shifted date."),
        zero("unexplained_difference", "Every amount difference has its reason."),
        currency(),
        rows=measures.match,
    ),
    _suite(
        "match_member",
        "Records inside matches",
        present("match_id"),
        present("leg"),
        unique("leg", "file", "record"),
        one_of("side", tuple(Side)),
        at_least("amount_minor", 0),
        currency(),
        rows=measures.match_member,
    ),
    _suite(
        "open_item",
        "Open items at the night's close",
        unique("leg", "file", "record"),
        one_of("reason", tuple(BreakReason)),
        one_of("nearest_condition", tuple(Nearest)),
        one_of("state", tuple(ItemState)),
        one_of("side", tuple(Side)),
        at_least("age_days", 0),
        zero("age_off_days", "The age is counted from the night on which the item was first open."),
        zero("also_matched", "No open item is matched on the same leg."),
        at_least("amount_minor", 0),
        currency(),
        rows=measures.open_item,
    ),
    _suite(
        "cash_tie",
        "Cash against files",
        unique("camt_file", "entry"),
        one_of("status", tuple(CashStatus)),
        at_least("amount_minor", 1),
        currency(),
        zero("diff_off_minor", "The difference is what was received minus what the file gives."),
        zero("tied_diff_minor", "A tied entry has no difference."),
        between("short_diff_minor", None, -1, "An entry short by a fee is short."),
        zero("tied_to_nothing", "An entry that is tied names its file."),
        rows=measures.cash_tie,
    ),
    _suite(
        "rated",
        "Contributions to terms of contracts",
        present("contract"),
        present("clause"),
        present("term"),
        matches("period", _PERIOD, "period is a year, or a part of one down to a day."),
        present("unit"),
        zero("locator_torn", "File and record stand together or not at all."),
        unique("contract", "term", "period", "selector", "file", "record", "account_id", "quantity"),
        rows=measures.rated,
    ),
    _suite(
        "payout",
        "Statements",
        unique("contract", "period", "term", "beneficiary", "adjusts"),
        matches("period", _PERIOD, "period is a year, or a part of one down to a day."),
        one_of("state", tuple(StatementState)),
        present("clause"),
        currency(),
        zero("known_off_days", "Every line is as of this night."),
        at_least("paid_minor", 0),
        zero("split_off_minor", "The shares of a statement add up to its terms, to the minor unit."),
        zero("statement_off_minor", "What is earned and carried in is paid out or carried on, to the minor unit."),
        rows=measures.payout,
    ),
    _suite(
        "trial_balance",
        "Trial balance",
        unique("account", "currency"),
        present("account"),
        currency(),
        at_least("debit_minor", 0),
        at_least("credit_minor", 0),
        zero("balance_off_minor", "A balance is debits minus credits."),
        zero("currency_sum_minor", "Debits equal credits in each currency."),
        rows=measures.trial_balance,
    ),
    _suite(
        "payable",
        "What partners are owed",
        unique("beneficiary", "contract", "period"),
        one_of("state", (StatementState.CLOSED, StatementState.PREVIEW)),
        at_least("amount_minor", 0),
        currency(),
    ),
)


def clearing_suites(clearing: pl.DataFrame) -> tuple[Suite, ...]:
    """One suite for each feed and side of the night's clearing records, in order of their names.

    Feeds are named by the layouts. A name that is no plain word never becomes the name of a page: such feeds are
    judged together as ``other``, and so are sides outside the closed list.
    """
    named = clearing.select(feed=_FEED, side=_SIDE).unique().sort("feed", "side")
    return tuple(_clearing_suite(feed, side) for feed, side in named.iter_rows())


def _clearing_suite(feed: str, side: str) -> Suite:
    def rows(day: date, tables: measures.Tables) -> pl.DataFrame:
        return measures.clearing(day, tables).filter(_FEED.eq(feed), _SIDE.eq(side))

    return Suite(
        name=f"clearing.{feed}.{side}",
        table="clearing",
        title=f"Clearing records of feed {feed}, {side} side",
        rules=(*CLEARING, *CLEARING_BY_SIDE.get(side, (one_of("side", tuple(Side)),))),
        rows=rows,
    )
