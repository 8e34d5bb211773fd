"""A run that is stopped at any point: nothing looks whole that is not, what stood before stands, it can run anew."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from random_cases import nightly
from reconcile_runs import HEAD, row, write_csv

SCRIPT = Path(__file__).with_name("killed_match.py")
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


def _command(folder: Path, name: str, point: str, parts: int, *more: str) -> list[str]:
    files = (str(folder / "left.csv"), str(folder / "right.csv"))
    named = ("--rules", str(folder / "rules.toml"), "--out", str(folder / "out"))
    memory = ("--memory", "400MB") if parts else ()
    return [sys.executable, str(SCRIPT), name, point, str(parts), *files, *named, *memory, *more]


def _run(folder: Path, name: str, point: str, parts: int, *more: str) -> subprocess.CompletedProcess[str]:
    command = _command(folder, name, point, parts, *more)
    return subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))


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
    assert _run(tmp_path, "SIGKILL", "progress-0", parts, *more).returncode == 0
    before = _content(tmp_path / "out")
    _files(tmp_path, 2, rules)
    for point in points:
        done = _run(tmp_path, "SIGKILL", point, parts, *more)
        assert done.returncode == -signal.SIGKILL, done.stderr
        # Between the two moves alone the folder is away; the next run brings it back before it does anything else.
        standing = [path for path in (tmp_path / "out", *tmp_path.glob(".out.*.earlier")) if path.exists()]
        assert [_content(path) for path in standing] == [before], point
    finished = _run(tmp_path, "SIGKILL", "progress-0", parts, *more)
    assert finished.returncode == 0, finished.stderr
    after = _content(tmp_path / "out")
    assert after["summary.json"] != before["summary.json"]
    assert list(tmp_path.glob(".out*")) == []
    (tmp_path / "anew").mkdir()
    _files(tmp_path / "anew", 2, rules)
    assert _run(tmp_path / "anew", "SIGKILL", "progress-0", parts, *more).returncode == 0
    assert _content(tmp_path / "anew" / "out") == after


@pytest.mark.parametrize("parts", [0, 5])
def test_an_interrupt_is_one_sentence_and_leaves_nothing(tmp_path: Path, parts: int) -> None:
    _files(tmp_path, 2, HEAD + PASSES)
    done = _run(tmp_path, "SIGINT", "progress-3", parts)
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == "settle: Stopped. Nothing was published half: run the same command again."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["left.csv", "right.csv", "rules.toml"]
