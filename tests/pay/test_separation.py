"""One partner never reads of another: everything of B is changed, and A's files stay as they are, byte for byte."""

from __future__ import annotations

import random

from partner_files import CONTRACT, clearing, only, pay, rated, stated_before, statement_rows
from payout_frames import line

PARTNERS = """
[[partner]]
id = "A"
names = { zh = "甲方公司", en = "Alpha" }
language = "zh"
statement = ["pdf", "html"]
settlement_file = "NAME"
detail_file = "transactions"
restatement_file = "corrections"

[[partner]]
id = "B"
statement = ["html"]

[[grant]]
programme = "AIR"
partner = "A"
shows = ["card_masked"]
"""
LAYOUTS = ("mainframe", "warehouse", "sheet")
B_ONLY = """
[[terms]]
id = "own_of_b"
form = "bounty"
clause = "2"
amount = 3.00
shares = { B = 1 }
"""


def mine(partners: str, b: int, contract: str = CONTRACT) -> dict[str, bytes]:
    """A's files of a night on which all that is B's follows from one number; 0 is nothing at all."""
    draw = random.Random(b)
    share = draw.randrange(10**6)
    rows = [row for row in statement_rows(share, draw.randrange(9)) if b or row["beneficiary"] != "B"]
    before = {1: [row for row in stated_before() if b or row["beneficiary"] != "B"]}
    if b % 2:
        before[2] = [line("payout", 9, "B"), line("payout", 9, "B", period="2010-Q2")]
    theirs = [line("share", draw.randrange(99), "B", contract=f"C{n}-OTHER") for n in range(b % 5)]
    records = [
        {
            "record": n,
            "amount_minor": draw.randrange(10**5),
            "merchant_name": f"M{draw.random()}",
            "file": "2010-12-31/B",
            "card_masked": "555555******0000",
        }
        for n in range(1, b % 7 + 1)
    ]
    own = {
        "record": 1,
        "amount_minor": 533333,
        "merchant_name": "MINE",
        "arn": "1" * 23,
        "card_masked": "411111******1111",
    }
    tables = {
        "clearing": clearing(own, *records),
        "rated": rated(
            {"record": 1, "quantity": 533333},
            *(
                {"record": n, "quantity": 5 * n + b, "term": "own_of_b", "file": "2010-12-31/B"}
                for n in range(1, b % 7 + 1)
            ),
            *(
                {"record": n, "quantity": n, "contract": "C8-OTHER", "file": "2010-12-31/B"}
                for n in range(1, b % 7 + 1)
            ),
        ),
    }
    output = pay([*rows, *theirs], partners, tables, contract=contract + B_ONLY, before=before)
    return {path: content for path, content in output.files.items() if path.startswith("A/")}


def test_everything_of_another_partner_may_change() -> None:
    for name in LAYOUTS:
        partners = PARTNERS.replace("NAME", name) + only(name, "transactions", "corrections")
        base = mine(partners, 0)
        assert len(base) == 5
        for b in (1, 12, 33, 104):
            changed = (
                CONTRACT.replace("Beta", f"Beta {b}")
                .replace("rate = 0.10", f"rate = 0.{b}")
                .replace("amount = 5.00", f"amount = {b}.00")
            )
            other = partners.replace(
                'statement = ["html"]', 'statement = ["pdf"]\nlanguage = "zh"\nnames = { zh = "乙" }'
            )
            assert mine(other, b, changed) == base, (name, b)


def test_what_is_a_partners_own_shows() -> None:
    partners = PARTNERS.replace("NAME", "mainframe") + only("mainframe", "transactions", "corrections")
    base = mine(partners, 3)
    renamed = mine(partners.replace("甲方公司", "甲"), 3)
    assert all(renamed[path] != base[path] for path in base if "statement" in path)


def test_nothing_of_another_partner_is_named() -> None:
    partners = PARTNERS.replace("NAME", "mainframe") + only("mainframe", "transactions", "corrections")
    for path, content in mine(partners, 6).items():
        for word in (b"Beta", b"2010-12-31/B", b"555555"):
            assert word not in content, (path, word)
