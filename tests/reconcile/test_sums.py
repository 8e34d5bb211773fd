"""Sums: whole groups, complete searches, and what is never taken silently."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_cases import examples
from reconcile.oracle import sums_to
from reconcile_runs import HEAD, row, run

from settlement.errors import TerminalError

KEYED = '[[pass]]\nname = "sum"\nkeys = ["key"]\ncardinality = ["1:N", "N:1", "N:M"]\n'
SEARCH = '[[pass]]\nname = "sum"\ncardinality = ["1:N"]\nsearch = { most_members = 3, most_candidates = 9 }\n'


@given(
    target=st.integers(-20, 40),
    amounts=st.lists(st.integers(-15, 25), min_size=2, max_size=8),
    tolerance=st.integers(0, 2),
)
@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_search_is_complete(
    tmp_path_factory: pytest.TempPathFactory, target: int, amounts: list[int], tolerance: int
) -> None:
    rules = SEARCH + f'ambiguity = "hold"\namount = {{ rule = "within", minor = {tolerance} }}\n'
    right = [row(f"T{at}", amount) for at, amount in enumerate(amounts)]
    found = run(tmp_path_factory.mktemp("run"), [row("B", target)], right, rules)
    fitting = sums_to(target, amounts, 3, tolerance)
    outcome = {
        name: count for name, count in found.summary["passes"][0]["search"].items() if not name.startswith("most")
    }
    if len(fitting) == 1:
        assert found.pairs == {("B", f"T{at}") for at in fitting[0]}
        assert outcome == {"found": 1, "ambiguous": 0, "proved_none": 0, "gave_up": 0}
    elif fitting:
        assert found.reasons["B"] == "held_ambiguous"
        assert outcome["ambiguous"] == 1
    else:
        assert not found.pairs
        assert outcome["proved_none"] == 1
        assert "proved that no sum" in next(one["note"] for one in found.breaks if one["id"] == "B")


def test_whole_groups_of_each_shape(tmp_path: Path) -> None:
    left = [
        row("B1", 100),
        row("B2", 30, "L"),
        row("B3", 20, "L"),
        row("B4", 7, "M"),
        row("B5", 8, "M"),
        row("B6", 9, "N"),
    ]
    right = [
        row("T1", 120),
        row("T2", -20),
        row("T3", 50, "L"),
        row("T4", 5, "M"),
        row("T5", 10, "M"),
        row("T6", 9, "N"),
    ]
    found = run(tmp_path, left, right, KEYED)
    assert {(one["left_id"], one["right_id"], one["cardinality"]) for one in found.matches} == {
        ("B1", "T1", "1:N"),
        ("B1", "T2", "1:N"),
        ("B2", "T3", "N:1"),
        ("B3", "T3", "N:1"),
        ("B4", "T4", "N:M"),
        ("B5", "T5", "N:M"),
        ("B6", "T6", "1:1"),
    }
    only = run(tmp_path, left, right, KEYED.replace('"1:N", "N:1", "N:M"', '"1:N"'))
    assert {one["match_id"] for one in only.matches} == {"M000000001", "M000000002"}


def test_a_group_of_hundreds(tmp_path: Path) -> None:
    right = [row(f"T{at:03d}", at - 150) for at in range(400)]
    found = run(tmp_path, [row("B", sum(one["amount"] for one in right))], right, KEYED)
    assert len(found.pairs) == 400


def test_dates_and_tolerance_of_a_group(tmp_path: Path) -> None:
    left, right = (
        [row("B", 100, date="2024-03-03")],
        [row("T1", 60, date="2024-03-01"), row("T2", 38, date="2024-03-03")],
    )
    rules = KEYED + 'amount = { rule = "within", right_may_exceed = { minor = 2 }, left_may_exceed = { minor = 2 } }\n'
    found = run(tmp_path, left, right, rules + "days = 2\n")
    assert [one["residual"] for one in found.matches] == ["2", "2"]
    assert not run(tmp_path, left, right, rules + "days = 1\n").pairs
    assert not run(tmp_path, left, right, rules + 'days = 2\ndate_order = "left_first"\n').pairs
    assert run(tmp_path, left, right, rules + 'days = 2\ndate_order = "right_first"\n').pairs


def test_what_is_certain_makes_more_certain(tmp_path: Path) -> None:
    # 70 is 39 + 31 or 50 + 20, but 50 + 25 is the only way to 75.
    left = [row("B1", 70), row("B2", 75)]
    right = [row("T1", 39), row("T2", 31), row("T3", 50), row("T4", 20), row("T5", 25)]
    found = run(tmp_path, left, right, SEARCH + 'ambiguity = "hold"\n')
    assert found.pairs == {("B1", "T1"), ("B1", "T2"), ("B2", "T3"), ("B2", "T5")}


def test_two_targets_that_claim_one_row_are_both_held(tmp_path: Path) -> None:
    left = [row("B1", 70), row("B2", 60)]
    right = [row("T1", 40), row("T2", 30), row("T3", 20)]
    found = run(tmp_path, left, right, SEARCH + 'ambiguity = "hold"\n')
    assert not found.pairs
    assert set(found.reasons.values()) == {"held_ambiguous"}
    assert "bank B1, B2; till T1, T2, T3" in found.breaks[0]["note"]


def test_what_one_shape_leaves_doubtful_another_may_take_and_nothing_is_told_twice(tmp_path: Path) -> None:
    # Two till rows claim the same two bank rows; equal as they are, the order decides once many may meet many.
    left, right = [row("B1", -5), row("B2", -5)], [row("T1", -10), row("T2", -10)]
    rules = SEARCH.replace('"1:N"', '"1:N", "N:1"')
    assert set(run(tmp_path, left, right, rules).reasons.values()) == {"held_ambiguous"}
    found = run(tmp_path, left, right, rules.replace('"N:1"', '"N:1", "N:M"'))
    assert found.pairs == {("B1", "T1"), ("B2", "T1")}
    assert found.reasons == {"T2": "missing_left"}


def test_rows_of_equal_amount_are_taken_by_order_only_where_declared(tmp_path: Path) -> None:
    left, right = [row("B1", 70)], [row("T1", 40), row("T2", 30), row("T3", 30)]
    held = run(tmp_path, left, right, SEARCH + 'ambiguity = "hold"\n')
    assert set(held.reasons.values()) == {"held_ambiguous"}
    taken = run(tmp_path, left, right, SEARCH)
    assert taken.pairs == {("B1", "T1"), ("B1", "T2")}
    assert "another choice was as good" in taken.matches[0]["note"]
    # Sets of other amounts are held whatever is declared.
    other = run(tmp_path, left, [*right, row("T4", 45), row("T5", 25)], SEARCH)
    assert not other.pairs


def test_the_bound_is_said(tmp_path: Path) -> None:
    right = [row(f"T{at}", 2**at) for at in range(10)]
    found = run(tmp_path, [row("B1", 7)], right, SEARCH)
    assert found.reasons["B1"] == "sum_incomplete"
    assert "gave up at the bound: 10 rows could be part of the sum, 9 are searched" in found.breaks[0]["note"]
    assert found.summary["passes"][0]["search"]["gave_up"] == 1
    wider = SEARCH.replace("9", "10")
    assert run(tmp_path, [row("B1", 7)], right, wider).pairs == {("B1", "T0"), ("B1", "T1"), ("B1", "T2")}
    few = wider.replace("most_candidates = 10", "most_candidates = 10, most_steps = 1")
    assert run(tmp_path, [row("B1", 7)], right, few).summary["passes"][0]["search"]["gave_up"] == 1


def test_many_to_one_and_many_to_many_are_searched(tmp_path: Path) -> None:
    left, right = [row("B1", 11), row("B2", 22), row("B3", 500)], [row("T1", 33), row("T2", 400)]
    many = run(tmp_path, left, right, SEARCH.replace('"1:N"', '"N:1"'))
    assert many.pairs == {("B1", "T1"), ("B2", "T1")}
    left, right = [row("B1", 11), row("B2", 22)], [row("T1", 13), row("T2", 20), row("T3", 900)]
    both = run(tmp_path, left, right, SEARCH.replace('"1:N"', '"N:M"'))
    assert both.pairs == {("B1", "T1"), ("B2", "T2")}
    assert {one["cardinality"] for one in both.matches} == {"N:M"}


def test_net_ties_to_gross_and_three_grains_tie(tmp_path: Path) -> None:
    head = HEAD.replace("[left.date]", 'add_back = ["fee"]\n[left.date]')
    payouts = [row("P1", 9_640, "7001", fee="360"), row("P2", 500, "7002", fee="")]
    sales = [row("S1", 10_000, "7001"), row("S2", 2_000, "7001"), row("R1", -2_000, "7001"), row("S3", 500, "7002")]
    assert run(tmp_path, payouts, sales, KEYED, head=head).pairs == {
        *(("P1", name) for name in ("S1", "S2", "R1")),
        ("P2", "S3"),
    }
    entries: list[dict[str, Any]] = [row("E1", 9_600, "P1"), row("E2", 500, "P2")]
    told = [row(one["id"], one["amount"], one["id"]) for one in payouts]
    entry = run(tmp_path, entries, told, KEYED.replace("\nkeys", '\namount = { rule = "any" }\nkeys'))
    assert {one["left_id"]: one["residual"] for one in entry.matches} == {"E1": "-40", "E2": "0"}


def test_an_incomplete_sum_tells_what_is_missing(tmp_path: Path) -> None:
    found = run(tmp_path, [row("B", 5_000)], [row("T1", 2_000), row("T2", 1_800)], KEYED)
    assert set(found.reasons.values()) == {"sum_incomplete"}
    assert found.breaks[0]["note"] == (
        "same key: 1 of bank sum to 50.00 USD, 2 of till to 38.00 USD; 12.00 USD are missing on till"
    )
    assert found.breaks[0]["nearest"] == "T1"


def test_sums_that_could_leave_64_bits_are_refused_and_pairs_are_not(tmp_path: Path) -> None:
    """Nineteen times nearly 10**18 is more than 2**64: a sum that came round would meet a small one."""
    left = [row(f"B{at}", 10**18 - 1, date="") for at in range(19)]
    right = [row("T1", (10**18 - 1) * 19 - 2**64, date="")]
    for passes in (KEYED, KEYED + SEARCH.replace('"sum"', '"searched"')):
        with pytest.raises(
            TerminalError, match=r"^left\.csv: its amounts come to 18999999999999999981 minor units in all"
        ):
            run(tmp_path, left, right, passes)
    assert not run(tmp_path, left, right, KEYED.replace('["1:N", "N:1", "N:M"]', '["1:1"]')).matches


def test_what_is_added_back_stays_exact(tmp_path: Path) -> None:
    head = HEAD.replace('unit = "minor"', 'unit = "minor"\nadd_back = ["amount", "amount"]', 1)
    with pytest.raises(
        TerminalError, match=r"^left\.csv, row 1: with what is added back or taken off the amount has more"
    ):
        run(tmp_path, [row("B1", 10**18 - 1)], [row("T1", 1)], KEYED, head=head)


def test_what_a_rate_would_make_too_great_is_refused(tmp_path: Path) -> None:
    rates = '[[rate]]\nfrom = "EUR"\nto = "USD"\ndate = 2024-01-01\nrate = 99999999.5\n'
    passes = '[[pass]]\nname = "one"\nkeys = ["key"]\namount = { rule = "converted", minor = 1 }\n'
    with pytest.raises(
        TerminalError, match=r"^Amounts converted at the rate 1e\+08 come to more than 4611686018427387904"
    ):
        run(tmp_path, [row("B1", 10**17, ccy="EUR")], [row("T1", 1)], rates + passes)
