"""The line of every table, key and entry of a contract file."""

from __future__ import annotations

import tomllib

import pytest
from rate.histories import contract_documents

from settlement.rate.contract_places import Place, lines_of, place_named

TEXT = """\
a = 1
b.c = { "d e" = 1, f = [
    { g = 1 },  # a comment
    { g = 2 },
] }

[h."i j".k]
l = "m"

[[n]]
o = 1
[n.p]
q = 2

[[n]]
o = 3
[[n.r]]
s = 4
"""


def test_each_place_has_the_line_on_which_it_begins() -> None:
    assert dict(lines_of(TEXT)) == {
        ("a",): 1,
        ("b",): 2,
        ("b", "c"): 2,
        ("b", "c", "d e"): 2,
        ("b", "c", "f"): 2,
        ("b", "c", "f", 0): 3,
        ("b", "c", "f", 0, "g"): 3,
        ("b", "c", "f", 1): 4,
        ("b", "c", "f", 1, "g"): 4,
        ("h",): 7,
        ("h", "i j"): 7,
        ("h", "i j", "k"): 7,
        ("h", "i j", "k", "l"): 8,
        ("n",): 10,
        ("n", 0): 10,
        ("n", 0, "o"): 11,
        ("n", 0, "p"): 12,
        ("n", 0, "p", "q"): 13,
        ("n", 1): 15,
        ("n", 1, "o"): 16,
        ("n", 1, "r"): 17,
        ("n", 1, "r", 0): 17,
        ("n", 1, "r", 0, "s"): 18,
    }


def places(value: object, place: Place = ()) -> set[Place]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = {place} - {()}
    for key, one in entries:
        found |= places(one, (*place, key))
    return found


@pytest.mark.parametrize("text", [TEXT, *contract_documents().values()])
def test_the_places_are_those_that_the_reader_of_toml_finds(text: str) -> None:
    assert lines_of(text).keys() == places(tomllib.loads(text))


def test_a_sentence_names_its_place() -> None:
    content = {"terms": [{"id": "a"}, {"id": "b"}], "beneficiaries": [{"id": "P"}, {"id": "Q"}]}
    named = {
        "clause 3 (b), tiers 2": ("terms", 1, "tiers", 1),
        "term a": ("terms", 0),
        "[measures.volume], opening": ("measures", "volume", "opening"),
        "example 4 (at the bound)": ("examples", 3),
        "beneficiary Q": ("beneficiaries", 1),
        "beneficiaries 1": ("beneficiaries", 0),
        "currency": ("currency",),
    }
    assert {where: place_named(where, content) for where in named} == named
