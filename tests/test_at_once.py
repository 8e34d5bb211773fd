"""Units beside one another: within the bound, the largest first, and none begun after a failure."""

from __future__ import annotations

from threading import Barrier, Lock

import polars as pl
import pytest
from pipeline import documents

from settlement import at_once
from settlement.errors import TerminalError
from settlement.model.layout import read_layouts
from settlement.model.stage import Bounds

_MIB = 2**20


def _needs(size: int, bounds: Bounds) -> dict[str, int]:
    rows = [
        ("mc", "mastercard_ipm", size, "registered"),
        ("visa", "visa_ctf", size, "registered"),
        ("lines", "unionpay_acom", size, "registered"),
        ("cells", "club_sales", size, "registered"),
        ("out", "visa_ctf", size, "refused"),
    ]
    deliveries = pl.DataFrame(rows, schema=["file", "layout", "size_bytes", "fate"], orient="row")
    return at_once.needs(deliveries, read_layouts(documents()), bounds)


def test_a_file_in_parts_needs_less_or_nothing_of_its_size() -> None:
    bounds = Bounds(part_bytes=_MIB)
    small, large = _needs(10 * _MIB, bounds), _needs(1000 * _MIB, bounds)
    assert small["mc"] == large["mc"]
    assert small["lines"] == large["lines"]
    assert small["cells"] * 100 == large["cells"]
    assert 0 < large["visa"] - small["visa"] < (large["cells"] - small["cells"]) // 2
    assert "out" not in large


def test_too_little_memory_names_the_least() -> None:
    needed = _needs(100 * _MIB, Bounds())
    with pytest.raises(TerminalError, match=r"too little to read cells: give at least (\d+)MiB") as refused:
        at_once.room(Bounds(memory=400 * _MIB), needed)
    least = int(str(refused.value).rpartition(" ")[2].removesuffix("MiB."))
    assert at_once.room(Bounds(memory=least * _MIB), needed) >= max(needed.values())
    with pytest.raises(TerminalError):
        at_once.room(Bounds(memory=(least - 1) * _MIB), needed)


def test_units_stay_within_the_room() -> None:
    needed = {"a": 5, "b": 4, "c": 3, "d": 2, "e": 9}
    running, most, order, lock = set[str](), 0, [], Lock()

    def work(unit: str) -> None:
        nonlocal most
        with lock:
            running.add(unit)
            order.append(unit)
            assert len(running) <= 2
            assert len(running) == 1 or sum(needed[one] for one in running) <= 8
            most = max(most, len(running))
        with lock:
            running.remove(unit)

    at_once.run_units(tuple(needed), needed, 8, 2, work)
    assert sorted(order) == sorted(needed)
    assert order[0] == "e"


def test_two_units_run_beside_one_another() -> None:
    meeting = Barrier(2, timeout=60)
    at_once.run_units(("a", "b"), {"a": 1, "b": 1}, 2, 2, lambda _: meeting.wait() and None)


def test_after_a_failure_no_other_unit_begins() -> None:
    begun: list[str] = []

    def work(unit: str) -> None:
        begun.append(unit)
        raise TerminalError(unit)

    with pytest.raises(TerminalError, match="a"):
        at_once.run_units(("a", "b", "c"), {"a": 3, "b": 2, "c": 1}, 1, 2, work)
    assert begun == ["a"]
