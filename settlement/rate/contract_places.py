"""Where in a contract file something stands: the line of every table, key and list entry, and of what a sentence names.

The lines come from the grammar of TOML of ``tree-sitter``; what the file says is read by ``tomllib`` alone.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Final

import tree_sitter_toml
from tree_sitter import Language, Node, Parser

from settlement.rate.contract_text import key_parts

Place = tuple[str | int, ...]
"""A way through tables and lists: ``("terms", 2, "tiers", 0, "from")``."""

_KEYS: Final = frozenset({"bare_key", "quoted_key", "dotted_key"})
_HEADED: Final = frozenset({"table", "table_array_element"})
_TERM: Final = re.compile(r"clause .*? \((?P<id>[^()]+)\)|term (?P<plain>\S+)")
_TABLE: Final = re.compile(r"\[(?P<table>[^\]]+)\]")
_NUMBERED: Final = re.compile(r"(?P<list>example|beneficiaries|terms|examples) (?P<number>\d+)")
_BENEFICIARY: Final = re.compile(r"beneficiary (?P<id>[^,]+)")
_WORDS: Final = re.compile(r"`(?:(\w+) = )?\"?([^`\"]*)\"?`|(\w+) = `([^`]*)`")


def lines_of(text: str) -> Mapping[Place, int]:
    """The line, from 1, on which each table, key and list entry of a TOML text begins."""
    tree = Parser(_grammar()).parse(text.encode())
    found: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    for node in tree.root_node.named_children:
        if node.type == "pair":
            _note(node, (), found)
        elif node.type in _HEADED:
            _note_table(node, found, counts)
    return found


def place_named(where: str, content: Mapping[str, object]) -> Place:
    """The place that a sentence begins with: ``clause 3 (volume_tier)``, ``[measures.volume]``, ``example 2 (x)``.

    Parameters
    ----------
    where:
        The place as a sentence names it.
    content:
        The file as TOML reads it.
    """
    if term := _TERM.match(where):
        return ("terms", *_number_of(content, "terms", term["id"] or term["plain"]), *_rest(where[term.end() :]))
    if table := _TABLE.match(where):
        return (*table["table"].split("."), *_rest(where[table.end() :]))
    if numbered := _NUMBERED.match(where):
        name = "examples" if numbered["list"] == "example" else numbered["list"]
        return (name, int(numbered["number"]) - 1)
    if beneficiary := _BENEFICIARY.match(where):
        return ("beneficiaries", *_number_of(content, "beneficiaries", beneficiary["id"]))
    return (where,)


def line_for(place: Place, sentence: str, text: str, lines: Mapping[Place, int]) -> int | None:
    """The line of the one key or value that a sentence names at ``place``, or of the place; None without a place."""
    within = {there: line for there, line in lines.items() if there[: len(place)] == place}
    written = text.splitlines()
    for one in _WORDS.finditer(sentence) if place else ():
        key, value = one[1] or one[3], one[2] or one[4]
        keyed = {line for there, line in within.items() if there[-1] in {key, None if key else value}}
        valued = {line for line in within.values() if f'"{value}"' in written[line - 1]}
        for candidates in (keyed, valued):
            if len(candidates) == 1:
                return candidates.pop()
    return lines.get(place)


@cache
def _grammar() -> Language:
    return Language(tree_sitter_toml.language())


def _note_table(node: Node, found: dict[Place, int], counts: dict[Place, int]) -> None:
    heading = next(child for child in node.named_children if child.type in _KEYS)
    place: Place = ()
    for name in _names(heading):
        place = (*place, name)
        found.setdefault(place, _line(node))
        if place in counts and (node.type == "table" or len(place) < len(_names(heading))):
            # A table below a list belongs to the list's latest entry.
            place = (*place, counts[place] - 1)
    if node.type == "table_array_element":
        counts[place] = counts.get(place, 0) + 1
        place = (*place, counts[place] - 1)
    found.setdefault(place, _line(node))
    for child in node.named_children:
        if child.type == "pair":
            _note(child, place, found)


def _note(pair: Node, place: Place, found: dict[Place, int]) -> None:
    keys = [child for child in pair.named_children if child.type in _KEYS]
    values = [child for child in pair.named_children if child.type not in _KEYS and child.type != "comment"]
    if keys:
        for name in _names(keys[0]):
            place = (*place, name)
            found.setdefault(place, _line(pair))
        for value in values:
            _note_value(value, place, found)


def _note_value(value: Node, place: Place, found: dict[Place, int]) -> None:
    if value.type == "inline_table":
        for pair in value.named_children:
            if pair.type == "pair":
                _note(pair, place, found)
    elif value.type == "array":
        entries = [child for child in value.named_children if child.type != "comment"]
        for number, entry in enumerate(entries):
            found.setdefault((*place, number), _line(entry))
            _note_value(entry, (*place, number), found)


def _names(key: Node) -> list[str]:
    """The parts of a key as TOML reads them, quotes and escapes taken off."""
    told = (key.text or b"").decode()
    try:
        return key_parts(told)
    except tomllib.TOMLDecodeError:
        return [told]


def _line(node: Node) -> int:
    return int(node.start_point[0]) + 1


def _number_of(content: Mapping[str, object], name: str, id_: str) -> Place:
    entries = content.get(name)
    ids = (
        [entry.get("id") if isinstance(entry, dict) else None for entry in entries] if isinstance(entries, list) else []
    )
    return (ids.index(id_),) if id_ in ids else ()


def _rest(told: str) -> Place:
    """``, tiers 2, from`` as a way: ``("tiers", 1, "from")``."""
    way: list[str | int] = []
    for part in filter(None, told.split(", ")):
        name, _, number = part.partition(" ")
        way += [name, int(number) - 1] if number.isdecimal() else [part]
    return tuple(way)
