"""An author is told all that is wrong with a file at once, with its lines, and what is doubtful in one that holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from rate.histories import contract_documents

from settlement.rate.contract_file import read_contract
from settlement.rate.contract_problems import examine

GOLDEN = sorted((Path(__file__).resolve().parents[1] / "golden" / "contracts").glob("*.toml"))
SOURCE = "contracts/partner/2009-01-01.toml"
RETAILER = contract_documents()["contracts/harbor-retail/2009-01-01.toml"]
UNIVERSITY = contract_documents()["contracts/alma-mater/2009-01-01.toml"]


def changed(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("path", GOLDEN, ids=[path.stem for path in GOLDEN])
def test_what_the_loader_refuses_is_among_the_problems_with_its_line(path: Path) -> None:
    text = path.read_text("utf-8")
    examined = examine(SOURCE, text)
    refusal = path.with_suffix(".txt").read_text("utf-8").strip().removeprefix(SOURCE)
    (found,) = (problem for problem in examined.problems if refusal.endswith(problem.sentence))
    assert examined.version is None
    # Only what the file's head leaves unsaid stands nowhere.
    assert (found.line is None) == found.sentence.startswith("`")
    assert found.line is None or text.splitlines()[found.line - 1].strip()


@pytest.mark.parametrize("source", sorted(contract_documents()))
def test_the_contracts_of_the_repository_leave_no_doubt(source: str) -> None:
    examined = examine(source, contract_documents()[source])
    assert examined.problems == examined.warnings == ()
    assert examined.version == read_contract(source, contract_documents()[source])


def test_all_problems_of_all_rules_are_told_in_the_order_of_the_lines() -> None:
    text = changed(
        RETAILER,
        ('currency = "USD"', 'currency = "US"'),
        ('measure = "own_volume"', 'measure = "own_volumes"'),
        ('measure = "elsewhere_volume"', 'measure = "programme_profit"'),
        ("{ from = 4_000_000.00, rate", "{ from = 4_500_000.00, rate"),
        ("weight = 5", "weight = 0"),
        ("weight = 3", "weight = -1"),
        ('text = "half a cent goes away from zero"\ngiven = { own_volume', 'text = "half a cent"\ngiven = { own'),
        ("given = { profit = 25_000.00 }\ngives = 2_000.00", "given = { profit = 25_000.00 }\ngives = 2_500.00"),
        ("given = { profit = -1_000.02 }\ngives = -250.01", "given = { profit = -1_000.02 }\ngives = -250.00"),
    )
    problems = examine(SOURCE, text).problems
    lines = text.splitlines()
    assert [(problem.sentence.split(": ")[0], lines[(problem.line or 0) - 1].strip()) for problem in problems] == [
        ("currency", 'currency = "US"'),
        ("clause 1 (own_store_rate)", 'measure = "own_volumes"'),
        ("clause 2 (elsewhere_rate)", 'measure = "programme_profit"'),
        ("clause 3 (annual_volume_tier)", "{ from = 4_500_000.00, rate = 0.0020 },"),
        ("beneficiary HARBOR-LOYALTY", "weight = 0"),
        ("beneficiary HARBOR-FOUNDATION", "weight = -1"),
    ]
    mended = text.replace('"US"', '"USD"').replace("own_volumes", "own_volume").replace("4_500", "4_000")
    mended = mended.replace("weight = 0", "weight = 5").replace("weight = -1", "weight = 3")
    mended = mended.replace('measure = "programme_profit"\nrate', 'measure = "elsewhere_volume"\nrate')
    assert [problem.sentence.split(" (")[0] for problem in examine(SOURCE, mended).problems] == [
        "example 1",
        "example 7",
        "example 8",
    ]


def test_what_only_follows_from_another_problem_is_not_told() -> None:
    text = changed(
        contract_documents()["contracts/orient-estate/2009-01-01.toml"],
        ('measure = "day_volume"', 'measure = "day_volumes"'),
    )
    assert [problem.sentence for problem in examine(SOURCE, text).problems] == [
        "clause 1 (club_commission): there is no measure `day_volumes`; did you mean `day_volume`?"
    ]


def test_an_example_keeps_its_number_when_others_are_wrong() -> None:
    parts = RETAILER.split("\ngives = ")
    text = "\ngives = ".join(
        [parts[0], *("7.77\n" + part.split("\n", 1)[1] if "\n" in part else "7.77" for part in parts[1:])]
    )
    problems = examine(SOURCE, text).problems
    assert [int(problem.sentence.split()[1]) for problem in problems] == list(range(1, 9))
    assert [text.splitlines()[(problem.line or 0) - 1] for problem in problems] == ["gives = 7.77"] * 8


def test_every_fault_of_the_shape_is_told_and_a_mistyped_word_once() -> None:
    text = changed(
        UNIVERSITY,
        ("days_from_opening = 90", "days_from_openin = 90"),
        ("amount = 60.00", 'amount = "60.00"'),
        ('channels = ["GIP"]', 'channels = "GIP"'),
        ("threshold = 250.00\n", ""),
    )
    told = [problem.sentence for problem in examine(SOURCE, text).problems]
    assert [sentence.split(":")[0] for sentence in told] == [
        "[measures.accounts]",
        "[measures.gip_accounts]",
        "clause 2 (gip_bounty)",
        "[settlement]",
    ]
    assert "did you mean `days_from_opening`?" in told[0]


def test_a_form_that_is_named_as_one_of_its_keys_hides_no_line() -> None:
    text = UNIVERSITY + BY_ACCOUNTS.replace("contract_to_date", "quarter").replace("5.00", '"5.00"')
    lines = [text.splitlines()[(problem.line or 0) - 1] for problem in examine(SOURCE, text).problems]
    assert [line.partition(" ")[0] for line in lines] == ["driver", "tiers"]


def test_a_file_that_is_misnamed_is_told_so_beside_its_other_problems() -> None:
    text = changed(UNIVERSITY, ("threshold = 250.00", "threshold = 250.005"))
    told = [problem.sentence for problem in examine("spring.toml", text).problems]
    assert "call it YYYY-MM-DD.toml" in told[0]
    assert "250.005 USD" in told[1]
    assert "lies inside the quarter 2009-Q1" in examine("2009-02-01.toml", UNIVERSITY).problems[0].sentence


BY_ACCOUNTS = """
[[terms]]
id = "by_accounts"
form = "tiers"
clause = "1"
method = "amount"
driver = { of = ["accounts"], window = "contract_to_date", counts = "count" }
less = "nothing"
below_zero = "nothing"
rounding = { unit = "minor", mode = "half_away", scope = "period" }
tiers = [{ from = 0, amount = 5.00 }]
"""
BY_BLOCKS = """
[[terms]]
id = "by_blocks"
form = "tiers"
clause = "1"
method = "whole"
base = { of = ["quarter_volume"], window = "period", counts = "money", block = 10.00 }
driver = { of = ["quarter_volume"], window = "period", counts = "money" }
less = "nothing"
below_zero = "first_rate"
rounding = { unit = "minor", mode = "half_away", scope = "period" }
tiers = [
    { from = 0.00, to = 1_000.00, price = 1.00 },
    { from = 1_000.00, price = 0.50 },
]
"""
FALLING = """tiers = [
    { from = 0, to = 20, amount = 5.00 },
    { from = 20, amount = 4.50 },
]"""
EXAMPLE_OF_ANOTHER = '[[examples]]\nterm = "gip_bounty"\ntext = "thirty accounts"'
WARNINGS = [
    (
        RETAILER,
        ("{ from = 4_000_000.00, rate = 0.0020 }", "{ from = 4_000_000.00, rate = 0.0010 }"),
        ("gives = 4_000.00", "gives = 0.00"),
        "{ from = 4_000_000.00, rate = 0.0010 },",
        "falls at 4,000,000.00: 6,000.00 for 3,999,999.99, but 4,000.00 at the bound, 2,000.00 less",
    ),
    (
        RETAILER,
        ('mcc_in = "any"\nmcc_not_in = "excluded"', 'mcc_in = "any"\nmcc_not_in = "none"'),
        ("", ""),
        'excluded = ["6010", "6011", "6051", "4829", "7995"]',
        "no measure uses this list",
    ),
    (
        RETAILER,
        ("loss_share = 0.25", "loss_share = -0.25"),
        ("gives = -250.01", "gives = 250.01"),
        "loss_share = -0.25",
        "pays for a loss",
    ),
    (
        UNIVERSITY,
        ('rate = 0.0010 },\n]\n\n[[terms]]\nid = "marginal', 'rate = 0.0010 },\n]\n\n[[terms]]\nid = "marginal'),
        ('account_classes = ["any"]', 'account_classes = ["STANDARD"]'),
        '{ account_class = "STUDENT", to = 2010-12-31, rate = 0.0030 },',
        "is never reached",
    ),
    (
        UNIVERSITY,
        ('name = "Alma Mater University"', 'name = "Alma Mater University"\nweight = 2'),
        ("", ""),
        "weight = 2",
        "`weight` is never used",
    ),
    (
        UNIVERSITY,
        ("{ from = 800_000.00, rate = 0.0010 }", "{ from = 800_000.00, rate = -0.0010 }"),
        ("gives = 250.00", "gives = 50.00"),
        "{ from = 800_000.00, rate = -0.0010 },",
        "below zero: more volume gives less",
    ),
    (
        UNIVERSITY,
        ('[[examples]]\nterm = "opening_bounty"\ntext = "thirty accounts"', EXAMPLE_OF_ANOTHER),
        ("gives = 30.00", "gives = 1_800.00"),
        "[[terms]]",
        "no example shows",
    ),
    (
        UNIVERSITY,
        ("[[beneficiaries]]", f"{BY_ACCOUNTS}\n[[beneficiaries]]"),
        ("", ""),
        'driver = { of = ["accounts"], window = "contract_to_date", counts = "count" }',
        "gives its bracket's amount anew",
    ),
    (
        UNIVERSITY,
        ("[[beneficiaries]]", f"{BY_BLOCKS}\n[[beneficiaries]]"),
        ("", ""),
        "{ from = 1_000.00, price = 0.50 },",
        "99.00 for 999.99, but 50.00 at the bound, 49.00 less; if only what lies above the bound has the lower price",
    ),
    (
        UNIVERSITY,
        ("[[beneficiaries]]", f"{BY_ACCOUNTS}\n[[beneficiaries]]"),
        ("tiers = [{ from = 0, amount = 5.00 }]", FALLING),
        "{ from = 20, amount = 4.50 },",
        "the amount falls at 20: 5.00 below it, but 4.50 from the bound on, 0.50 less",
    ),
]


@pytest.mark.parametrize(("text", "one", "other", "line", "sentence"), WARNINGS, ids=[case[4] for case in WARNINGS])
def test_what_an_author_may_not_have_meant_is_a_warning(
    text: str, one: tuple[str, str], other: tuple[str, str], line: str, sentence: str
) -> None:
    text = changed(text, one)
    text = changed(text, other) if other[0] else text
    examined = examine(SOURCE, text)
    assert examined.problems == ()
    assert examined.version is not None
    warning = next(warning for warning in examined.warnings if sentence in warning.sentence)
    assert text.splitlines()[(warning.line or 0) - 1].strip() == line


def test_a_rate_that_ended_before_the_contract_begins_is_a_warning() -> None:
    examined = examine("2011-01-01.toml", UNIVERSITY)
    assert [warning.sentence.split("; ")[0] for warning in examined.warnings] == [
        "clause 3 (volume_rate): what ends on 2010-12-31 ended before the contract begins on 2011-01-01",
        "clause 3 (volume_rate): what ends on 2010-12-31 ended before the contract begins on 2011-01-01",
    ]


@pytest.mark.parametrize(
    "content", ["", "id = 3", "terms = 'none'", "[measures]\nx = 1", "\x00", "[[terms]]", "a.b = 1\na.c = ["]
)
def test_any_content_is_told_without_a_fault(content: str) -> None:
    examined = examine(SOURCE, content)
    assert examined.problems
    assert examined.version is None
