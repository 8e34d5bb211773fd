"""What `settle rules check` and `settle rules explain` say."""

from __future__ import annotations

import pytest
from reconcile_runs import HEAD

from settlement.reconcile.check import check_rules, has_errors
from settlement.reconcile.explain import explain_rules
from settlement.reconcile.rules import read_rules


def _pass(name: str, *lines: str) -> str:
    return "\n".join(["[[pass]]", f'name = "{name}"', *lines, ""])


WIDE = _pass("wide", 'keys = ["key"]', "days = 3", 'amount = { rule = "within", minor = 5 }')
SAID = {
    "narrower window": (
        WIDE,
        _pass("late", 'keys = ["key"]', "days = 2"),
        "pass `late` can never fire: `wide` before it",
    ),
    "one key more": (WIDE, _pass("late", 'keys = ["key", "till"]', "days = 3"), "can never fire"),
    "smaller tolerance": (
        WIDE,
        _pass("late", 'keys = ["key"]', "days = 0", 'amount = { rule = "within", right_may_exceed = { minor = 4 } }'),
        "can never fire",
    ),
    "steps inside": (
        _pass(
            "a", 'keys = ["key"]', 'amount = { rule = "within", left_may_exceed = { step_minor = 5, most_steps = 4 } }'
        ),
        _pass(
            "b", 'keys = ["key"]', 'amount = { rule = "within", left_may_exceed = { step_minor = 10, most_steps = 2 } }'
        ),
        "can never fire",
    ),
    "conditions inside": (
        _pass("a", 'keys = ["key"]', 'left_only = { till = ["1", "2"] }'),
        _pass("b", 'keys = ["key"]', 'left_only = { till = ["2"] }', 'right_only = { till = ["1"] }'),
        "can never fire",
    ),
    "the same twice": (
        _pass("a", 'keys = ["key"]', 'cardinality = ["1:N"]'),
        _pass("b", 'keys = ["key"]', 'cardinality = ["1:N"]'),
        "pass `b` can never fire: it repeats `a` word for word",
    ),
    "nothing held": (_pass("a", 'keys = ["key"]', 'consumes = ["held"]'), "", "no pass before it holds any back"),
    "empty key wanted": (_pass("a", 'keys = ["key"]', 'left_only = { key = [""] }'), "", "an empty key never matches"),
    "crossing": (WIDE, _pass("b", 'keys = ["key"]', "days = 9"), "warning: passes `wide` and `b` overlap"),
    "amount alone": (_pass("a"), "", "warning: pass `a` rests on the amount alone"),
    "wide search": (
        _pass("a", 'cardinality = ["1:N"]', "search = { most_members = 4, most_candidates = 60 }"),
        "",
        "of which many sums fit by chance",
    ),
    "carried rows fewer": (
        _pass("a", 'keys = ["key"]', "carried_most_days = 30"),
        _pass("b", 'keys = ["key"]', "[carry]", "expires_after_days = 90"),
        "pass `b` can never fire: `a` before it",
    ),
    "carried for nothing": (
        _pass("a", 'keys = ["key"]', "carry = false"),
        "[carry]\nexpires_after_days = 90\n",
        "warning: rows are carried, and no pass takes carried rows",
    ),
    "for ever": (WIDE, "[carry]\n", "warning: carried rows never expire: what finds no partner is told in every run"),
    "a netting past expiry": (
        WIDE,
        '[[left.net]]\nname = "voids"\nkeys = ["key"]\ndays = 91\n[carry]\nexpires_after_days = 90\n',
        "warning: netting `voids` of `[left]` reaches 91 days back, but open rows expire after 90",
    ),
    "unused text": (
        WIDE,
        '[left.text.shop]\nnormalise = ["trim"]\n',
        "text `shop` of `[left]` is declared and never used",
    ),
}


@pytest.mark.parametrize("case", sorted(SAID))
def test_what_cannot_be_meant_is_told(case: str) -> None:
    first, second, words = SAID[case]
    found = check_rules(read_rules(HEAD + first + second, "r"))
    assert any(words in f"{one.level}: {one.sentence}" for one in found), found
    assert has_errors(found) is not words.startswith(("warning", "of which", "text"))


@pytest.mark.parametrize(
    "later",
    [
        _pass("b", 'keys = ["till"]', "days = 3"),
        _pass("b", 'keys = ["key"]', "days = 4", 'amount = { rule = "within", minor = 6 }'),
        _pass("b", 'keys = ["key"]', "days = 3", 'consumes = ["held"]'),
        _pass("b", 'keys = ["key"]', "days = 3", 'cardinality = ["1:N"]'),
        _pass("b", 'keys = ["key"]', "business_days = 9", 'amount = { rule = "within", minor = 5 }'),
    ],
)
def test_an_honest_ladder_has_no_errors(later: str) -> None:
    wide = WIDE + 'ambiguity = "hold"\n'
    assert not has_errors(check_rules(read_rules(HEAD + wide + later, "r")))


def test_a_pass_that_also_compares_texts_hides_none() -> None:
    wide = WIDE + 'text = [{ left = "shop", right = "shop", at_least = 80 }]\n'
    later = _pass("b", 'keys = ["key"]', "days = 3")
    assert not has_errors(check_rules(read_rules(HEAD + wide + later, "r")))


def test_a_pass_without_carried_rows_hides_none() -> None:
    later = _pass("b", 'keys = ["key"]', "days = 3") + "[carry]\n"
    assert has_errors(check_rules(read_rules(HEAD + WIDE + later, "r")))
    assert not has_errors(check_rules(read_rules(HEAD + WIDE + "carry = false\n" + later, "r")))
    assert not has_errors(check_rules(read_rules(HEAD + WIDE + "carried_most_days = 29\n" + later, "r")))


def test_what_is_carried_in_words() -> None:
    passes = _pass("a", 'keys = ["key"]', "carry = false") + _pass("b", 'keys = ["till"]', "carried_most_days = 1")
    said = explain_rules(read_rules(HEAD + passes + "[carry]\nmost_days = 10\nexpires_after_days = 20\n", "r"))
    assert "of the same key. Amounts are equal" in said
    assert "Rows carried from earlier runs take no part." in said
    assert "Rows carried from earlier runs take part up to 1 day of age." in said
    assert "Open rows are carried into the next run and take part there up to 10 days after their date" in said
    assert "After 20 days they expire. A pass that takes nothing in 5 runs on end is told." in said
    assert "What is open is told by age: up to 1, 3, 7 and 30 days, and above." in said


def test_the_rules_in_words() -> None:
    text = (
        '[left.text.card]\ncolumns = ["first6", "last4"]\nnormalise = ["masked_card"]\n'
        '[[left.net]]\nname = "voids"\nkeys = ["key"]\ndays = 1\n'
        + _pass(
            "over",
            'keys = ["card", { left = "key", right = "mid" }]',
            "business_days = 1",
            'date_order = "left_first"',
            'amount = { rule = "within", left_may_exceed = { step_minor = 2000, most_steps = 4 } }',
            'ambiguity = "hold_unless_only"',
        )
        + _pass(
            "sums",
            'keys = ["key"]',
            'cardinality = ["1:N", "N:1"]',
            "search = { most_members = 4, most_candidates = 24 }",
        )
    )
    said = explain_rules(read_rules(HEAD + text, "r"))
    assert "card (made of first6 and last4) is read first six and last four digits of a card." in said
    assert "A negative row takes back an earlier one of equal key and opposite amount, at most 1 day before it" in said
    assert (
        "Pass 1, over. One row of bank meets one row of till of the same card and key (mid on till). Amounts are of "
        "one currency; bank may exceed till by up to 4 steps of 2000 minor units, and not otherwise. Dates are at most "
        "1 business day apart, bank not after till. A pair is taken only where neither row has another candidate; all "
        "others are held." in said
    )
    assert "One row of bank meets many of till, or many rows of bank meet one of till of the same key" in said
    assert "Then single rows look for the one set of 2 to 4 rows that makes them up, among at most 24" in said
