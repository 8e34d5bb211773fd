"""Bounded memory: buckets, batches and ranges change nothing in what is written, and what cannot be parted is told."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from random_cases import examples
from random_rules import random_rules
from reconcile_runs import HEAD, Run, row, run, run_files, write_csv

from settlement.errors import TerminalError
from settlement.reconcile import batches, closing, kept, ordered
from settlement.reconcile.phases import phases
from settlement.reconcile.plan import Plan, planned, read_bytes
from settlement.reconcile.run import load_rules, match_files
from settlement.reconcile.spill import Spill
from settlement.reconcile.streamed import match_streamed
from settlement.reconcile.write import partial_outputs

PAIRS = """
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
name = "held"
keys = ["key"]
days = 3
ambiguity = "hold"

[[pass]]
name = "over"
keys = ["key"]
amount = { rule = "within", left_may_exceed = { step_minor = 20, most_steps = 2 } }
ambiguity = "hold_unless_only"

[[pass]]
name = "converted"
keys = ["key"]
amount = { rule = "converted", minor = 1 }
business_days = 3
"""
SUMS = """
[[right.net]]
name = "voids"
keys = ["key", "till"]
days = 1

[[pass]]
name = "pairs"
keys = ["key", "till"]
ambiguity = "hold"
left_only = { till = ["1", ""] }

[[pass]]
name = "near"
keys = ["key"]
amount = { rule = "within", minor = 3, bps = 2000, bound = "smaller" }
days = 2
date_order = "left_first"

[[pass]]
name = "sums"
keys = ["key", "till"]
cardinality = ["1:N", "N:1"]
search = { most_members = 3, most_candidates = 10 }
"""
FILES = ("summary.json", "matches.csv", "breaks.csv")


def _rows(rnd: random.Random, name: str) -> list[dict[str, Any]]:
    made = [
        row(
            f"{name}{at:03d}",
            rnd.choice([-10, -5, 3, 4, 5, 5, 10, 10, 11, 25, 30, 45]),
            key=rnd.choice(["A", "B", "C", "D", "E", ""]),
            till=rnd.choice(["1", "2", ""]),
            date=f"2024-03-0{rnd.randint(1, 6)}",
            ccy=rnd.choice(["USD", "USD", "USD", "EUR"]),
        )
        for at in range(rnd.randint(1, 50))
    ]
    made.append(row(f"{name}usd", 7, key="only", till=name, ccy="USD"))
    return rnd.sample(made, len(made)) if rnd.random() < 0.5 else made


def _streamed(whole: Run, plan: Plan) -> Path:
    folder = whole.out.parent
    rules = load_rules(folder / "rules.toml")
    with partial_outputs(folder / "parts") as partial:
        match_streamed(rules, (folder / "left.csv", folder / "right.csv"), plan, partial, lambda *_: None)
    return folder / "parts"


def _plan(folder: Path, buckets: int, batch: int) -> Plan:
    return Plan(phases=phases(load_rules(folder / "rules.toml")), buckets=buckets, batch=batch, room=2**30)


@pytest.mark.parametrize("passes", [PAIRS, SUMS], ids=["pairs", "sums"])
@pytest.mark.parametrize("seed", range(examples(6)))
def test_parts_give_the_same_bytes_as_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passes: str, seed: int
) -> None:
    rnd = random.Random(seed)
    whole = run(tmp_path, _rows(rnd, "B"), _rows(rnd, "T"), passes)
    monkeypatch.setattr(batches, "_BLOCK", rnd.choice([40, 300, 10**6]))
    monkeypatch.setattr(ordered, "_ROWS", rnd.choice([2, 5, 1000]))
    monkeypatch.setattr(kept, "_RANGE", rnd.choice([3, 10, 1000]))
    plan = _plan(tmp_path, rnd.choice([1, 3, 7]), 4)
    assert len(plan.phases) == 1
    _require_same(_streamed(whole, plan), whole.out)


def _require_same(out: Path, whole: Path) -> None:
    assert [(out / name).read_text() for name in FILES] == [(whole / name).read_text() for name in FILES]
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in whole.iterdir())
    for name in ("matches", "breaks"):
        tables = [pl.read_parquet(folder / f"{name}.parquet") for folder in (out, whole)]
        assert tables[0].equals(tables[1])
        assert tables[0].schema == tables[1].schema


def _two_sides(rnd: random.Random) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of which many stand on both sides, some twice, some with one thing changed."""
    words: dict[str, list[Any]] = {
        "amount": [-10, -5, 3, 4, 5, 5, 10, 10, 11, 25, 30, 45],
        "key": ["A", "B", "C", ""],
        "till": ["1", "2", ""],
        "shop": ["x", "y", "z", ""],
        "note": ["coffee", "cofee", "tea", "green tea", ""],
        "date": [f"2024-03-0{day}" for day in range(1, 7)],
        "ccy": ["USD", "USD", "USD", "EUR"],
    }
    made = [{word: rnd.choice(some) for word, some in words.items()} for _ in range(rnd.choice([3, 10, 30]))]
    sides = []
    for name in "BT":
        rows = [dict(one) for one in made for _ in range(rnd.choice([0, 1, 1, 1, 2]))]
        for one in rnd.sample(rows, len(rows) // 2):
            word = rnd.choice(list(words))
            one[word] = rnd.choice(words[word])
        rows.append({word: some[0] for word, some in words.items()})
        told = [row(f"{name}{at:03d}", **one) for at, one in enumerate(rows)]
        sides.append(rnd.sample(told, len(told)) if rnd.random() < 0.5 else told)
    return sides[0], sides[1]


@pytest.mark.parametrize("seed", range(examples(12)))
def test_phases_give_the_same_bytes_as_the_whole_for_any_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rnd = random.Random(seed)
    whole = run(tmp_path, *_two_sides(rnd), random_rules(rnd))
    monkeypatch.setattr(ordered, "_ROWS", rnd.choice([2, 5, 1000]))
    monkeypatch.setattr(kept, "_RANGE", rnd.choice([3, 10, 1000]))
    monkeypatch.setattr(closing, "_SIEVE_BITS", rnd.choice([2**8, 2**20]))
    _require_same(_streamed(whole, _plan(tmp_path, rnd.choice([1, 3, 7]), 4)), whole.out)


@pytest.mark.parametrize("kind", ["parquet", "arrow", "arrows", "csv", "tsv", "cp1252"])
def test_every_kind_of_file_comes_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    frame = pl.DataFrame([row(f"B{at}", at, key=f"é{at}", shop=f'a, "b"\n{at}') for at in range(9)])
    path = tmp_path / f"left.{'csv' if kind == 'cp1252' else kind}"
    match kind:
        case "parquet":
            frame.write_parquet(path, row_group_size=2)
        case "arrow":
            frame.write_ipc(path, record_batch_size=2)
        case "arrows":
            frame.write_ipc_stream(path)
        case _:
            text = frame.write_csv(separator="\t" if kind == "tsv" else ",")
            path.write_bytes(text.encode("cp1252" if kind == "cp1252" else "utf-8"))
    head = HEAD if kind != "cp1252" else HEAD.replace('id = "id"', 'id = "id"\nencoding = "cp1252"', 1)
    (tmp_path / "rules.toml").write_text(head + '[[pass]]\nname = "one"\nkeys = ["key", "shop"]\n', encoding="utf-8")
    side = load_rules(tmp_path / "rules.toml").left
    monkeypatch.setattr(batches, "_BLOCK", 30)
    found = list(batches.read_batches(path, side, ["id", "shop", "key", "amount"], frozenset(), rows=4))
    told = pl.concat([part.with_columns(pl.col("amount").cast(pl.Int64)) for part in found])
    assert told.equals(frame.select("id", "shop", "key", "amount"))
    assert len(found) > 1


def test_a_command_within_memory_gives_the_same_bytes(tmp_path: Path) -> None:
    rows = [row(f"{at:06d}", at % 977, key=str(at // 3), note="x" * 300) for at in range(60_000)]
    frame = pl.DataFrame(rows)
    for name, some in (("left", frame), ("right", frame.filter(pl.col("amount") % 50 != 7))):
        some.write_parquet(tmp_path / f"{name}.parquet")
    rules = '[[pass]]\nname = "one"\nkeys = ["key", "note"]\n[[pass]]\nname = "two"\nkeys = ["key"]\ndays = 1\n'
    (tmp_path / "rules.toml").write_text(HEAD + rules, encoding="utf-8")
    files = (tmp_path / "left.parquet", tmp_path / "right.parquet", tmp_path / "rules.toml")
    whole = run_files(*files, tmp_path / "out")
    assert planned(load_rules(files[2]), *files[:2], read_bytes("304MB")) is not None
    match_files(*files, tmp_path / "parts", lambda *_: None, memory=read_bytes("304MB"))
    assert [(tmp_path / "parts" / name).read_bytes() for name in FILES] == [
        (whole.out / name).read_bytes() for name in FILES
    ]


def test_an_id_that_stands_twice_is_told_as_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["B3", "B1", "B2", "B9", "B1", "B3"]
    left = write_csv(tmp_path / "left.csv", [row(name, 5) for name in names])
    right = write_csv(tmp_path / "right.csv", [row("T1", 5)])
    rules = tmp_path / "rules.toml"
    rules.write_text(HEAD + '[[pass]]\nname = "one"\nkeys = ["key"]\n', encoding="utf-8")
    monkeypatch.setattr(ordered, "_ROWS", 2)
    with pytest.raises(TerminalError) as whole:
        run_files(left, right, rules, tmp_path / "out")
    plan = _plan(tmp_path, 3, 2)
    with pytest.raises(TerminalError) as parts, partial_outputs(tmp_path / "out") as partial:
        match_streamed(load_rules(rules), (left, right), plan, partial, lambda *_: None)
    assert str(parts.value) == str(whole.value)
    assert "rows 1 and 6 have one id, 'B3'" in str(parts.value)
    assert not (tmp_path / "out").exists()


def test_a_wrong_row_is_told_with_its_number_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(f"B{at}", at) for at in range(8)]
    rows[6]["amount"] = "five"
    left = write_csv(tmp_path / "left.csv", [{name: str(value) for name, value in one.items()} for one in rows])
    right = write_csv(tmp_path / "right.csv", [row("T1", 5)])
    rules = tmp_path / "rules.toml"
    rules.write_text(HEAD + '[[pass]]\nname = "one"\nkeys = ["key"]\n', encoding="utf-8")
    monkeypatch.setattr(batches, "_BLOCK", 60)
    plan = _plan(tmp_path, 2, 2)
    with (
        pytest.raises(TerminalError, match=r"left\.csv, row 7, column `amount`: 'five' is no amount"),
        partial_outputs(tmp_path / "out") as partial,
    ):
        match_streamed(load_rules(rules), (left, right), plan, partial, lambda *_: None)
    assert not (tmp_path / "out").exists()


def test_a_first_pass_without_a_key_runs_where_the_files_fit_and_is_refused_where_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, [row("B1", 5)], [row("T1", 5)], '[[pass]]\nname = "one"\ndays = 1\n')
    rules = load_rules(tmp_path / "rules.toml")
    files = (tmp_path / "left.csv", tmp_path / "right.csv")
    assert planned(rules, *files, read_bytes("2GB")) is None
    monkeypatch.setattr("settlement.reconcile.plan._FACTOR", 10**9)
    with pytest.raises(TerminalError, match="pass `one` has no key to part them by: give more --memory, or add a key"):
        planned(rules, *files, read_bytes("2GB"))


def test_a_later_pass_without_a_key_takes_what_fits_and_is_refused_where_it_does_not(tmp_path: Path) -> None:
    passes = '[[pass]]\nname = "one"\nkeys = ["key"]\n[[pass]]\nname = "by_amount"\ndays = 1\n'
    left = [row(f"B{at}", 5, key=str(at)) for at in range(50)]
    right = [row(f"T{at}", 5, key=str(at) if at else "other") for at in range(50)]
    whole = run(tmp_path, left, right, passes)
    assert whole.summary["passes"][1]["matches"] == 1
    plan = _plan(tmp_path, 3, 10)
    _require_same(_streamed(whole, replace(plan, room=2**14)), whole.out)
    shutil.rmtree(tmp_path / "parts")
    with pytest.raises(TerminalError, match="Pass `by_amount` has no key, and the rows that are open before it take"):
        _streamed(whole, replace(plan, room=100))
    assert not (tmp_path / "parts").exists()


@pytest.mark.parametrize(
    ("passes", "told"),
    [
        ([["key", "till"], ["key"], ["till", "key"]], [("key", (0, 1, 2))]),
        ([["key", "till"], ["till"], ["key"], ["key", "shop"], []], [("till", (0, 1)), ("key", (2, 3)), ("", (4,))]),
        ([[], [], ["key"]], [("", (0, 1)), ("key", (2,))]),
    ],
)
def test_phases_are_runs_of_passes_that_share_a_key(
    tmp_path: Path, passes: list[list[str]], told: list[tuple[str, tuple[int, ...]]]
) -> None:
    text = "".join(f'[[pass]]\nname = "p{at}"\nkeys = {keys}\n' for at, keys in enumerate(passes))
    (tmp_path / "rules.toml").write_text(HEAD + text, encoding="utf-8")
    found = phases(load_rules(tmp_path / "rules.toml"))
    assert [(" ".join(one.left or ()), tuple(one.passes)) for one in found] == told


def test_nettings_join_the_first_passes_or_come_before_them(tmp_path: Path) -> None:
    net = '[[{side}.net]]\nname = "{name}"\nkeys = {keys}\ndays = 1\n'
    nets = [("left", "a", ["shop"]), ("left", "b", ["till", "shop"]), ("left", "c", ["key"]), ("right", "d", ["key"])]
    text = "".join(net.format(side=side, name=name, keys=keys) for side, name, keys in nets)
    (tmp_path / "rules.toml").write_text(HEAD + text + '[[pass]]\nname = "p"\nkeys = ["key", "till"]\n', "utf-8")
    first, second, last = phases(load_rules(tmp_path / "rules.toml"))
    assert (first.left, first.right, tuple(first.left_nets)) == (("shop",), None, (0, 1))
    assert (second.left, second.right, tuple(second.left_nets)) == (("key",), None, (2,))
    assert (last.left, last.right, tuple(last.right_nets), tuple(last.passes)) == (("key",), ("key",), (0,), (0,))


@pytest.mark.parametrize(
    ("text", "size"),
    [("384MB", 384_000_000), ("2GB", 2_000_000_000), ("1.5GiB", 3 * 2**29), ("400000 kb", 400_000_000)],
)
def test_sizes(text: str, size: int) -> None:
    assert read_bytes(text) == size


@pytest.mark.parametrize("text", ["", "two", "-1GB", "1,5GB", "10TB", "100MB", "12"])
def test_what_is_no_size_is_told(text: str) -> None:
    with pytest.raises(TerminalError, match="--memory"):
        read_bytes(text)


def test_an_open_quotation_mark_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "left.csv"
    path.write_text('id,amount\n"B1,5\n' + "B2,6\n" * 100, encoding="utf-8")
    monkeypatch.setattr(batches, "_BLOCK", 16)
    monkeypatch.setattr(batches, "_MOST_OF_A_LINE", 64)
    (tmp_path / "rules.toml").write_text(HEAD + '[[pass]]\nname = "one"\nkeys = ["key"]\n', encoding="utf-8")
    side = load_rules(tmp_path / "rules.toml").left
    with pytest.raises(TerminalError, match="close the quotation mark that is open"):
        list(batches.read_batches(path, side, ["id"], frozenset(), rows=4))


def test_a_bucket_gives_its_rows_back_in_order_and_once(tmp_path: Path) -> None:
    spill = Spill.at(tmp_path / "rows", 3)
    rows = pl.DataFrame({"at": range(10), "text": [f"row {at}" if at % 4 else None for at in range(10)]})
    for some in (rows[:6], rows[6:]):
        spill.add(some, some["at"].to_numpy() % 3)
    assert [spill.take(bucket).rows() for bucket in range(3)] == [rows[bucket::3].rows() for bucket in range(3)]
    assert [spill.take(bucket) for bucket in range(3)] == [None] * 3
