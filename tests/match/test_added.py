"""Lines that add up whole sales, against every set of sales tried one by one."""

from __future__ import annotations

from itertools import combinations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from random_cases import examples

from settlement.match.added import Added, added_lines

SAME = ["member", "day"]


def added(ours: list[tuple[str, int, str | None, int]], theirs: list[tuple[str, int, int | None, int]]) -> Added:
    """Bank rows of member, day, code and amount; lines of member, day, purchases and amount."""
    bank = pl.DataFrame(
        [(row, *told) for row, told in enumerate(ours)],
        schema={"row": pl.Int32, "member": pl.String, "day": pl.Int32, "code": pl.String, "amount": pl.Int64},
        orient="row",
    )
    lines = pl.DataFrame(
        [(row, *told) for row, told in enumerate(theirs)],
        schema={"row": pl.Int32, "member": pl.String, "day": pl.Int32, "purchases": pl.Int64, "amount": pl.Int64},
        orient="row",
    )
    return added_lines(bank, lines, SAME, ["code"])


def met(found: Added) -> dict[int, list[int]]:
    """Line to bank rows."""
    rows: dict[int, list[int]] = {int(row): [] for row in found.merchant}
    for row, match in zip(found.bank.tolist(), found.bank_match.tolist(), strict=True):
        rows[int(found.merchant[match])].append(row)
    return {line: sorted(some) for line, some in rows.items()}


def test_parts_of_one_sale() -> None:
    ours = [("M", 1, "A", 30), ("M", 1, "B", 50), ("M", 1, "A", 20)]
    assert met(added(ours, [("M", 1, 1, 50)])) == {0: [0, 2]}
    assert met(added(ours, [("M", 1, None, 50)])) == {0: [0, 2]}
    assert met(added(ours, [("M", 1, 1, 30)])) == {}
    assert met(added(ours, [("M", 2, 1, 50)])) == {}
    assert met(added(ours, [("N", 1, 1, 50)])) == {}


def test_so_many_sales_as_the_line_says() -> None:
    ours = [("M", 1, "A", 30), ("M", 1, "B", 50), ("M", 1, "A", 20), ("M", 1, "C", 7)]
    assert met(added(ours, [("M", 1, 2, 100)])) == {0: [0, 1, 2]}
    assert met(added(ours, [("M", 1, 3, 107)])) == {0: [0, 1, 2, 3]}
    assert met(added(ours, [("M", 1, 3, 100)])) == {}
    assert met(added(ours, [("M", 1, 2, 80)])) == {}


def test_rows_without_a_code_are_sales_of_their_own() -> None:
    ours = [("M", 1, None, 30), ("M", 1, None, 20)]
    assert met(added(ours, [("M", 1, 1, 50)])) == {}
    assert met(added(ours, [("M", 1, 2, 50)])) == {0: [0, 1]}


def test_another_set_that_fits_leaves_the_line_open_unless_amounts_are_equal() -> None:
    unsure = added(
        [("M", 1, code, amount) for code, amount in zip("ABCD", (1, 4, 2, 3), strict=True)], [("M", 1, 2, 5)]
    )
    assert met(unsure) == {}
    equal = added([("M", 1, code, amount) for code, amount in zip("ABC", (4, 1, 4), strict=True)], [("M", 1, 2, 5)])
    assert met(equal) == {0: [0, 1]}
    assert equal.unsure.tolist() == [True]


def test_a_sale_serves_one_line() -> None:
    ours = [("M", 1, "A", 30), ("M", 1, "A", 20), ("M", 1, "B", 25), ("M", 1, "B", 25)]
    found = added(ours, [("M", 1, 1, 50), ("M", 1, 1, 50), ("M", 1, 1, 50)])
    assert met(found) == {0: [0, 1], 1: [2, 3]}
    assert found.unsure.tolist() == [True, False]


SALES = st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=3), min_size=1, max_size=6)


@settings(max_examples=examples(100), deadline=None)
@given(SALES, st.integers(2, 4), st.integers(2, 40))
def test_a_line_of_several_is_taken_where_one_set_of_amounts_makes_it_up(
    sales: list[list[int]], purchases: int, amount: int
) -> None:
    ours = [("M", 1, f"{code}", part) for code, parts in enumerate(sales) for part in parts]
    totals = [sum(parts) for parts in sales]
    fitting = [
        some for some in combinations(range(len(sales)), purchases) if sum(totals[one] for one in some) == amount
    ]
    amounts = {tuple(sorted(totals[one] for one in some)) for some in fitting}
    found = added(ours, [("M", 1, purchases, amount)])
    if len(amounts) != 1:
        assert met(found) == {}
        return
    rows = [[row for row, told in enumerate(ours) if told[2] in {str(one) for one in some}] for some in fitting]
    assert met(found)[0] in rows
    assert found.unsure.tolist() == [len(fitting) > 1]
    assert met(found)[0] == rows[0]
