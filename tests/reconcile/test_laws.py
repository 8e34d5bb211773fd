"""Laws of every run, over made sides: conservation, once each, order of rows, the same bytes."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_cases import examples
from reconcile_runs import Run, row, run

from settlement.errors import TerminalError
from settlement.reconcile import summary, write

RULES = """
[[left.net]]
name = "voids"
keys = ["key"]
days = 2

[[rate]]
from = "EUR"
to = "USD"
date = 2024-01-01
rate = 1.1

[[pass]]
name = "exact"
keys = ["key", "till"]
days = 0

[[pass]]
name = "exact_held"
keys = ["key"]
days = 3
ambiguity = "hold"

[[pass]]
name = "near"
keys = ["key"]
amount = { rule = "within", minor = 3, bps = 100, bound = "larger" }
business_days = 2

[[pass]]
name = "over"
keys = ["key"]
amount = { rule = "within", left_may_exceed = { step_minor = 20, most_steps = 2 } }
ambiguity = "hold_unless_only"

[[pass]]
name = "converted"
keys = ["key"]
amount = { rule = "converted", minor = 1 }
days = 3

[[pass]]
name = "whole"
keys = ["till"]
cardinality = ["1:N", "N:1", "N:M"]
search = { most_members = 4, most_candidates = 12 }

[[pass]]
name = "searched"
cardinality = ["1:N"]
days = 2
search = { most_members = 3, most_candidates = 10 }
"""

ROW = st.tuples(
    st.sampled_from([-10, -5, 3, 4, 5, 5, 10, 10, 11, 25, 30, 45]),
    st.sampled_from(["A", "B", ""]),
    st.sampled_from(["1", "2", ""]),
    st.integers(1, 5),
    st.sampled_from(["USD", "USD", "EUR"]),
)
SIDE = st.lists(ROW, min_size=1, max_size=9)


def _made(name: str, rows: list[tuple[int, str, str, int, str]]) -> list[dict[str, Any]]:
    made = [
        row(f"{name}{at}", amount, key=key, date=f"2024-03-{day:02d}", ccy=ccy, till=till)
        for at, (amount, key, till, day, ccy) in enumerate(rows)
    ]
    return [*made, row(f"{name}x", 7, key="only", ccy="USD", till=name)]


@given(left=SIDE, right=SIDE, seed=st.integers(0, 10**6))
@settings(max_examples=examples(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_run(tmp_path_factory: pytest.TempPathFactory, left: list[Any], right: list[Any], seed: int) -> None:
    ours, theirs = _made("B", left), _made("T", right)
    found = run(tmp_path_factory.mktemp("run"), ours, theirs, RULES)
    _every_row_is_in_one_place(found, ours, theirs)
    _counts_and_sums_come_out(found, ours, theirs)
    shuffled = [random.Random(seed).sample(rows, len(rows)) for rows in (ours, theirs)]
    again = run(tmp_path_factory.mktemp("again"), *shuffled, RULES)
    for name in ("summary.json", "matches.csv", "breaks.csv", "matches.parquet", "breaks.parquet"):
        assert (again.out / name).read_bytes() == (found.out / name).read_bytes(), name


def _every_row_is_in_one_place(found: Run, left: list[dict[str, Any]], right: list[dict[str, Any]]) -> None:
    for side, rows in (("left", left), ("right", right)):
        matched: dict[str, set[str]] = {}
        for one in found.matches:
            if one[f"{side}_id"]:
                matched.setdefault(one[f"{side}_id"], set()).add(one["match_id"])
        assert all(len(matches) == 1 for matches in matched.values())
        still = [one["id"] for one in found.breaks if one["side"] == side]
        assert sorted([*matched, *still]) == sorted(one["id"] for one in rows)


def _counts_and_sums_come_out(found: Run, left: list[dict[str, Any]], right: list[dict[str, Any]]) -> None:
    for side, rows in (("left", left), ("right", right)):
        told = found.summary[side]
        assert told["read"]["rows"] == len(rows)
        for code in {one["ccy"] for one in rows}:
            total = sum(one["amount"] for one in rows if one["ccy"] == code)
            assert told["read"]["sums_minor"][code] == total
            assert sum(told[part]["sums_minor"].get(code, 0) for part in ("matched", "netted", "open")) == total
            reasons = [one for one in found.summary["breaks"] if one["side"] == side]
            assert sum(one["sums_minor"].get(code, 0) for one in reasons) == told["open"]["sums_minor"].get(code, 0)


def test_parquet_says_what_csv_says(tmp_path: Path) -> None:
    found = run(tmp_path, _made("B", [(5, "A", "1", 1, "USD")]), _made("T", [(5, "A", "1", 1, "USD")]), RULES)
    for name, rows in (("matches", found.matches), ("breaks", found.breaks)):
        table = pl.read_parquet(found.out / f"{name}.parquet")
        told = [{key: "" if value is None else str(value) for key, value in one.items()} for one in table.to_dicts()]
        assert told == rows


@pytest.mark.parametrize(
    ("where", "name", "lie"),
    [
        (summary, "_pass_summary", lambda _result, _number: {"left_rows": 0, "right_rows": 0}),
        (summary, "_sums", lambda _side, _rows: {"USD": 7}),
        (write, "break_summary", lambda _breaks: []),
    ],
)
def test_a_run_that_does_not_come_out_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: ModuleType, name: str, lie: Callable[..., Any]
) -> None:
    monkeypatch.setattr(where, name, lie)
    with pytest.raises(TerminalError, match="do not come out at what was read: nothing was written"):
        run(tmp_path, [row("B1", 5), row("B2", 6)], [row("T1", 5)], '[[pass]]\nname = "one"\nkeys = ["key"]\n')
    assert not (tmp_path / "out").exists()
