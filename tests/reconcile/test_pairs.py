"""Pairs: multisets, optimal choice, ambiguity, best first, conversion, texts; judged by exhaustion where it can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_cases import examples
from reconcile.oracle import optima
from reconcile_runs import HEAD, row, run

NEAR = """
[[pass]]
name = "near"
keys = ["key"]
amount = { rule = "within", minor = 4 }
days = 2
weights = { amount = 1, date = 3 }
ambiguity = "AMBIGUITY"
"""
SIDE = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4)), min_size=1, max_size=4)


def _rows(name: str, told: list[tuple[int, int]]) -> list[dict[str, Any]]:
    return [row(f"{name}{at}", amount, date=f"2024-03-{day:02d}") for at, (amount, day) in enumerate(told)]


@given(left=SIDE, right=SIDE)
@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_optimum_and_what_is_sure_of_it(tmp_path_factory: pytest.TempPathFactory, left: Any, right: Any) -> None:
    def gaps(ours: int, theirs: int) -> tuple[int, int]:
        return abs(left[ours][0] - right[theirs][0]), abs(left[ours][1] - right[theirs][1])

    best = optima(
        len(left),
        len(right),
        lambda ours, theirs: gaps(ours, theirs)[0] <= 4 and gaps(ours, theirs)[1] <= 2,
        lambda ours, theirs: gaps(ours, theirs)[0] + 3 * gaps(ours, theirs)[1],
    )
    folder = tmp_path_factory.mktemp("run")
    taken = run(folder, _rows("B", left), _rows("T", right), NEAR.replace("AMBIGUITY", "take"))
    pairs = frozenset((int(ours[1:]), int(theirs[1:])) for ours, theirs in taken.pairs)
    assert pairs in best
    sure = frozenset.intersection(*best)
    held = run(folder, _rows("B", left), _rows("T", right), NEAR.replace("AMBIGUITY", "hold"))
    assert frozenset((int(ours[1:]), int(theirs[1:])) for ours, theirs in held.pairs) == sure
    unsure = {f"B{at}" for pairs in best for at, _ in pairs - sure} | {
        f"T{at}" for pairs in best for _, at in pairs - sure
    }
    assert {name for name, reason in held.reasons.items() if reason == "held_ambiguous"} == unsure


def test_equal_rows_count(tmp_path: Path) -> None:
    left = [row(f"B{at}", 450) for at in range(3)]
    right = [row(f"T{at}", 450) for at in range(2)]
    found = run(tmp_path, left, right, '[[pass]]\nname = "one"\nkeys = ["key"]\ndays = 0\n')
    assert found.pairs == {("B0", "T0"), ("B1", "T1")}
    assert found.reasons == {"B2": "duplicate"}
    assert found.summary["passes"][0]["taken_by_order"] == 2


def test_the_declared_order_decides_among_equals(tmp_path: Path) -> None:
    left = [row("B1", 450, time="10:00"), row("B2", 450, time="09:00")]
    right = [row("T1", 450, time="09:01"), row("T2", 450, time="10:01")]
    rules = '[[pass]]\nname = "one"\nkeys = ["key"]\ndays = 0\n'

    head = HEAD.replace('id = "id"', 'id = "id"\norder = ["time"]')
    assert run(tmp_path, left, right, rules).pairs == {("B1", "T1"), ("B2", "T2")}
    assert run(tmp_path, left, right, rules, head=head).pairs == {("B2", "T1"), ("B1", "T2")}


def test_best_first_is_what_the_optimum_beats(tmp_path: Path) -> None:
    left, right = [row("B1", 1000), row("B2", 1005)], [row("T1", 1004), row("T2", 1010)]
    rules = '[[pass]]\nname = "one"\nkeys = ["key"]\namount = { rule = "within", minor = 5 }\n'
    assert run(tmp_path, left, right, rules).pairs == {("B1", "T1"), ("B2", "T2")}
    assert run(tmp_path, left, right, rules + 'assignment = "best_first"\n').pairs == {("B2", "T1")}


@pytest.mark.parametrize(
    ("amount", "left", "right", "met"),
    [
        ('rule = "within", bps = 100', 10_100, 10_000, True),
        ('rule = "within", bps = 100', 10_101, 10_000, False),
        ('rule = "within", bps = 100', 10_000, 10_100, True),
        ('rule = "within", minor = 5, bps = 100, bound = "smaller"', 103, 100, False),
        ('rule = "within", minor = 5, bps = 100, bound = "larger"', 105, 100, True),
        ('rule = "within", left_may_exceed = { minor = 5 }', 105, 100, True),
        ('rule = "within", left_may_exceed = { minor = 5 }', 100, 105, False),
        ('rule = "within", left_may_exceed = { minor = 5 }', -105, -100, True),
        ('rule = "within", left_may_exceed = { minor = 5 }', -100, -105, False),
        ('rule = "within", right_may_exceed = { bps = 2500 }', 100, 125, True),
        ('rule = "within", left_may_exceed = { step_minor = 2000, most_steps = 4 }', 8100, 100, True),
        ('rule = "within", left_may_exceed = { step_minor = 2000, most_steps = 4 }', 10_100, 100, False),
        ('rule = "within", left_may_exceed = { step_minor = 2000, most_steps = 4 }', 3100, 100, False),
        ('rule = "any"', 1, 999, True),
        ('rule = "equal"', 100, -100, False),
        ('rule = "within", minor = 5', 2, -2, True),
    ],
)
def test_amount_rules(tmp_path: Path, amount: str, left: int, right: int, met: bool) -> None:
    rules = f'[[pass]]\nname = "one"\nkeys = ["key"]\namount = {{ {amount} }}\n'
    found = run(tmp_path, [row("B1", left)], [row("T1", right)], rules)
    assert bool(found.pairs) is met
    if met:
        assert found.matches[0]["residual"] == str(left - right)


@pytest.mark.parametrize(
    ("dates", "left", "right", "met"),
    [
        ("days = 1", "2024-03-01", "2024-03-02", True),
        ("days = 1", "2024-03-01", "2024-03-03", False),
        ('days = 1\ndate_order = "left_first"', "2024-03-02", "2024-03-01", False),
        ('days = 1\ndate_order = "left_first"', "2024-03-02", "2024-03-02", True),
        ('days = 1\ndate_order = "right_first"', "2024-03-02", "2024-03-01", True),
        ("business_days = 1", "2024-03-01", "2024-03-04", True),
        ("business_days = 1", "2024-03-01", "2024-03-05", False),
        ("business_days = 1", "2024-03-28", "2024-04-02", True),
        ("business_days = 0", "2024-03-02", "2024-03-03", True),
        ("days = 400", "", "2024-03-02", False),
    ],
)
def test_date_rules(tmp_path: Path, dates: str, left: str, right: str, met: bool) -> None:
    rules = f'[calendar]\nholidays = [2024-03-29, 2024-04-01]\n[[pass]]\nname = "one"\nkeys = ["key"]\n{dates}\n'
    found = run(tmp_path, [row("B1", 5, date=left)], [row("T1", 5, date=right)], rules)
    assert bool(found.pairs) is met


def test_conversion_uses_the_rate_of_the_day(tmp_path: Path) -> None:
    rates = "".join(
        f'[[rate]]\nfrom = "EUR"\nto = "{to}"\ndate = {day}\nrate = {rate}\n'
        for to, day, rate in (
            ("USD", "2024-03-01", "1.0850"),
            ("USD", "2024-03-03", "2.0"),
            ("JPY", "2024-03-01", "163.5"),
        )
    )
    left = [
        row("B1", 10_001, date="2024-03-02", ccy="EUR"),
        row("B2", 10_000, key="L", date="2024-03-03", ccy="EUR"),
        row("B3", 1_000, key="M", ccy="EUR"),
        row("B4", 10_000, key="N", date="2024-02-28", ccy="EUR"),
    ]
    right = [
        row("T1", 10_852),
        row("T2", 20_000, key="L"),
        row("T3", 1_635, key="M", ccy="JPY"),
        row("T4", 10_850, key="N"),
    ]
    rules = rates + '[[pass]]\nname = "one"\nkeys = ["key"]\namount = { rule = "converted", minor = 1 }\n'
    found = run(tmp_path, left, right, rules)
    assert found.pairs == {("B1", "T1"), ("B2", "T2"), ("B3", "T3")}
    assert {one["left_id"]: one["residual"] for one in found.matches} == {"B1": "-1", "B2": "0", "B3": "0"}
    turned = rules.replace("minor = 1", 'minor = 1, convert = "right"')
    assert run(tmp_path, right, left, turned).pairs == {(theirs, ours) for ours, theirs in found.pairs}


def test_texts_decide_where_key_and_amount_do_not(tmp_path: Path) -> None:
    left = [row("B1", 5, shop="coffee house"), row("B2", 5, shop="bike world")]
    right = [row("T1", 5, shop="world of bikes"), row("T2", 5, shop="house of coffee")]
    rules = (
        '[[pass]]\nname = "one"\nkeys = ["key"]\n'
        'text = [{ left = "shop", right = "shop", by = "token_set", at_least = 50 }]\n'
    )
    assert run(tmp_path, left, right, rules).pairs == {("B1", "T2"), ("B2", "T1")}
    none = run(tmp_path, left, right, rules.replace("token_set", "token_sort").replace("50", "99"))
    assert not none.pairs
    assert set(none.reasons.values()) == {"key_differs"}


def test_empty_keys_never_match(tmp_path: Path) -> None:
    found = run(tmp_path, [row("B1", 5, key="")], [row("T1", 5, key="")], '[[pass]]\nname = "one"\nkeys = ["key"]\n')
    assert not found.pairs
    assert "key is empty" in found.breaks[0]["note"]


def test_a_component_over_the_bound_is_given_up_and_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from settlement.reconcile import pairs

    monkeypatch.setattr(pairs, "_MOST_CANDIDATES", 3)
    left = [row(f"B{at}", 5) for at in range(2)] + [row("B9", 7, key="L")]
    right = [row(f"T{at}", 6) for at in range(2)] + [row("T9", 7, key="L")]
    rules = '[[pass]]\nname = "one"\nkeys = ["key"]\namount = { rule = "within", minor = 5 }\n'
    found = run(tmp_path, left, right, rules)
    assert found.pairs == {("B9", "T9")}
    assert found.reasons["B0"] == "held_ambiguous"
    assert "gave up" in found.breaks[0]["note"]
    assert found.summary["passes"][0]["given_up_left_rows"] == 2


def test_portions_do_not_change_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from settlement.reconcile import candidates

    left = [row(f"B{at}", at % 7, key=str(at % 5)) for at in range(40)]
    right = [row(f"T{at}", at % 6, key=str(at % 5)) for at in range(40)]
    rules = '[[pass]]\nname = "one"\nkeys = ["key"]\namount = { rule = "within", minor = 2 }\n'
    rules += 'ambiguity = "hold_unless_only"\n'
    whole = run(tmp_path, left, right, rules)
    monkeypatch.setattr(candidates, "_AT_ONCE", 10)
    again = run(tmp_path, left, right, rules)
    assert (again.matches, again.breaks) == (whole.matches, whole.breaks)
