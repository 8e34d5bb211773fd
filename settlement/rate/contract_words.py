"""Turn what the reader of contract files finds wrong into one sentence that a finance person can mend the file by."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from types import UnionType
from typing import Annotated, Final, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from settlement.model import contract as language
from settlement.model.contract_measures import Measure
from settlement.model.contract_terms import Term
from settlement.model.money import to_major
from settlement.rate.contract_keys import meaning

_TYPES: Final = (
    ("exact_decimal", "a plain decimal without quotes, such as 0.0030 or 20_000.00"),
    ("string", "a text in quotes"),
    ("int", "a whole number without quotes"),
    ("bool", "true or false"),
    ("date", "a date without quotes, such as 2010-12-31"),
    ("tuple", "a list in square brackets"),
    ("dict", "a table"),
    ("dataclass", "a table"),
)
# Unknown words first: a word written wrong is told as such, and not as the right word's absence.
_ORDER: Final = (
    *("unexpected_keyword_argument", "union_tag_invalid", "union_tag_not_found", "enum", "literal_error"),
    "missing",
)


Location = tuple[str | int, ...]
"""A place as the reader tells it: like the way through the file, with the tag of what was chosen by its tag."""


_MEASURE_TYPE: Final = re.compile(
    r"^(, \[measures\.[^.\]]+)\.(?:volume|units|accounts|accounts_within|month_end_balances|monthly_profit|event_\w+)\b"
)
"""The tag of a measure's type, which the reader puts behind its name."""


class Refusal(Exception):  # noqa: N818  # a sentence on its way to the reader of files, who adds the file's name
    """What is wrong, from the place in the file on: ``, clause 3 (annual_volume_tier): ...``.

    ``below`` leads from the place to the very entry, where the place alone does not: ``("tiers", 1)``.
    """

    def __init__(self, where: str, sentence: str, below: tuple[str | int, ...] = ()) -> None:
        super().__init__(f", {where}: {sentence}")
        self.where, self.sentence, self.below = where, sentence, below


def refuse(where: str, sentence: str, *, below: tuple[str | int, ...] = ()) -> Refusal:
    """A refusal of what stands at ``where``; the sentence says what is wrong and what to write instead."""
    return Refusal(where, sentence, below)


def term_place(term: Term) -> str:
    """How a sentence names a term: ``clause 3 (annual_volume_tier)``."""
    return f"clause {term.clause} ({term.id})"


def written(amount: Decimal) -> str:
    """An amount of a contract for a person: 2,000,000.00."""
    return f"{amount:,}"


_MEANT: Final = {
    "half_up": "half_away",
    "returns": "refund",
    "return": "refund",
    "daily": "day",
    "monthly": "month",
    "quarterly": "quarter",
    "yearly": "year",
    "annual": "year",
}
"""What people write for words of the language that are spelt otherwise."""


def written_minor(amount: int, currency: str) -> str:
    """Minor units as an amount of a contract: 2,000,000.00."""
    return written(Decimal(to_major(amount, currency)))


def nearest(word: str, known: Sequence[str]) -> str:
    """``did you mean ...`` with the nearest of the known words, and otherwise the list of them."""
    if _MEANT.get(word) in known:
        return f"did you mean `{_MEANT[word]}`?"
    close = get_close_matches(word, known, n=1)
    return f"did you mean `{close[0]}`?" if close else f"write {listed(known)}."


def listed(known: Sequence[str]) -> str:
    """The words that may stand somewhere: ```a``` or ``one of `a`, `b```."""
    quoted = ", ".join(f"`{word}`" for word in known)
    return f"one of {quoted}" if len(known) > 1 else quoted


def words_of(kinds: Iterable[type[Measure]]) -> str:
    """The words by which a file names kinds of measures."""
    return listed([get_args(get_type_hints(kind)["type"])[0] for kind in kinds])


def sentences_for(error: ValidationError, content: Mapping[str, object]) -> list[tuple[Location, str]]:
    """A sentence for each of the errors with its location, to stand right after the name of the file, gravest first.

    A word that is written wrong is told once, and not a second time as the right word's absence.

    Parameters
    ----------
    error:
        What the reader found wrong.
    content:
        The file as TOML reads it; its clauses and ids are named in the sentence.
    """
    errors = sorted(error.errors(), key=lambda e: (_rank(e), [str(part) for part in e["loc"]]))
    mistaken = set()
    for one in errors:
        if one["type"] == "unexpected_keyword_argument":
            *table, word = one["loc"]
            mistaken |= {(*table, name) for name in get_close_matches(str(word), _words_at(table), n=1)}
    told = [one for one in errors if one["type"] != "missing" or one["loc"] not in mistaken]
    return [(_location(one), _sentence(one, content)) for one in told]


def _location(error: ErrorDetails) -> Location:
    """Where an error stands; a word by which a table is chosen goes by its key."""
    if error["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        return (*error["loc"], str(error["ctx"]["discriminator"]).strip("'"))
    return error["loc"]


def _sentence(first: ErrorDetails, content: Mapping[str, object]) -> str:
    location = first["loc"]
    # A value inside a list has no name of its own; it goes by the name of the list.
    named = location[:-1] if location and isinstance(location[-1], int) else location
    where, field = _where(named, content), str(named[-1]) if named else "the file"
    match first["type"]:
        case "unexpected_keyword_argument":
            return f"{where}: `{field}` is not a word of this table; {nearest(field, _words_at(location[:-1]))}"
        case "missing":
            how = _how_to_say(location, field)
            return f"{where}: `{field}` is not said; a contract must say it: add it, {how}"
        case "union_tag_not_found":
            tag = str(first["ctx"]["discriminator"]).strip("'")
            return f"{_where((*location, tag), content)}: `{tag}` is not said; write {listed(_words_at(location))}."
        case "union_tag_invalid":
            tag, name = str(first["ctx"]["discriminator"]).strip("'"), str(first["ctx"]["tag"])
            place = _where((*location, tag), content)
            return f"{place}: {tag} `{name}` is unknown; {nearest(name, _words_at(location))}"
        case "enum" | "literal_error":
            given = first["input"]
            words = nearest(str(given), _words_at(location))
            if words.startswith("write"):
                words = words.removesuffix(".") + _because(location, field)
            return f"{where}: {field} = `{given}` is unknown; {words}"
    wanted = next((text for start, text in _TYPES if first["type"].startswith(start)), "another kind of value")
    return f"{where}: `{field}` must be {wanted}, not {_shown(first['input'])}."


def _how_to_say(location: Location, field: str) -> str:
    """``as `threshold = ...`: The smallest balance that is paid.``, with the keys of what is a table."""
    here = _bare(_at(location))
    because = _because(location, field)
    if _is_word(location):
        return f"as {listed(_words_at(location))}{because}"
    is_list = get_origin(here) is tuple
    of = _bare(get_args(here)[0]) if is_list else here
    keys = ", ".join(f"{key} = ..." for key, is_needed in _fields(of).items() if is_needed)
    value = f"{{ {keys} }}" if keys else "..."
    written_so = f"{field} = {f'[{value}]' if is_list else value}"
    if is_list and len(location) == 1:
        written_so = f"[[{field}]]" + (f" with {keys}" if keys else "")
    closed = _closed_words(of) if is_list else []
    words = f" with {'any of ' * (len(closed) > 1)}{', '.join(f'`{word}`' for word in closed)}" if closed else ""
    return f"as `{written_so}`{words}{because}"


def _because(location: Location, field: str) -> str:
    """What a key means, to end a sentence by."""
    told = meaning(getattr(_bare(_at(location[:-1])), "__name__", ""), field)
    return f": {told[:1].lower()}{told[1:]}" if told else "."


def _closed_words(kind: object) -> list[str]:
    """The words of a closed list; none where anything else may stand."""
    return [word.value for word in kind] if isinstance(kind, type) and issubclass(kind, StrEnum) else []


def _rank(error: ErrorDetails) -> int:
    return _ORDER.index(error["type"]) if error["type"] in _ORDER else len(_ORDER)


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _where(location: Sequence[str | int], content: Mapping[str, object]) -> str:
    """``, clause 3 (annual_volume_tier), tiers 2`` for the place of an error."""
    if not location:
        return ""
    head = location[0]
    value = content.get(str(head))
    number = location[1] if len(location) > 1 else None
    item = value[number] if isinstance(value, list) and isinstance(number, int) else None
    if head == "terms" and isinstance(item, dict):
        place = f", clause {item.get('clause', '?')} ({item.get('id', 'a term without an id')})"
        rest = location[3:-1]
    elif isinstance(number, int):
        place, rest = f", {head} {number + 1}", location[2:-1]
    else:
        # A table in a list goes by its number: [settlement], taxes 1.
        listed_at = next((at for at, part in enumerate(location) if isinstance(part, int)), len(location))
        table = location[: min(listed_at, len(location)) - 1]
        place, rest = (f", [{'.'.join(str(part) for part in table)}]" if table else ""), location[len(table) : -1]
        place = _MEASURE_TYPE.sub(r"\1", place)
    parts = [f", {part}" if isinstance(part, str) else f" {part + 1}" for part in rest]
    return place + "".join(parts)


def _words_at(location: Sequence[str | int]) -> list[str]:
    """The words that may stand at a place, found by walking the language's classes: keys, types or closed words."""
    here = _bare(_at(location))
    if get_origin(here) is Literal:
        return [str(word) for word in get_args(here)]
    if get_origin(here) is UnionType:
        return [str(tag) for kind in get_args(here) for tag in _tags(kind)]
    if isinstance(here, type) and issubclass(here, StrEnum):
        return [word.value for word in here]
    return list(_fields(here))


def _is_word(location: Sequence[str | int]) -> bool:
    here = _bare(_at(location))
    return get_origin(here) is Literal or (isinstance(here, type) and issubclass(here, StrEnum))


def _at(location: Sequence[str | int]) -> object:
    """The language's class or type at a place."""
    here: object = language.Contract
    for part in location:
        here = _step(here, part)
    return here


def _step(here: object, part: str | int) -> object:
    here = _bare(here)
    if isinstance(here, type) and hasattr(here, "__dataclass_fields__"):
        hints = get_type_hints(here, include_extras=True)
        return next((hint for name, hint in hints.items() if key_of(name, hint) == part), here)
    arguments = get_args(here)
    if get_origin(here) is tuple:
        return arguments[0]
    if get_origin(here) is dict:
        return arguments[1]
    if get_origin(here) is UnionType:
        tagged = [a for a in arguments if part in _tags(a)]
        return tagged[0] if tagged else here
    return here


def _bare(here: object) -> object:
    while get_origin(here) is Annotated:
        here = get_args(here)[0]
    # A closed list of words or nothing is a Union, a class or nothing a UnionType.
    if get_origin(here) in {Union, UnionType}:
        some = [a for a in get_args(here) if a is not type(None)]
        if len(some) == 1:
            return _bare(some[0])
    return here


def _tags(kind: object) -> tuple[object, ...]:
    hints = get_type_hints(kind, include_extras=True) if isinstance(kind, type) else {}
    return get_args(hints.get("form", hints.get("type")))


def key_of(name: str, hint: object) -> str:
    """The key of the contract file that a field is read from: ``from`` for the field ``first``."""
    for extra in getattr(hint, "__metadata__", ()):
        if isinstance(extra, FieldInfo) and extra.alias:
            return extra.alias
    return name


def _fields(kind: object) -> dict[str, bool]:
    """The keys of a table, and whether each must be said."""
    kind = _bare(kind)
    if not isinstance(kind, type) or not is_dataclass(kind):
        return {}
    hints = get_type_hints(kind, include_extras=True)
    return {
        key_of(one.name, hints[one.name]): one.default is MISSING and one.default_factory is MISSING
        for one in fields(kind)
    }
