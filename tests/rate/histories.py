"""Small random histories of nights as plain data, and the tables that the stage would be handed for them.

The plain data are what the oracle reads; ``rate_history`` hands the same data to the stage as tables, night by night.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from settlement import store
from settlement.model.packs import PACKED, packed
from settlement.model.stage import StageInput
from settlement.model.tables import TABLES
from settlement.rate import night as rate

Row = dict[str, Any]
READS = (
    *("file", "clearing", "match", "match_member", "account_event", "enrolment", "store", "fx_rate"),
    *("opening_position", "pnl", "match_taken_back", "calendar_day"),
)
PACKS = ("rated_pack", *map(packed, PACKED))
RATED = ("rated", "rated_basis", "rated_total", "rated_account", "rated_key", "payout", *PACKS)
_CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"


@dataclass
class Night:
    """What one delivery night brings, by table; rows name only the columns that matter."""

    day: date
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, table: str, **row: Any) -> Row:
        rows = self.rows.setdefault(table, [])
        name = {"match": None, "match_member": None, "file": None}.get(table, "file")
        if name and "file" not in row:
            row |= {"file": f"{self.day}/{table}", "record": len(rows) + 1}
        rows.append(row)
        return row


@cache
def contract_documents() -> Mapping[str, str]:
    """The contracts of the repository under the paths that a home gives them."""
    paths = sorted(_CONTRACTS.glob("*/*.toml"))
    return {f"contracts/{p.relative_to(_CONTRACTS).as_posix()}": p.read_text(encoding="utf-8") for p in paths}


def tables_of(night: Night) -> dict[str, pl.DataFrame]:
    """The night's tables, columns that the rows do not name filled with what changes nothing."""
    filled = {"text": "-", "int": 0, "date": night.day, "flag": False}
    found = {}
    for name in READS:
        columns = TABLES[name].columns
        rows = night.rows.get(name, [])
        if name == "file":
            rows = [{"file": f"{night.day}/delivery"}]
        found[name] = pl.DataFrame(
            [{c.name: row.get(c.name, None if c.nullable else filled[c.type]) for c in columns} for row in rows],
            schema=TABLES[name].schema,
        )
    return found


def no_change(frame: pl.DataFrame) -> pl.DataFrame:
    return frame


def rate_history(
    nights: list[Night],
    documents: Mapping[str, str] | None = None,
    arrange: Callable[[pl.DataFrame], pl.DataFrame] = no_change,
) -> list[dict[str, pl.DataFrame]]:
    """The stage's tables of every night, each night run with those before it as its history."""
    history: dict[str, list[pl.DataFrame]] = {name: [] for name in (*READS, *RATED)}
    outputs = []
    for night in nights:
        tables = {name: arrange(frame) for name, frame in tables_of(night).items()}
        inputs = StageInput(
            business_date=night.day,
            unit="all",
            documents=contract_documents() if documents is None else documents,
            tables=tables,
            history={name: arrange(joined(name, frames)).lazy() for name, frames in history.items()},
        )
        output = {name: store.checked(TABLES[name], frame) for name, frame in rate.run(inputs).tables.items()}
        outputs.append(output)
        for name, frames in history.items():
            known = pl.lit(night.day, pl.Date).alias("business_date")
            frames.append((tables | output)[name].with_columns(known))
    return outputs


def inputs_of(
    nights: list[Night],
    at: int,
    outputs: list[dict[str, pl.DataFrame]],
    documents: Mapping[str, str] | None = None,
) -> StageInput:
    """What the stage is handed on a night, with what the nights before it have given."""
    frames: dict[str, list[pl.DataFrame]] = {name: [] for name in (*READS, *RATED)}
    for night, output in zip(nights[:at], outputs, strict=False):
        day = pl.lit(night.day, pl.Date).alias("business_date")
        told = tables_of(night) | output
        for name, tables in frames.items():
            tables.append(told[name].with_columns(day))
    return StageInput(
        business_date=nights[at].day,
        unit="all",
        documents=contract_documents() if documents is None else documents,
        tables=tables_of(nights[at]),
        history={name: joined(name, tables).lazy() for name, tables in frames.items()},
    )


def without(inputs: StageInput, table: str) -> StageInput:
    """The inputs as if no night before had written a table."""
    history = {**inputs.history, table: inputs.history[table].clear()}
    return replace(inputs, history=history)


def joined(name: str, frames: list[pl.DataFrame]) -> pl.DataFrame:
    empty = TABLES[name].empty().with_columns(pl.lit(None, pl.Date).alias("business_date"))
    return pl.concat([empty, *frames])


def restoring_documents() -> dict[str, str]:
    """The contracts with second presentments and reversals of chargebacks giving back what a chargeback took."""
    gives = 'gives_back = ["second_presentment", "chargeback_reversal"]'
    return {source: text.replace("gives_back = []", gives) for source, text in contract_documents().items()}


SHIPPED = ("transaction_date", "purchase_transaction_date", "transaction_date")
OPENING = ("account_opening_date", "account_opening_date", "account_opening_date")
SETTLEMENT = ("settlement_date", "purchase_settlement_date", "settlement_date")
OWN_SETTLEMENT = ("settlement_date", "settlement_date", "settlement_date")
"""Which dates pick the rate of a purchase, of what takes it back, and of a refund without a purchase."""


def dated_documents(dates: tuple[str, str, str]) -> dict[str, str]:
    """The contracts with rates and prices by other dates; by the opening of accounts they change in September."""
    shipped = 'purchase = "transaction_date", negative = "purchase_transaction_date", refund_without_purchase = '
    other = 'purchase = "{}", negative = "{}", refund_without_purchase = "{}"'.format(*dates)
    found = {}
    for source, text in restoring_documents().items():
        told = text.replace(f'rate_date = {{ {shipped}"transaction_date" }}', f"rate_date = {{ {other} }}")
        for side in ("from", "to") if dates == OPENING else ():
            told = told.replace(f"{side} = 2010-12-31", f"{side} = 2010-09-25")
        found[source] = told
    assert (found == restoring_documents()) == (dates == SHIPPED)
    return found


CALENDARS = (
    ("2010-12-29", "2010-12-30", "2010-12-31", "2011-01-01", "2011-01-02"),
    ("2010-12-29", "2010-12-30", "2011-01-01", "2011-01-02"),
    ("2010-12-30", "2010-12-31", "2011-01-01", "2011-03-30", "2011-03-31", "2011-04-01"),
    ("2010-12-31", "2011-01-02", "2011-02-01", "2011-07-01", "2011-07-02"),
)


class RandomHistory:
    """A history made from a seed: records of all kinds, late and missing partners, accounts, profits, openings."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        days = self.random.choice(CALENDARS)
        self.nights = [Night(day=date.fromisoformat(day)) for day in days]
        self.matches = 0
        self.cards: list[Row] = []
        self.sales: list[tuple[int, Row, Row]] = []
        self._reference()
        for index in range(len(self.nights)):
            for _ in range(self.random.randrange(12)):
                self._purchase(index)
            for _ in range(self.random.randrange(6)):
                self._negative(index)
            self._later_facts(index)
        self.random = random.Random(f"{seed} disputes")
        self._disputes()

    def _disputes(self) -> None:
        """Second presentments, reversals of chargebacks and further chargebacks, of some and of the whole amount."""
        told = [(at, row) for at, night in enumerate(self.nights) for row in night.rows.get("clearing", [])]
        cards = {card["card_ref"]: card for card in self.cards}
        for at, row in [(at, row) for at, row in told if row["side"] == "bank" and row["kind"] == "chargeback"]:
            if (row["cashback_minor"] or 0) > row["amount_minor"]:
                row["cashback_minor"] = None
            for _ in range(self.random.choice([0, 1, 1, 2, 3])):
                index = self.random.randrange(at, len(self.nights))
                kind = self.random.choice(["second_presentment", "chargeback_reversal", "chargeback"])
                amount = self.random.choice([row["amount_minor"], row["amount_minor"], 5, row["amount_minor"] * 2])
                alike = {name: row[name] for name in ("mcc", "merchant_number", "arn")}
                bank = self._bank(index, cards[row["card_ref"]], kind=kind, amount_minor=amount, **alike)
                bank |= {"direction": -1 if kind == "chargeback" else 1, "cashback_minor": None}
                if kind == "chargeback":
                    self._match(index, [bank], [self._merchant(index, "acquirer", "x", kind)])

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def _reference(self) -> None:
        first = self.nights[0]
        for number in range(16):
            programme = self.random.choice(["RET", "UNI", "UNI", "AIR", "AIR", "CLB"])
            opened = first.day - timedelta(days=self.random.randrange(80, 100))
            used = opened + timedelta(days=self.random.choice([-1, 0, 1, 30, 88, 89, 90, 91]))
            closed = opened + timedelta(days=self.random.choice([60, 89, 90, 91]))
            state = {
                "event": "SNAPSHOT",
                "effective_on": first.day,
                "account_id": f"A{number:03d}",
                "programme": programme,
                "account_class": self.random.choice(["STANDARD", "STUDENT"]),
                "channel": self.random.choice(["GIP", "ONLINE"]),
                "opened_on": opened,
                "closed_on": closed if self.chance(20) else None,
                "first_purchase_on": used if self.chance(60) else None,
            }
            first.add("account_event", **state)
            first.add(
                "enrolment",
                card_ref=f"c{number}",
                account_id=state["account_id"],
                programme=programme,
                valid_from=opened,
            )
            self.cards.append(state | {"card_ref": f"c{number}"})
        for number in ("M1", "M2"):
            first.add("store", merchant_number=number)
        for contract, item, scale in (
            ("C2-RET-COBRAND", "quarter_own_volume", 10_000),
            ("C2-RET-COBRAND", "quarter_elsewhere_volume", 100_000),
            ("C2-RET-COBRAND", "year_volume_previous_quarters", 600_000_000),
            ("C2-RET-COBRAND", "tier_paid_to_date", 500_000),
            ("C2-RET-COBRAND", "carry_forward_HARBOR-RETAIL", 9_000),
            ("C2-RET-COBRAND", "carry_forward_HARBOR-LOYALTY", 9_000),
            ("C3-UNI-ALUMNI", "quarter_standard_volume", 50_000_000),
            ("C3-UNI-ALUMNI", "quarter_student_volume", 50_000_000),
            ("C3-UNI-ALUMNI", "quarter_earlier_month_end_balances", 1_000_000),
            ("C3-UNI-ALUMNI", "carry_forward", 20_000),
            ("C1-AIR-MILES", "month_to_date_base_miles", 100_000),
            ("C1-AIR-MILES", "year_earned_through_previous_month", 26_500_000),
            ("C1-AIR-MILES", "advance_unrecouped", 3_000_000),
            ("C1-AIR-MILES", "carry_forward", 9_000),
            ("C4-CLB-CLUB", "carry_forward_ORIENT-ESTATE", 5_000),
            ("C4-CLB-CLUB", "carry_forward_ORIENT-CLUB", 5_000),
        ):
            if self.chance(80):
                value = self.random.randrange(-scale // 10, scale)
                first.add("opening_position", contract=contract, item=item, value=value, unit="USD minor")

    def _bank(self, index: int, card: Row, **more: Any) -> Row:
        night = self.nights[index]
        posted = night.day - timedelta(days=self.random.choice([0, 0, 0, 1, 2]))
        row = {
            "side": "bank",
            "feed": "network",
            "posting_date": posted,
            "transaction_date": posted - timedelta(days=self.random.randrange(3)),
            "settlement_date": posted + timedelta(days=posted.toordinal() % 3),
            "card_ref": card["card_ref"],
            "amount_minor": self.random.choice([1, 50, 99, 12_345, 700_001, 1_333_417, 90_000_000]),
            "currency": "CNY" if card["programme"] == "CLB" else "USD",
            "mcc": self.random.choice(["5411", "6011", "7995", "4829", "4511", "3005", "5999", None]),
            "merchant_number": self.random.choice(["M1", "M2", "M3", "M4", None]),
        }
        row |= {"cashback_minor": row["amount_minor"] // 3 if self.chance(15) else None}
        row |= {"direction": 1 if more["kind"] == "purchase" else -1}
        return night.add("clearing", **(row | more))

    def _merchant(self, index: int, feed: str, order: str, kind: str, **more: Any) -> Row:
        row = {"side": "merchant", "feed": feed, "posting_date": self.nights[index].day, "kind": kind}
        return self.nights[index].add("clearing", **row, order_ref=order, currency="USD", **more)

    def _match(self, index: int, bank: list[Row], merchant: list[Row], leg: str = "MERCHANT") -> None:
        self.matches += 1
        match = {"match_id": f"m{self.matches}", "leg": leg}
        night = self.nights[index]
        night.add("match", **match)
        for row in (*bank, *merchant):
            night.add(
                "match_member", match_id=match["match_id"], side=row["side"], file=row["file"], record=row["record"]
            )

    def _later(self, index: int) -> int | None:
        """The night on which a match is found: mostly at once, sometimes later, sometimes never."""
        if self.chance(15):
            return None
        return min(index + self.random.choice([0, 0, 0, 1, 2]), len(self.nights) - 1)

    def _purchase(self, index: int) -> None:
        card = self.random.choice(self.cards)
        order = f"o{index}-{len(self.sales)}"
        feed = self.random.choice(["retailer", "acquirer"])
        parts = [
            self._bank(index, card, kind="purchase", arn=f"{order}-{part}")
            for part in range(2 if self.chance(20) else 1)
        ]
        first = parts[0]
        if self.sales and self.chance(10):
            # An ARN is no unique key: another card's purchase, perhaps, carries the same.
            first["arn"] = self.random.choice(self.sales)[1]["arn"]
        if self.chance(20):
            copied = {key: value for key, value in first.items() if key not in ("file", "record")}
            copy = self.nights[index].add("clearing", **copied)
            # Either of two equal records may be the one that is reconciled.
            parts[0] = self.random.choice([first, copy])
        if self.chance(10):
            self._match(index, parts, [], leg="ACCRUAL")
        sale = self._merchant(index, feed, order, "purchase")
        found = self._later(index)
        if found is not None:
            self._match(found, parts, [sale])
        self.sales.append((index, self.random.choice(parts), sale))

    def _negative(self, index: int) -> None:
        kind = self.random.choice(["refund", "refund", "reversal", "chargeback"])
        known = [sale for sale in self.sales if sale[0] <= index]
        if kind != "refund":
            if not known:
                return
            _, purchase, _ = self.random.choice(known)
            card = next(card for card in self.cards if card["card_ref"] == purchase["card_ref"])
            arn = purchase["arn"] if self.chance(90) else "unheard-of"
            amount = self.random.choice([purchase["amount_minor"], 7])
            bank = self._bank(index, card, kind=kind, arn=arn, amount_minor=amount)
            merchant = self._merchant(index, "acquirer", "x", kind)
        else:
            card, order, original = self.random.choice(self.cards), f"r{index}-{self.random.random()}", None
            feed = "retailer"
            told = self.random.choice(["nothing", "itself", "unknown", "sale", "sale"])
            if told == "itself":
                original = order
            elif told == "unknown":
                original = "unheard-of"
            elif told == "sale" and known:
                _, purchase, sale = self.random.choice(known)
                card = next(card for card in self.cards if card["card_ref"] == purchase["card_ref"])
                feed, original = sale["feed"], sale["order_ref"]
                order = original if feed == "acquirer" else order
            amount = purchase["amount_minor"] if told == "sale" and known and self.chance(50) else 4_321
            bank = self._bank(index, card, kind="refund", arn=order, amount_minor=amount)
            merchant = self._merchant(index, feed, order, "refund", original_ref=original)
        found = self._later(index)
        if found is not None:
            self._match(found, [bank], [merchant])

    def _later_facts(self, index: int) -> None:
        night = self.nights[index]
        if index == 0 or self.chance(60):
            rate = f"0.{self.random.randrange(10**6, 2 * 10**6)}"
            told = {"from_currency": "CNY", "to_currency": "USD", "rate": rate}
            night.add("fx_rate", rate_date=night.day - timedelta(days=self.random.randrange(2)), **told)
        for month in ("2010-10", "2010-11", "2010-12", "2011-01", "2011-03"):
            if month <= f"{night.day:%Y-%m}" and self.chance(40):
                self._profit(night, month, version=index + 1)
        for card in self.cards:
            self._account_events(night, card)
        if self.chance(20):
            night.add("store", merchant_number="M3")

    def _profit(self, night: Night, month: str, version: int) -> None:
        for line in ("INTEREST", "FEES", "LOSSES", "COST_OF_FUNDS", "OPEX"):
            for programme in ("RET", "UNI"):
                amount = self.random.choice([0, 1_999_999, 2_000_001, 3_333_333])
                told = {"month": month, "version": version, "line": line, "currency": "USD"}
                night.add("pnl", programme=programme, amount_minor=amount, **told)

    def _account_events(self, night: Night, card: Row) -> None:
        state = {key: value for key, value in card.items() if key not in ("card_ref", "event", "effective_on")}
        if self.chance(8):
            card["closed_on"] = night.day - timedelta(days=self.random.randrange(3))
            told = {"event": "CLOSE", "effective_on": night.day, "closed_on": card["closed_on"]}
            night.add("account_event", **(state | told))
        if self.chance(5):
            card["account_class"] = self.random.choice(["STANDARD", "STUDENT"])
            changed = state | {"account_class": card["account_class"]}
            night.add("account_event", **changed, event="SNAPSHOT", effective_on=night.day)
        month_end = self.random.choice([date(2010, 12, 31), date(2011, 1, 31), date(2011, 3, 31)])
        if month_end <= night.day and self.chance(20):
            balance = self.random.randrange(-1_000, 1_000_000)
            told = {"event": "STATEMENT", "effective_on": month_end, "statement_balance_minor": balance}
            night.add("account_event", **(state | told | {"account_class": None, "currency": "USD"}))
