"""Rows that the check passes on: which parts stay as they came, which are put together, in which order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pipeline import rows_of

from settlement.check import passed
from settlement.check.passed import blocks, passed_on
from settlement.model.stage import Part
from settlement.model.tables import TABLES

STORE = TABLES["store"]


def part(file: str, *records: int) -> Part:
    rows = [{"file": file, "record": n, "merchant_number": "1", "store_id": "2", "name": "3"} for n in records]
    return Part(rows=pl.DataFrame(rows, schema=STORE.schema).lazy(), stored=Path(file))


def places(parts: tuple[Part, ...]) -> list[Any]:
    return rows_of("store", parts).select("file", "record").rows()


def pass_on(*parts: Part, accepted: str = "abcd") -> tuple[Part, ...]:
    return passed_on(STORE, parts, pl.Series([*accepted], dtype=pl.String))


def test_a_large_part_stays_as_it_came_and_small_neighbours_are_put_together(monkeypatch) -> None:
    monkeypatch.setattr(passed, "_SMALL", 3)
    large, one, two, three = part("b", 1, 2, 3), part("a", 1), part("c", 1), part("d", 1, 2)
    found = pass_on(three, large, two, one)
    assert [each.stored for each in found] == [Path("a"), Path("b"), None]
    assert found[1] is large
    assert places(found) == [("a", 1), ("b", 1), ("b", 2), ("b", 3), ("c", 1), ("d", 1), ("d", 2)]


def test_small_parts_fill_up_one_after_the_other(monkeypatch) -> None:
    monkeypatch.setattr(passed, "_SMALL", 2)
    found = pass_on(part("a", 1), part("b", 1), part("c", 1), part("d", 1))
    assert [each.rows.collect()["file"].to_list() for each in found] == [["a", "b"], ["c", "d"]]


def test_rows_of_other_files_stay_out() -> None:
    both = Part(rows=pl.concat([part("a", 1).rows, part("x", 2).rows]), stored=Path("both"))
    found = pass_on(both, part("x", 1), part("b"))
    assert [each.stored for each in found] == [None]
    assert places(found) == [("a", 1)]
    assert pass_on(both, accepted="") == ()


@pytest.mark.parametrize(
    "parts",
    [
        [part("a", 3, 1, 4, 2)],
        [part("a", 1, 3, 4), part("a", 2)],
        [part("a", 1, 3), part("a", 2, 4)],
        [part("a", 3, 4), part("a", 2, 1)],
    ],
)
def test_rows_out_of_order_are_sorted(parts: list[Part]) -> None:
    found = pass_on(*parts)
    assert places(found) == [("a", 1), ("a", 2), ("a", 3), ("a", 4)]
    assert [each.stored for each in found] == [None]


def test_a_key_that_is_there_twice_is_not_hidden() -> None:
    for parts in ([part("a", 1, 1)], [part("a", 1), part("a", 1)]):
        found = pl.concat([each.rows.collect() for each in pass_on(*parts)])
        assert found.height == 2
        assert not STORE.ascends(found)


def test_blocks_hold_every_row_once_and_the_columns_asked_for(monkeypatch) -> None:
    monkeypatch.setattr(passed, "_AT_ONCE", 2)
    found = [*blocks([part("a", 1, 2, 3), part("b"), part("c", 4, 5)], "record")]
    assert [block["record"].to_list() for block in found] == [[1, 2], [3], [4, 5]]
    assert found[0].columns == ["record"]
