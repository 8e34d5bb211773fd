"""Read a rules document: from TOML text to checked rules, or one sentence that names the place and the right word."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from settlement.errors import TerminalError
from settlement.reconcile.language import ALIAS, PLAIN_NORMALISERS, Pass, Rules, Side

_SHORT: Final = 3
_LONG: Final = 40
_FEW: Final = 4
"""A word of so few letters is near to everything: where so few words are known, the whole list helps more."""

_MOST_TOLD: Final = 20
_WANTED: Final = (
    ("string_pattern", "a name of letters, digits, - and _, such as by_reference"),
    ("string", "a text in quotes"),
    ("int", "a whole number without quotes"),
    ("bool", "true or false"),
    ("finite", "a number"),
    ("decimal", "a number with a decimal point and without quotes, such as 1.0934"),
    ("is_instance", "a number with a decimal point and without quotes, such as 1.0934"),
    ("date", "a date without quotes, such as 2024-01-31"),
    ("tuple", "a list in square brackets"),
    ("dict", "a table"),
    ("model", "a table"),
)
# A misspelt word is also missing under its right name: the misspelling is what helps.
_FIRST: Final = ("extra_forbidden", "union_tag_invalid", "literal_error", "value_error", "missing")


def read_rules(text: str, place: str) -> Rules:
    """The rules of a document.

    Parameters
    ----------
    text : str
        The document, as TOML.
    place : str
        The name of the file, for sentences.

    Raises
    ------
    TerminalError
        With one sentence: where in the file, what is wrong, what to write instead.
    """
    try:
        content = tomllib.loads(text.removeprefix("\ufeff"), parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise TerminalError(f"{place} is not readable as TOML: {error}. Correct that place.") from None
    except (RecursionError, ValueError):
        raise TerminalError(f"{place} nests too deep or holds too long a number: no rules need that.") from None
    try:
        rules = Rules.model_validate(content)
    except ValidationError as error:
        raise TerminalError(f"{place}, {_sentence(content, error)}") from None
    for fault in _faults(rules):
        raise TerminalError(f"{place}, {fault}")
    return rules


def nearest_word(word: str, known: Iterable[str]) -> str:
    """``did you mean ...`` with the nearest of the known words, otherwise the list of them."""
    words = sorted(set(known))
    by_letters = {one.lower(): one for one in words}
    close = get_close_matches(word.lower(), by_letters, n=1)
    if close and (len(word) > _SHORT or len(words) > _FEW):
        return f"did you mean `{by_letters[close[0]]}`?"
    told = [f"`{one}`" for one in words[:_MOST_TOLD]]
    more = [f"{len(words) - _MOST_TOLD} more"] if len(words) > _MOST_TOLD else []
    return f"write one of {', '.join(told + more)}." if words else "remove it."


def _faults(rules: Rules) -> Iterable[str]:
    """What the tables of a document do not tell alone: names that stand twice or point nowhere."""
    names = [one.name for one in rules.passes] + [net.name for side in (rules.left, rules.right) for net in side.net]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"the name {name!r} stands twice: give each pass and each net its own."
    if _side_name(rules.left, "left") == _side_name(rules.right, "right"):
        yield "`[left]` and `[right]` have one name: give each its own."
    yield from _table_faults(rules)
    for where, side in (("left", rules.left), ("right", rules.right)):
        for label, text in side.text.items():
            for step in text.normalise:
                yield from _step_faults(step, rules, f"`[{where}.text.{label}]`")
        if side.net and side.date is None:
            yield f"`[{where}]`: netting compares dates: add `[{where}.date]`."
    for number, one in enumerate(rules.passes, 1):
        yield from (f"`pass` no. {number} ({one.name}): {fault}" for fault in _pass_faults(rules, one))


def _pass_faults(rules: Rules, one: Pass) -> Iterable[str]:
    for where, side in (("left", rules.left), ("right", rules.right)):
        if one.window is not None and side.date is None:
            yield f"it compares dates, but `[{where}]` declares none: add `[{where}.date]`."
    yield from _carry_faults(rules, one)
    if one.amount.rule == "converted" and not rules.rate and rules.rates is None:
        yield 'amount = { rule = "converted" } needs rates: add at least one `[[rate]]`, or `[rates]` with a file.'


def _carry_faults(rules: Rules, one: Pass) -> Iterable[str]:
    most = one.carried_most_days
    if rules.carry is None:
        if most is not None or "carry" in one.model_fields_set:
            yield "it speaks of carried rows, but nothing is carried: add `[carry]`."
    elif most is not None and rules.carry.expires_after_days is not None and most > rules.carry.expires_after_days:
        yield (
            f"it takes carried rows of up to {most} days, but they expire after {rules.carry.expires_after_days}: "
            "write a smaller `carried_most_days` or a greater `expires_after_days`."
        )


def _table_faults(rules: Rules) -> Iterable[str]:
    for name in sorted(set(rules.alias) & set(rules.alias_file)):
        yield f"`[alias.{name}]` and `[alias_file.{name}]` have one name: give each table its own."
    if "rates" in rules.alias_file:
        yield "`[alias_file.rates]`: `rates` is the table of rates: give this one another name."
    told: set[tuple[str, str, date]] = set()
    for number, one in enumerate(rules.rate, 1):
        if (one.from_, one.to, one.date) in told:
            yield f"`rate` no. {number}: the rate from {one.from_} to {one.to} of {one.date} stands twice: remove one."
        told.add((one.from_, one.to, one.date))


def _step_faults(step: str, rules: Rules, where: str) -> Iterable[str]:
    tables = (*rules.alias, *rules.alias_file)
    if step.startswith(ALIAS):
        table = step.removeprefix(ALIAS)
        if table not in tables:
            yield f"{where}: there is no table `[alias.{table}]`: " + (
                nearest_word(table, tables) if tables else "add it."
            )
    elif step not in PLAIN_NORMALISERS:
        known = [*PLAIN_NORMALISERS, *(f"{ALIAS}{table}" for table in tables)]
        yield f"{where}: {step!r} is no normaliser: {nearest_word(step, known)}"


def _side_name(side: Side, default: str) -> str:
    return side.name or default


def _sentence(content: Mapping[str, object], error: ValidationError) -> str:
    """The fault that helps most, as one sentence: where it is, what is wrong, what to write."""
    fault = min(error.errors(include_url=False), key=_helps_most)
    # A last step that is not in the document is a missing word, or else the branch of a union, which is no place.
    where = _place(content, fault["loc"], told=fault["type"] in {"missing", "extra_forbidden"})
    last = str(fault["loc"][-1]) if fault["loc"] else ""
    match fault["type"]:
        case "extra_forbidden":
            what = f"is an unknown word: {nearest_word(last, _words(fault['loc'][:-1]))}"
        case "missing":
            what = "is missing: write it."
        case "value_error":
            what = f"{fault['ctx']['error']}."
        case "literal_error":
            what = f"cannot be {fault['input']!r}: {nearest_word(str(fault['input']), _choices(fault['loc']))}"
        case "union_tag_invalid":
            rules = [str(word) for word in get_args(Literal["equal", "within", "converted", "any"])]
            what = f"knows no rule {fault['ctx']['tag']!r}: {nearest_word(str(fault['ctx']['tag']), rules)}"
        case "union_tag_not_found":
            what = 'says no rule: write it, such as amount = { rule = "within", minor = 5 }.'
        case kind if kind.startswith("tuple") and isinstance(fault["input"], dict):
            what = f"is a list of tables: write its heading in double brackets, [[{last}]]."
        case kind:
            what = f"must be {_wanted(kind, fault)}, not {_told(fault['input'])}."
    return f"{where}: {what}"


def _told(value: object) -> str:
    """A value as it is written in a document, short."""
    match value:
        case dict():
            return "a table"
        case list():
            return "a list"
        case bool():
            return str(value).lower()
        case str():
            return repr(value) if len(value) <= _LONG else f"{value[:_LONG]!r}..."
        case _:
            return str(value)


def _helps_most(fault: ErrorDetails) -> tuple[int, int, list[str]]:
    """A known kind of fault first, then the deepest: a list is too short because of what is wrong inside it."""
    kind = _FIRST.index(fault["type"]) if fault["type"] in _FIRST else len(_FIRST)
    # Where a text or a table may stand, a text is the plainer thing to ask for.
    table = fault["type"].startswith("model")
    return kind, -len(fault["loc"]), [str(table), *(str(step) for step in fault["loc"])]


def _wanted(kind: str, fault: ErrorDetails) -> str:
    limits = fault.get("ctx", {})
    for word, text in (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than")):
        if word in limits:
            return f"{text} {limits[word]}"
    if kind in {"too_short", "string_too_short"}:
        return "at least one word long"
    if kind in {"too_long", "string_too_long"}:
        return f"at most {limits.get('max_length')} long"
    return next((text for start, text in _WANTED if kind.startswith(start)), "another kind of value")


def _place(content: Mapping[str, object], steps: Sequence[str | int], *, told: bool) -> str:
    """``[left.amount] `unit```, ``pass no. 2 (by_day) `days```; branches of unions are no place."""
    here: Any = content
    said: list[str] = []
    for step in steps:
        if isinstance(step, int):
            here = here[step] if isinstance(here, list) and step < len(here) else None
            name = here.get("name") if isinstance(here, dict) else None
            said.append(f"no. {step + 1}" + (f" ({name})" if isinstance(name, str) else ""))
        else:
            inside = isinstance(here, dict) and step in here
            here = here[step] if inside else None
            if inside or (told and step is steps[-1]):
                said.append(f"`{step}`")
    return " ".join(said) or "the whole document"


def _words(steps: Sequence[str | int]) -> list[str]:
    """The words that the table at a place knows."""
    words = []
    for model in _models(steps):
        words += [field.alias or name for name, field in model.model_fields.items()]
    return words


def _choices(steps: Sequence[str | int]) -> list[str]:
    """The values that a word at a place may have."""
    return [str(value) for kind in _kinds(steps) if get_origin(kind) is Literal for value in get_args(kind)]


def _models(steps: Sequence[str | int]) -> list[type[BaseModel]]:
    return [kind for kind in _kinds(steps) if isinstance(kind, type) and issubclass(kind, BaseModel)]


def _kinds(steps: Sequence[str | int]) -> list[Any]:
    """The types that may stand at a place, found by walking the classes of the language."""
    here: list[Any] = [Rules]
    for step in steps:
        here = [inner for kind in here for inner in _inside(kind, step)]
    return here


def _inside(kind: Any, step: str | int) -> list[Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if kind.__name__ == step or ("rule" in kind.model_fields and _tag(kind) == step):
            return [kind]  # the branch of a union that was tried
        for name, field in kind.model_fields.items():
            if step == (field.alias or name):
                return _open(field.annotation)
        return []
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is tuple and isinstance(step, int):
        return _open(arguments[0])
    if origin is dict:
        return _open(arguments[1])
    return []


def _tag(kind: type[BaseModel]) -> object:
    return get_args(kind.model_fields["rule"].annotation)[0]


def _open(kind: Any) -> list[Any]:
    """The types of an annotation, unions taken apart."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) is UnionType or str(get_origin(kind)) == "typing.Union":
        return [inner for one in get_args(kind) if one is not type(None) for inner in _open(one)]
    return [kind]
