"""The club's workbook: titles, headings wherever they stand, exact references, a row of totals."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layout_files import layout, layout_of, read
from made_workbook import Cell, workbook

from settlement.errors import TerminalError
from settlement.model.clearing import Why
from settlement.parse.source import Parsed

DAY = datetime.fromisoformat("2024-03-01")
HEADINGS = [
    *("交易日期 Date", "门店 Outlet", "卡号 Card", "授权码 Auth", "金额 Amount", "币种 Ccy", "类型 Type", "单号 Ref"),
]
SALE: list[Cell] = [
    *(DAY + timedelta(hours=9, minutes=38), "新城百货 (85810)", "622202*********9097", "5MUANW"),
    *(Decimal("1603.05"), "CNY", "销售 SALE", 3703148953303807),
]
RETURN: list[Cell] = [
    *(DAY, "望江茶楼 (33798)", "622202*********6681", None, Decimal("-13.6"), "CNY", "退货 RETURN", 2020968552316731),
]


def changed(row: list[Cell], **cells: Cell) -> list[Cell]:
    """The row with the cells of some columns, named by letter."""
    return [cells.get(chr(65 + place), cell) for place, cell in enumerate(row)]


def sheet(*rows: list[Cell], total: Decimal, count: int | None = None) -> list[list[Cell]]:
    head: list[list[Cell]] = [["东方地产会员俱乐部"], ["Business date", DAY], [], [*HEADINGS]]
    tail: list[Cell] = ["合计 TOTAL", None, None, None, total, "CNY", len(rows) if count is None else count]
    return [*head, *rows, tail]


def club(rows: list[list[Cell]], name: str = "CLUB_SALES_20240301.xlsx", **given: bool) -> Parsed:
    return read(layout("club_sales"), name, workbook(rows, **given))


@pytest.mark.parametrize("shared", [False, True])
def test_a_sale_and_a_return(shared: bool) -> None:
    parsed = club(sheet(SALE, RETURN, total=Decimal("1589.45")), shared=shared)
    assert (parsed.fault, parsed.records, parsed.file_date) == (None, 7, date(2024, 3, 1))
    assert [(c.control, c.declared, c.computed) for c in parsed.controls if c.declared is not None] == [
        ("rows", 2, 2),
        ("total_minor", 158945, 158945),
    ]
    told = ("record", "kind", "direction", "amount_minor", "currency", "local_time", "authorisation_code", "order_ref")
    assert parsed.tables["clearing"].select(*told, "original_ref", "card_masked").rows() == [
        (
            *(5, "purchase", 1, 160305, "CNY", DAY + timedelta(hours=9, minutes=38), "5MUANW", "3703148953303807"),
            *(None, "622202*********9097"),
        ),
        (
            *(6, "refund", -1, 1360, "CNY", DAY, None, "2020968552316731"),
            *("2020968552316731", "622202*********6681"),
        ),
    ]
    assert parsed.tables["control_record"].select("record", "class").rows() == [
        *((number, "HEADER") for number in range(1, 5)),
        (7, "TRAILER"),
    ]


@pytest.mark.parametrize(
    ("row", "reason", "field"),
    [
        (changed(SALE, A="31.02.2010"), "BAD_DATE", "sold"),
        (changed(SALE, A=40541), "BAD_DATE", "sold"),
        (changed(SALE, E="N/A"), "NON_NUMERIC_AMOUNT", "amount"),
        (changed(SALE, E=Decimal(-5)), "NON_NUMERIC_AMOUNT", "amount"),
        (changed(SALE, E=Decimal("17.305")), "NON_NUMERIC_AMOUNT", "amount"),
        (changed(RETURN, E=Decimal("13.6")), "NON_NUMERIC_AMOUNT", "amount"),
        (changed(SALE, F="XXQ"), "UNKNOWN_CURRENCY", "currency"),
        (changed(SALE, G="借用 LOAN"), "MALFORMED", "type"),
        (changed(SALE, C="6222020119096198229"), "MALFORMED", "card"),
        (changed(SALE, H=9007199254740993), "MALFORMED", "reference"),
    ],
)
def test_a_bad_row_is_a_reject_that_counts_and_adds_nothing(row: list[Cell], reason: str, field: str) -> None:
    parsed = club(sheet(row, total=Decimal(0)))
    assert parsed.fault is None, parsed.detail
    assert parsed.tables["reject"].select("record", "reason", "field").rows() == [(5, reason, field)]
    assert all(one.agrees for one in parsed.controls)
    assert "6222020119096198229" not in str(parsed.tables["reject"].rows())


def test_columns_are_found_by_their_headings() -> None:
    rows = [[*row, *[None] * (8 - len(row))] for row in sheet(SALE, RETURN, total=Decimal("1589.45"))]
    turned = [
        [row[1], row[0]] if number == 1 else [*row[1:4][::-1], *row[:1], *row[4:]] for number, row in enumerate(rows)
    ]
    turned[1] = rows[1]
    parsed = club(turned)
    assert parsed.fault is None, parsed.detail
    assert (
        parsed.tables["clearing"]
        .drop("file")
        .equals(
            club(rows).tables["clearing"].drop("file"),
        )
    )


@pytest.mark.parametrize(
    ("rows", "why", "words"),
    [
        (sheet(SALE, total=Decimal("1603.05"))[:-1], Why.TRUNCATED, "ends without its last line `合计 TOTAL`"),
        ([*sheet(SALE, total=Decimal("1603.05")), SALE], Why.UNREADABLE, "lines follow its last line"),
        (sheet(SALE, total=Decimal("1603.05"))[:3], Why.UNREADABLE, "does not name the field `amount` (heading"),
        ([["x"]], Why.UNREADABLE, "row 4 does not name the field"),
        ([*sheet(total=Decimal(0))[:3], [*HEADINGS, HEADINGS[0]]], Why.UNREADABLE, "more than once"),
        ([["x"], ["Business date", "soon"], *sheet(total=Decimal(0))[2:]], Why.UNREADABLE, "`soon` is no date"),
        ([*sheet(SALE, total=Decimal("1603.05"))[:-1], ["合计 TOTAL"]], Why.UNREADABLE, "is no number"),
    ],
)
def test_a_sheet_that_is_not_whole_stays_out(rows: list[list[Cell]], why: Why, words: str) -> None:
    parsed = club(rows)
    assert parsed.fault is why
    assert words in (parsed.detail or "")
    assert "Ask ORIENT-CLUB" in (parsed.detail or "")


def test_a_total_that_does_not_re_add_is_told() -> None:
    for rows in (sheet(SALE, total=Decimal("1603.06")), sheet(SALE, total=Decimal("1603.05"), count=2)):
        assert [one.agrees for one in club(rows).controls].count(False) == 1


def test_another_day_than_in_the_name_is_refused() -> None:
    parsed = club(sheet(SALE, total=Decimal("1603.05")), name="CLUB_SALES_20240302.xlsx")
    assert parsed.fault is Why.UNREADABLE
    assert "its header says 2024-03-01" in (parsed.detail or "")


MINOR = st.integers(1, 10**10)
REFERENCES = st.integers(0, 2**53 - 1)
SECONDS = st.integers(0, 86_399)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(MINOR, st.booleans(), REFERENCES, SECONDS, st.text("AZ09", max_size=6)), max_size=10))
def test_what_is_written_is_read(sales: list[tuple[int, bool, int, int, str]]) -> None:
    rows = [
        [
            *(DAY + timedelta(seconds=seconds), "店", "622202*********9097", code or None),
            *((-1 if back else 1) * Decimal(minor) / 100, "CNY", "退货 RETURN" if back else "销售 SALE", reference),
        ]
        for minor, back, reference, seconds, code in sales
    ]
    total = sum((-minor if back else minor) for minor, back, *_ in sales)
    parsed = club(sheet(*rows, total=Decimal(total) / 100))
    assert parsed.fault is None, parsed.detail
    assert all(one.agrees for one in parsed.controls), parsed.controls
    columns = ("record", "amount_minor", "direction", "order_ref", "local_time", "authorisation_code")
    assert parsed.tables["clearing"].select(columns).rows() == [
        (number, minor, -1 if back else 1, str(reference), DAY + timedelta(seconds=seconds), code or None)
        for number, (minor, back, reference, seconds, code) in enumerate(sales, start=5)
    ]


TEXT = """
layout = "made"
version = "1"
source = "test"
feed = "made"
sender = "MADE"
names = ["MADE_{date}.xlsx"]
format = "workbook"
[spec]
sheet = "A"
headings_row = 1
[spec.headings]
contract = "Contract"
item = "Item"
[[spec.lines]]
table = "opening_position"
[spec.lines.columns]
contract = { from = "contract" }
item = { from = "item" }
value = { value = 1 }
unit = { value = "EUR" }
"""


def test_a_sheet_of_one_kind_of_rows() -> None:
    made = workbook([["Item", "Contract", "other"], ["first", "C1", "x"], [], ["second"]], sheet="A")
    parsed = read(layout_of(TEXT), "MADE_20240301.xlsx", made)
    assert parsed.tables["opening_position"].select("record", "contract", "item").rows() == [(2, "C1", "first")]
    assert parsed.tables["reject"].select("record", "reason", "field").rows() == [(4, "MALFORMED", "contract")]
    assert parsed.records == 3


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("headings_row = 1", "headings_row = 0", "spec.headings_row"),
        ("headings_row = 1", 'headings_row = 1\nkind_fields = ["kind"]', "no field `kind` among the headings"),
        ('item = "Item"', 'item = "Contract"', "two fields have the same heading"),
        ('item = { from = "item" }', 'item = { from = "items" }', "no field `items`"),
        ("[spec.headings]", '[spec.cells]\nday = "B2"\n[spec.headings]', "`day` does not lie above the data"),
        ("[spec.headings]", '[spec.file]\ndate = "cells.day"\n[spec.headings]', "`cells.day` is no field"),
        ("[[spec.lines]]", '[[spec.lines]]\ntags = ["X"]', "several kinds of rows need `kind_fields`"),
    ],
)
def test_a_bad_layout_is_one_sentence(old: str, new: str, words: str) -> None:
    with pytest.raises(TerminalError, match="Layout made: spec") as caught:
        read(layout_of(TEXT.replace(old, new, 1)), "MADE_20240301.xlsx", b"")
    assert words in str(caught.value)


@given(
    st.lists(
        st.tuples(st.integers(1, 10**11), st.integers(1, 10**12), st.from_regex(r"[A-Z0-9]{6}", fullmatch=True)),
        min_size=1,
        max_size=8,
    ),
    st.booleans(),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_what_is_written_into_a_workbook_is_read(sales: list[tuple[int, int, str]], shared: bool) -> None:
    rows = [[*SALE[:3], code, Decimal(minor).scaleb(-2), *SALE[5:7], ref] for minor, ref, code in sales]
    total = sum((Decimal(minor).scaleb(-2) for minor, _, _ in sales), Decimal(0))
    parsed = club(sheet(*rows, total=total), shared=shared)
    assert parsed.fault is None, parsed.detail
    found = parsed.tables["clearing"].sort("record").select("amount_minor", "order_ref", "authorisation_code").rows()
    assert found == [(minor, str(ref), code) for minor, ref, code in sales]
    assert all(control.agrees for control in parsed.controls)
