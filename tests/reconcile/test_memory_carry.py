"""Rows with ages in bounded memory: a chain of runs in parts gives the same bytes, and so does each run of it."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from random_cases import examples
from random_rules import random_rules
from reconcile_runs import night, row

from settlement.errors import TerminalError
from settlement.reconcile import carryfolder, closing, kept, ordered
from settlement.reconcile import plan as plans
from settlement.reconcile.carry import begin
from settlement.reconcile.phases import phases
from settlement.reconcile.plan import Plan, planned, read_bytes
from settlement.reconcile.run import load_rules
from settlement.reconcile.streamed import match_streamed
from settlement.reconcile.write import partial_outputs

NIGHTS = ("2024-03-02", "2024-03-03", "2024-03-05")
FILES = ("summary.json", "matches.csv", "breaks.csv", "carry.json", "open.parquet", "taken.parquet")


def _nights(rnd: random.Random) -> list[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """Rows of which many stand on both sides; later nights take some of the earlier ones back."""
    nights, known = [], list[dict[str, Any]]()
    for at, day in enumerate(NIGHTS):
        made = [
            {
                "amount": rnd.choice([5, 5, 10, 10, 11, 25]),
                "key": rnd.choice(["A", "B", "C", ""]),
                "date": f"{day[:8]}0{rnd.randint(max(1, int(day[-1]) - 2), int(day[-1]))}",
                "till": rnd.choice(["1", "2", ""]),
                "shop": rnd.choice(["x", "y", ""]),
                "note": rnd.choice(["coffee", "cofee", "tea", ""]),
                "ccy": rnd.choice(["USD", "USD", "USD", "EUR"]),
            }
            for _ in range(rnd.choice([2, 8, 14]))
        ]
        back = [one | {"amount": -one["amount"], "date": day} for one in rnd.sample(known, min(len(known), 6))]
        last = {"amount": 7, "key": "only", "date": day, "till": "3", "shop": "x", "note": "tea", "ccy": "USD"}
        sides = []
        for name in "BT":
            some = [one for one in (*made, *back) if rnd.random() < 0.8]
            told = [row(f"{name}{at}{number:02d}", **one) for number, one in enumerate([*some, last])]
            sides.append(rnd.sample(told, len(told)) if rnd.random() < 0.5 else told)
        nights.append((sides[0], sides[1]))
        known += made
    return nights


def _streamed(place: Path, plan: Plan, carry: Path | None) -> Path:
    rules = load_rules(place / "rules.toml")
    day = date.fromisoformat(place.name)
    run = begin(rules, "rules.toml", carry=carry, as_of=day, out=place / "parts")
    with partial_outputs(place / "parts") as partial:
        files = (place / "left.csv", place / "right.csv")
        match_streamed(rules, files, plan, partial, lambda *_: None, run=run)
    return place / "parts"


def _plan(rules: Path, buckets: int) -> Plan:
    return Plan(phases=phases(load_rules(rules)), buckets=buckets, batch=4, room=2**30)


@pytest.mark.parametrize("seed", range(examples(6)))
def test_a_chain_in_parts_gives_the_same_bytes_for_any_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rnd = random.Random(seed)
    rules = random_rules(rnd, carry=True)
    monkeypatch.setattr(ordered, "_ROWS", rnd.choice([2, 5, 1000]))
    monkeypatch.setattr(kept, "_RANGE", rnd.choice([3, 10, 1000]))
    monkeypatch.setattr(closing, "_SIEVE_BITS", rnd.choice([2**8, 2**20]))
    monkeypatch.setattr(carryfolder, "_ROWS", rnd.choice([2, 7, 1000]))
    carry, buckets = None, rnd.choice([1, 3, 7])
    for day, (left, right) in zip(NIGHTS, _nights(rnd), strict=True):
        whole = night(tmp_path, day, left, right, rules, carry=carry)
        parts = _streamed(tmp_path / day, _plan(tmp_path / day / "rules.toml", buckets), carry)
        for name in FILES:
            assert (parts / name).read_bytes() == (whole.out / name).read_bytes(), name
        carry = parts


def test_what_earlier_runs_left_counts_where_a_run_is_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = '[[pass]]\nname = "one"\nkeys = ["key"]\n[carry]\n'
    first = night(tmp_path, "2024-03-01", [row(f"B{at}", 5) for at in range(9)], [row("T1", 6)], rules)
    night(tmp_path, "2024-03-02", [row("B9", 7)], [row("T2", 6)], rules)
    place = tmp_path / "2024-03-02"
    known, files = load_rules(place / "rules.toml"), (place / "left.csv", place / "right.csv")
    run = begin(known, "rules.toml", carry=first.out, as_of=date(2024, 3, 2), out=tmp_path / "parts")
    # Twice the rows of tonight would fit, and five times as many are carried.
    free = read_bytes("600MB") - plans._RESIDENT
    size = sum(plans._size(known, which, path, None) for which, path in zip(("left", "right"), files, strict=True))
    monkeypatch.setattr(plans, "_CARRIED_FACTOR", free // (2 * size))
    assert planned(known, *files, read_bytes("600MB")) is None
    plan = planned(known, *files, read_bytes("600MB"), run)
    assert plan is not None
    assert plan.buckets > 1


def test_an_id_that_comes_again_is_refused_in_parts(tmp_path: Path) -> None:
    rules = '[[pass]]\nname = "one"\nkeys = ["key"]\n[carry]\n'
    first = night(tmp_path, "2024-03-01", [row("B1", 5), row("B2", 5)], [row("T1", 6)], rules)
    rows = [row(f"B{at}", 7) for at in (3, 4, 5, 6, 2)]
    night(tmp_path, "2024-03-02", rows, [row("T2", 6)], rules)
    with pytest.raises(TerminalError, match="id 'B2' stands open since 2024-03-01 and comes again"):
        _streamed(tmp_path / "2024-03-02", _plan(tmp_path / "2024-03-02" / "rules.toml", 3), first.out)
    assert not (tmp_path / "2024-03-02" / "parts").exists()
