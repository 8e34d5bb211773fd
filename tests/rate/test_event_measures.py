"""Measures over events of any kind: a naive reading agrees, and on a night's records they count as volumes do."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache

import polars as pl
import pytest
from random_cases import batches
from rate.histories import Night, RandomHistory, Row, rate_history
from rate.random_terms import HEAD, ROUNDING
from rate.test_contract_file import refusal

from settlement.errors import TerminalError
from settlement.rate.contract_events import kinds_named
from settlement.rate.contract_file import read_contract
from settlement.rate.event_facts import facts_on
from settlement.rate.events_check import read_events
from settlement.rate.facts import Facts
from settlement.rate.measures import contributions

SOURCE = "contracts/partner/2009-01-01.toml"
PLACES = (
    ("posting_date", "posting_date"),
    ("transaction_date", "purchase_transaction_date"),
    ("transaction_date", "purchase_posting_date"),
)
SALES = 'adds = ["sale", "service"]\ntakes_back = ["return", "dispute"]\nwhere = {}\nwhere_not = { class = ["BASIC"] }'
FORMS = {
    "event_amounts": 'form = "rate"\nrate = 1\n' + ROUNDING,
    "event_accounts": 'form = "bounty"\namount = 1.00',
    "event_units": 'form = "unit_price"\nquantity = "minutes"\nprices = [{ price = 1 }]\n'
    'opening_rate_date = "first_night"\n'
    'rate_date = { purchase = "posting_date", negative = "posting_date", refund_without_purchase = "posting_date" }\n'
    + ROUNDING,
}


def contract(kind: str, said: str, place: tuple[str, str] = PLACES[0]) -> str:
    """A contract with one measure over events, and a term over it."""
    own, negative = place
    placed = f'place = {{ purchase = "{own}", negative = "{negative}", refund_without_purchase = "{own}" }}'
    head = "examples = []\n" + HEAD.replace(
        HEAD[HEAD.index("place = {") : HEAD.index("\nclause", HEAD.index("place = {"))], placed, 1
    )
    measure = f'[measures.counted]\ntype = "{kind}"\nclause = "1"\n{said}\n'
    return f'{head}\n{measure}\n[[terms]]\nid = "term"\nclause = "1"\nmeasure = "counted"\n{FORMS[kind]}\n'


class Made:
    """Random events, some of which take back others, and some what takes back; as dictionaries and as a file."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.rows: list[dict[str, str]] = []
        for number in range(self.random.randrange(40)):
            kind = self.random.choice(["sale", "service", "tip", "return", "return", "dispute"])
            earlier = [row for row in self.rows if kind in ("return", "dispute")]
            day = date(2010, 1, 1) + timedelta(days=self.random.randrange(150))
            self.rows.append(
                {
                    "event_id": f"E{number}",
                    "kind": kind,
                    "event_date": str(day),
                    "posting_date": str(day + timedelta(days=self.random.randrange(40))),
                    "known_on": str(day + timedelta(days=self.random.choice([0, 0, 90]))),
                    "amount": f"{self.random.randrange(-5, 900)}.{self.random.randrange(10, 99)}",
                    "currency": "USD",
                    "quantity": self.random.choice(["1", "2.5", "0.50", "30"]),
                    "account_id": self.random.choice(["A1", "A2", "A3"]),
                    "refers_to": self.random.choice(earlier)["event_id"] if earlier and self.chance(80) else "",
                    "class": self.random.choice(["GOLD", "BASIC", ""]),
                }
            )  # fmt: skip

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    @property
    def file(self) -> bytes:
        names = list(self.rows[0]) if self.rows else ["event_id", "kind", "event_date", "class", "account_id"]
        return "\n".join([",".join(names), *(",".join(row.values()) for row in self.rows)]).encode()


def naive(rows: list[dict[str, str]], kind: str, day: str, place: tuple[str, str]) -> dict[str, int]:
    """What counts in each month, by plain loops: what adds is sale and service, what takes back return and dispute."""
    by_id = {row["event_id"]: row for row in rows if row["known_on"] <= day}
    found: dict[str, int] = {}
    accounts: dict[tuple[str, str], int] = {}
    for row in by_id.values():
        chain, stands = [row], True
        while chain[-1]["refers_to"]:
            if chain[-1]["refers_to"] not in by_id:
                stands = False
                break
            chain.append(by_id[chain[-1]["refers_to"]])
        if not stands or row["class"] == "BASIC" or row["kind"] == "tip":
            continue
        negative = row["kind"] in ("return", "dispute")
        if negative and len(chain) > 1 and chain[1]["kind"] == "tip":
            continue
        gives_back = negative and len(chain) > 1 and chain[1]["kind"] in ("return", "dispute")
        sign = -1 if negative and not gives_back else 1
        placed, word = row, place[0]
        if negative and chain[-1]["kind"] in ("sale", "service"):
            word = place[1]
            placed = chain[-1] if word.startswith("purchase_") else row
        month = placed["posting_date" if word.endswith("posting_date") else "event_date"][:7]
        if kind == "event_accounts":
            accounts[row["account_id"], month] = accounts.get((row["account_id"], month), 0) + sign
        else:
            value = Decimal(row["amount"]) * 100 if kind == "event_amounts" else Fraction(row["quantity"]) * 2
            found[month] = found.get(month, 0) + sign * int(value)
    for (_, month), count in accounts.items():
        found[month] = found.get(month, 0) + (count > 0)
    return {month: value for month, value in found.items() if value}


@pytest.mark.parametrize("kind", ["event_amounts", "event_units", "event_accounts"])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[1])
def test_a_naive_reading_agrees(kind: str, place: tuple[str, str]) -> None:
    more = '\nunit = "HALVES"\nper = 0.5' if kind == "event_units" else ""
    version = read_contract(SOURCE, contract(kind, SALES + more, place))
    seen = 0
    for seed, _ in batches(16, 1, share=16):
        for day in ("2010-03-31", "2010-12-31"):
            made, facts = told(seed, day)
            rows = contributions([version], facts)
            sums = rows.group_by("period").agg(pl.col("quantity").sum()).filter(pl.col("quantity") != 0)
            expected = naive(made.rows, kind, day, place)
            assert dict(sums.iter_rows()) == expected, (seed, day)
            seen += len(expected)
    assert seen > 60


@cache
def told(seed: int, day: str) -> tuple[Made, Facts]:
    """Random events and the facts of a day of them: how a measure counts makes no difference to these."""
    made = Made(seed)
    version = read_contract(SOURCE, contract("event_accounts", SALES))
    events = read_events("e.csv", made.file, [*kinds_named([version]), "tip"])
    return made, facts_on(events, [version], date.fromisoformat(day))


@pytest.mark.parametrize("seed", range(2))
def test_on_the_records_of_nights_amounts_are_volumes_night_by_night(seed: int) -> None:
    takes = 'takes_back = ["refund", "reversal", "chargeback"]'
    said = f'adds = ["purchase"]\n{takes}\nwhere = {{}}\nwhere_not = {{ mcc = ["6011"] }}'
    events = contract("event_amounts", said, PLACES[2])
    volume = events.replace('measure = "counted"', 'measure = "volume"').replace(
        'mcc_not_in = "none"', 'mcc_not_in = "cash"'
    )
    volume = volume.replace("[period]", '[mcc_lists]\ncash = ["6011"]\n\n[period]', 1)
    nights = RandomHistory(seed).nights
    one, other = (rate_history(nights, {SOURCE: text}) for text in (events, volume))
    for mine, theirs in zip(one, other, strict=True):
        told = [night["payout"].filter(pl.col("term") != "share").drop("quantities") for night in (mine, theirs)]
        assert told[0].rows() == told[1].rows()
    assert any(night["rated"].height for night in one)


def test_a_contract_that_counts_accounts_is_rated_anew_every_night() -> None:
    said = 'adds = ["purchase"]\ntakes_back = ["refund"]\nwhere = {}\nwhere_not = {}'
    nights = RandomHistory(3).nights
    history = rate_history(nights, {SOURCE: contract("event_accounts", said)})
    alone = rate_history([_together(nights)], {SOURCE: contract("event_accounts", said)})
    held = pl.concat([night["rated"] for night in history]).group_by("period").agg(pl.col("quantity").sum())
    anew = alone[-1]["rated"].group_by("period").agg(pl.col("quantity").sum())
    assert sorted(held.filter(pl.col("quantity") != 0).rows()) == sorted(anew.rows()) != []


def _together(nights: list[Night]) -> Night:
    """All that several nights bring, in the last of them."""
    rows: dict[str, list[Row]] = {}
    for night in nights:
        for name, found in night.rows.items():
            rows.setdefault(name, []).extend(found)
    return Night(day=nights[-1].day, rows=rows)


REFUSED = (
    ("adds = []\ntakes_back = []\nwhere = {}\nwhere_not = {}", "`adds` names no kind of event, so nothing can count"),
    ('adds = ["sale"]\ntakes_back = ["sale"]\nwhere = {}\nwhere_not = {}', "`sale` is named twice among what adds"),
    ('adds = ["Sale"]\ntakes_back = []\nwhere = {}\nwhere_not = {}', "`Sale` is no kind of event; write small letters"),
    ('adds = ["opening"]\ntakes_back = []\nwhere = {}\nwhere_not = {}', "events of kind `opening` are not counted"),
    ('adds = ["sale"]\ntakes_back = []\nwhere = { kind = ["x"] }\nwhere_not = {}', "`kind` is no attribute of an"),
    ('adds = ["sale"]\ntakes_back = []\nwhere = { mcc = [] }\nwhere_not = {}', "`mcc` lists no word; write some, or"),
    ('adds = ["sale"]\ntakes_back = []\nwhere_not = {}', "where"),
)  # fmt: skip


@pytest.mark.parametrize(("said", "sentence"), REFUSED, ids=[sentence for _, sentence in REFUSED])
def test_a_measure_that_cannot_be_meant_is_refused(said: str, sentence: str) -> None:
    assert sentence in refusal({SOURCE: contract("event_amounts", said)})


COUNTED = (
    ("event_units", "M,minutes,2010-01-01,,,0.25,A1,", "record 2 of M has a quantity that is no whole number of 0.5"),
    ("event_amounts", "M,minutes,2010-01-01,,,1,A1,", "record 2 of M has no amount: write one."),
    ("event_amounts", "M,minutes,2010-01-01,1.00,EUR,1,A1,", "record 2 of M is not in USD, in which the contract is"),
    ("event_accounts", "M,minutes,2010-01-01,,,1,,", "record 2 of M names no account: write its account_id."),
)  # fmt: skip


@pytest.mark.parametrize(("kind", "row", "sentence"), COUNTED, ids=[sentence for _, _, sentence in COUNTED])
def test_an_event_that_cannot_be_counted_is_told(kind: str, row: str, sentence: str) -> None:
    said = 'adds = ["minutes"]\ntakes_back = []\nwhere = {}\nwhere_not = {}'
    more = '\nunit = "HALVES"\nper = 0.5' if kind == "event_units" else ""
    version = read_contract(SOURCE, contract(kind, said + more))
    header = "event_id,kind,event_date,amount,currency,quantity,account_id,refers_to"
    events = read_events("e.csv", f"{header}\n{row}\n".encode(), kinds_named([version]))
    with pytest.raises(TerminalError) as refused:
        contributions([version], facts_on(events, [version], date(2010, 12, 31)))
    assert str(refused.value).startswith(f"Contract P1-KINDS, clause 1: {sentence}")


def test_an_attribute_that_no_event_has_and_a_kind_that_no_night_tells_are_refused() -> None:
    said = 'adds = ["purchase"]\ntakes_back = []\nwhere = { storr = ["1"] }\nwhere_not = {}'
    version = read_contract(SOURCE, contract("event_amounts", said))
    events = read_events("e.csv", b"event_id,kind,event_date,amount,currency,store\nP,purchase,2010-01-01,1.00,USD,1\n")
    with pytest.raises(TerminalError, match="have no attribute `storr`; did you mean `store`"):
        contributions([version], facts_on(events, [version], date(2010, 12, 31)))
    minutes = 'adds = ["minutes"]\ntakes_back = []\nwhere = {}\nwhere_not = {}\nunit = "MINUTES"\nper = 1'
    with pytest.raises(TerminalError, match="no feed of a night tells of `minutes`; they tell of purchase, refund"):
        rate_history(RandomHistory(0).nights[:1], {SOURCE: contract("event_units", minutes)})


def test_what_refers_in_a_circle_is_told() -> None:
    content = b"event_id,kind,event_date,refers_to\nA,sale,2010-01-01,B\nB,sale,2010-01-01,A\n"
    version = read_contract(
        SOURCE, contract("event_accounts", 'adds = ["sale"]\ntakes_back = []\nwhere = {}\nwhere_not = {}')
    )
    with pytest.raises(TerminalError, match=r"e\.csv, line 2: its refers_to leads on and on, perhaps in a circle"):
        facts_on(read_events("e.csv", content, ["sale"]), [version], date(2010, 12, 31))
