"""A run that is stopped at any point: nothing looks whole that is not, what stood before stands, it can run anew."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from random_cases import nightly
from reconcile import killed_match
from reconcile_runs import HEAD, row, write_csv
from warm_process import ended

PASSES = """
[[pass]]
name = "exact"
keys = ["key"]
days = 0

[[pass]]
name = "near"
keys = ["key"]
amount = { rule = "within", minor = 5 }
days = 2
"""
CARRY = "[carry]\nmost_days = 9\n"
MOVES = ["rename-1", "rename-2"]
POINTS = [*(f"progress-{number}" for number in range(1, 7)), *MOVES]


def _run(place: Path, name: str, point: str, parts: int, *more: str) -> tuple[int | None, str]:
    files = (str(place / "left.csv"), str(place / "right.csv"))
    named = ("--rules", str(place / "rules.toml"), "--out", str(place / "out"))
    memory = ("--memory", "400MB") if parts else ()
    said = place.parent / f"{place.name}.said"
    return ended(said, killed_match.main, name, point, str(parts), *files, *named, *memory, *more)


def _files(folder: Path, shift: int, rules: str) -> None:
    left = [row(f"B{number}", 100 + number, key=f"K{number % 7}") for number in range(40)]
    right = [row(f"T{number}", 100 + number + shift * (number % 3), key=f"K{number % 7}") for number in range(40)]
    write_csv(folder / "left.csv", left)
    write_csv(folder / "right.csv", right)
    (folder / "rules.toml").write_text(rules, encoding="utf-8")


def _content(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir()}


def _points(*some: str) -> list[str]:
    """Where a run is killed: at every point in the long run, else at some and between the moves of the outputs."""
    return POINTS if nightly() else [*some, *MOVES]


CASES = [
    pytest.param(0, HEAD + PASSES, (), _points("progress-3"), id="in memory"),
    pytest.param(5, HEAD + PASSES, (), _points("progress-2", "progress-5"), id="in parts"),
    pytest.param(
        0,
        CARRY + HEAD + PASSES,
        ("--as-of", "2024-03-02"),
        _points("progress-4"),
        id="with carry",
    ),
]


@pytest.mark.parametrize(("parts", "rules", "more", "points"), CASES)
def test_a_killed_run_leaves_the_outputs_before_it_and_hinders_no_other(
    tmp_path: Path, parts: int, rules: str, more: tuple[str, ...], points: list[str]
) -> None:
    _files(tmp_path, 0, rules)
    code, told = _run(tmp_path, "SIGKILL", "progress-0", parts, *more)
    assert code == 0, told
    before = _content(tmp_path / "out")
    _files(tmp_path, 2, rules)
    for point in points:
        code, told = _run(tmp_path, "SIGKILL", point, parts, *more)
        assert code == -signal.SIGKILL, told
        # Between the two moves alone the folder is away; the next run brings it back before it does anything else.
        standing = [path for path in (tmp_path / "out", *tmp_path.glob(".out.*.earlier")) if path.exists()]
        assert [_content(path) for path in standing] == [before], point
    code, told = _run(tmp_path, "SIGKILL", "progress-0", parts, *more)
    assert code == 0, told
    after = _content(tmp_path / "out")
    assert after["summary.json"] != before["summary.json"]
    assert list(tmp_path.glob(".out*")) == []
    (tmp_path / "anew").mkdir()
    _files(tmp_path / "anew", 2, rules)
    code, told = _run(tmp_path / "anew", "SIGKILL", "progress-0", parts, *more)
    assert code == 0, told
    assert _content(tmp_path / "anew" / "out") == after


@pytest.mark.parametrize("parts", [0, 5])
def test_an_interrupt_is_one_sentence_and_leaves_nothing(tmp_path: Path, parts: int) -> None:
    _files(tmp_path, 2, HEAD + PASSES)
    code, told = _run(tmp_path, "SIGINT", "progress-3", parts)
    assert code == 130
    assert told.splitlines()[-1] == "settle: Stopped. Nothing was published half: run the same command again."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["left.csv", "right.csv", "rules.toml"]
