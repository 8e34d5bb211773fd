"""What the language refuses, and how it says so."""

from __future__ import annotations

import pytest
from reconcile_runs import HEAD

from settlement.errors import TerminalError
from settlement.reconcile.rules import read_rules

PASS = '[[pass]]\nname = "one"\nkeys = ["key"]\n'

REFUSED = {
    "unknown word": (PASS + "dayz = 3", "`pass` no. 1 (one) `dayz`: is an unknown word: did you mean `days`?"),
    "unknown word inside": (
        PASS + 'amount = { rule = "within", minr = 5 }',
        "`amount` `minr`: is an unknown word: did you mean `minor`?",
    ),
    "unknown rule": (
        PASS + 'amount = { rule = "wihtin", minor = 5 }',
        "knows no rule 'wihtin': did you mean `within`?",
    ),
    "no rule": (PASS + "amount = { minor = 5 }", "says no rule: write it"),
    "unknown choice": (PASS + 'ambiguity = "holds"', "cannot be 'holds': did you mean `hold`?"),
    "unknown cardinality": (PASS + 'cardinality = ["1:M"]', "write one of `1:1`, `1:N`, `N:1`, `N:M`"),
    "pairs and sums": (PASS + 'cardinality = ["1:1", "1:N"]', "a pass takes pairs or sums"),
    "not a list": (PASS + 'cardinality = "1:1"', "must be a list in square brackets, not '1:1'"),
    "negative": (PASS + "days = -1", "`days`: must be at least 0, not -1"),
    "two windows": (PASS + "days = 1\nbusiness_days = 1", "write `days` or `business_days`, not both"),
    "missing word": (PASS + 'text = [{ left = "a", right = "b" }]', "`text` no. 1 `at_least`: is missing: write it."),
    "text alone": (
        '[[pass]]\nname = "one"\ntext = [{ left = "a", right = "b", at_least = 80 }]',
        "a likeness of texts is never the only evidence",
    ),
    "any amount without key": ('[[pass]]\nname = "one"\namount = { rule = "any" }', "needs `keys`"),
    "unbounded sums": ('[[pass]]\nname = "one"\ncardinality = ["1:N"]', "sums without a key are unbounded"),
    "search of pairs": (PASS + "search = { most_members = 3, most_candidates = 9 }", "`search` is for sums"),
    "steps in sums": (
        PASS + 'cardinality = ["1:N"]\n'
        'amount = { rule = "within", left_may_exceed = { step_minor = 5, most_steps = 2 } }',
        "steps are for pairs",
    ),
    "both bounds": (PASS + 'amount = { rule = "within", minor = 5, bps = 10 }', 'bound = "smaller" or "larger"'),
    "best first held": (PASS + 'assignment = "best_first"\nambiguity = "hold"', "never ambiguous"),
    "rate in quotes": (
        PASS + '[[rate]]\nfrom = "EUR"\nto = "USD"\ndate = 2024-01-01\nrate = "1.1"',
        "`rate` no. 1 `rate`: must be a number with a decimal point and without quotes",
    ),
    "no rates": (PASS + 'amount = { rule = "converted", minor = 1 }', "needs rates: add at least one `[[rate]]`"),
    "unknown normaliser": (
        PASS + '[left.text.key]\nnormalise = ["trm"]',
        "'trm' is no normaliser: did you mean `trim`?",
    ),
    "unknown table": (
        PASS + '[left.text.key]\nnormalise = ["alias:shop"]\n[alias.shops]\na = "b"',
        "no table `[alias.shop]`: did you mean `shops`?",
    ),
    "name twice": (PASS + PASS, "the name 'one' stands twice"),
    "half a netting": (
        PASS + '[[left.net]]\nname = "n"\nkeys = ["key"]\ndays = 3\noriginals = { kind = ["sale"] }',
        "write `originals` and `reversals` both",
    ),
    "not TOML": (PASS + "days = ", "is not readable as TOML"),
    "too deep": ("x = " + "[" * 5000 + "]" * 5000, "rules.toml nests too deep or holds too long a number"),
    "a number too long": ("x = " + "9" * 5000, "rules.toml nests too deep or holds too long a number"),
    "a table for a list of tables": (
        PASS.replace("[[pass]]", "[pass]"),
        "`pass`: is a list of tables: write its heading in double brackets, [[pass]].",
    ),
    "a number for a key": (PASS.replace('["key"]', "[1]"), "`keys` no. 1: must be a text in quotes, not 1."),
    "half a day": (PASS + "days = 1.5", "`days`: must be a whole number without quotes, not 1.5."),
    "no number": (
        PASS + '[[rate]]\nfrom = "EUR"\nto = "USD"\ndate = 2024-01-01\nrate = nan',
        "`rate`: must be a number, not NaN.",
    ),
    "a branch is no place": (
        PASS + 'amount = { rule = "within", minor = 5, bps = 3 }',
        "(one) `amount`: where `minor` and `bps` both stand, say which counts",
    ),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_one_sentence_names_the_place_and_the_word(case: str) -> None:
    text, words = REFUSED[case]
    with pytest.raises(TerminalError) as refused:
        read_rules(HEAD + text, "rules.toml")
    said = str(refused.value)
    assert words in said
    assert said.startswith("rules.toml")
    assert "\n" not in said


def test_a_mark_of_byte_order_is_no_part_of_the_rules() -> None:
    assert read_rules("\ufeff" + HEAD + PASS, "rules.toml").left.name == "bank"


def test_a_date_format_of_another_language_is_told() -> None:
    head = HEAD.replace('column = "date"', 'column = "date"\nformat = "YYYY-MM-DD"', 1)
    with pytest.raises(TerminalError, match=r"`format` 'YYYY-MM-DD' names no part of a date: write it as \"%Y-%m-%d\""):
        read_rules(head + PASS, "rules.toml")


def test_a_side_without_dates_refuses_a_window() -> None:
    head = HEAD.replace('[left.date]\ncolumn = "date"\n', "")
    with pytest.raises(TerminalError, match=r"compares dates, but `\[left\]` declares none"):
        read_rules(head + PASS + "days = 1", "rules.toml")


def test_two_currencies_at_once_are_refused() -> None:
    with pytest.raises(TerminalError, match=r"`left` `amount`: write either `currency"):
        read_rules(
            HEAD.replace('currency_column = "ccy"\n[left', 'currency_column = "ccy"\ncurrency = "USD"\n[left') + PASS,
            "r",
        )
