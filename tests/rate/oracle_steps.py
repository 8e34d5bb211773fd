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
Terms = dict[str, int]
"""What each term comes to in one month."""
KEPT = {"holdback": ("held", "released"), "reserve": ("reserved", "reserve_released")}
"""The two lines of each kind of hold."""
Lines = dict[str, dict[str, int]]
"""By beneficiary ("" for the whole contract): the lines of a statement."""


def rounded(value: Fraction) -> int:
    cut = int(abs(value) + Fraction(1, 2))
    return -cut if value < 0 else cut


def shared(total: int, weights: dict[str, int]) -> dict[str, int]:
    """By largest remainder, of equal ones the first name; a negative total on its magnitude."""
    if not weights:
        return {}
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
    """All closes of one contract, one after the other.

    ``known[n]`` is what the terms of each month up to n come to as known at the close of month n.
    """

    def __init__(self, text: str, known: list[list[Terms]]) -> None:
        content = tomllib.loads(text, parse_float=Decimal)
        self.rule: Table = content["settlement"]
        self.weights = {one["id"]: one["weight"] for one in content["beneficiaries"]}
        self.parts = {
            one["id"]: {part["to"]: part["weight"] for part in one["parts"]}
            for one in content["terms"]
            if "parts" in one
        }
        self.stated: list[Terms] = []
        self.parked: list[dict[tuple[int, str], int]] = []
        self.closes: list[Lines] = []
        self.bases: dict[tuple[str, int], int] = {}
        self.lots: list[tuple[str, str, date, int]] = []
        for month, terms in enumerate(known):
            self.close(month, terms)

    def close(self, month: int, known: list[Terms]) -> None:
        moves = [(dict.fromkeys(known[month], 0), known[month]), *self.late(month, known)]
        total, given = self.gives(moves, list(known[month]))
        for old, (before, now) in zip(self.changed, moves[1:], strict=True):
            more, mine = self.gives([(before, now)], list(now))
            for name in mine:
                interest = self.interest(old, month, mine[name])
                total, given[name] = total + interest, given[name] + interest
            total += self.interest(old, month, more - sum(mine.values()))
        self.stated.append(known[month])
        shares = self.split(total, given)
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
            for line, amount in self.tax(name, shares[name], back[name], moves):
                own[line] = amount
                added += amount
                balance += amount
            balance += self.hold(month, name, own, added, balance)
            own["payout"] = balance if balance >= self.rule["threshold"] * 100 else 0
            own["carry_out"] = balance - own["payout"]
        self.closes.append(lines)

    def gives(self, moves: list[tuple[Terms, Terms]], names: list[str]) -> tuple[int, dict[str, int]]:
        """What some terms give in all, and of that to each as its own."""
        total, given = 0, dict.fromkeys(self.weights, 0)
        for before, now in moves:
            for term in names:
                total += now[term] - before[term]
                for sign, amount in ((1, now[term]), (-1, before[term])):
                    for name, part in shared(amount, self.parts.get(term, {})).items():
                        given[name] += sign * part
        return total, given

    def split(self, total: int, given: dict[str, int]) -> dict[str, int]:
        rest = shared(total - sum(given.values()), self.weights)
        return {name: rest[name] + given[name] for name in self.weights}

    def late(self, month: int, known: list[Terms]) -> list[tuple[Terms, Terms]]:
        """Closed months that come to something else: what was stated and what is booked now; the rest is parked."""
        rule, moves = self.rule["adjustments"], []
        parked: dict[tuple[int, str], int] = {}
        self.changed: list[int] = []
        for old, before in enumerate(self.stated):
            if known[old] == before:
                continue
            if "within" in rule["reopens"] and last_day(month) > self.until(rule["reopens"], old):
                parked |= {(old, term): known[old][term] - before[term] for term in before}
                continue
            moves.append((before, known[old]))
            self.changed.append(old)
            self.stated[old] = known[old]
        self.parked.append({key: amount for key, amount in parked.items() if amount})
        return moves

    def until(self, rule: Table, old: int) -> date:
        if rule["counted_in"] == "months":
            return last_day(old + rule["within"])
        return last_day(old) + timedelta(days=rule["within"])

    def interest(self, old: int, month: int, amount: int) -> int:
        rule = self.rule["adjustments"]
        if "interest" not in rule:
            return 0
        said = rule["interest"]
        due, now = self.after(last_day(old), said["due_days"], said["due_counted_in"]), last_day(month)
        days, year = (now - due).days, 365
        if said["day_count"] != "actual_365":
            year = 360
        if said["day_count"] == "thirty_360":
            days = (now.year - due.year) * 360 + (now.month - due.month) * 30 + min(now.day, 30) - min(due.day, 30)
        return rounded(amount * Fraction(said["rate_a_year"]) * max(days, 0) / year)

    def after(self, day: date, number: int, counted_in: str) -> date:
        if counted_in != "banking_days":
            return day + timedelta(days=number)
        off = self.rule["banking_days"]
        open_days = [
            one
            for one in (day + timedelta(days=count) for count in range(400))
            if f"{one:%A}".lower() not in off["weekend"] and one not in off["holidays"]
        ]
        return open_days[0] if number == 0 else [one for one in open_days if one > day][number - 1]

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
        if rule["recoups"] == "own":
            return {name: max(0, min(opens[name], above[name])) for name in balances}
        whole = min(sum(opens.values()), sum(above.values()))
        return shared(whole, above) if whole > 0 else dict.fromkeys(balances, 0)

    def tax(self, name: str, share: int, back: int, moves: list[tuple[Terms, Terms]]) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for number, tax in enumerate(self.rule.get("taxes", [])):
            if name not in tax["beneficiaries"]:
                continue
            rate, label = Fraction(tax["rate"]), "." + tax["id"] if "id" in tax else ""
            if tax["kind"] == "gross_up":
                rate = 1 / (1 - rate) - 1
            base = self.split(*self.gives(moves, tax["of"]))[name] if "of" in tax else share
            base -= back if tax["on"] == "earned_and_not_recouped" else 0
            for other in tax.get("after", []):
                base += sum(amount for line, amount in found if line.endswith("." + other))
            before = self.bases.get((name, number), 0)
            self.bases[name, number] = before + base
            amount = rounded(rate * max(0, before + base)) - rounded(rate * max(0, before))
            if tax["kind"] == "value_added":
                found.append(("value_added_tax" + label, amount))
                if tax["owed_by"] == "payer":
                    found.append(("reverse_charge" + label, -amount))
            else:
                if tax["kind"] == "gross_up":
                    found.append(("gross_up" + label, amount))
                found.append(("withholding_tax" + label, -amount))
        return found

    def hold(self, month: int, name: str, own: dict[str, int], added: int, balance: int) -> int:
        moved, kept = 0, dict[str, int]()
        for rule in [self.rule["hold"]] if "hold" in self.rule else self.rule.get("holds", []):
            if name not in rule.get("beneficiaries", self.weights):
                continue
            label = "." + rule["id"] if "id" in rule else ""
            kept_line, freed_line = KEPT[rule["kind"]]
            free = [lot for lot in self.lots if lot[:2] == (name, label) and lot[2] <= last_day(month)]
            self.lots = [lot for lot in self.lots if lot not in free]
            own[freed_line + label] = sum(lot[3] for lot in free)
            base = added - sum(kept["." + other] for other in rule.get("after", []))
            held = max(0, min(rounded(Fraction(rule["share"]) * max(0, base)), balance - sum(kept.values())))
            own[kept_line + label], kept[label] = -held, held
            due = self.after(last_day(month), rule["released_after"], rule["counted_in"])
            if rule["counted_in"] == "periods":
                due = last_day(month + rule["released_after"])
            self.lots.append((name, label, due, held))
            moved += own[freed_line + label] - held
        return moved
