"""Several runs into one folder at once: it holds the whole outputs of one of them, and nothing is left beside it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from random_cases import examples
from reconcile_runs import HEAD, row, write_csv

from settlement.reconcile import write
from settlement.reconcile.write import SUMMARY, partial_outputs

SCRIPT = Path(__file__).with_name("matching_at_once.py")
PASS = '[[pass]]\nname = "one"\nkeys = ["key"]\n'
RULES = {
    "equal": HEAD + PASS,
    "near": HEAD + PASS + 'amount = { rule = "within", minor = 5 }\n',
    "held": HEAD + PASS + 'amount = { rule = "within", minor = 9 }\nambiguity = "hold_unless_only"\n',
    "sums": HEAD + PASS + 'cardinality = ["1:N"]\n',
}
ROUNDS = examples(14)
ENDED = {"code": 0, "said": "read ...\nmatch ...\nwrite ...\n"}


@contextmanager
def _matchers(count: int) -> Iterator[list[subprocess.Popen[str]]]:
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    started = [subprocess.Popen([sys.executable, str(SCRIPT)], **pipes) for _ in range(count)]
    try:
        yield started
    finally:
        for one in started:
            one.communicate(timeout=60)


def _run(matchers: list[subprocess.Popen[str]], folder: Path, rules: Sequence[str], outs: Sequence[Path]) -> list[Any]:
    """How each run ends, where all of them move their outputs at one moment."""
    for matcher, name, out in zip(matchers, rules, outs, strict=True):
        files = (folder / "left.csv", folder / "right.csv", "--rules", folder / f"{name}.toml", "--out", out)
        _say(matcher, json.dumps([str(word) for word in files]))
    assert [_heard(matcher) for matcher in matchers] == ["moves\n"] * len(matchers)
    moment = time.monotonic() + 0.002
    for matcher in matchers:
        _say(matcher, str(moment))
    return [json.loads(_heard(matcher)) for matcher in matchers]


def _say(matcher: subprocess.Popen[str], line: str) -> None:
    assert matcher.stdin is not None
    matcher.stdin.write(line + "\n")
    matcher.stdin.flush()


def _heard(matcher: subprocess.Popen[str]) -> str:
    assert matcher.stdout is not None
    return matcher.stdout.readline()


def _content(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir()}


def test_two_processes_into_one_folder(tmp_path: Path) -> None:
    write_csv(tmp_path / "left.csv", [row(f"B{at}", 100 + at, key=f"K{at % 5}") for at in range(30)])
    write_csv(tmp_path / "right.csv", [row(f"T{at}", 100 + at + at % 3, key=f"K{at % 5}") for at in range(30)])
    for name, rules in RULES.items():
        (tmp_path / f"{name}.toml").write_text(rules, encoding="utf-8")
    names = list(RULES)
    with _matchers(2) as matchers:
        alone = {}
        for name in names:
            assert _run(matchers[:1], tmp_path, [name], [tmp_path / name]) == [ENDED]
            alone[name] = _content(tmp_path / name)
        assert len({content[SUMMARY] for content in alone.values()}) == len(RULES)
        won, out = set(), tmp_path / "out"
        for number in range(ROUNDS):
            both = (names[number % len(names)], names[(number // len(names) + number + 1) % len(names)])
            if number % 2:  # Where no outputs stand, too.
                shutil.rmtree(out)
            assert _run(matchers, tmp_path, both, (out, out)) == [ENDED] * 2, number
            standing = _content(out)
            won |= {place for place, name in enumerate(both) if standing == alone[name]}
            assert standing in [alone[name] for name in both], number
            assert list(tmp_path.glob(".out*")) == []
    assert won == {0, 1}


def _outputs(folder: Path, name: str) -> Path:
    folder.mkdir()
    (folder / SUMMARY).write_text(name, encoding="utf-8")
    return folder


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_outputs_that_come_in_between_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int, *, before: bool
) -> None:
    """Another run moves its outputs in just before each of the first moves of this one."""
    out, seen, rename = tmp_path / "out", list[int](), Path.rename
    if before:
        _outputs(out, "before")

    def told(path: Path, target: Path) -> Path:
        if target == out and len(seen) < times:
            seen.append(1)
            rename(_outputs(tmp_path / "other", "other"), out)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", told)
    with partial_outputs(out) as partial:
        (partial / SUMMARY).write_text("mine", encoding="utf-8")
    assert len(seen) == times
    assert (out / SUMMARY).read_text(encoding="utf-8") == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def _taken_away(out: Path, rename: Callable[[Path, Path], Path]) -> None:
    if out.exists():
        rename(out, out.with_name("elsewhere"))


def test_a_folder_that_another_run_moves_away_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run has moved the outputs away when this one looks into them, and again when it would move them."""
    out, rename, listed = _outputs(tmp_path / "out", "before"), Path.rename, Path.iterdir

    def told_rename(path: Path, target: Path) -> Path:
        if path == out:
            _taken_away(out, rename)
        return rename(path, target)

    def told_listed(path: Path) -> Iterator[Path]:
        if path == out:
            rename(out, tmp_path / "away")
            try:
                return iter(list(listed(path)))
            finally:
                rename(tmp_path / "away", out)
        return listed(path)

    monkeypatch.setattr(Path, "rename", told_rename)
    monkeypatch.setattr(Path, "iterdir", told_listed)
    with partial_outputs(out) as partial:
        (partial / SUMMARY).write_text("mine", encoding="utf-8")
    monkeypatch.undo()
    assert (out / SUMMARY).read_text(encoding="utf-8") == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "out"]


def test_what_a_killed_run_left_is_tidied_by_two_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    out, rename = tmp_path / "out", Path.rename
    left = _outputs(tmp_path / f".out.{gone.pid}.earlier", "before")
    (tmp_path / f".out.{gone.pid}.partial").mkdir()

    def told(path: Path, target: Path) -> Path:
        if path == left:
            rename(left, out)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", told)
    write._tidy(out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (out / SUMMARY).read_text(encoding="utf-8") == "before"
