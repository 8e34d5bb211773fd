"""Two small files and rules for them: written, matched and read back."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from settlement.reconcile.run import match_files

HEAD = """
[left]
name = "bank"
id = "id"
[left.amount]
column = "amount"
unit = "minor"
currency_column = "ccy"
[left.date]
column = "date"

[right]
name = "till"
id = "id"
[right.amount]
column = "amount"
unit = "minor"
currency_column = "ccy"
[right.date]
column = "date"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run has written."""

    out: Path
    summary: dict[str, Any]
    matches: list[dict[str, str]]
    breaks: list[dict[str, str]]

    @property
    def pairs(self) -> set[tuple[str, str]]:
        return {(one["left_id"], one["right_id"]) for one in self.matches}

    @property
    def notes(self) -> dict[str, str]:
        return {one["id"]: one["note"] for one in self.breaks}

    @property
    def reasons(self) -> dict[str, str]:
        return {one["id"]: one["reason"] for one in self.breaks}


def row(
    name: str, amount: int, key: str = "K", date: str = "2024-03-01", ccy: str = "USD", **more: str
) -> dict[str, Any]:
    return {"id": name, "amount": amount, "key": key, "date": date, "ccy": ccy, **more}


def write_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    pl.DataFrame(rows, infer_schema_length=None).write_csv(path)
    return path


def run(folder: Path, left: list[dict[str, Any]], right: list[dict[str, Any]], passes: str, *, head: str = HEAD) -> Run:
    """Match two lists of rows by the head and some passes."""
    ours, theirs = write_csv(folder / "left.csv", left), write_csv(folder / "right.csv", right)
    (folder / "rules.toml").write_text(head + passes, encoding="utf-8")
    return run_files(ours, theirs, folder / "rules.toml", folder / "out")


def night(
    folder: Path,
    day: str,
    left: list[dict[str, Any]],
    right: list[dict[str, Any]],
    passes: str,
    *,
    carry: Path | None = None,
    head: str = HEAD,
) -> Run:
    """Match two lists of rows as the run of a day, in a folder of that day, with what an earlier run has left."""
    place = folder / day
    place.mkdir()
    ours, theirs = write_csv(place / "left.csv", left), write_csv(place / "right.csv", right)
    (place / "rules.toml").write_text(head + passes, encoding="utf-8")
    return run_files(ours, theirs, place / "rules.toml", place / "out", carry=carry, as_of=date.fromisoformat(day))


def run_files(
    left: Path, right: Path, rules: Path, out: Path, *, carry: Path | None = None, as_of: date | None = None
) -> Run:
    match_files(left, right, rules, out, lambda _stage, _done, _total: None, carry=carry, as_of=as_of)
    return Run(
        out=out,
        summary=json.loads((out / "summary.json").read_text(encoding="utf-8")),
        matches=_rows(out / "matches.csv"),
        breaks=_rows(out / "breaks.csv"),
    )


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
