"""Agreements as real ones are written, worked out by hand and through ``settle rate``.

Each has a contract, a table of events, and what a person works out for each line, from the prose of the agreement and
not from what came out. Facts come late, borders are hit, and periods go below zero.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from rate.agreed import ROUNDING, SPLIT, VOLUME, counted, listed, rated, term, things, tiers
from rate.test_contract_file import refusal

Lines = dict[str, list[str]]
"""A line, with its beneficiary where it has one, to what it gives in each statement that tells it."""

HEAD = VOLUME.replace("transaction_date", "posting_date").replace(
    "gives_back = []", 'gives_back = ["second_presentment", "chargeback_reversal"]'
)
PARTNER = """
[[beneficiaries]]
id = "PARTNER"
name = "The partner"
"""
SETTLED = SPLIT.replace('"split", ', "").replace('residue = "largest_remainder"\n', "")


def rounded(name: str, form: str, said: str, how: str = ROUNDING) -> str:
    """A term that rounds."""
    return term(name, form, f"{said}\n{how}")


def sum_of(name: str, adds: str, takes: str = "", rate: str = "1", more: str = "") -> str:
    said = f'adds = {listed(adds)}\ntakes = {listed(takes)}\nwindow = "period"'
    return rounded(name, "sum", f"{said}\nrate = {rate}\n{more}")


CLOSES = 'checkpoint = "close_of_last_period"'
LEAP_YEARS = HEAD.replace(
    'calendar = "month"\nyear = "calendar"', 'calendar = "quarter"\nyear = "contract"\nyear_begins = "02-29"'
)
MINIMUM_PURCHASE = (
    LEAP_YEARS
    + things("miles", "miles_bought", "miles_returned")
    + tiers("sold", "marginal", "miles", [(0, "0.0125")])
    + rounded(
        "shortfall", "minimum_purchase", f'of = ["miles"]\nwindow = "year"\n{CLOSES}\nleast = 2_400_000\nprice = 0.0125'
    )
    + PARTNER
    + SETTLED
)
# The first contract year ends on 27 February 2025, one mile short: 4,999.9875 and 0.0125. The mile that is told in
# 2026 makes 5,000.00 of the one and nothing of the other: no difference. 2,400,000 of the second year are just
# enough.
BOUGHT = """\
event_id,kind,event_date,known_on,quantity,refers_to
A,miles_bought,2024-02-29,,2000000,
B,miles_bought,2025-02-27,,399999,
C,miles_bought,2025-02-28,,2400000,
D,miles_bought,2026-02-27,,1,
E,miles_returned,2026-02-27,,1,D
L,miles_bought,2025-02-20,2026-02-27,1,
"""

PREPAID = (
    HEAD
    + things("miles", "miles_used", "miles_restored")
    + rounded(
        "beyond",
        "prepaid",
        'of = ["miles"]\nbought = [{ on = 2024-01-15, quantity = 1_000_000 }, { on = 2024-04-01, quantity = 50_000 }]\n'
        "price = 0.0115",
    )
    + PARTNER
    + SETTLED
)
# February: 450,000 of 400,000 left, 50,000 at 1.15 cents. March gives back 70,000: those first. With the 1,001 of
# January that are told in April, February is 51,001 beyond (586.5115) and March gives them back; April: 80,001 less
# 68,999.
USED = """\
event_id,kind,event_date,known_on,quantity,refers_to
A,miles_used,2024-01-20,,600000,
B,miles_used,2024-02-29,,450000,
C,miles_restored,2024-03-05,,70000,B
D,miles_used,2024-04-10,,80001,
L,miles_used,2024-01-31,2024-04-20,1001,
"""

FUND = (
    HEAD
    + counted("costs", "amounts", "invoice", "credit_note")
    + rounded("contribution", "rate", 'measure = "volume"\nrate = 0.0005\npaid = false')
    + sum_of("balance", "contribution", "costs", more="paid = false")
    + rounded(
        "unspent",
        "tiers",
        'method = "marginal"\nbase = { of = ["balance"], window = "contract_to_date", counts = "money" }\n'
        'less = "given_for_earlier_periods"\nbelow_zero = "nothing"\ntiers = [{ from = 0.00, rate = 1 }]\npaid = false',
    )
    + sum_of("from_fund", "contribution", "unspent")
    + PARTNER
    + SETTLED
)
# To date the fund pays the lesser of what came in and what was spent: 300, 500, 550. With 250.00 more for February,
# told in April, it has paid 750 by March and 800 by April, where costs are 850.
FUNDED = """\
event_id,kind,event_date,known_on,amount,currency
P1,purchase,2024-01-10,,1000000.00,USD
I1,invoice,2024-01-20,,300.00,USD
I2,invoice,2024-02-20,,450.00,USD
P2,purchase,2024-03-10,,100000.00,USD
L,purchase,2024-02-10,2024-04-02,500000.00,USD
I3,invoice,2024-04-20,,100.00,USD
"""

GATE = (
    HEAD.replace('"month"', '"quarter"').replace('negative = "posting_date"', 'negative = "purchase_posting_date"')
    + rounded("rate", "rate", 'measure = "volume"\nrate = 0.0040\npaid = false')
    + term(
        "given",
        "gate",
        'of = ["rate"]\ndriver = { of = ["rate"], window = "period", counts = "money" }\nleast = 100.00',
    )
    + PARTNER
    + SETTLED
)
# 100.00 opens it; 99.99496 is 99.99 and does not; 99.995 is 100.00 and does, until a cent of it comes back after the
# close.
AT_THE_GATE = """\
event_id,kind,event_date,posting_date,amount,currency,refers_to
A,purchase,2024-03-31,,25000.00,USD,
B,purchase,2024-06-30,,24998.74,USD,
C,purchase,2024-09-30,2024-10-01,24998.75,USD,
D,refund,2025-01-10,,0.01,USD,A
E,chargeback,2025-01-10,,0.01,USD,C
"""

LEDGER = 'issued = ["credited"]\nredeemed = ["redeemed"]\nexpires_after = 3\ndrawn = "first_in_first_out"\n'
POINTS = (
    HEAD
    + things("credited", "credited", "uncredited", unit="POINTS")
    + things("redeemed", "redeemed", "unredeemed", unit="POINTS")
    + rounded("sold", "points", f'{LEDGER}entry = "issued"\nprice = 0.0150')
    + rounded("paid_back", "points", f'{LEDGER}entry = "redeemed"\nprice = -0.0110')
    + rounded("broken", "points", f'{LEDGER}entry = "expired"\nprice = -0.0040')
    + rounded("reserve", "points", f'{LEDGER}entry = "reserve"\nprice = 0.0110\nbreakage = 0.28')
    + PARTNER
    + SETTLED
)
# January's 1,000 lose 300 and 200 and the other 500 expire at the close of April; February's 500 stay. 72 % of what
# is open at 1.1 cents: 7.92, 9.504, 3.96. May redeems 100 more than are open, and nothing is reserved for those. The
# 100 of March that are told in June: -1.10 and -0.79 (8.712), then 100 fewer expire (0.40) and April's reserve falls
# by 0.79 less.
POINTS_TOLD = """\
event_id,kind,event_date,known_on,quantity,refers_to
I1,credited,2024-01-31,,1000,
I2,credited,2024-02-29,,500,
R1,redeemed,2024-02-29,,300,
R2,redeemed,2024-04-30,,200,
R3,redeemed,2024-05-31,,600,
U3,unredeemed,2024-06-02,,50,R3
L,redeemed,2024-03-31,2024-06-20,100,
"""

OFFER = (
    HEAD.replace('"month"', '"week"')
    + counted(
        "sales", "amounts", "offer_sale", "offer_return", where='offer = ["WINTER"]', where_not='store = ["OUTLET"]'
    )
    + rounded(
        "commission",
        "record_rate",
        'measure = "sales"\nrate = 0.07\nmost = 20.00\ntaken_back = "what_is_left_gives_less"',
        ROUNDING.replace('"period"', '"record"'),
    )
    + term("budget", "cap", 'of = ["commission"]\nwindow = "contract_to_date"\nmost = 100.00')
    + PARTNER
    + SETTLED
)
# 7.00 + 20.00 (20.0004), 60.00, then 13.00 of 20.00 until the budget is spent. Of S2 100.00 stay, which give 7.00:
# -13.00, and -20.00 of S5; 74.00 were earned to date then, so the 7.00 that were cut come back.
MATCHED = """\
event_id,kind,event_date,amount,currency,refers_to,offer,store
S1,offer_sale,2024-01-01,100.00,USD,,WINTER,MAIN
S2,offer_sale,2024-01-07,285.72,USD,,WINTER,MAIN
S3,offer_sale,2024-01-07,9999.00,USD,,SUMMER,MAIN
S4,offer_sale,2024-01-07,500.00,USD,,WINTER,OUTLET
S5,offer_sale,2024-01-08,1000.00,USD,,WINTER,
S6,offer_sale,2024-01-09,1000.00,USD,,WINTER,
S7,offer_sale,2024-01-14,1000.00,USD,,WINTER,
S8,offer_sale,2024-01-15,1000.00,USD,,WINTER,
R2,offer_return,2024-01-23,185.72,USD,S2,WINTER,
R5,offer_return,2024-01-23,1000.00,USD,S5,WINTER,
"""

ANSWERED = 'driver = { of = ["in_time"], per = ["calls"], window = "previous_period", counts = "ratio", decimals = 3 }'
SERVICE = (
    HEAD
    + counted("billed", "amounts", "invoice", "credit_note")
    + things("calls", "call", "call_void")
    + things("in_time", "call", "call_void", where='in_time = ["yes"]', unit="CALLS")
    + sum_of("fee", "billed")
    + rounded(
        "credit",
        "tiers",
        f'method = "whole"\nbase = {{ of = ["fee"], window = "period", counts = "money" }}\n{ANSWERED}\n'
        'less = "nothing"\nbelow_zero = "nothing"\npaid = false\n'
        "tiers = [{ from = 0, to = 0.900, rate = -0.10 }, { from = 0.900, to = 0.950, rate = -0.05 }, "
        "{ from = 0.950, rate = 0 }]",
    )
    + term(
        "credit_due",
        "gate",
        'of = ["credit"]\ndriver = { of = ["calls"], window = "previous_period", counts = "count" }\nleast = 1',
    )
    + PARTNER
    + SETTLED
)
# January was measured by nothing before it. 949 of 1,000 cost February 5 % of 2,000.10 (100.005), 950 of 1,000 cost
# March nothing; the calls of January that are told in April make it 969 of 1,020, cut to 0.950. April had no call;
# 899 cost June 10 %.
CALLED = """\
event_id,kind,event_date,known_on,amount,currency,quantity,in_time
B1,invoice,2024-01-31,,1000.00,USD,,
C1,call,2024-01-10,,,,949,yes
C2,call,2024-01-10,,,,51,no
B2,invoice,2024-02-29,,2000.10,USD,,
C3,call,2024-02-10,,,,950,yes
C4,call,2024-02-10,,,,50,no
B3,invoice,2024-03-31,,1000.00,USD,,
L,call,2024-01-31,2024-04-02,,,20,yes
B5,invoice,2024-05-31,,1000.00,USD,,
C6,call,2024-05-10,,,,899,yes
C7,call,2024-05-10,,,,101,no
B6,invoice,2024-06-30,,1000.00,USD,,
"""

RATE_BEFORE = (
    HEAD
    + rounded("royalty", "rate", 'measure = "volume"\nrate = 0.0100')
    + term("cap", "cap", 'of = ["royalty"]\nwindow = "period"\nmost = 120.00')
    + PARTNER
    + SETTLED.replace('"carry", "threshold"', '"carry", "tax", "threshold"')
    + """
[settlement.adjustments.interest]
clause = "1"
rate_a_year = 0.18
day_count = "actual_365"
due_days = 30
due_counted_in = "days"
rounding = "half_away"

[[settlement.taxes]]
clause = "1"
kind = "withholding"
rate = 0.15
on = "earned_and_not_recouped"
beneficiaries = ["PARTNER"]
owed_by = "payer"
owed_to = "The revenue"
rounding = "half_away"
"""
)
RATE_AFTER = f"known_on = 2024-09-15\n{RATE_BEFORE}".replace("0.0100", "0.0150")
# From May on 1.5 %, signed in September: May would be 150.00 and is capped, 20.00 more; June 35.00, August 0.50 more.
# Interest from 30 days after each close: 92 days (0.9074), 62 (1.0701) and none. Tax to date: 15 % of 329.98 (49.497)
# less 40.65.
BACKDATED = """\
event_id,kind,event_date,amount,currency
P4,purchase,2024-04-10,10000.00,USD
P5,purchase,2024-05-31,10000.00,USD
P6,purchase,2024-06-30,7000.00,USD
P8,purchase,2024-08-31,100.00,USD
P9,purchase,2024-09-30,100.00,USD
"""

FIXED = (
    HEAD
    + rounded("royalty", "rate", 'measure = "volume"\nrate = 0.01')
    + PARTNER
    + SETTLED.replace('"adjustments", ', '"adjustments", "convert", ')
    + """
[settlement.convert]
clause = "1"
to = "JPY"
rate = "mean_of_banking_days"
missing = "previous_day"
rounding = "half_away"

[settlement.convert.mean]
days = 5
to_day = 25
decimals = 4
rounding = "half_even"
calendar = "JP"
weekend = ["saturday", "sunday"]
holidays = [2024-02-23]
"""
)
# 123.46 at the mean of 19 and 22 to 25 January: the 24th takes the 23rd's 145.959, so 145.9042; told as 150.0 in
# February, 146.7124: 18,113 and not 18,013. 25 February is a Sunday, the 23rd a holiday, and banks were shut on the
# 22nd, so 15, 16 and 19 to 21: 148.425, which is 18,325, and 100 more for January.
RATES = """\
event_id,kind,event_date,known_on,amount,currency,from_currency,to_currency,rate,calendar
P,purchase,2024-01-10,,12345.60,USD,,,,
Q,purchase,2024-02-10,,12345.60,USD,,,,
F1,fx_rate,2024-01-19,,,,USD,JPY,145.685,
F2,fx_rate,2024-01-22,,,,USD,JPY,145.822,
F3,fx_rate,2024-01-23,,,,USD,JPY,145.959,
F4,fx_rate,2024-01-25,,,,USD,JPY,146.096,
F5,fx_rate,2024-02-15,,,,USD,JPY,148.151,
F6,fx_rate,2024-02-16,,,,USD,JPY,148.288,
F7,fx_rate,2024-02-19,,,,USD,JPY,148.425,
F8,fx_rate,2024-02-20,,,,USD,JPY,148.562,
F9,fx_rate,2024-02-21,,,,USD,JPY,148.699,
FA,fx_rate,2024-02-22,,,,USD,JPY,999.0,
FB,fx_rate,2024-02-23,,,,USD,JPY,999.0,
L,fx_rate,2024-01-24,2024-02-15,,,USD,JPY,150.0,
C,closed_day,2024-02-22,2024-02-01,,,,,,JP
"""

PLACES = ("museum", "tower", "zoo")
SHARED = f'among = ["{PLACES[2]}", "{PLACES[0]}", "{PLACES[1]}"]\ncounts = "count"\nwindow = "period"'
POOL = (
    HEAD
    + counted("passes", "amounts", "pass_sold", "pass_refunded")
    + "".join(things(one, "visit", "visit_void", where=f'place = ["{one}"]', unit="VISITS") for one in PLACES)
    + sum_of("pool", "passes", rate="0.70", more="paid = false")
    + "".join(
        term(
            f"{one}_part",
            "pool_share",
            f'pool = ["pool"]\nof = "{one}"\n{SHARED}\nresidue = "largest_remainder"\nto = "{one}"',
        )
        for one in PLACES
    )
    + tiers("ticket", "marginal", "tower", [(0, "4.25")], more='to = "tower"')
    + "".join(PARTNER.replace("PARTNER", one) for one in PLACES)
    + SPLIT
)
# 70 % of 143.00 among three visits: 33.3666 each, the two cents over go to the museum and the tower. In February the
# tower has more visits void than made: no part, and a ticket taken back. 2 visits more to the museum in January, told
# in March, move 26.69 to it; nobody has a part of March's pool.
VISITS = """\
event_id,kind,event_date,known_on,amount,currency,quantity,place,refers_to
S1,pass_sold,2024-01-10,,143.00,USD,,,
V1,visit,2024-01-10,,,,1,zoo,
V2,visit,2024-01-10,,,,1,museum,
V3,visit,2024-01-31,,,,1,tower,
S2,pass_sold,2024-02-10,,100.00,USD,,,
V4,visit,2024-02-29,,,,2,zoo,
X3,visit_void,2024-02-29,,,,1,tower,V3
S3,pass_refunded,2024-03-10,,10.00,USD,,,S2
L,visit,2024-01-31,2024-03-20,,,2,museum,
"""

EXIT = (
    HEAD.replace('place = { purchase = "posting_date"', 'place = { purchase = "transaction_date"')
    + counted("balances", "amounts", "balance_transferred", "balance_rejected")
    + rounded(
        "exit_price",
        "rate_by",
        'measure = "balances"\nopening_rate_date = "first_night"\nrate_date = { purchase = "transaction_date", '
        'negative = "purchase_transaction_date", refund_without_purchase = "transaction_date" }\n'
        'rates = [{ account_class = "CURRENT", rate = 1 }, '
        '{ account_class = "DELINQUENT", to = 2024-07-01, rate = 0.65 }, '
        '{ account_class = "DELINQUENT", from = 2024-07-01, rate = 0.60 }, '
        '{ account_class = "CHARGED_OFF", rate = 0.035 }]',
        ROUNDING.replace('"period"', '"class_and_rate"'),
    )
    + PARTNER
    + SETTLED
)
# 1,500,000.37 at par, 130,000.01 (130,000.0065) and 3,150.02 (3,150.0175); in July 120,000.01, and 50,000.00 of
# June's go back at June's price.
TRANSFERRED = """\
event_id,kind,event_date,amount,currency,account_id,account_class,refers_to
T1,balance_transferred,2024-06-30,1500000.37,USD,A1,CURRENT,
T2,balance_transferred,2024-06-30,200000.01,USD,A2,DELINQUENT,
T3,balance_transferred,2024-07-01,200000.01,USD,A3,DELINQUENT,
T4,balance_transferred,2024-06-30,90000.50,USD,A4,CHARGED_OFF,
T5,balance_rejected,2024-07-15,50000.00,USD,A2,DELINQUENT,T2
"""

EACH = (
    HEAD
    + """
[measures.counted]
type = "units"
clause = "1"
of = "volume"
unit = "DOLLARS"
per = 1.00
blocks = "whole_per_record"
most_a_record = 500
account_limit = { window = "period", least = 0, most = 800 }
"""
    + tiers("rebate", "marginal", "counted", [(0, "0.01")])
    + PARTNER
    + SETTLED
)
# A1 counts 3 + 500 + 500, so 800, and A2 100. In February A1 has only taken back: 0 and not -504.
CAPPED = """\
event_id,kind,event_date,amount,currency,account_id,refers_to
P1,purchase,2024-01-10,3.99,USD,A1,
P2,purchase,2024-01-10,636.00,USD,A1,
P3,purchase,2024-01-11,640.00,USD,A1,
P4,purchase,2024-01-31,100.50,USD,A2,
R2,refund,2024-02-01,4.00,USD,A1,P2
R3,refund,2024-02-29,600.00,USD,A1,P3
"""

AGREEMENTS: dict[str, tuple[dict[str, str], str, str, Lines]] = {
    "minimum purchase": (
        {"2024-02-29": MINIMUM_PURCHASE},
        BOUGHT,
        "2026-02-27",
        {
            "sold": ["25000.00", "0.00", "0.00", "4999.99", "30000.00", "0.00", "0.00", "0.00"],
            "shortfall": ["0.00", "0.00", "0.00", "0.01", "0.00", "0.00", "0.00", "0.00"],
            "adjustment": ["0.00"],
        },
    ),
    "prepaid inventory": (
        {"2024-01-01": PREPAID},
        USED,
        "2024-04-30",
        {"beyond": ["0.00", "575.00", "-575.00", "126.52"], "adjustment": ["11.51", "-11.51"]},
    ),
    "fund": (
        {"2024-01-01": FUND},
        FUNDED,
        "2024-04-30",
        {"from_fund": ["300.00", "200.00", "50.00", "50.00"], "adjustment": ["250.00", "-50.00"]},
    ),
    "gate": (
        {"2024-01-01": GATE},
        AT_THE_GATE,
        "2025-03-31",
        {"given": ["100.00", "0.00", "0.00", "100.00", "0.00"], "adjustment": ["-100.00"]},
    ),
    "points": (
        {"2024-01-01": POINTS},
        POINTS_TOLD,
        "2024-06-30",
        {
            "sold": ["15.00", "7.50", "0.00", "0.00", "0.00", "0.00"],
            "paid_back": ["0.00", "-3.30", "0.00", "-2.20", "-6.60", "0.55"],
            "broken": ["0.00", "0.00", "0.00", "-2.00", "0.00", "0.00"],
            "reserve": ["7.92", "1.58", "0.00", "-5.54", "-3.96", "0.00"],
            "adjustment": ["-1.89", "1.19"],
        },
    ),
    "matched offer": (
        {"2024-01-01": OFFER},
        MATCHED,
        "2024-01-28",
        {
            "commission": ["27.00", "60.00", "20.00", "-33.00"],
            "budget": ["0.00", "0.00", "-7.00", "7.00"],
            "payout PARTNER": ["27.00", "60.00", "13.00", "0.00"],
            "carry_out PARTNER": ["0.00", "0.00", "0.00", "-26.00"],
        },
    ),
    "service level": (
        {"2024-01-01": SERVICE},
        CALLED,
        "2024-06-30",
        {
            "fee": ["1000.00", "2000.10", "1000.00", "0.00", "1000.00", "1000.00"],
            "credit_due": ["0.00", "-100.01", "0.00", "0.00", "0.00", "-100.00"],
            "adjustment": ["100.01"],
        },
    ),
    "amendment dated back": (
        {"2024-04-01": RATE_BEFORE, "2024-05-01.known-2024-09-15": RATE_AFTER},
        BACKDATED,
        "2024-09-30",
        {
            "royalty": ["100.00", "100.00", "70.00", "0.00", "1.00", "1.50"],
            "cap": ["0.00"] * 6,
            "adjustment": ["20.00", "35.00", "0.50"],
            "interest": ["0.91", "1.07", "0.00"],
            "withholding_tax PARTNER": ["-15.00", "-15.00", "-10.50", "0.00", "-0.15", "-8.85"],
            "payout PARTNER": ["85.00", "85.00", "59.50", "0.00", "0.85", "50.13"],
        },
    ),
    "fixing": (
        {"2024-01-01": FIXED},
        RATES,
        "2024-02-29",
        {"royalty": ["123.46", "123.46"], "payout PARTNER": ["18013", "18425"]},
    ),
    "pool": (
        {"2024-01-01": POOL},
        VISITS,
        "2024-03-31",
        {
            "museum_part": ["33.37", "0.00", "0.00"],
            "tower_part": ["33.37", "0.00", "0.00"],
            "zoo_part": ["33.36", "70.00", "0.00"],
            "ticket": ["4.25", "-4.25", "0.00"],
            "adjustment": ["0.00"],
            "share museum": ["33.37", "0.00", "26.69"],
            "share tower": ["37.62", "-4.25", "-13.35"],
            "share zoo": ["33.36", "70.00", "-13.34"],
        },
    ),
    "exit price": ({"2024-06-01": EXIT}, TRANSFERRED, "2024-07-31", {"exit_price": ["1633150.40", "87500.01"]}),
    "limit of a person": ({"2024-01-01": EACH}, CAPPED, "2024-02-29", {"rebate": ["9.00", "0.00"]}),
}


@pytest.mark.parametrize("name", AGREEMENTS)
def test_what_a_person_works_out_comes_out(name: str, tmp_path: Path) -> None:
    files, events, as_of, lines = AGREEMENTS[name]
    own = rated(tmp_path, files, events, as_of)["statement"].filter(pl.col("state") == "CLOSED")
    label = pl.concat_str("term", "beneficiary", separator=" ", ignore_nulls=True)
    told = own.group_by(label.alias("line"), maintain_order=True).agg("amount")
    assert {line: amounts for line, amounts in told.iter_rows() if line in lines} == lines


def test_a_later_file_lists_what_was_bought_before_it() -> None:
    first, later = (f"contracts/partner/2024-0{month}-01.toml" for month in (1, 4))
    left_out = PREPAID.replace("{ on = 2024-01-15, quantity = 1_000_000 }, ", "")
    assert refusal({first: PREPAID, later: left_out}) == (
        f"{later}, clause 1 (beyond): 1,000,000 that were bought on 2024-01-15 are left out, and what is left of them "
        f"would be lost; list them as {first} does."
    )
