"""What differs between two contracts, in words: clause by clause, what is said and what is computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from settlement.model.contract import Contract, Example
from settlement.model.contract_measures import VolumeMeasure
from settlement.model.contract_terms import Term
from settlement.rate.contract_said import is_table, said, table_of

_PARTS: Final = frozenset(
    {"clauses", "mcc_lists", "period", "measures", "terms", "beneficiaries", "settlement", "examples"}
)
"""What of a contract is compared part by part; all else is its head."""
_EXAMPLE: Final = "example of "
_NAMES: Final = ("id", "item", "term", "text", "account_class", "first")
"""Fields that together name an entry of a list, where its class has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that differs.

    ``clause`` is the clause that it rests on, empty for what rests on none; ``place`` says where in the file, empty for
    the clause's own words; ``text`` tells old and new.
    """

    clause: str
    place: str
    text: str


def changes(before: Contract, after: Contract) -> tuple[Change, ...]:
    """All that differs, in the order of the later contract's clauses; nothing between a contract and itself."""
    found = [
        *_changes("", "contract", _head(before), _head(after)),
        *_of_clauses(before.clauses, after.clauses),
        *_of_lists(before, after),
        *_changes(after.period.clause, "period", before.period, after.period),
        *_of_named("measure", before.measures, after.measures),
        *_of_named("term", _by_id(before.terms), _by_id(after.terms)),
        *_of_order(before.terms, after.terms),
        *_of_named("beneficiary", _by_id(before.beneficiaries), _by_id(after.beneficiaries), after.settlement.clause),
        *_changes(after.settlement.clause, "settlement", before.settlement, after.settlement),
        *_of_examples(before, after),
    ]
    order = ["", *after.clauses, *before.clauses]
    return tuple(sorted(found, key=lambda change: order.index(change.clause)))


def notes(told: Sequence[Change]) -> tuple[str, ...]:
    """What a lawyer should look at: a clause computed otherwise in the same words, or with other words only."""
    worded = {change.clause for change in told if not change.place}
    computed = {change.clause for change in told if change.place and not change.place.startswith(_EXAMPLE)} - {""}
    silent = [f"Clause {name} is computed otherwise, and its words are the same." for name in sorted(computed - worded)]
    return (
        *silent,
        *(f"Clause {name} has other words, and is computed the same." for name in sorted(worded - computed)),
    )


def _head(contract: Contract) -> dict[str, object]:
    return {name: value for name, value in table_of(contract).items() if name not in _PARTS}


def _by_id(entries: Iterable[Any]) -> dict[str, Any]:
    return {entry.id: entry for entry in entries}


def _of_clauses(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    for name in dict.fromkeys([*after, *before]):
        if before.get(name) != after.get(name):
            yield Change(clause=name, place="", text=_marked(before.get(name, ""), after.get(name, "")))


def _marked(before: str, after: str) -> str:
    """The words of both: ``[-0.30-]`` is gone, ``{+0.35+}`` has come."""
    old, new = before.split(), after.split()
    told = []
    for what, begin, end, first, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, come = " ".join(old[begin:end]), " ".join(new[first:last])
        if what == "equal":
            told.append(gone)
        else:
            told += [f"[-{gone}-]"] * bool(gone) + [f"{{+{come}+}}"] * bool(come)
    return " ".join(told)


def _of_named(what: str, before: Mapping[str, Any], after: Mapping[str, Any], clause: str = "") -> Iterator[Change]:
    """Terms, measures and parties, each by its name."""
    for name in dict.fromkeys([*after, *before]):
        one = after.get(name, before.get(name))
        yield from _changes(getattr(one, "clause", clause), f"{what} {name}", before.get(name), after.get(name))


def _of_lists(before: Contract, after: Contract) -> Iterator[Change]:
    """Lists of merchant categories, each with the clauses whose measures name it."""
    for name in dict.fromkeys([*after.mcc_lists, *before.mcc_lists]):
        measures = [*after.measures.values(), *before.measures.values()]
        users = [
            one.clause for one in measures if isinstance(one, VolumeMeasure) and name in (one.mcc_in, one.mcc_not_in)
        ]
        for clause in dict.fromkeys(users or [""]):
            old, new = ({name: one.mcc_lists.get(name)} for one in (before, after))
            yield from _changes(clause, "mcc_lists", old, new)


def _of_order(before: Sequence[Term], after: Sequence[Term]) -> Iterator[Change]:
    ids = [[term.id for term in terms] for terms in (before, after)]
    both = set(ids[0]) & set(ids[1])
    old, new = ([name for name in names if name in both] for names in ids)
    if old != new:
        yield Change(clause="", place="terms", text=f"order {', '.join(old)} -> {', '.join(new)}")


def _of_examples(before: Contract, after: Contract) -> Iterator[Change]:
    """Worked examples by their term and text; they show what a clause means and compute nothing."""

    def named(examples: Iterable[Example]) -> dict[tuple[str, str], Mapping[str, object]]:
        named_by = ("term", "text")
        return {
            (one.term, one.text): {name: told for name, told in table_of(one).items() if name not in named_by}
            for one in examples
        }

    old, new = named(before.examples), named(after.examples)
    clauses = {term.id: term.clause for term in (*before.terms, *after.terms)}
    for key in dict.fromkeys([*new, *old]):
        yield from _changes(clauses[key[0]], f"{_EXAMPLE}{key[0]} ({key[1]})", old.get(key), new.get(key))


def _changes(clause: str, place: str, before: object, after: object) -> Iterator[Change]:
    """The changes of one thing, which is None where a contract lacks it; what has a clause of its own rests on that."""
    if before == after:
        return
    if before is None or after is None:
        text = f"new: {said(after)}" if before is None else f"taken out: {said(before)}"
        yield Change(clause=clause, place=place, text=text)
        return
    old, new = table_of(before), table_of(after)
    for name in dict.fromkeys([*new, *old]):
        one, other = old.get(name), new.get(name)
        if one == other:
            continue
        if _clause(one) or _clause(other):
            yield from _changes(_clause(other) or _clause(one), f"{place}.{name}", one, other)
        elif isinstance(one, tuple | list) and isinstance(other, tuple | list) and all(map(_clause, (*one, *other))):
            first, second = _paired(one, other)
            for key in dict.fromkeys([*second, *first]):
                entry, changed = first.get(key), second.get(key)
                yield from _changes(_clause(changed) or _clause(entry), f"{place}.{name} {key}", entry, changed)
        else:
            for text in _leaves(name, one, other):
                yield Change(clause=clause, place=place, text=text)


def _leaves(name: str, before: object, after: object) -> Iterator[str]:
    """The sentences of one field: old and new, entry by entry where it is a list of tables."""
    if before == after:
        return
    if is_table(before) and is_table(after):
        old, new = table_of(before), table_of(after)
        for key in dict.fromkeys([*new, *old]):
            yield from _leaves(f"{name} {key}", old.get(key), new.get(key))
    elif isinstance(before, tuple | list) and isinstance(after, tuple | list):
        yield from _entries(name, before, after)
    elif before is None or after is None:
        yield f"{name} {said(after)} is new" if before is None else f"{name} {said(before)} is taken out"
    else:
        yield f"{name} {said(before)} -> {said(after)}"


def _entries(name: str, before: Sequence[Any], after: Sequence[Any]) -> Iterator[str]:
    """Two lists: plain values as such, tables by their number where both have as many, else by what names them."""
    if not any(map(is_table, (*before, *after))):
        gone = [value for value in before if value not in after]
        come = [value for value in after if value not in before]
        if not gone and not come:
            yield f"{name} {said(before)} -> {said(after)}"
        told = [f"without {said(gone)}"] * bool(gone) + [f"with {said(come)}"] * bool(come)
        if told:
            yield f"{name} {' and '.join(told)}"
        return
    old, new = _paired(before, after)
    for key in dict.fromkeys([*new, *old]):
        # An entry of one side alone is told whole: what names it is in it.
        both = key in old and key in new
        yield from _leaves(f"{name} {key}" if both else name, old.get(key), new.get(key))


def _paired(before: Sequence[Any], after: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tables of two lists by their number where both have as many, else by what names them."""
    if len(before) != len(after):
        named = [{_key(entry): entry for entry in entries} for entries in (before, after)]
        if len(named[0]) == len(before) and len(named[1]) == len(after):
            return named[0], named[1]
    return _numbered(before), _numbered(after)


def _clause(value: object) -> str:
    """The clause that a table rests on; empty for what is no table or has none of its own."""
    clause = table_of(value).get("clause") if is_table(value) else None
    return clause if isinstance(clause, str) else ""


def _numbered(entries: Sequence[Any]) -> dict[str, Any]:
    return {str(number): entry for number, entry in enumerate(entries, start=1)}


def _key(entry: object) -> str:
    """What names an entry of a list: ``from 2,000,000.00``."""
    table = table_of(entry)
    return " ".join(f"{name} {said(value)}" for name, value in table.items() if name in {*_NAMES, "from"})
