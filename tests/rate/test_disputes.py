"""What chargebacks take and second presentments give back: by a row for every case, and by laws over any history."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import polars as pl
import pytest
from rate.histories import contract_documents
from rate.test_events import table

from settlement.errors import TerminalError
from settlement.model.contract import ContractVersion
from settlement.rate.contract_file import read_contract
from settlement.rate.contract_problems import examine
from settlement.rate.disputes import BEFORE, with_disputes
from settlement.rate.event_facts import facts_on
from settlement.rate.events_check import read_events
from settlement.rate.facts import Facts
from settlement.rate.measures import contributions

SEED = 20101231
CASES = 300
SOURCE = "contracts/partner/2010-01-01.toml"
BOTH = '["second_presentment", "chargeback_reversal"]'
RESTORING = ("second_presentment", "chargeback_reversal")
DAY = date(2010, 12, 31)
TEXT = """
id = "D1"
title = "One volume in five terms"
payer = "BANK"
programme = "P"
currency = "USD"

[clauses]
1 = "Everything."

[period]
calendar = "year"
year = "calendar"
closes = "last_calendar_day"
place = { purchase = "posting_date", negative = "posting_date", refund_without_purchase = "posting_date" }
clause = "1"

[measures.volume]
type = "volume"
clause = "1"
counts = "reconciled"
amount = "bank_amount_less_cashback"
takes_back = ["refund", "reversal", "chargeback"]
gives_back = BOTH
store = "any"
mcc_in = "any"
mcc_not_in = "none"
account_classes = ["any"]

[measures.miles]
type = "units"
clause = "1"
of = "volume"
unit = "MILES"
per = 3.00
blocks = "whole_per_record"
most_a_record = 9

[measures.few_miles]
type = "units"
clause = "1"
of = "volume"
unit = "MILES"
per = 0.50
blocks = "whole_per_record"
account_limit = { least = 0, most = 60, window = "period" }

[[terms]]
id = "rate"
form = "rate"
clause = "1"
measure = "volume"
rate = 0.0123
rounding = { unit = "minor", mode = "half_away", scope = "period" }

[[terms]]
id = "miles"
form = "unit_price"
clause = "1"
measure = "miles"
quantity = "miles"
rate_date = { purchase = "posting_date", negative = "purchase_posting_date", refund_without_purchase = "posting_date" }
opening_rate_date = "first_night"
prices = [{ price = 0.0123, to = 2010-03-01 }, { price = 0.0345, from = 2010-03-01 }]
rounding = { unit = "minor", mode = "half_away", scope = "price" }

[[terms]]
id = "few_miles"
form = "unit_price"
clause = "1"
measure = "few_miles"
quantity = "few_miles"
rate_date = { purchase = "posting_date", negative = "purchase_posting_date", refund_without_purchase = "posting_date" }
opening_rate_date = "first_night"
prices = [{ price = 0.01 }]
rounding = { unit = "minor", mode = "half_away", scope = "period" }

[[terms]]
id = "commission"
form = "record_rate"
clause = "1"
measure = "volume"
rate = 0.0123
flat = 0.05
least = 0.07
most = 0.40
taken_back = "what_is_left_gives_less"
rounding = { unit = "minor", mode = "half_away", scope = "record" }

[[beneficiaries]]
id = "PARTNER"
name = "Partner"

[settlement]
clause = "1"
order = ["terms", "adjustments", "carry", "threshold"]
threshold = 0.00
below_threshold = "carry"

[settlement.adjustments]
clause = "1"
booked_in = "current_period"
recomputes = "all_terms"
reopens = { counted_in = "no_limit" }

[[examples]]
term = "rate"
text = "1.23 %"
given = { volume = 1_000.00 }
gives = 12.30
"""


def contract(gives_back: str = BOTH) -> ContractVersion:
    return read_contract(SOURCE, TEXT.replace("BOTH", gives_back))


@dataclass(frozen=True)
class Message:
    """One event about the sale P1, or about the event that it names; the day of the year 2010 it was posted on."""

    name: str
    kind: str
    day: int
    amount: int
    about: str = "P1"

    def row_of(self, account: str) -> str:
        """Its row in a table of many accounts, each with one sale."""
        posted = date.fromordinal(date(2010, 1, 1).toordinal() + self.day)
        about = f"{account}.{self.about}" if self.about else ""
        name = f"{account}.{self.name}"
        return f"{name},{self.kind},2010-01-01,{posted},,{self.amount / 100:.2f},USD,{account},{about},,"

    @property
    def row(self) -> str:
        return self.row_of("A")


def sale(amount: int) -> Message:
    return Message("P1", "purchase", 0, amount, "")


def facts_of(rows: list[str], version: ContractVersion) -> Facts:
    return facts_on(read_events("e.csv", table(*rows)), (version,), DAY)


def volume(messages: list[Message], version: ContractVersion) -> int:
    facts = facts_of([one.row for one in messages], version)
    return int(contributions([version], facts).filter(term="rate")["quantity"].sum())


CHARGED = Message("C1", "chargeback", 10, 100)
AGAIN = Message("C2", "chargeback", 30, 100)
ANSWERED = Message("S1", "second_presentment", 20, 100, "C1")


@pytest.mark.parametrize(
    ("case", "messages", "all_back", "nothing_back"),
    [
        ("a chargeback takes back", [CHARGED], 0, 0),
        ("a second presentment gives it back", [CHARGED, ANSWERED], 100, 0),
        ("the reversal of a chargeback does", [CHARGED, Message("X", "chargeback_reversal", 12, 100, "C1")], 100, 0),
        ("not twice", [CHARGED, ANSWERED, Message("S2", "second_presentment", 21, 100, "C1")], 100, 0),
        ("not by both", [CHARGED, ANSWERED, Message("X", "chargeback_reversal", 12, 100, "C1")], 100, 0),
        ("in parts", [CHARGED, *(Message(f"S{n}", "second_presentment", 20 + n, 40, "C1") for n in (1, 2))], 80, 0),
        ("never more than was taken", [CHARGED, Message("S1", "second_presentment", 20, 250, "C1")], 100, 0),
        ("only what was taken before", [Message("S1", "second_presentment", 5, 100, "C1"), CHARGED], 0, 0),
        ("on its day, whatever the names", [Message("A1", "second_presentment", 10, 100, "C1"), CHARGED], 100, 0),
        ("a further chargeback takes it again", [CHARGED, ANSWERED, AGAIN], 0, 0),
        ("a further one of a part", [CHARGED, ANSWERED, Message("C2", "chargeback", 30, 30)], 70, 0),
        ("two chargebacks without an answer take once", [CHARGED, AGAIN], 0, 0),
        ("two of parts take both", [Message("C1", "chargeback", 10, 30), Message("C2", "chargeback", 11, 50)], 20, 20),
        ("one alone takes its own amount", [Message("C1", "chargeback", 10, 120)], -20, -20),
        (
            "a refund stays taken",
            [Message("R1", "refund", 3, 40), Message("C1", "chargeback", 10, 60), ANSWERED],
            60,
            0,
        ),
        (
            "of a refund the chargeback adds, and its reversal takes again",
            [
                *(Message("R1", "refund", 3, 100), Message("C1", "chargeback", 10, 100, "R1")),
                Message("X", "chargeback_reversal", 12, 100, "C1"),
            ],
            0,
            100,
        ),
        (
            "of a refund nothing is taken again twice",
            [
                *(Message("R1", "refund", 3, 100), Message("C1", "chargeback", 10, 100, "R1")),
                *(Message(f"X{n}", "chargeback_reversal", 12 + n, 70, "C1") for n in (1, 2)),
            ],
            0,
            100,
        ),
    ],
)
def test_what_is_left_of_a_sale(case: str, messages: list[Message], all_back: int, nothing_back: int) -> None:
    told = [sale(100), *messages]
    assert volume(told, contract()) == all_back, case
    assert volume(told, contract("[]")) == nothing_back, case


@pytest.mark.parametrize("adds", [1, -1], ids=["takes back a refund", "takes back a refund that adds"])
def test_of_a_refund_what_is_taken_is_given_back_whichever_way_it_counts(adds: int) -> None:
    """A refund is below zero; whether its chargeback adds or takes follows from what the chargeback itself counts."""
    kinds = ("chargeback", "chargeback_reversal", "chargeback_reversal", "chargeback")
    quantities = [adds * amount for amount in (100, -70, -70, 100)]
    records = pl.LazyFrame(
        {
            "file": "f",
            "record": [1, 2, 3, 4],
            "kind": kinds,
            "quantity": quantities,
            "posting_date": [date(2010, 1, day) for day in (2, 3, 4, 5)],
            "disputed_file": "f",
            "disputed_record": 9,
            "disputed_minor": -100,
        }
    )
    found = with_disputes(records, ["record", "quantity"])
    assert found.sort("record").select("quantity", BEFORE).rows() == [
        (adds * amount, adds * before) for amount, before in ((100, 0), (-70, 100), (-30, 30), (100, 0))
    ]


def test_a_kind_that_is_not_named_gives_nothing_back() -> None:
    told = [sale(100), CHARGED, ANSWERED]
    assert volume(told, contract('["chargeback_reversal"]')) == 0
    assert volume(told, contract('["second_presentment"]')) == 100


def history(chance: random.Random) -> list[Message]:
    """A sale, and refunds and chargebacks that never take more than it, answered in every way, in any order."""
    amount = chance.choice((100, 299, 300, 1_000, 2_700, 5_000))
    refunds = [chance.randrange(1, amount) for _ in range(chance.choice((0, 0, 1)))]
    left = amount - sum(refunds)
    charged = [chance.choice((left, max(1, left // 2), chance.randrange(1, left + 1))) for _ in range(3)]
    charged = charged[: chance.randrange(4)]
    if refunds:
        charged = [chance.randrange(1, left // 3 + 1) for _ in charged] if left >= len(charged) * 3 else []
    found = [Message(f"R{n}", "refund", chance.randrange(90), one) for n, one in enumerate(refunds)]
    found += [Message(f"C{n}", "chargeback", chance.randrange(300), one) for n, one in enumerate(charged)]
    for number in range(chance.randrange(5) if charged else 0):
        about = chance.randrange(len(charged))
        part = chance.choice((charged[about], charged[about] // 3 + 1, 2 * amount))
        kind = chance.choice(RESTORING)
        found.append(Message(f"{chance.choice('AZ')}{number}", kind, chance.randrange(364), part, f"C{about}"))
    return [sale(amount), *found]


def naive(messages: list[Message], restores: tuple[str, ...]) -> dict[str, int]:
    """What counts for each term, by plain loops: minor units, miles, and of the commission what it gives."""
    amount = messages[0].amount
    order = sorted(messages[1:], key=lambda one: (one.day, one.kind in restores, one.name))
    opened, miles, few_miles, left = 0, min(9, amount // 300), amount // 50, amount
    for one in order:
        if one.kind == "refund":
            miles, few_miles, left = miles - min(9, one.amount // 300), few_miles - one.amount // 50, left - one.amount
        if one.kind == "chargeback" or one.kind in restores:
            before = opened
            opened = min(amount, opened + one.amount) if one.kind == "chargeback" else max(0, opened - one.amount)
            miles -= min(9, opened // 300) - min(9, before // 300)
            few_miles -= opened // 50 - before // 50
            left -= opened - before
    return {
        "rate": left,
        "miles": miles,
        "few_miles": max(0, min(60, few_miles)),
        "commission": min(40, max(7, int(Fraction(11, 2) + Fraction(123, 10_000) * left))) if left else 0,
    }


@pytest.mark.parametrize("gives_back", [BOTH, "[]", '["second_presentment"]'])
def test_under_any_history_a_sale_counts_for_no_more_than_alone_and_never_below_nothing(gives_back: str) -> None:
    version = contract(gives_back)
    restores = tuple(kind for kind in RESTORING if kind in gives_back)
    chance = random.Random(f"{SEED} {gives_back}")
    histories = {f"A{number}": history(chance) for number in range(CASES)}
    rows = [one.row_of(account) for account, messages in histories.items() for one in messages]
    chance.shuffle(rows)
    found = contributions([version], facts_of(rows, version)).group_by("account_id", "term").agg(pl.sum("quantity"))
    told = {(account, term): quantity for account, term, quantity in found.iter_rows()}
    for account, messages in histories.items():
        expected, alone = naive(messages, restores), naive(messages[:1], restores)
        assert {term: told.get((account, term), 0) for term in expected} == expected, messages
        # Miles are 9 at most for one record, also for what takes back: two parts may take 9 each of a sale's 9.
        bound = [term for term in alone if term != "miles" or "refund" not in {one.kind for one in messages}]
        assert all(0 <= expected[term] <= alone[term] for term in bound), messages


def test_the_rate_of_the_first_chargeback_holds_for_what_answers_it() -> None:
    dated = 'rate_date = { purchase = "posting_date", negative = "posting_date"'
    text = TEXT.replace("BOTH", BOTH).replace(
        'rate_date = { purchase = "posting_date", negative = "purchase_posting_date"', dated, 1
    )
    version = read_contract(SOURCE, text)
    # The price rises on 1 March, day 59: between the chargeback and its answer.
    told = [sale(2_700), Message("C1", "chargeback", 10, 2_700), Message("S1", "second_presentment", 90, 2_700, "C1")]
    rated = contributions([version], facts_of([one.row for one in told], version)).filter(term="miles")
    assert rated.group_by("selector").agg(pl.sum("quantity")).rows() == [("miles_at_0.0123", 9)]


def test_what_gives_back_needs_the_chargeback_it_answers() -> None:
    row = "S1,second_presentment,2010-01-05,,,1.00,USD,A1,,,"
    with pytest.raises(TerminalError, match=r"line 2: second_presentment S1 has no refers_to: write one"):
        read_events("e.csv", table(row))
    rows = (sale(100).row, Message("S1", "second_presentment", 5, 100).row)
    with pytest.raises(TerminalError, match=r"A\.S1 refers to A\.P1, which is no chargeback: correct refers_to"):
        read_events("e.csv", table(*rows))


def test_an_author_is_led_to_say_what_gives_back() -> None:
    source = "contracts/harbor-retail/2009-01-01.toml"
    text = contract_documents()[source]
    silent = examine(source, text.replace("gives_back = []\n", ""))
    assert [problem.sentence.partition(": add it, ")[0] for problem in silent.problems] == [
        f"[measures.{name}]: `gives_back` is not said; a contract must say it"
        for name in ("own_volume", "elsewhere_volume")
    ]
    assert "`gives_back = [...]` with any of `second_presentment`, `chargeback_reversal`" in silent.problems[0].sentence
    with pytest.raises(TerminalError, match=r"\[measures.own_volume\], gives_back: no chargeback takes anything back"):
        read_contract(
            source,
            text.replace('"chargeback"]\ngives_back = []', f"]\ngives_back = {BOTH}".replace(", ]", "]"), 1),
        )
