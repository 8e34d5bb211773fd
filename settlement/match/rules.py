"""The rules of matching: legs, the ordered list of passes, and how bank entries tie, read from TOML.

A rules document is data; this module is its whole language. Whatever is wrong with one is told in one sentence
that names the place and what to write instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from settlement.errors import TerminalError
from settlement.model.ageing import DEFAULT_BUCKETS, DOCUMENT, Ageing
from settlement.model.document import PROGRAMME, read_toml
from settlement.model.layout import read_layouts
from settlement.model.money import is_currency
from settlement.model.tables import TABLES

_TEXT_COLUMNS: Final = tuple(
    column.name
    for column in TABLES["clearing"].columns
    if column.type == "text" and column.name not in {"file", "side", "feed", "kind", "currency", "transaction_currency"}
)

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Names = Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
Cardinality = Literal["1:1", "1:N", "N:1"]
Currency = Literal["transaction", "settlement", "goods"]
CarryDays = Annotated[int, Field(ge=0)]
MatchingKind = Literal["purchase", "refund", "reversal", "chargeback"]


class _Part(BaseModel):
    """A table of the document: exact types, no unknown words, never changed."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Repeats(_Part):
    """How far back a record is compared with earlier ones to find exact repeats."""

    lookback_nights: Annotated[int, Field(ge=0)]


class AgeingRule(_Part):
    """The age buckets of open items, and after how many nights without a match a pass is told to be stale."""

    buckets: Annotated[tuple[int, ...], Field(strict=False)] = DEFAULT_BUCKETS
    stale_after_nights: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        Ageing(last_days=self.buckets)
        return self


class MerchantCategories(_Part):
    """The merchant categories ``first`` to ``last``, both of them included."""

    first: Annotated[str, Field(pattern="^[0-9]{4}$")]
    last: Annotated[str, Field(pattern="^[0-9]{4}$")]


class Miles(_Part):
    """The miles that a purchase earns: one for each ``minor_a_mile`` minor units of its goods, the rest dropped.

    At merchants of ``bonus_categories`` as many bonus miles come on top, at most ``most_bonus`` a purchase.
    """

    minor_a_mile: Annotated[int, Field(ge=1)]
    bonus_categories: Annotated[tuple[MerchantCategories, ...], Field(strict=False)] = ()
    most_bonus: Annotated[int, Field(ge=0)] = 0


class Leg(_Part):
    """One relation between a bank side and a merchant side, and what an open record of each side is called.

    ``merchant_feeds`` are the merchant side's feeds; a leg that names none takes those that no leg names.
    ``programmes`` narrow the bank side to cards of these programmes, and tell the member behind each card.
    An open item takes part in a pass while it is at most ``carry_days`` old, where the pass says nothing else; one
    that is older than ``expires_after_days`` takes part in none: it stays open, and is told to be expired.
    """

    name: Name
    bank_open: Literal["MISSING_MERCHANT", "MISSING_ACCRUAL"]
    merchant_open: Literal["MISSING_BANK"]
    kinds: Annotated[
        tuple[Annotated[tuple[MatchingKind, ...], Field(strict=False, min_length=1)], ...],
        Field(strict=False, min_length=1),
    ]
    merchant_feeds: Names | None = None
    programmes: Names | None = None
    miles: Miles | None = None
    carry_days: CarryDays | None = None
    expires_after_days: CarryDays | None = None

    @model_validator(mode="after")
    def _kinds_once(self) -> Self:
        listed = [kind for kinds in self.kinds for kind in kinds]
        if len(listed) != len(set(listed)):
            raise ValueError("a kind stands in two lists of `kinds`: list it once")
        return self


class Pass(_Part):
    """One pass: which rows meet, by which key, amount and date, and what a match of it is called.

    ``keys`` are columns of both sides; ``merchant_keys`` replaces them for the merchant side where its columns are
    called otherwise. ``exact`` compares the merchant's total with the bank's amount in the currency of the
    transaction, of the settlement, or either. ``fx_rounding`` allows ``tolerance_minor`` where the bank converted
    the transaction and the merchant tells settlement currency. ``excess`` takes a bank amount over the merchant's
    total: the cash-back that the bank tells exactly, or a tip of at most ``most_excess_ppm`` of the total, and only
    where one bank row and one merchant row share the key. ``added`` meets a merchant's line that says how many sales
    it adds up with the bank rows of so many sales of its day; rows that share ``bank_whole`` are parts of one sale. A
    line of several sales takes part in no other pass. The currency ``goods`` is the settlement's less the cash-back.
    ``carry_days`` is the greatest age of an open item that takes part, where it is not the leg's.
    """

    name: Name
    leg: str
    keys: Names
    merchant_keys: Names | None = None
    cardinality: Annotated[tuple[Cardinality, ...], Field(strict=False, min_length=1)]
    amount: Literal["exact", "fx_rounding", "excess", "added"]
    currencies: Annotated[tuple[Currency, ...], Field(strict=False, min_length=1)] = ("settlement",)
    tolerance_minor: Annotated[int, Field(ge=1)] | None = None
    most_excess_ppm: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    days: Annotated[int, Field(ge=0, le=366)]
    kind: Literal["EXACT", "MASKED_ONLY"] = "EXACT"
    bank_empty: Names | None = None
    bank_whole: Names | None = None
    merchant_empty: Names | None = None
    merchant_filled: Names | None = None
    merchant_single: Names | None = None
    merchant_values: dict[str, Names] = Field(default_factory=dict)
    carry_days: CarryDays | None = None

    @property
    def one_to_one(self) -> bool:
        """Whether the pass takes pairs; otherwise it takes whole groups by their sums."""
        return self.cardinality == ("1:1",)

    @property
    def columns(self) -> tuple[str, ...]:
        """The text columns that the pass looks at."""
        empty = (*(self.bank_empty or ()), *(self.bank_whole or ()), *(self.merchant_empty or ()))
        told = (*(self.merchant_keys or ()), *empty, *(self.merchant_filled or ()), *(self.merchant_single or ()))
        return (*self.keys, *told, *self.merchant_values)

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        for column in self.columns:
            if column not in _TEXT_COLUMNS and not (column == "feed" and column in self.merchant_values):
                raise ValueError(_no_column(column))
        if self.merchant_keys is not None and len(self.merchant_keys) != len(self.keys):
            raise ValueError("`merchant_keys` must name as many columns as `keys`")
        if "1:1" in self.cardinality and not self.one_to_one:
            raise ValueError('a pass takes pairs or sums: write cardinality = ["1:1"] or a list of "1:N" and "N:1"')
        if not self.one_to_one and self.amount not in {"exact", "added"}:
            raise ValueError('sums are compared exactly: write amount = "exact" or cardinality = ["1:1"]')
        if self.amount == "added" and (self.cardinality != ("N:1",) or self.days):
            raise ValueError('amount = "added" adds up sales of one day: write cardinality = ["N:1"] and days = 0')
        if (self.bank_whole is not None) != (self.amount == "added"):
            raise ValueError('`bank_whole` belongs to amount = "added", and that needs it')
        if (self.tolerance_minor is not None) != (self.amount == "fx_rounding"):
            raise ValueError('`tolerance_minor` belongs to amount = "fx_rounding", and that needs it')
        if (self.most_excess_ppm is not None) != (self.amount == "excess"):
            raise ValueError('`most_excess_ppm` belongs to amount = "excess", and that needs it')
        return self


class CashRule(_Part):
    """How the bank entries of one transaction code tie to files."""

    code: str
    ties_by: Literal["file_name", "payout_text"]
    text_prefix: str = ""
    most_fee_minor: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _currencies(self) -> Self:
        for currency in self.most_fee_minor:
            if not is_currency(currency):
                raise ValueError(f"{currency!r} is no ISO 4217 code: write one such as USD")
        return self


class BatchRule(_Part):
    """The control total of a file that sums its lines, held against what its batch comes to."""

    lines_control: str


class Rules(_Part):
    """A rules document."""

    repeats: Repeats
    ageing: AgeingRule = AgeingRule()
    leg: Annotated[tuple[Leg, ...], Field(strict=False, min_length=1)]
    passes: Annotated[tuple[Pass, ...], Field(strict=False, min_length=1, alias="pass")]
    cash: Annotated[tuple[CashRule, ...], Field(strict=False)] = ()
    batch: BatchRule | None = None

    @model_validator(mode="after")
    def _names(self) -> Self:
        legs = [leg.name for leg in self.leg]
        for what, names in (
            ("leg", legs),
            ("pass", [p.name for p in self.passes]),
            ("cash code", [c.code for c in self.cash]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"the {what} {twice[0]!r} stands twice: give each its own name")
        for one in self.passes:
            if one.leg not in legs:
                raise ValueError(f"pass {one.name!r} names the leg {one.leg!r}: write one of {', '.join(legs)}")
        for leg in self.leg:
            for one in self.passes_of(leg):
                carried, expired = one.carry_days, leg.expires_after_days
                if carried is not None and expired is not None and carried > expired:
                    raise ValueError(
                        f"pass {one.name!r} carries items for {carried} days, but those of leg {leg.name!r} expire "
                        f"after {expired}: write a smaller `carry_days`"
                    )
        return self

    def passes_of(self, leg: Leg) -> tuple[Pass, ...]:
        """The passes of one leg, in order, each with the age up to which open items take part."""
        return tuple(
            one.model_copy(update={"carry_days": leg.carry_days}) if one.carry_days is None else one
            for one in self.passes
            if one.leg == leg.name
        )


_PARTS: Final = (Rules, Repeats, AgeingRule, Leg, Pass, CashRule, BatchRule)
_WORDS: Final = tuple(field.alias or name for part in _PARTS for name, field in part.model_fields.items())


def read_rules(documents: Mapping[str, str]) -> Rules:
    """The rules of matching from ``match.toml``; TerminalError with one sentence where they are not right."""
    content = _toml(documents, DOCUMENT)
    try:
        rules = Rules.model_validate(content)
    except ValidationError as error:
        raise TerminalError(_sentence(content, error)) from None
    _require_known(rules, documents)
    return rules


def read_bins(documents: Mapping[str, str]) -> frozenset[str]:
    """The first six digits of the cards of all programmes, from ``programme.toml``."""
    programmes = _toml(documents, PROGRAMME).get("programme", [])
    bins = [one.get("bin") for one in programmes] if isinstance(programmes, list) else []
    for number in bins:
        if not isinstance(number, str) or len(number) < 6 or not number.isdecimal():  # noqa: PLR2004 (masked cards show six)
            raise TerminalError(f'{PROGRAMME}, [[programme]] bin: write at least the first six digits, as "41111101".')
    if not bins:
        raise TerminalError(f"{PROGRAMME} names no card programme: write at least one [[programme]] with its bin.")
    return frozenset(str(number)[:6] for number in bins)


def _require_known(rules: Rules, documents: Mapping[str, str]) -> None:
    """Raise TerminalError where a leg or pass names a programme or feed that the configuration does not have."""
    listed = _toml(documents, PROGRAMME).get("programme") if PROGRAMME in documents else None
    programmes = sorted({str(one.get("id")) for one in listed}) if isinstance(listed, list) else []
    feeds = sorted({layout.feed for layout in read_layouts(documents)})
    named = [(f"leg {leg.name}", "programme", programmes, leg.programmes or ()) for leg in rules.leg]
    named += [(f"leg {leg.name}", "feed", feeds, leg.merchant_feeds or ()) for leg in rules.leg]
    named += [(f"pass {one.name}", "feed", feeds, one.merchant_values.get("feed", ())) for one in rules.passes]
    for place, what, known, names in named:
        for name in names:
            if known and name not in known:
                raise TerminalError(
                    f"config/{DOCUMENT}, {place}: {name!r} is no {what} of this home: write one of {', '.join(known)}."
                )


def _no_column(name: str) -> str:
    near = get_close_matches(name, _TEXT_COLUMNS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"write one such as {', '.join(_TEXT_COLUMNS[1:6])}"
    return f"{name!r} is no column to match on: {hint}"


def _toml(documents: Mapping[str, str], name: str) -> dict[str, object]:
    if name not in documents:
        raise TerminalError(f"config/{name} is missing: restore it, or create a home anew with `settle init`.")
    return read_toml(name, documents[name])


def _sentence(content: Mapping[str, object], error: ValidationError) -> str:
    """The first fault of a document as one sentence: where it is, what is wrong, what to write."""
    faults = error.errors(include_url=False)
    # A misspelt word is also missing under its right name: the misspelling is what helps.
    fault = next((one for one in faults if one["type"] == "extra_forbidden"), faults[0])
    place = []
    here: object = content
    for step in fault["loc"]:
        if isinstance(step, int):
            here = here[step] if isinstance(here, list) and step < len(here) else None
            named = here.get("name", here.get("code")) if isinstance(here, dict) else None
            place.append(f"no. {step + 1}" + (f" ({named})" if named else ""))
        else:
            here = here.get(step) if isinstance(here, dict) else None
            place.append(f"`{step}`")
    match fault["type"]:
        case "extra_forbidden":
            near = get_close_matches(str(fault["loc"][-1]), _WORDS, n=1)
            what = "is an unknown word: " + (f"did you mean `{near[0]}`?" if near else "remove it.")
        case "missing":
            what = "is missing: write it."
        case "value_error":
            what = f"{fault['ctx']['error']}."
        case _:
            what = f"{fault['msg'][0].lower()}{fault['msg'][1:]}, but it is {fault['input']!r}."
    return f"config/{DOCUMENT}, {' '.join(place) or 'whole document'}: {what}"
