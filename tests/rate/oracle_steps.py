"""A second, naive reading of a settlement: from what the fee comes to at each close to what is paid, in plain loops.

It reads the TOML text as plain dictionaries. All of it is written from the page of the kinds of terms: money is whole
minor units, everything is looked up again in the list of the statements that have closed, nothing is shared.
"""

from __future__ import annotations

import tomllib
from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

Table = dict[str, Any]
Lines = dict[str, dict[str, int]]
"""By beneficiary ("" for the whole contract): the lines of a statement."""


def rounded(value: Fraction) -> int:
    cut = int(abs(value) + Fraction(1, 2))
    return -cut if value < 0 else cut


def shared(total: int, weights: dict[str, int]) -> dict[str, int]:
    """By largest remainder, of equal ones the first name; a negative total on its magnitude."""
    exact = {name: Fraction(abs(total) * weight, sum(weights.values())) for name, weight in weights.items()}
    cut = {name: int(part) for name, part in exact.items()}
    for name in sorted(exact, key=lambda n: (cut[n] - exact[n], n))[: abs(total) - sum(cut.values())]:
        cut[name] += 1
    return {name: -part if total < 0 else part for name, part in cut.items()}


def last_day(month: int) -> date:
    """Of the month so many after January 2009."""
    year, number = 2009 + month // 12, month % 12 + 1
    return date(year, number, monthrange(year, number)[1])


class Settling:
    """All closes of one contract, one after the other."""

    def __init__(self, text: str, known: list[list[int]]) -> None:
        content = tomllib.loads(text, parse_float=Decimal)
        self.rule: Table = content["settlement"]
        self.weights = {one["id"]: one["weight"] for one in content["beneficiaries"]}
        self.stated: list[int] = []
        self.parked: list[dict[int, int]] = []
        self.closes: list[Lines] = []
        self.bases: dict[str, int] = dict.fromkeys(self.weights, 0)
        self.lots: list[tuple[str, date, int]] = []
        for month, fees in enumerate(known):
            self.close(month, fees)

    def close(self, month: int, fees: list[int]) -> None:
        total = fees[month] + self.late(month, fees)
        self.stated.append(fees[month])
        shares = shared(total, self.weights)
        lines: Lines = {name: {"share": share} for name, share in shares.items()}
        carried = {name: self.closes[-1][name]["carry_out"] if self.closes else 0 for name in lines}
        back = self.recoup(month, {name: shares[name] + carried[name] for name in lines})
        for name, own in lines.items():
            own["carry_in"] = carried[name]
            balance = shares[name] + carried[name]
            if "advance" in self.rule:
                own["recouped"] = -back[name]
                balance -= back[name]
            added = shares[name] - back[name]
            for line, amount in self.tax(name, added):
                own[line] = amount
                added += amount
                balance += amount
            balance += self.hold(month, name, own, added, balance)
            self.bases[name] += shares[name] - back[name]
            own["payout"] = balance if balance >= self.rule["threshold"] * 100 else 0
            own["carry_out"] = balance - own["payout"]
        self.closes.append(lines)

    def late(self, month: int, fees: list[int]) -> int:
        """Adjustments of closed months with their interest; what is too late is parked."""
        rule, total = self.rule["adjustments"], 0
        parked: dict[int, int] = {}
        for old, before in enumerate(self.stated):
            if fees[old] == before:
                continue
            if "reopens" in rule and last_day(month) > self.until(rule["reopens"], old):
                parked[old] = fees[old] - before
                continue
            total += fees[old] - before + self.interest(rule, old, month, fees[old] - before)
            self.stated[old] = fees[old]
        self.parked.append(parked)
        return total

    def until(self, rule: Table, old: int) -> date:
        if rule["counted_in"] == "months":
            return last_day(old + rule["within"])
        return last_day(old) + timedelta(days=rule["within"])

    def interest(self, rule: Table, old: int, month: int, amount: int) -> int:
        if "interest" not in rule:
            return 0
        said = rule["interest"]
        due, now = last_day(old) + timedelta(days=said["due_days"]), last_day(month)
        days, year = (now - due).days, 365
        if said["day_count"] != "actual_365":
            year = 360
        if said["day_count"] == "thirty_360":
            days = (now.year - due.year) * 360 + (now.month - due.month) * 30 + min(now.day, 30) - min(due.day, 30)
        return rounded(amount * Fraction(said["rate_a_year"]) * max(days, 0) / year)

    def recoup(self, month: int, balances: dict[str, int]) -> dict[str, int]:
        if "advance" not in self.rule:
            return dict.fromkeys(balances, 0)
        rule = self.rule["advance"]
        opens = dict.fromkeys(balances, 0)
        for one in rule["paid"]:
            if date(2009, 1, 1) <= one["on"] <= last_day(month):
                opens[one["to"]] += int(one["amount"] * 100)
        for lines in self.closes:
            for name in opens:
                opens[name] += lines[name]["recouped"]
        above = {name: max(0, balance) for name, balance in balances.items()}
        if rule.get("recoups", "own") == "own":
            return {name: max(0, min(opens[name], above[name])) for name in balances}
        whole = min(sum(opens.values()), sum(above.values()))
        return shared(whole, above) if whole > 0 else dict.fromkeys(balances, 0)

    def tax(self, name: str, base: int) -> list[tuple[str, int]]:
        found = []
        for tax in self.rule.get("taxes", []):
            if name not in tax["beneficiaries"]:
                continue
            rate = Fraction(tax["rate"])
            if tax["kind"] == "gross_up":
                rate = 1 / (1 - rate) - 1
            before = self.bases[name]
            amount = rounded(rate * max(0, before + base)) - rounded(rate * max(0, before))
            if tax["kind"] == "value_added":
                found.append(("value_added_tax", amount))
                if tax["owed_by"] == "payer":
                    found.append(("reverse_charge", -amount))
            else:
                if tax["kind"] == "gross_up":
                    found.append(("gross_up", amount))
                found.append(("withholding_tax", -amount))
        return found

    def hold(self, month: int, name: str, own: dict[str, int], added: int, balance: int) -> int:
        if "hold" not in self.rule:
            return 0
        rule = self.rule["hold"]
        own["released"] = sum(amount for who, day, amount in self.lots if who == name and day <= last_day(month))
        self.lots = [lot for lot in self.lots if lot[0] != name or lot[1] > last_day(month)]
        kept = max(0, min(rounded(Fraction(rule["share"]) * max(0, added)), balance))
        own["held"] = -kept
        due = last_day(month) + timedelta(days=rule["released_after"])
        if rule["counted_in"] == "periods":
            due = last_day(month + rule["released_after"])
        self.lots.append((name, due, kept))
        return own["released"] - kept

    def held(self) -> int:
        return sum(amount for _, _, amount in self.lots)
