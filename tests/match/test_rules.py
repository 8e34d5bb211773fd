"""The rules language: what it takes, and one sentence for what it does not."""

from __future__ import annotations

import pytest
from pipeline import documents

from settlement.errors import TerminalError
from settlement.match.rules import read_bins, read_rules

RULES = documents()["match.toml"]


def test_the_rules_of_the_house_are_read_in_order() -> None:
    rules = read_rules({"match.toml": RULES})
    names = [one.name for one in rules.passes_of(rules.leg[0])]
    assert names[:5] == ["arn", "code_and_merchant", "code_of_network", "code_of_club", "code"]
    assert names.index("code_sums") < names.index("excess") < names.index("card")
    assert [leg.name for leg in rules.leg] == ["MERCHANT", "ACCRUAL"]
    assert [one.name for one in rules.passes_of(rules.leg[1])][-1] == "accrual_added"


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        ("days = 5", "dyas = 5", r"no\. 1 \(arn\) `dyas`: is an unknown word: did you mean `days`\?"),
        ("days = 5\n", "", r"no\. 1 \(arn\) `days`: is missing"),
        ("days = 5", 'days = "5"', r"`days`: input should be a valid integer, but it is '5'"),
        ('amount = "exact"', 'amount = "exactly"', r"`amount`: input should be 'exact', .* but it is 'exactly'"),
        ('"arn", "card_masked"', '"arm", "card_masked"', r"'arm' is no column to match on: did you mean 'arn'\?"),
        ('"arn", "card_masked"', '"amount_minor"', r"'amount_minor' is no column to match on"),
        ('leg = "MERCHANT"', 'leg = "MERCHANTS"', r"pass 'arn' names the leg 'MERCHANTS': write one of MERCHANT"),
        ('name = "code"', 'name = "arn"', r"the pass 'arn' stands twice"),
        ('cardinality = ["1:N", "N:1"]', 'cardinality = ["1:1", "1:N"]', r"\(code_sums\): a pass takes pairs or sums"),
        ("tolerance_minor = 2\n", "", r"\(arn_rounding\): `tolerance_minor` belongs to"),
        ("most_excess_ppm = 250000\n", "", r"\(excess\): `most_excess_ppm` belongs to"),
        ("most_excess_ppm = 250000", "most_excess_ppm = 0.25", r"`most_excess_ppm`: input should be a valid integer"),
        ('["refund", "reversal"]', '["refund", "purchase"]', r"a kind stands in two lists"),
        ("USD = 5000", "DOLLAR = 5000", r"'DOLLAR' is no ISO 4217 code"),
        ("[repeats]", "[repeats", r"no readable TOML"),
        ('bank_whole = ["authorisation_code"]\n', "", r"\(accrual_added\): `bank_whole` belongs to"),
        ('amount = "added"', 'amount = "exact"', r"\(accrual_added\): `bank_whole` belongs to"),
        (
            'cardinality = ["N:1"]\namount = "added"',
            'cardinality = ["1:1"]\namount = "added"',
            r"adds up sales of one day",
        ),
        ('first = "4511"', 'first = "451"', r"`first`: string should match pattern"),
        ("minor_a_mile = 100", "minor_a_mile = 0", r"`minor_a_mile`: input should be greater"),
        ('{ feed = ["club_sales"] }', '{ amount_minor = ["1"] }', r"'amount_minor' is no column to match on"),
        ('keys = ["member_id"]', 'keys = ["feed"]', r"'feed' is no column to match on"),
    ],
)
def test_a_wrong_document_is_told_in_one_sentence(right, wrong, sentence) -> None:
    assert right in RULES
    with pytest.raises(TerminalError, match=sentence) as fault:
        read_rules({"match.toml": RULES.replace(right, wrong, 1)})
    assert str(fault.value).startswith("config/match.toml")
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        (
            'programmes = ["AIR"]',
            'programmes = ["AIRR"]',
            "leg ACCRUAL: 'AIRR' is no programme of this home: write one of AIR",
        ),
        ('merchant_feeds = ["airline_accrual"]', 'merchant_feeds = ["accrual"]', "leg ACCRUAL: 'accrual' is no feed"),
        (
            'feed = ["club_sales"]',
            'feed = ["club"]',
            "pass code_of_club: 'club' is no feed of this home: write one of acc",
        ),
    ],
)
def test_a_name_that_the_home_does_not_know_is_told(right, wrong, sentence) -> None:
    assert right in RULES
    with pytest.raises(TerminalError, match=sentence):
        read_rules(dict(documents()) | {"match.toml": RULES.replace(right, wrong, 1)})


def test_a_missing_document_is_named() -> None:
    with pytest.raises(TerminalError, match=r"config/match\.toml is missing"):
        read_rules({})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "names no card programme"),
        ('[[programme]]\nbin = "4111"', "at least the first six digits"),
        ('[[programme]]\nid = "UNI"', "at least the first six digits"),
        ("[[programme]]\nbin = 41111101", "at least the first six digits"),
    ],
)
def test_programmes_need_their_bins(text, sentence) -> None:
    with pytest.raises(TerminalError, match=sentence):
        read_bins({"programme.toml": text})


def test_bins_are_known_by_six_digits() -> None:
    assert read_bins({"programme.toml": '[[programme]]\nbin = "41111101"'}) == {"411111"}
