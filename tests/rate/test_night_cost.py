"""What a night reads and works out for one late chargeback is the same after many nights as after half of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from rate.histories import RATED, READS, Night, contract_documents, joined, tables_of
from rate.test_changes import daily_with_all_steps

from settlement.model.contract import ContractVersion
from settlement.model.dates import Period
from settlement.model.stage import StageInput
from settlement.rate import closings
from settlement.rate import night as rate
from settlement.rate.evaluate import evaluate
from settlement.rate.facts import Facts
from settlement.rate.sums import Sums
from settlement.rate.windows import Lines

FIRST = date(2010, 1, 4)
DAILY = "contracts/orient-estate/2009-01-01.toml"
# After both numbers as many packs and as many indexes of nights are left to be read.
FEW, MANY = 12, 24


class Read:
    """The tables of all nights as they are asked for by night, and how many nights of each have been asked for."""

    def __init__(self, documents: Mapping[str, str] | None = None) -> None:
        self.documents = documents or {DAILY: contract_documents()[DAILY]}
        self.frames: dict[tuple[str, date], pl.DataFrame] = {}
        self.asked: Counter[str] = Counter()

    def told_on(self, table: str, nights: Collection[date]) -> pl.LazyFrame:
        held = [night for night in sorted(nights) if (table, night) in self.frames]
        self.asked[table] += len(held)
        rows = [self.frames[table, night].with_columns(business_date=night) for night in held]
        return joined(table, rows).lazy()

    def run(self, night: Night, before: Sequence[date]) -> dict[str, pl.DataFrame]:
        self.asked.clear()
        tables = tables_of(night)
        # A contract that has totals asks for no table as a whole: there is none to be found.
        whole = {} if before else {name: joined(name, []).lazy() for name in (*READS, *RATED)}
        inputs = StageInput(
            business_date=night.day,
            unit="all",
            documents=self.documents,
            tables=tables,
            history=whole,
            nights=tuple(before),
            told_on=self.told_on,
        )
        output = dict(rate.run(inputs).tables)
        self.frames |= {(name, night.day): frame for name, frame in (tables | output).items()}
        return output


def night_of(day: date, *, first: bool) -> Night:
    """A purchase on each night; the first tells of the account that holds the card."""
    night = Night(day=day)
    if first:
        account = {"account_id": "A", "programme": "CLB", "account_class": "STANDARD", "opened_on": FIRST}
        night.add("account_event", **account, event="SNAPSHOT", effective_on=day)
        night.add("enrolment", card_ref="c", account_id="A", programme="CLB", valid_from=FIRST)
    night.add("fx_rate", from_currency="CNY", to_currency="USD", rate="0.15", rate_date=day)
    record(night, kind="purchase", direction=1, arn=f"{day}")
    return night


def record(night: Night, **told: Any) -> None:
    dates = {"posting_date": night.day, "transaction_date": night.day}
    row = night.add("clearing", **dates | told, side="bank", card_ref="c", amount_minor=700_000, currency="CNY")
    match = f"{night.day}/{row['record']}"
    night.add("match", match_id=match, leg="MERCHANT")
    night.add("match_member", match_id=match, side="bank", file=row["file"], record=row["record"])


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many periods each statement has evaluated."""
    counts = []

    def counting(
        versions: Sequence[ContractVersion], facts: Facts, sums: Sums, periods: Sequence[Period] | None = None
    ) -> dict[Period, Lines]:
        found = dict(evaluate(versions, facts, sums, periods))
        counts.append(len(found))
        return found

    monkeypatch.setattr(closings, "evaluate", counting)
    return counts


def test_a_late_chargeback_costs_the_same_after_twice_as_many_nights(evaluated: list[int]) -> None:
    read, days = Read(), [FIRST + timedelta(days=number) for number in range(MANY + 1)]
    costs = []
    for at, day in enumerate(days):
        if at in {FEW, MANY}:
            late = Night(day=day)
            record(late, kind="chargeback", direction=-1, arn=f"{days[3]}", posting_date=days[5])
            again = Read()
            again.frames = dict(read.frames)
            evaluated.clear()
            output = again.run(late, days[:at])
            restated = output["payout"].filter(pl.col("state") == "RESTATED")
            assert set(restated["period"]) == {f"{days[5]}"}
            packed = {name: frame.height for name, frame in output.items() if name == "rated"}
            costs.append((dict(again.asked), list(evaluated), packed))
        read.run(night_of(day, first=at == 0), days[:at])
    few, many = costs
    assert few == many
    # Today's, yesterday's, and that of the chargeback.
    assert few[1] == [3]
    assert sum(few[0].values()) < 40


def test_a_night_without_news_evaluates_yesterday_and_today(evaluated: list[int]) -> None:
    read, days = Read(), [FIRST + timedelta(days=number) for number in range(6)]
    for at, day in enumerate(days):
        evaluated.clear()
        read.run(night_of(day, first=at == 0), days[:at])
        assert evaluated == [min(at + 1, 2)]
    # Of a gap each day that closes is a statement by itself.
    evaluated.clear()
    read.run(night_of(days[-1] + timedelta(days=4), first=False), days)
    assert evaluated == [2, 2, 2, 2]


def test_what_came_too_late_is_told_on_every_night_after_it() -> None:
    read, days = Read(daily_with_all_steps()), [FIRST + timedelta(days=number) for number in range(7)]
    parked = []
    for at, day in enumerate(days):
        night = night_of(day, first=at == 0)
        if at == 4:
            record(night, kind="purchase", direction=1, arn="late", posting_date=days[0])
        output = read.run(night, days[:at])
        parked.append(output["payout"].filter(pl.col("state") == "PARKED").select("adjusts", "quantities").rows())
    assert parked[:4] == [[]] * 4
    assert {adjusts for adjusts, _ in parked[4]} == {f"{days[0]}"}
    assert parked[4] == parked[5] == parked[6]
