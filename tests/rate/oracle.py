"""A second, naive evaluator of the contracts, written from their prose: Fractions and plain loops, nothing shared.

It walks over every calendar day from the first night to the last and keeps what was stated. It reads the plain rows of
``histories.Night`` and gives the payout rows of every day on which a statement is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import polars as pl

Row = dict[str, Any]
Line = tuple[int, str]
Own = tuple[str, str, int, str]
EXCLUDED = {"6010", "6011", "6051", "4829", "7995"}
WEIGHTS = (("HARBOR-FOUNDATION", 3), ("HARBOR-LOYALTY", 5), ("HARBOR-RETAIL", 7))
CHANGE = date(2010, 12, 31)


def rounded(value: Fraction) -> int:
    """To the whole minor unit, half away from zero."""
    cut = int(abs(value) + Fraction(1, 2))
    return -cut if value < 0 else cut


def quarter(day: date) -> str:
    return f"{day.year}-Q{(day.month + 2) // 3}"


class Known:
    """Everything delivered up to and including one day."""

    def __init__(self, nights: list[Any], day: date, restores: Sequence[str] = ()) -> None:
        self.day = day
        self.restores = restores
        self.first_night = nights[0].day
        self.rows: dict[str, list[Row]] = {}
        for number, night in enumerate(nights):
            if night.day <= day:
                for table, rows in night.rows.items():
                    self.rows.setdefault(table, []).extend(row | {"night": number} for row in rows)
        self.accounts = self._accounts()
        self.card_account = {row["card_ref"]: row["account_id"] for row in self.of("enrolment")}
        self.card_programme = {row["card_ref"]: row["programme"] for row in self.of("enrolment")}
        self.own = {row["merchant_number"] for row in self.of("store")}
        self.records = {(row["file"], row["record"]): row for row in self.of("clearing")}
        self.group_of: dict[tuple[str, int], str] = {}
        legs = {row["match_id"]: row["leg"] for row in self.of("match")}
        for row in self.of("match_member"):
            if legs[row["match_id"]] == "MERCHANT":
                self.group_of[row["file"], row["record"]] = row["match_id"]

    def of(self, table: str) -> list[Row]:
        return self.rows.get(table, [])

    def opening(self, contract: str, item: str) -> int:
        found = [
            row["value"] for row in self.of("opening_position") if (row["contract"], row["item"]) == (contract, item)
        ]
        return found[-1] if found else 0

    def _accounts(self) -> dict[str, Row]:
        found: dict[str, Row] = {}
        ordered = sorted(
            self.of("account_event"), key=lambda r: (r["effective_on"], r["night"], r["file"], r["record"])
        )
        for row in ordered:
            account = found.setdefault(row["account_id"], {})
            account.update({key: value for key, value in row.items() if value is not None})
        return found

    def counting(self, programme: str) -> Iterator[tuple[Row, Row | None]]:
        """Records of a programme that count, each with the purchase it refers to."""
        for key, row in self.records.items():
            if (
                row["side"] != "bank"
                or self.card_programme.get(row["card_ref"]) != programme
                or key not in self.group_of
            ):
                continue
            if row["kind"] == "purchase":
                yield row, None
            elif row["kind"] in ("reversal", "chargeback"):
                same = [p for p in self.records.values() if p["kind"] == "purchase" and p.get("arn") == row["arn"]]
                purchase = self._choose(row, same)
                if purchase is not None:
                    yield row, purchase
            elif row["kind"] == "refund":
                stands, purchase = self._refund(row)
                if stands:
                    yield row, purchase

    def restoring(self, programme: str) -> Iterator[tuple[Row, Row]]:
        """What gives back that which a chargeback that counts took, each with the chargeback's purchase."""
        taken = [(row, p) for row, p in self.counting(programme) if row["kind"] == "chargeback" and p is not None]
        for row in self.records.values():
            if row["kind"] not in self.restores or self.card_programme.get(row["card_ref"]) != programme:
                continue
            same = [one for one, _ in taken if one.get("arn") == row["arn"]]
            answered = self._choose(row, same)
            for one, purchase in taken:
                if one is answered:
                    yield row, purchase

    def measured(self, programme: str, wanted: Callable[[Row], bool] = lambda _: True) -> list[Counted]:
        """What counts in a measure: a chargeback takes what is there to take, and is given back what it took."""
        pairs = [(row, p) for row, p in (*self.counting(programme), *self.restoring(programme)) if wanted(row)]
        pairs.sort(key=lambda pair: (pair[0]["posting_date"], pair[0]["kind"] in self.restores, *place(pair[0])))
        found = []
        taken: dict[tuple[str, int], int] = {}
        begun: dict[tuple[str, int], Row] = {}
        for row, purchase in pairs:
            if purchase is None or row["kind"] not in ("chargeback", *self.restores):
                found.append(Counted(row, purchase, row, 0, net(row)))
                continue
            key = place(purchase)
            before = taken.get(key, 0)
            if row["kind"] in self.restores:
                after = max(0, before - net(row)) if net(row) > 0 else before
            else:
                begun.setdefault(key, row)
                most = max(net(purchase), -net(row))
                after = max(before, min(before - net(row), most))
            taken[key] = after
            if after != before or len([1 for _, p in pairs if p is not None and place(p) == key]) == 1:
                found.append(Counted(row, purchase, begun[key], -before, -after))
        return found

    def _choose(self, negative: Row, candidates: list[Row]) -> Row | None:
        """Same card first, then reconciled, then the same amount, then the earliest; None if it is not reconciled."""
        best: Row | None = None
        for row in candidates:
            if best is None or self._rank(negative, row) < self._rank(negative, best):
                best = row
        return best if best is not None and (best["file"], best["record"]) in self.group_of else None

    def _rank(self, negative: Row, row: Row) -> tuple[Any, ...]:
        key = (row["file"], row["record"])
        return (
            row["card_ref"] != negative["card_ref"],
            key not in self.group_of,
            row["amount_minor"] != negative["amount_minor"],
            row["posting_date"],
            *key,
        )

    def _members(self, group: str, side: str) -> list[Row]:
        return [
            self.records[key]
            for key, found in self.group_of.items()
            if found == group and self.records[key]["side"] == side
        ]

    def _refund(self, row: Row) -> tuple[bool, Row | None]:
        """Whether a reconciled refund counts, and its purchase if it refers to one."""
        candidates: list[Row] = []
        waits = False
        for told in self._members(self.group_of[row["file"], row["record"]], "merchant"):
            order = told.get("original_ref")
            sales = [
                sale
                for sale in self.records.values()
                if sale["side"] == "merchant"
                and sale["kind"] == "purchase"
                and sale["feed"] == told["feed"]
                and order is not None
                and sale["order_ref"] == order
            ]
            waits = waits or bool(sales) or (order is not None and order != told["order_ref"])
            for sale in sales:
                group = self.group_of.get((sale["file"], sale["record"]))
                if group is not None:
                    candidates += [p for p in self._members(group, "bank") if p["kind"] == "purchase"]
        if candidates:
            return True, self._choose(row, candidates)
        return not waits, None


@dataclass(frozen=True)
class Counted:
    """A record that counts: its purchase, what decides its rate, and what is taken of the purchase before and after."""

    row: Row
    purchase: Row | None
    first: Row
    before: int
    after: int


def place(row: Row) -> tuple[str, int]:
    return row["file"], row["record"]


def net(row: Row) -> int:
    amount = int(row["amount_minor"]) - int(row.get("cashback_minor") or 0)
    return amount * int(row["direction"])


def retailer_terms(known: Known, quarters: list[str]) -> dict[str, dict[str, Line]]:
    """C2, all quarters: clawback in the quarter in which the purchase was posted."""
    own, elsewhere = dict.fromkeys(quarters, 0), dict.fromkeys(quarters, 0)

    def at_own(row: Row) -> bool:
        return row["merchant_number"] in known.own and row["merchant_number"] is not None

    for volume_of, wanted in (
        (own, at_own),
        (elsewhere, lambda row: not at_own(row) and row["mcc"] not in EXCLUDED),
    ):
        for one in known.measured("RET", wanted):
            period = quarter((one.purchase or one.row)["posting_date"])
            if period in volume_of:
                volume_of[period] += one.after - one.before
    contract = "C2-RET-COBRAND"
    own[quarters[0]] += known.opening(contract, "quarter_own_volume")
    elsewhere[quarters[0]] += known.opening(contract, "quarter_elsewhere_volume")
    found: dict[str, dict[str, Line]] = {}
    year, volume, paid = quarters[0][:4], known.opening(contract, "year_volume_previous_quarters"), 0
    paid = known.opening(contract, "tier_paid_to_date")
    for period in quarters:
        if period[:4] != year:
            year, volume, paid = period[:4], 0, 0
        volume += own[period] + elsewhere[period]
        rate = "0.0010" if volume < 2_000_000_00 else "0.0015" if volume < 4_000_000_00 else "0.0020"
        tier = rounded(Fraction(rate) * volume) - paid
        found[period] = {
            "own_store_rate": (rounded(Fraction("0.003") * own[period]), f"own_volume={own[period]}"),
            "elsewhere_rate": (
                rounded(Fraction("0.008") * elsewhere[period]),
                f"elsewhere_volume={elsewhere[period]}",
            ),
            "annual_volume_tier": (tier, f"year_volume={volume};rate={rate};paid_to_date={paid}"),
            "profit_share": profit_share(known, period),
        }
        paid += tier
    return found


def profit_share(known: Known, period: str) -> Line:
    months: dict[str, dict[int, int]] = {}
    for row in known.of("pnl"):
        if row["programme"] == "RET" and quarter(date.fromisoformat(row["month"] + "-01")) == period:
            sign = 1 if row["line"] in ("INTEREST", "FEES") else -1
            versions = months.setdefault(row["month"], {})
            versions[row["version"]] = versions.get(row["version"], 0) + sign * row["amount_minor"]
    total, told = 0, []
    for month in sorted(months):
        version = max(months[month])
        profit, share = months[month][version], 0
        if profit > 20_000_00:
            share = rounded(Fraction(40, 100) * (profit - 20_000_00))
        if profit < 0:
            share = rounded(Fraction(25, 100) * profit)
        total += share
        told.append(f"{month}.v{version}:profit={profit}:share={share}")
    return total, ";".join(told)


def alumni_terms(known: Known, quarters: list[str]) -> dict[str, dict[str, Line]]:
    """C3, all quarters: each event in the quarter of its own posting date."""
    return {period: _alumni_quarter(known, period, first=period == quarters[0]) for period in quarters}


def _alumni_quarter(known: Known, period: str, *, first: bool) -> dict[str, Line]:
    contract = "C3-UNI-ALUMNI"
    plain, gip = _bounties(known, period)
    rates = {"STANDARD": ("0.0050", "0.0040"), "STUDENT": ("0.0030", "0.0010")}
    volumes = {(class_, rate): 0 for class_, pair in rates.items() for rate in pair}
    if first:
        late = known.first_night >= CHANGE
        volumes["STANDARD", rates["STANDARD"][late]] += known.opening(contract, "quarter_standard_volume")
        volumes["STUDENT", rates["STUDENT"][late]] += known.opening(contract, "quarter_student_volume")
    for one in known.measured("UNI", lambda row: row["mcc"] not in EXCLUDED):
        if quarter(one.row["posting_date"]) == period:
            class_ = known.accounts[known.card_account[one.row["card_ref"]]]["account_class"]
            late = (one.purchase or one.first)["transaction_date"] >= CHANGE
            volumes[class_, rates[class_][late]] += one.after - one.before
    amounts = {key: rounded(Fraction(key[1]) * volume) for key, volume in volumes.items()}
    volume = sum(volumes.values())
    middle = max(0, min(volume, 800_000_00) - 500_000_00)
    top = max(0, volume - 800_000_00)
    bonus = rounded(Fraction("0.0005") * middle + Fraction("0.0010") * top)
    balances = known.opening(contract, "quarter_earlier_month_end_balances") if first else 0
    latest: dict[tuple[str, date], int] = {}
    for row in known.of("account_event"):
        if row["event"] == "STATEMENT" and row["programme"] == "UNI" and quarter(row["effective_on"]) == period:
            latest[row["account_id"], row["effective_on"]] = row["statement_balance_minor"]
    balances += sum(latest.values())
    told = ";".join(f"{c}_{r}_volume={volumes[c, r]}:amount={amounts[c, r]}" for c, r in volumes)
    return {
        "opening_bounty": (plain * 100, f"accounts={plain}"),
        "gip_bounty": (gip * 6000, f"accounts={gip}"),
        "volume_rate": (sum(amounts.values()), told),
        "marginal_bonus": (bonus, f"quarter_volume={volume}"),
        "balance_royalty": (rounded(Fraction("0.0005") * balances / 12), f"sum_month_end_balances={balances}"),
    }


def _bounties(known: Known, period: str) -> tuple[int, int]:
    plain = gip = 0
    for account in known.accounts.values():
        day = account["opened_on"] + timedelta(days=90)
        closed = account.get("closed_on")
        if account["programme"] != "UNI" or quarter(day) != period or day > known.day:
            continue
        if (closed is not None and closed <= day) or (account["account_class"] == "STUDENT" and day >= CHANGE):
            continue
        used = account.get("first_purchase_on")
        if account["channel"] == "GIP" and used is not None and account["opened_on"] <= used < day:
            gip += 1
        else:
            plain += 1
    return plain, gip


def split(total: int) -> dict[str, int]:
    """7 : 5 : 3, by largest remainder; a negative total on its magnitude."""
    sign = -1 if total < 0 else 1
    exact = [(who, Fraction(abs(total) * weight, 15)) for who, weight in WEIGHTS]
    shares = {who: int(part) for who, part in exact}
    over = abs(total) - sum(shares.values())
    for who, _ in sorted(exact, key=lambda item: (int(item[1]) - item[1], item[0]))[:over]:
        shares[who] += 1
    return {who: sign * share for who, share in shares.items()}


def settle_retailer(known: Known, total: int, carried: dict[str, int]) -> tuple[list[Own], dict[str, int]]:
    """7 : 5 : 3; 100.00 or more is paid."""
    rows: list[Own] = []
    out = {}
    for who, share in split(total).items():
        brought = carried.get(who, known.opening("C2-RET-COBRAND", f"carry_forward_{who}"))
        rows.append(("share", who, share, f"of={total}"))
        rows += _balance(who, brought, share, 100_00, out)
    return rows, out


def settle_alumni(known: Known, total: int, carried: dict[str, int]) -> tuple[list[Own], dict[str, int]]:
    """One beneficiary; 250.00 or more is paid."""
    out: dict[str, int] = {}
    brought = carried.get("ALMA-MATER", known.opening("C3-UNI-ALUMNI", "carry_forward"))
    return _balance("ALMA-MATER", brought, total, 250_00, out), out


def _balance(who: str, brought: int, share: int, threshold: int, out: dict[str, int]) -> list[Own]:
    paid = brought + share if brought + share >= threshold else 0
    out[who] = brought + share - paid
    return [("carry_in", who, brought, ""), ("payout", who, paid, ""), ("carry_out", who, out[who], "")]


Payout = tuple[date, str, str, str, str | None, int, str, str]


@dataclass(frozen=True)
class Agreement:
    """A contract: its terms by period, the name of a day's period, and what becomes of a total."""

    contract: str
    terms: Callable[[Known, list[str]], dict[str, dict[str, Line]]]
    period: Callable[[date], str]
    settle: Callable[[Known, int, dict[str, int]], tuple[list[Own], dict[str, int]]]


def agree(
    outputs: Sequence[Mapping[str, pl.DataFrame]],
    nights: list[Any],
    agreements: Sequence[Agreement],
    restores: Sequence[str] = (),
) -> None:
    """The stage has told the rows of all nights, and no others."""
    columns = ("as_of", "contract", "period", "term", "beneficiary", "amount_minor", "state", "quantities")
    told = pl.concat([output["payout"] for output in outputs]).select(columns).rows()
    assert sorted(told, key=_in_words) == sorted(payouts(nights, agreements, restores), key=_in_words)


def _in_words(row: Sequence[object]) -> list[str]:
    return [str(value) for value in row]


def payouts(nights: list[Any], agreements: Sequence[Agreement], restores: Sequence[str] = ()) -> list[Payout]:
    """All rows: as_of, contract, period, term, beneficiary, amount, state, quantities."""
    found: list[Payout] = []
    for agreement in agreements:
        stated: dict[str, dict[str, int]] = {}
        carried: dict[str, int] = {}
        day, periods = nights[0].day, [agreement.period(nights[0].day)]
        delivered = {night.day for night in nights}
        while day <= nights[-1].day:
            if agreement.period(day) != periods[-1]:
                periods.append(agreement.period(day))
            closes = agreement.period(day + timedelta(days=1)) != agreement.period(day)
            if day in delivered or closes:
                known = Known(nights, day, restores)
                rows, now, out = _statement(agreement, known, periods, stated, carried, closes=closes)
                found += rows
                if closes:
                    stated, carried = now, out
            day += timedelta(days=1)
    return found


def _statement(
    agreement: Agreement,
    known: Known,
    periods: list[str],
    stated: dict[str, dict[str, int]],
    carried: dict[str, int],
    *,
    closes: bool,
) -> tuple[list[Payout], dict[str, dict[str, int]], dict[str, int]]:
    terms, contract = agreement.terms(known, periods), agreement.contract
    current, state = list(terms)[-1], "CLOSED" if closes else "PREVIEW"
    rows: list[Payout] = []
    total = 0
    for term, (amount, told) in terms[current].items():
        total += amount
        rows.append((known.day, contract, current, term, None, amount, state, told))
    for period, before in stated.items():
        changed = {term: line for term, line in terms[period].items() if line[0] != before[term]}
        rows += [(known.day, contract, period, t, None, line[0], "RESTATED", line[1]) for t, line in changed.items()]
        if changed:
            new, old = sum(line[0] for line in terms[period].values()), sum(before.values())
            total += new - old
            told = f"period={period};restated={new};stated={old}"
            rows.append((known.day, contract, current, "adjustment", None, new - old, state, told))
    own, out = agreement.settle(known, total, carried)
    rows += [(known.day, contract, current, term, who, amount, state, told) for term, who, amount, told in own]
    now = {period: {term: line[0] for term, line in lines.items()} for period, lines in terms.items()}
    return rows, now, out
