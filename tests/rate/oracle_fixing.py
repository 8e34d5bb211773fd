"""The naive evaluator of the club's contract under other periods and exchange rates, written from their prose.

The mean of the rates of the last banking days up to a day of the month, or the rate of the period's last day, converts
what the period's statement gives. Where a rate comes or changes later, the statement is converted anew, and what it
comes to less what was given for it is given in the current statement.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from rate.oracle import Counted, Known, Line, Own, net, place, rounded
from rate.oracle_miles import commission
from rate.oracle_periods import Says, there_or_last

DAY = timedelta(days=1)
HOLIDAYS = (date(2010, 12, 24), date(2011, 1, 3), date(2011, 6, 24))


@dataclass(frozen=True)
class Fixed:
    """What the contract says of its periods and its exchange rate; ``days`` of none is the period's last day."""

    says: Says
    days: int = 0
    to_day: int = 0
    decimals: int = 0

    @property
    def toml(self) -> str:
        """The lines of the exchange rate."""
        if not self.days:
            return 'rate = "last_day_of_period"\nmissing = "previous_day"'
        holidays = ", ".join(map(str, HOLIDAYS))
        return (
            'rate = "mean_of_banking_days"\nmissing = "previous_day"\n'
            f"mean = {{ days = {self.days}, to_day = {self.to_day}, decimals = {self.decimals}, "
            f'rounding = "half_away", weekend = ["saturday", "sunday"], holidays = [{holidays}] }}'
        )

    def terms(self, known: Known, periods: list[str]) -> dict[str, dict[str, Line]]:
        """As by the day, but each event in the period of its posting date."""
        return club_terms(known, periods, self.says, lambda one: one.after - one.before)

    def fixing_days(self, last: date) -> list[date]:
        """Banking days up to the day of the month, counted backwards."""
        if not self.days:
            return [last]
        day = there_or_last(last.year, last.month, self.to_day)
        if day > last:
            before = last.replace(day=1) - DAY
            day = there_or_last(before.year, before.month, self.to_day)
        found: list[date] = []
        while len(found) < self.days:
            if day.isoweekday() not in (6, 7) and day not in HOLIDAYS:
                found.insert(0, day)
            day -= DAY
        return found

    def at(self, known: Known, last: date, amount: int) -> tuple[int, str]:
        """An amount of the period that ends on ``last``, and what is told of its rate, as known on a day."""
        rates: dict[date, str] = {}
        for row in known.of("fx_rate"):
            rates[row["rate_date"]] = row["rate"]
        taken: list[tuple[date, date]] = []
        for day in self.fixing_days(last):
            of = day
            while of not in rates and of > date(2010, 1, 1):
                of -= DAY
            if day <= known.day:
                taken.append((day, of))
        if taken and self.days:
            unit = 10**self.decimals
            mean = Fraction(rounded(sum(Fraction(rates[of]) for _, of in taken) * unit / len(taken)), unit)
            text = f"{int(mean)}.{int(mean % 1 * unit):0{self.decimals}}"
        elif taken:
            text = rates[taken[0][1]]
        else:
            text = rates[max(day for day in rates if day <= known.day)]
        told = [f"rate={text.ljust(9, '0')}"]
        told += [f"{day}={rates[of]}" + (f"@{of}" if of != day else "") for day, of in taken]
        return rounded(Fraction(text) * amount), ";".join(told)

    def settle(self, known: Known, total: int, carried: dict[str, int]) -> tuple[list[Own], dict[str, int]]:
        """7 : 3 by largest remainder, converted, with the differences of earlier periods; USD 50.00 or more is paid.

        What is carried says too what each closed period shares out and what was given for it, by names of its own.
        """
        here = self.says.periods(known.day, known.day)[0]
        shares = shares_of(total)
        rows: list[Own] = []
        out = {name: amount for name, amount in carried.items() if "/" in name}
        for who in sorted(shares):
            share = shares[who]
            own, told = self.at(known, here.last, share)
            converted, differences = own, ""
            closed = sorted({name.split("/")[0] for name in out if name.endswith(f"/{who}/share")})
            for period in closed:
                last = date.fromisoformat(period)
                now, _ = self.at(known, last, out[f"{period}/{who}/share"])
                before = out[f"{period}/{who}/given"]
                if now != before:
                    name = self.says.name(last)
                    differences += f";{name}.refixed={now};{name}.stated={before}"
                    converted += now - before
                    out[f"{period}/{who}/given"] = now
            told += f";converted={own}{differences}" if differences else ""
            out[f"{here.last}/{who}/share"], out[f"{here.last}/{who}/given"] = share, own
            brought = carried.get(who, known.opening("C4-CLB-CLUB", f"carry_forward_{who}"))
            paid = brought + converted if brought + converted >= 50_00 else 0
            out[who] = brought + converted - paid
            rows += [
                ("share", who, share, f"of={total}"),
                ("share_converted", who, converted, told),
                ("carry_in", who, brought, ""),
                ("payout", who, paid, ""),
                ("carry_out", who, out[who], ""),
            ]
        return rows, out


@dataclass(frozen=True)
class ByEvent:
    """The club's contract settled in US dollars: each amount in yuan at the rate of its own day, rounded by itself.

    ``dates`` says which day that is of a purchase, of what takes it back and of a refund without a purchase. A day
    without a rate takes that of the nearest day before it.
    """

    says: Says
    dates: tuple[str, str, str] = ("transaction_date", "purchase_transaction_date", "posting_date")

    @property
    def toml(self) -> str:
        """The table behind the measure."""
        return (
            '[measures.day_volume.convert]\nrate = "day_of_event"\n'
            f'rate_date = {{ purchase = "{self.dates[0]}", negative = "{self.dates[1]}", '
            f'refund_without_purchase = "{self.dates[2]}" }}\nmissing = "previous_day"\nrounding = "half_away"\n'
            'residue = "stays_with_each_record"\n'
        )

    def day_of(self, known: Known, one: Counted) -> date:
        """The day whose rate an event asks for; of a dispute that of its first chargeback."""
        if one.row["kind"] == "purchase":
            word = self.dates[0]
        else:
            word = self.dates[2] if one.purchase is None else self.dates[1]
        day: date
        if word == "account_opening_date":
            day = known.accounts[known.card_account[one.first["card_ref"]]]["opened_on"]
        elif word.startswith("purchase_") and one.purchase is not None:
            day = one.purchase[word.removeprefix("purchase_")]
        else:
            day = one.first[word]
        return day

    def terms(self, known: Known, periods: list[str]) -> dict[str, dict[str, Line]]:
        """What each period gives, from amounts in dollars."""
        rates = {row["rate_date"]: row["rate"] for row in known.of("fx_rate")}

        def dollars(one: Counted) -> int:
            day = self.day_of(known, one)
            while day not in rates:
                day -= DAY
            return rounded(Fraction(rates[day]) * one.after) - rounded(Fraction(rates[day]) * one.before)

        return club_terms(known, periods, self.says, dollars)

    def settle(self, known: Known, total: int, carried: dict[str, int]) -> tuple[list[Own], dict[str, int]]:
        """7 : 3 by largest remainder; USD 50.00 or more is paid."""
        rows: list[Own] = []
        out = {}
        for who, share in sorted(shares_of(total).items()):
            brought = carried.get(who, known.opening("C4-CLB-CLUB", f"carry_forward_{who}"))
            paid = brought + share if brought + share >= 50_00 else 0
            out[who] = brought + share - paid
            rows += [("share", who, share, f"of={total}"), ("carry_in", who, brought, "")]
            rows += [("payout", who, paid, ""), ("carry_out", who, out[who], "")]
        return rows, out


def club_terms(
    known: Known,
    periods: list[str],
    says: Says,
    amount_of: Callable[[Counted], int],
) -> dict[str, dict[str, Line]]:
    """The club's terms by period; ``amount_of`` is an event's amount, seen beside the purchase it refers to."""
    left: dict[tuple[str, int], int] = {}
    given: dict[str, list[tuple[int, int]]] = {period: [] for period in periods}
    for one in known.measured("CLB"):
        row, purchase, own = one.row, one.purchase, amount_of(one)
        if row["kind"] == "purchase":
            amount = commission(own)
        elif purchase is None:
            amount = -commission(-own)
        else:
            key = place(purchase)
            before = left.get(key, amount_of(Counted(purchase, None, purchase, 0, net(purchase))))
            left[key] = before + own
            amount = commission(left[key]) - commission(before)
        period = says.name(row["posting_date"])
        if period in given:
            given[period].append((int(row["kind"] != "purchase"), amount))
    found = {}
    for period in periods:
        total = sum(amount for _, amount in given[period])
        negatives = sum(negative for negative, _ in given[period])
        told = f"purchases={len(given[period]) - negatives};negatives={negatives}"
        found[period] = {"club_commission": (total, told), "daily_cap": (min(0, 850_00 - total), "cap=85000")}
    return found


def shares_of(total: int) -> dict[str, int]:
    """7 : 3 by largest remainder, on the magnitude."""
    sign, magnitude = (-1 if total < 0 else 1), abs(total)
    shares = {"ORIENT-CLUB": magnitude * 3 // 10, "ORIENT-ESTATE": magnitude * 7 // 10}
    rest = {"ORIENT-CLUB": magnitude * 3 % 10, "ORIENT-ESTATE": magnitude * 7 % 10}
    for who in sorted(rest, key=lambda one: (-rest[one], one))[: magnitude - sum(shares.values())]:
        shares[who] += 1
    return {who: sign * share for who, share in shares.items()}


def add_rates(nights: list[Any], random: Any) -> None:
    """Rates of many days from CNY to USD, of which some come late and some are corrected."""
    for number, night in enumerate(nights):
        for back in range(60 if number == 0 else 20):
            if random.random() < (0.5 if number == 0 else 0.15):
                rate = f"0.{random.randrange(10**6, 2 * 10**6)}"
                day = night.day - back * DAY
                night.add("fx_rate", from_currency="CNY", to_currency="USD", rate=rate, rate_date=day)
    first = nights[0]
    early = first.day - 400 * DAY
    first.add("fx_rate", from_currency="CNY", to_currency="USD", rate="0.1499999", rate_date=early)
