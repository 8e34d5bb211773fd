"""Everything that is wrong with a contract file at once, each with the line it is about, for the author of the file.

The loader refuses a file at its first fault. An author wants them all: the shape's faults together, and where the
shape is right those of every rule, of each rule for every term and measure.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from pydantic import ValidationError

from settlement.errors import TerminalError
from settlement.model.contract import Contract, ContractVersion
from settlement.rate.contract_calendar import check_effective, has_periods
from settlement.rate.contract_doubts import doubts
from settlement.rate.contract_examples import check_examples
from settlement.rate.contract_file import READER, effective_date
from settlement.rate.contract_places import Place, line_for, lines_of, place_named
from settlement.rate.contract_rules import RULES, check_known
from settlement.rate.contract_text import unreadable
from settlement.rate.contract_words import Refusal, sentences_for

_EXAMPLE: Final = re.compile(r"example (\d+)")
_TABLES: Final = frozenset({"measures", "mcc_lists", "clauses"})
_TAG: Final = 2
"""Which part of a place is the tag of a term or a measure, such as `("terms", 0, "tiers", "driver")`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to mend, or to think about: the line it is about, if any, and a sentence from the place on."""

    line: int | None
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What an author is told of a file: what is refused, what is doubtful, the contract where nothing is refused."""

    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    version: ContractVersion | None


def examine(source: str, text: str) -> Examined:
    """All problems and doubts of a contract file, in the order of its lines.

    Parameters
    ----------
    source:
        Its path, whose last part is the effective date.
    text:
        Its content.
    """
    try:
        content = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        number, sentence = unreadable(error, text)
        return _refused([Problem(line=number, sentence=sentence)])
    lines = lines_of(text)

    def located(refusal: Refusal) -> Problem:
        place = place_named(refusal.where, content)
        while place and place not in lines:
            place = place[:-1]
        line = lines.get((*place, *refusal.below)) if refusal.below else None
        return Problem(
            line=line or line_for(place, refusal.sentence, text, lines), sentence=f"{refusal.where}: {refusal.sentence}"
        )

    unnamed = _misnamed(source)
    try:
        contract = READER.validate_python(content)
    except ValidationError as error:
        told = sentences_for(error, content)
        found = [Problem(line=_line_at(place, content, lines), sentence=said.lstrip(":, ")) for place, said in told]
        return _refused([*unnamed, *found])
    found = [located(refusal) for refusal in _refusals(contract)]
    if unnamed:
        return _refused([*unnamed, *found])
    effective = effective_date(source)
    version = ContractVersion(source=source, effective=effective, contract=contract)
    try:
        if has_periods(contract):
            check_effective(version)
        check_known(version)
    except Refusal as refusal:
        found.append(Problem(line=None, sentence=f"{refusal.where}: {refusal.sentence}"))
    if found:
        return _refused(found)
    warned = sorted(map(located, doubts(version)), key=_by_line)
    return Examined(problems=(), warnings=tuple(warned), version=version)


def _refused(problems: list[Problem]) -> Examined:
    return Examined(problems=tuple(sorted(problems, key=_by_line)), warnings=(), version=None)


def _by_line(problem: Problem) -> tuple[int, str]:
    return problem.line or 0, problem.sentence


def _misnamed(source: str) -> list[Problem]:
    try:
        effective_date(source)
    except TerminalError as error:
        return [Problem(line=None, sentence=str(error).removeprefix(f"{source}: "))]
    return []


def _line_at(location: Place, content: Mapping[str, object], lines: Mapping[Place, int]) -> int | None:
    """The line of a place as the reader tells it; the tags of forms and types, which it adds, are passed over."""
    here: object = content
    place: Place = ()
    for number, part in enumerate(location):
        # A form's tag, which the reader puts below the table, may be a key of it as well: `tiers`.
        if number == _TAG and isinstance(here, dict) and part == here.get("form"):
            continue
        match here, part:
            case dict(), _ if part in here and (*place, part) in lines:
                here, place = here[part], (*place, part)
            case list(), int():
                here, place = here[part], (*place, part)
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place)


def _refusals(contract: Contract) -> list[Refusal]:
    """What each rule refuses: a rule is asked again without what it refused, until it has nothing more to say."""
    found: list[Refusal] = []
    gone: list[Place] = []
    for rule in RULES:
        # An example is worked with terms that hold; what another rule has refused gives no figure to compare.
        asked = _without(contract, gone) if rule is check_examples else contract
        mine = list(gone) if rule is check_examples else []
        while True:
            try:
                rule(asked)
            except Refusal as refusal:
                left = _examples_left(contract, mine)
                item = _item(refusal, asked, left)
                if not _follows(refusal, contract, mine):
                    found.append(_renumbered(refusal, left))
                if item is None or item in mine:
                    break
                mine.append(item)
                asked = _without(contract, mine)
                continue
            except LookupError:
                # The rule relies on what an earlier rule has refused.
                if set(gone) <= set(mine):
                    break
                mine += [item for item in gone if item not in mine]
                asked = _without(contract, mine)
                continue
            break
        gone += [item for item in mine if item not in gone]
    return found


def _item(refusal: Refusal, asked: Contract, examples_left: list[int]) -> Place | None:
    """The entry of the contract that a refusal is about: a list's by its id, an example by its number in the file."""
    names = {"terms": [{"id": term.id} for term in asked.terms]}
    names["beneficiaries"] = [{"id": beneficiary.id} for beneficiary in asked.beneficiaries]
    match place_named(refusal.where, names):
        case ("examples", int(number), *_):
            return ("examples", examples_left[number])
        case ("terms", int(number), *_):
            return ("terms", asked.terms[number].id)
        case ("beneficiaries", int(number), *_):
            return ("beneficiaries", asked.beneficiaries[number].id)
        case (str(table), str(name), *_) if table in _TABLES:
            return (table, name)
    return None


def _without(contract: Contract, gone: list[Place]) -> Contract:
    """The contract without some of its entries, and without the examples of terms that are gone."""
    taken = set(gone)
    changes: dict[str, Any] = {
        name: tuple(entry for entry in getattr(contract, name) if (name, entry.id) not in taken)
        for name in ("terms", "beneficiaries")
    }
    changes |= {
        name: {key: value for key, value in getattr(contract, name).items() if (name, key) not in taken}
        for name in _TABLES
    }
    changes["examples"] = tuple(contract.examples[number] for number in _examples_left(contract, gone))
    return replace(contract, **changes)


def _follows(refusal: Refusal, contract: Contract, gone: list[Place]) -> bool:
    """Whether a refusal only follows from what was taken out to ask the rule again."""
    names = {str(item[1]) for item in gone if item[0] != "examples"}
    clauses = {term.clause for term in contract.terms if term.id in names}
    clauses |= {measure.clause for name, measure in contract.measures.items() if name in names}
    if refusal.where in {f"[clauses], {clause}" for clause in clauses} or refusal.sentence.startswith("there are none"):
        return bool(gone)
    return any(f"`{name}`" in refusal.sentence for name in names)


def _examples_left(contract: Contract, gone: list[Place]) -> list[int]:
    """The numbers of the examples that are left, from 0, without those of terms that are gone."""
    return [
        number
        for number, example in enumerate(contract.examples)
        if ("examples", number) not in gone and ("terms", example.term) not in gone
    ]


def _renumbered(refusal: Refusal, examples_left: list[int]) -> Refusal:
    """The refusal of an example under its number in the file."""
    where = _EXAMPLE.sub(lambda told: f"example {examples_left[int(told[1]) - 1] + 1}", refusal.where, count=1)
    return Refusal(where, refusal.sentence, refusal.below)
