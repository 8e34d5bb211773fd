"""Laws of a chain: the matches of one run over all files, every row in one place, the same bytes in any order."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_cases import examples
from reconcile_runs import HEAD, Run, night, row

EXACT = '[[pass]]\nname = "exact"\nkeys = ["key"]\ndays = 0\n[carry]\n'

RICH = """
[[left.net]]
name = "voids"
keys = ["key"]
days = 2

[[right.net]]
name = "refunds"
keys = ["key"]
days = 1

[[pass]]
name = "fresh"
keys = ["key"]
days = 0
carry = false

[[pass]]
name = "held"
keys = ["key"]
days = 3
ambiguity = "hold"

[[pass]]
name = "near"
keys = ["key"]
amount = { rule = "within", minor = 3 }
carried_most_days = 1

[[pass]]
name = "whole"
keys = ["till"]
cardinality = ["1:N", "N:1", "N:M"]
search = { most_members = 4, most_candidates = 12 }
consumes = ["open", "held"]

[carry]
most_days = 2
expires_after_days = 3
"""

NIGHTS = ("2024-03-01", "2024-03-02", "2024-03-04")

ROW = st.tuples(
    st.sampled_from([-10, -5, 3, 4, 5, 5, 10, 10, 11]),
    st.sampled_from(["A", "B", ""]),
    st.sampled_from(["1", "2", ""]),
    st.integers(1, 4),
)
SIDE = st.lists(ROW, min_size=1, max_size=6)
CHAIN = st.tuples(*(st.tuples(SIDE, SIDE) for _ in NIGHTS))
_SLOW = settings(max_examples=examples(4), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _made(name: str, rows: list[Any]) -> list[dict[str, Any]]:
    return [
        row(f"{name}{at}", amount, key=key, date=f"2024-03-0{day}", till=till)
        for at, (amount, key, till, day) in enumerate(rows)
    ]


def _nights(drawn: Any) -> list[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    return [(_made(f"B{at}", left), _made(f"T{at}", right)) for at, (left, right) in enumerate(drawn)]


def _chain(folder: Path, nights: list[Any], rules: str, *, head: str = HEAD) -> list[Run]:
    found: list[Run] = []
    for day, (left, right) in zip(NIGHTS, nights, strict=True):
        found.append(night(folder, day, left, right, rules, head=head, carry=found[-1].out if found else None))
    return found


@given(drawn=CHAIN)
@_SLOW
def test_a_chain_matches_what_one_run_over_all_files_matches(
    tmp_path_factory: pytest.TempPathFactory, drawn: Any
) -> None:
    nights = _nights(drawn)
    chain = _chain(tmp_path_factory.mktemp("chain"), nights, EXACT)
    everything = [[one for sides in nights for one in sides[at]] for at in (0, 1)]
    at_once = night(tmp_path_factory.mktemp("once"), "2024-03-09", *everything, EXACT)
    assert set().union(*(found.pairs for found in chain)) == at_once.pairs
    assert set(chain[-1].reasons) == set(at_once.reasons)


@given(drawn=CHAIN, seed=st.integers(0, 10**6))
@_SLOW
def test_every_row_of_a_chain_is_in_one_place_and_no_order_changes_a_byte(
    tmp_path_factory: pytest.TempPathFactory, drawn: Any, seed: int
) -> None:
    nights = _nights(drawn)
    chain = _chain(tmp_path_factory.mktemp("chain"), nights, RICH)
    for at, side in enumerate(("left", "right")):
        closed = [found.summary[side][part]["rows"] for found in chain for part in ("matched", "netted", "expired")]
        still = pl.read_parquet(chain[-1].out / "open.parquet").filter(pl.col("side") == side)
        # What has expired in the last run is told there and not carried on.
        assert sum(closed) + still.height == sum(len(sides[at]) for sides in nights)
        amounts = [
            found.summary[side][part]["sums_minor"].get("USD", 0)
            for found in chain
            for part in ("matched", "netted", "expired")
        ]
        read = sum(one["amount"] for sides in nights for one in sides[at])
        assert sum(amounts) + still["amount"].sum() == read
        told = [one[f"{side}_id"] for found in chain for one in found.matches if one[f"{side}_id"]]
        expired = [one["id"] for found in chain for one in found.breaks if "; expired: " in one["note"]]
        expired = [name for name in expired if name.startswith("B" if side == "left" else "T")]
        assert sorted([*set(told), *expired, *still["id"]]) == sorted(
            one["id"] for sides in nights for one in sides[at]
        )
    order = random.Random(seed)
    shuffled = [tuple(order.sample(rows, len(rows)) for rows in sides) for sides in nights]
    again = _chain(tmp_path_factory.mktemp("again"), shuffled, RICH)
    for one, other in zip(chain, again, strict=True):
        for path in sorted(one.out.iterdir()):
            assert (other.out / path.name).read_bytes() == path.read_bytes(), path.name
