"""The naive evaluator of the airline's and the club's contract, written from their prose: Fractions and plain loops."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from rate.oracle import CHANGE, Counted, Known, Line, Own, net, place, rounded

AIRLINES = {"4511", *(str(code) for code in range(3000, 3300))}


def month(day: date) -> str:
    return f"{day:%Y-%m}"


def dollars(one: Counted, most: int | None = None) -> int:
    """Whole dollars of a record's own amount, with its sign, 600 at most where bonus miles are counted."""

    def whole(amount: int) -> int:
        count = abs(amount) // 100
        if most is not None and count > most:
            count = most
        return count if amount > 0 else -count

    return whole(one.after) - whole(one.before)


def airline_terms(known: Known, months: list[str]) -> dict[str, dict[str, Line]]:
    """C1, all months: each event in the month of its own posting date."""
    found: dict[str, dict[str, Line]] = {}
    contract = "C1-AIR-MILES"
    for current in months:
        old = new = 0
        bonus: dict[str, int] = {}
        for one in (one for one in known.measured("AIR") if month(one.row["posting_date"]) == current):
            if (one.purchase or one.first)["transaction_date"] < CHANGE:
                old += dollars(one)
            else:
                new += dollars(one)
        for one in known.measured("AIR", lambda row: row["mcc"] in AIRLINES):
            if month(one.row["posting_date"]) == current:
                account = known.card_account[one.row["card_ref"]]
                bonus[account] = bonus.get(account, 0) + dollars(one, 600)
        if current == months[0]:
            opening = known.opening(contract, "month_to_date_base_miles")
            if known.first_night < CHANGE:
                old += opening
            else:
                new += opening
        at_old, at_new = rounded(Fraction("1.20") * old), rounded(Fraction("1.38") * new)
        credited = sum(max(0, min(1000, miles)) for miles in bonus.values())
        told = f"accounts={len(bonus)};uncapped={sum(bonus.values())}"
        found[current] = {
            "miles_purchase": (
                at_old + at_new,
                f"miles_at_0.0120={old};amount={at_old};miles_at_0.0138={new};amount={at_new}",
            ),
            "bonus_miles": (credited, f"credited_bonus_miles={credited};{told}"),
        }
        year = [one for one in months if one[:4] == current[:4] and one <= current]
        earned = sum(found[one]["miles_purchase"][0] + found[one]["bonus_miles"][0] for one in year)
        if months[0][:4] == current[:4]:
            earned += known.opening(contract, "year_earned_through_previous_month")
        lacking = 0
        if current.endswith("-12") and known.day >= date(int(current[:4]), 12, 31) and earned < 260_000_00:
            lacking = 260_000_00 - earned
        found[current]["minimum_guarantee"] = (lacking, f"earned_year={earned};guarantee=26000000")
    return found


def commission(amount: int) -> int:
    """0.60 % of one amount, rounded, 80.00 at most."""
    return min(rounded(Fraction("0.006") * amount), 80_00)


def club_terms(known: Known, days: list[str]) -> dict[str, dict[str, Line]]:
    """C4, all days: each negative event takes back on its own posting date."""
    left: dict[tuple[str, int], int] = {}
    given: dict[str, list[tuple[str, int]]] = {day: [] for day in days}
    for one in known.measured("CLB"):
        row, purchase = one.row, one.purchase
        if row["kind"] == "purchase":
            amount, kind = commission(net(row)), "purchases"
        elif purchase is None:
            amount, kind = -commission(-net(row)), "negatives"
        else:
            key = place(purchase)
            before = left.get(key, net(purchase))
            left[key] = before + one.after - one.before
            amount, kind = commission(left[key]) - commission(before), "negatives"
        day = row["posting_date"].isoformat()
        if day in given:
            given[day].append((kind, amount))
    found = {}
    for day in days:
        total = sum(amount for _, amount in given[day])
        counts = [sum(kind == which for kind, _ in given[day]) for which in ("purchases", "negatives")]
        found[day] = {
            "club_commission": (total, f"purchases={counts[0]};negatives={counts[1]}"),
            "daily_cap": (min(0, 850_00 - total), "cap=85000"),
        }
    return found


def settle_airline(known: Known, total: int, carried: dict[str, int]) -> tuple[list[Own], dict[str, int]]:
    """What is above zero recoups the advance first; the rest is paid, zero or less is carried."""
    contract, who = "C1-AIR-MILES", "MERIDIAN-AIR"
    brought = carried.get(who, known.opening(contract, "carry_forward"))
    recouped = carried.get("recouped", 0)
    advance = known.opening(contract, "advance_unrecouped") - recouped
    balance = brought + total
    back = max(0, min(balance, advance))
    paid = balance - back if balance > 0 else 0
    out = min(balance, 0)
    rows = [
        ("carry_in", who, brought, ""),
        ("recouped", who, -back, f"unrecouped_before={advance};unrecouped_after={advance - back}"),
        ("payout", who, paid, ""),
        ("carry_out", who, out, ""),
    ]
    return rows, {who: out, "recouped": recouped + back}


def settle_club(known: Known, total: int, carried: dict[str, int]) -> tuple[list[Own], dict[str, int]]:
    """7 : 3 by largest remainder, each share converted at the night's rate; USD 50.00 or more is paid."""
    sign, magnitude = (-1 if total < 0 else 1), abs(total)
    shares = {"ORIENT-CLUB": magnitude * 3 // 10, "ORIENT-ESTATE": magnitude * 7 // 10}
    over = magnitude - sum(shares.values())
    rest = {"ORIENT-CLUB": magnitude * 3 % 10, "ORIENT-ESTATE": magnitude * 7 % 10}
    for who in sorted(rest, key=lambda one: (-rest[one], one))[:over]:
        shares[who] += 1
    rate = [r for r in known.of("fx_rate") if r["rate_date"] <= known.day and r["from_currency"] == "CNY"]
    text = max(enumerate(rate), key=lambda pair: (pair[1]["rate_date"], pair[0]))[1]["rate"]
    rows: list[Own] = []
    out = {}
    for who in sorted(shares):
        share = sign * shares[who]
        converted = rounded(Fraction(text) * share)
        brought = carried.get(who, known.opening("C4-CLB-CLUB", f"carry_forward_{who}"))
        paid = brought + converted if brought + converted >= 50_00 else 0
        out[who] = brought + converted - paid
        rows += [
            ("share", who, share, f"of={total}"),
            ("share_converted", who, converted, f"rate={text.ljust(9, '0')}"),
            ("carry_in", who, brought, ""),
            ("payout", who, paid, ""),
            ("carry_out", who, out[who], ""),
        ]
    return rows, out
