"""A second, naive reading of the terms over names, over time and over other terms: Fractions, plain loops, no classes.

It reads the TOML text of a contract as plain dictionaries, is handed what each measure comes to in each period, and
works out every period from the beginning. All of it is written from the page of the kinds of terms.
"""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

from rate.oracle_periods import Named, Says, there_or_last

Table = dict[str, Any]


def rounded(value: Fraction) -> int:
    """To the whole minor unit, half away from zero."""
    cut = int(abs(value) + Fraction(1, 2))
    return -cut if value < 0 else cut


def periods_of(window: str, periods: list[Named], now: int) -> list[int]:
    """Which periods, by number, a window looks at."""
    if window == "period":
        return [now]
    if window == "previous_period":
        return [now - 1] if now else []
    if window == "year_to_date":
        return [n for n in range(now + 1) if periods[n].year == periods[now].year]
    if window == "last_12_full_months":
        end = periods[now].first.replace(day=1) if "-C" in periods[now].text else periods[now].first
        begins = there_or_last(end.year - 1, end.month, end.day)
        return [n for n in range(now) if begins <= periods[n].first < end]
    return list(range(now + 1))


@lru_cache(maxsize=1000)
def following(says: Says, last: date) -> Named:
    """The period after the one that ends on a day."""
    after = last + timedelta(days=1)
    return says.periods(after, after)[0]


@lru_cache(maxsize=8)
def terms_of(text: str) -> list[Table]:
    """The terms of a contract as plain dictionaries."""
    terms: list[Table] = tomllib.loads(text, parse_float=Decimal)["terms"]
    return terms


class Reading:
    """All periods of one contract, one after the other."""

    def __init__(self, text: str, says: Says, periods: list[Named], measured: dict[tuple[str, str], int]) -> None:
        self.terms = terms_of(text)
        self.says = says
        self.periods = periods
        self.measured = measured
        self.given: list[dict[str, int]] = []
        for now in range(len(periods)):
            self.given.append({})
            for term in self.terms:
                self.given[now][term["id"]] = self.of(term, now)

    def one(self, name: str, period: int) -> int:
        if name in self.given[period]:
            return self.given[period][name]
        return self.measured.get((name, self.periods[period].text), 0)

    def over(self, names: list[str], window: str, now: int) -> int:
        total = 0
        for period in periods_of(window, self.periods, now):
            for name in names:
                total += self.one(name, period)
        return total

    def paid(self, term: Table, window: str, now: int) -> int:
        return sum(self.given[m][term["id"]] for m in periods_of(window, self.periods, now) if m != now)

    def closes_year(self, now: int) -> bool:
        return following(self.says, self.periods[now].last).year != self.periods[now].year

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
        due = rounded(found) - already
        return 0 if due < 0 and term["less"] == "given_and_kept" else due

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

    def pool_share(self, term: Table, now: int) -> int:
        pool = self.over(term["pool"], "period", now)
        counts = {name: max(0, self.one(name, now)) for name in term["among"]}
        whole = sum(counts.values())
        if not whole:
            return 0
        parts = {name: Fraction(abs(pool) * count, whole) for name, count in counts.items()}
        cut = {name: part.__floor__() for name, part in parts.items()}
        while sum(cut.values()) < abs(pool):
            # The largest fraction that is still cut off; of equal ones the name that sorts first.
            short = min(parts, key=lambda name: (cut[name] - parts[name], name))
            cut[short] += 1
        return cut[term["of"]] if pool >= 0 else -cut[term["of"]]

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
        if term["window"] == "year" and not self.closes_year(now):
            return 0
        window = "year_to_date" if term["window"] == "year" else "period"
        return max(0, int(term["guarantee"] * 100) - self.over(term["of"], window, now))

    def minimum_purchase(self, term: Table, now: int) -> int:
        if term["window"] == "year" and not self.closes_year(now):
            return 0
        window = "year_to_date" if term["window"] == "year" else "period"
        return rounded(Fraction(term["price"]) * 100 * max(0, term["least"] - self.over(term["of"], window, now)))

    def dated_amounts(self, term: Table, now: int) -> int:
        here = self.periods[now]
        return sum(int(one["amount"] * 100) for one in term["amounts"] if here.first <= one["on"] <= here.last)

    def instalments(self, term: Table, now: int) -> int:
        total = int(term["total"] * 100)
        shares = [total // term["number"]] * term["number"]
        for extra in range(total - sum(shares)):
            shares[extra] += 1
        start = term["from"]
        days = [there_or_last(start.year, start.month + number, start.day) for number in range(term["number"])]
        here = self.periods[now]
        return sum(share for share, day in zip(shares, days, strict=True) if here.first <= day <= here.last)

    def points(self, term: Table, now: int) -> int:
        """First in first out, one point after the other, from the first month on."""
        lots: list[list[int]] = []
        owed = 0
        issued = redeemed = expired = 0
        for month in range(now + 1):
            issued, redeemed, expired = self.at(term["issued"], month), self.at(term["redeemed"], month), 0
            fresh = max(0, issued) + (-redeemed if redeemed < 0 else 0)
            lots.append([self.expiry(month, term["expires_after"]), fresh])
            owed += (max(0, redeemed)) + (-issued if issued < 0 else 0)
            for lot in lots:
                taken = min(lot[1], owed)
                lot[1] -= taken
                owed -= taken
            for lot in lots:
                if lot[0] <= self.periods[month].last.toordinal():
                    expired += lot[1]
                    lot[1] = 0
        left = sum(lot[1] for lot in lots) - owed
        price = Fraction(term["price"]) * 100
        if term["entry"] == "reserve":
            return rounded(price * max(0, left) * (1 - Fraction(term["breakage"]))) - self.paid(
                term, "contract_to_date", now
            )
        return rounded(price * {"issued": issued, "redeemed": redeemed, "expired": expired}[term["entry"]])

    def prepaid(self, term: Table, now: int) -> int:
        left = paid_for = beyond = 0
        for month in range(now + 1):
            here = self.periods[month]
            left += sum(one["quantity"] for one in term["bought"] if here.first <= one["on"] <= here.last)
            used, beyond = self.at(term["of"], month), 0
            if used > 0:
                beyond = max(0, used - left)
                left -= used - beyond
            if used < 0:
                beyond = -min(-used, paid_for)
                left += -used + beyond
            paid_for += beyond
        return rounded(Fraction(term["price"]) * 100 * beyond)

    def expiry(self, period: int, months: int) -> int:
        """The last day of the month that many months after the one in which a period ends, by its number."""
        last = self.periods[period].last
        return there_or_last(last.year, last.month + months, 31).toordinal()

    def at(self, names: list[str], month: int) -> int:
        return sum(self.one(name, month) for name in names)
