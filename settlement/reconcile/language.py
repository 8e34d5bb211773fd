"""The language of rules for any two files: what may stand in ``rules.toml``, word by word.

These classes are the language's only definition: reading checks a document against them, the JSON Schema is made from
them, and the sentences about mistakes take their nearest right word from them.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from settlement.model.money import is_currency

ALIAS: Final = "alias:"
"""A normaliser that replaces values by a table: ``alias:merchants`` looks into ``[alias.merchants]``, or into the file
of ``[alias_file.merchants]``."""

PLAIN_NORMALISERS: Final = (
    *("trim", "lower", "upper", "digits_only", "letters_and_digits", "no_leading_zeros"),
    *("masked_card", "last4"),
)

Word = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
Column = Annotated[str, Field(min_length=1)]
Columns = Annotated[tuple[Column, ...], Field(strict=False, min_length=1)]
Cardinality = Literal["1:1", "1:N", "N:1", "N:M"]
Condition = dict[Column, Annotated[tuple[str, ...], Field(strict=False, min_length=1)]]
Minor = Annotated[int, Field(ge=0, lt=10**15)]
Bps = Annotated[int, Field(ge=0, le=10_000)]
Days = Annotated[int, Field(ge=0, le=3660)]


class Part(BaseModel):
    """A table of the document: exact types, no unknown words, never changed."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Amount(Part):
    """Where a side tells its amount, in which unit and currency, and with which sign.

    ``add_back`` names columns in the same unit and currency, such as fees: a net amount and its fees make the gross
    amount that is compared. ``take_off`` names columns to subtract. ``negate`` turns the sign of the whole side.
    """

    column: Column
    unit: Literal["minor", "major"]
    currency: str | None = None
    currency_column: Column | None = None
    decimal_mark: Literal[".", ","] = "."
    thousands_mark: Literal[",", ".", " ", "'"] | None = None
    sign_column: Column | None = None
    negative: Annotated[tuple[str, ...], Field(strict=False)] = ()
    positive: Annotated[tuple[str, ...], Field(strict=False)] = ()
    add_back: Annotated[tuple[Column, ...], Field(strict=False)] = ()
    take_off: Annotated[tuple[Column, ...], Field(strict=False)] = ()
    negate: bool = False

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if (self.currency is None) == (self.currency_column is None):
            raise ValueError('write either `currency = "USD"` for all rows or `currency_column = "..."`')
        if self.currency is not None and not is_currency(self.currency):
            raise ValueError(f"{self.currency!r} is no ISO 4217 code: write one such as USD")
        if (self.sign_column is None) != (not self.negative):
            raise ValueError("`sign_column` needs `negative = [...]`, the words that make an amount negative")
        if self.positive and set(self.positive) & set(self.negative):
            raise ValueError("a word stands in both `positive` and `negative`: write it in one of them")
        if self.decimal_mark == self.thousands_mark:
            raise ValueError("`decimal_mark` and `thousands_mark` must differ")
        return self


class DateColumn(Part):
    """Where a side tells its date, and how it is written where it is text; a time of day in it is cut off."""

    column: Column
    format: str = "%Y-%m-%d"

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if "%" not in self.format:
            raise ValueError(f'`format` {self.format!r} names no part of a date: write it as "%Y-%m-%d" or "%d.%m.%Y"')
        if any(zone in self.format and not self.format.endswith(zone) for zone in ("%z", "%:z", "%#z")):
            raise ValueError(f"`format` {self.format!r}: the zone `%z` must be the last part")
        return self


class Text(Part):
    """A named text of a side: the columns it is made of, joined, and what makes two spellings one."""

    columns: Columns | None = None
    normalise: Annotated[tuple[str, ...], Field(strict=False)] = ()


class Net(Part):
    """Rows of one side that cancel each other: a later row takes an earlier one back, amount for amount."""

    name: Word
    keys: Columns
    days: Days
    originals: Condition = Field(default_factory=dict)
    reversals: Condition = Field(default_factory=dict)

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if bool(self.originals) != bool(self.reversals):
            raise ValueError("write `originals` and `reversals` both, or neither where the sign tells them apart")
        return self


class Source(Part):
    """How a file is written; what is not told follows from its ending."""

    format: Literal["csv", "parquet", "excel", "arrow"] | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8"
    sheet: str | None = None


class Side(Source):
    """One of the two files."""

    name: Word | None = None
    id: Column | None = None
    order: Annotated[tuple[Column, ...], Field(strict=False)] = ()
    amount: Amount
    date: DateColumn | None = None
    text: dict[Column, Text] = Field(default_factory=dict)
    net: Annotated[tuple[Net, ...], Field(strict=False)] = ()


class KeyPair(Part):
    """A key whose text is named differently on the two sides."""

    left: Column
    right: Column


class Bound(Part):
    """How far an amount may exceed the other one: minor units, basis points of the other one, or whole steps."""

    minor: Minor | None = None
    bps: Bps | None = None
    bound: Literal["smaller", "larger"] | None = None
    step_minor: Annotated[int, Field(ge=1, lt=10**15)] | None = None
    most_steps: Annotated[int, Field(ge=1, le=1000)] | None = None

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if (self.step_minor is None) != (self.most_steps is None):
            raise ValueError("`step_minor` and `most_steps` belong together: write both")
        if self.step_minor is not None and (self.minor is not None or self.bps is not None):
            raise ValueError("write steps or a tolerance in `minor` and `bps`, not both")
        _require_bound(self.minor, self.bps, self.bound)
        if self.minor is None and self.bps is None and self.step_minor is None:
            raise ValueError("say how far: write `minor`, `bps`, or `step_minor` with `most_steps`")
        return self


class Equal(Part):
    """Amounts are equal, in one currency."""

    rule: Literal["equal"] = "equal"


class Within(Part):
    """Amounts of one currency differ within a tolerance, alike both ways or declared for each way."""

    rule: Literal["within"]
    minor: Minor | None = None
    bps: Bps | None = None
    bound: Literal["smaller", "larger"] | None = None
    left_may_exceed: Bound | None = None
    right_may_exceed: Bound | None = None

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        both_ways = self.minor is not None or self.bps is not None
        one_way = self.left_may_exceed is not None or self.right_may_exceed is not None
        if both_ways == one_way:
            raise ValueError(
                "write `minor` or `bps` for both ways alike, or `left_may_exceed` and `right_may_exceed` for each way"
            )
        _require_bound(self.minor, self.bps, self.bound)
        return self

    def ways(self) -> tuple[Bound | None, Bound | None]:
        """How far the left amount may exceed the right one, and the right one the left."""
        if self.minor is None and self.bps is None:
            return self.left_may_exceed, self.right_may_exceed
        alike = Bound(minor=self.minor, bps=self.bps, bound=self.bound)
        return alike, alike


class Converted(Part):
    """Amounts of two currencies: one side is converted at the rate table; ``minor`` is the residue of rounding."""

    rule: Literal["converted"]
    convert: Literal["left", "right"] = "left"
    minor: Minor


class AnyAmount(Part):
    """The key alone ties the rows; the difference of the amounts is told as residual."""

    rule: Literal["any"]


AmountRule = Annotated[Equal | Within | Converted | AnyAmount, Field(discriminator="rule")]


class TextRule(Part):
    """Two texts must be alike by at least so many of 100; evidence beside others, never alone."""

    left: Column
    right: Column
    at_least: Annotated[int, Field(ge=1, le=100)]
    by: Literal["ratio", "token_sort", "token_set", "partial"] = "ratio"


class Weights(Part):
    """The cost of a pair: each minor unit, each day and each thousandth of text distance costs so much."""

    amount: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    date: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    text: Annotated[int, Field(ge=0, le=1_000_000)] = 1


class Search(Part):
    """The bound within which the search for sums is complete."""

    most_members: Annotated[int, Field(ge=2, le=64)]
    most_candidates: Annotated[int, Field(ge=2, le=64)]
    most_steps: Annotated[int, Field(ge=1)] = 4_000_000


class Pass(Part):
    """One pass: which rows meet, by which keys, amounts, dates and texts, and what is done where a choice is open."""

    name: Word
    keys: Annotated[tuple[Column | KeyPair, ...], Field(strict=False)] = ()
    cardinality: Annotated[tuple[Cardinality, ...], Field(strict=False, min_length=1)] = ("1:1",)
    amount: AmountRule = Equal()
    days: Days | None = None
    business_days: Days | None = None
    date_order: Literal["any", "left_first", "right_first"] = "any"
    text: Annotated[tuple[TextRule, ...], Field(strict=False)] = ()
    consumes: Annotated[tuple[Literal["open", "held"], ...], Field(strict=False, min_length=1)] = ("open",)
    left_only: Condition = Field(default_factory=dict)
    right_only: Condition = Field(default_factory=dict)
    assignment: Literal["optimal", "best_first"] = "optimal"
    ambiguity: Literal["take", "hold", "hold_unless_only"] = "take"
    weights: Weights = Weights()
    search: Search | None = None
    carry: bool = True
    carried_most_days: Days | None = None

    @property
    def one_to_one(self) -> bool:
        """Whether the pass takes pairs; otherwise it takes sums."""
        return self.cardinality == ("1:1",)

    @property
    def pairs(self) -> tuple[KeyPair, ...]:
        """The keys, each with its name on either side."""
        return tuple(KeyPair(left=key, right=key) if isinstance(key, str) else key for key in self.keys)

    @property
    def window(self) -> int | None:
        """The date window in days of the pass's kind, or None where dates are not compared."""
        return self.days if self.days is not None else self.business_days

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.days is not None and self.business_days is not None:
            raise ValueError("write `days` or `business_days`, not both")
        if not self.carry and self.carried_most_days is not None:
            raise ValueError("`carried_most_days` needs carried rows: remove it, or `carry = false`")
        if self.date_order != "any" and self.window is None:
            raise ValueError("`date_order` needs `days` or `business_days`")
        if self.assignment == "best_first" and self.ambiguity == "hold":
            raise ValueError(
                'what is best first is never ambiguous: write assignment = "optimal" or another `ambiguity`'
            )
        if self.amount.rule == "any" and not self.keys:
            raise ValueError('amount = { rule = "any" } needs `keys`: something must tie the rows')
        if self.text and not self.keys and (self.amount.rule == "any" or self.window is None):
            raise ValueError(
                "a likeness of texts is never the only evidence: add `keys`, or an amount rule together with `days`"
            )
        self._require_shape()
        return self

    def _require_shape(self) -> None:
        if "1:1" in self.cardinality and not self.one_to_one:
            raise ValueError('a pass takes pairs or sums: write cardinality = ["1:1"], or of "1:N", "N:1", "N:M"')
        if self.one_to_one:
            if self.search is not None:
                raise ValueError('`search` is for sums: write cardinality = ["1:N"] or remove `search`')
            return
        if self.text:
            raise ValueError('`text` is for pairs: write cardinality = ["1:1"] or remove `text`')
        if self.assignment == "best_first":
            raise ValueError('assignment = "best_first" is for pairs: remove it')
        if self.amount.rule == "any" and self.search is not None:
            raise ValueError('a search for sums needs an amount rule other than "any"')
        if self.amount.rule == "within" and any(way and way.step_minor for way in self.amount.ways()):
            raise ValueError('steps are for pairs: write cardinality = ["1:1"] or a tolerance without `step_minor`')
        if not self.keys and self.search is None:
            raise ValueError(
                "sums without a key are unbounded: add `keys`, or `search = { most_members = 4, most_candidates = 24 }`"
            )


class Calendar(Part):
    """Which days are no business days."""

    holidays: Annotated[tuple[date, ...], Field(strict=False)] = ()
    weekend: Annotated[
        tuple[Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"], ...],
        Field(strict=False, max_length=6),
    ] = ("saturday", "sunday")


class Rate(Part):
    """From a date on, one unit of ``from`` is ``rate`` units of ``to``."""

    from_: Annotated[str, Field(alias="from")]
    to: str
    date: date
    rate: Annotated[Decimal, Field(gt=0, max_digits=18)]

    @model_validator(mode="after")
    def _currencies(self) -> Self:
        for code in (self.from_, self.to):
            if not is_currency(code):
                raise ValueError(f"{code!r} is no ISO 4217 code: write one such as USD")
        if self.from_ == self.to:
            raise ValueError(f"it leads from {self.to} to {self.to}: write two currencies")
        return self


class RatesFile(Source):
    """A file of rates beside the rules: columns ``from``, ``to``, ``date`` and ``rate``."""

    file: Column


class AliasFile(Source):
    """A table of spellings from a file beside the rules: what stands in ``from`` becomes what stands in ``to``."""

    file: Column
    from_: Annotated[Column, Field(alias="from")]
    to: Column


class Nearest(Part):
    """How near a row must come to be told as the cause of a break; what is further is missing."""

    days: Days = 30
    amount_bps: Bps = 5_000


class Carry(Part):
    """Open rows go into the next run: how old they may be there, when they expire, and when a pass counts as stale."""

    most_days: Days = 30
    expires_after_days: Days | None = None
    stale_after_runs: Annotated[int, Field(ge=1, le=1000)] = 5

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.expires_after_days is not None and self.expires_after_days < self.most_days:
            raise ValueError(
                f"rows expire after {self.expires_after_days} days, but passes take them up to {self.most_days}: write "
                "`expires_after_days` of at least `most_days`"
            )
        return self


class Ageing(Part):
    """By which ages open rows are told: up to so many days, and above the last."""

    buckets: Annotated[tuple[Days, ...], Field(strict=False, min_length=1)] = (1, 3, 7, 30)

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if any(one >= other for one, other in pairwise(self.buckets)):
            raise ValueError("`buckets` ascend: write them as [1, 3, 7, 30]")
        return self


class Rules(Part):
    """A rules document."""

    left: Side
    right: Side
    passes: Annotated[tuple[Pass, ...], Field(strict=False, min_length=1, alias="pass")]
    alias: dict[Word, dict[str, str]] = Field(default_factory=dict)
    calendar: Calendar = Calendar()
    alias_file: dict[Word, AliasFile] = Field(default_factory=dict)
    rate: Annotated[tuple[Rate, ...], Field(strict=False)] = ()
    rates: RatesFile | None = None
    nearest: Nearest = Nearest()
    carry: Carry | None = None
    ageing: Ageing | None = None

    @property
    def ages(self) -> bool:
        """Whether rows have ages: then a run has a date."""
        return self.carry is not None or self.ageing is not None


def _require_bound(minor: int | None, bps: int | None, bound: str | None) -> None:
    if (minor is not None and bps is not None) != (bound is not None):
        raise ValueError('where `minor` and `bps` both stand, say which counts: bound = "smaller" or "larger"')
