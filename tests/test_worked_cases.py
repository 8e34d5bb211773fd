"""Worked cases with published results, each from a contract file and a small file of events through ``settle rate``."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from rate.agreed import ROUNDING, Out, head, rated, term, tiers

BY_RECORD = 'taken_back = "what_is_left_gives_less"\n' + ROUNDING.replace('"period"', '"record"')
COLUMNS = "event_id,kind,event_date,known_on,amount,currency,quantity,account_id,refers_to,channel"
FIVE = ((0, 5), (6, 4), (11, 3), (16, 2), (21, 1))
"""The first unit of each tier of a whole-volume tariff, and its price."""
Rate = Callable[..., Out]


@pytest.fixture
def rate(tmp_path: Path) -> Rate:
    """Runs ``settle rate``: the tables that it writes, of contract files by their names, events and the last day."""

    def run(files: dict[str, str], events: list[str], as_of: str) -> Out:
        # Cells at the end of a row may be left out here.
        rows = [event + "," * (COLUMNS.count(",") - event.count(",")) for event in events]
        return rated(tmp_path, files, "\n".join([COLUMNS, *rows]), as_of)

    return run


def given(out: Out, name: str, state: str = "CLOSED") -> list[str]:
    """What a term or a line gives, period after period."""
    rows = out["statement"].filter(pl.col("term") == name, pl.col("state") == state)
    return rows["amount"].to_list()


def by_event(out: Out, name: str) -> dict[str, int]:
    """What each event gives of a term that is rounded by record, as known on the last day."""
    rows = out["lines"].filter(pl.col("term") == name, pl.col("as_of") == pl.col("as_of").max())
    return dict(rows.select("event_id", "quantity").iter_rows())


def exact(out: Out, name: str) -> dict[str, str]:
    """What each event gives before it is rounded."""
    rows = out["lines"].filter(pl.col("term") == name, pl.col("as_of") == pl.col("as_of").max())
    return dict(rows.select("event_id", "exact").iter_rows())


def test_whole_volume_and_marginal_tiers(rate: Rate) -> None:
    whole = tiers("whole", "whole", "units", [(first, f"{price}.00") for first, price in FIVE])
    marginal = tiers("marginal", "marginal", "units", [(max(0, first - 1), f"{price}.00") for first, price in FIVE])
    events = [f"U{month},units,2010-0{month}-10,,,,{q},," for month, q in enumerate((1, 5, 6, 20, 25), start=1)]
    out = rate({"2010-01-01": head(counts=("units",)) + whole + marginal}, events, "2010-05-31")
    assert given(out, "whole") == ["5.00", "25.00", "24.00", "40.00", "25.00"]
    assert given(out, "marginal") == ["5.00", "25.00", "29.00", "70.00", "75.00"]


@pytest.mark.parametrize(
    ("method", "minutes", "total"),
    [("marginal", [(0, "1"), (100, "0.5")], "739.40"), ("whole", [(0, "1"), (1000, "0.5")], "279.80")],
)
def test_minutes_in_blocks_of_ten_and_megabytes(
    rate: Rate, method: str, minutes: list[tuple[int, str]], total: str
) -> None:
    terms = tiers("calls", method, "minutes", minutes, block=10)
    terms += tiers("data", method, "megabytes", [(0, "0.5"), (1024, "0.1")])
    events = ["M1,minutes,2010-01-10,,,,900,,", "M2,minutes,2010-01-20,,,,600,,", "D1,megabytes,2010-01-20,,,,2048,,"]
    out = rate({"2010-01-01": head(counts=("minutes", "megabytes")) + terms}, events, "2010-01-31")
    assert str(sum(Decimal(amount) for name in ("calls", "data") for amount in given(out, name))) == total


BY_SIXTEEN = [(0, "10.00"), (16, "5.00")]


def test_fifteen_units_and_then_one_more_in_the_current_period(rate: Rate) -> None:
    terms = tiers("to_date", "whole", "units", BY_SIXTEEN, window="year_to_date")
    events = ["A,units,2010-01-10,,,,15,,", "B,units,2010-02-10,,,,1,,"]
    out = rate({"2010-01-01": head(counts=("units",)) + terms}, events, "2010-02-28")
    assert given(out, "to_date") == ["150.00", "-70.00"]


def test_fifteen_units_and_then_one_more_in_the_original_period(rate: Rate) -> None:
    terms = tiers("by_month", "whole", "units", BY_SIXTEEN)
    events = ["A,units,2010-01-10,,,,15,,", "B,units,2010-01-31,2010-02-10,,,1,,"]
    out = rate({"2010-01-01": head(counts=("units",)) + terms}, events, "2010-02-28")
    assert given(out, "by_month") == ["150.00", "0.00"]
    assert given(out, "by_month", "RESTATED") == ["80.00"]
    assert given(out, "adjustment") == ["-70.00"]


def test_a_minimum_of_a_year(rate: Rate) -> None:
    earned = term("earned", "rate", f'measure = "volume"\nrate = 0.01\n{ROUNDING}')
    guarantee = 'of = ["earned"]\nwindow = "year"\ncheckpoint = "close_of_last_period"\nguarantee = 10_000.00'
    terms = earned + term("true_up", "minimum_guarantee", guarantee)
    out = rate(
        {"2010-01-01": head(calendar="quarter") + terms}, ["P,purchase,2010-05-05,,800000.00,USD,,,"], "2010-12-31"
    )
    assert given(out, "earned") == ["0.00", "8000.00", "0.00", "0.00"]
    assert given(out, "true_up") == ["0.00", "0.00", "0.00", "2000.00"]


def test_flat_and_ad_valorem(rate: Rate) -> None:
    terms = "".join(
        term(name, "record_rate", f'measure = "volume"\nrate = 0.0005\nflat = {flat}\n{BY_RECORD}')
        for name, flat in (("tariff", "0.21"), ("adjusted", "0.22"))
    )
    events = ["P50,purchase,2010-01-10,,50.00,USD,,,", "P200,purchase,2010-01-11,,200.00,USD,,,"]
    out = rate({"2010-01-01": head() + terms}, events, "2010-01-31")
    assert exact(out, "tariff") == {"P50": "0.235", "P200": "0.31"}
    assert exact(out, "adjusted") == {"P50": "0.245", "P200": "0.32"}
    assert by_event(out, "tariff") == {"P50": 24, "P200": 31}
    assert by_event(out, "adjusted") == {"P50": 25, "P200": 32}


def test_a_restaurant_credit_sale_under_the_rule_of_its_date(rate: Rate) -> None:
    shares = "[{ to = 'ISSUER', weight = 90 }, { to = 'NETWORK', weight = 13 }, { to = 'ACQUIRER', weight = 22 }]"
    before = term("fee", "record_rate", f'measure = "volume"\nrate = 0.0125\nparts = {shares}\n{BY_RECORD}')
    after = "".join(
        term(name, "record_rate", f'measure = "volume"\nrate = {share}\nto = "{to}"\n{BY_RECORD}')
        for name, share, to in (
            ("issuer_fee", "0.0045", "ISSUER"),
            ("network_of_issuer", "0.000325", "NETWORK"),
            ("network_of_acquirer", "0.000325", "NETWORK"),
        )
    )
    day = head("CNY", "day")
    files = {"2016-09-01": day + before, "2016-09-06": day + after}
    events = ["A,purchase,2016-09-05,,1000.00,CNY,,,", "B,purchase,2016-09-06,,1000.00,CNY,,,"]
    out = rate(files, events, "2016-09-06")
    shares_of = out["statement"].filter(pl.col("term") == "share").select("period", "beneficiary", "amount").rows()
    assert [row for row in shares_of if row[0] == "2016-09-05"] == [
        ("2016-09-05", "ACQUIRER", "2.20"),
        ("2016-09-05", "ISSUER", "9.00"),
        ("2016-09-05", "NETWORK", "1.30"),
    ]
    assert by_event(out, "issuer_fee") == {"B": 450}
    assert exact(out, "network_of_issuer") == {"B": "0.325"}
    assert by_event(out, "network_of_issuer") == by_event(out, "network_of_acquirer") == {"B": 33}


def test_a_debit_fee_with_its_cap(rate: Rate) -> None:
    terms = "".join(
        term(name, "record_rate", f'measure = "volume"\nrate = {share}\nmost = {most}\n{BY_RECORD}')
        for name, share, most in (("issuer_fee", "0.0035", "13.00"), ("network_side", "0.000325", "3.25"))
    )
    amounts = (3_714, 3_715, 10_000, 20_000)
    events = [f"P{amount},purchase,2016-09-10,,{amount}.00,CNY,,," for amount in amounts]
    out = rate({"2016-09-01": head("CNY") + terms}, events, "2016-09-30")
    assert by_event(out, "issuer_fee") == {f"P{amount}": 1300 for amount in amounts}
    assert exact(out, "issuer_fee") | {"P3714": "13"} == {f"P{amount}": "13" for amount in amounts}
    assert exact(out, "issuer_fee")["P3714"] == "12.999"
    assert by_event(out, "network_side") == {"P3714": 121, "P3715": 121, "P10000": 325, "P20000": 325}


@pytest.mark.parametrize(
    ("total", "parts", "shares"),
    [
        ("0.65", {"NETWORK": 1, "ISSUER": 1}, {"ACQUIRER": "0.00", "ISSUER": "0.33", "NETWORK": "0.32"}),
        ("0.05", {"ISSUER": 70, "NETWORK": 30}, {"ACQUIRER": "0.00", "ISSUER": "0.04", "NETWORK": "0.01"}),
        ("0.05", {"NETWORK": 70, "ISSUER": 30}, {"ACQUIRER": "0.00", "ISSUER": "0.02", "NETWORK": "0.03"}),
    ],
)
def test_what_is_split_sums_to_what_there_is(
    rate: Rate, total: str, parts: dict[str, int], shares: dict[str, str]
) -> None:
    said = ", ".join(f'{{ to = "{name}", weight = {weight} }}' for name, weight in parts.items())
    fee = term("fee", "rate", f'measure = "volume"\nrate = 0.00065\nparts = [{said}]\n{ROUNDING}')
    amount = {"0.65": "1000.00", "0.05": "76.92"}[total]
    out = rate({"2010-01-01": head() + fee}, [f"P,purchase,2010-01-10,,{amount},USD,,,"], "2010-01-31")
    assert given(out, "fee") == [total]
    rows = out["statement"].filter(pl.col("term") == "share")
    assert dict(rows.select("beneficiary", "amount").iter_rows()) == shares


def test_a_thousand_millions_in_sixty_months(rate: Rate) -> None:
    said = 'total = 1_000_000_000.00\nnumber = 60\nevery = "month"\nresidue = "largest_remainder"\nfrom = 2010-01-31'
    out = rate({"2010-01-01": head() + term("price", "instalments", said)}, [], "2014-12-31")
    paid = given(out, "price")
    assert paid == ["16666666.67"] * 40 + ["16666666.66"] * 20
    assert sum(map(Decimal, paid)) == Decimal(1_000_000_000)


def test_a_bounty_of_issue_and_use_and_pence_for_every_hundred_pounds(rate: Rate) -> None:
    accounts = """
[measures.issued]
type = "accounts"
clause = "1"
days_from_opening = 0
place = "condition_day"
still_open = "on_condition_day"

[measures.after_six_months]
type = "accounts"
clause = "1"
days_from_opening = 181
place = "condition_day"
still_open = "on_condition_day"

[measures.used]
type = "accounts_within"
clause = "1"
of = "after_six_months"
channels = ["GROUP"]
first_purchase = "opening_to_condition_day"
"""
    terms = term("issue", "bounty", 'measure = "issued"\namount = 15.00')
    terms += term("use", "bounty", 'measure = "used"\namount = 2.50')
    base = 'base = { of = ["volume"], window = "period", counts = "money"'
    said = f'method = "marginal"\n{base}, block = 100.00 }}\nless = "nothing"\nbelow_zero = "first_rate"\n{ROUNDING}'
    terms += term("whole_blocks", "tiers", said + "\ntiers = [{ from = 0, price = 0.25 }]")
    terms += term("pro_rata", "rate", f'measure = "volume"\nrate = 0.0025\n{ROUNDING}')
    events = [f"O{n},account_opened,2010-01-10,,,,,A{n},,GROUP" for n in range(1000)]
    events += [f"U{n},account_first_used,2010-03-10,,,,,A{n},," for n in range(800)]
    events += ["P,purchase,2010-01-20,,1234567.00,GBP,,,,"]
    out = rate({"2010-01-01": head("GBP", "year") + accounts + terms}, events, "2010-12-31")
    assert given(out, "issue") == ["15000.00"]
    assert given(out, "use") == ["2000.00"]
    assert given(out, "pro_rata") == ["3086.42"]
    assert given(out, "whole_blocks") == ["3086.25"]


def test_a_refund_after_the_payout_is_carried(rate: Rate) -> None:
    fee = term("fee", "rate", f'measure = "volume"\nrate = 0.10\nto = "ISSUER"\n{ROUNDING}')
    events = [
        "A,purchase,2010-01-10,,100.00,USD,,,",
        "R,refund,2010-02-10,,100.00,USD,,,A",
        "B,purchase,2010-03-10,,300.00,USD,,,",
    ]
    out = rate({"2010-01-01": head() + fee}, events, "2010-03-31")
    rows = out["statement"].filter(pl.col("beneficiary") == "ISSUER")
    paid = rows.filter(pl.col("term") == "payout")["amount"].to_list()
    carried = rows.filter(pl.col("term") == "carry_out")["amount"].to_list()
    assert (paid, carried) == (["10.00", "0.00", "20.00"], ["0.00", "-10.00", "0.00"])
