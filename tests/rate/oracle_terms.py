"""A second, naive reading of the terms over names, over time and over other terms: Fractions, plain loops, no classes.

It reads the TOML text of a contract as plain dictionaries, is handed what each measure comes to in each month, and
works out every month from the beginning. All of it is written from the page of the kinds of terms.
"""

from __future__ import annotations

import tomllib
from decimal import Decimal
from fractions import Fraction
from typing import Any

Table = dict[str, Any]


def rounded(value: Fraction) -> int:
    """To the whole minor unit, half away from zero."""
    cut = int(abs(value) + Fraction(1, 2))
    return -cut if value < 0 else cut


def months_of(window: str, months: list[str], now: int) -> list[int]:
    """Which months, by number, a window looks at."""
    if window == "period":
        return [now]
    if window == "previous_period":
        return [now - 1] if now else []
    if window == "year_to_date":
        return [n for n in range(now + 1) if months[n][:4] == months[now][:4]]
    if window == "last_12_full_months":
        return list(range(max(0, now - 12), now))
    return list(range(now + 1))


class Reading:
    """All months of one contract, one after the other."""

    def __init__(self, text: str, months: list[str], measured: dict[tuple[str, str], int]) -> None:
        self.terms: list[Table] = tomllib.loads(text, parse_float=Decimal)["terms"]
        self.months = months
        self.measured = measured
        self.given: list[dict[str, int]] = []
        for now in range(len(months)):
            self.given.append({})
            for term in self.terms:
                self.given[now][term["id"]] = self.of(term, now)

    def one(self, name: str, month: int) -> int:
        if name in self.given[month]:
            return self.given[month][name]
        return self.measured.get((name, self.months[month]), 0)

    def over(self, names: list[str], window: str, now: int) -> int:
        total = 0
        for month in months_of(window, self.months, now):
            for name in names:
                total += self.one(name, month)
        return total

    def paid(self, term: Table, window: str, now: int) -> int:
        return sum(self.given[m][term["id"]] for m in months_of(window, self.months, now) if m != now)

    def driver(self, said: Table, now: int) -> Fraction:
        of = self.over(said["of"], said["window"], now)
        if said["counts"] == "money":
            return Fraction(of, 100)
        if said["counts"] == "count":
            return Fraction(of)
        per = self.over(said["per"], said["window"], now)
        if per == 0:
            return Fraction(0)
        cut = 10 ** said["decimals"]
        return Fraction((Fraction(of, per) * cut).__floor__(), cut)

    def of(self, term: Table, now: int) -> int:
        return int(getattr(self, term["form"])(term, now))

    def rate(self, term: Table, now: int) -> int:
        return rounded(Fraction(term["rate"]) * self.one(term["measure"], now))

    def tiers(self, term: Table, now: int) -> int:
        found = Fraction(0)
        if term["method"] == "marginal":
            found = self.marginal(term, self.base(term, now))
            window = term["base"]["window"]
        else:
            driver = self.driver(term["driver"], now)
            chosen = None
            for tier in term["tiers"]:
                if Fraction(tier["from"]) <= driver and ("to" not in tier or driver < Fraction(tier["to"])):
                    chosen = tier
            if chosen is None and term["below_zero"] == "first_rate":
                chosen = term["tiers"][0]
            window = term["driver"]["window"] if term["method"] == "amount" else term["base"]["window"]
            if chosen is not None and term["method"] == "amount":
                found = Fraction(chosen["amount"]) * 100
            elif chosen is not None:
                found = (
                    self.base(term, now) * (Fraction(chosen.get("rate", 0)) + Fraction(chosen.get("price", 0))) * 100
                )
        already = self.paid(term, window, now) if term["less"] != "nothing" else 0
        return rounded(found) - already

    def base(self, term: Table, now: int) -> Fraction:
        """In major units, things or blocks."""
        said = term["base"]
        found = Fraction(self.over(said["of"], said["window"], now), 100 if said["counts"] == "money" else 1)
        if "block" in said:
            blocks = int(abs(found) / Fraction(said["block"]))
            found = Fraction(-blocks if found < 0 else blocks)
        return found

    def marginal(self, term: Table, base: Fraction) -> Fraction:
        total = Fraction(0)
        for number, tier in enumerate(term["tiers"]):
            value = Fraction(tier.get("rate", 0)) + Fraction(tier.get("price", 0))
            low = Fraction(tier["from"])
            high = Fraction(tier["to"]) if "to" in tier else max(base, low)
            if base > low:
                total += value * (min(base, high) - low)
            if number == 0 and base < 0 and term["below_zero"] == "first_rate":
                total += value * base
        return total * 100

    def sum(self, term: Table, now: int) -> int:
        total = self.over(term["adds"], term["window"], now) - self.over(term["takes"], term["window"], now)
        found = Fraction(term["rate"]) * (total - Fraction(term.get("hurdle", 0)) * 100)
        if "least" in term and found < term["least"] * 100:
            found = Fraction(term["least"] * 100)
        if "most" in term and found > term["most"] * 100:
            found = Fraction(term["most"] * 100)
        return rounded(found)

    def least(self, term: Table, now: int) -> int:
        return min(self.one(name, now) for name in term["of"])

    def greatest(self, term: Table, now: int) -> int:
        return max(self.one(name, now) for name in term["of"])

    def gate(self, term: Table, now: int) -> int:
        return self.over(term["of"], "period", now) if self.driver(term["driver"], now) >= term["least"] else 0

    def cap(self, term: Table, now: int) -> int:
        too_much = self.over(term["of"], term["window"], now) - int(term["most"] * 100)
        return -max(0, too_much) - self.paid(term, term["window"], now)

    def minimum_guarantee(self, term: Table, now: int) -> int:
        if term["window"] == "year" and not self.months[now].endswith("-12"):
            return 0
        window = "year_to_date" if term["window"] == "year" else "period"
        return max(0, int(term["guarantee"] * 100) - self.over(term["of"], window, now))

    def minimum_purchase(self, term: Table, now: int) -> int:
        if term["window"] == "year" and not self.months[now].endswith("-12"):
            return 0
        window = "year_to_date" if term["window"] == "year" else "period"
        return rounded(Fraction(term["price"]) * 100 * max(0, term["least"] - self.over(term["of"], window, now)))

    def dated_amounts(self, term: Table, now: int) -> int:
        return sum(int(one["amount"] * 100) for one in term["amounts"] if f"{one['on']:%Y-%m}" == self.months[now])

    def instalments(self, term: Table, now: int) -> int:
        year, month = (int(part) for part in self.months[now].split("-"))
        number = (year - term["from"].year) * 12 + month - term["from"].month
        if not 0 <= number < term["number"]:
            return 0
        total = int(term["total"] * 100)
        shares = [total // term["number"]] * term["number"]
        for extra in range(total - sum(shares)):
            shares[extra] += 1
        return shares[number]
