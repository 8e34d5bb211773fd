"""Where the outsider's acceptance nights lie, when they are there: real-format files with their truth."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest


def nights_dir() -> Path:
    """The acceptance nights: ``SETTLEMENT_NIGHTS``, else ``shared/nights`` beside the checkout; skips without."""
    named = os.environ.get("SETTLEMENT_NIGHTS")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "nights"
    if not (folder / "truth").is_dir():
        pytest.skip(f"the acceptance nights are not at {folder}: set SETTLEMENT_NIGHTS to their folder")
    return folder


def truth(night: str, name: str) -> list[dict[str, str]]:
    """The rows of one truth file of one night."""
    with (nights_dir() / "truth" / night / f"{name}.csv").open(encoding="utf-8", newline="") as reader:
        return list(csv.DictReader(reader))
