"""The airline's accruals: signs, check digits of members, and totals over miles and members."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layout_files import layout, read

from settlement.model.clearing import Why
from settlement.parse.source import Parsed

NAME = "AIR_ACCRUAL_20240301.txt"
HEAD = f"H{'MERIDIANAIR':<12}202403010003630100".ljust(100)


def member(number: int) -> str:
    """A member number with its check digit."""
    return f"{number:09d}{number % 7}"


def detail(number: int = 1, **told: str) -> str:
    plain = {
        "member": member(149448314),
        "day": "20240228",
        "sign": "+",
        "amount": "000000002400",
        "base": "000000024",
        "bonus": "000000000",
        "purchases": "001",
        "code": "XSWD8U",
    }
    row = plain | told
    return (
        f"D{number:09d}{row['member']}{row['day']}{row['sign']}{row['amount']}{row['base']}{row['bonus']}"
        f"{row['purchases']}{row['code']:<6}{'EMPLOYEES RECREATION':<25}"
    ).ljust(100)


def accruals(*details: str, miles: int, members: int, count: int | None = None) -> bytes:
    tail = f"T{len(details) if count is None else count:09d}{miles:+016d}{members % 10**15:015d}".ljust(100)
    return "".join(f"{one}\n" for one in (HEAD, *details, tail)).encode()


def airline(content: bytes, name: str = NAME) -> Parsed:
    return read(layout("airline_accrual"), name, content)


ONE = detail()
BACK = detail(2, sign="-", bonus="000000006", purchases="002", code="")
MEMBERS = 2 * int(member(149448314))


def test_accruals_and_miles_taken_back() -> None:
    parsed = airline(accruals(ONE, BACK, miles=24 - 30, members=MEMBERS))
    assert (parsed.fault, parsed.records, parsed.file_date) == (None, 4, date(2024, 3, 1))
    assert parsed.internal_id == "MERIDIANAIR-20240301-000363"
    assert {one.control: (one.declared, one.computed) for one in parsed.controls} == {
        "lines": (None, 4),
        "count": (2, 2),
        "miles": (-6, -6),
        "hash": (MEMBERS, MEMBERS),
    }
    columns = ("record", "side", "kind", "direction", "amount_minor", "member_id", "transaction_date")
    miles = ("base_miles", "bonus_miles", "purchases", "authorisation_code", "card_masked")
    assert parsed.tables["clearing"].select(*columns, *miles).rows() == [
        (2, "merchant", "purchase", 1, 2400, member(149448314), date(2024, 2, 28), 24, 0, 1, "XSWD8U", None),
        (3, "merchant", "refund", -1, 2400, member(149448314), date(2024, 2, 28), 24, 6, 2, None, None),
    ]


@pytest.mark.parametrize(
    ("told", "reason", "field"),
    [
        ({"day": "20240231"}, "BAD_DATE", "date"),
        ({"amount": "00000000240x"}, "NON_NUMERIC_AMOUNT", "amount"),
        ({"sign": "?"}, "MALFORMED", "sign"),
        ({"member": f"{149448314:09d}{(149448314 + 1) % 7}"}, "MALFORMED", "member"),
        ({"member": "149448314x"}, "MALFORMED", "member"),
        ({"purchases": "0x1"}, "MALFORMED", "purchases"),
    ],
)
def test_a_bad_line_is_a_reject_and_in_the_totals(told: dict[str, str], reason: str, field: str) -> None:
    bad = detail(2, **told)
    hashed = int(member(149448314)) + (int(bad[10:20]) if bad[10:20].isdecimal() else 0)
    parsed = airline(accruals(ONE, bad, miles=48, members=hashed))
    assert parsed.fault is None, parsed.detail
    assert all(one.agrees for one in parsed.controls), parsed.controls
    assert parsed.tables["reject"].select("record", "reason", "field").rows() == [(3, reason, field)]
    assert parsed.tables["clearing"]["record"].to_list() == [2]


@pytest.mark.parametrize(
    ("wrong", "control"),
    [({"count": 3}, "count"), ({"miles": -5}, "miles"), ({"members": MEMBERS + 7}, "hash")],
)
def test_a_total_that_does_not_re_add_is_told(wrong: dict[str, int], control: str) -> None:
    right = {"miles": -6, "members": MEMBERS}
    parsed = airline(accruals(ONE, BACK, **(right | wrong)))
    assert [one.control for one in parsed.controls if not one.agrees] == [control]


def test_no_cut_of_a_file_is_taken_for_a_whole_one() -> None:
    whole = accruals(ONE, BACK, miles=-6, members=MEMBERS)
    assert airline(whole).fault is None
    for length in range(len(whole)):
        assert airline(whole[:length]).fault in {Why.TRUNCATED, Why.EMPTY}


ROWS = st.tuples(
    st.integers(0, 999_999_999),
    st.booleans(),
    st.integers(0, 10**12 - 1),
    st.integers(0, 10**9 - 1),
    st.integers(1, 999),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, max_size=12))
def test_what_is_written_is_read(rows: list[tuple[int, bool, int, int, int]]) -> None:
    details = [
        detail(
            number,
            member=member(who),
            sign="-" if back else "+",
            amount=f"{amount:012d}",
            base=f"{base:09d}",
            bonus="000000003",
            purchases=f"{purchases:03d}",
        )
        for number, (who, back, amount, base, purchases) in enumerate(rows, start=1)
    ]
    miles = sum(-(base + 3) if back else base + 3 for _, back, _, base, _ in rows)
    parsed = airline(accruals(*details, miles=miles, members=sum(int(member(row[0])) for row in rows)))
    assert parsed.fault is None, parsed.detail
    assert all(one.agrees for one in parsed.controls), parsed.controls
    columns = ("record", "member_id", "direction", "amount_minor", "base_miles", "bonus_miles", "purchases")
    assert parsed.tables["clearing"].select(columns).rows() == [
        (number, member(who), -1 if back else 1, amount, base, 3, purchases)
        for number, (who, back, amount, base, purchases) in enumerate(rows, start=2)
    ]
