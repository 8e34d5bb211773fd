"""Small readers of the sample's files that share nothing with its writers or with the product's parsers."""

from __future__ import annotations

import copy
import csv
from pathlib import Path
from typing import Any

from cardutil.config import config
from cardutil.mciipm import IpmReader

TCR = 168


def truth(folder: Path, night: str, name: str) -> list[dict[str, str]]:
    with (folder / "truth" / night / f"{name}.csv").open(encoding="utf-8", newline="") as reader:
        return list(csv.DictReader(reader))


def nights_of(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in folder.iterdir() if path.name != "truth"))


def accepted(folder: Path, start: str) -> list[Path]:
    rows = [row for night in nights_of(folder) for row in truth(folder, night, "files")]
    return [
        folder / row["file"]
        for row in rows
        if row["fate"] == "accepted" and row["file"].split("/")[1].startswith(start)
    ]


def messages(path: Path) -> list[dict[str, Any]]:
    """The messages of an IPM file as cardutil reads them; impossible dates stay text."""
    adapted = copy.deepcopy(config["bit_config"])
    adapted["12"].pop("field_python_type", None)
    with path.open("rb") as reader:
        return list(IpmReader(reader, encoding="cp500", blocked=True, iso_config=adapted))


def tcrs(path: Path) -> list[str]:
    content = path.read_bytes().decode("ascii")
    if "\n" in content:
        return content.removesuffix("\n").split("\n")
    return [content[start : start + TCR] for start in range(0, len(content), TCR)]


def luhn(number: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0
