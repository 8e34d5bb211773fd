"""A proposed rules document: its keys and passes with the counts that they rest on, and the commented TOML of it."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final, Self

from settlement.reconcile.evidence import Agreement, Chance, Tie, Window
from settlement.reconcile.language import Bound, Within
from settlement.reconcile.profile import AmountForm, DateForm, Profile, TextForm, side_name
from settlement.reconcile.read import shown

Names = dict[tuple[tuple[str, ...], tuple[str, ...]], str]
"""By the columns and the steps of a text, its name in the document."""

_BARE: Final = re.compile(r"^[A-Za-z0-9_-]+$")
_WIDTH: Final = 118
_MANY_FALSE: Final = 50
_MOST_NAMED: Final = 3
_RELIABLE, _CERTAIN, _FILLED = Fraction(97, 100), Fraction(995, 1000), Fraction(9, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """A name as one side writes it, what the other side has for it, and the rows of both that agree in all else."""

    written: str
    meant: str
    agreement: Agreement


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Two texts whose values occur on both sides after equal steps, and how often they agree where they should.

    ``spellings`` are the names that a table in the document makes one, ``lone`` those that still stand on the left or
    the right side only.
    """

    left: TextForm
    right: TextForm
    steps: tuple[str, ...]
    tie: Tie
    distinct: tuple[int, int]
    common: int
    agreement: Agreement | None = None
    agreed: int = 0
    asked: int = 0
    spellings: tuple[Spelling, ...] = ()
    lone: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    @property
    def score(self) -> int:
        """How much the agreement of amounts bears the key out."""
        return self.agreement.score if self.agreement else 0

    @property
    def reliable(self) -> bool:
        """Whether pairs that other evidence finds nearly always agree in it."""
        return self.asked > 0 and Fraction(self.agreed, self.asked) >= _RELIABLE

    @property
    def certain(self) -> bool:
        """Whether a pass without the key would find next to nothing more."""
        return self.asked > 0 and Fraction(self.agreed, self.asked) >= _CERTAIN and self.filled_mostly

    @property
    def filled(self) -> tuple[Fraction, Fraction]:
        """The shares of left and right rows that say something."""
        left, right = (Fraction(int((codes >= 0).sum()), len(codes)) for codes in (self.tie.left, self.tie.right))
        return left, right

    @property
    def filled_mostly(self) -> bool:
        """Whether nine of ten rows of both sides say something."""
        return min(self.filled) >= _FILLED

    def long_text(self, length: int) -> bool:
        """Whether its values are sentences rather than codes: the last choice for a key."""
        values = self.left.values.drop_nulls()
        spaced = values.str.contains(r"\S \S").sum() * 2 > len(values)
        return bool(spaced and values.str.len_chars().sum() > length * len(values))

    def with_agreement(self, agreement: Agreement) -> Self:
        """The key with how often agreeing amounts bear it out."""
        return replace(self, agreement=agreement)

    def with_judgement(self, *, agreed: int, asked: int) -> Self:
        """The key with how often it agrees on pairs that other evidence finds."""
        return replace(self, agreed=agreed, asked=asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A proposed pass.

    ``meetings`` are the pairs of rows, or of groups of rows, that agree in its keys; ``chance`` how often amount and
    dates fit by chance; ``open`` the shares of the rows of each side that earlier passes have left.
    """

    name: str
    keys: tuple[Key, ...]
    rule: Any
    window: Window | None
    ambiguity: str
    cardinality: tuple[str, ...]
    meetings: int
    chance: Chance
    note: str
    matches: int
    held: int
    open: tuple[Fraction, Fraction]

    def told(self, *, note: str, ambiguity: str) -> Self:
        """The pass with its evidence and what it does where a choice is open."""
        return replace(self, note=note, ambiguity=ambiguity)

    def counted(self, *, matches: int, held: int, open: tuple[Fraction, Fraction]) -> Self:  # noqa: A002
        """The pass with what it takes and holds in a run."""
        return replace(self, matches=matches, held=held, open=open)

    @property
    def strangers(self) -> int:
        """Pairs that agree in the keys and do not belong together, of the rows that are still open."""
        if self.cardinality:
            return self.meetings
        return max(0, int(self.meetings * self.open[0] * self.open[1]) - self.matches)

    def rate(self, matches: int) -> Fraction:
        """Chance pairs expected on 1,000 matches; at least one hit is assumed among the trials."""
        hits = Fraction(max(self.chance.hits, 1), max(self.chance.trials, 1))
        return self.strangers * hits * 1000 / max(matches, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A whole document: how the sides are read, and the passes in their order."""

    left: Profile
    right: Profile
    left_amount: AmountForm
    right_amount: AmountForm
    negate: bool
    agreement: Agreement
    left_date: DateForm | None
    right_date: DateForm | None
    window: Window | None
    passes: tuple[Draft, ...]
    left_out: tuple[Draft, ...] = ()

    def with_passes(self, passes: Iterable[Draft], left_out: tuple[Draft, ...] = ()) -> Self:
        """The document with other passes, and those that are told but not proposed."""
        return replace(self, passes=tuple(passes), left_out=left_out)


def number(value: int) -> str:
    """A count for people: 12,345."""
    return f"{value:,}"


def share(part: int | Fraction, whole: int) -> str:
    """``98.7 %``, rounded down."""
    thousandths = int(part * 1000 / whole) if whole else 0
    return f"{thousandths // 10}.{thousandths % 10} %"


def render(proposal: Proposal) -> str:
    """The document as TOML with its evidence in comments."""
    lines = [*_head(proposal)]
    names = (_names("left", proposal), _names("right", proposal))
    for where, profile, amount, date, negate in (
        ("left", proposal.left, proposal.left_amount, proposal.left_date, False),
        ("right", proposal.right, proposal.right_amount, proposal.right_date, proposal.negate),
    ):
        lines += ["", *_side(where, profile, amount, date, proposal, negate=negate)]
    lines += _aliases(proposal)
    for one in proposal.passes:
        lines += ["", *_pass(one, names)]
    for one in proposal.left_out:
        lines += ["", *_comment(f"Not proposed: {one.name}. {one.note} {_estimate(one)}")]
    return "\n".join(lines) + "\n"


def _head(proposal: Proposal) -> Iterator[str]:
    left, right = proposal.left, proposal.right
    yield from _comment(
        f"Suggested from {left.path.name} ({number(left.height)} rows) and {right.path.name} ({number(right.height)} "
        "rows). A proposal to review, not a decision: read each pass with the numbers it rests on."
    )
    yield from _comment(
        "False matches are estimated as if amounts and dates were independent of the keys: pairs of rows that agree "
        "in the keys and do not belong together, times how often amount and dates fit on rows that chance brings "
        "together. Where the true partner is as good, such a pair is held for a person and not taken."
    )
    if proposal.agreement.observed:
        yield from _comment(
            f"Amounts: {proposal.left_amount.declared.column} and {proposal.right_amount.declared.column} are equal on "
            f"{number(proposal.agreement.observed)} pairs of rows that agree in a key or a date; chance would give "
            f"{_tenths(proposal.agreement.expected)}."
        )
    if proposal.left_date and proposal.right_date and proposal.window:
        window = proposal.window
        yield from _comment(
            f"Dates: of {number(window.pairs)} pairs found by other evidence, {share(window.at_zero, window.pairs)} "
            f"have equal dates and {share(window.inside, window.pairs)} lie from {window.first} to {window.last} days "
            f"apart, from {proposal.left_date.declared.column} to {proposal.right_date.declared.column}."
        )
    for key in dict.fromkeys(key for one in proposal.passes for key in _marked(one.keys)):
        yield from _comment(key)


def _marked(keys: Sequence[Key]) -> Iterator[str]:
    for key in keys:
        counts = key.distinct
        told = (
            f"Key {_name(key.left)} and {_name(key.right)}: {share(key.common, counts[0])} of {number(counts[0])} "
            f"left values occur on the right, {share(key.common, counts[1])} of {number(counts[1])} right values on "
            f"the left; filled on {share(key.filled[0], 1)} of left and {share(key.filled[1], 1)} of right rows"
        )
        if key.asked:
            told += f"; equal on {number(key.agreed)} of {number(key.asked)} pairs found without it or with it alone"
        yield f"{told}."
        if all(key.lone):
            alone = [
                f"{number(len(some))} on the {side} ({_some(some)})"
                for side, some in zip(("left", "right"), key.lone, strict=True)
            ]
            yield (
                f"Names of {_name(key.left)} that still stand on one side only: {' and '.join(alone)}. Too few rows "
                "tell which of them are one: where two are, write them into an alias table."
            )


def _side(
    where: str, profile: Profile, amount: AmountForm, date: DateForm | None, proposal: Proposal, *, negate: bool
) -> Iterator[str]:
    yield f"[{where}]"
    name, other = side_name(profile.path), side_name((proposal.right if where == "left" else proposal.left).path)
    if name is not None and name != other and name not in {"left", "right"}:
        yield f"name = {_quoted(name)}"
    if profile.id is not None:
        yield f"id = {_quoted(profile.id)}"
    if profile.delimiter != "," and profile.path.suffix.lower() != ".tsv":
        yield f"delimiter = {_quoted(profile.delimiter)}"
    if profile.encoding != "utf-8":
        yield f"encoding = {_quoted(profile.encoding)}"
    yield from _amount_of(where, amount, negate=negate)
    if date is not None:
        yield f"[{where}.date]"
        yield f"column = {_quoted(date.declared.column)}"
        if date.declared.format != "%Y-%m-%d":
            yield f"format = {_quoted(date.declared.format)}"
    yield from _texts(where, proposal)


def _amount_of(where: str, amount: AmountForm, *, negate: bool) -> Iterator[str]:
    yield f"[{where}.amount]"
    declared = amount.declared
    yield f"column = {_quoted(declared.column)}"
    yield f'unit = "{declared.unit}"'
    if amount.rank:
        yield from _comment("Whole numbers without decimals: whether they are minor or major units, no value tells.")
    if declared.currency is not None:
        yield from _comment("No column of this file tells the currency: correct it where this one is wrong.")
        yield f'currency = "{declared.currency}"'
    else:
        yield f"currency_column = {_quoted(declared.currency_column or '')}"
    if declared.decimal_mark != ".":
        yield f'decimal_mark = "{declared.decimal_mark}"'
    if declared.thousands_mark is not None:
        yield f'thousands_mark = "{declared.thousands_mark}"'
    if negate:
        yield "negate = true"


def _texts(where: str, proposal: Proposal) -> Iterator[str]:
    for (columns, steps), name in _names(where, proposal).items():
        if columns == (name,) and not steps:
            continue
        yield f"[{where}.text.{_bare(name)}]"
        if columns != (name,):
            yield f"columns = [{', '.join(_quoted(column) for column in columns)}]"
        if steps:
            yield f"normalise = [{', '.join(_quoted(step) for step in steps)}]"


def _aliases(proposal: Proposal) -> Iterator[str]:
    """A table for each key whose two sides have names of their own, each name with the rows that bear it out."""
    for step, key in {key.steps[-1]: key for one in proposal.passes for key in one.keys if key.spellings}.items():
        yield ""
        yield from _comment(
            f"Names of {_name(key.left)} and {_name(key.right)} that stand on one side only, and what rows of equal "
            "amount and near dates tell them to be on the other. Read each of them."
        )
        yield f"[{step.replace(':', '.')}]"
        for one in key.spellings:
            counts = f"{number(one.agreement.observed)} pairs of rows, by chance {_tenths(one.agreement.expected)}"
            yield f"{_quoted(one.written)} = {_quoted(one.meant)}  # {counts}"


def _names(where: str, proposal: Proposal) -> Names:
    """A name for each text of a side, by its columns and steps: the column's, numbered where it is read twice."""
    found: Names = {}
    for one in proposal.passes:
        for key in one.keys:
            columns = (key.left if where == "left" else key.right).columns
            base, count = "_".join(columns), 1
            while (name := base if count == 1 else f"{base}_{count}") in found.values():
                count += 1
            found.setdefault((columns, key.steps), name)
    return found


def _name(form: TextForm) -> str:
    return " + ".join(form.columns)


def _pass(one: Draft, names: tuple[Names, Names]) -> Iterator[str]:
    if one.note:
        yield from _comment(one.note)
    yield from _comment(_estimate(one))
    yield "[[pass]]"
    yield f"name = {_quoted(one.name)}"
    if one.keys:
        yield f"keys = [{', '.join(_key(key, names) for key in one.keys)}]"
    if one.cardinality:
        yield f"cardinality = [{', '.join(_quoted(word) for word in one.cardinality)}]"
    if isinstance(one.rule, Within):
        yield f"amount = {_amount(one.rule)}"
    if one.window is not None:
        yield f"days = {one.window.days}"
        if one.window.order != "any":
            yield f'date_order = "{one.window.order}"'
    if not one.cardinality:
        yield f'ambiguity = "{one.ambiguity}"'


def _estimate(one: Draft) -> str:
    unit = "groups" if one.cardinality else "pairs"
    hits = f"{number(one.chance.hits)} of {number(one.chance.trials)}"
    rate = one.rate(one.matches)
    least = "under " if not one.chance.hits and rate else ""
    told = (
        f"Takes {number(one.matches)} matches here and holds {number(one.held)} rows. Estimated false matches: {least}"
        f"{_tenths(rate, up=bool(least))} in 1,000 ({number(one.strangers)} {unit} agree in the keys and are not its "
        f"matches; {hits} chance {unit} fit in amount and dates)."
    )
    if one.cardinality:
        told = told.replace("agree in the keys and are not its matches", "have this shape")
    if not one.keys:
        told = told.replace("agree in the keys and are not its matches", "are left without any key")
    if rate > _MANY_FALSE:
        told += " That is much: add a key, narrow the days, or leave the pass out."
    return told


def _key(key: Key, names: tuple[Names, Names]) -> str:
    left, right = names[0][key.left.columns, key.steps], names[1][key.right.columns, key.steps]
    return _quoted(left) if left == right else f"{{ left = {_quoted(left)}, right = {_quoted(right)} }}"


def _some(values: Sequence[str]) -> str:
    told = ", ".join(shown(value) for value in values[:_MOST_NAMED])
    return f"{told} and {number(len(values) - _MOST_NAMED)} more" if len(values) > _MOST_NAMED else told


def _amount(rule: Within) -> str:
    if rule.minor is not None:
        return f'{{ rule = "within", minor = {rule.minor} }}'
    word, bound = ("left", rule.left_may_exceed) if rule.left_may_exceed else ("right", rule.right_may_exceed)
    return f'{{ rule = "within", {word}_may_exceed = {_bound(bound)} }}'


def _bound(bound: Bound | None) -> str:
    told = bound.model_dump(exclude_none=True) if bound is not None else {}
    return f"{{ {', '.join(f'{name} = {value}' for name, value in told.items())} }}"


def _tenths(value: Fraction, *, up: bool = False) -> str:
    tenths = -int(-value * 10 // 1) if up else int(value * 10 + Fraction(1, 2))
    return f"{tenths // 10:,}.{tenths % 10}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _bare(name: str) -> str:
    return name if _BARE.match(name) else _quoted(name)


def _comment(text: str) -> Iterator[str]:
    yield from textwrap.wrap(text, width=_WIDTH, initial_indent="# ", subsequent_indent="#   ")
