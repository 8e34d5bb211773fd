"""What differs between two contracts, in words."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from settlement.home import contracts_folder
from settlement.model.contract import Contract
from settlement.rate.contract_file import contract_version, read_content, read_contract
from settlement.whatif.difference import Change, changes, notes
from settlement.whatif.text import render_changes

SOURCES = [f"{partner}/2009-01-01.toml" for partner in ("alma-mater", "harbor-retail", "meridian-air", "orient-estate")]
RETAIL = SOURCES[1]


def text_of(source: str = RETAIL) -> str:
    return (contracts_folder() / source).read_text(encoding="utf-8")


def edited(*edits: tuple[str, str], source: str = RETAIL) -> Contract:
    """The contract with texts replaced, without its examples: they are held to by the loader."""
    text = "examples = []\n" + text_of(source).partition("[[examples]]")[0]
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return read_contract(source, text).contract


def told(*edits: tuple[str, str], source: str = RETAIL) -> list[tuple[str, str, str]]:
    found = changes(edited(source=source), edited(*edits, source=source))
    return [(change.clause, change.place, change.text) for change in found]


@pytest.mark.parametrize("source", SOURCES)
def test_nothing_differs_from_itself(source: str) -> None:
    one = read_contract(source, text_of(source)).contract
    assert changes(one, one) == ()
    assert render_changes(()) == "The contracts say the same."


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every value of a contract file with its path."""
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(one, (*path, key))
    else:
        yield path, value


@pytest.mark.parametrize("source", SOURCES)
def test_no_value_of_a_file_can_change_unnoticed(source: str) -> None:
    content, reader = read_content(source, text_of(source)), TypeAdapter(Contract)
    before, seen = reader.validate_python(content), 0
    for path, value in leaves(content):
        changed: Any = deepcopy(content)
        *parents, last = path
        if last == "clause" or (path[0] == "examples" and last == "term"):
            continue  # the loader takes no clause and no term that is not there
        here = changed
        for key in parents:
            here = here[key]
        here[last] = f"{value}x" if isinstance(value, str) else value + (timedelta(1) if isinstance(value, date) else 1)
        try:
            after = reader.validate_python(changed)
        except ValidationError:
            continue  # a closed word has no other one beside it
        seen += 1
        assert changes(before, after), path
    assert seen > 40


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("rate = 0.0030", "rate = 0.0035", ("1", "term own_store_rate", "rate 0.0030 -> 0.0035")),
        ("hurdle = 20_000.00", "hurdle = 25_000.00", ("4", "term profit_share", "hurdle 20,000.00 -> 25,000.00")),
        ("weight = 7", "weight = 8", ("statement", "beneficiary HARBOR-RETAIL", "weight 7 -> 8")),
        ("threshold = 100.00", "threshold = 0.00", ("statement", "settlement", "threshold 100.00 -> 0.00")),
        ('title = "Retailer co-brand"', 'title = "R"', ("", "contract", "title Retailer co-brand -> R")),
        (
            'negative = "purchase_posting_date"',
            'negative = "posting_date"',
            ("clawback", "period", "place negative purchase_posting_date -> posting_date"),
        ),
        (
            'income = ["INTEREST", "FEES"]',
            'income = ["INTEREST", "INSURANCE"]',
            ("4", "measure programme_profit", "income without FEES and with INSURANCE"),
        ),
        (
            'income = ["INTEREST", "FEES"]',
            'income = ["FEES", "INTEREST"]',
            ("4", "measure programme_profit", "income INTEREST, FEES -> FEES, INTEREST"),
        ),
        ('"6010", ', "", ("volumes", "mcc_lists", "excluded without 6010")),
    ],
)
def test_a_changed_value_tells_old_and_new(old: str, new: str, expected: tuple[str, str, str]) -> None:
    assert told((old, new)) == [expected]


def test_a_changed_clause_shows_what_was_changed_in_it() -> None:
    assert told(("0.30 % of own-store", "0.35 % of all own-store")) == [
        ("1", "", "[-0.30-] {+0.35+} % of {+all+} own-store volume, rounded once per quarter.")
    ]


def test_a_term_that_comes_goes_or_has_another_form() -> None:
    term = (
        '[[terms]]\nid = "own_store_rate"' + text_of().partition('id = "own_store_rate"')[2].partition("[[terms]]")[0]
    )
    assert told((term, ""), ('1 = "0.30 % of own-store volume, rounded once per quarter."\n', "")) == [
        ("1", "", "[-0.30 % of own-store volume, rounded once per quarter.-]"),
        (
            "1",
            "term own_store_rate",
            (
                "taken out: id own_store_rate, form rate, measure own_volume, rate 0.0030, rounding unit minor, "
                "mode half_away, scope period"
            ),
        ),
    ]
    tiers = (
        'form = "marginal_tier"\nwindow = "period"\nbelow_zero = "nothing"\ntiers = [{ from = 0.00, rate = 0.0030 }]'
    )
    assert told(('form = "rate"\nclause = "1"', f'clause = "1"\n{tiers}'), ("\nrate = 0.0030\n", "\n")) == [
        ("1", "term own_store_rate", "form rate -> marginal_tier"),
        ("1", "term own_store_rate", "window period is new"),
        ("1", "term own_store_rate", "tiers rate 0.0030, from 0.00 is new"),
        ("1", "term own_store_rate", "below_zero nothing is new"),
        ("1", "term own_store_rate", "rate 0.0030 is taken out"),
    ]


def test_tiers_go_by_their_number_or_by_their_bound() -> None:
    bound = ("4_000_000.00", "5_000_000.00")
    assert [text for *_, text in told(bound)] == [
        "tiers 2 to 4,000,000.00 -> 5,000,000.00",
        "tiers 3 from 4,000,000.00 -> 5,000,000.00",
    ]
    third = "    { from = 4_000_000.00, rate = 0.0020 },\n"
    fourth = (
        "    { from = 4_000_000.00, to = 9_000_000.00, rate = 0.0020 },\n    { from = 9_000_000.00, rate = 0.0030 },\n"
    )
    assert [text for *_, text in told((third, fourth))] == [
        "tiers from 4,000,000.00 to 9,000,000.00 is new",
        "tiers rate 0.0030, from 9,000,000.00 is new",
    ]


def test_each_of_several_holds_and_taxes_rests_on_its_own_clause() -> None:
    hold = (
        '[[settlement.holds]]\nid = "{}"\nclause = "{}"\nkind = "holdback"\nshare = {}\nbeneficiaries = '
        '["HARBOR-RETAIL"]\nreleased_after = 2\ncounted_in = "periods"\nrounding = "half_away"\n\n'
    )
    last = "[settlement.adjustments]"
    order = ('"carry", "threshold"]', '"carry", "hold", "threshold"]')
    first, second = hold.format("first", "1", "0.10"), hold.format("second", "2", "0.20")
    before = edited(order, (last, first + second + last))
    after = edited(order, (last, first.replace("0.10", "0.15") + second + last))
    assert [(one.clause, one.place, one.text) for one in changes(before, after)] == [
        ("1", "settlement.holds 1", "share 0.10 -> 0.15")
    ]
    fewer = edited(order, (last, first + last))
    ((clause, place, text),) = [(one.clause, one.place, one.text) for one in changes(before, fewer)]
    assert (clause, place) == ("2", "settlement.holds id second")
    assert text.startswith("taken out: ")


def test_the_order_of_terms_is_told() -> None:
    one = edited()
    terms = (one.terms[1], one.terms[0], *one.terms[2:])
    content = read_content(RETAIL, text_of())
    content["terms"] = [content["terms"][1], content["terms"][0], *content["terms"][2:]]
    other = contract_version(RETAIL, content | {"examples": []}).contract
    assert other.terms == terms
    assert changes(one, other) == (
        Change(
            clause="",
            place="terms",
            text="order own_store_rate, elsewhere_rate, annual_volume_tier, profit_share -> "
            "elsewhere_rate, own_store_rate, annual_volume_tier, profit_share",
        ),
    )


def test_examples_are_told_and_compute_nothing() -> None:
    one, other = read_contract(RETAIL, text_of()).contract, edited()
    found = changes(one, other)
    assert len(found) == len(one.examples)
    assert found[0].text == "taken out: given own_volume 5.00, gives 0.02"
    assert notes(found) == ()


def test_words_and_numbers_that_do_not_change_together_are_noted() -> None:
    found = changes(edited(), edited(("rate = 0.0030", "rate = 0.0035"), ("0.80 %", "0.90 %")))
    assert notes(found) == (
        "Clause 1 is computed otherwise, and its words are the same.",
        "Clause 2 has other words, and is computed the same.",
    )
    assert render_changes(found).endswith("\n\n" + "\n".join(notes(found)))
